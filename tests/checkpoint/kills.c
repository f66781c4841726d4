/* kills.c - a program of several threads that write at random is killed by SIGKILL at random, again and
 * again; each time it goes on from what is restored, which must be what it had recorded for that checkpoint.
 *
 *   kills [SEED [KILLS]]          1,000 take a minute or two */
#define _GNU_SOURCE
#include "config.h"
#include "../tap.h"
#include "pagehash.h"
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REGIONS = 2, PAGES = 600, THREADS = 3, LABELS = 1 << 16, KILLS = 60 };

/* Shared with who restarts it. */
struct record {
  _Atomic uint64_t committed;        /* the label of the newest checkpoint that was reported as made */
  _Atomic uint64_t restored, wrong;  /* restores, and those that were not what was recorded */
  _Atomic uint64_t saved, skipped;
  struct page_hash hash[LABELS][REGIONS];  /* what the memory was, written before the checkpoint begins */
};

static size_t page;
static struct record *record;
static char *memory[REGIONS];
static pthread_barrier_t barrier;
static uint64_t seeds[THREADS];

static void *
write_at_random(void *argument)
{
  uint64_t state = seeds[(uintptr_t)argument];
  for (;;) {
    for (uint64_t i = tap_random(&state) % 200; i > 0; i--) {
      uint64_t draw = tap_random(&state);
      char *at = memory[draw % REGIONS] + (draw >> 8) % PAGES * page;
      if (draw >> 40 & 31)
        __atomic_store_n((uint64_t *)(void *)(at + (draw >> 20) % (page / 8) * 8), draw, __ATOMIC_RELAXED);
      else
        for (size_t word = 0; word < page / 8; word++)
          __atomic_store_n((uint64_t *)(void *)(at + word * 8), draw >> 41 & 1 ? 0 : draw * word,
                           __ATOMIC_RELAXED);
    }
    pthread_barrier_wait(&barrier);  /* all are quiet, */
    pthread_barrier_wait(&barrier);  /* the checkpoint is made */
  }
  return NULL;
}

static void *
place(void *context, const struct ww_chain_region *region)
{
  (void)context;
  return region->length == PAGES * page ? memory[region->name[1] - '0'] : NULL;
}

static void
say(void *context, const char *text)
{
  (void)context;
  (void)text;
  atomic_fetch_add(&record->skipped, strstr(text, "skipped") != NULL);
}

static void
die(const char *what)
{
  printf("# %s: %s %s\n", what, ww_chain_error(), ww_last_error());
  fflush(stdout);
  _exit(1);
}

/* What comes back is what was recorded for it. */
static uint64_t
go_on(ww_chain *chain)
{
  struct ww_restore_options options = WW_RESTORE_OPTIONS_INIT;
  struct ww_restore_info info = { .size = sizeof info };
  options.place = place;
  int error = ww_chain_restore(chain, &options, &info);
  if (error == -ENODATA && atomic_load(&record->committed) == 0)
    return 0;
  if (error)
    die("restore");
  bool right = info.label < LABELS && info.label >= atomic_load(&record->committed)
    && info.regions == REGIONS;
  for (int i = 0; i < REGIONS && right; i++)
    right = page_hash_equal(page_hash(memory[i], PAGES * page), record->hash[info.label][i]);
  atomic_fetch_add(&record->restored, 1);
  if (!right) {
    atomic_fetch_add(&record->wrong, 1);
    printf("# checkpoint %llu, label %llu, %llu committed: not what was recorded\n",
           (unsigned long long)info.generation, (unsigned long long)info.label,
           (unsigned long long)atomic_load(&record->committed));
    fflush(stdout);
  }
  return info.label;
}

static _Noreturn void
live(const char *directory, uint64_t state)
{
  struct ww_chain_options options = WW_CHAIN_OPTIONS_INIT;
  struct ww_options tracking = WW_OPTIONS_INIT;
  ww_chain *chain;
  ww_tracker *tracker;
  options.flags = WW_CHAIN_NO_SYNC | (tap_random(&state) % 2 ? WW_CHAIN_BYTES : 0)
                  | (tap_random(&state) % 2 ? WW_CHAIN_BACKGROUND : 0)
                  | (tap_random(&state) % 4 ? 0 : WW_CHAIN_EVERY_PAGE);
  options.level = (int)(tap_random(&state) % 3) - 1;
  options.keep = tap_random(&state) % 3 ? 4 : 0;
  options.note = say;
  tracking.policy = tap_random(&state) % 2 ? WW_POLICY_TRAP : WW_POLICY_ADAPTIVE;
  if (ww_chain_open(&chain, directory, &options) != 0 || ww_tracker_create(&tracker, &tracking) != 0)
    die("open");
  for (int i = 0; i < REGIONS; i++) {
    char name[] = { 'r', (char)('0' + i), '\0' };
    memory[i] = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory[i] == MAP_FAILED || ww_region_add(tracker, name, memory[i], PAGES * page, NULL) != 0)
      die("region");
  }
  uint64_t label = go_on(chain);
  if (ww_start(tracker) != 0)
    die("start");
  pthread_barrier_init(&barrier, NULL, THREADS + 1);
  for (uintptr_t i = 0; i < THREADS; i++) {
    pthread_t thread;
    seeds[i] = tap_random(&state);
    if (pthread_create(&thread, NULL, write_at_random, (void *)i) != 0)
      die("thread");
  }
  for (;;) {
    pthread_barrier_wait(&barrier);
    if (++label >= LABELS)
      die("too many checkpoints");
    for (int i = 0; i < REGIONS; i++)
      record->hash[label][i] = page_hash(memory[i], PAGES * page);
    ww_chain_label(chain, label);
    if (ww_checkpoint(chain, tracker, NULL) != 0)
      die("checkpoint");
    atomic_store(&record->committed, label);
    atomic_fetch_add(&record->saved, 1);
    pthread_barrier_wait(&barrier);
  }
}

int
main(int argc, char **argv)
{
  uint64_t state = tap_seed(argc, argv, (uint64_t)time(NULL));
  unsigned kills = argc > 2 ? (unsigned)atoi(argv[2]) : KILLS, done = 0;
  uint64_t most = 60000;             /* microseconds: more where it gets nowhere */
  bool good = true;
  page = (size_t)sysconf(_SC_PAGESIZE);
  record = mmap(NULL, sizeof *record, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (record == MAP_FAILED)
    return 99;
  char *directory = place_make();
  while (done < kills && good) {
    uint64_t mine = tap_random(&state), moment = tap_random(&state) % most;
    uint64_t before = record->saved;
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
      live(directory, mine);
    if (child < 0)
      return 99;
    usleep((useconds_t)moment);
    kill(child, SIGKILL);
    good = waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!good)
      printf("# kill %u: status %#x\n", done, status);
    most = record->saved > before ? (most > 40000 ? most / 2 : most) : most < 4000000 ? most * 2 : most;
    done++;
  }
  printf("# %u kills, %llu checkpoints, %llu restores, %llu of them after a checkpoint that was skipped\n",
         done,
         (unsigned long long)record->saved, (unsigned long long)record->restored,
         (unsigned long long)record->skipped);
  ok(good && record->saved > 0 && record->restored > 0, "killed %u times, it goes on each time", done);
  ok(record->wrong == 0, "each restore is what had been recorded for that checkpoint");
  place_remove(directory);
  free(directory);
  return tap_done();
}
