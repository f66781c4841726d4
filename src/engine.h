/* engine.h - async-signal-safe. How pages are made read-only and writable, and how their writes
 * are noticed: what is common to the three engines. Each region says which is its own. */
#ifndef WW_ENGINE_H
#define WW_ENGINE_H

#include "region.h"

/* All of these leave alone what is gone, and what the program does not want to write.
 *
 * Make the pages [first, first + count) read-only. Outside of handlers. Unless `exact`, more
 * of the region may be made read-only: that costs a fault, and is safe where no system call
 * may be writing (pin.h). */
int engine_arm(struct ww_region *region, size_t first, size_t count, bool exact);
/* Give the whole region back the protection that it had, and let go of it. */
int engine_disarm(struct ww_region *region);
/* Is all of it still mapped? */
bool engine_is_whole(const struct ww_region *region);
/* Between gate_enter() and gate_leave(), with the pages marked in `set`: make them
 * writable. Over the budget of mappings, or if the kernel has no mapping left, pages
 * beside them are made writable too, and marked as bulk. 0, or the errno of a kernel
 * that does not let the region be writable at all. For handlers. */
int engine_open(struct ww_region *region, struct page_set *set, size_t first, size_t count);
/* The same, for pages that nobody has written yet: marked as bulk where not marked. */
int engine_open_bulk(struct ww_region *region, struct page_set *set, size_t first, size_t count);
/* Mark [first, first + count) as made writable in bulk, where not marked yet. */
void engine_mark_bulk(struct ww_region *region, struct page_set *set, size_t first, size_t count);

/* --- the rest is not for handlers, and keeps sentences for ww_last_error() */

/* "mprotect", ... */
const char *engine_name(enum ww_engine engine);
/* Which one do these options mean, and can this machine do it? *chosen: it was asked for by name, so
 * no region may do without. -EINVAL: the environment names none. -ENOTSUP. */
int engine_choose(const struct ww_options *options, enum ww_engine *engine, bool *chosen);
/* Before a region is armed: its tracker's engine if it can be, else mprotect; -ENOTSUP if the engine
 * was asked for by name. Ends with engine_disarm(). */
int engine_attach(struct ww_region *region);
/* When an epoch has ended, before its marks are looked at: does the region's engine still work?
 * If not, the program has closed a descriptor of ours: engine_lose(). */
void engine_check(struct ww_region *region, struct page_set *ended);
/* Is that so? */
bool engine_holds(const struct ww_region *region);
/* Nobody knows what was written: all pages are marked as bulk, and mprotect takes the region over. */
void engine_lose(struct ww_region *region, struct page_set *ended);
/* Of a region of the pagemap engine: mark what the kernel has seen written in [first, first + count)
 * since it was armed. `protect`: and arm it again, each page in one with the look at it, so that
 * nothing is lost in between. If the kernel cannot be asked, all of them are marked, as bulk, and the
 * result is false: nothing is armed then. */
bool engine_scan(struct ww_region *region, struct page_set *set, size_t first, size_t count, bool protect);
/* The pages of a word to which the kernel has seen a write that no scan has found yet. */
uint64_t engine_written(struct ww_region *region, size_t word);
static inline bool
engine_is_written(struct ww_region *region, size_t page)
{
  return engine_written(region, page / 64) >> (page % 64) & 1;
}

/* --- around fork(): all locks are held.
 *
 * Of a region that goes on in the child: from here on its marks are all that there is to know. */
void engine_before_fork(struct ww_region *region);
void engine_in_parent(struct ww_region *region);
/* In a child, once, before any region; then, for each that goes on, arm it as the child's own. */
void engine_in_child(void);
void engine_follow(struct ww_region *region, struct page_set *running);
void engine_lock(void);
void engine_unlock(void);

#endif
