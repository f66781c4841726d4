/* stacks.c - who wrote: thread, time, order and call stack of the first writer; and that
 * the handler allocates nothing to find out, not even while the heap itself is tracked. */
#include "config.h"
#include "../engine.h"
#include "../tap.h"
#include "writewatch.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
# define SANITIZED 1
#else
# define SANITIZED 0
#endif

static size_t page;
static char *memory;
enum { PAGES = 600 };

/* --- calls to malloc while faults are taken: this program's own malloc counts them */

static _Thread_local volatile bool counting;
static _Atomic unsigned allocations;

#if !SANITIZED
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *
malloc(size_t size)
{
  allocations += counting;
  return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
  allocations += counting;
  return __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
  allocations += counting;
  return __libc_realloc(old, size);
}
#endif

/* --- writers that can be told apart */

#if defined(__clang__)
# define KEPT_APART __attribute__((noinline))
#else
# define KEPT_APART __attribute__((noinline, noclone))
#endif

KEPT_APART static void
first_writer(volatile char *at)
{
  *at = 1;
  __asm__ volatile("" ::: "memory");
}

KEPT_APART static void
second_writer(volatile char *at)
{
  *at = 2;
  __asm__ volatile("" ::: "memory");
}

KEPT_APART static void
nest(volatile char *at, unsigned depth, void (*writer)(volatile char *))
{
  if (depth)
    nest(at, depth - 1, writer);
  else
    writer(at);
  __asm__ volatile("" ::: "memory");
}

static bool
within(const void *address, void (*function)(volatile char *))
{
  return (uintptr_t)address >= (uintptr_t)function && (uintptr_t)address < (uintptr_t)function + 200;
}

static void
known_writers(ww_tracker *tracker)
{
  ww_dirty *dirty;
  struct ww_writer one, two, three;
  first_writer(memory + 3 * page);
  nest(memory + page, 4, second_writer);
  for (volatile unsigned i = 0; i < 2; i++)     /* volatile: one call, not an unrolled two */
    first_writer(memory + (5 + i) * page);
  first_writer(memory + 3 * page);              /* not the first any more */
  second_writer(memory + 5 * page);
  if (ww_collect(tracker, &dirty) || ww_dirty_writer(dirty, memory + 3 * page, &one)
      || ww_dirty_writer(dirty, memory + page, &two) || ww_dirty_writer(dirty, memory + 5 * page, &three)) {
    ok(false, "the writers of three pages: %s", ww_last_error());
    return;
  }
  ok(one.order == 0 && two.order == 1 && three.order == 2, "order");
  ok(one.time <= two.time && two.time <= three.time && three.time <= ww_dirty_end(dirty)
     && one.time >= ww_dirty_begin(dirty), "time: %llu <= %llu <= %llu ns of an epoch of %llu-%llu",
     (unsigned long long)one.time, (unsigned long long)two.time, (unsigned long long)three.time,
     (unsigned long long)ww_dirty_begin(dirty), (unsigned long long)ww_dirty_end(dirty));
  ok(one.thread == getpid() && two.thread == getpid(), "thread");
  if (!ww_has_stacks())
    skip("frames", "built without libunwind");
  else {
    ok(one.depth >= 3 && within(one.frames[0], first_writer), "frame 0 is the instruction that wrote");
    ok(two.depth >= 7 && within(two.frames[0], second_writer), "and under calls as well (%u frames)",
       two.depth);
    bool nested = two.depth >= 7;
    for (unsigned i = 1; nested && i <= 5; i++)
      nested = (uintptr_t)two.frames[i] > (uintptr_t)nest && (uintptr_t)two.frames[i] < (uintptr_t)nest + 300;
    ok(nested, "the five calls of nest() above it, none of the handler's own");
    struct ww_writer four;
    ok(!ww_dirty_writer(dirty, memory + 6 * page, &four) && four.stack == three.stack
       && four.stack != one.stack
       && three.stack != two.stack, "the same stack has the same number");
  }
  ww_dirty_free(dirty);
}

static void *
write_a_page(void *at)
{
  first_writer(at);
  return (void *)syscall(SYS_gettid);
}

static void
other_thread(ww_tracker *tracker)
{
  pthread_t thread;
  void *id;
  ww_dirty *dirty;
  struct ww_writer writer;
  pthread_create(&thread, NULL, write_a_page, memory + 9 * page);
  pthread_join(thread, &id);
  if (ok(!ww_collect(tracker, &dirty) && !ww_dirty_writer(dirty, memory + 9 * page, &writer),
         "another thread"))
    ok(writer.thread == (int32_t)(uintptr_t)id
       && (!ww_has_stacks() || within(writer.frames[0], first_writer)),
       "is named, with its own stack");
  ww_dirty_free(dirty);
}

/* A stack of its own for each depth: more than the table may hold. */
static void
bounded(void)
{
  struct ww_options options = WW_OPTIONS_INIT;
  struct ww_stats stats = { .size = sizeof stats };
  ww_tracker *tracker;
  ww_dirty *dirty;
  options.stack_depth = WW_STACK_MAX;
  options.stack_limit = 20;
  if (!ww_has_stacks()) {
    skip("a full table", "built without libunwind");
    return;
  }
  ww_tracker_create(&tracker, &options);
  ww_region_add(tracker, "bounded", memory, PAGES * page, NULL);
  ww_start(tracker);
  for (unsigned i = 0; i < 50; i++)
    nest(memory + i * page, i, first_writer);
  ww_collect(tracker, &dirty);
  ww_tracker_stats(tracker, &stats);
  ok(stats.stacks == 20 && stats.stacks_dropped == 30, "a full table: %llu kept, %llu dropped and counted",
     (unsigned long long)stats.stacks, (unsigned long long)stats.stacks_dropped);
  struct ww_writer writer;
  ok(ww_dirty_pages(dirty) == 50 && !ww_dirty_writer(dirty, memory + 49 * page, &writer) && writer.stack == 0
     && writer.depth == 0, "and the pages are there all the same, without a stack");
  ww_dirty_free(dirty);
  ww_tracker_destroy(tracker);
}

static void
nothing_allocated(ww_tracker *tracker)
{
  ww_dirty *dirty;
  if (SANITIZED) {
    skip("the handler allocates nothing", "a sanitizer's allocator is in the way");
    return;
  }
  free(malloc(1));
  counting = true;
  for (unsigned i = 0; i < PAGES; i++)
    nest(memory + i * page, i % 40, i & 1 ? first_writer : second_writer);
  int error = ww_collect(tracker, &dirty);
  counting = false;
  ok(!error && ww_dirty_pages(dirty) == PAGES && !allocations,
     "%u faults and a collect allocate nothing (%u calls)",
     PAGES, allocations);
  ww_dirty_free(dirty);
  counting = true;
  void *volatile seen = malloc(10);
  counting = false;
  ok(allocations == 1, "and the count does count");
  free(seen);
}

/* The heap of malloc() as a region, with stacks: neither the handler nor the unwinder
 * may write to it. */
static void
tracked_heap(void)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *tracker;
  ww_dirty *dirty;
  char *blocks[400], *probe = malloc(100), *top = sbrk(0);
  size_t total = 0;
  if (SANITIZED || probe > top || top - probe > (64 << 20)) {
    free(probe);
    skip("the heap as a region", "malloc's heap is not at the break here");
    return;
  }
  options.stack_depth = ww_has_stacks() ? 16 : 0;
  ww_tracker_create(&tracker, &options);
  uintptr_t start = (uintptr_t)probe & ~(page - 1);
  int error = ww_region_add(tracker, "heap", (void *)start, (uintptr_t)top - start, NULL);
  ok(!error && !ww_start(tracker), "the heap as a region %s", error ? ww_last_error() : "");
  for (unsigned turn = 0; turn < 20; turn++) {
    for (unsigned i = 0; i < 400; i++) {
      blocks[i] = malloc(64 + i);
      memset(blocks[i], (int)i, 64 + i);
    }
    for (unsigned i = 0; i < 400; i++)
      free(blocks[i]);
    error |= ww_collect(tracker, &dirty);
    total += ww_dirty_pages(dirty);
    ww_dirty_free(dirty);
  }
  ok(!error && total >= 20, "20 epochs of malloc() and free(), %zu dirty pages", total);
  error = ww_collect(tracker, &dirty);
  ww_dirty_free(dirty);
  error |= ww_collect(tracker, &dirty);
  ok(!error && ww_dirty_pages(dirty) == 0, "collecting and freeing a set dirties nothing");
  ww_dirty_free(dirty);
  ww_tracker_destroy(tracker);
  free(probe);
}

/* A signal stack so small that the handler fits and the unwinder does not. */
static void
small_signal_stack(ww_tracker *tracker)
{
  struct ww_stats stats = { .size = sizeof stats };
  ww_dirty *dirty;
  size_t size = (size_t)sysconf(_SC_MINSIGSTKSZ) + 9 * 1024;
  stack_t small = { .ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                    .ss_size = size }, old;
  if (SANITIZED || !ww_has_stacks()) {
    skip("a small signal stack", "no stacks, or a sanitizer's larger frames");
    return;
  }
  ww_tracker_stats(tracker, &stats);
  uint64_t before = stats.stacks_dropped;
  sigaltstack(&small, &old);
  first_writer(memory + 11 * page);
  sigaltstack(&old, NULL);
  ww_tracker_stats(tracker, &stats);
  ok(!ww_collect(tracker, &dirty) && ww_dirty_pages(dirty) == 1 && stats.stacks_dropped == before + 1,
     "a small signal stack: the page without its stack, and counted");
  ww_dirty_free(dirty);
}

/* During fork() the unwinder is not asked: its lock must be free in the child. Handlers
 * registered before the tracker's run after it in the parent. */
static volatile char *written_by_fork;

static void
before_fork(void)
{
  if (written_by_fork)
    *written_by_fork = 3;
}

static void
during_fork(ww_tracker *tracker)
{
  struct ww_stats stats = { .size = sizeof stats };
  struct ww_writer writer, after;
  ww_dirty *dirty;
  int status = -1;
  ww_tracker_stats(tracker, &stats);
  uint64_t before = stats.stacks_dropped;
  written_by_fork = memory + 20 * page;
  pid_t child = fork();
  if (child == 0)
    _exit(0);
  written_by_fork = NULL;
  first_writer(memory + 21 * page);
  waitpid(child, &status, 0);
  ww_tracker_stats(tracker, &stats);
  bool both = !ww_collect(tracker, &dirty) && !ww_dirty_writer(dirty, memory + 20 * page, &writer)
    && !ww_dirty_writer(dirty, memory + 21 * page, &after);
  ok(both && status == 0 && writer.depth == 0 && (!ww_has_stacks() || stats.stacks_dropped == before + 1),
     "a write during fork() is logged without a stack");
  ok(both && (!ww_has_stacks() || after.depth > 0), "and one after it with");
  ww_dirty_free(dirty);
}

int
main(void)
{
  if (!engine_has_writers()) {
    skip("stacks of writers", ENGINE_NO_WRITERS);
    return tap_done();
  }
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *tracker;
  page = (size_t)sysconf(_SC_PAGESIZE);
  memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  options.stack_depth = ww_has_stacks() ? WW_STACK_MAX : 0;
  pthread_atfork(before_fork, NULL, NULL);
  if (!ok(!ww_tracker_create(&tracker, &options)
          && !ww_region_add(tracker, "memory", memory, PAGES * page, NULL)
          && !ww_start(tracker), "started"))
    return tap_done();
  known_writers(tracker);
  other_thread(tracker);
  small_signal_stack(tracker);
  nothing_allocated(tracker);
  during_fork(tracker);
  ww_tracker_destroy(tracker);
  bounded();
  tracked_heap();
  return tap_done();
}
