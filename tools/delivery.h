/* delivery.h - what a SIGSEGV costs on this machine before anybody does
 * anything about it: the floor below every tracker that is driven by faults. */
#ifndef WW_DELIVERY_H
#define WW_DELIVERY_H

/* Nanoseconds from a write to a read-only page into an empty handler and back
 * behind the write, the median of `rounds` times `count`. Negative: not known
 * for this processor, or the page could not be had. Swaps the SIGSEGV action
 * for that long; no other thread may fault meanwhile. */
double delivery_cost(unsigned rounds, unsigned count);

#endif
