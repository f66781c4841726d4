/* pool.h - async-signal-safe. A bounded store of copies of pages, and what goes beyond it. */
#ifndef WW_POOL_H
#define WW_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool {
  uint64_t number;              /* no other pool has it, and this one another when it is renewed */
  size_t wanted;                /* bytes, as they were asked for */
  size_t present;               /* bytes that were used once, and are in memory still */
  size_t unit, slots;           /* bytes of a slot, a page of the processor's; how many there are */
  char *base;
  _Atomic uint32_t *next;       /* [slots] 1 + the slot below, of those that are free again; 0: the last */
  size_t bound;                 /* bytes */
  _Alignas(128) _Atomic uint64_t top;  /* of these: 1 + its number, and above that a count of changes */
  _Atomic uint32_t untouched;   /* the first slot that was never taken */
  _Atomic uint64_t taken;       /* bytes: of slots, and of what was mapped beyond them */
  _Atomic uint64_t most;        /* ... at any time */
  _Atomic uint64_t given;       /* how often something was given back */
};

/* Of so many bytes; NULL if there is no memory. These three are not for handlers. */
struct pool *pool_create(size_t bytes);
void pool_destroy(struct pool *pool);
/* For the next one, nothing of it being taken. What was used stays in memory: to get it anew from the kernel
 * costs three times what it costs to copy a page. Of what is not, a 32nd part is given back each time. */
void pool_renew(struct pool *pool);
/* Room for a page of `length` bytes. Within the bound: NULL if it is full, or not a slot's length. Beyond:
 * mapped for it alone; NULL if there is no memory. */
void *pool_take(struct pool *pool, size_t length);
void *pool_take_beyond(struct pool *pool, size_t length);
/* Back from either. */
void pool_give(struct pool *pool, void *room, size_t length);

static inline bool
pool_is_full(struct pool *pool, size_t length)
{
  return atomic_load_explicit(&pool->taken, memory_order_relaxed) + length > pool->bound;
}

#endif
