/* watched.c - trackers for the matrix, and fresh tracked memory for its trials. */
#include "matrix.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int
tracker_make(ww_tracker **tracker)
{
  struct ww_options options = WW_OPTIONS_INIT;
  options.flags = mode == SHIELDED ? WW_SHIELD : 0;
  return ww_tracker_create(tracker, &options);
}

struct watched
watched_make(size_t pages)
{
  struct watched watched = { NULL, pages * page_size(), NULL };
  char *around = mmap(NULL, watched.length + 2 * page_size(), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (around == MAP_FAILED)
    abort();
  watched.memory = around + page_size();
  return watched;
}

void
watched_start(struct watched *watched)
{
  int error = tracker_make(&watched->tracker);
  if (!error)
    error = ww_region_add(watched->tracker, "watched", watched->memory, watched->length, NULL);
  if (!error)
    error = ww_start(watched->tracker);
  if (!check(!error, "tracking: %s (%s)", ww_strerror(error), ww_last_error()))
    exit(1);
}

void
watched_announce(const struct watched *watched, void *address, size_t length)
{
  if (mode == ANNOUNCED)
    check(!ww_touch(watched->tracker, address, length), "ww_touch");
}

void
watched_collect(const struct watched *watched, unsigned char *evidence)
{
  ww_dirty *dirty;
  size_t page = page_size(), count;
  int error = ww_collect(watched->tracker, &dirty);
  memset(evidence, 0, watched->length / page);
  if (!check(!error, "ww_collect: %s (%s)", ww_strerror(error), ww_last_error()))
    return;
  const struct ww_run *runs = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < count; i++)
    memset(evidence + (size_t)((char *)runs[i].address - watched->memory) / page, (int)runs[i].evidence,
           runs[i].length / page);
  ww_dirty_free(dirty);
}

void
watched_expect(const struct watched *watched, size_t first, size_t last)
{
  size_t pages = watched->length / page_size();
  unsigned char *evidence = malloc(pages);
  if (!evidence)
    abort();
  watched_collect(watched, evidence);
  for (size_t i = 0; i < pages; i++)
    check((evidence[i] != 0) == (i >= first && i < last),
          "page %zu was %sreturned", i, evidence[i] ? "" : "not ");
  free(evidence);
}

void
watched_expect_armed(const struct watched *watched, size_t first, size_t last)
{
  size_t page = page_size(), pages = watched->length / page;
  unsigned char *evidence = malloc(pages);
  if (!evidence)
    abort();
  watched_collect(watched, evidence);
  watched_expect(watched, 0, 0);
  for (size_t i = 0; i < pages; i++)
    ((volatile char *)watched->memory)[i * page] ^= 1;
  watched_collect(watched, evidence);
  for (size_t i = 0; i < pages; i++)
    check(evidence[i] == WW_TRAPPED
          || (i >= first && i < last && (evidence[i] == WW_DECLARED || evidence[i] == WW_VERIFIED)),
          "page %zu, written, has evidence %d", i, evidence[i]);
  free(evidence);
}

void
watched_end(struct watched *watched)
{
  ww_tracker_destroy(watched->tracker);
  munmap(watched->memory - page_size(), watched->length + 2 * page_size());
}
