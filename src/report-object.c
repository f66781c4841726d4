/* report-object.c - JSON made and written a piece at a time. */
#include "config.h"
#include "report-object.h"
#include "report-name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct object
object_make(void)
{
  struct object object = { .json = json_object() };

  object.failed = !object.json;
  return object;
}

void
object_set(struct object *object, const char *key, json_t *value)
{
  if (object->failed)
    json_decref(value);
  else if (json_object_set_new(object->json, key, value) != 0)
    object->failed = true;
}

json_t *
object_made(struct object *object)
{
  if (!object->failed)
    return object->json;
  json_decref(object->json);
  return NULL;
}

json_t *
object_append(json_t *array, json_t *value)
{
  if (array && json_array_append_new(array, value) == 0)
    return array;
  if (!array)
    json_decref(value);
  json_decref(array);
  return NULL;
}

json_t *
object_number(uint64_t value)
{
  return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *
object_text(const char *value)
{
  char *clean;
  json_t *string;

  if (!value)
    return json_null();
  clean = report_name_clean(value);
  string = clean ? json_string(clean) : NULL;
  free(clean);
  return string;
}

json_t *
object_address(uint64_t value)
{
  char digits[20];

  snprintf(digits, sizeof(digits), "0x%" PRIx64, value);
  return json_string(digits);
}

static int
pour(const char *bytes, size_t size, void *data)
{
  struct report_sink *sink = data;

  report_put(sink, bytes, size);
  return sink->error ? -1 : 0;
}

void
object_dump(struct report_sink *sink, json_t *value)
{
  if (!sink->error && (!value || json_dump_callback(value, pour, sink, JSON_ENCODE_ANY | JSON_PRESERVE_ORDER))
      && !sink->error)
    sink->error = -ENOMEM;
  json_decref(value);
}

void
object_dump_next(struct report_sink *sink, size_t before, const char *indent, json_t *value)
{
  report_puts(sink, before ? ",\n" : "\n");
  report_puts(sink, indent);
  object_dump(sink, value);
}
