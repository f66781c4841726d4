/* watched.c - trackers for the matrix, and fresh tracked memory for its trials. */
#include "matrix.h"

#include <stdlib.h>
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
watched_expect(const struct watched *watched, size_t first, size_t last)
{
  ww_dirty *dirty;
  size_t page = page_size(), count;
  int error = ww_collect(watched->tracker, &dirty);
  if (!check(!error, "ww_collect: %s (%s)", ww_strerror(error), ww_last_error()))
    return;
  const struct ww_run *runs = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < watched->length / page; i++) {
    bool returned = false;
    for (size_t k = 0; k < count; k++)
      returned |= (char *)runs[k].address <= watched->memory + i * page
                  && watched->memory + i * page < (char *)runs[k].address + runs[k].length;
    check(returned == (i >= first && i < last), "page %zu was %sreturned", i, returned ? "" : "not ");
  }
  ww_dirty_free(dirty);
}

void
watched_end(struct watched *watched)
{
  ww_tracker_destroy(watched->tracker);
  munmap(watched->memory - page_size(), watched->length + 2 * page_size());
}
