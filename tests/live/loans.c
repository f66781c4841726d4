/* loans.c - memory lent to the kernel, hammered: threads lend pages, let the kernel write to
 * them (all of what was lent, some of it, or nothing), write to others of their own by
 * themselves, and another thread collects without pause and copies what it is told of. No
 * call may fail or come back short, and at each quiet point the copy must equal the memory.
 *
 * The loans are made by hand (loan.h), not by the shield's trap, so that ThreadSanitizer can
 * look on: it does not live with a process whose system calls are trapped. That is why the
 * library's own functions for the shield are replaced at link time. */
#include "config.h"
#include "../tap.h"
#include "loan.h"
#include "raw.h"
#include "writewatch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 3, PAGES = 96, CALLS_A_TURN = 60, SOURCE = 64 * 1024 };

int __wrap_shield_prepare(void);
int __wrap_shield_cover(const struct ww_region *region);

int
__wrap_shield_prepare(void)
{
  return 0;
}

int
__wrap_shield_cover(const struct ww_region *region)
{
  (void)region;
  return 0;
}

static size_t page_size;
static char *memory, *copy;          /* watched; what the collector made of it */
static int source;                   /* random bytes */
static uint64_t seed;
static _Atomic bool end;
static _Atomic unsigned busy, failures, pages_returned;
static pthread_barrier_t turn;

static double
seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* As the trap has it: all but SIGSEGV held off. */
static void
hold_signals(void)
{
  sigset_t all;
  sigfillset(&all);
  sigdelset(&all, SIGSEGV);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
}

/* Lends `lent` bytes and has the kernel write the first `written` of them. */
static void
let_the_kernel_write(char *at, size_t lent, size_t written, off_t from)
{
  struct loan loan;
  struct range range = { (uintptr_t)at, (uintptr_t)at + lent };
  loan_begin(&loan, &range, 1, (uintptr_t)__builtin_frame_address(0));
  long result = written ? raw_call(SYS_pread64, source, (long)at, (long)written, from, 0, 0) : 0;
  loan_end(&loan);
  if (result != (long)written) {
    atomic_fetch_add(&failures, 1);
    printf("# a read of %zu bytes into %zu lent ones at %p: %ld\n", written, lent, (void *)at, result);
  }
}

/* The pages of a thread are its own, so that the test has no race of its own; a loan may
 * reach over the neighbour's. */
static void *
work(void *argument)
{
  unsigned number = (unsigned)(uintptr_t)argument;
  size_t own = PAGES / THREADS * page_size;
  char *begin = memory + number * own;
  uint64_t state = seed * 1000 + number;
  hold_signals();
  for (;;) {
    pthread_barrier_wait(&turn);
    if (atomic_load(&end))
      return NULL;
    for (unsigned i = 0; i < CALLS_A_TURN; i++) {
      uint64_t draw = tap_random(&state);
      size_t offset = (draw >> 8) % own, rest = own - offset;
      size_t written = (draw >> 32) % (3 * page_size) % (rest + 1);
      switch (draw & 3) {
      case 0:
        for (size_t at = offset; at < offset + written; at += page_size / 4)
          ((volatile char *)begin)[at] = (char)(draw >> 56);
        break;
      case 1:
        let_the_kernel_write(begin + offset, written + 1, 0, 0);
        break;
      case 2:
        /* Far more is lent than is written; also the neighbour's. */
        let_the_kernel_write(begin + offset, (size_t)(memory + PAGES * page_size - begin) - offset,
                             written % 99,
                             (off_t)(draw >> 48));
        break;
      default:
        let_the_kernel_write(begin + offset, written, written, (off_t)(draw >> 48));
      }
    }
    atomic_fetch_sub(&busy, 1);
    pthread_barrier_wait(&turn);
  }
}

/* Races with the writers by design: what it tears is returned again. */
#if defined(__SANITIZE_THREAD__)
__attribute__((no_sanitize("thread")))
#endif
static void
copy_words(char *to, const char *from, size_t length)
{
  volatile uint64_t *target = (void *)to;
  const volatile uint64_t *words = (const void *)from;
  for (size_t i = 0; i < length / sizeof *target; i++)
    target[i] = words[i];
}

static size_t
collect_and_copy(ww_tracker *tracker)
{
  ww_dirty *dirty;
  size_t count, pages;
  if (ww_collect(tracker, &dirty)) {
    ok(false, "ww_collect: %s", ww_last_error());
    exit(1);
  }
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < count; i++)
    copy_words(copy + ((char *)run[i].address - memory), run[i].address, run[i].length);
  pages = ww_dirty_pages(dirty);
  if (ww_dirty_count(dirty, WW_ASSUMED))
    atomic_fetch_add(&failures, 1);
  atomic_fetch_add(&pages_returned, (unsigned)pages);
  ww_dirty_free(dirty);
  return pages;
}

static void
test_hammer(ww_tracker *tracker, double duration)
{
  pthread_t thread[THREADS];
  unsigned turns = 0, collects = 0, different = 0, idle = 0;
  pthread_barrier_init(&turn, NULL, THREADS + 1);
  for (uintptr_t i = 0; i < THREADS; i++)
    pthread_create(&thread[i], NULL, work, (void *)i);
  for (double until = seconds() + duration; seconds() < until && !different; turns++) {
    atomic_store(&busy, THREADS);
    pthread_barrier_wait(&turn);
    for (; atomic_load(&busy); collects++)
      collect_and_copy(tracker);
    pthread_barrier_wait(&turn);
    collect_and_copy(tracker);
    for (size_t page = 0; page < PAGES; page++)
      if (memcmp(memory + page * page_size, copy + page * page_size, page_size)) {
        printf("# turn %u: page %zu changed and was not returned\n", turns, page);
        different++;
      }
    idle += collect_and_copy(tracker) != 0;
  }
  atomic_store(&end, true);
  pthread_barrier_wait(&turn);
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join(thread[i], NULL);
  ok(!different, "the copy equals the memory at %u quiet points, %u collects between them", turns, collects);
  ok(!idle, "an epoch in which nothing is written returns nothing");
  ok(atomic_load(&pages_returned) > turns, "pages were returned: %u", atomic_load(&pages_returned));
}

static void
test_lent_in_vain(ww_tracker *tracker)
{
  struct ww_stats before = { .size = sizeof before }, after = before;
  let_the_kernel_write(memory, 20 * page_size, 0, 0);
  ww_tracker_stats(tracker, &before);
  ok(!collect_and_copy(tracker), "pages that were lent and not written are not returned");
  ww_tracker_stats(tracker, &after);
  ok(after.unchanged_pages - before.unchanged_pages == 20, "they are counted: %llu",
     (unsigned long long)(after.unchanged_pages - before.unchanged_pages));
  let_the_kernel_write(memory + 5 * page_size - 10, 20 * page_size, 30, 0);
  ok(collect_and_copy(tracker) == 2, "of those that were lent two were written");
}

/* A loan that lasts: collects neither arm its pages nor forget them. */
static void
test_lasting(ww_tracker *tracker)
{
  struct loan loan;
  struct range range = { (uintptr_t)memory + 100, (uintptr_t)memory + 3 * page_size };
  loan_begin(&loan, &range, 1, (uintptr_t)__builtin_frame_address(0));
  bool well = !collect_and_copy(tracker) && !collect_and_copy(tracker);
  ok(well, "two collects while it lasts return nothing");
  long got = raw_call(SYS_pread64, source, (long)memory + 100, 2 * (long)page_size, 77, 0, 0);
  ok(got == 2 * (long)page_size && collect_and_copy(tracker) == 3, "what is written then is returned: %ld",
     got);
  loan_end(&loan);
  ok(!collect_and_copy(tracker), "... once");
  got = raw_call(SYS_pread64, source, (long)memory + 100, 10, 0, 0, 0);
  ok(got == -14 /* EFAULT */, "after it the pages are armed: %ld", got);
}

int
main(int argc, char **argv)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *tracker;
  seed = tap_seed(argc, argv, (uint64_t)time(NULL));
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  memory = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  copy = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  source = memfd_create("random", 0);
  uint64_t state = seed, words[SOURCE / 8];
  for (size_t i = 0; i < SOURCE / 8; i++)
    words[i] = tap_random(&state);
  for (unsigned i = 0; i < 3; i++)
    if (write(source, words, sizeof words) != sizeof words)
      return 1;
  options.flags = WW_SHIELD;
  if (ww_tracker_create(&tracker, &options) || ww_region_add(tracker, "lent", memory, PAGES * page_size, NULL)
      || ww_start(tracker)) {
    printf("Bail out! %s\n", ww_last_error());
    return 1;
  }
  test_lent_in_vain(tracker);
  test_lasting(tracker);
  test_hammer(tracker, 8);
  ok(!atomic_load(&failures), "every call wrote what it should, and nothing was assumed");
  ww_tracker_destroy(tracker);
  return tap_done();
}
