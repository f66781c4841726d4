/* snapshot.c - what memory held at one moment, while the program goes on writing to it.
 *
 * The moment. A snapshot takes these steps, under the tracker's lock:
 *
 *   F1  set `changing' in all regions: from here on nobody opens a page of them. A writer that faults, a
 *       ww_touch(), a system call that is to be lent memory, leaves its gate and waits (shield/follow.h)
 *   F2  wait until nobody is inside the gate of regions any more
 *   F3  make read-only all pages that are marked, which are all that are open (the invariant of gate.h); but
 *       for those that a system call may be writing to just now (pin.h)
 *   F4  say which pages are held (hold.h): from now on who opens one copies it first
 *   F5  end the epoch; copy what F3 left open; unset `changing'
 *   F6  the rest of a collect: what of this was written? Writers go on meanwhile.
 *
 * What is guaranteed. Let T be the moment at which the last call of F3 has returned. The image is what the
 * pages held at T, all of them at once:
 *   - Between its arming and T no page is written, for nobody opens one between F2 and F5, and the call that
 *     makes a page read-only returns when no processor can write to it by what it remembers of its old
 *     protection. (Both mprotect(2) and UFFDIO_WRITEPROTECT flush these before they return. A write that
 *     is in a processor's buffer was made by an instruction that is done, while the page was writable.)
 *   - From T on hold.h takes over: what is saved is what the page held then.
 * So the image is a state that the memory was in, at one instant between the call and the return of
 * ww_snapshot_begin(). It follows, whatever the threads do: a write that happened before the call is in it,
 * one that happens after the return is not; and if one write happened before another, in one thread or
 * through any chain of threads, and the later one is in the image, so is the earlier one. That is what F1
 * is for: pages are armed one after the other, and without it a thread could write to a page that is armed
 * already (its old content is saved: the write is not in the image) and then to one that is armed later
 * (it is in). With it, a thread's first write to an armed page waits until all are armed, and whatever it
 * does next comes after T.
 *
 * What is not. Pages that a system call is writing to at T stay open: to take them away would make the
 * call fail. They are copied at F5, over and over until a copy of all of them is like the one before it: then
 * they held that all at once (but for what came and went between two looks). If they are never alike
 * (ww_snapshot_stats.unsettled) each of them is as it was at some moment between the call and the return.
 * What is written through mappings that are no regions is not seen, as by all of this library; nor is a
 * write by another process to shared memory stopped: it may be in the image at any time, until the page is
 * saved.
 *
 * A page that is kept open from epoch to epoch (policy.c) is armed like the others, and marked in the next
 * epoch like those. The verdict whether it was written is on what it held at T (hold_page_hash()), so that
 * what the next collect compares it with is what was saved. When it has been saved it is opened again. */
#include "config.h"
#include "snapshot.h"
#include "alias.h"
#include "dirtyset.h"
#include "engine.h"
#include "epoch.h"
#include "error.h"
#include "loan.h"
#include "lock.h"
#include "policy.h"
#include "shield/waiting.h"
#include "tracker.h"

#include <errno.h>
#include <string.h>

enum { POOL_DEFAULT = 64 * 1024 * 1024 };

static void
set_changing(struct ww_tracker *tracker, bool changing)
{
  for (size_t i = 0; i < tracker->regions; i++)
    atomic_store(&tracker->region[i]->changing, changing);
}

static struct page_set *
running_set(struct ww_region *region)
{
  return &region->set[atomic_load(&region->tracker->gate.epoch) & 1];
}

/* ---------------------------------------------------------------- freezing */

/* F3 for [from, to). With mprotect(2) what is read-only already costs next to nothing, and each call holds up
 * other threads' faults, which wait anyway: so one call. Else the kernel changes each page anew, marked or
 * not, and a call costs as much as a handful of them. */
static int
arm_marked(struct ww_region *region, struct page_set *set, size_t from, size_t to, bool exact)
{
  enum { GAP = 8 };
  size_t first = bitmap_next(&set->dirty, from);
  if (first >= to)
    return 0;
  if (atomic_load(&region->engine) == WW_ENGINE_MPROTECT)
    return engine_arm(region, first, bitmap_previous(&set->dirty, to - 1) + 1 - first, exact);
  int error = 0;
  while (first < to && !error) {
    size_t behind = first + 1, next;
    while ((next = bitmap_next(&set->dirty, behind)) < to && next - behind <= GAP)
      behind = next + 1;
    error = engine_arm(region, first, behind - first, exact);
    first = next;
  }
  return error;
}

/* Pages that stay open: they are returned by this collect whatever they hold, for what they hold now is not
 * known. */
static void
note_open(struct ww_snapshot *snapshot, struct ww_region *region, struct page_set *set, struct pages pinned)
{
  size_t behind = pinned.first + pinned.count, page = pinned.first;
  while ((page = bitmap_next(&set->dirty, page)) < behind) {
    size_t word = page / 64;
    uint64_t open = bitmap_word(&set->dirty, word) & bitmap_mask(word, pinned.first, pinned.count);
    region->hold_memory->open[word] |= open;
    page_set_owe(set, word, open);
    snapshot->opens = true;
    page = (word + 1) * 64;
  }
}

static int
freeze(struct ww_snapshot *snapshot, struct ww_region *region)
{
  struct page_set *set = running_set(region);
  struct pages pinned[PINS];
  engine_check(region, set);
  size_t count = loan_arming(region, pinned), from = 0;
  int error = 0;
  for (size_t i = 0; i <= count && !error; i++) {
    size_t to = i < count ? pinned[i].first : region->pages;
    if (to > from)
      error = arm_marked(region, set, from, to, count > 0);
    if (i < count) {
      note_open(snapshot, region, set, pinned[i]);
      from = pinned[i].first + pinned[i].count;
    }
  }
  loan_arming_done();
  region->frozen = count == 0;
  if (error)
    error = !engine_is_whole(region) ? region_unmapped(region)
      : error_set(error, "region \"%s\" at %#lx-%#lx cannot be made read-only: %s", region->name,
                  (unsigned long)region->start, (unsigned long)region->end, strerror(-error));
  return error;
}

/* F4 */
static void
hold_region(struct ww_snapshot *snapshot, struct ww_region *region, bool aliased)
{
  struct hold *hold = region->hold_memory;
  const struct bitmap *dirty = &running_set(region)->dirty;
  hold->pool = snapshot->pool;
  hold->aliased = aliased;
  hold->engine = atomic_load(&region->engine);
  hold->fresh = true;
  atomic_store(&hold->copied, 0);
  atomic_store(&hold->waits, 0);
  atomic_store(&hold->lost, 0);
  if (snapshot->full)
    for (size_t word = 0; word < bitmap_words(region->pages); word++)
      atomic_store_explicit(&hold->held[word], bitmap_mask(word, 0, region->pages), memory_order_relaxed);
  else
    for (size_t page = 0; (page = bitmap_next(dirty, page)) != BITMAP_NONE; page = (page / 64 + 1) * 64)
      atomic_store_explicit(&hold->held[page / 64], bitmap_word(dirty, page / 64), memory_order_relaxed);
  atomic_store(&region->hold, hold);
}

/* Shared memory that more than one segment shows. */
static bool
is_shown_twice(const struct ww_tracker *tracker)
{
  unsigned found = 0;
  for (size_t i = 0; i < tracker->regions && found < 2; i++) {
    const struct segment_table *table = atomic_load(&tracker->region[i]->table);
    for (size_t s = 0; s < table->count; s++)
      found += table->segment[s].shared && table->segment[s].inode;
  }
  return found > 1;
}

/* F5: the epoch has ended. */
static void
thaw(void *argument)
{
  enum { TRIES = 16 };
  struct ww_snapshot *snapshot = argument;
  struct ww_tracker *tracker = snapshot->tracker;
  size_t different = snapshot->opens;
  for (unsigned attempt = 0; attempt < TRIES && different; attempt++) {
    different = 0;
    for (size_t i = 0; i < tracker->regions; i++)
      different += hold_copy_open(tracker->region[i], tracker->region[i]->hold_memory);
  }
  snapshot->unsettled = different;
  set_changing(tracker, false);
  snapshot->stop = os_now() - snapshot->begin;
}

/* ------------------------------------------------------------ letting it go */

void
snapshot_let_go(struct ww_region *region, size_t first, size_t behind)
{
  struct hold *hold = region->hold_memory;
  for (size_t word = first / 64; first < behind && word <= (behind - 1) / 64; word++)
    hold_let_go(region, hold, word, bitmap_mask(word, first, behind - first));
}

/* Ready for the next one. */
static void
reset(struct ww_region *region)
{
  struct hold *hold = region->hold_memory;
  size_t page = os_page_size(), length = region->pages * sizeof *hold->copy;
  uintptr_t from = (uintptr_t)hold->copy, to = from + length;
  snapshot_let_go(region, 0, region->pages);
  memset(hold->open, 0, bitmap_words(region->pages) * sizeof *hold->open);
  if (length > 16 * page) {
    uintptr_t low = (from + page - 1) & ~(page - 1), high = to & ~(page - 1);
    memset((void *)from, 0, low - from);
    os_forget((void *)low, high - low);
    memset((void *)high, 0, to - high);
  } else
    memset((void *)from, 0, length);
}

void
snapshot_end_holding(struct ww_region *const *region, size_t count, bool alone)
{
  for (size_t i = 0; i < count; i++)
    atomic_store(&region[i]->hold, NULL);
  if (!alone)
    region_gate_wait();
  for (size_t i = 0; i < count; i++)
    reset(region[i]);
}

void
snapshot_forget(struct ww_tracker *tracker)
{
  struct ww_snapshot *snapshot = tracker->snapshot;
  if (!snapshot)
    return;
  snapshot_end_holding(snapshot->region, snapshot->regions, true);
  snapshot->over = true;
  tracker->snapshot = NULL;
}

void
snapshot_keep_pool(struct ww_snapshot *snapshot)
{
  pool_destroy(snapshot->tracker->pool);
  snapshot->tracker->pool = snapshot->pool;
  snapshot->pool = NULL;
}

/* ------------------------------------------------------------------- begin */

/* The last one's, if it is as large. */
static int
find_pool(struct ww_snapshot *snapshot, size_t bytes)
{
  struct ww_tracker *tracker = snapshot->tracker;
  if (tracker->pool && tracker->pool->wanted == bytes) {
    snapshot->pool = tracker->pool;
    tracker->pool = NULL;
    pool_renew(snapshot->pool);
  } else
    snapshot->pool = pool_create(bytes);
  return snapshot->pool ? 0 : error_set(-ENOMEM, "no memory for a pool of %zu bytes", bytes);
}

static int
prepare(struct ww_snapshot *snapshot, size_t pool)
{
  struct ww_tracker *tracker = snapshot->tracker;
  if (!tracker->started)
    return error_set(-ENODATA, "the tracker is not started: ww_start() comes before ww_snapshot_begin()");
  if (tracker->snapshot)
    return error_set(-EBUSY, "the tracker has a snapshot already: ww_snapshot_end() comes first");
  for (size_t i = 0; i < tracker->regions; i++) {
    struct ww_region *region = tracker->region[i];
    if (atomic_load(&region->engine) == WW_ENGINE_PAGEMAP)
      return error_set(-ENOTSUP, "region \"%s\": with the pagemap engine nobody knows of a write before "
                       "it is made; a tracker for snapshots needs WW_ENGINE_MPROTECT or "
                       "WW_ENGINE_USERFAULTFD",
                       region->name);
    if (!region->hold_memory && !(region->hold_memory = hold_create(region->pages)))
      return error_set(-ENOMEM, "region \"%s\": no memory to hold %zu pages", region->name, region->pages);
  }
  snapshot->region = arena_map(NULL, (tracker->regions + 1) * sizeof *snapshot->region);
  return snapshot->region ? find_pool(snapshot, pool)
    : error_set(-ENOMEM, "no memory for a snapshot of %zu regions", tracker->regions);
}

/* Of what is held only what the collect has returned is wanted. */
static void
let_go_others(struct ww_tracker *tracker, const struct ww_dirty *dirty)
{
  size_t at = 0;
  for (size_t i = 0; i < tracker->regions; i++) {
    struct ww_region *region = tracker->region[i];
    size_t page = 0;
    for (; at < dirty->runs && dirty->run[at].region == region; at++) {
      size_t first = ((uintptr_t)dirty->run[at].address - region->start) >> region->shift;
      snapshot_let_go(region, page, first);
      page = first + (dirty->run[at].length >> region->shift);
    }
    snapshot_let_go(region, page, region->pages);
  }
}

/* What the kernel wrote to a page between its copy (F5) and its arming (F6), if its call returned in between, is
 * marked nowhere: the mark was of the epoch that ended, and nothing is lent any more. Nobody writes to it now. */
static void
mark_late(struct ww_region *region, struct page_set *running, size_t page, const void *copy)
{
  uint64_t bit = (uint64_t)1 << (page % 64);
  if (!hold_is_readable(region, page)
      || page_hash_equal(region_page_hash(region, page), page_hash(copy, (size_t)1 << region->shift)))
    return;
  page_set_declare(region, running, page / 64, bit);
  page_set_owe(running, page / 64, bit);
}

/* The next collect compares what was open with what was copied. */
static void
rebase_open(struct ww_region *region)
{
  struct hold *hold = region->hold_memory;
  struct page_set *running = running_set(region);
  for (size_t word = 0; word < bitmap_words(region->pages); word++)
    for (uint64_t rest = hold->open[word]; rest; rest &= rest - 1) {
      size_t page = word * 64 + (unsigned)__builtin_ctzll(rest);
      uintptr_t copy = atomic_load(&hold->copy[page]);
      if (copy < HOLD_STATES)
        continue;
      if (!bitmap_test(&running->dirty, page))
        mark_late(region, running, page, (const void *)copy);
      else if (region->hashes)
        policy_rebase(region, running, page, (const void *)copy);
    }
}

/* With the second engine a descriptor that the program closes takes all protection away (engine.c). */
bool
snapshot_is_sound(struct ww_region *const *region, size_t count, const struct ww_tracker *tracker)
{
  for (size_t i = 0; i < count; i++)
    if (region[i]->tracker == tracker
        && (region[i]->hold_memory->engine != atomic_load(&region[i]->engine) || !engine_holds(region[i])))
      return false;
  return true;
}

/* F1 to F6, the lock held. */
static int
take(struct ww_snapshot *snapshot, struct ww_dirty **made)
{
  struct ww_tracker *tracker = snapshot->tracker;
  struct ww_dirty *dirty = NULL;
  int error = 0;
  snapshot->begin = os_now();
  set_changing(tracker, true);
  region_gate_wait();
  for (size_t i = 0; i < tracker->regions && !error; i++)
    error = freeze(snapshot, tracker->region[i]);
  if (error) {
    for (size_t i = 0; i < tracker->regions; i++) {
      tracker->region[i]->frozen = false;
      reset(tracker->region[i]);
    }
    set_changing(tracker, false);
    return error;
  }
  bool aliased = is_shown_twice(tracker);
  if (aliased)
    alias_spread(tracker, atomic_load(&tracker->gate.epoch));
  for (size_t i = 0; i < tracker->regions; i++)
    hold_region(snapshot, tracker->region[i], aliased);
  error = epoch_collect(tracker, thaw, snapshot, &dirty);
  for (size_t i = 0; i < tracker->regions; i++) {
    tracker->region[i]->frozen = false;
    tracker->region[i]->hold_memory->fresh = false;
  }
  if (!error && !snapshot_is_sound(tracker->region, tracker->regions, tracker)) {
    dirty_give_back(dirty, tracker);
    error = error_set(-EIO, "a descriptor of Writewatch's was closed while the snapshot was taken: it can be "
                      "taken again");
  }
  if (error) {
    snapshot_end_holding(tracker->region, tracker->regions, false);
    ww_dirty_free(dirty);
    return error;
  }
  for (size_t i = 0; i < tracker->regions && snapshot->opens; i++)
    rebase_open(tracker->region[i]);
  if (!snapshot->full)
    let_go_others(tracker, dirty);
  snapshot->held = snapshot->full ? tracker->pages : dirty->pages;
  for (; snapshot->regions < tracker->regions; snapshot->regions++)
    snapshot->region[snapshot->regions] = region_share(tracker->region[snapshot->regions]);
  tracker->snapshot = snapshot;
  *made = dirty;
  return 0;
}

static int
read_options(const struct ww_snapshot_options *given, struct ww_snapshot_options *options)
{
  if (given && given->size != sizeof *options)
    return error_set(-EINVAL, "ww_snapshot_options.size is %zu: begin with WW_SNAPSHOT_OPTIONS_INIT",
                     given->size);
  if (given)
    *options = *given;
  if (options->flags & ~(unsigned)WW_SNAPSHOT_FULL)
    return error_set(-EINVAL, "ww_snapshot_options.flags is %#x, which this version does not know",
                     options->flags);
  if (!options->pool)
    options->pool = POOL_DEFAULT;
  return 0;
}

int
ww_snapshot_begin(struct ww_tracker *tracker, const struct ww_snapshot_options *given,
                  struct ww_dirty **dirty, struct ww_snapshot **made)
{
  struct ww_snapshot_options options = WW_SNAPSHOT_OPTIONS_INIT;
  if (!tracker || !dirty || !made)
    return error_set(-EINVAL, "ww_snapshot_begin: the tracker, or the place for the dirty set or the "
                     "snapshot, is NULL");
  int error = read_options(given, &options);
  if (error)
    return error;
  struct ww_dirty *written = NULL;
  struct ww_snapshot *snapshot = arena_map(NULL, sizeof *snapshot);
  if (!snapshot)
    error = error_set(-ENOMEM, "no memory for a snapshot");
  else {
    snapshot->tracker = tracker;
    lock_take(&tracker->lock);
    /* What the audit finds to be missed may lie on any page. */
    snapshot->full = (options.flags & WW_SNAPSHOT_FULL) || tracker->audited;
    error = prepare(snapshot, options.pool);
    if (!error && (tracker->flags & WW_SHIELD))
      waiting_refresh();
    if (!error)
      error = take(snapshot, &written);
    lock_give(&tracker->lock);
  }
  if (error) {
    snapshot_free(snapshot);
    return error;
  }
  *dirty = written;
  *made = snapshot;
  return 0;
}

void
snapshot_free(struct ww_snapshot *snapshot)
{
  if (!snapshot)
    return;
  for (size_t i = 0; i < snapshot->regions; i++)
    region_release(snapshot->region[i]);
  if (snapshot->region)
    arena_unmap(NULL, snapshot->region);
  pool_destroy(snapshot->pool);
  arena_unmap(NULL, snapshot);
}
