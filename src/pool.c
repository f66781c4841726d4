/* pool.c - async-signal-safe (but for making, renewing and ending one). A bounded store of copies of pages.
 *
 * Slots that are free are a stack, so that the one which was used last, and is in the cache and present,
 * is used next. The count beside its top is what tells a top that went and came back (A-B-A) from one
 * that stayed. */
#include "config.h"
#include "pool.h"
#include "arena.h"
#include "os.h"

#define NUMBER(top) ((uint32_t)(top))
#define CHANGED(top) ((((top) >> 32) + 1) << 32)

static uint64_t
next_number(void)
{
  static _Atomic uint64_t pools;
  return atomic_fetch_add(&pools, 1) + 1;
}

struct pool *
pool_create(size_t bytes)
{
  size_t unit = os_page_size(), slots = bytes / unit;
  slots = slots < UINT32_MAX - 1 ? slots : UINT32_MAX - 1;
  size_t head = (sizeof(struct pool) + slots * sizeof(uint32_t) + 127) & ~(size_t)127;
  struct pool *pool = arena_map(NULL, head + slots * unit);
  if (!pool)
    return NULL;
  pool->number = next_number();
  pool->wanted = bytes;
  pool->unit = unit;
  pool->slots = slots;
  pool->bound = slots * unit;
  pool->next = (void *)(pool + 1);
  pool->base = (char *)pool + head;
  return pool;
}

void
pool_destroy(struct pool *pool)
{
  if (pool)
    arena_unmap(NULL, pool);
}

void
pool_renew(struct pool *pool)
{
  size_t used = atomic_load(&pool->untouched) * pool->unit;
  if (used >= pool->present)
    pool->present = used;
  else {
    size_t left = pool->present - (pool->present - used) / 32;
    os_forget(pool->base + left, pool->present - left);
    pool->present = left;
  }
  pool->number = next_number();
  atomic_store(&pool->top, 0);
  atomic_store(&pool->untouched, 0);
  atomic_store(&pool->most, 0);
  atomic_store(&pool->given, 0);
}

static void *
count(struct pool *pool, void *room, size_t length)
{
  uint64_t now = atomic_fetch_add(&pool->taken, length) + length, most = atomic_load(&pool->most);
  while (now > most && !atomic_compare_exchange_weak(&pool->most, &most, now))
    ;
  return room;
}

void *
pool_take(struct pool *pool, size_t length)
{
  if (length != pool->unit)
    return NULL;
  uint64_t top = atomic_load(&pool->top);
  while (NUMBER(top)) {
    uint32_t below = atomic_load_explicit(&pool->next[NUMBER(top) - 1], memory_order_relaxed);
    if (atomic_compare_exchange_weak(&pool->top, &top, CHANGED(top) | below))
      return count(pool, pool->base + (NUMBER(top) - 1) * pool->unit, length);
  }
  uint32_t slot = atomic_load(&pool->untouched);
  while (slot < pool->slots)
    if (atomic_compare_exchange_weak(&pool->untouched, &slot, slot + 1))
      return count(pool, pool->base + slot * pool->unit, length);
  return NULL;
}

void *
pool_take_beyond(struct pool *pool, size_t length)
{
  void *room = os_map(length);
  return room ? count(pool, room, length) : NULL;
}

void
pool_give(struct pool *pool, void *room, size_t length)
{
  uintptr_t at = (uintptr_t)room - (uintptr_t)pool->base;
  if (at < pool->slots * pool->unit) {
    uint32_t slot = (uint32_t)(at / pool->unit);
    uint64_t top = atomic_load(&pool->top);
    do
      atomic_store_explicit(&pool->next[slot], NUMBER(top), memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&pool->top, &top, CHANGED(top) | (slot + 1)));
  } else
    os_unmap(room, length);
  atomic_fetch_sub(&pool->taken, length);
  atomic_fetch_add(&pool->given, 1);
}
