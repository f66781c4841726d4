/* carry.h - pages that are marked and cannot be read: their marks wait for a later epoch. */
#ifndef WW_CARRY_H
#define WW_CARRY_H

#include "tracker.h"

/* Move the marks of such pages from the ended epoch's sets to the running one's. True if there
 * were any. The tracker's lock is held; before anything is armed. */
bool carry_over(struct ww_tracker *tracker, uint64_t ended);

#endif
