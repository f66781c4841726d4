/* saving.c - a snapshot's pages copied, and let go of. */
#include "config.h"
#include "engine.h"
#include "error.h"
#include "lock.h"
#include "policy.h"
#include "snapshot.h"
#include "tracker.h"

#include <errno.h>

/* Pages of one word that were saved as they lay there, and are to stay open from epoch to epoch: they are
 * marked as such already. */
static void
open_again(struct ww_region *region, size_t word, uint64_t saved)
{
  if (!saved || !region->policy || !atomic_load(&region->armed))
    return;
  struct gate_pass pass = gate_enter(&region->tracker->gate);
  struct page_set *set = &region->set[pass.epoch & 1];
  uint64_t rest = saved & policy_kept(region, word) & bitmap_word(&set->dirty, word);
  while (rest) {
    unsigned first = (unsigned)__builtin_ctzll(rest);
    uint64_t from = rest >> first;
    unsigned length = ~from ? (unsigned)__builtin_ctzll(~from) : 64 - first;
    (void)engine_open(region, set, word * 64 + first, length);
    rest = first + length < 64 ? rest & ~(uint64_t)0 << (first + length) : 0;
  }
  gate_leave(pass);
}

/* Pages [first, behind), all of one word; the lock is held, so that nothing changes what is mapped there. */
static int
copy_word(struct ww_region *region, size_t first, size_t behind, char *buffer)
{
  struct hold *hold = region->hold_memory;
  uint64_t saved = 0;
  int error = 0;
  for (size_t page = first; page < behind && !error; page++) {
    bool in_place;
    error = hold_save(region, hold, page, buffer + ((page - first) << region->shift), &in_place);
    if (in_place)
      saved |= (uint64_t)1 << (page % 64);
  }
  if (region->tracker)
    open_again(region, first / 64, saved);
  return error;
}

static int
explain(int error, const struct ww_region *region, size_t first)
{
  const char *why = error == -ENOBUFS ? "was written before it was copied, and there was no memory"
    : error == -EFAULT ? "cannot be read" : "is not held: copied before, or not in the snapshot";
  return error_set(error, "ww_snapshot_copy: a page from %#lx on %s",
                   (unsigned long)region_page_address(region, first), why);
}

int
ww_snapshot_copy(struct ww_snapshot *snapshot, const void *address, size_t length, void *buffer)
{
  uintptr_t start = (uintptr_t)address;
  if (!snapshot || !address)
    return error_set(-EINVAL, "ww_snapshot_copy: the snapshot or the address is NULL");
  struct ww_region *region = region_among(snapshot->region, snapshot->regions, start, start + length);
  if (!region)
    return error_set(-EINVAL, "ww_snapshot_copy: %zu bytes from %p are not whole pages of one region of the "
                     "snapshot", length, address);
  if (snapshot->over)
    return error_set(-ENODATA, "the snapshot is over: its tracker has ended, or this is a child of fork()");
  hold_never_me(snapshot->pool);
  size_t first = (start - region->start) >> region->shift, behind = first + (length >> region->shift);
  int error = 0;
  /* Not all of a large range under one lock: collects wait meanwhile. */
  for (size_t page = first, next; page < behind && !error; page = next) {
    size_t most = buffer ? (page / 64 + 1) * 64 : page + (size_t)64 * 1024;
    next = most < behind ? most : behind;
    lock_take(&snapshot->tracker->lock);
    if (buffer)
      error = copy_word(region, page, next, (char *)buffer + ((page - first) << region->shift));
    else
      snapshot_let_go(region, page, next);
    lock_give(&snapshot->tracker->lock);
    if (error)
      return explain(error, region, page);
  }
  return 0;
}

static void
add_up(const struct ww_snapshot *snapshot, uint64_t *copied, uint64_t *waits, uint64_t *lost)
{
  *copied = *waits = *lost = 0;
  for (size_t i = 0; i < snapshot->regions; i++) {
    struct hold *hold = snapshot->region[i]->hold_memory;
    *copied += atomic_load(&hold->copied);
    *waits += atomic_load(&hold->waits);
    *lost += atomic_load(&hold->lost);
  }
}

int
ww_snapshot_stats(const struct ww_snapshot *snapshot, struct ww_snapshot_stats *stats)
{
  if (!snapshot || !stats || stats->size != sizeof *stats)
    return error_set(-EINVAL, "ww_snapshot_stats: the snapshot or the place for the figures is NULL, or its "
                     "size member is not sizeof(struct ww_snapshot_stats)");
  stats->pages = snapshot->held;
  add_up(snapshot, &stats->copied_pages, &stats->waits, &stats->lost_pages);
  stats->pool_bytes = atomic_load(&snapshot->pool->taken);
  stats->pool_most = atomic_load(&snapshot->pool->most);
  stats->stop_time = snapshot->stop;
  stats->unsettled = snapshot->unsettled;
  return 0;
}

int
ww_snapshot_end(struct ww_snapshot *snapshot)
{
  int error = 0;
  if (!snapshot)
    return 0;
  if (!snapshot->over) {
    struct ww_tracker *tracker = snapshot->tracker;
    uint64_t copied, waits, lost;
    lock_take(&tracker->lock);
    add_up(snapshot, &copied, &waits, &lost);
    if (lost)
      error = error_set(-ENOBUFS, "%llu pages were written before they were copied, and there was no memory",
                        (unsigned long long)lost);
    if (!snapshot_is_sound(snapshot->region, snapshot->regions, tracker))
      error = error_set(-EIO, "a descriptor of Writewatch's was closed while the snapshot lasted: writes may "
                        "have come through");
    snapshot_end_holding(snapshot->region, snapshot->regions, false);
    snapshot_keep_pool(snapshot);
    tracker->snapshot = NULL;
    lock_give(&tracker->lock);
  }
  snapshot_free(snapshot);
  return error;
}
