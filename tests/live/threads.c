/* threads.c - a region that holds what a thread cannot do without is refused, and the
 * refusal names the thread; one beside it is accepted, and the thread lives on. */
#include "config.h"
#include "../tap.h"
#include "writewatch.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static size_t page;
static ww_tracker *tracker;
static char *tracked;                /* one page of a region, in other memory */

/* A thread that writes to the tracked page when it is told to, and ends when it is told to. */
struct thread {
  pthread_t handle;
  _Atomic int id, rounds, wanted;    /* wanted: -1 ends it */
  const char *name;
  uintptr_t local, stack;            /* an address of each */
};

static _Thread_local volatile int local;

static long
wait_for(_Atomic int *word, int old)
{
  return syscall(SYS_futex, word, FUTEX_WAIT, old, NULL, NULL, 0);
}

static void
wake(_Atomic int *word)
{
  syscall(SYS_futex, word, FUTEX_WAKE, 100, NULL, NULL, 0);
}

static void *
live(void *argument)
{
  struct thread *thread = argument;
  volatile char here = 0;
  int done = 0, wanted;
  prctl(PR_SET_NAME, thread->name);
  thread->local = (uintptr_t)&local;
  thread->stack = (uintptr_t)&here;
  thread->id = (int)syscall(SYS_gettid);
  wake(&thread->id);
  while ((wanted = thread->wanted) >= 0) {
    if (wanted == done) {
      wait_for(&thread->wanted, wanted);
      continue;
    }
    done = wanted;
    local++;
    ((volatile char *)tracked)[0]++;
    thread->rounds = done;
    wake(&thread->rounds);
  }
  return NULL;
}

static void
await_birth(struct thread *thread)
{
  while (!thread->id)
    wait_for(&thread->id, 0);
}

/* Several epochs in which the thread writes: the tracked page is returned in each. */
static bool
lives_on(struct thread *thread)
{
  for (int round = 1; round <= 3; round++) {
    ww_dirty *dirty;
    int before = thread->rounds;
    bool found = false;
    atomic_fetch_add(&thread->wanted, 1);
    wake(&thread->wanted);
    while (thread->rounds == before)
      wait_for(&thread->rounds, before);
    if (ww_collect(tracker, &dirty) != 0)
      return false;
    size_t count;
    const struct ww_run *runs = ww_dirty_runs(dirty, &count);
    for (size_t i = 0; i < count; i++)
      found |= (uintptr_t)tracked - (uintptr_t)runs[i].address < runs[i].length;
    ww_dirty_free(dirty);
    if (!found)
      return false;
  }
  return true;
}

static void
end(struct thread *thread)
{
  thread->wanted = -1;
  wake(&thread->wanted);
}

static bool
refused(uintptr_t start, size_t length, int id, const char *name)
{
  char expected[64];
  int error = ww_region_add(tracker, "asked", (void *)start, length, NULL);
  snprintf(expected, sizeof expected, " of thread %d (%s) at ", id, name);
  if (error == -EBUSY && strstr(ww_last_error(), expected))
    return true;
  printf("# %d, and not \"%s\": %s\n", error, expected, error ? ww_last_error() : "accepted");
  return false;
}

/* The page that holds an address. */
static bool
page_refused(uintptr_t address, int id, const char *name)
{
  return refused(address & ~(uintptr_t)(page - 1), page, id, name);
}

static bool
accepted(uintptr_t start, size_t length, struct thread *thread)
{
  ww_region *region;
  int error = ww_region_add(tracker, "beside", (void *)start, length, &region);
  if (error) {
    printf("# %s\n", ww_last_error());
    return false;
  }
  bool well = lives_on(thread);
  return ww_region_remove(region) == 0 && well;
}

static char *
map(size_t length)
{
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED)
    exit(99);
  return memory;
}

static void
test_plain(void)
{
  struct thread thread = { .name = "plain" };
  pthread_attr_t attributes;
  void *low;
  size_t size;
  char *beside = map(4 * page);
  pthread_create(&thread.handle, NULL, live, &thread);
  await_birth(&thread);
  pthread_getattr_np(thread.handle, &attributes);
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_destroy(&attributes);
  ok(page_refused(thread.local, thread.id, "plain"), "pthread_create: thread-local storage is refused");
  ok(page_refused((uintptr_t)thread.handle, thread.id, "plain"), "and the descriptor");
  ok(page_refused(thread.stack, thread.id, "plain"), "and the stack where it is in use");
  ok(refused((uintptr_t)low + 8 * page, page, thread.id, "plain"), "and where it is not");
  ok(accepted((uintptr_t)beside, 4 * page, &thread), "other memory is accepted, and the thread lives on");
  end(&thread);
  pthread_join(thread.handle, NULL);
  munmap(beside, 4 * page);
}

static void
test_given(void)
{
  enum { BEFORE = 64, STACK = 512, BEHIND = 64 };
  struct thread thread = { .name = "given" };
  pthread_attr_t attributes;
  char *memory = map((BEFORE + STACK + BEHIND) * page), *stack = memory + BEFORE * page;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, STACK * page);
  if (!ok(!pthread_create(&thread.handle, &attributes, live, &thread),
          "a thread on a stack in the middle of a mapping"))
    return;
  pthread_attr_destroy(&attributes);
  await_birth(&thread);
  ok(refused((uintptr_t)memory, (BEFORE + STACK + BEHIND) * page, thread.id, "given"),
     "all of it is refused");
  ok(page_refused(thread.local, thread.id, "given"), "and its thread-local storage");
  ok(refused((uintptr_t)stack, page, thread.id, "given"), "and the stack's lowest page");
  ok(refused((uintptr_t)stack + (STACK - 1) * page, 2 * page, thread.id, "given"), "and its highest");
  ok(accepted((uintptr_t)memory, BEFORE * page, &thread),
     "up to the stack is accepted, and the thread lives on");
  ok(accepted((uintptr_t)stack + STACK * page, BEHIND * page, &thread), "and from its end on");
  end(&thread);
  pthread_join(thread.handle, NULL);
  ok(!ww_region_add(tracker, "after", memory, (BEFORE + STACK + BEHIND) * page, NULL),
     "and all of it when the thread has gone");
}

/* ------------------------------------------------ a thread behind libc's back */

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

enum { TLS_BELOW = 1 << 14, RAW_STACK = 1 << 16 };
struct robust { void *next; long offset; void *pending; };
static _Atomic int raw_tid;
static char *raw_head;

static int
live_raw(void *argument)
{
  syscall(SYS_set_robust_list, raw_head, sizeof(struct robust));
  live(argument);
  syscall(SYS_exit, 0);
  return 0;
}

/* In a thread whose stack, descriptor and storage lie in one mapping: copy the latter two. */
static void *
make_raw(void *argument)
{
  struct thread *thread = ((void **)argument)[0];
  char *block = ((void **)argument)[1], *stack = ((void **)argument)[2];
  char *self = (char *)pthread_self(), *head;
  size_t length;
  pthread_attr_t attributes;
  void *low;
  size_t size;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_destroy(&attributes);
  syscall(SYS_get_robust_list, 0, &head, &length);
  char *copied = block + TLS_BELOW;
  memcpy(block, self - TLS_BELOW, (size_t)((char *)low + size - (self - TLS_BELOW)));
  ((void **)(void *)copied)[0] = copied;     /* where x86-64 and glibc keep the pointer to itself */
  ((void **)(void *)copied)[2] = copied;
  raw_head = copied + (head - self);
  *(struct robust *)(void *)raw_head = (struct robust){ raw_head, 0, NULL };
  clone(live_raw, stack + RAW_STACK, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD
        | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID, thread, &raw_tid, copied,
        &raw_tid);
  return NULL;
}

static void
test_raw(void)
{
  enum { LENGTH = 1 << 20 };
  struct thread thread = { .name = "raw" };
  pthread_t maker;
  char *memory = malloc(LENGTH), *stack = map(RAW_STACK + 2 * page);
  char *block = (char *)(((uintptr_t)memory + LENGTH / 2) & ~(uintptr_t)(page - 1));
  /* A page that cannot be written keeps the stack's mapping apart. */
  mprotect(stack, page, PROT_NONE);
  mprotect(stack + page + RAW_STACK, page, PROT_NONE);
  memset(memory, 0, LENGTH);
  pthread_create(&maker, NULL, make_raw, (void *[]){ &thread, block, stack + page });
  pthread_join(maker, NULL);
  await_birth(&thread);
  /* Where its stack pointer is, is told while it waits. */
  nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
  uintptr_t first = ((uintptr_t)memory + page) & ~(uintptr_t)(page - 1);
  ok(refused(first, LENGTH - 2 * page, thread.id, "raw"), "a bare clone with storage of its own in malloc's "
     "memory: all of it is refused");
  ok(page_refused(thread.local, thread.id, "raw"), "and its thread-local storage alone");
  ok(page_refused((uintptr_t)raw_head, thread.id, "raw"), "and its robust list alone");
  ok(page_refused(thread.stack, thread.id, "raw"), "and its stack");
  ok(accepted((uintptr_t)block + TLS_BELOW + 4 * page, 4 * page, &thread),
     "memory behind is accepted, and the thread lives on");
  ok(accepted(first, (size_t)((uintptr_t)block - first), &thread), "and before");
  end(&thread);
  while (raw_tid)
    wait_for(&raw_tid, raw_tid);
  free(memory);
}

#else

static void
test_raw(void)
{
  skip("a bare clone with storage of its own", "only for x86-64 without sanitizers that know all threads");
}

#endif

/* ------------------------------------------------------- asked from another thread */

static uintptr_t first_local, first_stack;

static void *
ask_for_first(void *unused)
{
  char name[16] = "";
  prctl(PR_SET_NAME, "asker");
  FILE *comm = fopen("/proc/self/comm", "re");
  if (comm && fgets(name, sizeof name, comm))
    name[strcspn(name, "\n")] = '\0';
  if (comm)
    fclose(comm);
  ok(page_refused(first_local, getpid(), name),
     "the first thread, asked for by another: its storage is refused");
  ok(page_refused(first_stack, getpid(), name), "and its stack");
  ok(page_refused((uintptr_t)&unused, (int)syscall(SYS_gettid), "asker"), "and the asker's own");
  ok(page_refused((uintptr_t)&local, (int)syscall(SYS_gettid), "asker"), "and its storage");
  return NULL;
}

static void
test_first(void)
{
  pthread_t asker;
  volatile char here = 0;
  first_local = (uintptr_t)&local;
  first_stack = (uintptr_t)&here;
  pthread_create(&asker, NULL, ask_for_first, NULL);
  pthread_join(asker, NULL);
}

/* ------------------------------------------------------------------- how long it takes */

static _Atomic int go_on;

static void *
sleep_on(void *unused)
{
  while (!go_on)
    wait_for(&go_on, 0);
  return unused;
}

static double
milliseconds_to_add(void)
{
  char *memory = map(4 * page);
  double best = 1e9;
  for (int i = 0; i < 5; i++) {
    struct timespec from, to;
    ww_region *region;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    int error = ww_region_add(tracker, "timed", memory, 4 * page, &region);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    if (error || ww_region_remove(region))
      return 1e9;
    double took = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    best = took < best ? took : best;
  }
  munmap(memory, 4 * page);
  return best;
}

static void
test_many(void)
{
  enum { MANY = 1000 };
  static pthread_t threads[MANY];
  pthread_attr_t attributes;
  int made = 0;
  double few = milliseconds_to_add();
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 1 << 17);
  while (made < MANY && !pthread_create(&threads[made], &attributes, sleep_on, NULL))
    made++;
  double many = milliseconds_to_add();
  printf("# adding a region takes the processor %.3f ms with few threads, %.3f ms with %d more\n", few, many,
         made);
  if (made < MANY)
    skip("a region is added among 1,000 threads", "the system allows fewer");
  else {
    bool all = many < 1e9;
    for (int i = 0; i < MANY; i += MANY / 50) {
      void *at = (void *)((uintptr_t)threads[i] & ~(uintptr_t)(page - 1));
      all = all && ww_region_add(tracker, "one", at, page, NULL) == -EBUSY;
    }
    ok(all, "a region is added among %d threads, and none of them is missed", (int)MANY);
  }
  go_on = 1;
  wake(&go_on);
  syscall(SYS_futex, &go_on, FUTEX_WAKE, MANY, NULL, NULL, 0);
  while (made-- > 0)
    pthread_join(threads[made], NULL);
  pthread_attr_destroy(&attributes);
}

int
main(void)
{
  struct ww_options options = WW_OPTIONS_INIT;
  alarm(100);
  page = (size_t)sysconf(_SC_PAGESIZE);
  tracked = map(page);
  if (!ok(!ww_tracker_create(&tracker, &options) && !ww_region_add(tracker, "tracked", tracked, page, NULL)
          && !ww_start(tracker), "started"))
    return tap_done();
  test_plain();
  test_given();
  test_raw();
  test_first();
  test_many();
  ww_tracker_destroy(tracker);
  return tap_done();
}
