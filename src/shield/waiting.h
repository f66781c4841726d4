/* waiting.h - system calls that had begun before they could be trapped. */
#ifndef WW_SHIELD_WAITING_H
#define WW_SHIELD_WAITING_H

#include "pin.h"

/* Another thread may be waiting in a call since before there was a filter, read(2) for
 * example, and its buffer be watched from now on. Such calls are found by what /proc says of
 * the threads, and their memory is pinned as long as it says the same. */
void waiting_find(struct range window);
/* Give back the pins of those that have returned; before a collect. */
void waiting_refresh(void);
/* In the child of a fork(), which has none of those threads, and none of their pins. */
void waiting_forget(void);

#endif
