/* output.h - where a report goes: standard output, or a file that is there
 * whole or not at all. */
#ifndef WW_OUTPUT_H
#define WW_OUTPUT_H

#include "status.h"

struct output {
  int         fd;         /* write here */
  const char *name;       /* for messages */
  char       *target;     /* the file to be replaced at the end, or NULL */
  char       *temporary;  /* the file written meanwhile, or NULL */
};

/* `path` NULL: standard output. A regular file is written beside its name and
 * takes its place in output_finish(); a device or a pipe is written directly. One
 * output of a process at a time: SIGHUP, SIGINT, SIGPIPE, SIGQUIT and SIGTERM
 * remove its temporary file. */
enum status output_open(struct output *output, const char *path);
/* Everything has been written: put it in place. */
enum status output_finish(struct output *output);
/* Give up: nothing is left. Harmless after output_finish(). */
void output_drop(struct output *output);

#endif
