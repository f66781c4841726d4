/* oracle.c - the checkpointer's view, hammered: while threads write at random,
 * another collects without pause and copies the pages that it is told of. At each
 * quiet point (writers at rest, one more collect and copy) the copy must equal the
 * memory, byte for byte, and no page may have been called TRAPPED that nobody
 * wrote. So under both policies: where pages may be open and are told by their hashes, the copy is
 * made by ww_dirty_copy(). Linked with a tracker that leaves the gate's wait out, it must fail:
 * oracle-broken (run with the argument "broken" by oracle-broken.sh). */
#include "config.h"
#include "../engine.h"
#include "../tap.h"
#include "memory.h"
#include "writewatch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 4, PAGES = 512, WRITES_A_TURN = 40 };

struct trial {
  enum memory_kind kind;
  enum ww_policy policy;
  unsigned threads, stacks;
  uint64_t seed;
  char *memory, *copy;
  size_t length, unit, pages;
  _Atomic uint8_t *written;       /* by page, since the last quiet point; not tracked */
  _Atomic bool end;
  pthread_barrier_t turn;         /* writers and the collector meet before and after each turn */
  _Atomic unsigned busy;          /* writers that have not ended this turn */
};

struct writer { struct trial *trial; unsigned number; };

static double
seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *
write_at_random(void *argument)
{
  struct writer *writer = argument;
  struct trial *trial = writer->trial;
  uint64_t state = trial->seed * 1000 + writer->number;
  for (;;) {
    pthread_barrier_wait(&trial->turn);
    if (atomic_load(&trial->end))
      return NULL;
    for (unsigned i = 0; i < WRITES_A_TURN; i++) {
      uint64_t draw = tap_random(&state);
      /* Half of the writes crowd on a few pages, where threads meet. */
      size_t at = (draw & 1 ? draw >> 8 & 7 : draw >> 8) % trial->pages;
      /* A thread has bytes of its own in each page: no data race in the test itself. */
      size_t within = (draw >> 40) % (trial->unit / THREADS_MAX) * THREADS_MAX + writer->number;
      size_t offset = at * trial->unit + within;
      atomic_store(&trial->written[at], 1);
      ((volatile char *)trial->memory)[offset] = (char)(draw >> 32);
    }
    atomic_fetch_sub(&trial->busy, 1);
    pthread_barrier_wait(&trial->turn);
  }
}

/* The copy races with the writers by design: what it tears is returned again. */
#if defined(__SANITIZE_THREAD__)
__attribute__((no_sanitize("thread")))
#endif
static void
copy_words(char *to, const char *from, size_t length)
{
  volatile uint64_t *target = (void *)to;
  const volatile uint64_t *source = (const void *)from;
  for (size_t i = 0; i < length / sizeof *target; i++)
    target[i] = source[i];
}

static bool
collect_and_copy(struct trial *trial, ww_tracker *tracker, uint8_t *trapped)
{
  ww_dirty *dirty;
  size_t count;
  if (ww_collect(tracker, &dirty))
    return ok(false, "ww_collect: %s", ww_last_error());
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < count; i++) {
    size_t offset = (size_t)((char *)run[i].address - trial->memory);
    if (trial->policy == WW_POLICY_TRAP)
      copy_words(trial->copy + offset, trial->memory + offset, run[i].length);
    else if (ww_dirty_copy(dirty, run[i].address, run[i].length, trial->copy + offset))
      return ok(false, "ww_dirty_copy: %s", ww_last_error());
    if (run[i].evidence == WW_TRAPPED)
      memset(trapped + offset / trial->unit, 1, run[i].length / trial->unit);
  }
  ww_dirty_free(dirty);
  return true;
}

/* Returns the number of faulty pages found. */
static unsigned
run_trial(struct trial *trial, double duration, unsigned *turns)
{
  const char *reason;
  struct ww_options options = WW_OPTIONS_INIT;
  struct writer writer[THREADS_MAX];
  pthread_t thread[THREADS_MAX];
  ww_tracker *tracker;
  ww_region *region;
  unsigned faulty = 0;
  long page = sysconf(_SC_PAGESIZE);
  trial->length = (size_t)PAGES * (size_t)page;
  trial->memory = memory_map(trial->kind, &trial->length, &reason);
  if (!trial->memory) {
    skip(memory_names[trial->kind], reason);
    return 0;
  }
  trial->copy = mmap(NULL, trial->length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  trial->written = calloc(trial->length / (size_t)page, sizeof *trial->written);
  uint8_t *trapped = calloc(trial->length / (size_t)page, 1);
  options.stack_depth = trial->stacks;
  options.policy = trial->policy;
  if (ww_tracker_create(&tracker, &options)
      || ww_region_add(tracker, "oracle", trial->memory, trial->length, &region)
      || ww_start(tracker)) {
    ok(false, "setting up: %s", ww_last_error());
    return 1;
  }
  trial->unit = ww_region_page_size(region);
  trial->pages = trial->length / trial->unit;
  pthread_barrier_init(&trial->turn, NULL, trial->threads + 1);
  for (unsigned i = 0; i < trial->threads; i++) {
    writer[i] = (struct writer){ trial, i };
    pthread_create(&thread[i], NULL, write_at_random, &writer[i]);
  }
  for (double until = seconds() + duration; !faulty && seconds() < until; ++*turns) {
    atomic_store(&trial->busy, trial->threads);
    pthread_barrier_wait(&trial->turn);
    while (atomic_load(&trial->busy))
      if (!collect_and_copy(trial, tracker, trapped))
        faulty++;
    pthread_barrier_wait(&trial->turn);
    collect_and_copy(trial, tracker, trapped);
    for (size_t i = 0; i < trial->pages; i++) {
      bool lost = memcmp(trial->memory + i * trial->unit, trial->copy + i * trial->unit, trial->unit);
      bool invented = trapped[i] && !atomic_load(&trial->written[i]);
      if (lost || invented) {
        faulty++;
        printf("# turn %u page %zu: %s\n", *turns, i, lost ? "a write was lost" : "a write was invented");
      }
      trapped[i] = 0;
      atomic_store(&trial->written[i], 0);
    }
  }
  atomic_store(&trial->end, true);
  pthread_barrier_wait(&trial->turn);
  for (unsigned i = 0; i < trial->threads; i++)
    pthread_join(thread[i], NULL);
  ww_tracker_destroy(tracker);
  pthread_barrier_destroy(&trial->turn);
  munmap(trial->memory, trial->length);
  munmap(trial->copy, trial->length);
  free(trial->written);
  free(trapped);
  return faulty;
}

static bool
is_left_out(enum memory_kind kind)
{
  return (kind == MEMORY_FILE_PRIVATE || kind == MEMORY_FILE_SHARED) && !engine_has_files();
}

/* How many kinds of memory this machine has: they share the time. */
static unsigned
kinds_here(void)
{
  unsigned kinds = 0;
  for (int kind = 0; kind < MEMORY_KINDS; kind++) {
    if (is_left_out((enum memory_kind)kind))
      continue;
    const char *reason;
    size_t length = (size_t)PAGES * (size_t)sysconf(_SC_PAGESIZE);
    void *memory = memory_map((enum memory_kind)kind, &length, &reason);
    if (!memory)
      continue;
    munmap(memory, length);
    kinds++;
  }
  return kinds;
}

int
main(int argc, char **argv)
{
  bool broken = argc > 1 && !strcmp(argv[1], "broken");
  uint64_t seed = tap_seed(argc - broken, argv + broken, (uint64_t)(seconds() * 1e6));
  const char *budget = getenv("WRITEWATCH_ORACLE_SECONDS");
  double total = budget ? atof(budget) : 61, begin = seconds();
  unsigned kinds = kinds_here();
  static const unsigned threads[] = { 1, 2, 4 };
  if (broken) {
    /* The same hammer on a tracker without step C2 must find a lost write. */
    unsigned turns = 0;
    struct trial trial = { .kind = MEMORY_PRIVATE, .policy = WW_POLICY_TRAP, .threads = 4, .seed = seed };
    unsigned faulty = run_trial(&trial, 60, &turns);
    ok(faulty > 0, "without the wait for handlers in flight a write is lost (found in turn %u)", turns);
    return tap_done();
  }
  for (int kind = 0; kind < MEMORY_KINDS; kind++)
    for (unsigned i = 0; i < 6; i++) {
      unsigned turns = 0;
      if (is_left_out((enum memory_kind)kind)) {
        skip(memory_names[kind], ENGINE_NO_FILES);
        continue;
      }
      struct trial trial = { .kind = (enum memory_kind)kind, .threads = threads[i % 3],
                             .policy = i < 3 ? WW_POLICY_TRAP : WW_POLICY_ADAPTIVE,
                             .stacks = i % 3 == 1 && ww_has_stacks() && engine_has_writers() ? 8 : 0,
                             .seed = ++seed };
      unsigned faulty = run_trial(&trial, total / (6 * kinds), &turns);
      if (turns)
        ok(!faulty, "%s, %s, %u threads, stacks %u: %u quiet points, seed %llu", memory_names[kind],
           i < 3 ? "trapped" : "adaptive", trial.threads, trial.stacks, turns, (unsigned long long)seed);
    }
  double taken = seconds() - begin;
  ok(tap_failures || taken >= total, "that was %.1f seconds, of %.1f that were to be", taken, total);
  return tap_done();
}
