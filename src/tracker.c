/* tracker.c - a tracker and its regions. */
#include "config.h"
#include "tracker.h"
#include "engine.h"
#include "epoch.h"
#include "error.h"
#include "fork.h"
#include "lock.h"
#include "pin.h"
#include "policy.h"
#include "process.h"
#include "region.h"
#include "shield/shield.h"
#include "snapshot.h"
#include "stack.h"
#include "threads.h"

#include <errno.h>
#include <link.h>
#include <string.h>

enum { STACKS_DEFAULT = 65536, MAPPINGS_A_REGION = 2 };

int
tracker_create(struct ww_tracker **created, const struct ww_options *options)
{
  struct arena arena = { 0 };
  struct ww_tracker *tracker = arena_map(&arena, sizeof *tracker);
  int error = -ENOMEM;
  if (!tracker)
    goto no_memory;
  atomic_store(&tracker->arena.bytes, atomic_load(&arena.bytes));
  tracker->log[0].arena = tracker->log[1].arena = &tracker->arena;
  tracker->budget_wanted = options->mapping_budget;
  tracker->stack_depth = options->stack_depth;
  tracker->audited = options->flags & WW_AUDIT;
  tracker->flags = options->flags;
  tracker->policy = options->policy == WW_POLICY_AUTO ? WW_POLICY_TRAP : options->policy;
  if ((error = engine_choose(options, &tracker->engine, &tracker->engine_chosen)) != 0)
    goto failed;
  if ((options->flags & WW_SHIELD) && (error = shield_prepare()) != 0)
    goto failed;
  error = -ENOMEM;
  if (options->stack_depth) {
    tracker->writers = writers_create(options->stack_depth,
                                      options->stack_limit ? options->stack_limit : STACKS_DEFAULT);
    if (!tracker->writers)
      goto failed;
    stack_prime();
  }
  error = fork_enlist(tracker);
  if (!error) {
    *created = tracker;
    return 0;
  }
failed:
  writers_release(tracker->writers);
  arena_unmap(NULL, tracker);
no_memory:
  return error == -ENOMEM ? error_set(error, "no memory for a tracker") : error;
}

/* Where a region belongs among the tracker's; also a hit if it is there. */
static size_t
position(const struct ww_tracker *tracker, uintptr_t start)
{
  size_t low = 0, high = tracker->regions;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (tracker->region[middle]->start < start)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Make room for one region more. */
static int
reserve(struct ww_tracker *tracker)
{
  if (tracker->regions < tracker->room)
    return 0;
  size_t room = tracker->room ? 2 * tracker->room : 64;
  struct ww_region **regions = arena_map(&tracker->arena, room * sizeof *regions);
  if (!regions)
    return -ENOMEM;
  if (tracker->region) {
    memcpy(regions, tracker->region, tracker->regions * sizeof *regions);
    arena_unmap(&tracker->arena, tracker->region);
  }
  tracker->region = regions;
  tracker->room = room;
  return 0;
}

/* Take the region out of everything, its pages disarmed. The lock is held. */
static int
take_out(struct ww_tracker *tracker, struct ww_region *region, size_t at)
{
  int error = engine_disarm(region);
  if (error)
    error = region_unmapped(region);
  atomic_store(&region->armed, false);
  /* Waits for the handlers that look at it, and so also for those of this tracker
   * that mark its pages. */
  region_withdraw(region);
  for (unsigned parity = 0; parity < 2; parity++)
    atomic_fetch_sub(&tracker->mappings, atomic_load(&region->set[parity].mappings));
  memmove(tracker->region + at, tracker->region + at + 1,
          (tracker->regions - at - 1) * sizeof *tracker->region);
  tracker->regions--;
  tracker->pages -= region->pages;
  tracker->withdrawn = tracker->started;
  atomic_fetch_sub(&tracker->arena.bytes, region->memory);
  region->tracker = NULL;
  region_release(region);
  return error;
}

void
tracker_destroy(struct ww_tracker *tracker)
{
  lock_take(&tracker->lock);
  snapshot_forget(tracker);
  pool_destroy(tracker->pool);
  tracker->pool = NULL;
  lock_give(&tracker->lock);
  if (tracker->started)
    tracker_stop(tracker);
  lock_take(&tracker->lock);
  while (tracker->regions)
    take_out(tracker, tracker->region[tracker->regions - 1], tracker->regions - 1);
  lock_give(&tracker->lock);
  fork_delist(tracker);
  faultlog_release(&tracker->log[0]);
  faultlog_release(&tracker->log[1]);
  if (tracker->region)
    arena_unmap(&tracker->arena, tracker->region);
  writers_release(tracker->writers);
  arena_unmap(NULL, tracker);
}

/* What our object and the unwinder's write to. */
enum { OWN_PARTS = 8 };
struct own_parts { size_t count; struct range part[OWN_PARTS]; };

/* For dl_iterate_phdr(). */
static int
add_own_parts(struct dl_phdr_info *object, size_t size, void *argument)
{
  struct own_parts *own = argument;
  uintptr_t code[] = { (uintptr_t)&tracker_create, stack_code() };
  bool of_ours = false;
  (void)size;
  for (unsigned pass = 0; pass < 2; pass++)
    for (unsigned i = 0; i < object->dlpi_phnum; i++) {
      const ElfW(Phdr) *part = &object->dlpi_phdr[i];
      uintptr_t start = object->dlpi_addr + part->p_vaddr, end = start + part->p_memsz;
      if (part->p_type != PT_LOAD)
        continue;
      if (pass == 0)
        of_ours |= (code[0] >= start && code[0] < end) || (code[1] >= start && code[1] < end);
      else if (of_ours && (part->p_flags & PF_W) && own->count < OWN_PARTS)
        own->part[own->count++] = (struct range){ start, end };
    }
  return 0;
}

static bool
meets_own(uintptr_t start, uintptr_t end)
{
  /* Neither is ever unloaded; so the linker, which may be at work in a thread that has ended, is
   * asked only once. */
  static struct own_parts known;
  static _Atomic int state;     /* 0: not known; 1: somebody finds out; 2: known */
  struct own_parts found = { .count = 0 };
  int none = 0;
  if (atomic_load(&state) != 2) {
    dl_iterate_phdr(add_own_parts, &found);
    if (atomic_compare_exchange_strong(&state, &none, 1)) {
      known = found;
      atomic_store(&state, 2);
    }
  } else
    found = known;
  for (size_t i = 0; i < found.count; i++)
    if (found.part[i].start < end && found.part[i].end > start)
      return true;
  return false;
}

/* Memory whose protection would take the ground from under a thread. */
static int
refuse_own(const char *name, uintptr_t start, uintptr_t end)
{
  struct thread_part met;
  if (threads_meet(start, end, &met))
    return error_set(-EBUSY, "region \"%s\": %#lx-%#lx holds %s of thread %d (%s) at %#lx-%#lx, which cannot "
                     "be watched", name ? name : "", (unsigned long)start, (unsigned long)end, met.what,
                     (int)met.thread, met.name, (unsigned long)met.start, (unsigned long)met.end);
  if (arena_overlaps(start, end) || process_overlaps(start, end) || meets_own(start, end))
    return error_set(-EBUSY, "region \"%s\": %#lx-%#lx holds memory of Writewatch's own, which cannot be "
                     "watched", name ? name : "", (unsigned long)start, (unsigned long)end);
  return 0;
}

void
tracker_take_out(struct ww_region *region)
{
  (void)take_out(region->tracker, region, position(region->tracker, region->start));
}

/* Takes the region over: in the tracker, or released. `moves`: the program may be changing
 * its memory meanwhile. */
static int
insert(struct ww_tracker *tracker, struct ww_region *region, bool moves)
{
  int error = reserve(tracker);
  for (unsigned parity = 0; parity < 2 && !error; parity++)
    error = faultlog_reserve(&tracker->log[parity], tracker->pages + region->pages);
  if (error)
    error_set(error, "region \"%s\": no memory to watch %zu pages", region->name, region->pages);
  else
    error = region_publish(region);
  if (error) {
    region_release(region);
    return error;
  }
  /* From here on changes of this memory wait for the lock, and those that came before have been
   * made: what was read of it until now may be out of date (shield/change.h). */
  if (moves)
    error = region_read_segments(region);
  if (error) {
    region_withdraw(region);
    region_release(region);
    return error;
  }
  size_t at = position(tracker, region->start);
  memmove(tracker->region + at + 1, tracker->region + at, (tracker->regions - at) * sizeof *tracker->region);
  tracker->region[at] = region;
  tracker->regions++;
  tracker->pages += region->pages;
  atomic_fetch_add(&tracker->arena.bytes, region->memory);
  if (tracker->started)
    error = epoch_arm_region(region);
  else if (tracker->engine != WW_ENGINE_MPROTECT && !(error = engine_attach(region)))
    /* Can it be done? The region is as it was until it is armed. */
    (void)engine_disarm(region);
  if (error)
    take_out(tracker, region, at);
  return error;
}

int
tracker_insert(struct ww_tracker *tracker, struct ww_region *region)
{
  return insert(tracker, region, false);
}

int
tracker_add(struct ww_tracker *tracker, const char *name, uintptr_t start, uintptr_t end,
            struct ww_region **added)
{
  unsigned shift;
  size_t segments;
  int error = region_inspect(name, &start, &end, &shift, &segments);
  if (!error)
    error = refuse_own(name, start, end);
  if (error)
    return error;
  if ((end - start) >> shift >= (uint64_t)1 << 32)
    return error_set(-EFBIG, "region \"%s\": %#lx-%#lx has %zu pages; add it in parts of less than 2^32",
                     name ? name : "", (unsigned long)start, (unsigned long)end,
                     (size_t)((end - start) >> shift));
  struct ww_region *region = region_create(tracker, name, start, end, shift, segments);
  if (!region)
    return error_set(-ENOMEM, "region \"%s\": no memory to watch %zu pages", name ? name : "",
                     (size_t)((end - start) >> shift));
  error = region_read_segments(region);
  if (!error && (tracker->flags & WW_SHIELD))
    error = shield_cover(region);
  if (error) {
    region_release(region);
    return error;
  }
  lock_take(&tracker->lock);
  error = insert(tracker, region, tracker->flags & WW_SHIELD);
  lock_give(&tracker->lock);
  if (!error)
    *added = region;
  return error;
}

int
tracker_remove(struct ww_region *region)
{
  /* The handle may have ended, and its memory with it: it is only compared. */
  struct ww_tracker *tracker = region_owner(region);
  bool found = false;
  int error = 0;
  if (tracker) {
    lock_take(&tracker->lock);
    for (size_t i = 0; i < tracker->regions && !found; i++)
      found = tracker->region[i] == region;
    if (found && atomic_load(&region->hold)) {
      lock_give(&tracker->lock);
      return error_set(-EBUSY, "region \"%s\": a snapshot holds pages of it: ww_snapshot_end() comes first",
                       region->name);
    }
    if (found) {
      /* What came of it by mremap() goes with it: nobody has a handle of that. */
      for (size_t i = tracker->regions; i-- > 0;)
        if (tracker->region[i] != region && tracker->region[i]->origin == region)
          (void)take_out(tracker, tracker->region[i], i);
      error = take_out(tracker, region, position(tracker, region->start));
    }
    lock_give(&tracker->lock);
  }
  return found ? error : error_set(-EINVAL, "ww_region_remove: the region was removed before");
}

void
tracker_stats(struct ww_tracker *tracker, struct ww_stats *stats)
{
  struct ww_stats figures = { .size = stats->size };
  lock_take(&tracker->lock);
  uint64_t epoch = atomic_load(&tracker->gate.epoch);
  long mappings = atomic_load(&tracker->mappings);
  figures.epoch = tracker->started ? tracker_epoch(tracker, epoch) : 0;
  figures.regions = tracker->regions;
  figures.pages = tracker->pages;
  for (size_t i = 0; i < tracker->regions; i++)
    figures.bytes += tracker->region[i]->end - tracker->region[i]->start;
  figures.stale_faults = atomic_load(&tracker->stale_faults);
  figures.faults = tracker->past_faults + figures.stale_faults;
  if (tracker->started)
    figures.faults += faultlog_count(&tracker->log[epoch & 1]);
  figures.widened_pages = atomic_load(&tracker->widened_pages);
  figures.mappings_used = (mappings > 0 ? (uint64_t)mappings : 0)
    + (tracker->started ? MAPPINGS_A_REGION * tracker->regions : 0);
  figures.mappings_budget = (uint64_t)atomic_load(&tracker->mappings_budget)
    + (tracker->started ? MAPPINGS_A_REGION * tracker->regions : 0);
  if (tracker->writers) {
    figures.stacks = atomic_load(&tracker->writers->count);
    figures.stacks_dropped = atomic_load(&tracker->writers->dropped) + atomic_load(&tracker->stackless);
  }
  figures.unfollowed = atomic_load(&tracker->unfollowed);
  figures.missed_pages = tracker->missed_pages;
  figures.shielded_calls = shield_calls();
  figures.unknown_calls = shield_unknown_calls();
  figures.unchanged_pages = tracker->unchanged_pages;
  figures.engine = tracker->engine;
  figures.policy = tracker->policy;
  for (size_t i = 0; i < tracker->regions; i++)
    figures.kept_pages += tracker->region[i]->policy ? tracker->region[i]->policy->kept_pages : 0;
  figures.verified_pages = tracker->verified_pages;
  figures.ahead_pages = atomic_load(&tracker->ahead_pages);
  figures.collect_time = tracker->collect_time;
  figures.arm_time = tracker->arm_time;
  figures.hash_time = tracker->hash_time;
  figures.memory = atomic_load(&tracker->arena.bytes);
  lock_give(&tracker->lock);
  /* The caller's memory may be tracked: it is not written with a lock held. */
  memcpy(stats, &figures, stats->size);
}
