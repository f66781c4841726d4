/* collect.c - does the cost of a collect follow what was written, or what is
 * watched? 100 scattered pages are written, in a small and in a large region. */
#include "config.h"
#include "bench.h"
#include "writewatch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define DIRTY_PAGES 100

/* Pages of which no two are the same, anew for each epoch. */
static void
write_scattered(unsigned char *memory, size_t pages, uint64_t *seed)
{
  uint32_t chosen[DIRTY_PAGES];
  size_t count = 0;

  while (count < DIRTY_PAGES) {
    const uint32_t page = (uint32_t)(next_random(seed) % pages);
    size_t i = 0;

    while (i < count && chosen[i] != page)
      i++;
    if (i < count)
      continue;
    chosen[count++] = page;
    ((volatile unsigned char *)memory)[(size_t)page * page_bytes()] += 1;
  }
}

static int
timed_collect(ww_tracker *tracker, size_t expected, double *collect, double *release)
{
  double begin = now_wall(), end;
  ww_dirty *dirty;
  size_t pages;
  int error = ww_collect(tracker, &dirty);

  end = now_wall();
  if (error != 0)
    return bench_fail_call("ww_collect", error);
  *collect = end - begin;
  pages = ww_dirty_pages(dirty);
  begin = now_wall();
  ww_dirty_free(dirty);
  *release = now_wall() - begin;
  if (pages != expected)
    return bench_fail("%zu pages written, %zu collected", expected, pages);
  return 0;
}

static int
measure(size_t bytes, const struct bench_run *run)
{
  const size_t warm = 20, count = run->quick ? 100 : 400, pages = bytes / page_bytes();
  double *collect = calloc(3 * count, sizeof *collect);
  double *release = collect + count, *nothing = release + count;
  struct ww_options options = WW_OPTIONS_INIT;
  unsigned char *memory;
  ww_tracker *tracker;
  uint64_t seed = 0x2545f4914f6cdd1du;
  double begin, unused;
  int error, status = 0;

  if (!collect)
    return bench_fail("no memory for %zu figures", 3 * count);
  pin(0);
  memory = memory_map(bytes, 0);
  if (!memory)
    return 1;
  memory_populate(memory, bytes);
  options.engine = WW_ENGINE_MPROTECT;
  options.policy = WW_POLICY_TRAP;
  if ((error = ww_tracker_create(&tracker, &options)) != 0)
    return bench_fail_call("ww_tracker_create", error);
  if ((error = ww_region_add(tracker, "collect", memory, bytes, NULL)) != 0)
    return bench_fail_call("ww_region_add", error);
  begin = now_wall();
  if ((error = ww_start(tracker)) != 0)
    return bench_fail_call("ww_start", error);
  bench_metric("start", "ns/page", (now_wall() - begin) / (double)pages);
  for (size_t i = 0; i < warm + count && status == 0; i++) {
    const size_t at = i < warm ? 0 : i - warm;

    write_scattered(memory, pages, &seed);
    status = timed_collect(tracker, DIRTY_PAGES, &collect[at], &release[at]);
    if (status == 0)
      status = timed_collect(tracker, 0, &nothing[at], &unused);
  }
  if (status == 0) {
    bench_metric("collect-100", "us", median_of(collect, count) / 1e3);
    bench_metric("collect-none", "us", median_of(nothing, count) / 1e3);
    bench_metric("free-100", "us", median_of(release, count) / 1e3);
  }
  ww_tracker_destroy(tracker);
  munmap(memory, bytes);
  free(collect);
  return status;
}

int
collect_small(const struct bench_run *run)
{
  return measure((size_t)16 << 20, run);
}

int
collect_large(const struct bench_run *run)
{
  const size_t bytes = (size_t)4 << 30;

  if (proc_bytes("/proc/meminfo", "MemAvailable:") < 1.25 * (double)bytes) {
    fputs("bench: less than 5 GiB of memory are free: the large collect is left out\n", stderr);
    return 0;
  }
  return measure(bytes, run);
}
