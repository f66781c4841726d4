/* json.c - JSON in the midst of HTML. */
#include "config.h"
#include "json.h"
#include "report-name.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void
separate(struct json *json)
{
  if (json->comma)
    putc(',', json->out);
  json->comma = true;
}

void
json_begin(struct json *json, char bracket)
{
  separate(json);
  putc(bracket, json->out);
  json->comma = false;
}

void
json_end(struct json *json, char bracket)
{
  putc(bracket, json->out);
  json->comma = true;
}

void
json_key(struct json *json, const char *key)
{
  separate(json);
  fprintf(json->out, "\"%s\":", key);
  json->comma = false;
}

void
json_number(struct json *json, uint64_t number)
{
  separate(json);
  fprintf(json->out, "%" PRIu64, number);
}

/* Whatever the locale's decimal point is. */
void
json_float(struct json *json, double number)
{
  char text[64], *point;

  separate(json);
  snprintf(text, sizeof text, "%.9g", isfinite(number) ? number : 0.0);
  point = strchr(text, ',');
  if (point)
    *point = '.';
  fputs(text, json->out);
}

void
json_seconds(struct json *json, uint64_t nanoseconds)
{
  json_float(json, 1e-9 * (double)nanoseconds);
}

/* `text` is UTF-8. In HTML a script ends at "</script", and "<!--" changes what does: no '<' is left.
 * U+2028 and U+2029 would be ends of lines to some. */
static void
put_escaped(FILE *out, const char *text)
{
  const unsigned char *at = (const unsigned char *)text;

  putc('"', out);
  for (; *at; at++)
    if (*at < 0x20 || *at == 0x7f || strchr("\"\\<>&'", *at))
      fprintf(out, "\\u%04x", *at);
    else if (at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9)) {
      fprintf(out, "\\u20%02x", at[2] - 0x80);
      at += 2;
    } else
      putc(*at, out);
  putc('"', out);
}

/* UTF-8, and no longer than it may be. */
static char *
clean(const char *text)
{
  char *cut = strndup(text, JSON_TEXT), *good = cut ? report_name_clean(cut) : NULL;

  free(cut);
  return good;
}

void
json_name(struct json *json, const char *name)
{
  char *good = clean(name);

  separate(json);
  put_escaped(json->out, good ? good : "");
  if (!good)
    json->error = -ENOMEM;
  free(good);
}

void
json_hex(struct json *json, uint64_t number)
{
  separate(json);
  fprintf(json->out, "\"0x%" PRIx64 "\"", number);
}

static bool
same_text(const void *table, uint32_t position, const void *key)
{
  return strcmp(((char *const *)table)[position], key) == 0;
}

/* Its number, or REPORT_NOWHERE. */
static uint32_t
intern(struct json *json, const char *text)
{
  char *good = clean(text);
  uint32_t hash, position;

  if (!good) {
    json->error = -ENOMEM;
    return REPORT_NOWHERE;
  }
  if (json->texts_size + strlen(good) > JSON_TEXTS)
    *good = 0;   /* too much text: this one is left out */
  hash = report_hash_text(3, good);
  position = report_index_find(&json->by_text, hash, same_text, json->texts, good);
  if (position != REPORT_NOWHERE) {
    free(good);
    return position;
  }
  position = (uint32_t)json->texts_count;
  if (report_grow(&json->texts, json->texts_count + 1, &json->texts_room, sizeof(*json->texts))
      || report_index_add(&json->by_text, hash, position)) {
    json->error = -ENOMEM;
    free(good);
    return REPORT_NOWHERE;
  }
  json->texts_size += strlen(good) + 8;
  json->texts[json->texts_count++] = good;
  return position;
}

void
json_text(struct json *json, const char *text)
{
  uint32_t position = text ? intern(json, text) : REPORT_NOWHERE;

  separate(json);
  if (position == REPORT_NOWHERE)
    fputs("-1", json->out);
  else
    fprintf(json->out, "%" PRIu32, position);
}

void
json_texts(struct json *json)
{
  json_begin(json, '[');
  for (size_t i = 0; i < json->texts_count; i++) {
    separate(json);
    put_escaped(json->out, json->texts[i]);
  }
  json_end(json, ']');
}

void
json_free(struct json *json)
{
  for (size_t i = 0; i < json->texts_count; i++)
    free(json->texts[i]);
  free(json->texts);
  report_index_free(&json->by_text);
}
