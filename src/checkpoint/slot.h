/* slot.h - what a chain knows of a region, from one checkpoint to the next. */
#ifndef WW_CHECKPOINT_SLOT_H
#define WW_CHECKPOINT_SLOT_H

#include "writewatch-checkpoint.h"

#include <stdbool.h>

/* Memory is saved in units of so many bytes: no page is smaller. */
enum { UNIT = 4096, NAME_SIZE = 64 };

struct unit_sum { uint64_t low, high; };   /* XXH3-128 of a unit */

struct slot {
  uint64_t   id;            /* of the region in this chain, for good */
  ww_region *region;        /* the tracker's, or NULL: it was seen in none yet */
  char       name[NAME_SIZE];
  uintptr_t  address;
  size_t     length, page_size;
  uint64_t   units;         /* length / UNIT */
  uint64_t   stored;        /* units that the parent image has; what is beyond is zeros there */
  uint64_t  *pending;       /* a bit a unit: the next checkpoint must look at it */
  uint64_t  *known;         /* a bit a unit: `sum' and `shadow' hold what the parent image holds */
  struct unit_sum *sum;     /* [units], or NULL (WW_CHAIN_EVERY_PAGE) */
  unsigned char *shadow;    /* [length], or NULL (not WW_CHAIN_BYTES) */
};

struct slots {
  struct slot *slot;        /* by id */
  size_t       count;
  uint64_t     next_id;
};

static inline bool
unit_is_set(const uint64_t *bits, uint64_t unit)
{
  return bits[unit / 64] >> (unit % 64) & 1;
}

/* The first set unit from `unit' on, below `end'; `end' if there is none. */
uint64_t unit_next(const uint64_t *bits, uint64_t unit, uint64_t end);
/* The first clear one. */
uint64_t unit_next_clear(const uint64_t *bits, uint64_t unit, uint64_t end);
void unit_set(uint64_t *bits, uint64_t first, uint64_t end);
void unit_clear(uint64_t *bits, uint64_t first, uint64_t end);

#endif
