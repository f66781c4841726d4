/* engine_mprotect.c - async-signal-safe. Write-protection by mprotect(2).
 *
 * Mappings. A writable page inside read-only ones is a mapping of its own and
 * splits what is around it: two mappings more. The kernel allows a process
 * vm.max_map_count of them, and refuses mprotect() and mmap() beyond. So runs of
 * writable pages are counted, and once a tracker's budget is used up a page is
 * no longer opened alone but together with all pages up to the nearest writable
 * one, which needs no further mapping. Those pages come out as WW_ASSUMED, or under the adaptive
 * policy are hashed before they are marked, and the collect returns those that differ.
 * The count is exact within a word of 64 pages (one atomic operation decides who
 * came first) and may be off by one where two handlers meet at a word's edge;
 * should the kernel say ENOMEM all the same, the same widening follows. */
#include "config.h"
#include "engine_ways.h"
#include "hold.h"
#include "tracker.h"

#include <errno.h>

/* Protect a range that may span segments, each in its own way. What the program does not
 * want to write, or what is gone, is as it should be. */
static int
protect(struct ww_region *region, size_t first, size_t count, bool arm)
{
  int error = 0;
  while (count) {
    const struct segment *segment = region_segment(region, first);
    size_t here = segment->first + segment->count - first;
    if (here > count)
      here = count;
    if (segment_is_tracked(segment)) {
      if (!arm)
        hold_before_open(region, first, here);
      int protection = arm ? segment_armed_protection(segment->protection) : segment->protection;
      int one = os_protect(region_page_address(region, first), here << region->shift, protection);
      if (one)
        error = one;
    }
    first += here;
    count -= here;
  }
  return error;
}

int
mprotect_arm(struct ww_region *region, size_t first, size_t count, bool exact)
{
  int error = protect(region, first, count, true);
  /* Whole segments need no new mapping: their edges are edges already. */
  if (error == -ENOMEM && !exact) {
    const struct segment *low = region_segment(region, first);
    const struct segment *high = region_segment(region, first + count - 1);
    error = protect(region, low->first, high->first + high->count - low->first, true);
  }
  return error;
}

int
mprotect_disarm(struct ww_region *region)
{
  return protect(region, 0, region->pages, false);
}

/* Mark what is opened beside the page that was written. While a collect is under way no hash can be trusted
 * (ahead.c); nor may a handler take too long. */
static void
mark_beside(struct ww_region *region, struct page_set *set, size_t first, size_t count)
{
  enum { HASHED_MOST = 8192 };
  uint64_t collects = atomic_load(&region->tracker->collects);
  if (!region->policy || !set->hash || region->probed || collects & 1 || count > HASHED_MOST) {
    engine_mark_bulk(region, set, first, count);
    return;
  }
  size_t widened = 0;
  for (size_t page = first; page < first + count; page++) {
    const struct segment *segment = region_segment(region, page);
    if (segment_is_steady(segment) && segment_is_tracked(segment))
      widened += page_set_add_hashed(region, set, page, collects);
    else
      engine_mark_bulk(region, set, page, 1);
  }
  atomic_fetch_add(&region->tracker->widened_pages, widened);
}

/* Open the pages together with all up to the nearest open one of their segments, or
 * with whole segments if there is none. */
static int
open_widely(struct ww_region *region, struct page_set *set, size_t first, size_t count)
{
  const struct segment *lowest = region_segment(region, first);
  const struct segment *highest = region_segment(region, first + count - 1);
  size_t low = lowest->first, high = highest->first + highest->count - 1, last = first + count - 1;
  size_t left = first > low ? bitmap_previous(&set->dirty, first - 1) : BITMAP_NONE;
  size_t right = last < high ? bitmap_next(&set->dirty, last + 1) : BITMAP_NONE;
  bool has_left = left != BITMAP_NONE && left >= low, has_right = right != BITMAP_NONE && right <= high;
  size_t from = low, to = high;
  if (has_left && (!has_right || first - left <= right - last)) {
    from = left;
    to = last;
  } else if (has_right) {
    from = first;
    to = right;
  }
  mark_beside(region, set, from, to - from + 1);
  int error = protect(region, from, to - from + 1, false);
  if (error == -ENOMEM && (from != low || to != high)) {
    mark_beside(region, set, low, high - low + 1);
    error = protect(region, low, high - low + 1, false);
  }
  return error;
}

int
mprotect_open_bulk(struct ww_region *region, struct page_set *set, size_t first, size_t count)
{
  engine_mark_bulk(region, set, first, count);
  return protect(region, first, count, false);
}

int
mprotect_open(struct ww_region *region, struct page_set *set, size_t first, size_t count)
{
  struct ww_tracker *tracker = region->tracker;
  if (atomic_load_explicit(&tracker->mappings, memory_order_relaxed) > tracker->mappings_budget)
    return open_widely(region, set, first, count);
  int error = protect(region, first, count, false);
  return error == -ENOMEM ? open_widely(region, set, first, count) : error;
}
