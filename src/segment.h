/* segment.h - async-signal-safe. What the program wants of its memory: the protection of
 * each part of a region, and which file it shows, apart from what tracking laid over it.
 *
 * The table of a region is immutable while anybody can read it. It is replaced under the
 * tracker's lock while the region is `changing` (region.h): then handlers stay out. So two
 * tables take turns, and a change needs no memory once there is room. */
#ifndef WW_SEGMENT_H
#define WW_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

struct mapping;
struct ww_region;

/* Is it watched? */
enum segment_state {
  SEGMENT_WATCHED = 0,
  SEGMENT_GONE,                 /* unmapped, or not ours any more */
  SEGMENT_GONE_BRK              /* unmapped by brk(): watched again when the break comes back */
};

struct segment {
  size_t first, count;          /* pages */
  int protection;               /* what the program wants, and gets back */
  enum segment_state state;
  bool shared;                  /* MAP_SHARED */
  bool file;                    /* shared, and of a file that write(2) may reach */
  bool may_not_write;           /* the kernel may refuse PROT_WRITE: a file opened read-only */
  uint64_t device, inode;       /* of the file or shared memory; inode 0: private and anonymous */
  uint64_t offset;              /* of its first page, bytes */
};

struct segment_table {
  size_t count, room;
  struct segment segment[];     /* by ascending page, without holes */
};

/* Is it ours to open when it is written? */
static inline bool
segment_is_tracked(const struct segment *segment)
{
  return segment->state == SEGMENT_WATCHED && (segment->protection & PROT_WRITE);
}

/* Can its pages be copied? What is only writable can be read on every processor that we
 * run on; what is only executable cannot everywhere. */
static inline bool
segment_is_readable(const struct segment *segment)
{
  return segment->state == SEGMENT_WATCHED && (segment->protection & (PROT_READ | PROT_WRITE));
}

/* Can its pages be read at any time, whatever other processes do? A file may become shorter, which
 * takes away also what was written to a private mapping of it. */
static inline bool
segment_is_steady(const struct segment *segment)
{
  return segment_is_tracked(segment) && !segment->file && (!segment->inode || segment->shared);
}

/* The protection while armed. */
static inline int
segment_armed_protection(int protection)
{
  return protection & PROT_WRITE ? (protection & ~PROT_WRITE) | PROT_READ : protection;
}

/* The part that holds the page. */
const struct segment *region_segment(const struct ww_region *region, size_t page);

/* Make room for so many segments more: -ENOMEM. For this and the next, the tracker's lock
 * is held and the region is `changing`, or not published yet. Not for handlers. */
int segment_reserve(struct ww_region *region, size_t more);
/* The pages are now like `model`, whose `first` and `count` are not looked at and whose
 * offset is that of page `first`. Adds two segments at most, for which there is room. */
void segment_set(struct ww_region *region, size_t first, size_t count, const struct segment *model);
void segment_free(struct ww_region *region);

/* What a mapping is as a segment that begins at the address `at` in it. */
struct segment segment_of(const struct mapping *mapping, uintptr_t at);
/* See to it that the mapping, once split, joins again: one page is made present. */
void segment_root(uintptr_t at, size_t length, bool shared, bool anonymous);

/* What the range [*start, *end) is made of: widens it to whole pages, sets the page
 * size and counts the segments. Errors as ww_region_add(). Not for handlers. */
int region_inspect(const char *name, uintptr_t *start, uintptr_t *end, unsigned *shift, size_t *segments);
/* Read the region's parts from the kernel, before it is ever armed. Not for handlers. */
int region_read_segments(struct ww_region *region);

#endif
