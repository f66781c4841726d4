/* bench_library.c - Writewatch as a contestant, through its public header: each
 * engine with each policy. */
#include "config.h"
#include "bench_suite.h"

#include <errno.h>

#include "writewatch.h"

static ww_tracker *tracker;
static ww_dirty   *dirty;
static struct ww_stats before = { .size = sizeof before };
static struct bench_spent *spent_on;  /* of the collect that was last, for library_tell() */

static int
refuse(struct bench_ground *ground, int error)
{
  const char *about = ww_last_error();

  return bench_refuse(ground, error == -ENOMEM ? -ENOMEM : -ENOTSUP, "%s%s%s", ww_strerror(error),
                      *about ? ": " : "", about);
}

static int
library_start(const struct bench_contestant *self, struct bench_ground *ground)
{
  struct ww_options options = WW_OPTIONS_INIT;
  int error;

  options.engine = (enum ww_engine)self->engine;
  options.policy = (enum ww_policy)self->policy;
  error = ww_tracker_create(&tracker, &options);
  if (error == 0)
    error = ww_region_add(tracker, "bench", ground->memory, ground->pages * ground->page_size, NULL);
  if (error == 0)
    error = ww_start(tracker);
  return error == 0 ? 0 : refuse(ground, error);
}

/* What was collected is let go of before the next collect, on the clock. */
static int
library_collect(struct bench_ground *ground, struct bench_spent *spent)
{
  int error;

  ww_dirty_free(dirty);
  dirty = NULL;
  error = ww_collect(tracker, &dirty);
  if (error != 0)
    return refuse(ground, error);
  spent_on = spent;
  return 0;
}

static void
library_tell(struct bench_ground *ground)
{
  struct ww_stats after = { .size = sizeof after };
  size_t count;
  const struct ww_run *run = ww_dirty_runs(dirty, &count);

  for (; count > 0; count--, run++)
    bench_mark(ground, (size_t)((unsigned char *)run->address - ground->memory) / ground->page_size,
               run->length / ground->page_size);
  if (ww_tracker_stats(tracker, &after) == 0) {
    spent_on->arm = (double)(after.arm_time - before.arm_time);
    spent_on->hash = (double)(after.hash_time - before.hash_time);
    before = after;
  }
}

#define LIBRARY(id, word, which_engine, which_policy, what, kind) \
  const struct bench_contestant bench_##id = { \
    .name = word, .about = what, .sees = kind, .copies = 0.1, \
    .engine = which_engine, .policy = which_policy, \
    .start = library_start, .collect = library_collect, .tell = library_tell }

LIBRARY(mprotect_trap, "mprotect-trap", WW_ENGINE_MPROTECT, WW_POLICY_TRAP,
        "Writewatch: mprotect(), every first write traps", BENCH_WRITES);
LIBRARY(mprotect_adaptive, "mprotect-adaptive", WW_ENGINE_MPROTECT, WW_POLICY_ADAPTIVE,
        "Writewatch: mprotect(), pages written often are verified", BENCH_CHANGES);
LIBRARY(userfaultfd_trap, "userfaultfd-trap", WW_ENGINE_USERFAULTFD, WW_POLICY_TRAP,
        "Writewatch: userfaultfd, every first write traps", BENCH_WRITES);
LIBRARY(userfaultfd_adaptive, "userfaultfd-adaptive", WW_ENGINE_USERFAULTFD, WW_POLICY_ADAPTIVE,
        "Writewatch: userfaultfd, pages written often are verified", BENCH_CHANGES);
LIBRARY(pagemap_trap, "pagemap-trap", WW_ENGINE_PAGEMAP, WW_POLICY_TRAP,
        "Writewatch: PAGEMAP_SCAN", BENCH_WRITES);
LIBRARY(pagemap_adaptive, "pagemap-adaptive", WW_ENGINE_PAGEMAP, WW_POLICY_ADAPTIVE,
        "Writewatch: PAGEMAP_SCAN, pages written often are verified", BENCH_CHANGES);
LIBRARY(auto_trap, "auto-trap", WW_ENGINE_AUTO, WW_POLICY_TRAP,
        "Writewatch: the engine that it chooses, every first write traps", BENCH_WRITES);
LIBRARY(auto_adaptive, "auto-adaptive", WW_ENGINE_AUTO, WW_POLICY_ADAPTIVE,
        "Writewatch: the engine that it chooses, adaptive", BENCH_CHANGES);
