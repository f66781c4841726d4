/* cost.c - what it costs to notice a write, measured on the machine that we run on.
 *
 * Tracking is measured by tracking: a tracker of the plain trap policy watches a few pages of our
 * own and they are written, one after the other and scattered, a few epochs long. The least of
 * the repetitions counts: what else the machine does only adds to it. That takes about a
 * millisecond, once a process and engine. What a hash costs depends on the caches, so it is learnt
 * from the collects as they go. */
#include "config.h"
#include "cost.h"
#include "arena.h"
#include "engine.h"
#include "os.h"
#include "pagehash.h"
#include "tracker.h"

#include <stdatomic.h>
#include <stdbool.h>

enum { PAGES = 64, REPETITIONS = 4 };

/* Read by collects while others start; each figure is right by itself. */
static struct {
  _Atomic double trap, split, verify, call;
  _Atomic unsigned samples;
} known[WW_ENGINE_PAGEMAP + 1];

/* What to go by until something was measured, or if it cannot be: one machine's (x86-64, Linux 6.18). */
static const struct cost assumed = { .trap = 5000, .split = 4000, .verify = 200, .call = 1000 };

/* An epoch: every `step`th page written, and collected. Nanoseconds a page; negative: it failed. */
static double
measure_epoch(struct ww_tracker *tracker, volatile char *memory, size_t size, unsigned step)
{
  struct ww_dirty *dirty;
  uint64_t begin = os_now();
  for (size_t page = 0; page < PAGES; page += step)
    memory[page * size]++;
  if (tracker_collect(tracker, &dirty))
    return -1;
  double each = (double)(os_now() - begin) / (PAGES / step);
  ww_dirty_free(dirty);
  return each;
}

static void
measure_call(struct ww_region *region, struct cost *cost)
{
  uint64_t least = UINT64_MAX;
  for (unsigned i = 0; i < REPETITIONS; i++) {
    uint64_t begin = os_now();
    (void)engine_written(region, 0);
    uint64_t taken = os_now() - begin;
    least = taken < least ? taken : least;
  }
  cost->call = (double)least;
}

static bool
measure(enum ww_engine engine, struct cost *cost)
{
  struct ww_options options = WW_OPTIONS_INIT;
  struct ww_tracker *tracker;
  size_t size = os_page_size(), length = (PAGES + 2) * size;
  char *memory = os_map(length);
  bool measured = false;
  options.engine = engine;
  options.policy = WW_POLICY_TRAP;
  if (!memory)
    return false;
  for (size_t i = 0; i < length; i += size)
    memory[i] = 1;
  if (!tracker_create(&tracker, &options)) {
    double near = -1, apart = -1;
    struct ww_region *region = NULL;
    uintptr_t start = (uintptr_t)memory + size;
    if (!tracker_add(tracker, "calibration", start, start + PAGES * size, &region) && !tracker_start(tracker))
      for (unsigned i = 0; i < REPETITIONS; i++) {
        double a = measure_epoch(tracker, memory + size, size, 1);
        double b = measure_epoch(tracker, memory + size, size, 2);
        if (a > 0 && (near < 0 || a < near))
          near = a;
        if (b > 0 && (apart < 0 || b < apart))
          apart = b;
      }
    if (near > 0 && atomic_load(&region->engine) == WW_ENGINE_PAGEMAP)
      measure_call(region, cost);
    tracker_destroy(tracker);
    measured = near > 0 && apart > 0;
    if (measured) {
      cost->trap = near;
      cost->split = apart > near ? apart - near : 0;
    }
  }
  static volatile uint64_t sink;
  uint64_t least = UINT64_MAX;
  for (unsigned i = 0; i < REPETITIONS; i++) {
    uint64_t begin = os_now();
    for (size_t page = 0; page < PAGES; page++)
      sink = page_hash(memory + page * size, size).low;
    uint64_t taken = os_now() - begin;
    least = taken < least ? taken : least;
  }
  (void)sink;
  /* From memory it takes two to six times what it takes from the caches: the more, the farther the pages
   * are from each other. */
  cost->verify = 4 * (double)least / PAGES;
  os_unmap(memory, length);
  return measured;
}

void
cost_calibrate(enum ww_engine engine)
{
  struct cost cost = assumed;
  if (atomic_load(&known[engine].trap) > 0)
    return;
  (void)measure(engine, &cost);
  atomic_store(&known[engine].split, cost.split);
  atomic_store(&known[engine].verify, cost.verify);
  atomic_store(&known[engine].call, cost.call);
  atomic_store(&known[engine].trap, cost.trap);
}

struct cost
cost_of(enum ww_engine engine)
{
  struct cost cost = { .trap = atomic_load(&known[engine].trap) };
  if (cost.trap <= 0)
    return assumed;
  cost.split = atomic_load(&known[engine].split);
  cost.verify = atomic_load(&known[engine].verify);
  cost.call = atomic_load(&known[engine].call);
  return cost;
}

void
cost_learn_verify(enum ww_engine engine, size_t pages, double nanoseconds)
{
  enum { PAGES_MIN = 16, FIRST = 3 };
  double before = atomic_load(&known[engine].verify), now = nanoseconds / (double)pages;
  if (pages < PAGES_MIN || before <= 0)
    return;
  /* Whoever had to wait for a processor in between has measured that. What was calibrated is of data in the
   * caches; that may be far off. */
  unsigned samples = atomic_load(&known[engine].samples);
  double most = samples < FIRST ? 4 : 1.5;
  now = now > most * before ? most * before : now < before / most ? before / most : now;
  atomic_store(&known[engine].samples, samples + (samples < FIRST));
  atomic_store(&known[engine].verify, before + (now - before) / (samples < FIRST ? 2 : 4));
}
