/* fast.h - the short way of the commonest calls, without a trap. */
#ifndef WW_SHIELD_FAST_H
#define WW_SHIELD_FAST_H

/* Once, when the shield is turned on. Not for handlers. */
void fast_start(void);

#endif
