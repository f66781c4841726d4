/* storm.h - threads that write, a thread that collects, and a copy that shows
 * whether any write was lost. */
#ifndef CRASH_STORM_H
#define CRASH_STORM_H

#include "writewatch.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define STORM_PAGES 64
#define STORM_WRITERS 3

struct storm {
  ww_tracker *tracker;
  ww_region  *region;
  uint64_t   *memory;      /* STORM_PAGES pages, tracked */
  uint64_t   *copy;        /* what the collects reported, copied */
  size_t      words;       /* in a page */
  uint64_t    seed;
  uint64_t    collected;   /* pages, so far */
  pthread_mutex_t taking;  /* by the collector, until what it collected is in the copy */
  bool        failed;      /* a function of the library failed */
  bool        stop_writers, stop_collector;
  pthread_t   writers[STORM_WRITERS], collector;
};

/* Memory, a tracker with `stack_depth` frames (0 where there are no stacks), started. */
bool storm_begin(struct storm *storm, uint64_t seed, unsigned stack_depth);
/* The same with flags of enum ww_flags. */
bool storm_begin_with(struct storm *storm, uint64_t seed, unsigned stack_depth, unsigned flags);
/* Threads on, threads off. At rest the copy must equal the memory: false if not. */
bool storm_blow(struct storm *storm);
bool storm_rest(struct storm *storm);
void storm_end(struct storm *storm);
/* Collect, then compare the copy with the memory: nobody may be writing. */
bool storm_agrees(struct storm *storm);

/* One word of page `page` changes. */
void storm_write(struct storm *storm, size_t page, size_t word);
/* Collect, and take over what is reported. 0 or a negative errno. */
int storm_collect(struct storm *storm);
/* Are all pages of the region mapped writable, by /proc/self/maps? */
bool storm_is_writable(const struct storm *storm);
/* Does a new epoch of the tracker report exactly these pages? Starts it if needed. */
bool storm_tracks(struct storm *storm, const size_t *pages, size_t count);

#endif
