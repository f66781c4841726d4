/* appear.c - not for handlers. Memory that has come without a call that is followed. */
#include "config.h"
#include "shield/appear.h"
#include "shield/change.h"
#include "fork.h"

/* The tracker's first region that ends behind the address. */
static const struct ww_region *
first_behind(const struct ww_tracker *tracker, uintptr_t address)
{
  size_t low = 0, high = tracker->regions;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (tracker->region[middle]->end <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low < tracker->regions ? tracker->region[low] : NULL;
}

struct appearance
appear_at(struct ww_tracker *tracker, uintptr_t start, uintptr_t end)
{
  struct appearance piece = { APPEAR_NEW, end };
  lock_take(&tracker->lock);
  const struct ww_region *region = first_behind(tracker, start);
  if (region && region->start > start)
    piece.end = region->start < end ? region->start : end;
  else if (region) {
    const struct segment *segment = region_segment(region, (start - region->start) >> region->shift);
    uintptr_t behind = region_page_address(region, segment->first + segment->count);
    piece.state = segment->state == SEGMENT_WATCHED ? APPEAR_WATCHED : APPEAR_AGAIN;
    piece.end = behind < end ? behind : end;
  }
  lock_give(&tracker->lock);
  return piece;
}

bool
appear_again(uintptr_t start, uintptr_t end)
{
  struct range range = { start, end };
  struct part part;
  bool done;
  change_begin();
  done = !change_add(range);
  for (uintptr_t at = start; done && change_next(&at, end, SEGMENT_GONE, &part);)
    change_found(&part);
  for (uintptr_t at = start; done && change_next(&at, end, SEGMENT_GONE_BRK, &part);)
    change_found(&part);
  if (done)
    change_lay(range);
  change_end();
  return done;
}

bool
appear_is_gone(struct ww_tracker *tracker, const struct ww_region *region)
{
  bool gone = true;
  lock_take(&tracker->lock);
  const struct segment_table *table = atomic_load(&region->table);
  for (size_t i = 0; i < table->count && gone; i++)
    gone = table->segment[i].state != SEGMENT_WATCHED;
  for (size_t i = 0; i < tracker->regions && gone; i++)
    gone = tracker->region[i] == region || tracker->region[i]->origin != region;
  lock_give(&tracker->lock);
  return gone;
}

void
appear_written(uintptr_t start, uintptr_t end)
{
  fork_hold();
  change_declare((struct range){ start, end });
  fork_release();
}
