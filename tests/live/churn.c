/* churn.c - threads write to two regions while others add and remove one of them,
 * start and stop the tracker, create and destroy others: no crash, no hang, and what
 * was written is in memory. The permanent region loses nothing meanwhile. */
#include "config.h"
#include "../tap.h"
#include "writewatch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 64, WRITERS = 2 };

static size_t page;
static char *memory[3];            /* permanent; coming and going; another tracker's */
static _Atomic uint64_t expected[3][WRITERS][PAGES];
static _Atomic bool end;
static _Atomic uint64_t rounds;
static uint64_t seed;

static uint64_t *
word(unsigned which, unsigned writer, size_t at)
{
  return (uint64_t *)(void *)(memory[which] + at * page) + writer;
}

static void *
write_on(void *argument)
{
  unsigned writer = (unsigned)(uintptr_t)argument;
  uint64_t state = seed + writer, value = 0;
  while (!atomic_load(&end)) {
    uint64_t draw = tap_random(&state);
    unsigned which = (unsigned)(draw % 3);
    size_t at = (draw >> 8) % PAGES;
    value++;
    __atomic_store_n(word(which, writer, at), value, __ATOMIC_RELAXED);
    atomic_store(&expected[which][writer][at], value);
  }
  return NULL;
}

static void *
come_and_go(void *argument)
{
  ww_tracker *tracker = argument;
  ww_region *region;
  while (!atomic_load(&end)) {
    if (ww_region_add(tracker, "guest", memory[1], PAGES * page, &region))
      ok(false, "adding while threads write: %s", ww_last_error());
    else if (ww_region_remove(region))
      ok(false, "removing while threads write: %s", ww_last_error());
    atomic_fetch_add(&rounds, 1);
  }
  return NULL;
}

static void *
start_and_stop(void *argument)
{
  (void)argument;
  while (!atomic_load(&end)) {
    ww_tracker *tracker;
    ww_dirty *dirty;
    if (ww_tracker_create(&tracker, NULL) || ww_region_add(tracker, "other", memory[2], PAGES * page, NULL))
      ok(false, "creating while threads write: %s", ww_last_error());
    for (unsigned i = 0; i < 8; i++) {
      if (ww_start(tracker))
        ok(false, "starting while threads write: %s", ww_last_error());
      if (i & 1 && !ww_collect(tracker, &dirty))
        ww_dirty_free(dirty);
      if (ww_stop(tracker))
        ok(false, "stopping while threads write: %s", ww_last_error());
    }
    ww_tracker_destroy(tracker);
    atomic_fetch_add(&rounds, 1);
  }
  return NULL;
}

#if defined(__SANITIZE_THREAD__)
__attribute__((no_sanitize("thread")))
#endif
static void
copy_page(char *to, const char *from)
{
  for (size_t i = 0; i < page / 8; i++)
    ((volatile uint64_t *)(void *)to)[i] = ((const volatile uint64_t *)(const void *)from)[i];
}

int
main(int argc, char **argv)
{
  struct timespec begin, now;
  ww_tracker *tracker;
  ww_dirty *dirty;
  pthread_t thread[WRITERS + 2];
  const char *budget = getenv("WRITEWATCH_CHURN_SECONDS");
  double duration = budget ? atof(budget) : 6;
  size_t collects = 0, wrong = 0;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  seed = tap_seed(argc, argv, (uint64_t)begin.tv_nsec);
  page = (size_t)sysconf(_SC_PAGESIZE);
  for (unsigned i = 0; i < 3; i++)
    memory[i] = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *copy = calloc(PAGES, page);
  alarm((unsigned)duration + 60);     /* a hang is a failure, not a wait */
  ww_tracker_create(&tracker, NULL);
  ok(!ww_region_add(tracker, "permanent", memory[0], PAGES * page, NULL) && !ww_start(tracker), "started");
  for (unsigned i = 0; i < WRITERS; i++)
    pthread_create(&thread[i], NULL, write_on, (void *)(uintptr_t)i);
  pthread_create(&thread[WRITERS], NULL, come_and_go, tracker);
  pthread_create(&thread[WRITERS + 1], NULL, start_and_stop, NULL);
  for (bool last = false; !last;) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((double)(now.tv_sec - begin.tv_sec) > duration) {
      atomic_store(&end, true);
      for (unsigned i = 0; i < WRITERS + 2; i++)
        pthread_join(thread[i], NULL);
      last = true;
    }
    if (ww_collect(tracker, &dirty)) {
      ok(false, "collecting: %s", ww_last_error());
      break;
    }
    size_t count, faults = ww_dirty_writers(dirty);
    const struct ww_run *run = ww_dirty_runs(dirty, &count);
    for (size_t i = 0; i < count; i++)
      if ((char *)run[i].address >= memory[0] && (char *)run[i].address < memory[0] + PAGES * page)
        for (size_t offset = 0; offset < run[i].length; offset += page)
          copy_page(copy + ((char *)run[i].address - memory[0]) + offset, (char *)run[i].address + offset);
    for (size_t i = 0; i < faults; i++) {
      struct ww_writer writer, same;
      void *at;
      /* The log names dirty pages only, although regions go while they are written. */
      if (ww_dirty_writer_at(dirty, i, &at, &writer) || ww_dirty_writer(dirty, at, &same))
        wrong++;
    }
    ww_dirty_free(dirty);
    collects++;
  }
  ok(!memcmp(copy, memory[0], PAGES * page),
     "the permanent region lost nothing in %zu collects, %llu rounds", collects,
     (unsigned long long)atomic_load(&rounds));
  ok(!wrong, "%zu faults of pages that are not in the dirty set", wrong);
  wrong = 0;
  for (unsigned which = 0; which < 3; which++)
    for (unsigned writer = 0; writer < WRITERS; writer++)
      for (size_t at = 0; at < PAGES; at++)
        wrong += *word(which, writer, at) != atomic_load(&expected[which][writer][at]);
  ok(!wrong, "memory holds what was written");
  ww_tracker_destroy(tracker);
  free(copy);
  return tap_done();
}
