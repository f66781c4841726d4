/* audit.h - WW_AUDIT: the content of every page is compared with the last collect's. */
#ifndef WW_AUDIT_H
#define WW_AUDIT_H

#include "tracker.h"
#include "region.h"

/* What the audit found. */
struct missed {
  struct ww_run *run;           /* of the arena, or NULL */
  size_t count, room, pages;
};

/* Keep what the pages of a region hold, which has just been armed. -ENOMEM. */
int audit_begin(struct ww_region *region);
/* The pages that the epoch's sets hold are armed again: look for others that changed, put them
 * into the sets and list them. -ENOMEM. The tracker's lock is held. */
int audit_judge(struct ww_tracker *tracker, uint64_t ended, struct missed *missed);
void audit_free(struct audit *audit);

#endif
