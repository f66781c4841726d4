/* hashing.h - many pages hashed, by this thread and where it pays by a second one. */
#ifndef WW_HASHING_H
#define WW_HASHING_H

#include <stddef.h>

/* Call `one` for each of [0, count), in any order, from this thread and others at once; `pages` is
 * how many pages that will hash in all. Returns when all are done. */
void hashing_run(void (*one)(void *argument, size_t index), void *argument, size_t count, size_t pages);

/* Never by others from now on: where threads cannot be made. */
void hashing_alone(void);

#endif
