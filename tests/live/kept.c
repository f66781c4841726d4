/* kept.c - the adaptive policy beside all else: pages that are kept, and what the program does to them
 * (by the shield's functions; with `--plain` by libc's, trapped), audits, forks, announcements, regions that
 * come and go. Linked with --wrap=cost_of, so that pages are kept soon. */
#define _GNU_SOURCE
#include "config.h"
#include "../tap.h"
#include "cost.h"
#include "moving.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 16, RW = PROT_READ | PROT_WRITE, FLAGS = MAP_PRIVATE | MAP_ANONYMOUS };

struct cost __wrap_cost_of(enum ww_engine engine);

struct cost
__wrap_cost_of(enum ww_engine engine)
{
  (void)engine;
  return (struct cost){ .trap = 10000, .split = 0, .verify = 200 };
}

static size_t page;
static ww_tracker *tracker;
static ww_region *region;
static char *base;               /* of 4 * PAGES that are reserved; the first PAGES are the region */

static void
put(char *at)
{
  ++*(volatile char *)at;
}

static bool
is(const char *found, const char *wanted, const char *what)
{
  bool good = !strcmp(found, wanted);
  if (!good)
    printf("# found:  %s\n# wanted: %s\n", found, wanted);
  return ok(good, "%s", what);
}

static uint64_t
kept(void)
{
  struct ww_stats stats = { .size = sizeof stats };
  ww_tracker_stats(tracker, &stats);
  return stats.kept_pages;
}

static void
put_all(void)
{
  for (size_t i = 0; i < PAGES; i++)
    put(base + i * page);
}

/* After that all is kept, and nothing marked that was written. */
static void
warm_up(void)
{
  for (unsigned epoch = 0; epoch < 8; epoch++) {
    put_all();
    collected(tracker, base);
  }
}

static bool
begin_with(unsigned flags, int mapped)
{
  struct ww_options options = WW_OPTIONS_INIT;
  options.flags = flags;
  options.engine = WW_ENGINE_MPROTECT;
  options.policy = WW_POLICY_ADAPTIVE;
  base = mmap(NULL, 4 * PAGES * page, PROT_NONE, FLAGS, -1, 0);
  if (mmap(base, PAGES * page, RW, mapped | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != base
      || ww_tracker_create(&tracker, &options)) {
    skip("set up", ww_last_error());
    return false;
  }
  if (ww_region_add(tracker, "kept", base, PAGES * page, &region) || ww_start(tracker)) {
    printf("Bail out! %s\n", ww_last_error());
    exit(1);
  }
  warm_up();
  return ok(kept() == PAGES, "%llu pages are kept", (unsigned long long)kept());
}

static void
finish(void)
{
  ww_tracker_destroy(tracker);
  munmap(base, 4 * PAGES * page);
}

static void
try_calls(int mapped)
{
  if (!begin_with(WW_SHIELD, mapped))
    return;
  int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  base[3 * page + 5] = 1;
  collected(tracker, base);
  if (moving_plainly) {
    ok(read(fd, base + 3 * page, 2 * page) == (ssize_t)(2 * page), "read(2) into kept pages");
    is(collected(tracker, base), "3-4V", "read: what it changed is returned");
    ok(read(fd, base + 3 * page, 2 * page) == (ssize_t)(2 * page), "read(2) of what was there");
    is(collected(tracker, base), "", "read: what it did not change is not");
  }
  close(fd);
  warm_up();
  put(base + 7 * page);
  ok(!move_mprotect(base + 4 * page, 8 * page, PROT_READ), "kept pages made read-only");
  ok(write_raises(base + 5 * page) == 2 /* SEGV_ACCERR */,
     "mprotect: a write there is the program's own fault");
  is(collected(tracker, base), "7V", "mprotect: what was written before is returned");
  is(collected(tracker, base), "", "mprotect: once");
  ok(!move_mprotect(base + 4 * page, 8 * page, RW), "and writable again");
  put(base + 5 * page);
  put(base + 7 * page);
  is(collected(tracker, base), "5T 7T", "mprotect: which traps again");
  warm_up();
  put(base + 6 * page);
  ok(!move_mprotect(base + 4 * page, 8 * page, PROT_NONE), "kept pages made PROT_NONE");
  put(base + 2 * page);
  is(collected(tracker, base), "2V", "PROT_NONE: what cannot be read waits");
  is(collected(tracker, base), "", "PROT_NONE: and waits");
  ok(!move_mprotect(base + 4 * page, 8 * page, RW), "and back");
  is(collected(tracker, base), "6V", "PROT_NONE: then it is returned");
  put(base + 9 * page);
  is(collected(tracker, base), "9T", "PROT_NONE: and watched");
  warm_up();
  int advice = mapped == MAP_SHARED ? MADV_REMOVE : MADV_DONTNEED;
  ok(!move_madvise(base + 3 * page, 2 * page, advice), "thrown away");
  is(collected(tracker, base), "3-4D", "madvise: kept pages that lost what they held are declared");
  warm_up();
  put(base + 2 * page);
  put(base + 5 * page);
  ok(!move_munmap(base + 4 * page, 4 * page), "kept pages unmapped");
  is(collected(tracker, base), "2V", "munmap: what is gone is not returned, and not read");
  is(collected(tracker, base), "", "munmap: nor later");
  put(base + 9 * page);
  ok(move_mremap(base + 8 * page, 4 * page, 4 * page, MREMAP_MAYMOVE | MREMAP_FIXED, base + 24 * page)
     == (long)(base + 24 * page), "kept pages moved");
  const char *found = collected(tracker, base);
  ok(strstr(found, "2"), "mremap: what was written is returned where it is now: %s", found);
  put(base + 26 * page);
  is(collected(tracker, base), "26T", "mremap: and watched there");
  finish();
}

static void
try_touching(void)
{
  if (!begin_with(0, MAP_PRIVATE))
    return;
  ok(!ww_touch(tracker, base + 2 * page, 3 * page), "kept pages are announced");
  put(base + 3 * page);
  put(base + 9 * page);
  is(collected(tracker, base), "2-4D 9V", "ww_touch: declared, written or not");
  is(collected(tracker, base), "", "ww_touch: once");
  /* Until they are given up, and in the epoch in which they are. */
  for (unsigned i = 0; i < 70; i++) {
    ww_touch(tracker, base + 2 * page, page);
    if (strcmp(collected(tracker, base), "2D")) {
      ok(false, "ww_touch: not declared in epoch %u", i);
      break;
    }
  }
  ok(kept() == 0, "idle pages are given up");
  finish();
}

static void
try_audit(void)
{
  size_t missed = 0;
  uint64_t seed = 7;
  if (!begin_with(WW_AUDIT, MAP_PRIVATE))
    return;
  for (unsigned epoch = 0; epoch < 200; epoch++) {
    ww_dirty *dirty;
    size_t count;
    for (unsigned i = 0; i < (epoch % 50 < 25 ? 12 : 1); i++)
      put(base + tap_random(&seed) % PAGES * page);
    if (ww_collect(tracker, &dirty))
      break;
    (void)ww_dirty_missed(dirty, &count);
    missed += count;
    ww_dirty_free(dirty);
  }
  ok(!missed, "audit: %zu missed", missed);
  finish();
}

static void
try_forking(unsigned flags, int mapped)
{
  if (!begin_with(flags, mapped))
    return;
  put(base + page);
  fflush(stdout);
  pid_t child = fork();
  if (!child) {
    put(base + 2 * page);
    if (flags) {
      const char *found = collected(tracker, base);
      if (strcmp(found, "1-2V"))
        _exit(1);
      put(base + 3 * page);
      _exit(strcmp(collected(tracker, base), "3V") ? 2 : 0);
    }
    /* A clean beginning. */
    if (kept() || ww_start(tracker))
      _exit(3);
    put(base + 3 * page);
    _exit(strcmp(collected(tracker, base), "3T") ? 4 : 0);
  }
  int status = 0;
  ok(waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status),
     "fork, %s: the child: %d", flags ? "followed" : "not followed", WEXITSTATUS(status));
  put(base + 5 * page);
  const char *found = collected(tracker, base);
  /* What is shared was written by the child, too, and there it is verified. */
  is(found, mapped == MAP_SHARED ? "1-3V 5V" : "1V 5V", "fork: the parent goes on");
  finish();
}

static void
try_coming_and_going(void)
{
  if (!begin_with(0, MAP_PRIVATE))
    return;
  put(base + page);
  ok(!ww_stop(tracker) && kept() == 0, "stopped: nothing is kept");
  put(base + 2 * page);
  ok(!ww_start(tracker), "started again");
  put(base + 3 * page);
  is(collected(tracker, base), "3T", "what was written before is forgotten, the rest traps");
  warm_up();
  put(base + page);
  ok(!ww_region_remove(region) && kept() == 0, "removed while its pages are kept");
  put(base + 2 * page);
  is(collected(tracker, base), "", "nothing of it is returned");
  ok(!ww_region_add(tracker, "again", base, PAGES * page, &region), "added again");
  put(base + 3 * page);
  is(collected(tracker, base), "3T", "and all of it traps");
  finish();
}

int
main(int argc, char **argv)
{
  page = (size_t)sysconf(_SC_PAGESIZE);
  moving_plainly = argc > 1 && !strcmp(argv[1], "--plain");
  moving_prepare();
  alarm(120);
  if (!moving_plainly) {
    try_touching();
    try_audit();
    try_forking(0, MAP_PRIVATE);
    try_forking(WW_FOLLOW_FORK, MAP_PRIVATE);
    try_forking(WW_FOLLOW_FORK, MAP_SHARED);
    try_coming_and_going();
  }
  try_calls(MAP_PRIVATE);
  try_calls(MAP_SHARED);
  return tap_done();
}
