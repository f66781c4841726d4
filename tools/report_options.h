/* report_options.h - the command lines of `writewatch report` and `writewatch diff`. */
#ifndef WW_REPORT_OPTIONS_H
#define WW_REPORT_OPTIONS_H

#include <stdbool.h>
#include "report-trace.h"
#include "status.h"

enum report_format { REPORT_TEXT = 0, REPORT_JSON, REPORT_CSV, REPORT_FOLDED, REPORT_HTML };

/* What the two do not share. */
struct report_command {
  unsigned        files;        /* operands */
  const char     *formats[6];   /* the first ones of enum report_format, then NULL */
  enum summary_by by;           /* unless asked otherwise */
  const char     *help;         /* its usage, and its part of the options */
};

struct report_options {
  const char            *files[2];
  const char            *output;    /* NULL: standard output */
  enum report_format     format;
  struct report_choice   choice;
  struct summary_options summary;
  const char           **regions;   /* owned */
};

/* *done: the help was printed, nothing is left to do. */
enum status report_options_parse(struct report_options *options, const struct report_command *command,
                                 int argc,
                                 char **argv, bool *done);
void report_options_free(struct report_options *options);

#endif
