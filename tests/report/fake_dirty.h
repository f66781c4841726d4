/* fake_dirty.h - dirty sets and regions with contents of a test's choice, under
 * the names of the public face, for reports that must come out the same twice. */
#ifndef FAKE_DIRTY_H
#define FAKE_DIRTY_H

#include "writewatch.h"

/* All live until fake_free(), and end the process if there is no memory. */
ww_region *fake_region(const char *name, uint64_t address, uint64_t pages, uint64_t page_size);
ww_dirty  *fake_dirty(uint64_t epoch, uint64_t begin, uint64_t end);
void       fake_watch(ww_dirty *dirty, ww_region *region);
void       fake_run(ww_dirty *dirty, ww_region *region, uint64_t page, uint64_t pages, int evidence);
/* `frames` is not copied. */
void       fake_fault(ww_dirty *dirty, ww_region *region, uint64_t page, int32_t thread, uint64_t time,
                      void *const *frames, unsigned depth);
void       fake_free(void);

#endif
