/* watcher.c - the thread of the storm that collects, without pause, and keeps a copy
 * of what collects return. When all is quiet the copy must equal the memory.
 *
 * Pages are read by process_vm_readv(2), which says EFAULT where a worker has just
 * unmapped or closed one. Such a page is *stale*: it is copied as soon as it can be.
 * A page that was a hole may belong to somebody else by now; a tracker need not
 * watch it again before its region is added again, so until then it is not compared. */
#include "config.h"
#include "../tap.h"
#include "storm.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static struct watch {
  ww_region *region;             /* NULL: not watched */
  unsigned char *copy;
  uint8_t stale[PAGES];
} watches[THREADS_MAX];
static bool running;             /* the tracker is started */
static uint64_t numbers;

static bool
copy_page(struct storm *storm, unsigned number, size_t page)
{
  size_t size = storm->page_size;
  struct iovec to = { watches[number].copy + page * size, size };
  struct iovec from = { storm->worker[number].memory + page * size, size };
  bool good = process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)size;
  watches[number].stale[page] = !good;
  return good;
}

static void
copy_all(struct storm *storm, unsigned number)
{
  for (size_t page = 0; page < PAGES; page++)
    copy_page(storm, number, page);
}

static void
copy_run(struct storm *storm, const struct ww_run *run)
{
  size_t size = storm->page_size;
  for (unsigned i = 0; i < storm->threads; i++) {
    uintptr_t offset = (uintptr_t)run->address - (uintptr_t)storm->worker[i].memory;
    for (size_t page = offset / size; offset < PAGES * size && page < (offset + run->length) / size; page++)
      copy_page(storm, i, page);
  }
}

static bool
collect(struct storm *storm)
{
  ww_dirty *dirty;
  size_t count;
  int error = ww_collect(storm->tracker, &dirty);
  if (error) {
    storm_complain(storm, "ww_collect: %s (%s)", ww_strerror(error), ww_last_error());
    return false;
  }
  const struct ww_run *runs = ww_dirty_runs(dirty, &count);
  for (unsigned i = 0; i < storm->threads; i++)
    for (size_t page = 0; page < PAGES; page++)
      if (watches[i].stale[page])
        copy_page(storm, i, page);
  for (size_t i = 0; i < count; i++)
    copy_run(storm, &runs[i]);
  size_t missed = missed_pages(dirty, storm->page_size);
  if (missed)
    storm_complain(storm, "the audit missed %zu pages", missed);
  atomic_fetch_add(&storm->progress->pages, ww_dirty_pages(dirty));
  atomic_fetch_add(&storm->progress->faults, ww_dirty_writers(dirty));
  atomic_fetch_add(&storm->progress->declared, ww_dirty_count(dirty, WW_DECLARED));
  atomic_fetch_add(&storm->progress->collects, 1);
  ww_dirty_free(dirty);
  return true;
}

/* -------------------------------------------------------- regions, restarts */

/* Adding and starting need all pages as they were: else it is tried when they are. */
static void
or_tidy_first(struct storm *storm, const char *call, int error, bool must)
{
  if (must)
    storm_complain(storm, "%s: %s (%s)", call, ww_strerror(error), ww_last_error());
  atomic_store(&storm->tidy, true);
}

static void
add(struct storm *storm, unsigned number, bool must)
{
  struct worker *worker = &storm->worker[number];
  char name[24];
  snprintf(name, sizeof name, "thread %u", number);
  int error = ww_region_add(storm->tracker, name, worker->memory, PAGES * storm->page_size,
                            &watches[number].region);
  if (error) {
    or_tidy_first(storm, "ww_region_add", error, must);
    return;
  }
  copy_all(storm, number);
  /* Holes are made by the worker alone, which is at rest where adding must succeed. */
  for (size_t page = 0; must && page < PAGES; page++)
    atomic_store(&worker->forgotten[page], 0);
}

static void
drop(struct storm *storm, unsigned number)
{
  int error = ww_region_remove(watches[number].region);
  if (error && !storm_has(storm, WITH_REMAP))
    storm_complain(storm, "ww_region_remove: %s (%s)", ww_strerror(error), ww_last_error());
  watches[number].region = NULL;
  memset(watches[number].stale, 0, sizeof watches[number].stale);
}

static void
start(struct storm *storm, bool must)
{
  int error = ww_start(storm->tracker);
  if (error) {
    or_tidy_first(storm, "ww_start", error, must);
    return;
  }
  running = true;
  /* What was written since the last collect has been forgotten. */
  for (unsigned i = 0; i < storm->threads; i++)
    if (watches[i].region)
      copy_all(storm, i);
}

static void
stop(struct storm *storm)
{
  int error = ww_stop(storm->tracker);
  if (error && !storm_has(storm, WITH_REMAP))
    storm_complain(storm, "ww_stop: %s (%s)", ww_strerror(error), ww_last_error());
  running = false;
}

/* While workers write. */
static void
change_something(struct storm *storm)
{
  size_t what = tap_random(&numbers) % 400;
  unsigned number = (unsigned)(tap_random(&numbers) % storm->threads);
  if (what < 8 && storm_has(storm, WITH_REGIONS)) {
    if (watches[number].region)
      drop(storm, number);
    else
      add(storm, number, false);
    atomic_fetch_add(&storm->progress->done[WITH_REGIONS], 1);
  } else if (what < 10 && storm_has(storm, WITH_RESTARTS)) {
    if (running)
      stop(storm);
    else
      start(storm, false);
    atomic_fetch_add(&storm->progress->done[WITH_RESTARTS], 1);
  }
}

/* --------------------------------------------------------------- quiet points */

static void
compare(struct storm *storm)
{
  size_t size = storm->page_size, lost = 0;
  for (unsigned i = 0; i < storm->threads; i++)
    for (size_t page = 0; watches[i].region && page < PAGES; page++) {
      struct worker *worker = &storm->worker[i];
      uint8_t state = atomic_load(&worker->state[page]);
      if ((state != PAGE_OPEN && state != PAGE_EXECUTABLE) || atomic_load(&worker->forgotten[page])
          || watches[i].stale[page])
        continue;
      if (memcmp(watches[i].copy + page * size, worker->memory + page * size, size) == 0)
        continue;
      if (!lost++)
        storm_complain(storm, "turn %llu: page %zu of thread %u (%p, state %u) changed and was not returned",
                       (unsigned long long)atomic_load(&storm->progress->turns), page, i,
                       (void *)(worker->memory + page * size), state);
    }
  if (lost > 1)
    storm_complain(storm, "... and %zu pages more", lost - 1);
}

static bool
is_tidy(struct storm *storm)
{
  for (unsigned i = 0; i < storm->threads; i++)
    for (size_t page = 0; page < PAGES; page++)
      if (atomic_load(&storm->worker[i].state[page]) != PAGE_OPEN)
        return false;
  return true;
}

static void
rest(struct storm *storm)
{
  if (running && collect(storm))
    compare(storm);
  if (atomic_load(&storm->tidy) && is_tidy(storm)) {
    /* Regions with pages that were holes are taken anew. */
    for (unsigned i = 0; i < storm->threads; i++) {
      for (size_t page = 0; watches[i].region && page < PAGES; page++)
        if (atomic_load(&storm->worker[i].forgotten[page]))
          drop(storm, i);
      if (!watches[i].region)
        add(storm, i, true);
    }
    if (!running)
      start(storm, true);
    atomic_store(&storm->tidy, false);
  }
  if (tap_random(&numbers) % 8 == 0)
    atomic_store(&storm->tidy, true);
}

static double
seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void
watcher_run(struct storm *storm)
{
  double end = seconds() + storm->seconds;
  numbers = storm->seed ^ 0x5eed;
  for (unsigned i = 0; i < storm->threads; i++) {
    watches[i].copy = mmap(NULL, PAGES * storm->page_size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (watches[i].copy == MAP_FAILED) {
      storm_complain(storm, "mmap: %s", strerror(errno));
      return;
    }
    add(storm, i, true);
  }
  start(storm, true);
  for (;;) {
    bool over = seconds() > end || atomic_load(&storm->progress->failed);
    atomic_store(&storm->busy, storm->threads);
    atomic_store(&storm->end, over);
    pthread_barrier_wait(&storm->turn);
    if (over)
      break;
    while (atomic_load(&storm->busy) && !atomic_load(&storm->progress->failed)) {
      if (running)
        collect(storm);
      change_something(storm);
      nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
    }
    while (atomic_load(&storm->busy))
      nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
    rest(storm);
    atomic_fetch_add(&storm->progress->turns, 1);
    pthread_barrier_wait(&storm->turn);
  }
}
