/* engine.c - async-signal-safe (but for what is around fork()). Which engine does what is asked.
 *
 *   mprotect     a write to a protected page raises SIGSEGV in the writer
 *   userfaultfd  the same below the mappings, which are never split: SIGBUS
 *   pagemap      the kernel lets the write pass and remembers it; a scan tells
 *
 * The second and third rest on a file descriptor, which a program may close without knowing
 * whose it is: then the kernel drops all protection, silently. So each collect looks whether
 * the objects are still there before it believes what it sees (engine_check(), or the scan
 * itself); if not, all pages of the region are returned as WW_ASSUMED, and the first engine, which
 * needs nothing that can be taken away, has the region from then on. */
#include "config.h"
#include "engine_ways.h"
#include "pin.h"
#include "tracker.h"

#include <errno.h>

static bool
is_mprotect(const struct ww_region *region)
{
  return atomic_load(&region->engine) == WW_ENGINE_MPROTECT;
}

int
engine_arm(struct ww_region *region, size_t first, size_t count, bool exact)
{
  return is_mprotect(region) ? mprotect_arm(region, first, count, exact)
    : userfault_arm(region, first, count);
}

int
engine_disarm(struct ww_region *region)
{
  if (is_mprotect(region))
    return mprotect_disarm(region);
  userfault_detach(region);
  return engine_is_whole(region) ? 0 : -ENOMEM;
}

bool
engine_is_whole(const struct ww_region *region)
{
  const struct segment_table *table = atomic_load(&region->table);
  for (size_t i = 0; i < table->count; i++) {
    const struct segment *segment = &table->segment[i];
    if (segment_is_tracked(segment)
        && os_is_mapped(region_page_address(region, segment->first), segment->count << region->shift))
      return false;
  }
  return true;
}

int
engine_open(struct ww_region *region, struct page_set *set, size_t first, size_t count)
{
  return is_mprotect(region) ? mprotect_open(region, set, first, count)
    : userfault_open_pages(region, first, count);
}

int
engine_open_bulk(struct ww_region *region, struct page_set *set, size_t first, size_t count)
{
  if (is_mprotect(region))
    return mprotect_open_bulk(region, set, first, count);
  engine_mark_bulk(region, set, first, count);
  return userfault_open_pages(region, first, count);
}

static void
mark_part(struct ww_region *region, struct page_set *set, size_t first, size_t count)
{
  size_t widened = 0;
  for (size_t word = first / 64; word <= (first + count - 1) / 64; word++) {
    uint64_t added = page_set_add(region, set, word, bitmap_mask(word, first, count));
    if (added) {
      atomic_fetch_or(&set->bulk[word], added);
      atomic_store(&set->special, true);
      widened += (size_t)__builtin_popcountll(added);
    }
  }
  atomic_fetch_add(&region->tracker->widened_pages, widened);
}

void
engine_mark_bulk(struct ww_region *region, struct page_set *set, size_t first, size_t count)
{
  while (count) {
    const struct segment *segment = region_segment(region, first);
    size_t here = segment->first + segment->count - first;
    if (here > count)
      here = count;
    if (segment_is_tracked(segment))
      mark_part(region, set, first, here);
    first += here;
    count -= here;
  }
}

/* ------------------------------------------------------- what was written */

bool
engine_holds(const struct ww_region *region)
{
  return is_mprotect(region) || userfault_is_attached(region);
}

void
engine_check(struct ww_region *region, struct page_set *ended)
{
  if (is_mprotect(region))
    return;
  /* Of what is not registered any more a scan says EPERM: to ask about the object would say it twice. */
  bool works = atomic_load(&region->engine) == WW_ENGINE_PAGEMAP
    ? userfault_is_same(region) && pagemap_ready() : userfault_is_attached(region);
  if (!works)
    engine_lose(region, ended);
}

void
engine_lose(struct ww_region *region, struct page_set *ended)
{
  /* What is left of it goes, or a write would raise both signals. */
  userfault_detach(region);
  /* Who finds a page protected by mprotect() must find this said. */
  atomic_store(&region->engine, WW_ENGINE_MPROTECT);
  engine_mark_bulk(region, ended, 0, region->pages);
}

bool
engine_scan(struct ww_region *region, struct page_set *set, size_t first, size_t count, bool protect)
{
  if (pagemap_scan(region, set, first, count, protect))
    return true;
  engine_mark_bulk(region, set, first, count);
  return false;
}

uint64_t
engine_written(struct ww_region *region, size_t word)
{
  return atomic_load(&region->engine) == WW_ENGINE_PAGEMAP ? pagemap_written(region, word) : 0;
}

/* -------------------------------------------------------------------- fork */

/* A child inherits no registration, and its pages are writable. What the userfaultfd engine knows
 * is in the marks, which are made before a page is opened, and opening and fork() exclude each
 * other (both take the kernel's lock of the address space); so the child protects what is not
 * marked, and all is as fork.c has it. What the pagemap engine has not scanned yet only the kernel
 * knows, and the parent's other threads go on writing between a scan and the copy. So for that
 * moment the mprotect engine takes over: everything is made read-only *before* the scan, so that
 * each write is either found by it, or trapped and marked. The child goes on from the marks. */
void
engine_before_fork(struct ww_region *region)
{
  struct page_set *running = &region->set[atomic_load(&region->tracker->gate.epoch) & 1];
  if (atomic_load(&region->engine) != WW_ENGINE_PAGEMAP || !atomic_load(&region->armed))
    return;
  pin_disturb();
  atomic_store(&region->interim, true);
  atomic_store(&region->engine, WW_ENGINE_MPROTECT);
  atomic_fetch_add(&region_armings, 1);
  (void)mprotect_arm(region, 0, region->pages, false);
  (void)pagemap_ready();
  (void)engine_scan(region, running, 0, region->pages, false);
}

void
engine_in_parent(struct ww_region *region)
{
  if (!atomic_load(&region->interim))
    return;
  (void)mprotect_disarm(region);
  atomic_store(&region->engine, WW_ENGINE_PAGEMAP);
  atomic_store(&region->interim, false);
}

void
engine_in_child(void)
{
  userfault_forget();
  pagemap_forget();
}

/* Nothing else runs here yet, so the order does not matter. */
void
engine_follow(struct ww_region *region, struct page_set *running)
{
  if (is_mprotect(region) && !atomic_load(&region->interim))
    return;
  bool chosen = region->tracker->engine_chosen;
  atomic_store(&region->interim, false);
  region->tracker->engine_chosen = false;
  (void)mprotect_disarm(region);
  (void)engine_attach(region);
  region->tracker->engine_chosen = chosen;
  pin_disturb();
  atomic_fetch_add(&region_armings, 1);
  for (size_t page = 0; page < region->pages; page++) {
    size_t next = bitmap_next(&running->dirty, page);
    next = next < region->pages ? next : region->pages;
    if (next > page && engine_arm(region, page, next - page, true)) {
      /* No memory for it, say: what cannot be watched counts as written. */
      engine_mark_bulk(region, running, page, next - page);
      (void)engine_open(region, running, page, next - page);
    }
    page = next;
    while (page + 1 < region->pages && bitmap_test(&running->dirty, page + 1))
      page++;
  }
}

void
engine_lock(void)
{
  userfault_lock();
}

void
engine_unlock(void)
{
  userfault_unlock();
}
