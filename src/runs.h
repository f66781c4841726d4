/* runs.h - runs of marked pages, which a collect arms; the tracker's lock is held. */
#ifndef WW_RUNS_H
#define WW_RUNS_H

#include "region.h"

/* The first page from `page` on, below `to`, that is marked and not kept, and how many follow;
 * BITMAP_NONE. */
size_t runs_next(const struct ww_region *region, const struct page_set *set, size_t page, size_t to,
                 size_t *count);
/* None of [first, first + count) is kept. */
bool runs_none_kept(const struct ww_region *region, size_t first, size_t count);
/* With an engine that is not mprotect: make the marked pages of [from, to) read-only, but for those that
 * are kept. -ESTALE: the engine can no longer do it (engine_lose()). */
int runs_arm(struct ww_region *region, struct page_set *set, size_t from, size_t to);
/* The epoch has ended, and its marks are not looked at yet: what only the kernel knows is added to them.
 * -EFAULT, with its sentence. */
int runs_notice(struct ww_region *region, struct page_set *ended);

#endif
