/* meanwhile.c - ww_checkpoint_begin() and ww_checkpoint_wait(): threads write numbered records to pages that
 * follow from their seeds all the while. What is restored of each checkpoint must have, for each thread, the
 * records up to some number and none beyond, and what was written before the begin, and nothing that was
 * written after its return. */
#include "config.h"
#include "../engine.h"
#include "../tap.h"
#include "writewatch-checkpoint.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 3, PAGES = 512, PAGE = 4096 };

struct world {
  uint64_t seed;
  char *memory;
  size_t length;
  ww_tracker *tracker;
  ww_chain *chain;
  char directory[64];
  _Atomic uint64_t done[THREADS], begun[THREADS];
  _Atomic bool end, rest;
  pthread_t thread[THREADS];
  uint64_t number[THREADS], expected[PAGES][THREADS];
};

struct writer { struct world *world; unsigned thread; } writers[THREADS];

static double
seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t
page_of(const struct world *world, unsigned thread, uint64_t number)
{
  uint64_t state = world->seed * 1000003 + thread * 7919 + number;
  uint64_t draw = tap_random(&state);
  return (draw & 1 ? draw >> 8 & 7 : draw >> 8) % PAGES;
}

static _Atomic uint64_t *
record_at(char *memory, size_t page, unsigned thread)
{
  return (_Atomic uint64_t *)(memory + page * PAGE) + thread;
}

static void *
write_records(void *argument)
{
  struct writer *writer = argument;
  struct world *world = writer->world;
  unsigned thread = writer->thread;
  for (uint64_t number = 1; !atomic_load(&world->end); number++) {
    atomic_store(&world->begun[thread], number);
    atomic_store(record_at(world->memory, page_of(world, thread, number), thread), number);
    atomic_store(&world->done[thread], number);
    while (atomic_load(&world->rest) && !atomic_load(&world->end))
      usleep(100);
    if (number % 256 == 0)
      usleep(100);
  }
  return NULL;
}

static bool
set_up(struct world *world, unsigned flags, enum ww_policy policy, struct ww_chain_options *chain)
{
  struct ww_options options = WW_OPTIONS_INIT;
  options.flags = flags;
  options.policy = policy;
  options.engine = getenv("WRITEWATCH_ENGINE") ? WW_ENGINE_AUTO : WW_ENGINE_MPROTECT;
  world->length = (size_t)PAGES * PAGE;
  world->memory = mmap(NULL, world->length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  snprintf(world->directory, sizeof world->directory, "%s/ww-meanwhile.XXXXXX", "/tmp");
  if (!mkdtemp(world->directory) || ww_tracker_create(&world->tracker, &options)
      || ww_region_add(world->tracker, "records", world->memory, world->length, NULL)
      || ww_start(world->tracker)
      || ww_chain_open(&world->chain, world->directory, chain))
    return ok(false, "setting up: %s; %s", ww_last_error(), ww_chain_error());
  return true;
}

static void
begin_writers(struct world *world)
{
  for (unsigned i = 0; i < THREADS; i++) {
    writers[i] = (struct writer){ world, i };
    pthread_create(&world->thread[i], NULL, write_records, &writers[i]);
  }
}

static void
end_writers(struct world *world)
{
  atomic_store(&world->end, true);
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join(world->thread[i], NULL);
}

static void
tear_down(struct world *world)
{
  char command[128];
  ww_chain_close(world->chain);
  ww_tracker_destroy(world->tracker);
  munmap(world->memory, world->length);
  snprintf(command, sizeof command, "rm -rf '%s'", world->directory);
  if (system(command))
    printf("# %s is left\n", world->directory);
}

static void
placed(void *context, const struct ww_chain_region *region, void *address)
{
  (void)region;
  *(char **)context = address;
}

/* Memory of its own: munmap() it. NULL: it failed. */
static char *
restore(const struct world *world)
{
  struct ww_chain_options options = WW_CHAIN_OPTIONS_INIT;
  struct ww_restore_options how = WW_RESTORE_OPTIONS_INIT;
  ww_chain *chain;
  char *image = NULL;
  options.flags = WW_CHAIN_READ_ONLY;
  how.flags = WW_RESTORE_FRESH;
  how.placed = placed;
  how.context = &image;
  if (ww_chain_open(&chain, world->directory, &options))
    return NULL;
  if (ww_chain_restore(chain, &how, NULL))
    printf("# restore: %s\n", ww_chain_error());
  ww_chain_close(chain);
  return image;
}

static unsigned
judge(struct world *world, char *image, const uint64_t *before, const uint64_t *after)
{
  unsigned wrong = 0;
  for (unsigned thread = 0; thread < THREADS; thread++) {
    uint64_t last = 0;
    for (size_t page = 0; page < PAGES; page++) {
      uint64_t number = atomic_load(record_at(image, page, thread));
      last = number > last ? number : last;
    }
    if (last < before[thread] || last > after[thread])
      printf("# thread %u: record %llu is the last; %llu was written before, %llu begun at the return\n",
             thread, (unsigned long long)last, (unsigned long long)before[thread],
             (unsigned long long)after[thread]);
    wrong += last < before[thread] || last > after[thread];
    for (uint64_t number = world->number[thread] + 1; number <= last; number++)
      world->expected[page_of(world, thread, number)][thread] = number;
    world->number[thread] = last;
    for (size_t page = 0; page < PAGES; page++) {
      uint64_t number = atomic_load(record_at(image, page, thread));
      if (number != world->expected[page][thread] && wrong++ < 4)
        printf("# thread %u page %zu: record %llu, where up to %llu it is %llu\n", thread, page,
               (unsigned long long)number, (unsigned long long)last,
               (unsigned long long)world->expected[page][thread]);
    }
  }
  return wrong;
}

static unsigned
one_checkpoint(struct world *world, bool fails)
{
  struct ww_checkpoint_info info = { .size = sizeof info };
  uint64_t before[THREADS], after[THREADS];
  struct rlimit limit, none;
  for (unsigned i = 0; i < THREADS; i++)
    before[i] = atomic_load(&world->done[i]);
  getrlimit(RLIMIT_FSIZE, &limit);
  none = limit;
  none.rlim_cur = 64;
  if (fails)
    setrlimit(RLIMIT_FSIZE, &none);
  int error = ww_checkpoint_begin(world->chain, world->tracker);
  for (unsigned i = 0; i < THREADS; i++)
    after[i] = atomic_load(&world->begun[i]);
  if (!error)
    error = ww_checkpoint_wait(world->chain, &info);
  setrlimit(RLIMIT_FSIZE, &limit);
  if (fails)
    return error ? 0 : !ok(false, "a disk that is full is no error");
  if (error)
    return !ok(false, "ww_checkpoint_begin(), ww_checkpoint_wait(): %d, %s", error, ww_chain_error());
  char *image = restore(world);
  if (!image)
    return !ok(false, "nothing can be restored");
  unsigned wrong = judge(world, image, before, after);
  munmap(image, world->length);
  return wrong;
}

static void
test_storm(const char *name, enum ww_policy policy, unsigned chain_flags, double duration, uint64_t seed)
{
  struct ww_chain_options options = WW_CHAIN_OPTIONS_INIT;
  struct world *world = calloc(1, sizeof *world);
  unsigned wrong = 0, made = 0, failed = 0;
  uint64_t state = seed;
  options.flags = WW_CHAIN_NO_SYNC | chain_flags;
  options.keep = 3;
  world->seed = seed;
  if (set_up(world, 0, policy, &options)) {
    begin_writers(world);
    for (double until = seconds() + duration; !wrong && seconds() < until; made++) {
      bool fails = tap_random(&state) % 4 == 0;
      wrong = one_checkpoint(world, fails);
      failed += fails;
    }
    end_writers(world);
    wrong += wrong ? 0 : one_checkpoint(world, false);
    char *image = restore(world);
    ok(!wrong && image && !memcmp(image, world->memory, world->length),
       "%s: %u checkpoints of which %u failed, seed %llu", name, made, failed, (unsigned long long)seed);
    if (image)
      munmap(image, world->length);
    tear_down(world);
  }
  free(world);
}

static void
test_calls(void)
{
  struct ww_chain_options options = WW_CHAIN_OPTIONS_INIT;
  struct ww_checkpoint_info info = { .size = sizeof info };
  struct ww_checkpoint_progress progress = { .size = sizeof progress };
  struct world *world = calloc(1, sizeof *world);
  /* A quarter of a second for 2 MiB. */
  options.flags = WW_CHAIN_NO_SYNC;
  options.bandwidth = 8 << 20;
  if (!set_up(world, 0, WW_POLICY_TRAP, &options))
    return;
  ok(ww_checkpoint_wait(world->chain, NULL) == -ENODATA, "what was not begun cannot be waited for");
  ok(ww_checkpoint_wait(NULL, NULL) == -EINVAL && ww_checkpoint_begin(NULL, world->tracker) == -EINVAL
     && ww_checkpoint_begin(world->chain, NULL) == -EINVAL, "no chain, no tracker");
  for (size_t i = 0; i < world->length; i++)
    world->memory[i] = (char)(i * 2654435761u >> 13);
  memset(world->memory + 7 * PAGE, 1, PAGE);
  double before = seconds();
  ok(!ww_checkpoint_begin(world->chain, world->tracker), "begin: %s", ww_chain_error());
  double begun = seconds() - before;
  memset(world->memory + (PAGES - 1) * PAGE, 2, PAGE);
  ok(ww_checkpoint_begin(world->chain, world->tracker) == -EALREADY
     && ww_checkpoint(world->chain, world->tracker, NULL) == -EALREADY, "one at a time");
  bool moved = false;
  while (!ww_checkpoint_progress(world->chain, &progress) && progress.under_way && !moved)
    moved = progress.bytes_done > 0;
  ok(moved && progress.bytes == world->length, "progress can be read: %llu of %llu bytes, %llu written",
     (unsigned long long)progress.bytes_done, (unsigned long long)progress.bytes,
     (unsigned long long)progress.written);
  pid_t child = fork();
  if (child == 0)
    _exit(ww_checkpoint_wait(world->chain, NULL) != -EPERM);
  int status;
  waitpid(child, &status, 0);
  ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child of fork() has no part in it");
  ok(!ww_checkpoint_wait(world->chain, &info) && info.generation == 1 && info.parent == 0
     && info.whole_pages == PAGES, "wait: %s", ww_chain_error());
  double took = seconds() - before;
  ok(took > 0.2 && begun < took / 2, "at the bandwidth that was set: begin took %.4f s, all of it %.3f s",
     begun, took);
  ok(info.pause > 0 && info.pause < info.duration, "and says so");
  ww_checkpoint_progress(world->chain, &progress);
  ok(!progress.under_way && progress.bytes_done == progress.bytes && progress.copied_pages == 1,
     "then it is done, and one page was copied first");
  char *image = restore(world);
  ok(image && image[(PAGES - 1) * PAGE] != 2 && !memcmp(image, world->memory, (PAGES - 1) * PAGE),
     "what was written after the begin is not in it");
  if (image)
    munmap(image, world->length);
  ok(!ww_checkpoint_begin(world->chain, world->tracker), "begin, and close without a wait");
  ww_chain_close(world->chain);
  world->chain = NULL;
  image = restore(world);
  ok(image && !memcmp(image, world->memory, world->length), "it is there all the same");
  if (image)
    munmap(image, world->length);
  tear_down(world);
  free(world);
}

int
main(int argc, char **argv)
{
  uint64_t seed = tap_seed(argc, argv, (uint64_t)(seconds() * 1e6));
  const char *budget = getenv("WRITEWATCH_ORACLE_SECONDS");
  double total = budget ? atof(budget) : 12;
  /* A disk that is full raises this. */
  signal(SIGXFSZ, SIG_IGN);
  if (engine_is("pagemap")) {
    struct ww_chain_options options = WW_CHAIN_OPTIONS_INIT;
    struct world *world = calloc(1, sizeof *world);
    if (set_up(world, 0, WW_POLICY_TRAP, &options)) {
      ok(ww_checkpoint_begin(world->chain, world->tracker) == -ENOTSUP, "not with the pagemap engine: %s",
         ww_chain_error());
      ok(!ww_checkpoint(world->chain, world->tracker, NULL), "but by stopping");
      tear_down(world);
    }
    free(world);
    return tap_done();
  }
  test_calls();
  test_storm("trapped", WW_POLICY_TRAP, 0, total / 4, ++seed);
  test_storm("adaptive", WW_POLICY_ADAPTIVE, 0, total / 4, ++seed);
  test_storm("trapped, changed bytes only", WW_POLICY_TRAP, WW_CHAIN_BYTES, total / 4, ++seed);
  test_storm("adaptive, past the page cache", WW_POLICY_ADAPTIVE, WW_CHAIN_DIRECT, total / 4, ++seed);
  return tap_done();
}
