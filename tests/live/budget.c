/* budget.c - the limit of mappings (vm.max_map_count): scattered writes split
 * mappings, and neither they nor the program's own mmap() may fail for it. */
#include "config.h"
#include "../tap.h"
#include "writewatch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 262144, OWN = 2000 };   /* 1 GiB of 4 KiB pages */

static size_t page;

static long
read_limit(void)
{
  long limit = 65530;
  FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
  if (file) {
    if (fscanf(file, "%ld", &limit) != 1)
      limit = 65530;
    fclose(file);
  }
  return limit;
}

/* How many mappings there are in [memory, memory + length). */
static long
count_within(const char *memory, size_t length)
{
  long count = 0;
  unsigned long start, end, from = (unsigned long)memory, to = from + length;
  char line[512];
  FILE *file = fopen("/proc/self/maps", "re");
  while (file && fgets(line, sizeof line, file))
    count += sscanf(line, "%lx-%lx", &start, &end) == 2 && start < to && end > from;
  if (file)
    fclose(file);
  return count;
}

static long
count_mappings(void)
{
  return count_within(NULL, SIZE_MAX);
}

/* `count` mappings that the kernel cannot join; false if one fails. */
static bool
map_own(char **memory, size_t count)
{
  *memory = mmap(NULL, count * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (*memory == MAP_FAILED)
    return false;
  for (size_t i = 0; i < count; i += 2)
    if (mprotect(*memory + i * page, page, PROT_READ))
      return false;
  return true;
}

/* Every written page is in the set, TRAPPED or ASSUMED, and every TRAPPED one was written. */
static void
check_set(const char *what, const ww_dirty *dirty, const char *memory, const uint8_t *written, size_t pages)
{
  size_t count, lost = 0, invented = 0, all = 0;
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  uint8_t *seen = calloc(pages, 1);
  for (size_t i = 0; i < count; i++) {
    size_t first = (size_t)((char *)run[i].address - memory) / page;
    for (size_t p = first; p < first + run[i].length / page; p++) {
      seen[p] = 1;
      invented += run[i].evidence == WW_TRAPPED && !written[p];
    }
  }
  for (size_t p = 0; p < pages; p++) {
    lost += written[p] && !seen[p];
    all += written[p];
  }
  ok(!lost && !invented, "%s: %zu pages written, %zu trapped, %zu assumed: %zu lost, %zu invented", what, all,
     ww_dirty_count(dirty, WW_TRAPPED), ww_dirty_count(dirty, WW_ASSUMED), lost, invented);
  free(seen);
}

/* Under the adaptive policy what is opened for want of mappings is hashed before: nothing is assumed. */
static void
verify_widened(uint64_t seed)
{
  enum { FEW_PAGES = 4096, WRITES = 300, BUDGET = 64, EPOCHS = 6 };
  struct ww_options options = WW_OPTIONS_INIT;
  struct ww_stats stats = { .size = sizeof stats };
  ww_tracker *tracker;
  ww_dirty *dirty;
  char *memory = mmap(NULL, FEW_PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint8_t written[FEW_PAGES];
  options.engine = WW_ENGINE_MPROTECT;
  options.policy = WW_POLICY_ADAPTIVE;
  options.mapping_budget = BUDGET;
  memset(memory, 1, FEW_PAGES * page);
  if (!ok(!ww_tracker_create(&tracker, &options)
          && !ww_region_add(tracker, "adaptive", memory, FEW_PAGES * page, NULL) && !ww_start(tracker),
          "adaptive: started"))
    return;
  for (unsigned epoch = 1; epoch <= EPOCHS; epoch++) {
    memset(written, 0, sizeof written);
    for (size_t i = 0; i < WRITES; i++) {
      size_t at = tap_random(&seed) % FEW_PAGES;
      memory[at * page + i % page]++;
      written[at] = 1;
    }
    if (!ok(!ww_collect(tracker, &dirty), "adaptive, epoch %u: collected", epoch))
      return;
    size_t count, all = 0, found = 0;
    for (size_t p = 0; p < FEW_PAGES; p++)
      all += written[p];
    const struct ww_run *run = ww_dirty_runs(dirty, &count);
    for (size_t i = 0; i < count; i++)
      for (size_t p = 0; p < run[i].length / page; p++)
        found += written[(size_t)((char *)run[i].address - memory) / page + p];
    ww_tracker_stats(tracker, &stats);
    ok(found == all && ww_dirty_pages(dirty) == all && !ww_dirty_count(dirty, WW_ASSUMED),
       "adaptive, epoch %u: %zu pages written, %zu lost; %zu returned, %zu assumed; %llu widened", epoch, all,
       all - found, ww_dirty_pages(dirty), ww_dirty_count(dirty, WW_ASSUMED),
         (unsigned long long)stats.widened_pages);
    ww_dirty_free(dirty);
  }
  ok(stats.widened_pages > 0, "adaptive: the budget was used up");
  ww_tracker_destroy(tracker);
  munmap(memory, FEW_PAGES * page);
}

static void
scatter(const char *what, bool random, size_t budget, uint64_t seed)
{
  struct ww_options options = WW_OPTIONS_INIT;
  struct ww_stats stats = { .size = sizeof stats };
  ww_tracker *tracker;
  ww_dirty *dirty;
  char *memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *own;
  uint8_t *written = calloc(PAGES, 1);
  if (memory == MAP_FAILED) {
    skip(what, "1 GiB cannot be mapped here");
    return;
  }
  options.mapping_budget = budget;
  ww_tracker_create(&tracker, &options);
  ww_region_add(tracker, what, memory, PAGES * page, NULL);
  long before = count_within(memory, PAGES * page);
  if (!ok(!ww_start(tracker), "%s: started", what))
    return;
  for (size_t i = 0; i < PAGES / 2; i++) {
    size_t at = random ? tap_random(&seed) % PAGES : 2 * i;
    memory[at * page + i % page] = (char)(i | 1);
    written[at] = 1;
  }
  ww_tracker_stats(tracker, &stats);
  long added = count_within(memory, PAGES * page) - before, limit = read_limit();
  ok((long)stats.mappings_used >= added - 8 && stats.mappings_used <= stats.mappings_budget + 8,
     "%s: mappings added %ld, counted %llu, budget %llu", what, added,
     (unsigned long long)stats.mappings_used, (unsigned long long)stats.mappings_budget);
  ok(budget || limit - count_mappings() > OWN, "%s: the program has %ld mappings left", what,
     limit - count_mappings());
  if (!budget) {
    ok(map_own(&own, OWN), "%s: and can map", what);
    munmap(own, OWN * page);
  }
  ok(!ww_collect(tracker, &dirty), "%s: collected", what);
  check_set(what, dirty, memory, written, PAGES);
  ok(ww_dirty_count(dirty, WW_ASSUMED) == stats.widened_pages, "%s: widened %llu, and says so", what,
     (unsigned long long)stats.widened_pages);
  ww_dirty_free(dirty);
  ww_tracker_stats(tracker, &stats);
  long left = count_within(memory, PAGES * page) - before;
  ok(left <= 4, "%s: the next epoch begins with %ld mappings more, counted %llu", what, left,
     (unsigned long long)stats.mappings_used);
  memset(written, 0, PAGES);
  memory[5 * page] = 1;
  written[5] = 1;
  ok(!ww_collect(tracker, &dirty) && ww_dirty_pages(dirty) == 1, "%s: and is exact again", what);
  check_set(what, dirty, memory, written, PAGES);
  ww_dirty_free(dirty);
  ww_tracker_destroy(tracker);
  ok(count_within(memory, PAGES * page) <= before, "%s: all mappings given back", what);
  munmap(memory, PAGES * page);
  free(written);
}

/* The program uses up all mappings after tracking has begun: every split fails. */
static void
exhausted(void)
{
  enum { SMALL = 4096 };
  long left = read_limit() - count_mappings();
  /* The middle of a larger mapping: once all of it is writable the kernel joins the three,
   * and arming it splits them again, at the limit. */
  char *around = mmap(NULL, 3 * SMALL * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *memory = around + SMALL * page, *own, *more = MAP_FAILED;
  uint8_t *written = calloc(SMALL, 1);
  ww_tracker *tracker;
  ww_dirty *dirty;
#if defined(__SANITIZE_THREAD__)
  left = LONG_MAX;
#endif
  if (left > 200000) {
    skip("exhausted", left == LONG_MAX ? "ThreadSanitizer needs mappings of its own to live"
                                       : "vm.max_map_count is too high to use up");
    free(written);
    return;
  }
  ww_tracker_create(&tracker, NULL);
  ww_region_add(tracker, "exhausted", memory, SMALL * page, NULL);
  ww_start(tracker);
  bool mapped = map_own(&own, (size_t)left + 64);
  ok(!mapped, "exhausted: the process is at its limit");
  for (size_t i = 0; i < 64; i++) {
    size_t at = i * 61 % SMALL;
    memory[at * page] = 1;
    written[at] = 1;
  }
  /* What joining set free is used up too. Then arming cannot split, and collecting may
   * say so, but a write must not be lost. */
  map_own(&more, 16);
  int error = ww_collect(tracker, &dirty);
  ok(!error || error == -ENOMEM, "exhausted: collected, or no memory: %s", error
     ? ww_last_error() : "collected");
  munmap(own, ((size_t)left + 64) * page);
  if (more != MAP_FAILED)
    munmap(more, 16 * page);
  if (error)
    error = ww_collect(tracker, &dirty);
  if (ok(!error, "exhausted: collected in the end %s", error ? ww_last_error() : "")) {
    check_set("exhausted", dirty, memory, written, SMALL);
    ww_dirty_free(dirty);
  }
  memset(written, 0, SMALL);
  memory[9 * page] = 1;
  written[9] = 1;
  ok(!ww_collect(tracker, &dirty), "exhausted: and goes on when there is room");
  check_set("exhausted, then not", dirty, memory, written, SMALL);
  ww_dirty_free(dirty);
  ww_tracker_destroy(tracker);
  munmap(around, 3 * SMALL * page);
  free(written);
}

int
main(int argc, char **argv)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint64_t seed = tap_seed(argc, argv, (uint64_t)now.tv_nsec);
  page = (size_t)sysconf(_SC_PAGESIZE);
  verify_widened(seed);
  scatter("1 GiB at random", true, 0, seed);
  scatter("1 GiB, every second page", false, 0, seed);
  scatter("1 GiB at random, a budget of 100", true, 100, seed);
  exhausted();
  return tap_done();
}
