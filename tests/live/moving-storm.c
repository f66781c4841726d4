/* moving-storm.c - at random: a thread protects, unmaps, maps over, moves, resizes and throws
 * away memory beside memory of the same region that other threads write to all the while,
 * and collects. A copy made from what collects return must equal the memory whenever all is
 * quiet, and an audit must find nothing that was missed. */
#define _GNU_SOURCE
#include "config.h"
#include "../tap.h"
#include "moving.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
  STABLE = 32, MOVING = 32, WINDOW = 128, WRITERS = 2,
  RW = PROT_READ | PROT_WRITE, FLAGS = MAP_PRIVATE | MAP_ANONYMOUS
};

static size_t page;
static uint64_t seed;
static char *window, *copy;       /* WINDOW pages: STABLE, then MOVING, then room to move to */
static int wanted[WINDOW];        /* protection; -1: not watched */
static _Atomic bool pause_wanted, end;
static _Atomic unsigned paused;

static void *
write_on(void *argument)
{
  uint64_t state = seed + (uint64_t)(uintptr_t)argument + 1;
  while (!atomic_load(&end)) {
    if (atomic_load(&pause_wanted)) {
      atomic_fetch_add(&paused, 1);
      while (atomic_load(&pause_wanted) && !atomic_load(&end))
        usleep(50);
      atomic_fetch_sub(&paused, 1);
    }
    uint64_t draw = tap_random(&state);
    __atomic_store_n((uint64_t *)(void *)(window + draw % STABLE * page) + (uintptr_t)argument, draw,
                     __ATOMIC_RELAXED);
  }
  return NULL;
}

#if defined(__SANITIZE_THREAD__)
__attribute__((no_sanitize("thread")))
#endif
static void
copy_pages(char *to, const char *from, size_t length)
{
  for (size_t i = 0; i < length / 8; i++)
    ((volatile uint64_t *)(void *)to)[i] = ((const volatile uint64_t *)(const void *)from)[i];
}

static bool
collect(ww_tracker *tracker)
{
  ww_dirty *dirty;
  size_t count;
  if (ww_collect(tracker, &dirty))
    return ok(false, "collect: %s", ww_last_error());
  if (ww_dirty_missed(dirty, &count))
    ok(false, "the audit found %zu runs, the first at page %td", count,
       ((char *)ww_dirty_missed(dirty, NULL)->address - window) / (long)page);
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < count; i++)
    copy_pages(copy + ((char *)run[i].address - window), run[i].address, run[i].length);
  ww_dirty_free(dirty);
  return true;
}

static bool
is_alike(size_t from, size_t count, int what)
{
  for (size_t i = from; i < from + count; i++)
    if (wanted[i] != what)
      return false;
  return true;
}

static void
want(size_t from, size_t count, int what)
{
  for (size_t i = from; i < from + count; i++)
    wanted[i] = what;
}

/* One thing at random, of the moving part. */
static void
step(uint64_t draw)
{
  static const int kinds[] = { RW, PROT_READ, PROT_NONE, PROT_READ | PROT_EXEC, RW };
  size_t at = STABLE + (draw >> 8) % MOVING, count = 1 + (draw >> 16) % 6;
  if (at + count > STABLE + MOVING)
    count = STABLE + MOVING - at;
  char *where = window + at * page;
  int what = wanted[at], kind = kinds[(draw >> 24) % 5];
  /* Nothing of what is gone: memory of somebody else's may be there, the library's for one. */
  for (size_t i = at; i < at + count; i++)
    if (wanted[i] < 0)
      return;
  switch (draw % 9) {
    case 0: case 1:
      if (is_alike(at, count, what) && !move_mprotect(where, count * page, kind))
        want(at, count, kind);
      break;
    case 2:
      if (move_mmap(where, count * page, kind, FLAGS | MAP_FIXED, -1, 0) == (long)where)
        want(at, count, kind);
      break;
    case 3:
      move_madvise(where, count * page, MADV_DONTNEED);
      break;
    case 4: {
      /* To the other end and back: what is watched moves with it. No hole is ever left that
       * is mapped over later: the library's own memory might have come there. */
      char *far = window + (STABLE + MOVING + 8) * page;
      int flags = MREMAP_MAYMOVE | MREMAP_FIXED | 4 /* MREMAP_DONTUNMAP */;
      if (!is_alike(at, count, what)
          || move_mremap(where, count * page, count * page, flags, far) != (long)far)
        break;
      if (what == RW)
        far[5] = (char)(draw >> 32);
      move_mremap(far, count * page, count * page, flags, where);
      break;
    }
    case 5:
      /* The part that others write to, as it is and executable: nothing that they notice. */
      move_mprotect(window + (at - STABLE) * page, page, draw >> 40 & 1 ? RW : RW | PROT_EXEC);
      break;
    case 6:
      if ((draw >> 32) % 16 == 0 && !move_munmap(where, page))
        wanted[at] = -1;
      break;
    default:
      for (size_t i = at; i < at + count; i++)
        if (wanted[i] == RW)
          *(volatile char *)(window + i * page + (draw >> 48) % page) = (char)(draw >> 40);
      break;
  }
}

static bool
check(ww_tracker *tracker)
{
  bool right = true;
  atomic_store(&pause_wanted, true);
  while (atomic_load(&paused) != WRITERS)
    usleep(50);
  collect(tracker);
  for (size_t i = 0; i < STABLE + MOVING; i++)
    if (wanted[i] >= 0 && (wanted[i] & PROT_READ) && memcmp(window + i * page, copy + i * page, page))
      right = ok(false, "page %zu (protection %d) changed and was not returned", i, wanted[i]);
  atomic_store(&pause_wanted, false);
  while (atomic_load(&paused))
    usleep(50);
  return right;
}

int
main(int argc, char **argv)
{
  struct timespec begin, now;
  struct ww_options options = WW_OPTIONS_INIT;
  struct ww_stats stats = { .size = sizeof stats };
  pthread_t thread[WRITERS];
  ww_tracker *tracker;
  const char *budget = getenv("WRITEWATCH_STORM_SECONDS");
  double duration = budget ? atof(budget) : 6;
  size_t steps = 0, checks = 0;
  bool right = true;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  seed = tap_seed(argc, argv, (uint64_t)begin.tv_nsec);
  page = (size_t)sysconf(_SC_PAGESIZE);
  alarm((unsigned)duration + 60);
  moving_prepare();
  moving_plainly = getenv("WRITEWATCH_STORM_PLAIN");
  options.flags = WW_AUDIT | (moving_plainly ? WW_SHIELD : 0);
  window = mmap(NULL, WINDOW * page, PROT_NONE, FLAGS, -1, 0);
  mmap(window, (STABLE + MOVING) * page, RW, FLAGS | MAP_FIXED, -1, 0);
  copy = mmap(NULL, WINDOW * page, RW, FLAGS, -1, 0);
  want(0, STABLE + MOVING, RW);
  want(STABLE + MOVING, WINDOW - STABLE - MOVING, -1);
  printf("# the window is at %p\n", (void *)window);
  ok(!ww_tracker_create(&tracker, &options)
     && !ww_region_add(tracker, "storm", window, (STABLE + MOVING) * page, NULL) && !ww_start(tracker),
     "started");
  for (uintptr_t i = 0; i < WRITERS; i++)
    pthread_create(&thread[i], NULL, write_on, (void *)i);
  uint64_t state = seed;
  do {
    step(tap_random(&state));
    if (tap_random(&state) % 8 == 0)
      right &= collect(tracker);
    if (++steps % 400 == 0) {
      right &= check(tracker);
      checks++;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (right
           && (double)(now.tv_sec - begin.tv_sec) + 1e-9 * (double)(now.tv_nsec - begin.tv_nsec) < duration);
  atomic_store(&end, true);
  for (unsigned i = 0; i < WRITERS; i++)
    pthread_join(thread[i], NULL);
  ww_tracker_stats(tracker, &stats);
  ok(right && checks, "nothing lost, nothing missed: %zu steps, %zu looks, %llu regions", steps, checks,
     (unsigned long long)stats.regions);
  ok(stats.missed_pages == 0 && stats.unfollowed == 0, "all was followed");
  ww_tracker_destroy(tracker);
  return tap_done();
}
