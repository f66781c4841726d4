/* kinds.c - every kind of memory: what is written is returned, nothing else is, and
 * each page gets back the protection that it had. */
#include "config.h"
#include "../engine.h"
#include "../tap.h"
#include "memory.h"
#include "writewatch.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page;

/* Is exactly this page, of this evidence, in the set? */
static bool
is_only(const ww_dirty *dirty, const char *address, size_t page_size, size_t pages, enum ww_evidence evidence)
{
  size_t count;
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  return count == 1 && run->address == address && run->length == pages * page_size
    && run->evidence == evidence
    && ww_dirty_pages(dirty) == pages && ww_dirty_count(dirty, evidence) == pages;
}

/* The page's writer is this thread, or, with an engine that sees no writers, nobody. */
static bool
has_writer(const ww_dirty *dirty, const char *page_address)
{
  struct ww_writer writer;
  int error = ww_dirty_writer(dirty, page_address, &writer);
  if (!engine_has_writers())
    return error == -ENOENT;
  return !error && writer.thread == (int32_t)getpid() && writer.order == 0;
}

static void
try_kind(enum memory_kind kind)
{
  const char *name = memory_names[kind], *reason;
  size_t length = 32 * page, count;
  char *memory = memory_map(kind, &length, &reason), before[8192];
  if (!memory) {
    skip(name, reason);
    return;
  }
  if ((kind == MEMORY_FILE_PRIVATE || kind == MEMORY_FILE_SHARED) && !engine_has_files()) {
    skip(name, ENGINE_NO_FILES);
    munmap(memory, length);
    return;
  }
  ww_tracker *tracker;
  ww_region *region;
  ww_dirty *dirty;
  strcpy(before, memory_protections(memory, length));
  ww_tracker_create(&tracker, NULL);
  int error = ww_region_add(tracker, name, memory, length, &region);
  if (!ok(!error, "%s: added%s%s", name, error ? ": " : "", error ? ww_last_error() : ""))
    return;
  size_t unit = ww_region_page_size(region), pages = length / unit;
  ok(unit == (kind == MEMORY_HUGETLB ? (size_t)2 << 20 : page) && ww_region_length(region) == length
     && ww_region_address(region) == memory && !strcmp(ww_region_name(region), name),
     "%s: is what it is", name);
  ok(!ww_start(tracker) && (!engine_has_protections() || !strstr(memory_protections(memory, length), "w")),
     "%s: armed: %s", name,
     memory_protections(memory, length));
  ok(!ww_collect(tracker, &dirty) && ww_dirty_pages(dirty) == 0 && ww_dirty_epoch(dirty) == 1,
     "%s: nothing written, nothing returned", name);
  ww_dirty_free(dirty);
  for (size_t i = 0; i < pages; i++) {
    volatile char *at = memory + i * unit + unit / 2;
    char value = *at;             /* reading must not count */
    *at = (char)(value + 1);
    error = ww_collect(tracker, &dirty);
    if (error || !is_only(dirty, memory + i * unit, unit, 1, WW_TRAPPED)
        || !has_writer(dirty, memory + i * unit) || ww_dirty_regions(dirty, &count)[0] != region
          || count != 1)
      ok(false, "%s: page %zu alone", name, i);
    ww_dirty_free(dirty);
  }
  memset(memory, 7, length);
  ok(!ww_collect(tracker, &dirty) && is_only(dirty, memory, unit, pages, WW_TRAPPED), "%s: all of it", name);
  ww_dirty_free(dirty);
  ok(!ww_touch(tracker, memory + unit - 1, 2 <= pages ? 2 : 1), "%s: touch", name);
  ok(!ww_collect(tracker, &dirty) && is_only(dirty, memory, unit, pages >= 2 ? 2 : 1, WW_DECLARED),
     "%s: declared pages", name);
  ww_dirty_free(dirty);
  ww_touch(tracker, memory, 1);
  ww_collect(tracker, &dirty);
  ww_dirty_free(dirty);
  memory[0]++;
  ok(!ww_collect(tracker, &dirty) && is_only(dirty, memory, unit, 1, WW_TRAPPED),
     "%s: after a declared write pages trap again", name);
  ww_dirty_free(dirty);
  ok(!ww_stop(tracker) && !strcmp(before, memory_protections(memory, length)), "%s: stopped: %s", name,
     memory_protections(memory, length));
  ok(!ww_start(tracker) && !ww_region_remove(region) && !strcmp(before, memory_protections(memory, length)),
     "%s: removed while armed: %s", name, memory_protections(memory, length));
  ok(!ww_region_add(tracker, name, memory, length, &region), "%s: added while started", name);
  memory[0]++;
  ok(!ww_collect(tracker, &dirty) && is_only(dirty, memory, unit, 1, WW_TRAPPED), "%s: and tracked at once",
     name);
  ww_dirty_free(dirty);
  ww_tracker_destroy(tracker);
  ok(!strcmp(before, memory_protections(memory, length)), "%s: destroyed: %s", name,
     memory_protections(memory, length));
  munmap(memory, length);
}

/* A reservation of 64 GiB with little in it costs little. */
static void
try_sparse(void)
{
  size_t length = (size_t)64 << 30, count;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) {
    skip("sparse: 64 GiB", "no 64 GiB of address space here");
    return;
  }
  ww_tracker *tracker;
  ww_dirty *dirty;
  struct ww_stats stats = { .size = sizeof stats };
  ww_tracker_create(&tracker, NULL);
  int error = ww_region_add(tracker, "sparse", memory, length, NULL);
  ok(!error && !ww_start(tracker), "sparse: 64 GiB armed %s", error ? ww_last_error() : "");
  for (size_t i = 0; i < 64; i++)
    memory[i << 30] = 1;
  ok(!ww_collect(tracker, &dirty) && ww_dirty_pages(dirty) == 64, "sparse: 64 pages a GiB apart");
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  bool right = count == 64;
  for (size_t i = 0; i < count; i++)
    right &= run[i].address == memory + (i << 30) && run[i].length == page;
  ok(right, "sparse: and just those");
  ww_dirty_free(dirty);
  ok(!ww_tracker_stats(tracker, &stats) && stats.bytes == length, "sparse: figures");
  ww_tracker_destroy(tracker);
  munmap(memory, length);
}

int
main(void)
{
  page = (size_t)sysconf(_SC_PAGESIZE);
  for (int kind = 0; kind < MEMORY_KINDS; kind++)
    try_kind((enum memory_kind)kind);
  try_sparse();
  return tap_done();
}
