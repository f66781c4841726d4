/* segment.c - what the program wants of its memory. The look-up (region_segment) is
 * async-signal-safe; making and replacing tables is not. */
#include "config.h"
#include "segment.h"
#include "arena.h"
#include "error.h"
#include "maps.h"
#include "region.h"

#include <errno.h>
#include <string.h>

const struct segment *
region_segment(const struct ww_region *region, size_t page)
{
  const struct segment_table *table = atomic_load(&region->table);
  size_t low = 0, high = table->count - 1;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (table->segment[middle].first + table->segment[middle].count <= page)
      low = middle + 1;
    else
      high = middle;
  }
  return &table->segment[low];
}

/* --------------------------------------------------------------- replacing */

/* The first table lies behind the region itself. */
static bool
is_built_in(const struct ww_region *region, const struct segment_table *table)
{
  return (uintptr_t)table - (uintptr_t)region < region->memory;
}

static void
release(struct ww_region *region, struct segment_table *table)
{
  if (table && !is_built_in(region, table))
    arena_unmap(NULL, table);
}

static struct segment_table *
create(size_t room)
{
  struct segment_table *table = arena_map(NULL, sizeof *table + room * sizeof *table->segment);
  if (table)
    table->room = room;
  return table;
}

int
segment_reserve(struct ww_region *region, size_t more)
{
  enum { AT_ONCE = 32 };          /* fits a page with the arena's head */
  struct segment_table *table = atomic_load(&region->table), *fresh;
  size_t need = table->count + more, room = need < AT_ONCE ? AT_ONCE : 2 * need;
  if (!region->spare || region->spare->room < need) {
    if (!(fresh = create(room)))
      return -ENOMEM;
    release(region, region->spare);
    region->spare = fresh;
  }
  if (table->room < need) {
    if (!(fresh = create(room)))
      return -ENOMEM;
    fresh->count = table->count;
    memcpy(fresh->segment, table->segment, table->count * sizeof *table->segment);
    atomic_store(&region->table, fresh);
    release(region, table);
  }
  return 0;
}

static bool
are_alike(const struct ww_region *region, const struct segment *a, const struct segment *b)
{
  return a->protection == b->protection && a->state == b->state && a->shared == b->shared
    && a->may_not_write == b->may_not_write && a->device == b->device && a->inode == b->inode
    && (!a->inode || a->offset + (a->count << region->shift) == b->offset);
}

/* Append the part of `from` that begins at page `first`. */
static void
append(const struct ww_region *region, struct segment_table *table, const struct segment *from, size_t first,
       size_t end)
{
  if (first >= end)
    return;
  struct segment segment = *from;
  if (segment.inode)
    segment.offset += (first - from->first) << region->shift;
  segment.first = first;
  segment.count = end - first;
  struct segment *last = table->count ? &table->segment[table->count - 1] : NULL;
  if (last && are_alike(region, last, &segment))
    last->count += segment.count;
  else
    table->segment[table->count++] = segment;
}

void
segment_set(struct ww_region *region, size_t first, size_t count, const struct segment *model)
{
  struct segment_table *old = atomic_load(&region->table), *table = region->spare;
  struct segment middle = *model;
  middle.first = first;
  middle.count = count;
  table->count = 0;
  bool placed = false;
  for (size_t i = 0; i < old->count; i++) {
    const struct segment *segment = &old->segment[i];
    size_t end = segment->first + segment->count;
    append(region, table, segment, segment->first, end < first ? end : first);
    if (!placed && end > first) {
      append(region, table, &middle, first, first + count);
      placed = true;
    }
    append(region, table, segment, segment->first > first + count ? segment->first : first + count, end);
  }
  region->spare = old;
  atomic_store(&region->table, table);
}

void
segment_free(struct ww_region *region)
{
  release(region, region->spare);
  release(region, atomic_load(&region->table));
}

/* ----------------------------------------------------------------- reading */

static int
refuse(int error, const char *name, const struct mapping *mapping, uintptr_t start, uintptr_t end,
       const char *what)
{
  uintptr_t from = mapping && mapping->start > start ? mapping->start : start;
  uintptr_t to = mapping && mapping->end < end ? mapping->end : end;
  return error_set(error, "region \"%s\": %#lx-%#lx %s", name ? name : "", (unsigned long)from,
                   (unsigned long)to, what);
}

/* The kernel joins neighbouring mappings of private memory only if they share their
 * record of anonymous pages (anon_vma), which a mapping gets with its first page. A
 * mapping that is split before that breaks up for good: each part gets a record of its
 * own, and the parts count against vm.max_map_count after their protections are alike
 * again. So one page of each mapping is made present before it is ever split. Its
 * content does not change. */
void
segment_root(uintptr_t at, size_t length, bool shared, bool anonymous)
{
  if (!shared && anonymous)
    os_populate_write(at, length, anonymous);
}

struct segment
segment_of(const struct mapping *mapping, uintptr_t at)
{
  struct segment segment = { .protection = mapping->protection, .shared = mapping->shared,
                             .device = mapping->device, .inode = mapping->inode };
  /* Where an anonymous mapping began says nothing. */
  if (mapping->inode && at > mapping->start)
    segment.offset = mapping->offset + (at - mapping->start);
  else if (mapping->inode)
    segment.offset = mapping->offset;
  /* Shared memory that has no name has no descriptor either. */
  segment.file = mapping->shared && mapping->inode && strcmp(mapping->path, "/dev/zero (deleted)") != 0;
  segment.may_not_write = mapping->shared && !(mapping->protection & PROT_WRITE);
  return segment;
}

/* Go through the mappings that hold [start, end). With `region`, its segments are
 * filled in; without, they are counted, and the page size found. */
static int
walk(const char *name, uintptr_t *start, uintptr_t *end, unsigned *shift, size_t *segments,
     struct ww_region *region)
{
  char buffer[4096];
  struct maps_reader reader;
  struct mapping mapping;
  uintptr_t reached = *start;
  struct segment_table *table = region ? atomic_load(&region->table) : NULL;
  struct segment last = { 0 };
  uintptr_t last_start = 0;
  int found = 1, error = maps_open(&reader, buffer, sizeof buffer);
  size_t count = 0, page_size = 0;
  if (error)
    return error_set(-EIO, "/proc/self/maps cannot be opened: %s; is /proc mounted?", strerror(-error));
  while (reached < *end && (found = maps_next(&reader, &mapping)) > 0) {
    if (mapping.end <= reached)
      continue;
    if (mapping.start > reached) {
      mapping.end = mapping.start;
      mapping.start = reached;
      error = refuse(-EFAULT, name, &mapping, *start, *end, "is not mapped; map it before it is added");
      break;
    }
    if (!(mapping.protection & PROT_WRITE)) {
      error = refuse(-EACCES, name, &mapping, *start, *end,
                     "is not writable; leave it out, or make it writable first");
      break;
    }
    if (!page_size) {
      page_size = region ? (size_t)1 << region->shift : maps_page_size(&mapping);
      *start &= ~(uintptr_t)(page_size - 1);
      *end = (*end + page_size - 1) & ~(uintptr_t)(page_size - 1);
    } else if (!region && maps_page_size(&mapping) != page_size) {
      error = refuse(-ENOTSUP, name, &mapping, *start, *end,
                     "has pages of another size than what lies before it; add two regions");
      break;
    }
    struct segment part = segment_of(&mapping, reached);
    bool alike = count && last.protection == part.protection && last.inode == part.inode
      && last.device == part.device && last.shared == part.shared
      && (!part.inode || last.offset + (reached - last_start) == part.offset);
    if (!alike) {
      if (region) {
        if (count == table->room) {
          error = error_set(-EFAULT, "region \"%s\" changed while it was added", name ? name : "");
          break;
        }
        part.first = (reached - region->start) >> region->shift;
        table->segment[count] = part;
      }
      count++;
      last = part;
      last_start = reached;
    }
    reached = mapping.end;
    if (region) {
      segment_root(mapping.start > region->start ? mapping.start : region->start,
                   (size_t)1 << region->shift, mapping.shared,
                   mapping.path[0] == '\0' || mapping.path[0] == '[');
      uintptr_t end_here = reached < region->end ? reached : region->end;
      struct segment *segment = &table->segment[count - 1];
      segment->count = ((end_here - region->start) >> region->shift) - segment->first;
    }
  }
  maps_close(&reader);
  if (error)
    return error;
  if (found < 0)
    return error_set(-EIO, "/proc/self/maps cannot be read: %s", strerror(-found));
  if (reached < *end) {
    mapping.start = reached;
    mapping.end = *end;
    return refuse(-EFAULT, name, &mapping, *start, *end, "is not mapped; map it before it is added");
  }
  if (region)
    table->count = count;
  else
    *segments = count;
  if (shift)
    *shift = (unsigned)__builtin_ctzll(page_size);
  return 0;
}

int
region_inspect(const char *name, uintptr_t *start, uintptr_t *end, unsigned *shift, size_t *segments)
{
  uintptr_t page = os_page_size();
  *start &= ~(page - 1);
  *end = (*end + page - 1) & ~(page - 1);
  return walk(name, start, end, shift, segments, NULL);
}

int
region_read_segments(struct ww_region *region)
{
  uintptr_t start = region->start, end = region->end;
  return walk(region->name, &start, &end, NULL, NULL, region);
}

