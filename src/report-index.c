/* report-index.c - from a key's hash to its position in a table of its owner. */
#include "config.h"
#include "report-index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint32_t
report_index_find(const struct report_index *index, uint32_t hash, report_match *match,
                  const void *table, const void *key)
{
  size_t i;

  if (index->room == 0)
    return REPORT_NOWHERE;
  for (i = hash & (index->room - 1); index->slots[i].position != REPORT_NOWHERE;
       i = (i + 1) & (index->room - 1))
    if (index->slots[i].hash == hash && match(table, index->slots[i].position, key))
      return index->slots[i].position;
  return REPORT_NOWHERE;
}

static void
put(struct report_index *index, uint32_t hash, uint32_t position)
{
  size_t i = hash & (index->room - 1);

  while (index->slots[i].position != REPORT_NOWHERE)
    i = (i + 1) & (index->room - 1);
  index->slots[i].hash = hash;
  index->slots[i].position = position;
}

static int
widen(struct report_index *index)
{
  struct report_index wider = { .room = index->room ? 2 * index->room : 64, .used = index->used };
  size_t i;

  if (wider.room > SIZE_MAX / sizeof(*wider.slots)
      || !(wider.slots = malloc(wider.room * sizeof(*wider.slots))))
    return -ENOMEM;
  memset(wider.slots, 0xff, wider.room * sizeof(*wider.slots));
  for (i = 0; i < index->room; i++)
    if (index->slots[i].position != REPORT_NOWHERE)
      put(&wider, index->slots[i].hash, index->slots[i].position);
  free(index->slots);
  *index = wider;
  return 0;
}

int
report_index_add(struct report_index *index, uint32_t hash, uint32_t position)
{
  if (2 * (index->used + 1) > index->room) {
    int error = widen(index);
    if (error)
      return error;
  }
  put(index, hash, position);
  index->used++;
  return 0;
}

void
report_index_free(struct report_index *index)
{
  free(index->slots);
  memset(index, 0, sizeof(*index));
}

/* The multiply-and-fold of every second hash function: keys are addresses and
 * numbers of this process, nobody's attack. */
static uint64_t
fold(uint64_t hash, uint64_t word)
{
  hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 29);
}

uint32_t
report_hash(uint64_t seed, const uint64_t *words, size_t count)
{
  size_t i;

  for (i = 0; i < count; i++)
    seed = fold(seed, words[i]);
  seed = fold(seed, count);
  return (uint32_t)(seed >> 32);
}

uint32_t
report_hash_text(uint64_t seed, const char *text)
{
  for (; *text; text++)
    seed = fold(seed, (unsigned char)*text);
  return (uint32_t)(seed >> 32);
}

int
report_grow(void *table, size_t need, size_t *room, size_t size)
{
  size_t wider = *room + *room / 2 + 8;
  void *old, *grown;

  if (need <= *room)
    return 0;
  if (wider < need)
    wider = need;
  memcpy(&old, table, sizeof(old));
  grown = wider > SIZE_MAX / size ? NULL : realloc(old, wider * size);
  if (!grown)
    return -ENOMEM;
  memcpy(table, &grown, sizeof(grown));
  *room = wider;
  return 0;
}
