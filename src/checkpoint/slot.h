/* slot.h - what a chain knows of a region, from one checkpoint to the next. */
#ifndef WW_CHECKPOINT_SLOT_H
#define WW_CHECKPOINT_SLOT_H

#include "pagehash.h"
#include "writewatch-checkpoint.h"

#include <stdbool.h>

/* Memory is saved in units of so many bytes: no page is smaller. */
enum { UNIT = 4096, NAME_SIZE = 64 };

struct slot {
  uint64_t   id;            /* of the region in this chain, for good */
  ww_region *region;        /* the tracker's, or NULL: it was seen in none yet */
  char       name[NAME_SIZE];
  uintptr_t  address;
  size_t     length, page_size;
  uint64_t   units;         /* length / UNIT */
  uint64_t   stored;        /* units that the parent image has; what is beyond is zeros there */
  uint64_t  *pending;       /* a bit a unit: the next checkpoint must look at it */
  uint64_t  *later;         /* a bit a unit: pending, and cannot be read now; or NULL */
  bool       unseen;        /* all is pending, and it must be asked what can be read */
  uint64_t  *known;         /* a bit a unit: `sum' and `shadow' hold what the parent image holds */
  struct page_hash *sum;     /* [units], or NULL (WW_CHAIN_EVERY_PAGE) */
  unsigned char *shadow;    /* [length], or NULL (not WW_CHAIN_BYTES) */
};

struct slots {
  struct slot **slot;       /* by ascending id */
  size_t        count;
  uint64_t      next_id;
};

/* What is kept of each unit. */
struct slot_keeping { bool sums, shadow; };

/* The slots of the regions that `dirty' names, and of no others: they go on as those of the same
 * region, or else of the same name, or begin. What is new, or all if `follows' is false (the dirty
 * set does not tell everything since the last one), is pending; so are the dirty set's runs.
 * -ENOMEM: the slots stay usable, and what they had pending stays so. */
int slots_follow(struct slots *slots, const ww_dirty *dirty, bool follows, struct slot_keeping keeping);
/* The dirty set's runs are pending, where they are of regions that have a slot. */
void slots_mark(struct slots *slots, const ww_dirty *dirty);
/* The next run of units that the checkpoint looks at, from `unit' on: its first, and *end; slot->units if
 * there is none. Whole pages. */
uint64_t slot_next(const struct slot *slot, uint64_t unit, uint64_t *end);
/* How many there are. */
uint64_t slot_looked_at(const struct slot *slot);
/* The parent image, or the one being written, has these bytes there; NULL: zeros, whose sum is taken to be 0
 * (so that the tables of memory that is not used are not used either). */
void slot_know(struct slot *slot, uint64_t unit, const void *bytes, struct page_hash sum);
/* Bits for all units, none set; NULL: no memory. */
uint64_t *slot_bits(const struct slot *slot);
void slot_free_bits(const struct slot *slot, uint64_t *bits);
/* Nothing is known of any image: the next one is full. */
void slots_forget(struct slots *slots);
/* All that is pending has been saved. */
void slots_saved(struct slots *slots);
/* The checkpoint failed: of what is pending nothing is known any more. */
void slots_failed(struct slots *slots);
/* A slot of a restored region: all its units are as the image has them, none is known yet. */
int slots_restored(struct slots *slots, const struct slot *like, struct slot_keeping keeping,
                   struct slot **slot);
void slots_free(struct slots *slots);

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
bool unit_is_zero(const void *unit);

#endif
