/* trace_pages.c - when each page of a region was dirty last. */
#include "config.h"
#include "trace_pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

uint32_t *
page_table_chunk(struct page_table *table, uint64_t page, uint64_t *memory, uint64_t most, int *error)
{
  size_t chunk = (size_t)(page / PAGES_CHUNK);

  *error = page / PAGES_CHUNK > most / sizeof(uint32_t *) ? -E2BIG : make_room(table, chunk, memory, most);
  if (*error || table->chunks[chunk])
    return *error ? NULL : table->chunks[chunk];
  if (*memory + PAGES_CHUNK * sizeof(uint32_t) > most) {
    *error = -E2BIG;
    return NULL;
  }
  table->chunks[chunk] = calloc(PAGES_CHUNK, sizeof(uint32_t));
  if (!table->chunks[chunk])
    *error = -ENOMEM;
  else
    *memory += PAGES_CHUNK * sizeof(uint32_t);
  return table->chunks[chunk];
}

void
page_table_free(struct page_table *table)
{
  for (size_t i = 0; i < table->room; i++)
    free(table->chunks[i]);
  free(table->chunks);
  memset(table, 0, sizeof(*table));
}
