/* report-trace.h - a summary of a trace, written in one of the formats.
 *
 * Each returns 0, -ENOMEM or the negative errno of write(2). Names are looked up now. */
#ifndef WW_REPORT_TRACE_H
#define WW_REPORT_TRACE_H

#include <stdio.h>
#include "trace_summary.h"

enum report_sort { REPORT_SORT_PAGES = 0, REPORT_SORT_BYTES, REPORT_SORT_EPOCHS, REPORT_SORT_NAME };

struct report_choice {
  const char      *file;      /* the trace's name, for the title */
  enum summary_by  by;
  enum report_sort sort;
  size_t           top;       /* writers and regions that are shown; 0: all */
  bool             filtered;  /* some regions or epochs are left out: the report says so */
};

/* What heat map suits the terminal, or the pipe, that fd is. */
void report_trace_text_heat(int fd, unsigned *rows, unsigned *columns);
int  report_trace_text(const struct trace_summary *summary, const struct report_choice *choice, int fd);
int  report_trace_json(const struct trace_summary *summary, const struct report_choice *choice, int fd);
int  report_trace_csv(const struct trace_summary *summary, const struct report_choice *choice, int fd);
int  report_trace_folded(const struct trace_summary *summary, const struct report_choice *choice, int fd);

/* One page, with nothing fetched. */
int  report_html(struct trace_summary *summary, FILE *out);

#endif
