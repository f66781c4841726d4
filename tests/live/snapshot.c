/* snapshot.c - what a snapshot's functions say and do, one after the other. */
#include "config.h"
#include "../engine.h"
#include "../tap.h"
#include "writewatch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 64 };

static size_t page;
static char *memory, *copy;
static ww_tracker *tracker;
static ww_region *region;
static ww_dirty *written;        /* of the last snapshot */

static bool
set_up(unsigned flags, enum ww_policy policy)
{
  struct ww_options options = WW_OPTIONS_INIT;
  options.flags = flags;
  options.policy = policy;
  options.engine = getenv("WRITEWATCH_ENGINE") ? WW_ENGINE_AUTO : WW_ENGINE_MPROTECT;
  memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(memory, 1, PAGES * page);
  if (!ww_tracker_create(&tracker, &options) && !ww_region_add(tracker, "test", memory, PAGES * page, &region)
      && !ww_start(tracker))
    return true;
  printf("# %s\n", ww_last_error());
  return false;
}

static void
tear_down(void)
{
  ww_tracker_destroy(tracker);
  munmap(memory, PAGES * page);
}

static ww_snapshot *
begin(unsigned flags, size_t pool)
{
  struct ww_snapshot_options options = WW_SNAPSHOT_OPTIONS_INIT;
  ww_snapshot *snapshot = NULL;
  ww_dirty_free(written);
  written = NULL;
  options.flags = flags;
  options.pool = pool;
  int error = ww_snapshot_begin(tracker, &options, &written, &snapshot);
  if (error)
    ok(false, "ww_snapshot_begin: %d, %s", error, ww_last_error());
  return snapshot;
}

static bool
holds(const char *at, char value)
{
  for (size_t i = 0; i < page; i++)
    if (at[i] != value)
      return false;
  return true;
}

static struct ww_snapshot_stats
stats_of(const ww_snapshot *snapshot)
{
  struct ww_snapshot_stats stats = { .size = sizeof stats };
  ww_snapshot_stats(snapshot, &stats);
  return stats;
}

static void
test_copies(void)
{
  set_up(0, WW_POLICY_TRAP);
  memset(memory + 3 * page, 2, 2 * page);
  ww_snapshot *snapshot = begin(0, 0), *second = NULL;
  ok(ww_dirty_pages(written) == 2 && stats_of(snapshot).pages == 2,
     "the two pages that were written are held");
  memset(memory + 3 * page, 3, page);
  memset(memory + 9 * page, 3, page);
  ok(!ww_snapshot_copy(snapshot, memory + 3 * page, 2 * page, copy) && holds(copy, 2)
     && holds(copy + page, 2), "what was written after the begin is not in the copy, the rest is");
  ok(stats_of(snapshot).copied_pages == 1, "one of them was copied because it was about to be written");
  ok(holds(memory + 3 * page, 3), "and the memory is as the program wrote it");
  ok(ww_snapshot_copy(snapshot, memory + 3 * page, page, copy) == -ENODATA, "a page is copied once");
  ok(ww_snapshot_copy(snapshot, memory + 9 * page, page, copy) == -ENODATA, "what was clean is not held");
  ok(!ww_snapshot_copy(snapshot, memory, PAGES * page, NULL), "what is let go of need not be held");
  ok(ww_snapshot_copy(snapshot, memory + 1, page, copy) == -EINVAL
     && ww_snapshot_copy(snapshot, memory, (PAGES + 1) * page, copy) == -EINVAL
     && ww_snapshot_copy(NULL, memory, page, copy) == -EINVAL, "only whole pages of a region can be copied");
  ok(ww_snapshot_begin(tracker, NULL, &written, &second) == -EBUSY && !second, "one at a time");
  ok(ww_stop(tracker) == -EBUSY, "the tracker cannot be stopped meanwhile");
  ok(ww_region_remove(region) == -EBUSY, "nor the region be removed");
  ok(!ww_snapshot_end(snapshot), "it ends: %s", ww_last_error());
  ww_dirty *dirty;
  ww_collect(tracker, &dirty);
  ok(ww_dirty_pages(dirty) == 2 && ww_dirty_count(dirty, WW_TRAPPED) == 2,
     "the next collect returns what was written after the begin");
  ww_dirty_free(dirty);
  ok(!ww_region_remove(region) && !ww_stop(tracker), "then it can be removed, and stopped");
  ok(ww_snapshot_begin(tracker, NULL, &written, &second) == -ENODATA,
     "a tracker that is stopped has no snapshot");
  ok(!ww_snapshot_end(NULL), "to end none is allowed");
  tear_down();
}

static void
test_arguments(void)
{
  struct ww_snapshot_options options = WW_SNAPSHOT_OPTIONS_INIT;
  struct ww_snapshot_stats stats = { .size = 1 };
  ww_snapshot *snapshot = NULL;
  set_up(0, WW_POLICY_TRAP);
  ok(ww_snapshot_begin(NULL, NULL, &written, &snapshot) == -EINVAL
     && ww_snapshot_begin(tracker, NULL, NULL, &snapshot) == -EINVAL
     && ww_snapshot_begin(tracker, NULL, &written, NULL) == -EINVAL,
     "no tracker, no place for the snapshot");
  options.flags = 1u << 20;
  ok(ww_snapshot_begin(tracker, &options, &written, &snapshot) == -EINVAL, "a flag that is none");
  options = (struct ww_snapshot_options)WW_SNAPSHOT_OPTIONS_INIT;
  options.size--;
  ok(ww_snapshot_begin(tracker, &options, &written, &snapshot) == -EINVAL && !snapshot,
     "a size that is none");
  snapshot = begin(0, 0);
  ok(ww_snapshot_stats(snapshot, &stats) == -EINVAL && ww_snapshot_stats(NULL, &stats) == -EINVAL,
     "figures of no known size");
  ok(ww_dirty_give_back(tracker, NULL) == -EINVAL, "nothing to give back");
  ww_snapshot_end(snapshot);
  tear_down();
}

static void
test_full(void)
{
  set_up(0, WW_POLICY_TRAP);
  memory[7 * page] = 2;
  ww_snapshot *snapshot = begin(WW_SNAPSHOT_FULL, 0);
  ok(stats_of(snapshot).pages == PAGES && ww_dirty_pages(written) == 1,
     "of a whole image all pages are held, and one was written");
  memset(memory, 9, PAGES * page);
  ok(!ww_snapshot_copy(snapshot, memory, PAGES * page, copy) && holds(copy, 1) && copy[7 * page] == 2
     && holds(copy + (PAGES - 1) * page, 1), "all of them are as they were");
  ww_snapshot_end(snapshot);
  tear_down();
}

static void
test_given_back(void)
{
  for (int adaptive = 0; adaptive < 2; adaptive++) {
    set_up(0, adaptive ? WW_POLICY_ADAPTIVE : WW_POLICY_TRAP);
    for (int round = 0; round < 4; round++) {
      ww_dirty *dirty;
      memset(memory, round, 5 * page);
      if (!ww_collect(tracker, &dirty))
        ww_dirty_free(dirty);
    }
    memset(memory, 9, 5 * page);
    ww_snapshot *snapshot = begin(0, 0);
    ok(ww_dirty_pages(written) == 5 && !ww_dirty_give_back(tracker, written)
       && !ww_snapshot_end(snapshot), "%s: what could not be saved is given back",
       adaptive ? "adaptive" : "trapped");
    snapshot = begin(0, 0);
    ok(ww_dirty_pages(written) == 5, "and is in the next");
    ww_snapshot_end(snapshot);
    snapshot = begin(0, 0);
    ok(ww_dirty_pages(written) == 0, "and in no other");
    ww_snapshot_end(snapshot);
    tear_down();
  }
}

static double
seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Nobody saves: a writer waits for a while, and then goes on beyond the pool. */
static void
test_nobody_saves(void)
{
  set_up(0, WW_POLICY_TRAP);
  memset(memory, 2, 8 * page);
  ww_snapshot *snapshot = begin(0, 2 * page);
  double before = seconds();
  for (int i = 0; i < 4; i++)
    memory[i * page] = 3;
  double took = seconds() - before;
  struct ww_snapshot_stats stats = stats_of(snapshot);
  ok(stats.waits == 2 && took >= 0.09 && stats.pool_most == 4 * page,
     "with the pool full a writer waits, and goes on (%.3f s, %llu waits)", took,
     (unsigned long long)stats.waits);
  ok(!ww_snapshot_copy(snapshot, memory, 8 * page, copy) && holds(copy, 2) && holds(copy + 7 * page, 2),
     "nothing is lost by it");
  ok(stats_of(snapshot).pool_bytes == 0, "and the pool is empty");
  before = seconds();
  memset(memory, 4, 8 * page);
  ok(seconds() - before < 0.05, "what was saved holds up nobody");
  ww_snapshot_end(snapshot);
  tear_down();
}

/* The saver's own memory may be tracked: it never waits. */
static void
test_saver_writes(void)
{
  set_up(0, WW_POLICY_TRAP);
  memset(memory, 2, 32 * page);
  ww_snapshot *snapshot = begin(0, page);
  double before = seconds();
  bool good = true;
  for (int i = 0; i < 16 && good; i++) {
    good = !ww_snapshot_copy(snapshot, memory + (31 - i) * page, page, memory + i * page)
      && holds(memory + i * page, 2);
    memory[i * page] = 5;
  }
  ok(good && seconds() - before < 0.5, "one who saves to memory that is held himself is not held up");
  ww_snapshot_end(snapshot);
  tear_down();
}

static void
test_touched(void)
{
  set_up(0, WW_POLICY_TRAP);
  memset(memory, 2, 4 * page);
  ww_snapshot *snapshot = begin(0, 0);
  ok(!ww_touch(tracker, memory + page, 2 * page) && stats_of(snapshot).copied_pages == 2,
     "ww_touch() copies what it opens");
  memset(memory + page, 3, 2 * page);
  ok(!ww_snapshot_copy(snapshot, memory, 4 * page, copy) && holds(copy + page, 2)
     && holds(copy + 2 * page, 2), "so that it can be had");
  ww_snapshot_end(snapshot);
  tear_down();
}

/* Memory that is mapped twice, and written through the other. */
static void
test_aliased(void)
{
  set_up(0, WW_POLICY_TRAP);
  int file = memfd_create("alias", 0);
  ww_region *one, *two;
  if (ftruncate(file, 8 * (off_t)page))
    abort();
  char *a = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  char *b = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 2 * (off_t)page);
  if (ww_region_add(tracker, "a", a, 8 * page, &one) || ww_region_add(tracker, "b", b, 4 * page, &two))
    printf("# %s\n", ww_last_error());
  memset(a + 2 * page, 2, 2 * page);
  ww_snapshot *snapshot = begin(0, 0);
  memset(b, 3, page);
  memset(a + 3 * page, 3, page);
  ok(!ww_snapshot_copy(snapshot, a + 2 * page, 2 * page, copy) && holds(copy, 2) && holds(copy + page, 2),
     "memory that was written through its other mapping is as it was");
  ok(!ww_snapshot_copy(snapshot, b, 2 * page, copy) && holds(copy, 2) && holds(copy + page, 2),
     "in both mappings");
  ww_snapshot_end(snapshot);
  tear_down();
  munmap(a, 8 * page);
  munmap(b, 4 * page);
  close(file);
}

static void
test_over(void)
{
  set_up(0, WW_POLICY_TRAP);
  memset(memory, 2, 4 * page);
  ww_snapshot *snapshot = begin(0, 0);
  memset(memory, 3, page);
  pid_t child = fork();
  if (child == 0) {
    memset(memory, 4, PAGES * page);
    int error = ww_snapshot_copy(snapshot, memory, page, copy);
    bool good = error == -ENODATA && ww_dirty_give_back(tracker, written) == -ENODATA
      && !ww_snapshot_end(snapshot) && !ww_start(tracker);
    memset(memory, 5, page);
    good &= !ww_snapshot_begin(tracker, NULL, &written, &snapshot);
    memset(memory, 6, page);
    good &= !ww_snapshot_copy(snapshot, memory, page, copy) && holds(copy, 5) && !ww_snapshot_end(snapshot);
    ww_tracker_destroy(tracker);
    _exit(!good);
  }
  int status;
  waitpid(child, &status, 0);
  ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
     "in a child of fork() it is over, and the child has its own");
  memset(memory + page, 3, page);
  ok(!ww_snapshot_copy(snapshot, memory, 3 * page, copy) && holds(copy, 2) && holds(copy + page, 2)
     && holds(copy + 2 * page, 2), "in the parent it goes on");
  ww_tracker_destroy(tracker);
  memset(memory, 4, 4 * page);
  ok(ww_snapshot_copy(snapshot, memory + 3 * page, page, copy) == -ENODATA && !ww_snapshot_end(snapshot),
     "without its tracker it is over");
  munmap(memory, PAGES * page);
}

/* What the program unmaps, throws away or maps anew is saved before. */
static void
test_moved(void)
{
  static const char *const what = "memory that the program does away with";
  if (engine_is("userfaultfd")) {
    skip(what, ENGINE_NO_SHIELD);
    return;
  }
  if (!set_up(WW_SHIELD, WW_POLICY_TRAP)) {
    skip(what, ww_last_error());
    return;
  }
  memset(memory, 2, 8 * page);
  ww_snapshot *snapshot = begin(0, 0);
  madvise(memory + page, page, MADV_DONTNEED);
  munmap(memory + 2 * page, page);
  mprotect(memory + 3 * page, page, PROT_READ);
  if (mmap(memory + 4 * page, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
      == MAP_FAILED || read(open("/dev/zero", 0), memory + 5 * page, page) != (ssize_t)page)
    abort();
  ok(memory[page] == 0 && memory[4 * page] == 0 && memory[5 * page] == 0, "%s is gone", what);
  ok(!ww_snapshot_copy(snapshot, memory, 8 * page, copy), "and can be had");
  bool good = true;
  for (int i = 0; i < 8; i++)
    if (!holds(copy + i * page, 2)) {
      printf("# page %d has %d\n", i, copy[i * page]);
      good = false;
    }
  ok(good, "as it was");
  ww_snapshot_end(snapshot);
  tear_down();
}

int
main(void)
{
  page = (size_t)sysconf(_SC_PAGESIZE);
  copy = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (engine_is("pagemap")) {
    ww_snapshot *snapshot = NULL;
    set_up(0, WW_POLICY_TRAP);
    ok(ww_snapshot_begin(tracker, NULL, &written, &snapshot) == -ENOTSUP
       && strstr(ww_last_error(), "WW_ENGINE_MPROTECT"),
       "with the pagemap engine it is refused: %s", ww_last_error());
    tear_down();
    return tap_done();
  }
  test_copies();
  test_arguments();
  test_full();
  test_given_back();
  test_nobody_saves();
  test_saver_writes();
  test_touched();
  test_aliased();
  test_over();
  test_moved();
  ww_dirty_free(written);
  return tap_done();
}
