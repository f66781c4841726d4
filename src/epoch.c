/* epoch.c - arming, collecting, disarming: what begins and ends an epoch. */
#include "config.h"
#include "epoch.h"
#include "alias.h"
#include "audit.h"
#include "carry.h"
#include "dirtyset.h"
#include "engine.h"
#include "error.h"
#include "fork.h"
#include "loan.h"
#include "lock.h"
#include "maps.h"
#include "policy.h"
#include "runs.h"
#include "shield/waiting.h"
#include "snapshot.h"
#include "tracker.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* mprotect() says ENOMEM both for a hole in the range and for one mapping too many. */
static int
explain(struct ww_region *region, int error)
{
  if (error == -EFAULT || !engine_is_whole(region))
    return region_unmapped(region);
  return error_set(error, "region \"%s\" at %#lx-%#lx cannot be made read-only: %s; is vm.max_map_count "
                   "reached?", region->name, (unsigned long)region->start, (unsigned long)region->end,
                   strerror(-error));
}

/* All but what the kernel may be writing to: that stays writable, and is marked. */
static int
arm_whole(struct ww_region *region)
{
  struct pages pinned[PINS];
  size_t count = loan_arming(region, pinned), from = 0;
  int error = 0;
  for (size_t i = 0; i <= count && !error; i++) {
    size_t to = i < count ? pinned[i].first : region->pages;
    if (to > from)
      error = engine_arm(region, from, to - from, count > 0);
    if (i < count) {
      loan_take_up(region, pinned[i]);
      from = pinned[i].first + pinned[i].count;
    }
  }
  loan_arming_done();
  return error;
}

int
epoch_arm_region(struct ww_region *region)
{
  int error = engine_attach(region);
  if (error)
    return error;
  /* First ours, then read-only: in the other order a fault in between is a crash. */
  policy_begin(region);
  atomic_store(&region->armed, true);
  atomic_fetch_add(&region_armings, 1);
  error = arm_whole(region);
  if (!error && region->tracker->audited)
    error = audit_begin(region);
  if (error) {
    error = region->tracker->audited && !region->audit ? error_set(error, "no memory for an audit")
      : explain(region, error);
    engine_disarm(region);
    atomic_store(&region->armed, false);
  }
  return error;
}

/* vm.max_map_count; the kernel's default if it cannot be read. */
static long
map_count_limit(void)
{
  char text[32] = "";
  int fd = os_open("/proc/sys/vm/max_map_count");
  long limit = 0;
  if (fd >= 0) {
    if (os_read(fd, text, sizeof text - 1) > 0)
      limit = strtol(text, NULL, 10);
    os_close(fd);
  }
  return limit > 0 ? limit : 65530;
}

/* Half of what is free, so that the program can still map as much. */
static long
choose_budget(const struct ww_tracker *tracker, long promised)
{
  if (tracker->budget_wanted)
    return tracker->budget_wanted < LONG_MAX / 4 ? (long)tracker->budget_wanted : LONG_MAX / 4;
  long used = maps_count();
  long left = map_count_limit() - (used < 0 ? 0 : used) - promised;
  return left > 4 ? left / 2 : 2;
}

/* Forget all marks and faults. Nothing is armed, and no handler is inside. */
static void
clear(struct ww_tracker *tracker)
{
  for (size_t i = 0; i < tracker->regions; i++) {
    policy_forget(tracker->region[i]);
    for (unsigned parity = 0; parity < 2; parity++)
      page_set_clear(&tracker->region[i]->set[parity]);
  }
  for (unsigned parity = 0; parity < 2; parity++) {
    /* The figure of faults goes on to count them after ww_stop(). */
    tracker->past_faults += faultlog_count(&tracker->log[parity]);
    atomic_store(&tracker->log[parity].count, 0);
  }
  atomic_store(&tracker->mappings, 0);
  atomic_store(&tracker->mappings_budget, 0);
  tracker->withdrawn = false;
  tracker->started = false;
}

int
tracker_start(struct ww_tracker *tracker)
{
  int error = 0;
  long promised = fork_mappings_promised();
  fork_refront();
  if (tracker->policy == WW_POLICY_ADAPTIVE && !atomic_load(&tracker->trapping))
    cost_calibrate(tracker->engine);
  lock_take(&tracker->lock);
  if (tracker->started) {
    lock_give(&tracker->lock);
    return error_set(-EALREADY, "the tracker is started already");
  }
  atomic_store(&tracker->mappings_budget, choose_budget(tracker, promised));
  atomic_store(&tracker->stale_faults, 0);
  atomic_store(&tracker->widened_pages, 0);
  atomic_store(&tracker->ahead_pages, 0);
  tracker->verified_pages = tracker->collect_time = tracker->arm_time = tracker->hash_time = 0;
  tracker->past_faults = 0;
  tracker->missed_pages = 0;
  tracker->first_epoch = atomic_load(&tracker->gate.epoch);
  tracker->start_time = os_now();
  tracker->log[tracker->first_epoch & 1].begin = tracker->start_time;
  tracker->started = true;
  size_t armed = 0;
  while (armed < tracker->regions && !(error = epoch_arm_region(tracker->region[armed])))
    armed++;
  if (error) {
    while (armed-- > 0) {
      engine_disarm(tracker->region[armed]);
      atomic_store(&tracker->region[armed]->armed, false);
    }
    region_gate_wait();
    clear(tracker);
  }
  lock_give(&tracker->lock);
  return error;
}

/* Disarm all and forget everything; the lock is held. */
static int
disarm(struct ww_tracker *tracker)
{
  int error = 0;
  for (size_t i = 0; i < tracker->regions; i++) {
    struct ww_region *region = tracker->region[i];
    if (engine_disarm(region))
      error = region_unmapped(region);
    atomic_store(&region->armed, false);
  }
  return error;
}

int
tracker_stop(struct ww_tracker *tracker)
{
  lock_take(&tracker->lock);
  int error = tracker->snapshot ? -EBUSY : -EALREADY;
  if (tracker->snapshot)
    error_set(error, "the tracker has a snapshot: ww_snapshot_end() comes before ww_stop()");
  else if (!tracker->started)
    error_set(error, "the tracker is not started");
  else {
    error = disarm(tracker);
    /* Handlers that still found a region armed may be marking pages. */
    region_gate_wait();
    clear(tracker);
    pool_destroy(tracker->pool);
    tracker->pool = NULL;
  }
  lock_give(&tracker->lock);
  return error;
}

void
tracker_forget(struct ww_tracker *tracker)
{
  snapshot_forget(tracker);
  if (tracker->started) {
    (void)disarm(tracker);
    clear(tracker);
  }
  /* The figures are of the parent's epochs. */
  atomic_store(&tracker->stale_faults, 0);
  atomic_store(&tracker->widened_pages, 0);
  tracker->past_faults = 0;
}

void
tracker_follow(struct ww_tracker *tracker)
{
  struct faultlog *log = &tracker->log[atomic_load(&tracker->gate.epoch) & 1];
  long mappings = 0;
  snapshot_forget(tracker);
  if (!tracker->started)
    return;
  /* The marks stay, and so do the protections: see fork.c. A record of the log may be
   * half-written, and a sum half-made. */
  tracker->past_faults += faultlog_count(log);
  atomic_store(&log->count, 0);
  for (size_t i = 0; i < tracker->regions; i++)
    for (unsigned parity = 0; parity < 2; parity++)
      mappings += atomic_load(&tracker->region[i]->set[parity].mappings);
  atomic_store(&tracker->mappings, mappings);
  for (size_t i = 0; i < tracker->regions; i++)
    engine_follow(tracker->region[i], &tracker->region[i]->set[atomic_load(&tracker->gate.epoch) & 1]);
}

/* ----------------------------------------------------------------- collect */

/* Put the ended epoch's marks into the running one, as bulk: nothing of them was armed
 * for good, so they may have been written since. */
static void
give_back(struct ww_tracker *tracker, uint64_t ended)
{
  for (size_t i = 0; i < tracker->regions; i++) {
    struct ww_region *region = tracker->region[i];
    struct page_set *from = &region->set[ended & 1], *to = &region->set[(ended + 1) & 1];
    long mappings = atomic_load(&from->mappings);
    for (size_t page = 0; (page = bitmap_next(&from->dirty, page)) != BITMAP_NONE;) {
      size_t word = page / 64;
      uint64_t added = page_set_add(region, to, word, bitmap_word(&from->dirty, word));
      if (added) {
        atomic_fetch_or(&to->bulk[word], added);
        atomic_store(&to->special, true);
      }
      /* What was opened ahead or lent meanwhile was hashed after the writes that are given back. */
      page_set_owe(to, word, bitmap_word(&from->dirty, word));
      page = (word + 1) * 64;
    }
    policy_give_back(region, from);
    page_set_clear(from);
    atomic_fetch_sub(&tracker->mappings, mappings);
  }
  tracker->past_faults += faultlog_count(&tracker->log[ended & 1]);
  atomic_store(&tracker->log[ended & 1].count, 0);
}

/* Make the marked pages of [from, to) read-only, but for those that are kept: neighbouring runs by
 * one call, for the pages between them are read-only already and cost the kernel a look; but not too
 * many, for other threads' faults wait meanwhile. */
static int
arm_marked(struct ww_region *region, struct page_set *set, size_t from, size_t to, bool exact)
{
  enum { RUNS_A_CALL = 64 };
  if (region->frozen)
    return 0;
  if (atomic_load(&region->engine) != WW_ENGINE_MPROTECT) {
    int error = region->scanned ? 0 : runs_arm(region, set, from, to);
    return error && error != -ESTALE ? explain(region, error) : error;
  }
  size_t count, first = runs_next(region, set, from, to, &count);
  while (first != BITMAP_NONE) {
    size_t behind = first + count, next = BITMAP_NONE;
    for (unsigned runs = 1; (next = runs_next(region, set, behind, to, &count)) != BITMAP_NONE; runs++) {
      if (runs == RUNS_A_CALL || !runs_none_kept(region, behind, next - behind))
        break;
      behind = next + count;
    }
    int error = engine_arm(region, first, behind - first, exact);
    if (error)
      return explain(region, error);
    first = next;
  }
  return 0;
}

/* C3 of gate.h for one region, A1 to A3 of pin.h, and the judgement of provisional marks,
 * for which the pages must be armed. */
static int
arm_again(struct ww_region *region, uint64_t ended)
{
  struct page_set *set = &region->set[ended & 1], *running = &region->set[(ended + 1) & 1];
  struct pages pinned[PINS];
  region->tracker->unchanged_pages += policy_verify(region, set, running, POLICY_KEPT_BEFORE);
  size_t count = loan_arming(region, pinned), from = 0;
  int error = 0;
  uint64_t begin = os_now();
  policy_choose(region, set, running, pinned, count);
  for (size_t i = 0; i <= count && !error; i++) {
    size_t to = i < count ? pinned[i].first : region->pages;
    if (to > from && (error = arm_marked(region, set, from, to, count > 0)) == -ESTALE) {
      /* From now on it is the mprotect engine's: from the beginning. */
      engine_lose(region, set);
      error = arm_marked(region, set, 0, to, true);
    }
    if (i < count) {
      loan_carry_over(region, set, running, pinned[i]);
      from = pinned[i].first + pinned[i].count;
    }
  }
  loan_arming_done();
  region->tracker->arm_time += os_now() - begin;
  if (!error)
    region->tracker->unchanged_pages += loan_verify(region, set, running)
      + policy_verify(region, set, running, POLICY_KEPT_NOW);
  return error;
}

/* Leave only faults of regions that are still there and pages that are marked: a
 * region may have been removed, and another added in its place. */
static void
drop_withdrawn(struct ww_tracker *tracker, uint64_t ended)
{
  struct faultlog *log = &tracker->log[ended & 1];
  size_t kept = 0, count = faultlog_count(log);
  struct gate_pass pass = gate_enter(&region_gate);
  for (size_t i = 0; i < count; i++) {
    struct faultlog_record record = *faultlog_at(log, i);
    uintptr_t page = faultlog_unpack(record).page;
    const struct ww_region *region = region_find(region_table(), page);
    if (!region || region->tracker != tracker)
      continue;
    /* What was marked by a fault says so, however it was marked besides. */
    size_t number = (page - region->start) >> region->shift;
    const struct page_set *set = &region->set[ended & 1];
    if (bitmap_test(&set->dirty, number) && page_set_evidence(set, number) == WW_TRAPPED)
      *faultlog_at(log, kept++) = record;
  }
  gate_leave(pass);
  atomic_store(&log->count, kept);
}

/* A few faults are copied; of many, the log itself goes to the dirty set. There were many if the set has no
 * place for copies, whatever is left of them by now (drop_withdrawn()). */
enum { FAULTS_COPIED = 4096 };

static int
move_log(struct ww_tracker *tracker, struct faultlog *log, struct ww_dirty *dirty)
{
  size_t count = faultlog_count(log);
  if (count && !dirty->log.segments) {
    struct faultlog fresh = { .arena = log->arena };
    int error = faultlog_reserve(&fresh, tracker->pages);
    if (error)
      return error;
    for (unsigned i = 0; i < log->segments; i++)
      atomic_fetch_sub(&log->arena->bytes, log->segment[i].length * sizeof *log->segment[i].record);
    dirty->log = *log;
    dirty->log.arena = NULL;
    *log = fresh;
  } else {
    for (size_t i = 0; i < count; i++)
      *faultlog_at(&dirty->log, i) = *faultlog_at(log, i);
    atomic_store(&dirty->log.count, count);
    atomic_store(&log->count, 0);
  }
  return 0;
}

/* C3 and C4 of gate.h, for the epoch that has just ended. */
static int
harvest(struct ww_tracker *tracker, uint64_t ended, struct ww_dirty **made)
{
  struct faultlog *log = &tracker->log[ended & 1];
  size_t runs = 0, faults = faultlog_count(log);
  int error = 0;
  for (size_t i = 0; i < tracker->regions && !error; i++)
    error = runs_notice(tracker->region[i], &tracker->region[i]->set[ended & 1]);
  if (error)
    return error;
  alias_spread(tracker, ended);
  if (carry_over(tracker, ended))
    tracker->withdrawn = true;
  for (size_t i = 0; i < tracker->regions && !error; i++)
    error = arm_again(tracker->region[i], ended);
  struct missed missed = { .run = NULL };
  if (!error && tracker->audited && (error = audit_judge(tracker, ended, &missed)))
    error_set(error, "no memory for a list of %zu pages that were missed", missed.pages);
  if (error)
    return error;
  for (size_t i = 0; i < tracker->regions; i++)
    runs += dirty_add_runs(NULL, tracker->region[i], &tracker->region[i]->set[ended & 1]);
  struct ww_dirty *dirty = dirty_create(runs, tracker->regions, faults > FAULTS_COPIED ? 0 : faults);
  if (!dirty) {
    if (missed.run)
      arena_unmap(NULL, missed.run);
    return error_set(-ENOMEM, "no memory for a dirty set of %zu runs and %zu faults", runs, faults);
  }
  dirty->missed = missed.run;
  dirty->missed_runs = missed.count;
  for (size_t i = 0; i < tracker->regions; i++)
    dirty_add_runs(dirty, tracker->region[i], &tracker->region[i]->set[ended & 1]);
  if (tracker->withdrawn)
    drop_withdrawn(tracker, ended);
  error = move_log(tracker, log, dirty);
  if (error) {
    ww_dirty_free(dirty);
    return error_set(error, "no memory for a log of %zu faults", tracker->pages);
  }
  tracker->missed_pages += missed.pages;
  dirty->epoch = tracker_epoch(tracker, ended);
  dirty->writers = writers_share(tracker->writers);
  dirty->regions = tracker->regions;
  for (size_t i = 0; i < tracker->regions; i++) {
    struct ww_region *region = tracker->region[i];
    struct page_set *set = &region->set[ended & 1];
    dirty->region[i] = region_share(region);
    atomic_fetch_sub(&tracker->mappings, atomic_load(&set->mappings));
    /* Of what is kept there is a hash already: memory that a stream has used once is given back, unless it
     * is too little to be worth the call. */
    enum { PAGES_WORTH_IT = 16384 };
    if (region->policy && atomic_load(&set->unverified) && region->pages >= PAGES_WORTH_IT)
      os_forget(set->hash, region->pages * sizeof *set->hash);
    page_set_clear(set);
  }
  *made = dirty;
  return 0;
}

int
epoch_collect(struct ww_tracker *tracker, void (*between)(void *argument), void *argument,
              struct ww_dirty **made)
{
  struct ww_dirty *dirty = NULL;
  uint64_t now = os_now(), running = atomic_load(&tracker->gate.epoch);
  uint64_t begin = tracker->log[running & 1].begin;
  /* The next epoch's handlers measure their time from here. */
  tracker->log[(running + 1) & 1].begin = now;
  atomic_fetch_add(&tracker->collects, 1);
  for (size_t i = 0; i < tracker->regions; i++)
    policy_mark_kept(tracker->region[i], &tracker->region[i]->set[(running + 1) & 1]);
  uint64_t ended = gate_advance(&tracker->gate);
  if (between)
    between(argument);
  uint64_t faults = faultlog_count(&tracker->log[ended & 1]);
  int error = harvest(tracker, ended, &dirty);
  if (error)
    give_back(tracker, ended);
  else {
    tracker->past_faults += faults;
    tracker->withdrawn = false;
    dirty->begin = begin - tracker->start_time;
    dirty->end = now - tracker->start_time;
    *made = dirty;
  }
  atomic_fetch_add(&tracker->collects, 1);
  tracker->collect_time += os_now() - now;
  return error;
}

int
tracker_collect(struct ww_tracker *tracker, struct ww_dirty **made)
{
  struct ww_dirty *dirty = NULL;
  lock_take(&tracker->lock);
  int error = -ENODATA;
  if (!tracker->started)
    error_set(error, "the tracker is not started: ww_start() comes before ww_collect()");
  else {
    if (tracker->flags & WW_SHIELD)
      waiting_refresh();
    error = epoch_collect(tracker, NULL, NULL, &dirty);
  }
  lock_give(&tracker->lock);
  if (!error)
    *made = dirty;
  return error;
}
