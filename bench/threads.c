/* threads.c - two threads that fault on memory of their own at the same time:
 * what does the other one's fault cost? Here the clock on the wall counts,
 * because a thread that waits for a lock uses no processor. */
#include "config.h"
#include "bench.h"
#include "writewatch.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define THREADS 2
#define SHARE_BYTES ((size_t)16 << 20)
#define GAP_BYTES ((size_t)2 << 20)  /* never protected, so that no mapping spans two shares */
#define EPOCHS_MAX 16

struct share {
  unsigned char  *memory;
  const uint32_t *order;
  unsigned        number, threads;
  double          faulting, plain;  /* nanoseconds, of this epoch */
};

/* A barrier that spins: one that sleeps would let the first thread start late.
 * It gives way now and then, in case both share a processor. */
struct start { atomic_uint arrived, generation; };

static struct start start_line;

static void
start_together(unsigned threads)
{
  const unsigned generation = atomic_load(&start_line.generation);

  if (atomic_fetch_add(&start_line.arrived, 1) + 1 == threads) {
    atomic_store(&start_line.arrived, 0);
    atomic_fetch_add(&start_line.generation, 1);
    return;
  }
  for (unsigned spins = 0; atomic_load(&start_line.generation) == generation; spins++)
    if (spins % 1024 == 1023)
      sched_yield();
}

static void
write_share(const struct share *share)
{
  const size_t pages = SHARE_BYTES / page_bytes(), page_size = page_bytes();
  volatile unsigned char *memory = share->memory;

  for (size_t i = 0; i < pages; i++)
    memory[(size_t)share->order[i] * page_size] += 1;
}

static void *
work(void *argument)
{
  struct share *share = argument;
  double begin, end;

  pin(share->number);
  start_together(share->threads);
  begin = now_wall();
  write_share(share);
  end = now_wall();
  share->faulting = end - begin;
  start_together(share->threads);
  begin = now_wall();
  write_share(share);
  share->plain = now_wall() - begin;
  return NULL;
}

static int
one_epoch(struct share *shares, unsigned threads, ww_tracker *tracker, double *cost)
{
  const size_t pages = SHARE_BYTES / page_bytes();
  pthread_t ids[THREADS];
  ww_dirty *dirty;
  size_t seen;
  int error;

  /* The gap between the shares stays as it is, and keeps their mappings apart. */
  for (unsigned i = 0; i < THREADS && !tracker; i++)
    if (bare_arm(shares[i].memory, SHARE_BYTES) != 0)
      return 1;
  for (unsigned i = 0; i < threads; i++) {
    shares[i].threads = threads;
    if ((error = pthread_create(&ids[i], NULL, work, &shares[i])) != 0)
      return bench_fail("pthread_create: %s", strerror(error));
  }
  *cost = 0;
  for (unsigned i = 0; i < threads; i++) {
    pthread_join(ids[i], NULL);
    *cost += (shares[i].faulting - shares[i].plain) / (double)pages / threads;
  }
  if (tracker) {
    if ((error = ww_collect(tracker, &dirty)) != 0)
      return bench_fail_call("ww_collect", error);
    seen = ww_dirty_count(dirty, WW_TRAPPED);
    ww_dirty_free(dirty);
  } else {
    seen = bare_count();
  }
  if (seen != threads * pages)
    return bench_fail("%zu pages written, %zu trapped", threads * pages, seen);
  return 0;
}

static int
measure_order(struct share *shares, ww_tracker *tracker, const char *name, bool shuffled,
              const struct bench_run *run)
{
  const size_t warm = 1, most = run->quick ? 5 : 15, pages = SHARE_BYTES / page_bytes();
  uint32_t *orders[THREADS];
  double costs[EPOCHS_MAX];
  char metric[48];
  int status = 0;

  for (unsigned i = 0; i < THREADS; i++) {
    orders[i] = page_order(pages, shuffled, 77 + i);
    if (!orders[i])
      return 1;
    shares[i].order = orders[i];
  }
  for (unsigned threads = 1; threads <= THREADS && status == 0; threads++) {
    /* One thread alone is there for comparison only. */
    const size_t count = threads == 1 ? 2 : most;

    for (size_t i = 0; i < warm + count && status == 0; i++) {
      baton_swap();
      status = one_epoch(shares, threads, tracker, &costs[i < warm ? 0 : i - warm]);
    }
    snprintf(metric, sizeof metric, "%s-%u-thread%s", name, threads, threads == 1 ? "" : "s");
    if (status == 0)
      bench_metric(metric, "ns/fault", median_of(costs, count));
  }
  for (unsigned i = 0; i < THREADS; i++)
    free(orders[i]);
  return status;
}

static int
measure(bool tracked, const struct bench_run *run)
{
  const size_t bytes = THREADS * (SHARE_BYTES + GAP_BYTES);
  struct share shares[THREADS] = { 0 };
  struct ww_options options = WW_OPTIONS_INIT;
  struct ww_stats stats = { .size = sizeof stats };
  unsigned char *memory;
  ww_tracker *tracker = NULL;
  int error, status;

  memory = memory_map(bytes, 0);
  if (!memory)
    return 1;
  memory_populate(memory, bytes);
  for (unsigned i = 0; i < THREADS; i++) {
    shares[i].number = i;
    shares[i].memory = memory + i * (SHARE_BYTES + GAP_BYTES);
  }
  if (tracked) {
    options.engine = WW_ENGINE_MPROTECT;
    options.policy = WW_POLICY_TRAP;
    if ((error = ww_tracker_create(&tracker, &options)) != 0)
      return bench_fail_call("ww_tracker_create", error);
    for (unsigned i = 0; i < THREADS; i++)
      if ((error = ww_region_add(tracker, "share", shares[i].memory, SHARE_BYTES, NULL)) != 0)
        return bench_fail_call("ww_region_add", error);
    if ((error = ww_start(tracker)) != 0)
      return bench_fail_call("ww_start", error);
  } else if (bare_install(memory, bytes) != 0) {
    return 1;
  }
  status = measure_order(shares, tracker, "sequential", false, run);
  if (status == 0)
    status = measure_order(shares, tracker, "random", true, run);
  if (tracked && status == 0) {
    if ((error = ww_tracker_stats(tracker, &stats)) != 0)
      return bench_fail_call("ww_tracker_stats", error);
    if (stats.widened_pages != 0)
      return bench_fail("%llu pages were widened: the mapping budget is too small for this measurement",
                        (unsigned long long)stats.widened_pages);
  }
  ww_tracker_destroy(tracker);
  munmap(memory, bytes);
  return status;
}

int
threads_bare(const struct bench_run *run)
{
  return measure(false, run);
}

int
threads_tracker(const struct bench_run *run)
{
  return measure(true, run);
}
