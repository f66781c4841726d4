/* audit.c - WW_AUDIT: writes that nobody noticed are found, and nothing else is, with threads
 * writing meanwhile. */
#define _GNU_SOURCE
#include "config.h"
#include "../engine.h"
#include "../tap.h"
#include "moving.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 256, WRITERS = 2 };

static size_t page;
static uint64_t seed;
static char *memory, *other;      /* the second half of `memory` is mapped again at `other` */
static _Atomic bool end;
static _Atomic uint64_t written;

/* Everywhere but on the pages that are a multiple of 8. */
static void *
write_on(void *argument)
{
  uint64_t state = seed + (uint64_t)(uintptr_t)argument;
  while (!atomic_load(&end)) {
    uint64_t draw = tap_random(&state);
    size_t at = draw % PAGES;
    if (at % 8 == 0)
      continue;
    char *where = at >= PAGES / 2 && (draw >> 20 & 1) ? other + (at - PAGES / 2) * page : memory + at * page;
    __atomic_store_n((uint64_t *)(void *)(where + (size_t)(uintptr_t)argument * 8), draw, __ATOMIC_RELAXED);
    atomic_fetch_add_explicit(&written, 1, memory_order_relaxed);
    if (draw >> 32 & 1)
      usleep(1);
  }
  return NULL;
}

static ww_tracker *
start(void *at, size_t length)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *tracker;
  options.flags = WW_AUDIT;
  if (ww_tracker_create(&tracker, &options) || ww_region_add(tracker, "audited", at, length, NULL))
    ok(false, "set up: %s", ww_last_error());
  return tracker;
}

/* With writers about: each collect, one page of a multiple of 8 is written behind our back. */
static void
try_writers(double seconds)
{
  int fd = memfd_create("audit", MFD_CLOEXEC);
  pthread_t thread[WRITERS];
  struct timespec begin, now;
  struct ww_stats stats = { .size = sizeof stats };
  size_t collects = 0, wrong = 0, unseen = 0, secret = 0;
  uint64_t state = seed;
  bool first = true;
  ok(fd >= 0 && !ftruncate(fd, (off_t)(PAGES * page)), "a file");
  memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  other = mmap(NULL, PAGES / 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(PAGES / 2 * page));
  memset(memory, 1, PAGES * page);
  ww_tracker *tracker = start(memory, PAGES * page);
  ok(!ww_region_add(tracker, "again", other, PAGES / 2 * page, NULL) && !ww_start(tracker), "started");
  for (uintptr_t i = 0; i < WRITERS; i++)
    pthread_create(&thread[i], NULL, write_on, (void *)i);
  clock_gettime(CLOCK_MONOTONIC, &begin);
  do {
    ww_dirty *dirty;
    size_t count, listed = 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (ww_collect(tracker, &dirty)) {
      ok(false, "collected: %s", ww_last_error());
      break;
    }
    const struct ww_run *run = ww_dirty_missed(dirty, &count);
    for (size_t i = 0; i < count; i++) {
      listed += run[i].length / page;
      /* The page, and where it is mapped again. */
      if (run[i].address != memory + secret * page
          && !(secret >= PAGES / 2 && run[i].address == other + (secret - PAGES / 2) * page)) {
        if (wrong++ < 5)
          printf("# collect %zu: invented: page %td of memory, %td of other\n", collects,
                 ((char *)run[i].address - memory) / (long)page,
                 ((char *)run[i].address - other) / (long)page);
      }
    }
    unseen += !first && listed != (secret >= PAGES / 2 ? 2 : 1);
    wrong += listed != ww_dirty_count(dirty, WW_VERIFIED);
    ww_dirty_free(dirty);
    first = false;
    secret = tap_random(&state) % (PAGES / 8) * 8;
    uint64_t value = tap_random(&state);
    if (pwrite(fd, &value, sizeof value, (off_t)(secret * page + 64)) != sizeof value)
      ok(false, "pwrite");
    collects++;
  } while ((double)(now.tv_sec - begin.tv_sec) + 1e-9 * (double)(now.tv_nsec - begin.tv_nsec) < seconds);
  atomic_store(&end, true);
  for (unsigned i = 0; i < WRITERS; i++)
    pthread_join(thread[i], NULL);
  ok(!wrong, "nothing invented in %zu collects beside %llu writes", collects,
     (unsigned long long)atomic_load(&written));
  ok(!unseen, "each hidden write found (%zu not)", unseen);
  ww_tracker_stats(tracker, &stats);
  ok(stats.missed_pages >= collects - 1 && collects > 5, "and counted: %llu",
     (unsigned long long)stats.missed_pages);
  ww_tracker_destroy(tracker);
  munmap(memory, PAGES * page);
  munmap(other, PAGES / 2 * page);
  close(fd);
}

static long
resident(void)
{
  long size = 0, pages = 0;
  FILE *file = fopen("/proc/self/statm", "re");
  if (!file || fscanf(file, "%ld %ld", &size, &pages) != 2)
    pages = 0;
  if (file)
    fclose(file);
  return pages;
}

/* Anonymous memory, nearly all of it never touched. */
static void
try_sparse(void)
{
  size_t length = (size_t)8 << 30, count;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  char *sparse = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);
  ww_dirty *dirty;
  if (sparse == MAP_FAILED) {
    skip("sparse: 8 GiB", "no 8 GiB of address space here");
    return;
  }
  for (size_t i = 0; i < 8; i++)
    sparse[i << 30] = 1;
  long before = resident();
  ww_tracker *tracker = start(sparse, length);
  ok(!ww_start(tracker), "sparse: started");
  sparse[1 << 20] = 1;
  ok(!ww_collect(tracker, &dirty) && ww_dirty_pages(dirty) == 1 && !ww_dirty_missed(dirty, &count) && !count,
     "sparse: a page that was never touched is written, and noticed");
  ww_dirty_free(dirty);
  /* Behind our back: known to be zero by now, and before. */
  int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  if (fd < 0 || pwrite(fd, "x", 1, (off_t)(uintptr_t)(sparse + (2 << 20))) != 1)
    skip("sparse: hidden write", "/proc/self/mem cannot be written");
  else {
    /* It goes through the mapping: the pagemap engine notices. */
    enum ww_evidence evidence = engine_is("pagemap") ? WW_TRAPPED : WW_VERIFIED;
    ok(!ww_collect(tracker, &dirty) && ww_dirty_runs(dirty, &count)->address == sparse + (2 << 20)
       && count == 1 && ww_dirty_count(dirty, evidence) == 1,
       "sparse: a hidden write to untouched memory is found");
    ww_dirty_free(dirty);
  }
  madvise(sparse + ((size_t)1 << 30), page, MADV_DONTNEED);
  /* The pagemap engine finds the page unprotected. */
  const struct ww_run *run = NULL;
  if (!ww_collect(tracker, &dirty))
    run = engine_is("pagemap") ? ww_dirty_runs(dirty, &count) : ww_dirty_missed(dirty, &count);
  ok(run && run->address == sparse + ((size_t)1 << 30) && count == 1,
     "sparse: memory that was thrown away unseen is found");
  ww_dirty_free(dirty);
  ok(!ww_collect(tracker, &dirty) && ww_dirty_pages(dirty) == 0, "sparse: once");
  ww_dirty_free(dirty);
  ok(resident() - before < 20000, "sparse: no memory was made present: %ld pages more", resident() - before);
  ww_tracker_destroy(tracker);
  munmap(sparse, length);
}

int
main(int argc, char **argv)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  seed = tap_seed(argc, argv, (uint64_t)now.tv_nsec);
  page = (size_t)sysconf(_SC_PAGESIZE);
  alarm(120);
  try_writers(4);
  try_sparse();
  return tap_done();
}
