/* alias.h - memory that is mapped more than once by one tracker's regions. */
#ifndef WW_ALIAS_H
#define WW_ALIAS_H

#include "tracker.h"
#include "region.h"

/* What is marked in one place is marked (WW_DECLARED) in all others that show the same memory.
 * The tracker's lock is held, and nobody else is in the sets of the ended epoch. */
void alias_spread(struct ww_tracker *tracker, uint64_t ended);
/* Is any other page that shows the same memory as this one marked in that epoch's sets? */
bool alias_is_marked(const struct ww_tracker *tracker, const struct ww_region *region, size_t page,
                     uint64_t epoch);
/* Has the kernel seen a write through any such page that no scan has found yet? */
bool alias_is_written(const struct ww_tracker *tracker, const struct ww_region *region, size_t page);
/* Mark pages of all regions of the tracker that show bytes [from, to) of the file, in the running
 * epoch. `device` 0: of the file system nothing is known but that numbers of files are its own. */
void alias_declare_file(struct ww_tracker *tracker, uint64_t device, uint64_t inode, uint64_t from,
                        uint64_t to);

#endif
