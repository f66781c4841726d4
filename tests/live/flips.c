/* flips.c - pages are made read-only and writable by turns while threads write to them: what
 * is read-only does not change, what was written is returned, and no write that the program
 * allows is a crash. */
#include "config.h"
#include "../tap.h"
#include "moving.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 8, WRITERS = 2, RW = PROT_READ | PROT_WRITE };

static size_t page;
static char *memory, *copy;
static _Atomic bool end;
static _Atomic uint64_t writes, refused;
/* Odd while the pages may be read-only. */
static _Atomic uint64_t turn;
static _Atomic uint64_t false_crashes;
static _Thread_local sigjmp_buf back;

static void
crashed(int signal, siginfo_t *info, void *context)
{
  (void)signal;
  (void)info;
  (void)context;
  siglongjmp(back, 1);
}

static void *
write_on(void *argument)
{
  static _Thread_local uint64_t state;    /* outlives the jumps */
  state = (uint64_t)(uintptr_t)argument;
  while (!atomic_load(&end)) {
    uint64_t draw = tap_random(&state), before = atomic_load(&turn);
    if (sigsetjmp(back, 1)) {
      /* Writable from before the write until after the crash? */
      atomic_fetch_add(before % 2 == 0 && atomic_load(&turn) == before ? &false_crashes : &refused, 1);
      continue;
    }
    __atomic_store_n((uint64_t *)(void *)(memory + draw % PAGES * page) + (uintptr_t)argument, draw,
                     __ATOMIC_RELAXED);
    atomic_fetch_add(&writes, 1);
  }
  return NULL;
}

#if defined(__SANITIZE_THREAD__)
__attribute__((no_sanitize("thread")))
#endif
static void
read_words(size_t at, uint64_t *words)
{
  for (size_t i = 0; i < WRITERS; i++)
    words[i] = ((volatile uint64_t *)(void *)(memory + at * page))[i];
}

static void
take_copy(void)
{
  for (size_t at = 0; at < PAGES; at++)
    read_words(at, (uint64_t *)(void *)(copy + at * page));
}

int
main(int argc, char **argv)
{
  struct timespec begin, now;
  struct sigaction action;
  pthread_t thread[WRITERS];
  ww_tracker *tracker;
  const char *budget = getenv("WRITEWATCH_FLIPS_SECONDS");
  double duration = budget ? atof(budget) : 3;
  size_t changed = 0, flips = 0, lost = 0;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  uint64_t state = tap_seed(argc, argv, (uint64_t)begin.tv_nsec);
  page = (size_t)sysconf(_SC_PAGESIZE);
  memset(&action, 0, sizeof action);
  action.sa_sigaction = crashed;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, NULL);
  alarm((unsigned)duration + 60);
  memory = mmap(NULL, PAGES * page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  copy = mmap(NULL, PAGES * page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ok(!ww_tracker_create(&tracker, NULL) && !ww_region_add(tracker, "flips", memory, PAGES * page, NULL)
     && !ww_start(tracker), "started");
  for (uintptr_t i = 0; i < WRITERS; i++)
    pthread_create(&thread[i], NULL, write_on, (void *)i);
  do {
    ww_dirty *dirty;
    size_t count;
    atomic_fetch_add(&turn, 1);
    if (move_mprotect(memory, PAGES * page, PROT_READ))
      ok(false, "made read-only");
    /* Nothing changes from here on: so what differs from the copy has to be returned. */
    bool before[PAGES], returned[PAGES] = { false };
    static uint64_t kept[PAGES][WRITERS], now_there[WRITERS];
    for (size_t at = 0; at < PAGES; at++) {
      read_words(at, kept[at]);
      before[at] = memcmp(kept[at], copy + at * page, WRITERS * 8) != 0;
    }
    if (!ww_collect(tracker, &dirty)) {
      const struct ww_run *run = ww_dirty_runs(dirty, &count);
      for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < run[i].length / page; at++)
          returned[(size_t)((char *)run[i].address - memory) / page + at] = true;
      ww_dirty_free(dirty);
    } else
      ok(false, "collected: %s", ww_last_error());
    for (size_t at = 0; at < PAGES; at++) {
      read_words(at, now_there);
      changed += memcmp(kept[at], now_there, WRITERS * 8) != 0;
      lost += before[at] && !returned[at];
    }
    take_copy();
    if (move_mprotect(memory, PAGES * page, RW))
      ok(false, "made writable");
    atomic_fetch_add(&turn, 1);
    for (volatile unsigned wait = (unsigned)(tap_random(&state) % 20000); wait > 0; wait--)
      ;
    flips++;
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((double)(now.tv_sec - begin.tv_sec) + 1e-9 * (double)(now.tv_nsec - begin.tv_nsec) < duration);
  atomic_store(&end, true);
  for (unsigned i = 0; i < WRITERS; i++)
    pthread_join(thread[i], NULL);
  ok(!changed, "what is read-only does not change, in %zu turns (%zu did)", flips, changed);
  ok(!lost, "what changed was returned (%zu pages were not)", lost);
  ok(!atomic_load(&false_crashes), "no crash but where the program wants it: %llu writes, %llu refused, %llu not",
     (unsigned long long)atomic_load(&writes), (unsigned long long)atomic_load(&refused),
     (unsigned long long)atomic_load(&false_crashes));
  ww_tracker_destroy(tracker);
  return tap_done();
}
