/* slot.c - what a chain knows of a region, from one checkpoint to the next. */
#include "config.h"
#include "slot.h"

#include "chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* -------------------------------------------------------------------- units */

static uint64_t
next_like(const uint64_t *bits, uint64_t unit, uint64_t end, uint64_t flip)
{
  while (unit < end) {
    uint64_t word = (bits[unit / 64] ^ flip) >> (unit % 64);
    if (word) {
      unit += (uint64_t)__builtin_ctzll(word);
      return unit < end ? unit : end;
    }
    unit = (unit / 64 + 1) * 64;
  }
  return end;
}

uint64_t
unit_next(const uint64_t *bits, uint64_t unit, uint64_t end)
{
  return next_like(bits, unit, end, 0);
}

uint64_t
unit_next_clear(const uint64_t *bits, uint64_t unit, uint64_t end)
{
  return next_like(bits, unit, end, ~(uint64_t)0);
}

static uint64_t
mask_of(uint64_t word, uint64_t first, uint64_t end)
{
  uint64_t mask = ~(uint64_t)0;
  if (word == first / 64)
    mask <<= first % 64;
  if (word == end / 64)
    mask &= ((uint64_t)1 << (end % 64)) - 1;
  return mask;
}

void
unit_set(uint64_t *bits, uint64_t first, uint64_t end)
{
  for (uint64_t word = first / 64; first < end && word <= (end - 1) / 64; word++)
    bits[word] |= mask_of(word, first, end);
}

void
unit_clear(uint64_t *bits, uint64_t first, uint64_t end)
{
  for (uint64_t word = first / 64; first < end && word <= (end - 1) / 64; word++)
    bits[word] &= ~mask_of(word, first, end);
}

bool
unit_is_zero(const void *unit)
{
  const uint64_t *word = unit;
  for (size_t i = 0; i < UNIT / sizeof *word; i += 8)
    if (word[i] | word[i + 1] | word[i + 2] | word[i + 3] | word[i + 4] | word[i + 5] | word[i + 6]
        | word[i + 7])
      return false;
  return true;
}

/* ------------------------------------------------------------------- a slot */

static size_t
words_of(uint64_t units)
{
  return (units + 63) / 64;
}

/* Tables as large as the region, of which only what is used takes memory. */
static void *
map_table(size_t bytes)
{
  void *table = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return table == MAP_FAILED ? NULL : table;
}

static void
unmap_table(void *table, size_t bytes)
{
  if (table)
    munmap(table, bytes);
}

static void
release(struct slot *slot)
{
  unmap_table(slot->pending, words_of(slot->units) * sizeof *slot->pending);
  unmap_table(slot->later, words_of(slot->units) * sizeof *slot->later);
  unmap_table(slot->known, words_of(slot->units) * sizeof *slot->known);
  unmap_table(slot->sum, slot->units * sizeof *slot->sum);
  unmap_table(slot->shadow, slot->units * UNIT);
  slot->pending = slot->known = slot->later = NULL;
  slot->sum = NULL;
  slot->shadow = NULL;
}

static int
provide(struct slot *slot, struct slot_keeping keeping)
{
  slot->pending = map_table(words_of(slot->units) * sizeof *slot->pending);
  slot->known = map_table(words_of(slot->units) * sizeof *slot->known);
  if (keeping.sums)
    slot->sum = map_table(slot->units * sizeof *slot->sum);
  if (keeping.shadow)
    slot->shadow = map_table(slot->units * UNIT);
  if (slot->pending && slot->known && (slot->sum || !keeping.sums) && (slot->shadow || !keeping.shadow))
    return 0;
  release(slot);
  return chain_error(-ENOMEM, "no memory to remember what is saved of region \"%s\", %zu bytes", slot->name,
                     slot->length);
}

/* The slot gets another length: what is known of the part that both have goes on. */
static int
resize(struct slot *slot, size_t length, struct slot_keeping keeping)
{
  struct slot other = *slot;
  other.length = length;
  other.units = length / UNIT;
  other.later = NULL;
  other.unseen = true;
  other.sum = NULL;
  other.shadow = NULL;
  int error = provide(&other, keeping);
  if (error)
    return error;
  uint64_t both = other.units < slot->units ? other.units : slot->units;
  unit_set(other.pending, 0, other.units);
  for (uint64_t unit = 0; (unit = unit_next(slot->known, unit, both)) < both; unit++) {
    unit_set(other.known, unit, unit + 1);
    if (other.sum && slot->sum)
      other.sum[unit] = slot->sum[unit];
    if (other.shadow && slot->shadow)
      memcpy(other.shadow + unit * UNIT, slot->shadow + unit * UNIT, UNIT);
  }
  if (other.stored > both)
    other.stored = both;
  release(slot);
  *slot = other;
  return 0;
}

uint64_t
slot_next(const struct slot *slot, uint64_t unit, uint64_t *end)
{
  for (;;) {
    unit = unit_next(slot->pending, unit, slot->units);
    *end = unit_next_clear(slot->pending, unit, slot->units);
    if (!slot->later || unit == slot->units)
      return unit;
    uint64_t from = unit_next_clear(slot->later, unit, *end);
    if (from < *end) {
      *end = unit_next(slot->later, from, *end);
      return from;
    }
    unit = *end;
  }
}

uint64_t
slot_looked_at(const struct slot *slot)
{
  uint64_t units = 0;
  for (uint64_t word = 0; word < words_of(slot->units); word++)
    units += (uint64_t)__builtin_popcountll(slot->pending[word] & ~(slot->later ? slot->later[word] : 0));
  return units;
}

void
slot_know(struct slot *slot, uint64_t unit, const void *bytes, struct page_hash sum)
{
  if (!slot->sum && !slot->shadow)
    return;
  if (slot->sum && !page_hash_equal(slot->sum[unit], sum))
    slot->sum[unit] = sum;
  if (slot->shadow && bytes)
    memcpy(slot->shadow + unit * UNIT, bytes, UNIT);
  else if (slot->shadow && !unit_is_zero(slot->shadow + unit * UNIT))
    memset(slot->shadow + unit * UNIT, 0, UNIT);
  unit_set(slot->known, unit, unit + 1);
}

uint64_t *
slot_bits(const struct slot *slot)
{
  return map_table(words_of(slot->units) * sizeof *slot->pending);
}

void
slot_free_bits(const struct slot *slot, uint64_t *bits)
{
  unmap_table(bits, words_of(slot->units) * sizeof *bits);
}

static void
drop(struct slot *slot)
{
  release(slot);
  free(slot);
}

static int
append(struct slots *slots, const struct slot *like, struct slot_keeping keeping, struct slot **added)
{
  struct slot **more = realloc(slots->slot, (slots->count + 1) * sizeof *more);
  if (!more)
    return chain_error(-ENOMEM, "no memory for a region of the chain");
  slots->slot = more;
  struct slot *slot = malloc(sizeof *slot);
  if (!slot)
    return chain_error(-ENOMEM, "no memory for a region of the chain");
  *slot = *like;
  int error = provide(slot, keeping);
  if (error) {
    free(slot);
    return error;
  }
  slots->slot[slots->count++] = slot;
  *added = slot;
  return 0;
}

/* ---------------------------------------------------------------- the slots */

/* The slot that the region goes on as, or NULL. */
static struct slot *
find_slot(const struct slots *slots, const ww_region *region, bool *same)
{
  struct slot *named = NULL;
  uintptr_t address = (uintptr_t)ww_region_address(region);
  for (size_t i = 0; i < slots->count; i++)
    if (slots->slot[i]->region == region) {
      *same = true;
      return slots->slot[i];
    }
  *same = false;
  for (size_t i = 0; i < slots->count; i++) {
    struct slot *slot = slots->slot[i];
    if (slot->region || slot->page_size != ww_region_page_size(region)
        || strcmp(slot->name, ww_region_name(region)) != 0)
      continue;
    if (slot->address == address)
      return slot;
    if (!named)
      named = slot;
  }
  return named;
}

static int
adopt(struct slots *slots, ww_region *region, struct slot_keeping keeping)
{
  struct slot like = { .region = region, .address = (uintptr_t)ww_region_address(region),
                       .length = ww_region_length(region), .page_size = ww_region_page_size(region) };
  bool same;
  struct slot *slot = find_slot(slots, region, &same);
  strncpy(like.name, ww_region_name(region), sizeof like.name - 1);
  if (like.length / UNIT > UINT32_MAX)
    return chain_error(-EFBIG, "region \"%s\" has %zu bytes: a chain holds regions below 16 TiB", like.name,
                       like.length);
  if (!slot) {
    like.id = slots->next_id;
    like.units = like.length / UNIT;
    int error = append(slots, &like, keeping, &slot);
    if (error)
      return error;
    slots->next_id++;
  } else if (slot->length != like.length) {
    int error = resize(slot, like.length, keeping);
    if (error)
      return error;
    same = false;
  }
  slot->region = region;
  slot->address = like.address;
  if (!same) {
    unit_set(slot->pending, 0, slot->units);
    slot->unseen = true;
  }
  return 0;
}

static bool
is_named(const ww_region *region, ww_region *const *regions, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (regions[i] == region)
      return true;
  return false;
}

void
slots_mark(struct slots *slots, const ww_dirty *dirty)
{
  size_t count;
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  struct slot *slot = NULL;
  for (; count > 0; count--, run++) {
    if (!slot || slot->region != run->region) {
      slot = NULL;
      for (size_t i = 0; i < slots->count && !slot; i++)
        if (slots->slot[i]->region == run->region)
          slot = slots->slot[i];
    }
    if (slot) {
      uint64_t first = ((uintptr_t)run->address - slot->address) / UNIT;
      unit_set(slot->pending, first, first + run->length / UNIT);
    }
  }
}

int
slots_follow(struct slots *slots, const ww_dirty *dirty, bool follows, struct slot_keeping keeping)
{
  size_t count, left = 0;
  ww_region *const *regions = ww_dirty_regions(dirty, &count);

  /* A handle that is not named any more is nobody's; its slot may go on as another's. */
  for (size_t i = 0; i < slots->count; i++) {
    struct slot *slot = slots->slot[i];
    if (slot->region && (!follows || !is_named(slot->region, regions, count)))
      slot->region = NULL;
  }
  for (size_t i = 0; i < count; i++) {
    int error = adopt(slots, regions[i], keeping);
    if (error) {
      /* The dirty set is lost with this: nothing but a look at everything makes up for it. */
      for (size_t j = 0; j < slots->count; j++)
        slots->slot[j]->region = NULL;
      return error;
    }
  }
  for (size_t i = 0; i < slots->count; i++)
    if (slots->slot[i]->region)
      slots->slot[left++] = slots->slot[i];
    else
      drop(slots->slot[i]);
  slots->count = left;
  slots_mark(slots, dirty);
  return 0;
}

void
slots_forget(struct slots *slots)
{
  for (size_t i = 0; i < slots->count; i++) {
    struct slot *slot = slots->slot[i];
    slot->stored = 0;
    unit_clear(slot->known, 0, slot->units);
    unit_set(slot->pending, 0, slot->units);
    slot->unseen = true;
  }
}

void
slots_saved(struct slots *slots)
{
  for (size_t i = 0; i < slots->count; i++) {
    struct slot *slot = slots->slot[i];
    slot->stored = slot->units;
    if (slot->later)
      memcpy(slot->pending, slot->later, words_of(slot->units) * sizeof *slot->pending);
    else
      unit_clear(slot->pending, 0, slot->units);
  }
}

void
slots_failed(struct slots *slots)
{
  for (size_t i = 0; i < slots->count; i++) {
    struct slot *slot = slots->slot[i];
    for (uint64_t word = 0; word < words_of(slot->units); word++)
      if (slot->pending[word])
        slot->known[word] &= ~slot->pending[word];
  }
}

int
slots_restored(struct slots *slots, const struct slot *like, struct slot_keeping keeping, struct slot **slot)
{
  int error = append(slots, like, keeping, slot);
  if (!error) {
    (*slot)->stored = like->units;
    unit_set((*slot)->pending, 0, like->units);
  }
  return error;
}

void
slots_free(struct slots *slots)
{
  for (size_t i = 0; i < slots->count; i++)
    drop(slots->slot[i]);
  free(slots->slot);
  slots->slot = NULL;
  slots->count = 0;
}
