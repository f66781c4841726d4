/* record.h - `writewatch record': what is asked for. */
#ifndef WW_TOOLS_RECORD_H
#define WW_TOOLS_RECORD_H

#include "record/settings.h"

/* As env(1) and timeout(1) have them: a program's own status is any other. */
enum record_status {
  RECORD_FAILED = 125,         /* Writewatch itself: usage, the trace, no shield */
  RECORD_REFUSED = 126,        /* the program cannot be recorded, or not be run */
  RECORD_NOT_FOUND = 127
};

struct record_options {
  struct settings settings;
  const char *output;
  int signal;                  /* closes an epoch; 0: none */
  bool help;
  char **command;
};

/* 0, or a status after a line on standard error. */
int record_options_parse(struct record_options *options, int argc, char **argv);
void record_options_help(void);
/* Find the command as execvp(3) does, and see whether it can be recorded: 0, or a status after a line on
 * standard error. */
int record_inspect(const char *command);
/* Run and record it: the status to exit with. Does not return if a signal ended the program that can end us
 * too. */
int record_run(const struct record_options *options);

#endif
