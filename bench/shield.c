/* shield.c - what the shield costs: system calls that touch no tracked memory, and
 * read() of 64 KiB into tracked memory, of pages that are dirty already and of pages
 * that are not. The rival has a tracker without the shield, and reads into memory that
 * is not tracked. */
#include "config.h"
#include "bench.h"
#include "../tests/shield/shielded.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { REGION = 1 << 20, BLOCK = 64 << 10, BATCHES = 9, CALLS_MAX = 20000 };

struct rig {
  ww_tracker *tracker;
  bool shielded;
  char *tracked;   /* two regions ... */
  char *between;   /* ... with a page between them that is in none */
  char *plain;     /* far from both */
  int zero, null, file;
};

static int
call_getppid(const struct rig *rig)
{
  (void)rig;
  return syscall(SYS_getppid) < 0;
}

static int
call_pread(const struct rig *rig)
{
  return pread(rig->file, rig->plain, 1, 0) != 1;
}

static int
call_read(const struct rig *rig)
{
  return read(rig->zero, rig->plain, 64) != 64;
}

static int
call_write(const struct rig *rig)
{
  return write(rig->null, rig->plain, 64) != 64;
}

static int
call_between(const struct rig *rig)
{
  return read(rig->zero, rig->between, 64) != 64;
}

static char *
target(const struct rig *rig)
{
  return rig->shielded ? rig->tracked : rig->plain;
}

static int
call_block(const struct rig *rig)
{
  return pread(rig->file, target(rig), BLOCK, 0) != BLOCK;
}

/* The other half of the file: what is the same as before is not reported. */
static int
call_other_block(const struct rig *rig)
{
  return pread(rig->file, target(rig), BLOCK, BLOCK) != BLOCK;
}

static const struct { const char *metric; int (*call)(const struct rig *rig); unsigned calls; } many[] = {
  { "getppid", call_getppid, CALLS_MAX }, { "pread-1", call_pread, CALLS_MAX },
  { "read-zero-64", call_read, CALLS_MAX }, { "write-null", call_write, CALLS_MAX },
  { "read-between-regions", call_between, CALLS_MAX }, { "read-64KiB", call_block, 500 }
};

static int
measure_many(const struct rig *rig, const struct bench_run *run)
{
  for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
    unsigned calls = run->quick ? many[i].calls / 5 : many[i].calls;
    double costs[BATCHES];
    int failed = 0;

    for (unsigned batch = 0; batch < BATCHES; batch++) {
      double begin;

      baton_swap();
      /* The pages are dirty, the caches warm, before the clock runs. */
      failed |= many[i].call(rig);
      begin = now_cpu();
      for (unsigned call = 0; call < calls; call++)
        failed |= many[i].call(rig);
      costs[batch] = (now_cpu() - begin) / calls;
    }
    if (failed)
      return bench_fail("%s: %s", many[i].metric, strerror(errno));
    bench_metric(many[i].metric, "ns", median_of(costs, BATCHES));
  }
  return 0;
}

/* Each read is the first of its epoch, and has all pages to open. */
static int
measure_first(const struct rig *rig, const struct bench_run *run)
{
  const unsigned reads = run->quick ? 20 : 100;
  double medians[BATCHES], costs[100];

  for (unsigned batch = 0; batch < BATCHES; batch++) {
    baton_swap();
    for (unsigned i = 0; i < reads; i++) {
      ww_dirty *dirty;
      int error = ww_collect(rig->tracker, &dirty);
      size_t seen;
      double begin;

      if (error != 0)
        return bench_fail_call("ww_collect", error);
      seen = ww_dirty_pages(dirty);
      ww_dirty_free(dirty);
      if (rig->shielded && (batch || i) && seen < BLOCK / page_bytes())
        return bench_fail("%zu pages were reported of a read of %d KiB", seen, BLOCK >> 10);
      begin = now_wall();
      if ((i % 2 ? call_block : call_other_block)(rig) != 0)
        return bench_fail("read: %s", strerror(errno));
      costs[i] = now_wall() - begin;
    }
    medians[batch] = median_of(costs, reads);
  }
  bench_metric("read-64KiB-first", "ns", median_of(medians, BATCHES));
  return 0;
}

static int
set_up(struct rig *rig)
{
  char name[] = "/tmp/writewatch-bench-XXXXXX", *block = calloc(2, BLOCK);
  struct ww_options options = WW_OPTIONS_INIT;
  int error;

  rig->zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  rig->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  rig->file = mkstemp(name);
  if (block)
    memset(block, 1, BLOCK);
  if (rig->file < 0 || unlink(name) != 0 || !block || write(rig->file, block, 2 * BLOCK) != 2 * BLOCK
      || rig->zero < 0 || rig->null < 0)
    return bench_fail("a file of %d KiB: %s", 2 * BLOCK >> 10, strerror(errno));
  free(block);
  rig->tracked = memory_map(2 * REGION + page_bytes(), 0);
  /* Far away: a reservation lies between. */
  if (!rig->tracked || mmap(NULL, (size_t)1 << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      == MAP_FAILED)
    return 1;
  rig->plain = memory_map(REGION, 0);
  if (!rig->plain)
    return 1;
  rig->between = rig->tracked + REGION;
  memory_populate(rig->tracked, 2 * REGION + page_bytes());
  memory_populate(rig->plain, REGION);
  options.flags = rig->shielded ? WW_SHIELD : 0;
  if ((error = ww_tracker_create(&rig->tracker, &options)) != 0)
    return bench_fail_call("ww_tracker_create", error);
  if ((error = ww_region_add(rig->tracker, "below", rig->tracked, REGION, NULL)) != 0
      || (error = ww_region_add(rig->tracker, "above", rig->between + page_bytes(), REGION, NULL)) != 0)
    return bench_fail_call("ww_region_add", error);
  if ((error = ww_start(rig->tracker)) != 0)
    return bench_fail_call("ww_start", error);
  return 0;
}

static int
measure(bool shielded, const struct bench_run *run)
{
  struct rig rig = { .shielded = shielded };
  int status;

  pin(0);
  status = set_up(&rig);
  if (status == 0)
    status = measure_many(&rig, run);
  if (status == 0)
    status = measure_first(&rig, run);
  ww_tracker_destroy(rig.tracker);
  return status;
}

int
shield_without(const struct bench_run *run)
{
  return measure(false, run);
}

int
shield_with(const struct bench_run *run)
{
  const char *obstacle = shield_obstacle();

  if (obstacle) {
    fprintf(stderr, "bench: %s\n", obstacle);
    return 0;
  }
  return measure(true, run);
}
