/* sqlite_heap.c - a binary buddy allocator (Knowlton, "A fast storage allocator",
 * CACM 8(10), 1965) as SQLite's memory methods.
 *
 * Distributions build SQLite without its own memory pools, so SQLITE_CONFIG_HEAP
 * is not to be had and SQLITE_CONFIG_MALLOC is. All that the allocator knows lies
 * in the memory that it manages: what it writes is tracked, too. */
#include "config.h"
#include "sqlite_heap.h"

#include <sqlite3.h>
#include <stdint.h>
#include <string.h>

#define UNIT_SHIFT 6                 /* the smallest block: 64 bytes */
#define ORDERS     26                /* the largest: 2 GiB, SQLite's own limit */
#define NONE       UINT32_MAX
#define FREE       0x80              /* in a block's tag, beside its order */

struct heap {
  uint32_t       units;
  uint32_t       first_free[ORDERS]; /* heads of the lists of free blocks */
  unsigned char *blocks;             /* unit 0 */
  unsigned char  tags[];             /* [units]: of the unit that a block begins with */
};

struct free_block {                  /* in the block itself */
  uint32_t next, previous;
};

static struct heap *heap;            /* SQLite's methods are told nothing of their owner's */

static struct free_block *
block_at(uint32_t unit)
{
  return (struct free_block *)(void *)(heap->blocks + ((size_t)unit << UNIT_SHIFT));
}

static void
put(uint32_t unit, unsigned order)
{
  struct free_block *block = block_at(unit);

  block->previous = NONE;
  block->next = heap->first_free[order];
  if (block->next != NONE)
    block_at(block->next)->previous = unit;
  heap->first_free[order] = unit;
  heap->tags[unit] = (unsigned char)(order | FREE);
}

static void
take(uint32_t unit, unsigned order)
{
  struct free_block *block = block_at(unit);

  if (block->previous == NONE)
    heap->first_free[order] = block->next;
  else
    block_at(block->previous)->next = block->next;
  if (block->next != NONE)
    block_at(block->next)->previous = block->previous;
  heap->tags[unit] = (unsigned char)order;
}

static unsigned
order_for(int bytes)
{
  unsigned order = 0;

  while (((int64_t)1 << (UNIT_SHIFT + order)) < bytes)
    order++;
  return order;
}

static void *
heap_allocate(int bytes)
{
  unsigned wanted = order_for(bytes), order = wanted;
  uint32_t unit;

  while (order < ORDERS && heap->first_free[order] == NONE)
    order++;
  if (bytes <= 0 || order >= ORDERS)
    return NULL;
  unit = heap->first_free[order];
  take(unit, order);
  while (order > wanted) {
    order--;
    put(unit + (UINT32_C(1) << order), order);
  }
  heap->tags[unit] = (unsigned char)order;
  return block_at(unit);
}

static uint32_t
unit_of(const void *block)
{
  return (uint32_t)((size_t)((const unsigned char *)block - heap->blocks) >> UNIT_SHIFT);
}

static void
heap_free(void *block)
{
  uint32_t unit, buddy;
  unsigned order;

  if (block == NULL)
    return;
  unit = unit_of(block);
  for (order = heap->tags[unit]; order + 1 < ORDERS; order++) {
    buddy = unit ^ (UINT32_C(1) << order);
    if (buddy >= heap->units || heap->tags[buddy] != (order | FREE))
      break;
    take(buddy, order);
    unit = unit < buddy ? unit : buddy;
  }
  put(unit, order);
}

static int
heap_size(void *block)
{
  return block == NULL ? 0 : (int)(((uint32_t)1 << UNIT_SHIFT) << heap->tags[unit_of(block)]);
}

static void *
heap_resize(void *block, int bytes)
{
  void *larger;

  if (bytes <= heap_size(block))
    return block;
  larger = heap_allocate(bytes);
  if (larger != NULL) {
    memcpy(larger, block, (size_t)heap_size(block));
    heap_free(block);
  }
  return larger;
}

static int
heap_round_up(int bytes)
{
  int64_t rounded = (int64_t)1 << (UNIT_SHIFT + order_for(bytes));

  return rounded <= INT32_MAX ? (int)rounded : bytes;
}

static int
heap_begin(void *unused)
{
  (void)unused;
  return SQLITE_OK;
}

static void
heap_end(void *unused)
{
  (void)unused;
}

int
sqlite_heap_configure(void *memory, size_t bytes)
{
  static const sqlite3_mem_methods methods = {
    .xMalloc = heap_allocate, .xFree = heap_free, .xRealloc = heap_resize, .xSize = heap_size,
    .xRoundup = heap_round_up, .xInit = heap_begin, .xShutdown = heap_end,
  };
  size_t units = (bytes - sizeof *heap) / ((1 << UNIT_SHIFT) + 1), head;
  uint32_t unit = 0;
  unsigned order;

  heap = memory;
  head = (sizeof *heap + units + 63) & ~(size_t)63;
  while (units > 0 && (units >= NONE || head + (units << UNIT_SHIFT) > bytes))
    units--;
  heap->blocks = (unsigned char *)memory + head;
  heap->units = (uint32_t)units;
  for (order = 0; order < ORDERS; order++)
    heap->first_free[order] = NONE;
  /* The largest aligned blocks that fit, one behind the other. */
  while (unit < heap->units) {
    for (order = ORDERS - 1; (unit & ((UINT32_C(1) << order) - 1)) != 0
                             || unit + (UINT64_C(1) << order) > heap->units; order--)
      ;
    put(unit, order);
    unit += UINT32_C(1) << order;
  }
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}
