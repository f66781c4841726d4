/* change.c - async-signal-safe. A change of what the program wants of its memory. */
#include "config.h"
#include "shield/change.h"
#include "engine.h"
#include "fork.h"
#include "hold.h"
#include "maps.h"
#include "policy.h"
#include "tracker.h"

#include <errno.h>

/* Tables may need that much more room in one change; what needs more asks again. */
enum { SEGMENTS_A_CHANGE = 8 };

struct range
change_range(uintptr_t address, size_t length)
{
  uintptr_t page = os_page_size(), end = address + length;
  if (end < address || end > UINTPTR_MAX - page)
    return (struct range){ address, address };
  return (struct range){ address & ~(page - 1), page_up(end) };
}

bool
change_is_nobodys(struct range range, struct gate_pass *pass)
{
  *pass = gate_enter(&region_gate);
  const struct region_table *table = region_table();
  size_t at = region_table_search(table, range.start);
  bool concerns = range.start < range.end && table && at < table->count
    && table->region[at]->start < range.end;
  if (concerns)
    gate_leave(*pass);
  return !concerns;
}

bool
change_concerns(struct range range)
{
  struct gate_pass pass;
  if (!change_is_nobodys(range, &pass))
    return true;
  gate_leave(pass);
  return false;
}

/* The regions that are changing, until the locks are given back: nobody publishes or withdraws
 * one but ourselves. */
static void
set_changing(struct range range, bool changing)
{
  const struct region_table *table = region_table();
  for (size_t i = region_table_search(table, range.start); table && i < table->count; i++) {
    if (table->region[i]->start >= range.end)
      break;
    atomic_store(&table->region[i]->changing, changing);
  }
}

void
change_begin(void)
{
  fork_hold();
}

static struct page_set *
running_set(struct ww_region *region)
{
  return &region->set[atomic_load(&region->tracker->gate.epoch) & 1];
}

/* What is about to change is not left to be read whenever a collect comes (policy.h). */
static void
release(struct ww_region *region, struct range range)
{
  uintptr_t from = range.start > region->start ? range.start : region->start;
  uintptr_t to = range.end < region->end ? range.end : region->end;
  size_t first = (from - region->start) >> region->shift;
  size_t count = ((to - 1 - region->start) >> region->shift) + 1 - first;
  hold_before_open(region, first, count);
  if (atomic_load(&region->armed))
    policy_release(region, running_set(region), first, count);
}

int
change_add(struct range range)
{
  const struct region_table *table = region_table();
  int error = 0;
  set_changing(range, true);
  pin_disturb();
  region_gate_wait();
  for (size_t i = region_table_search(table, range.start); table && i < table->count && !error; i++) {
    if (table->region[i]->start >= range.end)
      break;
    error = segment_reserve(table->region[i], SEGMENTS_A_CHANGE);
    release(table->region[i], range);
  }
  return error;
}

static bool
is_wholly_gone(const struct ww_region *region)
{
  const struct segment_table *table = atomic_load(&region->table);
  for (size_t i = 0; i < table->count; i++)
    if (table->segment[i].state == SEGMENT_WATCHED)
      return false;
  return true;
}

void
change_end(void)
{
  const struct region_table *table = region_table();
  /* Nobody knew that what came by mremap() would be watched. */
  pin_disturb();
  for (size_t i = 0; table && i < table->count; i++) {
    struct ww_region *region = table->region[i];
    if (!atomic_load(&region->changing))
      continue;
    /* Nobody holds a handle of what came by mremap(), so nobody would remove it. */
    if (region->origin != region && is_wholly_gone(region)) {
      tracker_take_out(region);
      table = region_table();
      i--;
    } else
      atomic_store(&region->changing, false);
  }
  fork_release();
}

/* ------------------------------------------------------------------- parts */

struct part
change_part(uintptr_t at, uintptr_t end)
{
  struct part part = { .start = at, .end = end };
  const struct region_table *table = region_table();
  size_t i = region_table_search(table, at);
  if (!table || i == table->count || table->region[i]->start >= end)
    return part;
  struct ww_region *region = table->region[i];
  if (region->start > at) {
    part.end = region->start;
    return part;
  }
  part.region = region;
  part.first = (at - region->start) >> region->shift;
  const struct segment *segment = region_segment(region, part.first);
  uintptr_t behind = region_page_address(region, segment->first + segment->count);
  part.end = behind < end ? behind : end;
  part.count = ((part.end - 1 - region->start) >> region->shift) + 1 - part.first;
  part.segment = *segment;
  if (segment->inode)
    part.segment.offset += (part.first - segment->first) << region->shift;
  return part;
}

bool
change_next(uintptr_t *at, uintptr_t end, enum segment_state state, struct part *part)
{
  while (*at < end) {
    *part = change_part(*at, end);
    *at = part->end;
    if (part->region && part->segment.state == state)
      return true;
  }
  return false;
}

void
change_set(const struct part *part, const struct segment *segment)
{
  struct ww_region *region = part->region;
  if (segment_reserve(region, 2)) {
    /* No memory for another segment: what cannot be noted is not watched. The whole old
     * segment goes, which needs none. */
    struct segment gone = part->segment;
    const struct segment *old = region_segment(region, part->first);
    size_t first = old->first, count = old->count;
    engine_open_bulk(region, running_set(region), first, count);
    gone.state = SEGMENT_GONE;
    atomic_fetch_add(&region->tracker->unfollowed, count << region->shift);
    segment_set(region, first, count, &gone);
    return;
  }
  segment_set(region, part->first, part->count, segment);
}

void
change_gone(struct range range, enum segment_state state)
{
  struct part part;
  for (uintptr_t at = range.start; change_next(&at, range.end, SEGMENT_WATCHED, &part);) {
    struct ww_region *region = part.region;
    part.segment.state = state;
    change_set(&part, &part.segment);
    if (atomic_load(&region->armed)) {
      page_set_drop(region, running_set(region), part.first, part.count);
      region->tracker->withdrawn = true;
    }
  }
}

void
change_gone_if_unmapped(struct range range)
{
  char buffer[2048];
  struct maps_reader reader;
  struct mapping mapping;
  uintptr_t reached = range.start;
  if (maps_open(&reader, buffer, sizeof buffer))
    return;
  while (reached < range.end && maps_next(&reader, &mapping) > 0) {
    if (mapping.end <= reached)
      continue;
    if (mapping.start > reached)
      change_gone((struct range){ reached, mapping.start < range.end ? mapping.start : range.end },
                  SEGMENT_GONE);
    reached = mapping.end;
  }
  maps_close(&reader);
  if (reached < range.end)
    change_gone((struct range){ reached, range.end }, SEGMENT_GONE);
}

static void
declare(const struct part *part)
{
  struct ww_region *region = part->region;
  hold_before_open(region, part->first, part->count);
  if (!atomic_load(&region->armed) || part->segment.state != SEGMENT_WATCHED)
    return;
  for (size_t word = part->first / 64; word <= (part->first + part->count - 1) / 64; word++)
    page_set_declare(region, running_set(region), word, bitmap_mask(word, part->first, part->count));
}

void
change_declare(struct range range)
{
  struct part part;
  for (uintptr_t at = range.start; change_next(&at, range.end, SEGMENT_WATCHED, &part);)
    declare(&part);
}

/* The mapping that holds the address. */
static bool
find_mapping(uintptr_t address, struct mapping *mapping)
{
  char buffer[1024];
  struct maps_reader reader;
  bool found = false;
  if (maps_open(&reader, buffer, sizeof buffer))
    return false;
  while (!found && maps_next(&reader, mapping) > 0 && mapping->start <= address)
    found = mapping->end > address;
  maps_close(&reader);
  return found;
}

static void
map(const struct part *part, bool declares)
{
  struct part here = *part;
  struct ww_region *region = part->region;
  for (uintptr_t at = part->start; at < part->end; at = here.end) {
    struct mapping mapping;
    if (!find_mapping(at, &mapping) || maps_page_size(&mapping) != (size_t)1 << region->shift) {
      change_gone((struct range){ at, part->end }, SEGMENT_GONE);
      return;
    }
    here.start = at;
    here.end = mapping.end < part->end ? mapping.end : part->end;
    here.first = (here.start - region->start) >> region->shift;
    here.count = (here.end - here.start) >> region->shift;
    here.segment = segment_of(&mapping, at);
    change_set(&here, &here.segment);
    if (segment_is_tracked(&here.segment))
      segment_root(at, (size_t)1 << region->shift, mapping.shared, mapping.path[0] != '/');
    if (declares)
      declare(&here);
  }
}

void
change_mapped(const struct part *part)
{
  map(part, true);
}

void
change_found(const struct part *part)
{
  map(part, false);
}

/* ----------------------------------------------------------- laying it over */

/* Of [from, to), nothing of which is marked. */
static void
lay_gap(const struct part *part, struct page_set *set, size_t from, size_t to)
{
  struct ww_region *region = part->region;
  int protection = segment_armed_protection(part->segment.protection);
  if (from < to
      && os_protect(region_page_address(region, from), (to - from) << region->shift, protection))
    (void)engine_open_bulk(region, set, from, to - from);
}

void
change_lay(struct range range)
{
  struct part part;
  for (uintptr_t at = range.start; change_next(&at, range.end, SEGMENT_WATCHED, &part);) {
    struct ww_region *region = part.region;
    struct page_set *set = running_set(region);
    if (!atomic_load(&region->armed) || !segment_is_tracked(&part.segment))
      continue;
    size_t end = part.first + part.count, from = part.first, page = from;
    while ((page = bitmap_next(&set->dirty, page)) < end) {
      size_t next = page + 1;
      while (next < end && bitmap_test(&set->dirty, next))
        next++;
      lay_gap(&part, set, from, page);
      (void)engine_open(region, set, page, next - page);
      from = page = next;
    }
    lay_gap(&part, set, from, end);
  }
}

void
change_level(struct range range)
{
  struct part part;
  for (uintptr_t at = range.start; change_next(&at, range.end, SEGMENT_WATCHED, &part);)
    if (atomic_load(&part.region->armed) && segment_is_tracked(&part.segment))
      (void)os_protect(part.start, part.end - part.start, segment_armed_protection(part.segment.protection));
}
