/* trap.c - the cost of a trapped write: what one fault adds to the write, in
 * ascending and in shuffled page order, through the bare loop and through the
 * tracker; and the same with the writers' stacks kept. */
#include "config.h"
#include "bench.h"
#include "writewatch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TRAP_BYTES ((size_t)64 << 20)
#define STACK_FRAMES 16
#define PATHS 8  /* different stacks that lead to a write */

#if defined(__has_attribute)
# if __has_attribute(noclone)
#  define OWN_FRAME __attribute__((noinline, noclone))
# endif
#endif
#ifndef OWN_FRAME
# define OWN_FRAME __attribute__((noinline))
#endif

struct rig {
  unsigned char  *memory;
  size_t          pages, page_size;
  ww_tracker     *tracker;   /* NULL: the bare loop */
  bool            deep;      /* each write at the end of a recursion */
  const uint32_t *order;
};

/* Two functions that call each other by the bits of `path`, so that 2^3 stacks
 * lead to the write. The asm keeps the call from becoming a jump, and its comment
 * keeps the compiler from making one function of the two. */
static void descend_left(unsigned depth, unsigned path, volatile unsigned char *byte);
static void descend_right(unsigned depth, unsigned path, volatile unsigned char *byte);

static inline void
descend(unsigned depth, unsigned path, volatile unsigned char *byte)
{
  if (depth == 0)
    *byte = (unsigned char)(*byte + 1);
  else if (path & 1)
    descend_left(depth - 1, path >> 1, byte);
  else
    descend_right(depth - 1, path >> 1, byte);
}

static OWN_FRAME void
descend_left(unsigned depth, unsigned path, volatile unsigned char *byte)
{
  descend(depth, path, byte);
  __asm__ volatile("# left" ::: "memory");
}

static OWN_FRAME void
descend_right(unsigned depth, unsigned path, volatile unsigned char *byte)
{
  descend(depth, path, byte);
  __asm__ volatile("# right" ::: "memory");
}

static OWN_FRAME void
write_all(const struct rig *rig)
{
  for (size_t i = 0; i < rig->pages; i++) {
    const uint32_t page = rig->order[i];
    volatile unsigned char *byte = rig->memory + (size_t)page * rig->page_size;

    if (rig->deep)
      descend(STACK_FRAMES, page % PATHS, byte);
    else
      *byte = (unsigned char)(*byte + 1);
  }
}

struct costs { double cpu, wall, arm, collect, release; };

/* One epoch: all pages are written twice, and only the first pass faults. Their
 * difference is what the faults cost. */
static int
one_epoch(const struct rig *rig, struct costs *costs)
{
  const double pages = (double)rig->pages;
  double cpu[3], wall[3], begin;
  ww_dirty *dirty;
  size_t seen;
  int error;

  if (!rig->tracker) {
    begin = now_wall();
    if (bare_arm(rig->memory, rig->pages * rig->page_size) != 0)
      return 1;
    costs->arm = (now_wall() - begin) / pages;
  }
  for (int pass = 0; pass < 2; pass++) {
    cpu[pass] = now_cpu();
    wall[pass] = now_wall();
    write_all(rig);
    cpu[pass + 1] = now_cpu();
    wall[pass + 1] = now_wall();
    if (pass == 0) {
      costs->cpu = cpu[1] - cpu[0];
      costs->wall = wall[1] - wall[0];
    } else {
      costs->cpu = (costs->cpu - (cpu[2] - cpu[1])) / pages;
      costs->wall = (costs->wall - (wall[2] - wall[1])) / pages;
    }
  }
  if (!rig->tracker) {
    begin = now_wall();
    seen = bare_count();
    costs->collect = (now_wall() - begin) / pages;
    costs->release = 0;
  } else {
    begin = now_wall();
    error = ww_collect(rig->tracker, &dirty);
    if (error != 0)
      return bench_fail_call("ww_collect", error);
    costs->collect = (now_wall() - begin) / pages;
    costs->arm = 0;  /* is part of collect */
    seen = ww_dirty_count(dirty, WW_TRAPPED);
    begin = now_wall();
    ww_dirty_free(dirty);
    costs->release = (now_wall() - begin) / pages;
  }
  if (seen != rig->pages)
    return bench_fail("%zu pages written, %zu trapped: this would measure something else", rig->pages, seen);
  return 0;
}

#define EPOCHS_MAX 8

static void
say(const char *order, const char *what, struct costs *costs, size_t count, size_t field)
{
  double values[EPOCHS_MAX];
  char metric[48];

  for (size_t i = 0; i < count; i++)
    memcpy(&values[i], (const char *)&costs[i] + field, sizeof values[i]);
  snprintf(metric, sizeof metric, "%s-%s", order, what);
  bench_metric(metric, "ns/page", median_of(values, count));
}

static int
measure_order(struct rig *rig, const char *name, bool shuffled, const struct bench_run *run)
{
  const size_t warm = 1, count = run->quick ? 3 : 7;
  struct costs costs[EPOCHS_MAX];
  uint32_t *order = page_order(rig->pages, shuffled, 0x9e3779b97f4a7c15u);
  int status = 0;

  if (!order)
    return 1;
  rig->order = order;
  for (size_t i = 0; i < warm + count && status == 0; i++) {
    baton_swap();
    status = one_epoch(rig, &costs[i < warm ? 0 : i - warm]);
  }
  if (status == 0) {
    say(name, "trap", costs, count, offsetof(struct costs, cpu));
    say(name, "trap-wall", costs, count, offsetof(struct costs, wall));
    if (!rig->tracker)
      say(name, "arm", costs, count, offsetof(struct costs, arm));
    say(name, "collect", costs, count, offsetof(struct costs, collect));
    if (rig->tracker)
      say(name, "free", costs, count, offsetof(struct costs, release));
  }
  free(order);
  return status;
}

static int
measure(bool tracked, bool deep, const struct bench_run *run)
{
  struct rig rig = { .page_size = page_bytes(), .pages = TRAP_BYTES / page_bytes(), .deep = deep };
  struct ww_options options = WW_OPTIONS_INIT;
  struct ww_stats stats = { .size = sizeof stats };
  int error, status;
  double begin;

  pin(0);
  rig.memory = memory_map(TRAP_BYTES, 0);
  if (!rig.memory)
    return 1;
  memory_populate(rig.memory, TRAP_BYTES);
  if (tracked) {
    options.stack_depth = deep ? STACK_FRAMES : 0;
    options.engine = WW_ENGINE_MPROTECT;
    options.policy = WW_POLICY_TRAP;
    if ((error = ww_tracker_create(&rig.tracker, &options)) != 0)
      return bench_fail_call("ww_tracker_create", error);
    if ((error = ww_region_add(rig.tracker, "trap", rig.memory, TRAP_BYTES, NULL)) != 0)
      return bench_fail_call("ww_region_add", error);
    begin = now_wall();
    if ((error = ww_start(rig.tracker)) != 0)
      return bench_fail_call("ww_start", error);
    bench_metric("start", "ns/page", (now_wall() - begin) / (double)rig.pages);
  } else if (bare_install(rig.memory, TRAP_BYTES) != 0) {
    return 1;
  }
  status = measure_order(&rig, "sequential", false, run);
  if (status == 0)
    status = measure_order(&rig, "random", true, run);
  if (tracked && status == 0) {
    if ((error = ww_tracker_stats(rig.tracker, &stats)) != 0)
      return bench_fail_call("ww_tracker_stats", error);
    if (stats.widened_pages != 0)
      return bench_fail("%llu pages were widened: the mapping budget is too small for this measurement",
                        (unsigned long long)stats.widened_pages);
    if (deep) {
      bench_metric("stacks", "count", (double)stats.stacks);
      /* Fewer stacks than paths: they were not walked to the end, and the figure would flatter. */
      if (stats.stacks < PATHS || stats.stacks_dropped != 0)
        return bench_fail("%llu stacks kept and %llu dropped, where %d different ones wrote",
                          (unsigned long long)stats.stacks, (unsigned long long)stats.stacks_dropped, PATHS);
    }
  }
  ww_tracker_destroy(rig.tracker);
  munmap(rig.memory, TRAP_BYTES);
  return status;
}

int
trap_bare(const struct bench_run *run)
{
  return measure(false, false, run);
}

int
trap_tracker(const struct bench_run *run)
{
  return measure(true, false, run);
}

int
trap_bare_deep(const struct bench_run *run)
{
  return measure(false, true, run);
}

int
trap_stacks(const struct bench_run *run)
{
  if (!ww_has_stacks()) {
    fputs("bench: built without libunwind: no stacks to measure\n", stderr);
    return 0;
  }
  return measure(true, true, run);
}
