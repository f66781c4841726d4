/* report-diff.h - two traces side by side, written as text or JSON. */
#ifndef WW_REPORT_DIFF_H
#define WW_REPORT_DIFF_H

#include "report-trace.h"

/* choice->by and ->top count, the summaries' names are `files`. 0, -ENOMEM or the errno of write(2). */
int report_diff_text(const struct trace_summary *const summaries[2], const char *const files[2],
                     const struct report_choice *choice, int fd);
int report_diff_json(const struct trace_summary *const summaries[2], const char *const files[2],
                     const struct report_choice *choice, int fd);

#endif
