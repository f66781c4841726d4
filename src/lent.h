/* lent.h - async-signal-safe. What this thread has lent lately: ranges of whose pages all that
 * are watched were marked and writable when so many armings had been counted (pin.h). That
 * stays true for as long as the count stays the same, whoever lends what meanwhile. */
#ifndef WW_LENT_H
#define WW_LENT_H

#include "pin.h"

/* All signals but SIGSEGV and SIGSYS are held off. */
void lent_remember(struct range range, uint64_t armings);
/* Signals may come in between: then it may say false. */
bool lent_is_known(struct range range, uint64_t armings);

#endif
