/* regret.c - the adaptive policy never costs much more than trapping, whatever the program does. What
 * is counted is not time but what it does: a fault costs T, a page that is verified V, one that is opened
 * ahead twice that. Linked with --wrap=cost_of, which says so to the policy, too. */
#include "config.h"
#include "../tap.h"
#include "cost.h"
#include "pattern.h"
#include "writewatch.h"

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { EPOCHS = 60 };

struct cost __wrap_cost_of(enum ww_engine engine);

static const double TRAP = 5000, VERIFY = 200, MOST = 1.15;

struct cost
__wrap_cost_of(enum ww_engine engine)
{
  (void)engine;
  return (struct cost){ .trap = TRAP, .split = 0, .verify = VERIFY };
}

static char *memory;
static size_t page_size;

static void
write_page(size_t page)
{
  ++*(volatile uint64_t *)(void *)(memory + page * page_size);
}

static double
cost(const struct pattern *pattern, enum ww_policy policy, uint64_t seed, struct ww_stats *stats)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *tracker;
  ww_dirty *dirty;
  uint64_t state = seed;
  options.engine = WW_ENGINE_MPROTECT;
  options.policy = policy;
  if (ww_tracker_create(&tracker, &options)
      || ww_region_add(tracker, pattern->name, memory, PATTERN_PAGES * page_size, NULL) || ww_start(tracker))
    return ok(false, "%s: %s", pattern->name, ww_last_error());
  for (unsigned epoch = 0; epoch < EPOCHS; epoch++) {
    pattern->epoch(epoch, &state, write_page);
    if (ww_collect(tracker, &dirty))
      return ok(false, "%s: %s", pattern->name, ww_last_error());
    ww_dirty_free(dirty);
  }
  stats->size = sizeof *stats;
  ww_tracker_stats(tracker, stats);
  ww_tracker_destroy(tracker);
  return (double)stats->faults * TRAP + (double)stats->verified_pages * VERIFY
    + (double)stats->ahead_pages * 2 * VERIFY;
}

static void
try_pattern(const struct pattern *pattern, uint64_t seed)
{
  struct ww_stats stats, plain;
  double adaptive = cost(pattern, WW_POLICY_ADAPTIVE, seed, &stats);
  double trapped = cost(pattern, WW_POLICY_TRAP, seed, &plain);
  ok(adaptive <= MOST * trapped, "%s: %.3f of trapping; %llu faults for %llu, %llu verified, %llu opened "
     "ahead", pattern->name, adaptive / trapped, (unsigned long long)stats.faults,
     (unsigned long long)plain.faults,
     (unsigned long long)stats.verified_pages, (unsigned long long)stats.ahead_pages);
}

int
main(int argc, char **argv)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint64_t seed = tap_seed(argc, argv, (uint64_t)now.tv_nsec);
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  memory = mmap(NULL, PATTERN_PAGES * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (size_t i = 0; i < traps_count; i++)
    try_pattern(&traps[i], seed);
  for (size_t i = 0; i < patterns_count; i++)
    try_pattern(&patterns[i], seed);
  return tap_done();
}
