/* demo_options.h - the command line of `writewatch demo`. */
#ifndef WW_DEMO_OPTIONS_H
#define WW_DEMO_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "workloads/workload.h"
#include "writewatch.h"

#define DEMO_THREADS_MAX 256

enum demo_request { DEMO_RUN, DEMO_LIST, DEMO_HELP };

struct demo_options {
  enum demo_request      request;
  const struct workload *workload;
  size_t                 pages;    /* 0: the workload decides when it has seen its input */
  unsigned               epochs;
  unsigned               threads;
  uint64_t               seed;
  enum ww_format         format;
  const char            *output;   /* NULL: standard output */
  unsigned               stacks;   /* frames */
  enum ww_engine         engine;
  enum ww_policy         policy;
  bool                   verify;
  bool                   audit;    /* WW_AUDIT */
  const char            *chain;    /* --checkpoint or --resume: its directory; NULL: neither */
  bool                   resume;
  unsigned               chain_flags; /* --save: WW_CHAIN_BYTES or 0, */
  int                    chain_level; /* and whether it is packed */
  unsigned               interval; /* epochs from one checkpoint to the next; 0: not given */
  struct { uint64_t pages, epochs, threads; bool seed; } given;  /* on the command line; 0: not */
  int                    argc;     /* operands behind the workload's name */
  char                 **argv;
};

/* Fill `options` from the command line; says what is wrong with it. */
enum status demo_options_parse(struct demo_options *options, int argc, char **argv);
void demo_options_help(void);  /* on standard output */
void demo_options_list(void);

#endif
