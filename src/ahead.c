/* ahead.c - async-signal-safe. Pages that are opened before they are written: ahead of a stream,
 * and between a page and one that is open nearby.
 *
 * A fault costs as much as hashing some 25 to 100 pages. If the pages just before the one that
 * faulted have all been written in this epoch, the next will be, too: half as many of them as
 * there are before, at most AHEAD_MAX, are made writable along with it. So what can be wasted,
 * should the stream end here, is in proportion to what the stream has cost. Pages that
 * were opened and not written count as written here, so before a run is trusted two of its
 * provisional marks are tried: if a page still holds what it held, this is no stream.
 *
 * With mprotect(2) a page that is opened alone splits a mapping, which costs as much again as the
 * rest of the trap. If a page is open nearby, the pages in between are opened with it.
 *
 * All of them are hashed before they are marked, and marked before they are opened, as those that
 * are lent (loan.c); the next collect returns those that differ (WW_VERIFIED). Marks of pages that
 * are kept (policy.h) say nothing of a stream and are not counted. A budget (policy.c) ends all this
 * where it does not pay. */
#include "config.h"
#include "policy.h"
#include "tracker.h"

enum { STREAM_MIN = 4, AHEAD_MAX = 64 };

/* Pages [page - *, page) or (page, page + *] that are marked and not kept; up to 2 * AHEAD_MAX. */
static size_t
run_beside(const struct ww_region *region, const struct page_set *set, size_t page, int step)
{
  size_t run = 0, at = page;
  while (run < 2 * AHEAD_MAX && (step > 0 ? at + 1 < region->pages : at > 0)) {
    at += (size_t)step;
    uint64_t bit = (uint64_t)1 << (at % 64);
    if (!(bitmap_word(&set->dirty, at / 64) & ~policy_kept(region, at / 64) & bit))
      break;
    run++;
  }
  return run;
}

/* Was it written, if it was opened ahead? */
static bool
was_written(const struct ww_region *region, const struct page_set *set, size_t page)
{
  if (!atomic_load(&set->unverified) || !(atomic_load(&set->provisional[page / 64]) >> (page % 64) & 1))
    return true;
  struct page_hash now = region_page_hash(region, page);
  return !page_hash_equal(now, set->hash[page]);
}

static bool
is_stream(const struct ww_region *region, const struct page_set *set, size_t page, size_t run, int step)
{
  size_t other = 2 + (os_now() >> 4) % (run - 1);
  return was_written(region, set, page + (size_t)step)
    && was_written(region, set, page + (size_t)step * other);
}

/* Hash and mark [first, first + count), nothing of which is marked; stops where something is by now,
 * and returns how many it was. In the order from the page that faulted.
 *
 * The hash must be what the page holds when it is marked. While a collect is under way, a page may still
 * be open from the epoch that ended, and be written and copied between the hash and the mark: so nothing
 * is opened ahead then, and if a collect has begun in between the page is returned whatever it holds. */
static size_t
mark_ahead(struct ww_region *region, struct page_set *set, size_t from, size_t count, int step)
{
  size_t done = 0;
  uint64_t collects = atomic_load(&region->tracker->collects);
  if (collects & 1)
    return 0;
  for (size_t page = from; done < count && page_set_add_hashed(region, set, page, collects); done++)
    page += (size_t)step;
  atomic_fetch_add_explicit(&region->tracker->ahead_pages, done, memory_order_relaxed);
  return done;
}

/* Not beyond what may be hashed at any time, nor beyond what is marked already. */
static size_t
free_beside(const struct ww_region *region, const struct page_set *set, size_t page, int step, size_t most)
{
  const struct segment *segment = region_segment(region, page);
  if (!segment_is_steady(segment) || region->probed)
    return 0;
  size_t room = step > 0 ? segment->first + segment->count - 1 - page : page - segment->first;
  if (room > most)
    room = most;
  size_t met = BITMAP_NONE;
  if (room && step > 0)
    met = bitmap_next(&set->dirty, page + 1);
  else if (room)
    met = bitmap_previous(&set->dirty, page - 1);
  if (met != BITMAP_NONE) {
    size_t between = (step > 0 ? met - page : page - met) - 1;
    room = between < room ? between : room;
  }
  return room;
}

static void
widen(struct ww_region *region, struct page_set *set, size_t page, size_t count, int step, size_t *first,
      size_t *opened)
{
  size_t done = mark_ahead(region, set, page + (size_t)step, count, step);
  atomic_fetch_sub_explicit(&region->policy->ahead_left, (long)done, memory_order_relaxed);
  *opened += done;
  if (step < 0)
    *first -= done;
}

static bool
follow_stream(struct ww_region *region, struct page_set *set, size_t page, int step, size_t *first,
              size_t *count)
{
  size_t run = run_beside(region, set, page, -step);
  if (run < STREAM_MIN)
    return false;
  size_t most = run / 2 < AHEAD_MAX ? run / 2 : AHEAD_MAX;
  most = free_beside(region, set, page, step, most);
  if (!most || !is_stream(region, set, page, run, -step))
    return false;
  /* What proved right costs no budget. */
  if (atomic_load(&set->unverified))
    atomic_fetch_add_explicit(&region->policy->ahead_left, (long)most, memory_order_relaxed);
  widen(region, set, page, most, step, first, count);
  return true;
}

/* The pages up to an open one that is not far away. */
static void
fill_gap(struct ww_region *region, struct page_set *set, size_t page, size_t *first, size_t *count)
{
  size_t most = atomic_load_explicit(&region->policy->gap_max, memory_order_relaxed);
  if (!most)
    return;
  for (int step = -1; step <= 1; step += 2) {
    size_t gap = free_beside(region, set, page, step, most);
    size_t met = page + (size_t)step * (gap + 1);
    if (gap && gap < most && met < region->pages && bitmap_test(&set->dirty, met)) {
      widen(region, set, page, gap, step, first, count);
      return;
    }
    if (!gap && met < region->pages && bitmap_test(&set->dirty, met))
      return;               /* it is beside an open one */
  }
}

void
policy_ahead(struct ww_region *region, struct page_set *set, size_t *first, size_t *count)
{
  size_t page = *first;
  if (!region->policy || !set->hash
      || atomic_load_explicit(&region->policy->ahead_left, memory_order_relaxed) <= 0)
    return;
  if (!follow_stream(region, set, page, 1, first, count)
      && !follow_stream(region, set, page, -1, first, count))
    fill_gap(region, set, page, first, count);
}
