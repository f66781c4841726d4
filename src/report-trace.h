/* report-trace.h - a summary of a trace, written in one of the formats.
 *
 * Each returns 0, -ENOMEM or the stream's negative errno; it does not flush at the end. */
#ifndef WW_REPORT_TRACE_H
#define WW_REPORT_TRACE_H

#include <stdio.h>
#include "trace_summary.h"

enum report_sort { REPORT_SORT_PAGES = 0, REPORT_SORT_BYTES, REPORT_SORT_EPOCHS, REPORT_SORT_NAME };

struct report_choice {
  enum summary_by  by;
  enum report_sort sort;
  size_t           top;       /* writers, regions and epochs shown; 0: all */
};

int report_trace_text(struct trace_summary *summary, const struct report_choice *choice, int fd);
int report_trace_json(struct trace_summary *summary, const struct report_choice *choice, int fd);
int report_trace_csv(struct trace_summary *summary, const struct report_choice *choice, int fd);
int report_trace_folded(struct trace_summary *summary, int fd);

/* One page, with nothing fetched. (The HTML format's own file has it.) */
int report_html(struct trace_summary *summary, FILE *out);

#endif
