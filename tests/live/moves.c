/* moves.c - memory that the program protects, unmaps, maps over, moves, shrinks and grows is
 * followed: what changed is returned, what is gone is not touched, and the program's own
 * protections and faults stay its own. With `--plain` the calls are libc's, to be trapped. */
#define _GNU_SOURCE
#include "config.h"
#include "../tap.h"
#include "moving.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGES = 16, RW = PROT_READ | PROT_WRITE, FLAGS = MAP_PRIVATE | MAP_ANONYMOUS };

static size_t page;
static ww_tracker *tracker;
static ww_region *region;
static char *base;               /* of 4 * PAGES that are reserved; the first PAGES are the region */
static char shown[512];

static void
put(char *at)
{
  ++*(volatile char *)at;
}

/* The protections of the pages from `at` on, as "rw- r--"; neighbours that are alike once. */
static const char *
protections(const char *at, size_t pages)
{
  char line[256], kind[5], last[5] = "";
  FILE *maps = fopen("/proc/self/maps", "re");
  unsigned long start, end, from = (unsigned long)at, reached = from;
  shown[0] = '\0';
  while (maps && fgets(line, sizeof line, maps) && strlen(shown) < sizeof shown - 32)
    if (sscanf(line, "%lx-%lx %4s", &start, &end, kind) == 3 && end > from && start < from + pages * page) {
      kind[3] = '\0';
      if (start > reached) {
        strcat(shown, "none ");
        last[0] = '\0';
      }
      if (strcmp(kind, last))
        strcat(strcat(shown, kind), " ");
      strcpy(last, kind);
      reached = end;
    }
  if (maps)
    fclose(maps);
  if (reached < from + pages * page)
    strcat(shown, "none ");
  if (*shown)
    shown[strlen(shown) - 1] = '\0';
  return shown;
}

static char *below;   /* the holes that leave_holes() left */

static void
begin_with(int flags, int fd)
{
  struct ww_options options = WW_OPTIONS_INIT;
  options.flags = moving_plainly ? WW_SHIELD : 0;
  base = mmap(below, 4 * PAGES * page, PROT_NONE, FLAGS | MAP_NORESERVE, -1, 0);
  munmap(base, PAGES * page);
  if (mmap(base, PAGES * page, RW, flags | MAP_FIXED, fd, 0) != base
      || ww_tracker_create(&tracker, &options) || ww_region_add(tracker, "moves", base, PAGES * page, &region)
      || ww_start(tracker))
    ok(false, "set up: %s", ww_last_error());
}

static void
begin(void)
{
  begin_with(FLAGS, -1);
}

static void
finish(void)
{
  int error = ww_stop(tracker);
  ok(!error, "stopped%s%s", error ? ": " : "", error ? ww_last_error() : "");
  error = ww_region_remove(region);
  ok(!error, "removed%s%s", error ? ": " : "", error ? ww_last_error() : "");
  struct ww_stats stats = { .size = sizeof stats };
  ww_tracker_stats(tracker, &stats);
  ok(stats.regions == 0 && stats.unfollowed == 0, "nothing is left, nothing was left behind");
  ww_tracker_destroy(tracker);
  munmap(base, 4 * PAGES * page);
}

static bool
is(const char *found, const char *wanted, const char *what)
{
  return ok(!strcmp(found, wanted), "%s: \"%s\"%s%s", what, wanted,
            strcmp(found, wanted) ? " but found " : "", strcmp(found, wanted) ? found : "");
}

static void
try_protections(void)
{
  begin();
  put(base + 3 * page);
  ok(!move_mprotect(base + 2 * page, 4 * page, PROT_READ), "made read-only");
  is(protections(base, PAGES), "r--", "mprotect: a marked page is read-only too");
  ok(write_raises(base + 3 * page) == SEGV_ACCERR && write_raises(base + 2 * page) == SEGV_ACCERR,
     "mprotect: writes there are the program's own faults");
  is(collected(tracker, base), "3T", "mprotect: what was written before is returned");
  ok(!move_mprotect(base + 2 * page, 4 * page, RW), "made writable");
  is(protections(base, PAGES), "r--", "mprotect: what is writable again is armed");
  put(base + 5 * page);
  is(collected(tracker, base), "5T", "mprotect: and returned if it is written");

  put(base + 7 * page);
  put(base + 8 * page);
  move_mprotect(base + 7 * page, 2 * page, PROT_NONE);
  ok(write_raises(base + 7 * page) == SEGV_ACCERR, "mprotect: a guard page guards");
  is(collected(tracker, base), "", "mprotect: what cannot be read is not returned");
  is(collected(tracker, base), "", "mprotect: nor by the next collect");
  move_mprotect(base + 7 * page, page, PROT_READ);
  is(collected(tracker, base), "7T", "mprotect: but once it can be");
  move_mprotect(base + 7 * page, 2 * page, RW);
  is(collected(tracker, base), "8T", "mprotect: each page for itself");

  put(base + 1 * page);
  for (unsigned i = 0; i < 3; i++) {
    move_mprotect(base, 4 * page, PROT_READ | PROT_EXEC);
    is(protections(base, 5), "r-x r--", "mprotect: executable");
    move_mprotect(base, 4 * page, RW);
    is(protections(base, 5), "r-- rw- r--", "mprotect: and writable by turns");
  }
  put(base + 2 * page);
  is(collected(tracker, base), "1-2T", "mprotect: both written pages are returned");

  move_mprotect(base + 14 * page, page, PROT_READ | PROT_WRITE | PROT_EXEC);
  put(base + 14 * page);
  is(protections(base + 13 * page, 3), "r-- rwx r--", "mprotect: all at once");
  munmap(base + PAGES * page, page);
  ok(move_mprotect(base + 12 * page, 6 * page, PROT_READ) == -ENOMEM,
     "mprotect: a hole behind the region is an error");
  ok(write_raises(base + 15 * page) == SEGV_ACCERR, "mprotect: what lies before the hole is changed");
  ok(write_raises(base + 11 * page) == 0, "mprotect: and nothing else");
  move_mprotect(base + 12 * page, 4 * page, RW);
  is(collected(tracker, base), "11T 14T", "mprotect: and no mark is lost");
  ok(move_mprotect(base + 1, page, PROT_READ) == -EINVAL && move_mprotect(base, page, 0x700) == -EINVAL,
     "mprotect: wrong arguments are wrong still");
  finish();
}

static void
try_unmapping(void)
{
  struct ww_stats stats = { .size = sizeof stats };
  struct ww_writer writer;
  ww_dirty *dirty;
  size_t count;
  begin();
  for (unsigned i = 0; i < PAGES; i += 2)
    put(base + i * page);
  ok(!move_munmap(base + 4 * page, 4 * page), "unmapped");
  ww_tracker_stats(tracker, &stats);
  ok(stats.mappings_used == 2 + 2 * 6, "munmap: mappings are given back: %llu",
     (unsigned long long)stats.mappings_used);
  ok(!ww_collect(tracker, &dirty), "munmap: collected");
  ww_dirty_runs(dirty, &count);
  ok(count == 6 && ww_dirty_writers(dirty) == 6
     && ww_dirty_writer(dirty, base + 4 * page, &writer) == -ENOENT,
     "munmap: marks and faults of what is gone are dropped");
  ww_dirty_free(dirty);
  /* Somebody else's by now. */
  mmap(base + 5 * page, 2 * page, RW, FLAGS | MAP_FIXED_NOREPLACE, -1, 0);
  put(base + 5 * page);
  put(base + 8 * page);
  is(collected(tracker, base), "8T", "munmap: what comes there later is not ours");
  is(protections(base + 3 * page, 6), "r-- none rw- none r--", "munmap: nor protected");
  ok(!ww_touch(tracker, base, PAGES * page), "munmap: touched");
  is(collected(tracker, base), "0-3D 8-15D", "munmap: nor declared");
  ok(!move_munmap(base, PAGES * page), "munmap: all of it");
  ok(write_raises(base) == SEGV_MAPERR, "munmap: a write there is a crash");
  is(collected(tracker, base), "", "munmap: an empty handle is left");
  finish();
}

static void
try_mapping_over(void)
{
  begin();
  put(base + 3 * page);
  ok(move_mmap(base + 2 * page, 3 * page, RW, FLAGS | MAP_FIXED, -1, 0) == (long)(base + 2 * page),
     "mapped over");
  is(protections(base, PAGES), "r-- rw- r--", "mmap: what is new is open");
  is(collected(tracker, base), "2D 3T 4D", "mmap: what is new is declared");
  put(base + 4 * page);
  is(collected(tracker, base), "4T", "mmap: and watched");
  move_mmap(base + 8 * page, 2 * page, PROT_NONE, FLAGS | MAP_FIXED, -1, 0);
  is(collected(tracker, base), "", "mmap: what cannot be read is not returned");
  move_mprotect(base + 8 * page, page, RW);
  is(collected(tracker, base), "8D", "mmap: until it can be");
  put(base + 8 * page);
  is(collected(tracker, base), "8T", "mmap: and is watched");
  move_munmap(base + 8 * page, 2 * page);
  move_mmap(base + 7 * page, 4 * page, RW, FLAGS | MAP_FIXED, -1, 0);
  put(base + 8 * page);
  is(collected(tracker, base), "7D 10D", "mmap: what was gone stays gone");

  char name[] = "/tmp/writewatch-moves-XXXXXX";
  int fd = mkstemp(name), readable = open(name, O_RDONLY | O_CLOEXEC);
  ok(fd >= 0 && !unlink(name) && !ftruncate(fd, (off_t)(2 * page)), "a file");
  move_mmap(base + 12 * page, 2 * page, PROT_READ, MAP_SHARED | MAP_FIXED, readable, 0);
  is(collected(tracker, base), "12-13D", "mmap: a file that is only read");
  ok(move_mprotect(base + 12 * page, page, RW) == -EACCES, "mmap: cannot be made writable");
  move_mmap(base + 12 * page, 2 * page, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
  ok(!move_mprotect(base + 12 * page, page, RW), "mmap: another can");
  put(base + 12 * page);
  collected(tracker, base);
  put(base + 12 * page);
  is(collected(tracker, base), "12T", "mmap: and is watched like any");
  ok(move_mmap(base, page, RW, MAP_SHARED | MAP_FIXED, -1, 0) == -EBADF, "mmap: an error is an error");
  put(base);
  is(collected(tracker, base), "0T", "mmap: and changes nothing");
  close(fd);
  close(readable);
  finish();
}

static size_t
watched_regions(void)
{
  ww_dirty *dirty;
  size_t count = 0;
  if (!ww_collect(tracker, &dirty)) {
    ww_dirty_regions(dirty, &count);
    ww_dirty_free(dirty);
  }
  return count;
}

static void
try_moving(void)
{
  begin();
  char *far = base + 2 * PAGES * page;
  for (unsigned i = 0; i < PAGES; i++)
    base[i * page] = (char)(i + 1);
  collected(tracker, base);
  put(base + 3 * page);
  put(base + 9 * page);
  ok(move_mremap(base, PAGES * page, (PAGES + 2) * page, 0, NULL) == -ENOMEM,
     "mremap: no room to grow is what the kernel says");
  put(base + 4 * page);
  is(collected(tracker, base), "3-4T 9T", "mremap: a failure changes nothing");
  put(base + 3 * page);
  put(base + 9 * page);
  munmap(base + PAGES * page, 8 * page);
  ok(move_mremap(base, PAGES * page, (PAGES + 2) * page, 0, NULL) == (long)base, "mremap: grown in place");
  is(collected(tracker, base), "3T 9T 16-17D", "mremap: marks are kept, what is new is declared");
  put(base + 17 * page);
  put(base + 1 * page);
  is(collected(tracker, base), "1T 17T", "mremap: and watched");
  ok(watched_regions() == 2, "mremap: as a region of its own");
  ok(move_mremap(base, (PAGES + 2) * page, 12 * page, 0, NULL) == (long)base, "mremap: shrunk");
  put(base + 11 * page);
  is(collected(tracker, base), "11T", "mremap: the rest is watched on");
  ok(watched_regions() == 1, "mremap: what is gone wholly is not a region");
  ok(move_mremap(base, 12 * page, 14 * page, 0, NULL) == (long)base, "mremap: grown again");
  put(base + 12 * page);
  is(collected(tracker, base), "12T 13D", "mremap: within the region");
  ok(move_mremap(base, 14 * page, 15 * page, MREMAP_MAYMOVE | MREMAP_FIXED, far) == (long)far,
     "mremap: moved");
  bool same = true;
  for (unsigned i = 0; i < 9; i++)
    same &= far[i * page] >= (char)(i + 1);
  ok(same, "mremap: with what was in it");
  is(collected(tracker, far), "0-13D 14D", "mremap: all that moved is declared, and what it grew by");
  put(far + 14 * page);
  put(far + 2 * page);
  is(collected(tracker, far), "2T 14T", "mremap: and watched where it is now");
  ok(write_raises(base) == SEGV_MAPERR, "mremap: nothing is where it was");
  ok(move_mremap(far, 15 * page, 8 * page, MREMAP_MAYMOVE | MREMAP_FIXED, base + 2 * page)
     == (long)(base + 2 * page), "mremap: moved back, in part");
  is(collected(tracker, base), "2-9D", "mremap: into the region that it came from");
  put(base + 5 * page);
  is(collected(tracker, base), "5T", "mremap: where it is watched as before");
  ok(move_mremap(base + 2 * page, 4 * page, 4 * page, MREMAP_MAYMOVE | 4, NULL) > 0,
     "mremap: left mapped behind");
  collected(tracker, base);
  put(base + 2 * page);
  is(collected(tracker, base), "2T", "mremap: and watched in both places");
  ok(watched_regions() == 2, "mremap: which are two regions");
  finish();
}

static void
try_advice(void)
{
  begin();
  memset(base, 1, PAGES * page);
  collected(tracker, base);
  put(base + 2 * page);
  ok(!move_madvise(base + page, 3 * page, MADV_DONTNEED) && !base[2 * page], "thrown away");
  is(collected(tracker, base), "1D 2T 3D", "madvise: what is thrown away is declared");
  put(base + page);
  is(collected(tracker, base), "1T", "madvise: and watched");
  ok(!move_madvise(base + 8 * page, 2 * page, MADV_FREE) && !base[8 * page], "freed");
  is(collected(tracker, base), "8-9D", "madvise: what is freed is zero at once, and declared");
  ok(move_madvise(base, page, MADV_REMOVE) == -EINVAL, "an error");
  is(collected(tracker, base), "0D", "madvise: says so although it failed");
  finish();
}

/* In the moment before the kernel is asked to throw memory away, another thread collects. */
static _Atomic bool beside;
static _Atomic int seen;

static void *
collect_beside(void *argument)
{
  (void)argument;
  char *text = strdup(collected(tracker, base));
  /* What a copy would get. */
  atomic_store(&seen, base[3 * page]);
  return text;
}

static pthread_t collector;

long __real_raw_call(long number, long a, long b, long c, long d, long e, long f);
long __wrap_raw_call(long number, long a, long b, long c, long d, long e, long f);

long
__wrap_raw_call(long number, long a, long b, long c, long d, long e, long f)
{
  if (number == SYS_madvise && c == MADV_DONTNEED && atomic_exchange(&beside, false)) {
    pthread_create(&collector, NULL, collect_beside, NULL);
    for (unsigned i = 0; i < 50; i++)
      usleep(1000);
  }
  return __real_raw_call(number, a, b, c, d, e, f);
}

static void
try_collector(void)
{
  void *text;
  begin();
  memset(base, 1, PAGES * page);
  collected(tracker, base);
  atomic_store(&beside, true);
  move_madvise(base + 3 * page, page, MADV_DONTNEED);
  pthread_join(collector, &text);
  is(text, "3D", "a collector beside: what is thrown away is returned");
  ok(atomic_load(&seen) == 0, "a collector beside: when it has been, not before");
  free(text);
  finish();
}

static void
try_break(void)
{
  char *start = sbrk(0), *aligned = (char *)(((unsigned long)start + page - 1) & ~(page - 1));
  begin();
  if (move_brk(aligned + 8 * page) != (long)(aligned + 8 * page)) {
    skip("brk", "the break cannot be moved here");
    finish();
    return;
  }
  memset(aligned, 1, 8 * page);
  ww_region *heap;
  ok(!ww_region_add(tracker, "heap", aligned, 8 * page, &heap), "a heap");
  put(aligned + 6 * page);
  long now = move_brk(aligned + 4 * page);
  bool gone = write_raises(aligned + 6 * page) == SEGV_MAPERR;
  char *first = strdup(collected(tracker, aligned));
  long later = move_brk(aligned + 12 * page);
  char *second = strdup(collected(tracker, aligned));
  put(aligned + 7 * page);
  char *third = strdup(collected(tracker, aligned));
  ok(now == (long)(aligned + 4 * page) && later == (long)(aligned + 12 * page) && gone,
     "the break goes and comes");
  is(first, "", "brk: what is gone is dropped");
  is(second, "4-7D", "brk: what is back is declared");
  is(third, "7T", "brk: and watched");
  free(first);
  free(second);
  free(third);
  ok(!ww_region_remove(heap), "heap removed");
  finish();
}

static void
try_shared(void)
{
  int id = shmget(IPC_PRIVATE, 4 * page, 0600);
  begin();
  if (id < 0) {
    skip("shmat", "no System V shared memory here");
    finish();
    return;
  }
  ok(move_shmat(id, base + 4 * page, SHM_REMAP) == (long)(base + 4 * page), "attached over");
  is(collected(tracker, base), "4-7D", "shmat: what is new is declared");
  put(base + 6 * page);
  is(collected(tracker, base), "6T", "shmat: and watched");
  put(base + 6 * page);
  ok(!move_shmdt(base + 4 * page), "detached");
  is(protections(base + 3 * page, 6), "r-- none r--", "shmdt: gone");
  put(base + 8 * page);
  is(collected(tracker, base), "8T", "shmdt: and dropped");
  shmctl(id, IPC_RMID, NULL);
  finish();
}

static void
try_files(void)
{
  int fd = memfd_create("moves", MFD_CLOEXEC);
  ok(fd >= 0 && !ftruncate(fd, (off_t)(PAGES * page)), "a file");
  begin_with(MAP_SHARED, fd);
  memset(base, 1, PAGES * page);
  collected(tracker, base);
  put(base + 10 * page);
  ok(!move_ftruncate(fd, (off_t)(9 * page + 100)), "cut");
  is(collected(tracker, base), "9D", "ftruncate: the last page changed, those behind it cannot be read");
  ok(write_raises(base + 10 * page) == BUS_ADRERR, "ftruncate: a write there is the program's own fault");
  is(collected(tracker, base), "", "ftruncate: and still not returned");
  ok(!move_ftruncate(fd, (off_t)(12 * page)), "longer");
  is(collected(tracker, base), "9D 10T 11D", "ftruncate: what can be read again is returned");
  move_ftruncate(fd, (off_t)(PAGES * page));
  is(collected(tracker, base), "12-15D", "ftruncate: all of it");
  base[page] = base[3 * page] = 2;
  collected(tracker, base);
  ok(!move_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)page, (off_t)(2 * page))
     && !base[page], "punched");
  is(collected(tracker, base), "1-2D", "fallocate: a hole is declared");
  ok(move_pwrite(fd, "written", 7, (off_t)(4 * page - 3)) == 7, "written");
  is(collected(tracker, base), "3-4D", "pwrite: what a file's mapping shows is declared");
  ok(!move_madvise(base + 5 * page, page, MADV_REMOVE), "removed");
  is(collected(tracker, base), "5D", "madvise: a hole by advice");
  /* A second mapping of the same file, half of it, elsewhere. */
  char *other = mmap(NULL, 8 * page, RW, MAP_SHARED, fd, (off_t)(8 * page));
  ww_region *second;
  ok(!ww_region_add(tracker, "second", other, 8 * page, &second), "mapped twice");
  put(other + 2 * page);
  put(base + 9 * page);
  put(base + page);
  ww_dirty *dirty;
  ok(!ww_collect(tracker, &dirty) && ww_dirty_count(dirty, WW_TRAPPED) == 3
     && ww_dirty_count(dirty, WW_DECLARED) == 2, "alias: what is written in one place is returned for both");
  ww_dirty_free(dirty);
  put(other + 2 * page);
  ok(!ww_collect(tracker, &dirty) && ww_dirty_pages(dirty) == 2, "alias: and both are watched");
  ww_dirty_free(dirty);
  ok(!ww_region_remove(second), "second removed");
  munmap(other, 8 * page);
  close(fd);
  finish();
}

/* Above all that the tests map, so that the library's own small mappings come to lie there, and not in what
 * the tests unmap. */
static void
leave_holes(void)
{
  enum { HOLES = 64, HOLE = 4 };
  char *spare = mmap(NULL, (2 * HOLES + 1) * HOLE * page, PROT_NONE, FLAGS, -1, 0);
  for (size_t i = 0; i < HOLES; i++)
    munmap(spare + (2 * i + 1) * HOLE * page, HOLE * page);
  below = spare - 1024 * page;
}

int
main(int argc, char **argv)
{
  page = (size_t)sysconf(_SC_PAGESIZE);
  moving_plainly = argc > 1 && !strcmp(argv[1], "--plain");
  moving_prepare();
  leave_holes();
  try_protections();
  try_unmapping();
  try_mapping_over();
  try_moving();
  try_advice();
  if (!moving_plainly)
    try_collector();
  try_break();
  try_shared();
  try_files();
  return tap_done();
}
