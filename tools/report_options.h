/* report_options.h - the command line of `writewatch report`. */
#ifndef WW_REPORT_OPTIONS_H
#define WW_REPORT_OPTIONS_H

#include <stdbool.h>
#include "report-trace.h"
#include "status.h"

enum report_format { REPORT_TEXT = 0, REPORT_JSON, REPORT_CSV, REPORT_FOLDED, REPORT_HTML };

struct report_options {
  const char            *file;
  const char            *output;    /* NULL: standard output */
  enum report_format     format;
  struct report_choice   choice;
  struct summary_options summary;
  const char           **regions;   /* owned */
};

/* *done: the help was printed, nothing is left to do. */
enum status report_options_parse(struct report_options *options, int argc, char **argv, bool *done);
void        report_options_free(struct report_options *options);

#endif
