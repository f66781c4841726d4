/* readable.h - which parts of new regions can be read at all. */
#ifndef WW_CHECKPOINT_READABLE_H
#define WW_CHECKPOINT_READABLE_H

#include "slot.h"

/* Sets `later' of slots that are `unseen', or have some from last time: a part that is not mapped or
 * PROT_NONE counts as zeros until it can be read. -ENOMEM, or the errno of what reads /proc/self/maps. */
int readable_look(struct slots *slots);

#endif
