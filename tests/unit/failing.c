/* failing.c - the Nth mapping or protecting fails, for every N: an error return, never
 * a crash, and never a lost write. Linked with --wrap=os_map, --wrap=os_protect. */
#include "config.h"
#include "../engine.h"
#include "../tap.h"
#include "os.h"
#include "writewatch.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGES = 4200, AREAS = 3 };    /* enough faults for a log that is handed over, not copied */

void *__real_os_map(size_t length);
int __real_os_protect(uintptr_t address, size_t length, int protection);
void *__wrap_os_map(size_t length);
int __wrap_os_protect(uintptr_t address, size_t length, int protection);

static long calls, fail_at;           /* 0: none fails */

void *
__wrap_os_map(size_t length)
{
  return ++calls == fail_at ? NULL : __real_os_map(length);
}

int
__wrap_os_protect(uintptr_t address, size_t length, int protection)
{
  return ++calls == fail_at ? -ENOMEM : __real_os_protect(address, length, protection);
}

static size_t page, failures;
static const char *fault;             /* the first thing that was wrong */

static bool
fine(int error)
{
  if (error)
    failures++;
  if (error && error != -ENOMEM && error != -EFAULT && !fault)
    fault = "an error that is not documented for it";
  return !error;
}

static void
expect(bool good, const char *what)
{
  if (!good && !fault)
    fault = what;
}

/* Are these two pages of the area in the set, or, after a failed collect, in this one? */
static bool
holds(const ww_dirty *dirty, const char *address)
{
  size_t count;
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < count; i++)
    if (address >= (char *)run[i].address && address < (char *)run[i].address + run[i].length)
      return true;
  return false;
}

static void
scenario(char *const *memory)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *tracker = NULL;
  ww_region *region[AREAS] = { NULL };
  ww_dirty *dirty;
  struct ww_writer writer;
  struct ww_stats stats = { .size = sizeof stats };
  options.stack_depth = ww_has_stacks() && engine_has_writers() ? 4 : 0;
  if (!fine(ww_tracker_create(&tracker, &options))) {
    expect(!tracker, "an output was set by a call that failed");
    return;
  }
  for (unsigned i = 0; i < AREAS - 1; i++)
    fine(ww_region_add(tracker, "area", memory[i], PAGES * page, &region[i]));
  bool started = fine(ww_start(tracker));
  fine(ww_region_add(tracker, "late", memory[2], PAGES * page, &region[2]));
  for (unsigned turn = 0; turn < 2; turn++) {
    for (unsigned i = 0; i < AREAS; i++)
      for (size_t at = 0; at < (turn ? 3 : i ? 50 : PAGES); at++)
        memory[i][at * page] = (char)(at + turn + 1);
    if (started)
      fine(ww_touch(tracker, memory[0] + 100 * page, 10 * page));
    bool collected = false;
    for (unsigned again = 0; started && again < 2 && !collected; again++) {
      collected = fine(ww_collect(tracker, &dirty));
      if (collected) {
        for (unsigned i = 0; i < AREAS; i++)
          expect(!region[i] || (holds(dirty, memory[i]) && holds(dirty, memory[i] + 2 * page)),
                 "a write was lost");
        int asked = region[0] ? ww_dirty_writer(dirty, memory[0], &writer) : 0;
        fine(asked == -ENOENT ? 0 : asked);
        ww_dirty_free(dirty);
      }
    }
    expect(!started || collected, "the second try failed too");
  }
  expect(!ww_tracker_stats(tracker, &stats), "no figures");
  if (region[0])
    fine(ww_region_remove(region[0]));
  if (started)
    fine(ww_stop(tracker));
  ww_tracker_destroy(tracker);
}

int
main(void)
{
  char *memory[AREAS];
  long count;
  page = (size_t)sysconf(_SC_PAGESIZE);
  for (unsigned i = 0; i < AREAS; i++)
    memory[i] = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  scenario(memory);
  count = calls;
  ok(!fault && !failures, "nothing fails: %ld calls%s%s", count, fault ? ": " : "", fault ? fault : "");
  long wrong = 0, unnoticed = 0, tried = 0;
  /* Faults one by one are all alike: after the first ones, one in 97. */
  for (long n = 1; n <= count; n += n < 120 || n > count - 120 ? 1 : 97, tried++) {
    fail_at = n;
    calls = 0;
    failures = 0;
    fault = NULL;
    scenario(memory);
    if (fault && ++wrong < 10)
      printf("# call %ld fails: %s\n", n, fault);
    unnoticed += !failures;
    fail_at = 0;
    /* Whatever failed: all must be writable in the end. */
    for (unsigned i = 0; i < AREAS; i++)
      mprotect(memory[i], PAGES * page, PROT_READ | PROT_WRITE);
  }
  ok(!wrong, "%ld places of failure tried, %ld of them absorbed", tried, unnoticed);
  return tap_done();
}
