/* report-name.c - names that come from outside, made fit for where they go. */
#include "config.h"
#include "report-name.h"

#include <langinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The length of the UTF-8 character at `text`, 0 if there is none; no
 * overlong forms, no surrogates, nothing past U+10FFFF (RFC 3629). */
static size_t
character(const char *text, uint32_t *code)
{
  const unsigned char *s = (const unsigned char *)text;
  static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
  size_t length, i;

  if (s[0] < 0x80) {
    *code = s[0];
    return 1;
  }
  if ((s[0] & 0xe0) == 0xc0) {
    length = 2;
    *code = s[0] & 0x1f;
  } else if ((s[0] & 0xf0) == 0xe0) {
    length = 3;
    *code = s[0] & 0x0f;
  } else if ((s[0] & 0xf8) == 0xf0) {
    length = 4;
    *code = s[0] & 0x07;
  } else {
    return 0;
  }
  for (i = 1; i < length; i++) {
    if ((s[i] & 0xc0) != 0x80)
      return 0;
    *code = *code << 6 | (s[i] & 0x3f);
  }
  if (*code < least[length] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
    return 0;
  return length;
}

char *
report_name_clean(const char *name)
{
  char *clean = malloc(3 * strlen(name) + 1), *to = clean;
  uint32_t code;

  if (!clean)
    return NULL;
  while (*name) {
    size_t length = character(name, &code);
    if (length) {
      memcpy(to, name, length);
      to += length;
      name += length;
    } else {
      memcpy(to, "\xef\xbf\xbd", 3);
      to += 3;
      name++;
    }
  }
  *to = 0;
  return clean;
}

/* Characters that reorder or hide what stands around them. */
static bool
is_treacherous(uint32_t code)
{
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f)
         || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff;
}

/* The next piece of `name` as a terminal may see it; its length in `name`. */
static size_t
piece(const char *name, bool utf8, char shown[static 20], size_t *columns)
{
  uint32_t code = 0;
  size_t length = character(name, &code), i;

  if (length && !is_treacherous(code) && (utf8 || code < 0x80)) {
    memcpy(shown, name, length);
    shown[length] = 0;
    *columns = 1;
    return length;
  }
  if (!length)
    length = 1;
  for (i = 0; i < length; i++)
    snprintf(shown + 4 * i, 5, "\\x%02x", (unsigned char)name[i]);
  *columns = 4 * length;
  return length;
}

size_t
report_name_columns(const char *name, bool utf8)
{
  char shown[20];
  size_t total = 0, columns;

  while (*name) {
    name += piece(name, utf8, shown, &columns);
    total += columns;
  }
  return total;
}

size_t
report_name_print(struct report_sink *sink, const char *name, size_t columns, bool utf8)
{
  bool cut = report_name_columns(name, utf8) > columns;
  size_t room = cut && columns > 2 ? columns - 2 : columns, used = 0, next;
  char shown[20];

  while (*name) {
    name += piece(name, utf8, shown, &next);
    if (used + next > room)
      break;
    report_puts(sink, shown);
    used += next;
  }
  if (cut && columns > 2) {
    report_puts(sink, "..");
    used += 2;
  }
  return used;
}

/* The columns of the word that begins here. */
static size_t
word_columns(const char *name, bool utf8)
{
  char shown[20];
  size_t total = 0, columns;

  while (*name && *name != ' ') {
    name += piece(name, utf8, shown, &columns);
    total += columns;
  }
  return total;
}

void
report_name_wrap(struct report_sink *sink, const char *name, size_t indent, size_t width, bool utf8)
{
  char shown[20];
  size_t used = indent, columns;

  while (*name) {
    if (*name == ' ' && name[1] && name[1] != ' ' && used + 1 + word_columns(name + 1, utf8) > width) {
      report_puts(sink, "\n");
      report_pad(sink, ' ', indent);
      used = indent;
      name++;
      continue;
    }
    name += piece(name, utf8, shown, &columns);
    report_puts(sink, shown);
    used += columns;
  }
}

/* The locale that the program has set, or, as a library must not set one, the
 * one that its environment asks for. */
bool
report_reads_utf8(void)
{
  static const char *const variables[] = { "LC_ALL", "LC_CTYPE", "LANG" };
  size_t i;

  if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
    return true;
  for (i = 0; i < 3; i++) {
    const char *value = getenv(variables[i]);
    if (value && *value)
      return strcasestr(value, "UTF-8") || strcasestr(value, "utf8");
  }
  return false;
}

const char *
report_name_base(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash && slash[1] ? slash + 1 : path;
}
