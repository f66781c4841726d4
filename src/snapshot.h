/* snapshot.h - what memory held at one moment, while the program goes on writing to it: taken (snapshot.c),
 * and saved (saving.c). */
#ifndef WW_SNAPSHOT_H
#define WW_SNAPSHOT_H

#include "hold.h"

struct ww_dirty;
struct ww_tracker;

struct ww_snapshot {
  struct ww_tracker *tracker;   /* not to be followed when it is over */
  size_t regions;               /* that there were, by ascending address; it has a share in each */
  struct ww_region **region;
  struct pool *pool;
  bool full;                    /* all pages of the regions are held */
  bool over;                    /* the tracker has ended, or this is a forked child's */
  bool opens, unsettled;        /* some pages were open; they never were alike */
  uint64_t begin, stop;         /* nanoseconds: when; for how long writers that faulted had to wait */
  uint64_t held;                /* pages */
};

/* All with the tracker's lock held. The tracker ends, or this is a forked child: its snapshot is over. */
void snapshot_forget(struct ww_tracker *tracker);
/* Nothing of it is held any more: its pool is for the next one of the tracker, whose lock is held. */
void snapshot_keep_pool(struct ww_snapshot *snapshot);
/* NULL is allowed. Without the lock: nothing is held any more. */
void snapshot_free(struct ww_snapshot *snapshot);
/* Pages [first, behind) are not wanted any more. */
void snapshot_let_go(struct ww_region *region, size_t first, size_t behind);
/* E1 to E3 of hold.h. `alone`: there are no other threads, or none that may be in a handler. */
void snapshot_end_holding(struct ww_region *const *region, size_t count, bool alone);
/* Has nobody taken the protection away since? */
bool snapshot_is_sound(struct ww_region *const *region, size_t count, const struct ww_tracker *tracker);

#endif
