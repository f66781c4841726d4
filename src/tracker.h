/* tracker.h - a tracker: its regions and its epochs. */
#ifndef WW_TRACKER_H
#define WW_TRACKER_H

#include "arena.h"
#include "faultlog.h"
#include "gate.h"
#include "lock.h"
#include "writers.h"
#include "writewatch.h"

#include <stdatomic.h>
#include <stdbool.h>

struct ww_tracker {
  /* What handlers use. */
  struct gate gate;
  _Atomic uint64_t collects;    /* odd while one is being made; see mark_ahead() */
  struct faultlog log[2];           /* by epoch & 1 */
  struct writers *writers;          /* NULL: no stacks */
  unsigned stack_depth;
  unsigned flags;                   /* of enum ww_flags */
  _Atomic long mappings_budget;     /* 0 while not started */
  /* What handlers write, apart from what they only read. */
  _Alignas(128) _Atomic long mappings;  /* used, without the regions' edges */
  _Atomic uint64_t stale_faults;
  _Atomic uint64_t widened_pages;
  _Atomic uint64_t ahead_pages;
  _Atomic uint64_t unfollowed;      /* bytes that were watched, and could not be watched on */
  _Atomic uint64_t stackless;       /* faults whose stack could not be taken */

  /* What the lock guards. */
  _Alignas(128) struct lock lock;
  struct arena arena;
  bool started;
  uint64_t first_epoch;             /* the gate's epoch number of epoch 1 */
  uint64_t start_time;              /* os_now() at ww_start() */
  enum ww_engine engine;            /* for regions where it can be */
  bool engine_chosen;               /* by name: no region may do without */
  enum ww_policy policy;
  _Atomic bool trapping;            /* WW_POLICY_ADAPTIVE, but until this is unset nothing is kept */
  uint64_t unchanged_pages;         /* that were open, and held what they had held */
  uint64_t verified_pages, collect_time, arm_time, hash_time;   /* ww_stats */
  uint64_t past_faults;             /* of the epochs that were collected */
  size_t budget_wanted;             /* 0: by itself */
  size_t regions, room;
  struct ww_region **region;        /* by ascending address */
  size_t pages;
  bool audited;                     /* WW_AUDIT */
  uint64_t missed_pages;
  bool withdrawn;                   /* a region was removed in this epoch: its faults are in the log */

  struct ww_snapshot *snapshot;     /* that holds pages, or NULL */
  struct pool *pool;                /* of the last one, for the next; or NULL */

  struct ww_tracker *next;          /* the list of all, see fork.c */
};

int  tracker_create(struct ww_tracker **tracker, const struct ww_options *options);
void tracker_destroy(struct ww_tracker *tracker);
int  tracker_add(struct ww_tracker *tracker, const char *name, uintptr_t start, uintptr_t end,
                 struct ww_region **region);
int  tracker_remove(struct ww_region *region);
int  tracker_start(struct ww_tracker *tracker);
int  tracker_stop(struct ww_tracker *tracker);
int  tracker_collect(struct ww_tracker *tracker, struct ww_dirty **dirty);
int  tracker_touch(struct ww_tracker *tracker, uintptr_t start, uintptr_t end);   /* async-signal-safe */
void tracker_stats(struct ww_tracker *tracker, struct ww_stats *stats);

/* All locks are held (fork_hold()): watch a region that is made already, which is taken over,
 * and end the watching of one. */
int  tracker_insert(struct ww_tracker *tracker, struct ww_region *region);
void tracker_take_out(struct ww_region *region);

/* In a forked child, the lock held: go on as the child's own; or all writable, nothing
 * marked, not started. */
void tracker_follow(struct ww_tracker *tracker);
void tracker_forget(struct ww_tracker *tracker);

/* The epoch's number for people: 1 for the first. */
static inline uint64_t
tracker_epoch(const struct ww_tracker *tracker, uint64_t gate_epoch)
{
  return gate_epoch - tracker->first_epoch + 1;
}

#endif
