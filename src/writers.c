/* writers.c - async-signal-safe (but for create and release). Interned stacks.
 *
 * A stack is written to a place of its own first and then published in a slot
 * of an open-addressed table by one compare-and-swap: no handler waits for
 * another. Two handlers that meet the same new stack at once may both write it;
 * the second finds the first's in the slot and its own copy stays behind unused,
 * which the bound on the words allows for by ending the table early, never by
 * overrunning it. */
#include "config.h"
#include "writers.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct writers *
writers_create(unsigned depth, size_t limit)
{
  struct writers *writers = arena_map(NULL, sizeof *writers);
  if (!writers)
    return NULL;
  writers->limit = (uint32_t)limit;
  writers->slots = 64;
  while (writers->slots < 2 * limit)
    writers->slots *= 2;
  writers->capacity = limit * (depth + 2);
  atomic_store(&writers->references, 1);
  writers->slot = arena_map(NULL, writers->slots * sizeof *writers->slot);
  writers->offset = arena_map(NULL, (limit + 1) * sizeof *writers->offset);
  writers->words = arena_map(NULL, writers->capacity * sizeof *writers->words);
  if (!writers->slot || !writers->offset || !writers->words) {
    writers_release(writers);
    return NULL;
  }
  return writers;
}

struct writers *
writers_share(struct writers *writers)
{
  if (writers)
    atomic_fetch_add(&writers->references, 1);
  return writers;
}

void
writers_release(struct writers *writers)
{
  if (!writers || atomic_fetch_sub(&writers->references, 1) != 1)
    return;
  if (writers->slot)
    arena_unmap(NULL, writers->slot);
  if (writers->offset)
    arena_unmap(NULL, writers->offset);
  if (writers->words)
    arena_unmap(NULL, writers->words);
  arena_unmap(NULL, writers);
}

/* Write the stack to a new place; 0 if there is none. */
static uint32_t
keep(struct writers *writers, uint64_t hash, void *const *frames, unsigned depth)
{
  uint64_t place = atomic_fetch_add(&writers->used, depth + 2);
  if (place + depth + 2 > writers->capacity)
    return 0;
  uint32_t number = atomic_fetch_add(&writers->count, 1) + 1;
  if (number > writers->limit) {
    atomic_fetch_sub(&writers->count, 1);
    return 0;
  }
  writers->offset[number] = place;
  writers->words[place] = hash;
  writers->words[place + 1] = depth;
  memcpy(&writers->words[place + 2], frames, depth * sizeof *frames);
  return number;
}

uint32_t
writers_intern(struct writers *writers, void *const *frames, unsigned depth)
{
  uint64_t hash = XXH3_64bits(frames, depth * sizeof *frames);
  uint64_t mask = writers->slots - 1;
  uint32_t kept = 0;
  for (uint64_t at = hash & mask, probes = 0; probes < writers->slots; at = (at + 1) & mask, probes++) {
    uint32_t number = atomic_load(&writers->slot[at]);
    if (!number) {
      if (!kept && !(kept = keep(writers, hash, frames, depth)))
        break;
      if (atomic_compare_exchange_strong(&writers->slot[at], &number, kept))
        return kept;
    }
    const uint64_t *words = &writers->words[writers->offset[number]];
    if (words[0] == hash && words[1] == depth && !memcmp(words + 2, frames, depth * sizeof *frames))
      return number;
  }
  atomic_fetch_add(&writers->dropped, 1);
  return 0;
}

void *const *
writers_frames(const struct writers *writers, uint32_t number, unsigned *depth)
{
  *depth = 0;
  if (!writers || !number || number > writers->limit)
    return NULL;
  const uint64_t *words = &writers->words[writers->offset[number]];
  *depth = (unsigned)words[1];
  return (void *const *)(const void *)(words + 2);
}
