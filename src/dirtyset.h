/* dirtyset.h - what a collect returns. */
#ifndef WW_DIRTYSET_H
#define WW_DIRTYSET_H

#include "faultlog.h"
#include "region.h"
#include "writers.h"
#include "writewatch.h"

struct ww_dirty {
  uint64_t epoch, begin, end;     /* begin and end: nanoseconds from ww_start() */
  size_t pages, count[WW_ASSUMED + 1];
  size_t runs, regions;
  struct ww_run *run;
  struct ww_region **region;
  size_t missed_runs;
  struct ww_run *missed;          /* a mapping of its own, or NULL */
  struct faultlog log;            /* its own */
  struct writers *writers;
  _Atomic(struct dirty_index *) index;  /* made when first asked who wrote a page */
};

/* Which fault dirtied which page. */
struct dirty_index {
  uint32_t *first;                /* [runs] the number of a run's first page among all pages */
  unsigned width;                 /* bytes of a number in fault_of */
  unsigned char *fault_of;        /* [pages] 1 + the number of the page's fault, 0 if there was none */
};

/* A set with places for so many runs and regions, and for a copy of so many faults in
 * its log; NULL if there is no memory. */
struct ww_dirty *dirty_create(size_t runs, size_t regions, size_t faults);

/* What is in it is marked in the running epoch of the tracker, whose lock is held. */
void dirty_give_back(const struct ww_dirty *dirty, const struct ww_tracker *tracker);

/* The runs of a page set: counts them; with `dirty` also appends them and counts pages. */
size_t dirty_add_runs(struct ww_dirty *dirty, struct ww_region *region, const struct page_set *set);

#endif
