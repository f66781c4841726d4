/* alias.c - async-signal-safe. Memory that is mapped more than once by one tracker's regions. */
#include "config.h"
#include "alias.h"
#include "engine.h"
#include "hold.h"

/* Of the segment, the pages that show bytes [from, to) of its file. */
static bool
pages_of(const struct ww_region *region, const struct segment *segment, uint64_t from, uint64_t to,
         size_t *first, size_t *behind)
{
  uint64_t begin = segment->offset, end = begin + ((uint64_t)segment->count << region->shift);
  if (from >= end || to <= begin)
    return false;
  *first = segment->first + (from > begin ? (from - begin) >> region->shift : 0);
  *behind = segment->first + (to < end ? ((to - 1 - begin) >> region->shift) + 1 : segment->count);
  return true;
}

static void
declare(struct ww_region *region, struct page_set *set, size_t first, size_t behind)
{
  for (size_t word = first / 64; word <= (behind - 1) / 64; word++)
    page_set_declare(region, set, word, bitmap_mask(word, first, behind - first));
}

static bool
is_shared(const struct segment *segment)
{
  return segment->state == SEGMENT_WATCHED && segment->shared && segment->inode;
}

/* How many of the tracker's segments may have aliases? With one there is none. */
static bool
has_several(const struct ww_tracker *tracker)
{
  size_t found = 0;
  for (size_t i = 0; i < tracker->regions && found < 2; i++) {
    const struct segment_table *table = atomic_load(&tracker->region[i]->table);
    for (size_t s = 0; s < table->count; s++)
      found += is_shared(&table->segment[s]);
  }
  return found >= 2;
}

/* Bytes [from, to) that `segment` shows are marked: so are they elsewhere. */
static void
spread(struct ww_tracker *tracker, const struct segment *segment, uint64_t from, uint64_t to, uint64_t ended)
{
  size_t first, behind;
  for (size_t i = 0; i < tracker->regions; i++) {
    struct ww_region *region = tracker->region[i];
    const struct segment_table *table = atomic_load(&region->table);
    for (size_t s = 0; s < table->count; s++) {
      const struct segment *other = &table->segment[s];
      if (other != segment && is_shared(other) && other->inode == segment->inode
          && other->device == segment->device && pages_of(region, other, from, to, &first, &behind))
        declare(region, &region->set[ended & 1], first, behind);
    }
  }
}

void
alias_spread(struct ww_tracker *tracker, uint64_t ended)
{
  if (!has_several(tracker))
    return;
  for (size_t i = 0; i < tracker->regions; i++) {
    struct ww_region *region = tracker->region[i];
    const struct bitmap *dirty = &region->set[ended & 1].dirty;
    const struct segment_table *table = atomic_load(&region->table);
    for (size_t s = 0; s < table->count; s++) {
      const struct segment *segment = &table->segment[s];
      size_t end = segment->first + segment->count, page = segment->first;
      if (!is_shared(segment))
        continue;
      while ((page = bitmap_next(dirty, page)) < end) {
        size_t next = page + 1;
        while (next < end && bitmap_test(dirty, next))
          next++;
        uint64_t base = segment->offset - ((uint64_t)segment->first << region->shift);
        spread(tracker, segment, base + ((uint64_t)page << region->shift),
               base + ((uint64_t)next << region->shift), ended);
        page = next;
      }
    }
  }
}

/* Was the page written through another mapping? With `ask`, as far as only the kernel knows; else as
 * far as it is marked in the epoch. */
static bool
is_written(const struct ww_tracker *tracker, const struct ww_region *region, size_t page, uint64_t epoch,
           bool ask)
{
  const struct segment *segment = region_segment(region, page);
  size_t first, behind;
  if (!is_shared(segment))
    return false;
  uint64_t from = segment->offset + ((uint64_t)(page - segment->first) << region->shift);
  uint64_t to = from + ((uint64_t)1 << region->shift);
  for (size_t i = 0; i < tracker->regions; i++) {
    struct ww_region *there = tracker->region[i];
    const struct segment_table *table = atomic_load(&there->table);
    for (size_t s = 0; s < table->count; s++) {
      const struct segment *other = &table->segment[s];
      if (other != segment && is_shared(other) && other->inode == segment->inode
          && other->device == segment->device && pages_of(there, other, from, to, &first, &behind)
          && (ask ? engine_is_written(there, first)
              : bitmap_next(&there->set[epoch & 1].dirty, first) < behind))
        return true;
    }
  }
  return false;
}

bool
alias_is_marked(const struct ww_tracker *tracker, const struct ww_region *region, size_t page, uint64_t epoch)
{
  return is_written(tracker, region, page, epoch, false);
}

bool
alias_is_written(const struct ww_tracker *tracker, const struct ww_region *region, size_t page)
{
  return is_written(tracker, region, page, 0, true);
}

void
alias_declare_file(struct ww_tracker *tracker, uint64_t device, uint64_t inode, uint64_t from, uint64_t to)
{
  size_t first, behind;
  for (size_t i = 0; i < tracker->regions; i++) {
    struct ww_region *region = tracker->region[i];
    const struct segment_table *table = atomic_load(&region->table);
    if (!atomic_load(&region->armed))
      continue;
    for (size_t s = 0; s < table->count; s++) {
      const struct segment *segment = &table->segment[s];
      if (segment->state == SEGMENT_WATCHED && segment->inode == inode
          && (!device || segment->device == device)
          && pages_of(region, segment, from, to, &first, &behind)) {
        hold_before_open(region, first, behind - first);
        declare(region, &region->set[atomic_load(&tracker->gate.epoch) & 1], first, behind);
      }
    }
  }
}
