/* trace_pages.c - when each page of a region was dirty last. */
#include "config.h"
#include "trace_pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 4096u            /* pages */
#define AGAIN 0x80000000u      /* in more than one epoch */

static int
make_room(struct page_table *table, size_t chunk, uint64_t *memory, uint64_t most)
{
  size_t room = chunk + chunk / 2 + 1;
  uint32_t **grown;

  if (chunk < table->room)
    return 0;
  if (*memory + (room - table->room) * sizeof(*grown) > most)
    return -E2BIG;
  grown = realloc(table->chunks, room * sizeof(*grown));
  if (!grown)
    return -ENOMEM;
  memset(grown + table->room, 0, (room - table->room) * sizeof(*grown));
  *memory += (room - table->room) * sizeof(*grown);
  table->chunks = grown;
  table->room = room;
  return 0;
}

static uint32_t *
find_chunk(struct page_table *table, size_t chunk, uint64_t *memory, uint64_t most, int *error)
{
  *error = make_room(table, chunk, memory, most);
  if (*error || table->chunks[chunk])
    return *error ? NULL : table->chunks[chunk];
  if (*memory + CHUNK * sizeof(uint32_t) > most) {
    *error = -E2BIG;
    return NULL;
  }
  table->chunks[chunk] = calloc(CHUNK, sizeof(uint32_t));
  if (!table->chunks[chunk])
    *error = -ENOMEM;
  else
    *memory += CHUNK * sizeof(uint32_t);
  return table->chunks[chunk];
}

int
page_table_mark(struct page_table *table, uint64_t page, uint64_t pages, uint32_t epoch,
                struct page_tally *tally, uint64_t *memory, uint64_t most)
{
  while (pages > 0) {
    uint64_t begin = page % CHUNK, count = CHUNK - begin < pages ? CHUNK - begin : pages;
    int error;
    uint32_t *last;
    if (page / CHUNK > most / sizeof(uint32_t *))
      return -E2BIG;
    last = find_chunk(table, (size_t)(page / CHUNK), memory, most, &error);
    if (!last)
      return error;
    last += begin;
    for (uint64_t i = 0; i < count; i++) {
      uint32_t before = last[i] & ~AGAIN;
      if (before == epoch) {
        tally->twice++;
      } else if (before == 0) {
        tally->by_level[PAGES_LEVELS]++;
        last[i] = epoch;
      } else {
        tally->by_level[32 - (unsigned)__builtin_clz((epoch - 1) ^ (before - 1))]++;
        tally->again += !(last[i] & AGAIN);
        last[i] = epoch | AGAIN;
      }
    }
    page += count;
    pages -= count;
  }
  return 0;
}

void
page_table_free(struct page_table *table)
{
  for (size_t i = 0; i < table->room; i++)
    free(table->chunks[i]);
  free(table->chunks);
  memset(table, 0, sizeof(*table));
}
