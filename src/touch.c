/* touch.c - async-signal-safe. Announced writes: ww_touch(). */
#include "config.h"
#include "engine.h"
#include "region.h"
#include "tracker.h"

/* Mark and open the pages of one region, like a fault's (gate.h). */
static int
declare(struct ww_region *region, size_t first, size_t count)
{
  struct gate_pass pass = gate_enter(&region->tracker->gate);
  struct page_set *set = &region->set[pass.epoch & 1];
  for (size_t word = first / 64; word <= (first + count - 1) / 64; word++) {
    uint64_t mask = bitmap_mask(word, first, count);
    uint64_t added = page_set_add(region, set, word, mask);
    /* Pages that were made writable in bulk are now known to be written. */
    if (atomic_load(&set->special)) {
      added |= atomic_load(&set->bulk[word]) & mask;
      atomic_fetch_and(&set->provisional[word], ~mask);
    }
    if (added) {
      atomic_fetch_or(&set->declared[word], added);
      atomic_store(&set->special, true);
    }
  }
  int error = engine_open(region, set, first, count);
  gate_leave(pass);
  return error;
}

int
tracker_touch(struct ww_tracker *tracker, uintptr_t start, uintptr_t end)
{
  int error = 0;
  struct gate_pass pass = gate_enter(&region_gate);
  const struct region_table *table = region_table();
  for (size_t i = region_table_search(table, start); table && i < table->count; i++) {
    struct ww_region *region = table->region[i];
    if (region->start >= end)
      break;
    if (region->tracker != tracker || !atomic_load(&region->armed))
      continue;
    uintptr_t from = start > region->start ? start : region->start;
    uintptr_t to = end < region->end ? end : region->end;
    size_t first = (from - region->start) >> region->shift;
    size_t last = (to - 1 - region->start) >> region->shift;
    int one = declare(region, first, last - first + 1);
    if (one)
      error = one;
  }
  gate_leave(pass);
  return error;
}
