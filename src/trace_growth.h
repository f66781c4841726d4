/* trace_growth.h - how much is dirty in windows of 1, 2, 4, ... epochs, epoch by epoch. */
#ifndef WW_TRACE_GROWTH_H
#define WW_TRACE_GROWTH_H

#include "trace_pages.h"
#include "trace_summary.h"

struct growth {
  uint64_t epochs;                                /* so far */
  uint64_t pages[PAGES_LEVELS + 1], bytes[PAGES_LEVELS + 1];   /* of the epoch, by level */
  struct growth_window {
    uint64_t pages, bytes, duration;              /* of the one that is open */
    uint64_t windows, sum_pages, sum_duration;    /* of those that are closed */
    double   sum_bytes;
    uint64_t pages_most, bytes_most;
  } window[PAGES_LEVELS];
};

/* All zeroes is the begin. What the tally of an epoch's pages says: */
void growth_add(struct growth *growth, const struct page_tally *tally, uint64_t page_size);
/* The epoch is over. */
void growth_epoch(struct growth *growth, uint64_t duration);
/* The windows of which there was a whole one, and all epochs together. */
void growth_finish(const struct growth *growth, struct trace_summary *summary);

#endif
