/* discover.h - the companion's: which memory of the program is watched, and which is not, and why. */
#ifndef WW_RECORD_DISCOVER_H
#define WW_RECORD_DISCOVER_H

#include "record/settings.h"
#include "trace.h"
#include "tracker.h"

struct watched {
  struct ww_region *region;    /* a reference of its own; NULL: the place is free */
  uint64_t id;                 /* in the trace; 0: not told yet */
  unsigned kind;               /* enum trace_kind */
  uint64_t epoch;              /* the last one that had it */
};

struct discovered {
  size_t places;               /* that are, or were, in use */
  struct watched *watched;
  struct trace_coverage coverage;
  uint64_t code;               /* changes with what is mapped to be executed */
  bool full;                   /* there are more regions than are watched */
};

extern struct discovered discovered;

/* Look for the first time, in the program's first thread, and watch what is wanted. `from` and `to`: where
 * the shield can see; all if there is none. 0 or a negative errno. */
int discover_start(struct ww_tracker *tracker, const struct settings *settings, uintptr_t from, uintptr_t to);
/* In the child of a fork(): nothing is known of threads any more. */
void discover_forked(void);
/* Look again: watch what has come, let go of what is gone. */
void discover_again(void);
/* The region's entry, made if it is not known yet (it came of another by mremap(2)). NULL: no memory. */
struct watched *discover_entry(struct ww_region *region);
/* Forget the entry. */
void discover_drop(struct watched *watched);

#endif
