/* memory.c - how much memory the tracker keeps for itself, in memory that is
 * there (Rss), beside what it watches. The program's own pages are populated
 * before, so that what grows is the tracker's, its code's pages included. */
#include "config.h"
#include "bench.h"
#include "writewatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static double
resident(void)
{
  return proc_bytes("/proc/self/smaps_rollup", "\nRss:");
}

static double
page_tables(void)
{
  return proc_bytes("/proc/self/status", "\nVmPTE:");
}

struct watch {
  ww_tracker    *tracker;
  unsigned char *memory;
  const size_t  *offsets;  /* of the pages to write; NULL: all in order */
  size_t         count;
  double         before, tables_before, peak;
};

static int
watch_begin(struct watch *watch, size_t bytes)
{
  struct ww_options options = WW_OPTIONS_INIT;
  int error;

  options.engine = WW_ENGINE_MPROTECT;
  options.policy = WW_POLICY_TRAP;
  (void)resident();  /* its own buffer */
  watch->tables_before = page_tables();
  watch->before = resident();
  if (watch->before < 0)
    return bench_fail("/proc/self/smaps_rollup cannot be read: %s", strerror(errno));
  if ((error = ww_tracker_create(&watch->tracker, &options)) != 0)
    return bench_fail_call("ww_tracker_create", error);
  if ((error = ww_region_add(watch->tracker, "memory", watch->memory, bytes, NULL)) != 0)
    return bench_fail_call("ww_region_add", error);
  if ((error = ww_start(watch->tracker)) != 0)
    return bench_fail_call("ww_start", error);
  return 0;
}

static double
watch_own(struct watch *watch)
{
  const double own = resident() - watch->before;

  if (own > watch->peak)
    watch->peak = own;
  return own;
}

static void
watch_write(struct watch *watch)
{
  volatile unsigned char *memory = watch->memory;

  for (size_t i = 0; i < watch->count; i++)
    memory[watch->offsets ? watch->offsets[i] : i * page_bytes()] += 1;
  watch_own(watch);
}

static int
watch_epoch(struct watch *watch, ww_dirty **dirty)
{
  int error;

  watch_write(watch);
  if ((error = ww_collect(watch->tracker, dirty)) != 0)
    return bench_fail_call("ww_collect", error);
  if (ww_dirty_pages(*dirty) != watch->count)
    return bench_fail("%zu pages written, %zu collected", watch->count, ww_dirty_pages(*dirty));
  return 0;
}

int
memory_dense(const struct bench_run *run)
{
  const size_t bytes = (size_t)1 << 30;
  struct watch watch = { .count = bytes / page_bytes() };
  struct ww_stats stats = { .size = sizeof stats };
  struct ww_writer writer;
  ww_dirty *dirty;
  double own;
  int error;

  (void)run;
  pin(0);
  watch.memory = memory_map(bytes, 0);
  if (!watch.memory)
    return 1;
  memory_populate(watch.memory, bytes);
  if (watch_begin(&watch, bytes) != 0)
    return 1;
  bench_metric("started", "kB", watch_own(&watch) / 1024);
  if (watch_epoch(&watch, &dirty) != 0)
    return 1;
  own = watch_own(&watch);
  bench_metric("dirty-set-held", "kB", own / 1024);
  bench_metric("page-tables", "kB", (page_tables() - watch.tables_before) / 1024);
  ww_dirty_free(dirty);
  bench_metric("dirty-set-freed", "kB", watch_own(&watch) / 1024);
  /* Once more: a tracker that is used for a while. */
  if (watch_epoch(&watch, &dirty) != 0)
    return 1;
  watch_own(&watch);
  bench_metric("peak", "kB", watch.peak / 1024);
  bench_metric("peak-of-tracked", "%", 100 * watch.peak / (double)bytes);
  if ((error = ww_dirty_writer(dirty, watch.memory, &writer)) != 0)
    return bench_fail_call("ww_dirty_writer", error);
  bench_metric("writers-asked", "kB", watch_own(&watch) / 1024);
  bench_metric("writers-asked-of-tracked", "%", 100 * watch.peak / (double)bytes);
  /* A checkpoint that is still being written while the next epoch is under way. */
  watch_write(&watch);
  bench_metric("two-epochs", "kB", watch_own(&watch) / 1024);
  bench_metric("two-epochs-of-tracked", "%", 100 * watch.peak / (double)bytes);
  if ((error = ww_tracker_stats(watch.tracker, &stats)) != 0)
    return bench_fail_call("ww_tracker_stats", error);
  bench_metric("address-space", "kB", (double)stats.memory / 1024);
  ww_dirty_free(dirty);
  ww_tracker_destroy(watch.tracker);
  munmap(watch.memory, bytes);
  return 0;
}

/* `count` pages touched, each `apart` bytes from the one before, in a reservation. */
static int
sparse(const char *name, size_t bytes, size_t count, size_t apart)
{
  struct watch watch = { .count = count };
  struct ww_stats stats = { .size = sizeof stats };
  size_t *offsets = calloc(count + 1, sizeof *offsets);
  char metric[48];
  ww_dirty *dirty;
  double begin;
  int error;

  if (!offsets)
    return bench_fail("no memory for %zu offsets", count);
  watch.offsets = offsets;
  watch.memory = memory_map(bytes, MAP_NORESERVE);
  if (!watch.memory)
    return 1;
  for (size_t i = 0; i < count; i++) {
    offsets[i] = i * apart / page_bytes() * page_bytes();
    watch.memory[offsets[i]] = 1;
  }
  begin = now_wall();
  if (watch_begin(&watch, bytes) != 0)
    return 1;
  snprintf(metric, sizeof metric, "%s-start", name);
  bench_metric(metric, "us", (now_wall() - begin) / 1e3);
  if (watch_epoch(&watch, &dirty) != 0)
    return 1;
  watch_own(&watch);
  ww_dirty_free(dirty);
  begin = now_wall();
  if (watch_epoch(&watch, &dirty) != 0)
    return 1;
  snprintf(metric, sizeof metric, "%s-epoch", name);
  bench_metric(metric, "us", (now_wall() - begin) / 1e3);
  watch_own(&watch);
  snprintf(metric, sizeof metric, "%s", name);
  bench_metric(metric, "kB", watch.peak / 1024);
  if (count != 0) {
    snprintf(metric, sizeof metric, "%s-of-touched", name);
    bench_metric(metric, "%", 100 * watch.peak / (double)(count * page_bytes()));
  }
  if ((error = ww_tracker_stats(watch.tracker, &stats)) != 0)
    return bench_fail_call("ww_tracker_stats", error);
  snprintf(metric, sizeof metric, "%s-address-space", name);
  bench_metric(metric, "kB", (double)stats.memory / 1024);
  ww_dirty_free(dirty);
  ww_tracker_destroy(watch.tracker);
  munmap(watch.memory, bytes);
  free(offsets);
  return 0;
}

/* Each in a child of its own: what one has touched the next must not find there. */
int
memory_sparse(const struct bench_run *run)
{
  const size_t large = (size_t)64 << 30, small = (size_t)64 << 20;
  const struct { const char *name; size_t bytes, count, apart; } kinds[] = {
    { "none-64MiB",     small, 0,    0 },
    { "none-64GiB",     large, 0,    0 },
    { "1000-together",  large, 1000, page_bytes() },
    { "100-apart",      large, 100,  large / 100 },
    { "1000-apart",     large, 1000, large / 1000 },
  };
  int status = 0;
  void *probe;

  (void)run;
  probe = mmap(NULL, large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (probe == MAP_FAILED) {
    fprintf(stderr, "bench: 64 GiB cannot be reserved here (%s): the sparse reservation is left out\n",
            strerror(errno));
    return 0;
  }
  munmap(probe, large);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds && status == 0; i++) {
    int child_status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child < 0)
      return bench_fail("fork: %s", strerror(errno));
    if (child == 0) {
      status = sparse(kinds[i].name, kinds[i].bytes, kinds[i].count, kinds[i].apart);
      fflush(stdout);
      _exit(status);
    }
    if (waitpid(child, &child_status, 0) != child || child_status != 0)
      status = bench_fail("the measurement %s ended with wait status %d", kinds[i].name, child_status);
  }
  return status;
}
