/* report-pageset.c - which pages of a region were ever dirty. */
#include "config.h"
#include "report-pageset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_WORDS (REPORT_CHUNK_PAGES / 64)

/* Stands for a chunk with every bit set: a wholly dirty region costs nothing. */
static uint64_t chunk_full[1];

static int
reserve_table(struct report_pageset *set, uint64_t room)
{
  uint64_t **wider;

  if (room <= set->room)
    return 0;
  if (room > SIZE_MAX / sizeof(*wider) || !(wider = realloc(set->chunks, room * sizeof(*wider))))
    return -ENOMEM;
  memset(wider + set->room, 0, (room - set->room) * sizeof(*wider));
  set->chunks = wider;
  set->room = room;
  return 0;
}

int
report_pageset_reserve(struct report_pageset *set, uint64_t first, uint64_t pages)
{
  uint64_t end = first + pages, chunk = first / REPORT_CHUNK_PAGES;
  int error;

  if (pages == 0)
    return 0;
  error = reserve_table(set, (end - 1) / REPORT_CHUNK_PAGES + 1);
  if (error)
    return error;
  for (; chunk * REPORT_CHUNK_PAGES < end; chunk++) {
    uint64_t begin = chunk * REPORT_CHUNK_PAGES;
    if (set->chunks[chunk] || (first <= begin && begin + REPORT_CHUNK_PAGES <= end))
      continue;
    set->chunks[chunk] = calloc(CHUNK_WORDS, sizeof(uint64_t));
    if (!set->chunks[chunk])
      return -ENOMEM;
  }
  return 0;
}

/* Set bits [from, to) of a chunk; returns how many were clear. */
static uint64_t
set_bits(uint64_t *words, uint64_t from, uint64_t to)
{
  uint64_t added = 0;

  while (from < to) {
    uint64_t next = (from | 63) + 1, mask = UINT64_MAX << (from & 63);
    if (next > to)
      mask &= UINT64_MAX >> (next - to);
    added += (uint64_t)__builtin_popcountll(mask & ~words[from / 64]);
    words[from / 64] |= mask;
    from = next;
  }
  return added;
}

static uint64_t
count_bits(const uint64_t *words)
{
  uint64_t count = 0;
  size_t i;

  for (i = 0; i < CHUNK_WORDS; i++)
    count += (uint64_t)__builtin_popcountll(words[i]);
  return count;
}

void
report_pageset_add(struct report_pageset *set, uint64_t first, uint64_t pages)
{
  uint64_t end = first + pages, chunk;

  for (chunk = first / REPORT_CHUNK_PAGES; chunk * REPORT_CHUNK_PAGES < end; chunk++) {
    uint64_t begin = chunk * REPORT_CHUNK_PAGES;
    uint64_t from = first > begin ? first - begin : 0;
    uint64_t to = end - begin < REPORT_CHUNK_PAGES ? end - begin : REPORT_CHUNK_PAGES;
    uint64_t *words = set->chunks[chunk];

    if (words == chunk_full)
      continue;
    if (from == 0 && to == REPORT_CHUNK_PAGES) {
      set->count += REPORT_CHUNK_PAGES - (words ? count_bits(words) : 0);
      free(words);
      set->chunks[chunk] = chunk_full;
    } else {
      set->count += set_bits(words, from, to);
    }
  }
}

void
report_pageset_free(struct report_pageset *set)
{
  uint64_t i;

  for (i = 0; i < set->room; i++)
    if (set->chunks[i] != chunk_full)
      free(set->chunks[i]);
  free(set->chunks);
  memset(set, 0, sizeof(*set));
}
