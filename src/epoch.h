/* epoch.h - arming, collecting, disarming: what begins and ends an epoch. */
#ifndef WW_EPOCH_H
#define WW_EPOCH_H

struct ww_dirty;
struct ww_region;
struct ww_tracker;

/* Arm a whole region that is published; the tracker's lock is held. On failure it is
 * disarmed. */
int epoch_arm_region(struct ww_region *region);
/* End the epoch of a tracker that is started, begin the next; the tracker's lock is held. `between` (may be
 * NULL) is called when it has ended, before anything is armed or looked at. */
int epoch_collect(struct ww_tracker *tracker, void (*between)(void *argument), void *argument,
                  struct ww_dirty **made);

#endif
