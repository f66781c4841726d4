/* appear.h - not for handlers. Memory that has come without a call that is followed: where the kernel chose
 * the place, nobody tells us of it. For whoever watches all that a program has (record/discover.c). */
#ifndef WW_SHIELD_APPEAR_H
#define WW_SHIELD_APPEAR_H

#include "tracker.h"

enum appear_state {
  APPEAR_NEW,                  /* in no region */
  APPEAR_WATCHED,
  APPEAR_AGAIN                 /* in a region, where something else had been unmapped */
};
struct appearance { enum appear_state state; uintptr_t end; };

/* The piece that begins at `start`, at most up to `end`. */
struct appearance appear_at(struct ww_tracker *tracker, uintptr_t start, uintptr_t end);
/* Watch what is mapped in [start, end), a piece that is APPEAR_AGAIN. False: it is not watched. */
bool appear_again(uintptr_t start, uintptr_t end);
/* Is nothing of the region there any more, and did nothing come of it by mremap(2)? */
bool appear_is_gone(struct ww_tracker *tracker, const struct ww_region *region);
/* What is there in [start, end) has been written since the epoch began. */
void appear_written(uintptr_t start, uintptr_t end);

#endif
