/* report-name.h - names that come from outside (regions, functions, files,
 * notes), made fit for where they go: they may hold anything but NUL. */
#ifndef WW_REPORT_NAME_H
#define WW_REPORT_NAME_H

#include <stdbool.h>
#include "report-sink.h"

/* A copy with each byte that is no part of valid UTF-8 replaced by U+FFFD.
 * The caller frees it; NULL: no memory. */
char *report_name_clean(const char *name);

/* Write `name` for a terminal: what could move the cursor, or is no text, as
 * \xNN. At most `columns` columns, then "..". Returns the columns used. */
size_t report_name_print(struct report_sink *sink, const char *name, size_t columns, bool utf8);

/* The columns that it would use. */
size_t report_name_columns(const char *name, bool utf8);

/* The same name whole, parted at blanks where the line is full: it begins at column
 * `indent`, as do the lines that follow. A word that is too wide by itself is not cut. */
void report_name_wrap(struct report_sink *sink, const char *name, size_t indent, size_t width, bool utf8);

/* Whether the people of this process read UTF-8. */
bool report_reads_utf8(void);

/* The part of a path behind its last slash. */
const char *report_name_base(const char *path);

#endif
