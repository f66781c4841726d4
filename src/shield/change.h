/* change.h - async-signal-safe. A change of what the program wants of its memory, while it is
 * in progress: see follow.h. */
#ifndef WW_SHIELD_CHANGE_H
#define WW_SHIELD_CHANGE_H

#include "pin.h"
#include "region.h"

/* A piece of a range: of one segment of a region, or between regions (`region` is NULL). */
struct part {
  struct ww_region *region;
  uintptr_t start, end;
  size_t first, count;          /* pages */
  struct segment segment;       /* a copy; its offset is that of page `first` */
};

static inline uintptr_t
page_up(uintptr_t address)
{
  return (address + os_page_size() - 1) & ~(os_page_size() - 1);
}

/* [address, address + length), widened to whole pages; empty if it wraps around. */
struct range change_range(uintptr_t address, size_t length);
/* Does it meet any region? Without the locks. */
bool change_concerns(struct range range);
/* If not: the pass keeps it so until gate_leave(). Who adds a region reads what the program wants
 * of its memory when all calls that were let pass before have been made (tracker.c), so that none
 * changes it unseen. */
bool change_is_nobodys(struct range range, struct gate_pass *pass);
/* M1: and after it as many ranges as are needed, each M2 and M3. -ENOMEM. */
void change_begin(void);
int change_add(struct range range);
/* M6 */
void change_end(void);

/* --- in between */

/* The piece at `at`, at most up to `end`. */
struct part change_part(uintptr_t at, uintptr_t end);
/* The same, without what is not in the wanted state. False at the end; `*at` goes on. */
bool change_next(uintptr_t *at, uintptr_t end, enum segment_state state, struct part *part);
/* The piece is now like `segment` (its offset that of the piece's first page). */
void change_set(const struct part *part, const struct segment *segment);
/* What is watched there is gone: marks and faults are dropped. */
void change_gone(struct range range, enum segment_state state);
/* Where nothing is mapped any more it is gone. */
void change_gone_if_unmapped(struct range range);
/* Its content changes: it is marked in the running epoch, but not opened. */
void change_declare(struct range range);
/* Something new is mapped where the piece is, or was: read what, mark all of it. It is as the
 * program wants it, so writable pages are open. */
void change_mapped(const struct part *part);
/* The same, but none of it is marked, nor protected yet. */
void change_found(const struct part *part);
/* Lay our protection over what is watched: marked pages are as the program wants them, others
 * not writable. */
void change_lay(struct range range);
/* Lay it over all pages alike, so that the kernel sees one mapping where the program made one. */
void change_level(struct range range);

#endif
