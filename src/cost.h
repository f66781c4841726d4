/* cost.h - what it costs to notice a write, measured on the machine that we run on. */
#ifndef WW_COST_H
#define WW_COST_H

#include "writewatch.h"

/* Nanoseconds. */
struct cost {
  double trap;        /* a page that is written and traps: fault, arming, its share of the collect */
  double split;       /* more than that, where the page lies alone (mprotect splits a mapping) */
  double verify;      /* a page that is left open and hashed */
  double call;        /* a call more to look for what was written, or to arm it (pagemap) */
};

/* Measure what this engine's traps cost, if that was not done before. No lock of ours is held. */
void cost_calibrate(enum ww_engine engine);
/* What was measured, or else an assumption. Not for handlers. */
struct cost cost_of(enum ww_engine engine);
/* A collect hashed so many pages in so many nanoseconds. */
void cost_learn_verify(enum ww_engine engine, size_t pages, double nanoseconds);

#endif
