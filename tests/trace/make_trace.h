/* make_trace.h - what is invented. */
#ifndef WW_MAKE_TRACE_H
#define WW_MAKE_TRACE_H

#include "trace.h"

struct invention {
  uint64_t epochs, pages, dirty, threads, stacks, interval, seed;
  uint64_t random;              /* the state of the dice */
  bool     adaptive, real;
  struct trace_region *regions;
  size_t   regions_count;
  struct trace_range code[64];  /* executable parts of the modules, for frames */
  size_t   code_count;
};

uint64_t invention_below(struct invention *invention, uint64_t limit);
void     invention_modules(struct trace_writer *writer, struct invention *invention);
void     invention_stacks(struct trace_writer *writer, struct invention *invention);

#endif
