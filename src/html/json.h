/* json.h - JSON in the midst of HTML: nothing in it can end the element that it stands in. */
#ifndef WW_HTML_JSON_H
#define WW_HTML_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "report-index.h"

#define JSON_TEXT   1024u       /* bytes of a text; more is cut */
#define JSON_TEXTS  (4u << 20)  /* of all texts: what comes later is left out */

/* Texts are written once, at the end, and named by their number. */
struct json {
  FILE  *out;
  bool   comma;
  int    error;                 /* 0 or -ENOMEM */
  char **texts;
  size_t texts_count, texts_room, texts_size;
  struct report_index by_text;
};

void json_begin(struct json *json, char bracket);          /* '{' or '[' */
void json_end(struct json *json, char bracket);            /* '}' or ']' */
void json_key(struct json *json, const char *key);         /* of ours: written as it is */
void json_number(struct json *json, uint64_t number);
void json_float(struct json *json, double number);          /* 0 for what is none */
void json_seconds(struct json *json, uint64_t nanoseconds);
void json_name(struct json *json, const char *name);       /* of ours, or any: escaped */
void json_hex(struct json *json, uint64_t number);         /* "0x1f" */
void json_text(struct json *json, const char *text);       /* its number; -1 for NULL */
void json_texts(struct json *json);                        /* all of them, as an array */
void json_free(struct json *json);

#endif
