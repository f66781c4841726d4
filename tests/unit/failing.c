/* failing.c - the Nth mapping or protecting fails, for every N: an error return, never
 * a crash, and never a lost write. Linked with --wrap=os_map, --wrap=os_protect; and with
 * --wrap=cost_of, so that the adaptive policy does the same each time. */
#include "config.h"
#include "../engine.h"
#include "../tap.h"
#include "cost.h"
#include "loan.h"
#include "os.h"
#include "writewatch.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGES = 4200, AREAS = 3, LENT = 4100 };    /* faults for a log that is handed over, not copied */

void *__real_os_map(size_t length);
int __real_os_protect(uintptr_t address, size_t length, int protection);
void *__wrap_os_map(size_t length);
int __wrap_os_protect(uintptr_t address, size_t length, int protection);
struct cost __wrap_cost_of(enum ww_engine engine);

struct cost
__wrap_cost_of(enum ww_engine engine)
{
  (void)engine;
  return (struct cost){ .trap = 5000, .split = 1000, .verify = 200 };
}

static long calls, fail_at;           /* 0: none fails */
static bool collecting, once_more;     /* the next call, which is the other way to do it, fails too */

static bool
fails(void)
{
  bool one = ++calls == fail_at || (collecting && once_more);
  once_more = calls == fail_at && collecting;
  return one;
}

void *
__wrap_os_map(size_t length)
{
  return fails() ? NULL : __real_os_map(length);
}

int
__wrap_os_protect(uintptr_t address, size_t length, int protection)
{
  return fails() ? -ENOMEM : __real_os_protect(address, length, protection);
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
scenario(char *const *memory, enum ww_policy policy)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *tracker = NULL;
  ww_region *region[AREAS] = { NULL };
  ww_dirty *dirty;
  struct ww_writer writer;
  struct ww_stats stats = { .size = sizeof stats };
  options.policy = policy;
  options.stack_depth = ww_has_stacks() && engine_has_writers() ? 4 : 0;
  if (!fine(ww_tracker_create(&tracker, &options))) {
    expect(!tracker, "an output was set by a call that failed");
    return;
  }
  for (unsigned i = 0; i < AREAS - 1; i++)
    fine(ww_region_add(tracker, "area", memory[i], PAGES * page, &region[i]));
  bool started = fine(ww_start(tracker));
  fine(ww_region_add(tracker, "late", memory[2], PAGES * page, &region[2]));
  /* Adaptive: in the last ones many pages are kept, so that they are looked at. */
  unsigned turns = policy == WW_POLICY_ADAPTIVE ? 4 : 2;
  for (unsigned turn = 0; turn < turns; turn++) {
    for (unsigned i = 0; i < AREAS; i++)
      for (size_t at = 0; at < (turn % 2 ? 3 : i ? 50 : PAGES); at++)
        memory[i][at * page] = (char)(at + turn + 1);
    /* Lent, so open and hashed all the while: what a failed collect gives back is in it. */
    struct range range[AREAS];
    struct loan loan;
    for (unsigned i = 0; i < AREAS; i++)
      range[i] = (struct range){ (uintptr_t)memory[i] + LENT * page,
                                 (uintptr_t)memory[i] + (LENT + 1) * page };
    if (policy == WW_POLICY_ADAPTIVE) {
      loan_begin(&loan, range, AREAS, (uintptr_t)__builtin_frame_address(0));
      for (unsigned i = 0; i < AREAS; i++)
        memory[i][LENT * page]++;
    }
    if (started)
      fine(ww_touch(tracker, memory[0] + 100 * page, 10 * page));
    bool collected = false;
    for (unsigned again = 0; started && again < 2 && !collected; again++) {
      collecting = true;
      once_more = false;
      collected = fine(ww_collect(tracker, &dirty));
      collecting = false;
      if (collected) {
        for (unsigned i = 0; i < AREAS; i++)
          expect(!region[i] || (holds(dirty, memory[i]) && holds(dirty, memory[i] + 2 * page)),
                 "a write was lost");
        for (unsigned i = 0; i < AREAS; i++)
          expect(policy != WW_POLICY_ADAPTIVE || !region[i] || holds(dirty, memory[i] + LENT * page),
                 "a write to lent memory was lost");
        int asked = region[0] ? ww_dirty_writer(dirty, memory[0], &writer) : 0;
        fine(asked == -ENOENT ? 0 : asked);
        ww_dirty_free(dirty);
      }
    }
    if (policy == WW_POLICY_ADAPTIVE)
      loan_end(&loan);
    expect(!started || collected, "the second try failed too");
  }
  expect(!ww_tracker_stats(tracker, &stats), "no figures");
  if (region[0])
    fine(ww_region_remove(region[0]));
  if (started)
    fine(ww_stop(tracker));
  ww_tracker_destroy(tracker);
}

static void
try_policy(char *const *memory, enum ww_policy policy, const char *name)
{
  long count;
  calls = fail_at = 0;
  failures = 0;
  fault = NULL;
  /* Once before: what is measured and made once a process does not count. */
  scenario(memory, policy);
  calls = 0;
  scenario(memory, policy);
  count = calls;
  ok(!fault && !failures, "%s: nothing fails: %ld calls%s%s", name, count, fault ? ": " : "", fault
     ? fault : "");
  long wrong = 0, unnoticed = 0, tried = 0;
  /* Faults one by one are all alike: after the first ones, one in 97. */
  for (long n = 1; n <= count; n += policy == WW_POLICY_ADAPTIVE || n < 120 || n > count - 120 ? 1 : 97,
       tried++) {
    fail_at = n;
    calls = 0;
    failures = 0;
    fault = NULL;
    scenario(memory, policy);
    if (fault && ++wrong < 10)
      printf("# call %ld fails: %s\n", n, fault);
    unnoticed += !failures;
    fail_at = 0;
    /* Whatever failed: all must be writable in the end. */
    for (unsigned i = 0; i < AREAS; i++)
      mprotect(memory[i], PAGES * page, PROT_READ | PROT_WRITE);
  }
  ok(!wrong, "%s: %ld places of failure tried, %ld of them absorbed", name, tried, unnoticed);
}

int
main(void)
{
  char *memory[AREAS];
  page = (size_t)sysconf(_SC_PAGESIZE);
  for (unsigned i = 0; i < AREAS; i++)
    memory[i] = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  try_policy(memory, WW_POLICY_TRAP, "trapped");
  try_policy(memory, WW_POLICY_ADAPTIVE, "adaptive");
  return tap_done();
}
