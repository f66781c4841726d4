/* snapshot-storm.c - snapshots of memory that threads go on writing to, against what they say they wrote.
 *
 * Each thread writes numbered records, 1, 2, 3 and so on, to pages that follow from its seed. So a snapshot
 * is the state of one instant if, for each thread, it has the records up to some number and none beyond, in
 * every page; what is on the pages that were not written comes from the snapshots before. A record says
 * as well how far its thread had seen the others go: that must be in the snapshot too. And what was
 * written before the begin must be in, what was written after its return must not. */
#include "config.h"
#include "../engine.h"
#include "../tap.h"
#include "memory.h"
#include "writewatch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, PAGES = 256 };

/* What a thread has last written to a page; the number comes last. */
struct record { _Alignas(64) _Atomic uint64_t seen[THREADS], number; };

struct storm {
  enum memory_kind kind;
  enum ww_policy policy;
  bool full, collects, by_kernel;
  size_t pool;
  uint64_t seed;
  char *memory, *image;
  size_t length, unit, pages;
  ww_tracker *tracker;
  _Atomic uint64_t done[THREADS], begun[THREADS];
  _Atomic bool end;
  uint64_t number[THREADS];           /* of the last record that the image has */
  uint64_t (*expected)[THREADS];      /* [pages] */
  unsigned snapshots, unsettled;
  uint64_t copied, waits, records;
};

struct writer { struct storm *storm; unsigned thread; };

static double
seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Half of the records crowd on a few pages. */
static size_t
page_of(const struct storm *storm, unsigned thread, uint64_t number)
{
  uint64_t state = storm->seed * 1000003 + thread * 7919 + number;
  uint64_t draw = tap_random(&state);
  return (draw & 1 ? draw >> 8 & 7 : draw >> 8) % storm->pages;
}

static struct record *
record_of(const struct storm *storm, char *memory, size_t page, unsigned thread)
{
  return (struct record *)(memory + page * storm->unit) + thread;
}

static void
write_record(struct writer *writer, uint64_t number, const int *pipe)
{
  struct storm *storm = writer->storm;
  size_t page = page_of(storm, writer->thread, number);
  struct record *record = record_of(storm, storm->memory, page, writer->thread), fresh;
  uint64_t seen[THREADS];
  for (unsigned i = 0; i < THREADS; i++)
    seen[i] = atomic_load(&storm->done[i]);
  if (number % 64 == 17)
    ww_touch(storm->tracker, record, sizeof *record);
  if (pipe[0] >= 0 && number % 2 == 1) {
    memset(&fresh, 0, sizeof fresh);
    for (unsigned i = 0; i < THREADS; i++)
      atomic_init(&fresh.seen[i], seen[i]);
    atomic_init(&fresh.number, number);
    if (write(pipe[1], &fresh, sizeof fresh) != sizeof fresh
        || read(pipe[0], record, sizeof fresh) != sizeof fresh)
      abort();
    return;
  }
  for (unsigned i = 0; i < THREADS; i++)
    atomic_store_explicit(&record->seen[i], seen[i], memory_order_relaxed);
  atomic_store_explicit(&record->number, number, memory_order_release);
}

static void *
write_records(void *argument)
{
  struct writer *writer = argument;
  struct storm *storm = writer->storm;
  int channel[2] = { -1, -1 };
  if (storm->by_kernel && pipe(channel))
    abort();
  for (uint64_t number = 1; !atomic_load(&storm->end); number++) {
    atomic_store(&storm->begun[writer->thread], number);
    write_record(writer, number, channel);
    atomic_store(&storm->done[writer->thread], number);
    /* Not so many that to go through them again takes all the time. */
    if (number % 512 == 0)
      usleep(50);
  }
  if (storm->by_kernel) {
    close(channel[0]);
    close(channel[1]);
  }
  return NULL;
}

static void *
collect_too(void *argument)
{
  struct storm *storm = argument;
  while (!atomic_load(&storm->end)) {
    ww_dirty *dirty;
    if (!ww_collect(storm->tracker, &dirty))
      ww_dirty_free(dirty);
    usleep(700);
  }
  return NULL;
}

/* Page by page, in an order that nobody expects, and slowly at times. */
static bool
save(struct storm *storm, ww_snapshot *snapshot, const ww_dirty *dirty, uint64_t *state)
{
  size_t count, pages = 0;
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  size_t *page = malloc(storm->pages * sizeof *page);
  for (size_t i = 0; i < count && !storm->full; i++)
    for (size_t at = 0; at < run[i].length; at += storm->unit)
      page[pages++] = ((size_t)((char *)run[i].address - storm->memory) + at) / storm->unit;
  for (size_t i = 0; i < storm->pages && storm->full; i++)
    page[pages++] = i;
  bool slowly = tap_random(state) % 4 == 0, good = true;
  for (size_t left = pages; left > 0 && good; left--) {
    size_t at = tap_random(state) % left, taken = page[at];
    page[at] = page[left - 1];
    int error = ww_snapshot_copy(snapshot, storm->memory + taken * storm->unit, storm->unit,
                                 storm->image + taken * storm->unit);
    if (error)
      good = ok(false, "ww_snapshot_copy: %d, %s", error, ww_last_error());
    if (slowly && left % 16 == 0)
      usleep(100);
  }
  free(page);
  return good;
}

/* Returns how much of it is wrong. */
static unsigned
judge(struct storm *storm, const uint64_t *before, const uint64_t *after)
{
  unsigned wrong = 0;
  for (unsigned thread = 0; thread < THREADS; thread++) {
    uint64_t last = 0;
    size_t where = 0;
    for (size_t page = 0; page < storm->pages; page++) {
      uint64_t number = atomic_load(&record_of(storm, storm->image, page, thread)->number);
      if (number > last) {
        last = number;
        where = page;
      }
    }
    if (last < before[thread] || last > after[thread]) {
      printf("# thread %u: record %llu is the last; %llu was written before, %llu begun at the return\n",
             thread, (unsigned long long)last, (unsigned long long)before[thread],
             (unsigned long long)after[thread]);
      wrong++;
    }
    for (uint64_t number = storm->number[thread] + 1; number <= last; number++)
      storm->expected[page_of(storm, thread, number)][thread] = number;
    storm->records += last - storm->number[thread];
    storm->number[thread] = last;
    for (size_t page = 0; page < storm->pages; page++) {
      uint64_t number = atomic_load(&record_of(storm, storm->image, page, thread)->number);
      if (number != storm->expected[page][thread] && wrong++ < 4)
        printf("# thread %u page %zu: record %llu, where up to %llu it is %llu\n", thread, page,
               (unsigned long long)number, (unsigned long long)last,
               (unsigned long long)storm->expected[page][thread]);
    }
    /* What it had seen: compared when all threads' last ones are known. */
    storm->expected[storm->pages][thread] = where;
  }
  for (unsigned thread = 0; thread < THREADS; thread++) {
    struct record *record = record_of(storm, storm->image, storm->expected[storm->pages][thread], thread);
    for (unsigned other = 0; other < THREADS; other++)
      if (atomic_load(&record->seen[other]) > storm->number[other] && wrong++ < 4)
        printf("# thread %u had seen record %llu of thread %u, of which there are %llu\n", thread,
               (unsigned long long)atomic_load(&record->seen[other]), other,
               (unsigned long long)storm->number[other]);
  }
  return wrong;
}

static unsigned
take_one(struct storm *storm, uint64_t *state)
{
  struct ww_snapshot_options options = WW_SNAPSHOT_OPTIONS_INIT;
  struct ww_snapshot_stats stats = { .size = sizeof stats };
  uint64_t before[THREADS], after[THREADS];
  ww_snapshot *snapshot;
  ww_dirty *dirty;
  options.flags = storm->full ? WW_SNAPSHOT_FULL : 0;
  options.pool = storm->pool;
  for (unsigned i = 0; i < THREADS; i++)
    before[i] = atomic_load(&storm->done[i]);
  if (ww_snapshot_begin(storm->tracker, &options, &dirty, &snapshot))
    return !ok(false, "ww_snapshot_begin: %s", ww_last_error());
  for (unsigned i = 0; i < THREADS; i++)
    after[i] = atomic_load(&storm->begun[i]);
  bool saved = save(storm, snapshot, dirty, state);
  ww_snapshot_stats(snapshot, &stats);
  int error = ww_snapshot_end(snapshot);
  ww_dirty_free(dirty);
  storm->snapshots++;
  storm->unsettled += stats.unsettled != 0;
  storm->copied += stats.copied_pages;
  storm->waits += stats.waits;
  if (error || !saved)
    return !ok(false, "ww_snapshot_end: %d, %s", error, ww_last_error());
  /* Then the pages that system calls write to may be of different moments: begin anew. */
  if (stats.unsettled)
    return 0;
  return judge(storm, before, after);
}

static bool
set_up(struct storm *storm, const char **reason)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_region *region;
  storm->length = (size_t)PAGES * (size_t)sysconf(_SC_PAGESIZE);
  storm->memory = memory_map(storm->kind, &storm->length, reason);
  if (!storm->memory)
    return false;
  options.policy = storm->policy;
  /* By itself the adaptive policy would choose the pagemap engine. */
  options.engine = getenv("WRITEWATCH_ENGINE") ? WW_ENGINE_AUTO : WW_ENGINE_MPROTECT;
  options.flags = storm->by_kernel ? WW_SHIELD : 0;
  storm->image = mmap(NULL, storm->length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (ww_tracker_create(&storm->tracker, &options)) {
    *reason = ww_last_error();
    munmap(storm->memory, storm->length);
    munmap(storm->image, storm->length);
    return false;
  }
  int error = ww_region_add(storm->tracker, "storm", storm->memory, storm->length, &region);
  /* A sanitizer's own thread blocks the signals that a shield needs. */
  if (error == -EBUSY && storm->by_kernel) {
    *reason = ww_last_error();
    ww_tracker_destroy(storm->tracker);
    munmap(storm->memory, storm->length);
    munmap(storm->image, storm->length);
    return false;
  }
  if (error || ww_start(storm->tracker)) {
    ok(false, "setting up: %s", ww_last_error());
    exit(tap_done());
  }
  storm->unit = ww_region_page_size(region);
  storm->pages = storm->length / storm->unit;
  storm->expected = calloc(storm->pages + 1, sizeof *storm->expected);
  return true;
}

static unsigned
run(struct storm *storm, double duration, uint64_t seed)
{
  struct writer writer[THREADS];
  pthread_t thread[THREADS], collector;
  uint64_t state = seed;
  unsigned wrong = 0;
  for (unsigned i = 0; i < THREADS; i++) {
    writer[i] = (struct writer){ storm, i };
    pthread_create(&thread[i], NULL, write_records, &writer[i]);
  }
  if (storm->collects)
    pthread_create(&collector, NULL, collect_too, storm);
  for (double until = seconds() + duration; !wrong && seconds() < until;)
    wrong = take_one(storm, &state);
  atomic_store(&storm->end, true);
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join(thread[i], NULL);
  if (storm->collects)
    pthread_join(collector, NULL);
  /* All is quiet: byte for byte. */
  if (!wrong)
    wrong = take_one(storm, &state);
  if (!wrong && memcmp(storm->image, storm->memory, storm->length)) {
    printf("# the image of quiet memory is not the memory\n");
    wrong++;
  }
  ww_tracker_destroy(storm->tracker);
  munmap(storm->memory, storm->length);
  munmap(storm->image, storm->length);
  free(storm->expected);
  return wrong;
}

static const struct { const char *name; struct storm storm; } trials[] = {
  { "trapped", { .policy = WW_POLICY_TRAP } },
  { "trapped, a pool of 4 pages", { .policy = WW_POLICY_TRAP, .pool = 4 * 4096 } },
  { "trapped, whole images, other collects", { .policy = WW_POLICY_TRAP, .full = true, .collects = true } },
  { "adaptive", { .policy = WW_POLICY_ADAPTIVE } },
  { "adaptive, a pool of 4 pages", { .policy = WW_POLICY_ADAPTIVE, .pool = 4 * 4096 } },
  { "adaptive, whole images, other collects",
    { .policy = WW_POLICY_ADAPTIVE, .full = true, .collects = true } },
  { "trapped, shared", { .policy = WW_POLICY_TRAP, .kind = MEMORY_SHARED } },
  { "adaptive, of mixed mappings", { .policy = WW_POLICY_ADAPTIVE, .kind = MEMORY_MIXED } },
  { "trapped, huge pages", { .policy = WW_POLICY_TRAP, .kind = MEMORY_HUGETLB } },
  { "trapped, and by read(2)", { .policy = WW_POLICY_TRAP, .by_kernel = true } },
  { "adaptive, and by read(2)", { .policy = WW_POLICY_ADAPTIVE, .by_kernel = true } },
};
enum { TRIALS = sizeof trials / sizeof *trials };

int
main(int argc, char **argv)
{
  uint64_t seed = tap_seed(argc, argv, (uint64_t)(seconds() * 1e6));
  const char *budget = getenv("WRITEWATCH_ORACLE_SECONDS");
  double total = budget ? atof(budget) : 22;
  for (unsigned i = 0; i < TRIALS; i++) {
    struct storm storm = trials[i].storm;
    const char *reason = NULL;
    storm.seed = ++seed;
    if (engine_is("pagemap"))
      skip(trials[i].name, "the pagemap engine does not know of a write before it is made");
    else if (storm.by_kernel && engine_is("userfaultfd"))
      skip(trials[i].name, ENGINE_NO_SHIELD);
    else if (!set_up(&storm, &reason))
      skip(trials[i].name, reason);
    else {
      unsigned wrong = run(&storm, total / TRIALS, seed);
      ok(!wrong, "%s: %u snapshots, %llu records, %llu copied first, %llu waits, %u unsettled, seed %llu",
         trials[i].name, storm.snapshots, (unsigned long long)storm.records, (unsigned long long)storm.copied,
         (unsigned long long)storm.waits, storm.unsettled, (unsigned long long)seed);
    }
  }
  return tap_done();
}
