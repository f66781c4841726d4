/* storm.c - threads that write, a thread that collects, a copy that must agree. */
#include "config.h"
#include "storm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static bool
complain(const char *what, int error)
{
  printf("# %s: %s (%s)\n", what, ww_strerror(error), ww_last_error());
  return false;
}

bool
storm_begin(struct storm *storm, uint64_t seed, unsigned stack_depth)
{
  return storm_begin_with(storm, seed, stack_depth, 0);
}

bool
storm_begin_with(struct storm *storm, uint64_t seed, unsigned stack_depth, unsigned flags)
{
  struct ww_options options = WW_OPTIONS_INIT;
  size_t page = (size_t)sysconf(_SC_PAGESIZE), size = STORM_PAGES * page;
  int error;

  memset(storm, 0, sizeof *storm);
  pthread_mutex_init(&storm->taking, NULL);
  options.flags = flags;
  options.stack_depth = ww_has_stacks() ? stack_depth : 0;
#ifdef __SANITIZE_THREAD__
  /* libunwind unmaps its cache of a thread after ThreadSanitizer has buried that
   * thread, and ThreadSanitizer's munmap() then dies. */
  options.stack_depth = 0;
#endif
  storm->seed = seed;
  storm->words = page / sizeof(uint64_t);
  storm->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  storm->copy = calloc(STORM_PAGES, page);
  if (storm->memory == MAP_FAILED || !storm->copy)
    return complain("memory for the storm", -12);
  if ((error = ww_tracker_create(&storm->tracker, &options)) != 0)
    return complain("ww_tracker_create", error);
  if ((error = ww_region_add(storm->tracker, "storm", storm->memory, size, &storm->region)) != 0)
    return complain("ww_region_add", error);
  if ((error = ww_start(storm->tracker)) != 0)
    return complain("ww_start", error);
  return true;
}

void
storm_write(struct storm *storm, size_t page, size_t word)
{
  uint64_t *at = storm->memory + page * storm->words + word;
  __atomic_store_n(at, __atomic_load_n(at, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

/* The copy is taken word by word while writers go on. */
static void
take_over(struct storm *storm, const struct ww_run *run)
{
  size_t first = (size_t)((uint64_t *)run->address - storm->memory);

  for (size_t i = first; i < first + run->length / sizeof(uint64_t); i++)
    storm->copy[i] = __atomic_load_n(storm->memory + i, __ATOMIC_RELAXED);
}

int
storm_collect(struct storm *storm)
{
  ww_dirty *dirty;
  const struct ww_run *runs;
  size_t count;
  int error = ww_collect(storm->tracker, &dirty);

  if (error) {
    complain("ww_collect", error);
    storm->failed = true;
    return error;
  }
  runs = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < count; i++)
    take_over(storm, &runs[i]);
  storm->collected += ww_dirty_pages(dirty);
  ww_dirty_free(dirty);
  return 0;
}

struct writer { struct storm *storm; unsigned number; };

static void *
write_on(void *argument)
{
  struct storm *storm = ((struct writer *)argument)->storm;
  unsigned number = ((struct writer *)argument)->number;
  uint64_t state = storm->seed * 2654435761u + number * 7919u + 1;

  free(argument);
  while (!__atomic_load_n(&storm->stop_writers, __ATOMIC_RELAXED)) {
    /* xorshift64 (Marsaglia, "Xorshift RNGs", 2003) */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    /* Each writer has words of its own, at the page's end; the first are free for others. */
    storm_write(storm, state % STORM_PAGES, storm->words - 1 - number);
  }
  return NULL;
}

static void *
collect_on(void *argument)
{
  struct storm *storm = argument;

  while (!__atomic_load_n(&storm->stop_collector, __ATOMIC_RELAXED)) {
    pthread_mutex_lock(&storm->taking);
    int error = storm_collect(storm);
    pthread_mutex_unlock(&storm->taking);
    if (error)
      break;
    nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
  }
  return NULL;
}

bool
storm_blow(struct storm *storm)
{
  storm->stop_writers = storm->stop_collector = false;
  for (unsigned i = 0; i < STORM_WRITERS; i++) {
    struct writer *writer = malloc(sizeof *writer);
    if (!writer)
      return false;
    *writer = (struct writer){ storm, i };
    if (pthread_create(&storm->writers[i], NULL, write_on, writer) != 0)
      return false;
  }
  return pthread_create(&storm->collector, NULL, collect_on, storm) == 0;
}

bool
storm_rest(struct storm *storm)
{
  __atomic_store_n(&storm->stop_writers, true, __ATOMIC_RELAXED);
  for (unsigned i = 0; i < STORM_WRITERS; i++)
    pthread_join(storm->writers[i], NULL);
  __atomic_store_n(&storm->stop_collector, true, __ATOMIC_RELAXED);
  pthread_join(storm->collector, NULL);
  return storm_agrees(storm);
}

bool
storm_agrees(struct storm *storm)
{
  size_t lost = 0, first = 0;

  if (storm->failed || storm_collect(storm) != 0)
    return false;
  for (size_t i = STORM_PAGES * storm->words; i-- > 0;)
    if (storm->copy[i] != storm->memory[i]) {
      lost++;
      first = i;
    }
  if (lost)
    printf("# %zu words were changed and not reported, the first on page %zu\n", lost, first / storm->words);
  if (!storm->collected)
    printf("# nothing was collected\n");
  return !lost && storm->collected > 0;
}

void
storm_end(struct storm *storm)
{
  ww_tracker_destroy(storm->tracker);
  munmap(storm->memory, STORM_PAGES * storm->words * sizeof(uint64_t));
  free(storm->copy);
}

bool
storm_is_writable(const struct storm *storm)
{
  uintptr_t begin = (uintptr_t)storm->memory, end = begin + STORM_PAGES * storm->words * sizeof(uint64_t);
  uintptr_t next = begin;
  FILE *maps = fopen("/proc/self/maps", "re");
  char line[512];
  bool writable = true;

  if (!maps)
    return false;
  while (fgets(line, sizeof line, maps)) {
    unsigned long low, high;
    char rights[8];
    if (sscanf(line, "%lx-%lx %7s", &low, &high, rights) != 3 || high <= begin || low >= end)
      continue;
    if (low <= next)
      next = high;
    if (rights[1] != 'w') {
      printf("# not writable: %s", line);
      writable = false;
    }
  }
  fclose(maps);
  return writable && next >= end;
}

bool
storm_tracks(struct storm *storm, const size_t *pages, size_t count)
{
  struct ww_stats stats = { .size = sizeof stats };
  ww_dirty *dirty;
  const struct ww_run *runs;
  size_t run_count, found = 0;
  bool good;
  int error = ww_tracker_stats(storm->tracker, &stats);

  if (!error)
    error = stats.epoch ? storm_collect(storm) : ww_start(storm->tracker);
  if (error)
    return complain("the epoch's begin", error);
  for (size_t i = 0; i < count; i++)
    storm_write(storm, pages[i], 0);
  if ((error = ww_collect(storm->tracker, &dirty)) != 0)
    return complain("ww_collect", error);
  runs = ww_dirty_runs(dirty, &run_count);
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < run_count; j++) {
      uintptr_t at = (uintptr_t)(storm->memory + pages[i] * storm->words);
      uintptr_t low = (uintptr_t)runs[j].address;
      found += at >= low && at - low < runs[j].length && runs[j].evidence == WW_TRAPPED;
    }
  good = found == count && ww_dirty_pages(dirty) == count;
  if (!good)
    printf("# %zu of %zu written pages found, %zu pages reported\n", found, count, ww_dirty_pages(dirty));
  for (size_t j = 0; j < run_count; j++)
    take_over(storm, &runs[j]);
  ww_dirty_free(dirty);
  return good;
}
