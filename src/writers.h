/* writers.h - async-signal-safe. Interned stacks: each distinct stack is kept
 * once and has a number. */
#ifndef WW_WRITERS_H
#define WW_WRITERS_H

#include "arena.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Dirty sets outlive their tracker and name stacks, so the table is shared. */
struct writers {
  _Atomic uint32_t references;
  _Atomic uint32_t count;        /* numbers given out */
  _Atomic uint64_t dropped;
  uint32_t limit;
  uint64_t slots;                /* a power of two, twice the limit or more */
  _Atomic uint32_t *slot;        /* number of a stack, 0 if free */
  uint64_t *offset;              /* [limit + 1] into words */
  uint64_t capacity;
  _Atomic uint64_t used;
  uint64_t *words;               /* hash, depth, frames ... */
};

/* NULL if there is no memory. Not for handlers. */
struct writers *writers_create(unsigned depth, size_t limit);
struct writers *writers_share(struct writers *writers);
void writers_release(struct writers *writers);

/* The number of this stack; 0 if the table is full (and counted as dropped). */
uint32_t writers_intern(struct writers *writers, void *const *frames, unsigned depth);
/* The frames of a stack by number; NULL and depth 0 for number 0. */
void *const *writers_frames(const struct writers *writers, uint32_t number, unsigned *depth);

#endif
