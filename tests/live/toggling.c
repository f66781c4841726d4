/* toggling.c - content that changes and changes back. Pages that are open are compared by their hashes,
 * so who copies a page while it is being written may copy what comes and goes between two looks: A at
 * the collect, B when it is copied, A at the next collect. ww_dirty_copy() is made for that; memcpy() is
 * seen to lose it, or this test is blind. Linked with --wrap=cost_of, so that pages are kept soon. */
#include "config.h"
#include "../tap.h"
#include "cost.h"
#include "loan.h"
#include "writewatch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 256, WRITERS = 3, TOGGLES_A_TURN = 400 };

struct cost __wrap_cost_of(enum ww_engine engine);

struct cost
__wrap_cost_of(enum ww_engine engine)
{
  (void)engine;
  return (struct cost){ .trap = 10000, .split = 0, .verify = 200 };
}

static char *memory, *copied;
static size_t page_size;
static uint64_t seed;
static ww_tracker *tracker;

static void
begin(void)
{
  struct ww_options options = WW_OPTIONS_INIT;
  options.engine = WW_ENGINE_MPROTECT;
  options.policy = WW_POLICY_ADAPTIVE;
  memset(memory, 0, PAGES * page_size);
  if (ww_tracker_create(&tracker, &options)
      || ww_region_add(tracker, "toggled", memory, PAGES * page_size, NULL)
      || ww_start(tracker)) {
    printf("Bail out! %s\n", ww_last_error());
    exit(1);
  }
}

static volatile char *
byte_of(size_t page)
{
  return memory + page * page_size + 99;
}

static bool
copy_page(const ww_dirty *dirty, size_t page, bool plainly)
{
  size_t at = page * page_size;
  if (!plainly)
    return !ww_dirty_copy(dirty, memory + at, page_size, copied + at);
  memcpy(copied + at, memory + at, page_size);
  return true;
}

static ww_dirty *
collect(void)
{
  ww_dirty *dirty;
  if (ww_collect(tracker, &dirty)) {
    printf("Bail out! %s\n", ww_last_error());
    exit(1);
  }
  return dirty;
}

static bool
holds(const ww_dirty *dirty, size_t page)
{
  size_t count;
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < count; i++)
    if (memory + page * page_size >= (char *)run[i].address
        && memory + page * page_size < (char *)run[i].address + run[i].length)
      return true;
  return false;
}

static uint64_t
kept(void)
{
  struct ww_stats stats = { .size = sizeof stats };
  ww_tracker_stats(tracker, &stats);
  return stats.kept_pages;
}

/* After that all pages are kept; B is 1, A is what they hold. */
static void
warm_up(void)
{
  for (unsigned epoch = 0; epoch < 20; epoch++) {
    for (size_t page = 0; page < PAGES; page++)
      ++*byte_of(page);
    ww_dirty_free(collect());
  }
}

/* A at the collect, B when it is copied, A afterwards: is it in the next collect? */
static void
toggle_kept(bool plainly)
{
  size_t lost = 0;
  begin();
  warm_up();
  ok(kept() == PAGES, "%llu pages are kept", (unsigned long long)kept());
  for (size_t page = 0; page < PAGES; page++)
    *byte_of(page) = 'A';
  ww_dirty *dirty = collect(), *next;
  for (size_t page = 0; page < PAGES; page++) {
    *byte_of(page) = 'B';
    copy_page(dirty, page, plainly);
    *byte_of(page) = 'A';
  }
  next = collect();
  for (size_t page = 0; page < PAGES; page++)
    lost += !holds(next, page) && copied[page * page_size + 99] != 'A';
  ok(plainly ? lost == PAGES : !lost, "kept pages, copied by %s: %zu of %d lost",
     plainly ? "memcpy(), which must lose them" : "ww_dirty_copy()", lost, PAGES);
  ww_dirty_free(next);
  ww_dirty_free(dirty);
  ww_tracker_destroy(tracker);
}

/* The same where the page is open because it was given up, or opened ahead, or lent: provisional. */
static void
toggle_provisional(bool plainly, bool lent)
{
  size_t lost = 0, opened = 0;
  begin();
  ww_dirty *dirty = collect(), *next;
  struct loan loan;
  struct range range = { (uintptr_t)memory, (uintptr_t)memory + PAGES * page_size };
  struct ww_stats stats = { .size = sizeof stats };
  if (lent)
    loan_begin(&loan, &range, 1, (uintptr_t)__builtin_frame_address(0));
  for (size_t page = 0; page < PAGES; page++) {
    ww_tracker_stats(tracker, &stats);
    uint64_t faults = stats.faults;
    *byte_of(page) = 'B';
    ww_tracker_stats(tracker, &stats);
    bool was_open = stats.faults == faults;
    copy_page(dirty, page, plainly);
    *byte_of(page) = 0;
    copied[page * page_size] = was_open;
    opened += was_open;
  }
  if (lent)
    loan_end(&loan);
  next = collect();
  for (size_t page = 0; page < PAGES; page++)
    lost += !holds(next, page) && copied[page * page_size + 99] != 0;
  ok(opened > 100 && (plainly ? lost > 0 && lost <= opened : !lost),
     "%s pages, copied by %s: %zu of %zu lost", lent ? "lent" : "ahead",
     plainly ? "memcpy(), which must lose them" : "ww_dirty_copy()", lost, opened);
  ww_dirty_free(next);
  ww_dirty_free(dirty);
  ww_tracker_destroy(tracker);
}

/* ---------------------------------------------------------------- hammered */

static _Atomic bool end;
static _Atomic unsigned busy;
static pthread_barrier_t turn;

/* Each has bytes of its own, of two values. Sometimes nothing is written, so that pages are given up. */
static void *
toggle(void *argument)
{
  unsigned number = (unsigned)(uintptr_t)argument;
  uint64_t state = seed * 1000 + number;
  for (;;) {
    pthread_barrier_wait(&turn);
    if (atomic_load(&end))
      return NULL;
    uint64_t few = tap_random(&state) % 8 ? PAGES : 4;
    for (unsigned i = 0; i < TOGGLES_A_TURN; i++) {
      uint64_t draw = tap_random(&state);
      volatile char *byte = memory + (draw >> 8) % few * page_size + number;
      *byte = !*byte;
      for (unsigned spin = draw % 256; spin; spin--)
        atomic_signal_fence(memory_order_seq_cst);
      if (draw >> 40 & 3)
        *byte = !*byte;
    }
    atomic_fetch_sub(&busy, 1);
    pthread_barrier_wait(&turn);
  }
}

static void
collect_and_copy(void)
{
  size_t count;
  ww_dirty *dirty = collect();
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < count; i++)
    ww_dirty_copy(dirty, run[i].address, run[i].length, copied + ((char *)run[i].address - memory));
  ww_dirty_free(dirty);
}

static void
hammer(double duration)
{
  pthread_t thread[WRITERS];
  struct timespec now;
  unsigned turns = 0, collects = 0, lost = 0;
  struct ww_stats stats = { .size = sizeof stats };
  begin();
  memset(copied, 0, PAGES * page_size);
  pthread_barrier_init(&turn, NULL, WRITERS + 1);
  for (uintptr_t i = 0; i < WRITERS; i++)
    pthread_create(&thread[i], NULL, toggle, (void *)i);
  clock_gettime(CLOCK_MONOTONIC, &now);
  double until = (double)now.tv_sec + (double)now.tv_nsec / 1e9 + duration;
  for (; !lost && (double)now.tv_sec + (double)now.tv_nsec / 1e9 < until; turns++) {
    atomic_store(&busy, WRITERS);
    pthread_barrier_wait(&turn);
    for (; atomic_load(&busy); collects++)
      collect_and_copy();
    pthread_barrier_wait(&turn);
    collect_and_copy();
    for (size_t page = 0; page < PAGES; page++)
      if (memcmp(memory + page * page_size, copied + page * page_size, page_size)) {
        printf("# turn %u: page %zu changed and was not returned\n", turns, page);
        lost++;
      }
    clock_gettime(CLOCK_MONOTONIC, &now);
  }
  atomic_store(&end, true);
  pthread_barrier_wait(&turn);
  for (unsigned i = 0; i < WRITERS; i++)
    pthread_join(thread[i], NULL);
  ww_tracker_stats(tracker, &stats);
  ok(!lost && turns, "toggled by %d threads: the copy equals the memory at %u quiet points, %u collects "
     "between them", WRITERS, turns, collects);
  ok(stats.verified_pages > stats.faults && stats.unchanged_pages > 0, "%llu pages verified, %llu of them "
     "unchanged", (unsigned long long)stats.verified_pages, (unsigned long long)stats.unchanged_pages);
  ww_tracker_destroy(tracker);
}

int
main(int argc, char **argv)
{
  seed = tap_seed(argc, argv, (uint64_t)time(NULL));
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  memory = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  copied = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int plainly = 0; plainly < 2; plainly++) {
    toggle_kept(plainly);
    toggle_provisional(plainly, false);
    toggle_provisional(plainly, true);
  }
  hammer(8);
  return tap_done();
}
