/* epoch.h - arming, collecting, disarming: what begins and ends an epoch. */
#ifndef WW_EPOCH_H
#define WW_EPOCH_H

struct ww_region;

/* Arm a whole region that is published; the tracker's lock is held. On failure it is
 * disarmed. */
int epoch_arm_region(struct ww_region *region);

#endif
