/* report-object.h - JSON made and written a piece at a time. A value that could not be made, for want of
 * memory, is NULL, and may be given to any of these: the failure shows in the end. */
#ifndef WW_REPORT_OBJECT_H
#define WW_REPORT_OBJECT_H

#include <jansson.h>
#include "report-sink.h"

/* An object in the making; a failure sticks, and shows in object_made(). */
struct object {
  json_t *json;
  bool    failed;
};

struct object object_make(void);
void    object_set(struct object *object, const char *key, json_t *value);   /* takes `value` over */
json_t *object_made(struct object *object);
json_t *object_append(json_t *array, json_t *value);                          /* takes both over */

/* JSON's numbers are as long as the reader's: larger ones than a signed 64-bit integer stop there,
 * which no time or count of a real process reaches. */
json_t *object_number(uint64_t value);
json_t *object_text(const char *value);        /* NULL: null */
json_t *object_address(uint64_t value);        /* "0x12" */

/* Writes `value` and frees it; a failure to make it is the sink's -ENOMEM. */
void    object_dump(struct report_sink *sink, json_t *value);
/* A piece of an array: the first (`before` is 0), or one behind another. */
void    object_dump_next(struct report_sink *sink, size_t before, const char *indent, json_t *value);

#endif
