/* engine_ways.h - async-signal-safe. The engines themselves, for engine.c alone. */
#ifndef WW_ENGINE_WAYS_H
#define WW_ENGINE_WAYS_H

#include "engine.h"

int mprotect_arm(struct ww_region *region, size_t first, size_t count, bool exact);
int mprotect_disarm(struct ww_region *region);
int mprotect_open(struct ww_region *region, struct page_set *set, size_t first, size_t count);
int mprotect_open_bulk(struct ww_region *region, struct page_set *set, size_t first, size_t count);

/* The userfaultfd objects, one for each engine that uses one. Both engines arm and open alike.
 *
 * Is there an object, or can there be one? 0, or why not. */
int userfault_open(enum ww_engine engine);
/* A negative errno: the kernel cannot watch this memory so. */
int userfault_attach(struct ww_region *region);
void userfault_detach(struct ww_region *region);
/* Does the region belong to an object that is still there? */
bool userfault_is_attached(const struct ww_region *region);
/* The same, but for what the program may have done to it. */
bool userfault_is_same(const struct ww_region *region);
int userfault_arm(struct ww_region *region, size_t first, size_t count);
int userfault_open_pages(struct ww_region *region, size_t first, size_t count);
void userfault_forget(void);
void userfault_lock(void);
void userfault_unlock(void);

/* Can PAGEMAP_SCAN be had? */
int pagemap_open(void);
/* Once before each row of scans: the descriptor is ours, or there is a new one. */
bool pagemap_ready(void);
bool pagemap_scan(struct ww_region *region, struct page_set *set, size_t first, size_t count, bool protect);
uint64_t pagemap_written(const struct ww_region *region, size_t word);
void pagemap_forget(void);

#endif
