/* engine.h - async-signal-safe. How pages are made read-only and writable. */
#ifndef WW_ENGINE_H
#define WW_ENGINE_H

#include "region.h"

/* Make the pages [first, first + count) read-only. Outside of handlers. Unless `exact`, more
 * of the region may be made read-only: that costs a fault, and is safe where no system call
 * may be writing (pin.h). */
int engine_arm(struct ww_region *region, size_t first, size_t count, bool exact);
/* Give the whole region back the protection that it had. */
int engine_disarm(struct ww_region *region);
/* Between gate_enter() and gate_leave(), with the pages marked in `set`: make them
 * writable. Over the budget of mappings, or if the kernel has no mapping left, pages
 * beside them are made writable too, and marked as bulk. 0, or the errno of a kernel
 * that does not let the region be writable at all. For handlers. */
int engine_open(struct ww_region *region, struct page_set *set, size_t first, size_t count);

#endif
