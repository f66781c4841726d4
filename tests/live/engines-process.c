/* engines-process.c - what holds for each engine that this machine has, whatever the process does:
 * descriptors that it closes, children, signals that are not ours. */
#include "config.h"
#include "../tap.h"
#include "tracked.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* --------------------------------------------------------------- descriptors */

static void
close_all(void)
{
  for (int fd = 3; fd < 1100; fd++)
    close(fd);
}

static void
try_closed(void)
{
  char *memory = map(64);
  ww_dirty *dirty;
  ww_tracker *tracker = track(memory, 64, 0, 0);
  memory[1 * page] = 1;
  ok(holds(tracker, memory, PAGES(1), WW_TRAPPED), "%s: before descriptors are closed", name);
  close_all();
  /* Others get their numbers. */
  for (int i = 0; i < 1000; i++)
    if (dup(2) < 0)
      break;
  memory[2 * page] = 1;
  if (engine == WW_ENGINE_MPROTECT)
    ok(holds(tracker, memory, PAGES(2), WW_TRAPPED), "%s: needs none", name);
  else
    ok(!ww_collect(tracker, &dirty) && ww_dirty_count(dirty, WW_ASSUMED) == 64, "%s: closed by the program: "
       "all pages are assumed to be written", name);
  close_all();
  memory[5 * page] = 1;
  ok(holds(tracker, memory, PAGES(5), WW_TRAPPED) && holds(tracker, memory, NULL, 0, 0),
     "%s: and tracking goes on exactly", name);
  ok(!ww_stop(tracker) && !ww_start(tracker), "%s: and can be started again", name);
  memory[6 * page] = 1;
  ok(holds(tracker, memory, PAGES(6), WW_TRAPPED), "%s: and is exact", name);
  ww_tracker_destroy(tracker);
  memset(memory, 1, 64 * page);
  munmap(memory, 64 * page);
}

/* ------------------------------------------------------------------ children */

static bool
child_says(pid_t child)
{
  int status = -1;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void
try_fork(void)
{
  int flags = MAP_SHARED | MAP_ANONYMOUS;
  char *memory = map(64), *shared = mmap(NULL, 64 * page, PROT_READ | PROT_WRITE, flags, -1, 0);
  struct ww_stats stats = { .size = sizeof stats };
  ww_tracker *tracker = track(memory, 64, 0, 0);
  ok(!ww_region_add(tracker, "shared", shared, 64 * page, NULL), "%s: added while started", name);
  memory[1 * page] = 1;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    memset(memory, 2, 64 * page);
    memset(shared, 2, 64 * page);
    bool clean = !ww_tracker_stats(tracker, &stats) && stats.epoch == 0 && !ww_start(tracker);
    memory[7 * page] = 1;
    clean = clean && holds(tracker, memory, PAGES(7), WW_TRAPPED);
    fflush(stdout);
    ww_tracker_destroy(tracker);
    _exit(!clean);
  }
  ok(child_says(child), "%s: a child begins clean, and tracks as its own", name);
  memory[2 * page] = 1;
  ok(holds(tracker, memory, PAGES(1, 2), WW_TRAPPED), "%s: the parent is exact", name);
  ww_tracker_destroy(tracker);
  tracker = track(memory, 64, WW_FOLLOW_FORK, 0);
  memory[3 * page] = 1;
  fflush(stdout);
  child = fork();
  if (child == 0) {
    memory[4 * page] = 1;
    bool followed = holds(tracker, memory, PAGES(3, 4), WW_TRAPPED) && holds(tracker, memory, NULL, 0, 0);
    memory[5 * page] = 1;
    followed = followed && holds(tracker, memory, PAGES(5), WW_TRAPPED);
    fflush(stdout);
    _exit(!followed);
  }
  ok(child_says(child), "%s: a child that goes on has the parent's pages and its own", name);
  memory[6 * page] = 1;
  ok(holds(tracker, memory, PAGES(3, 6), WW_TRAPPED) && holds(tracker, memory, NULL, 0, 0),
     "%s: the parent its own", name);
  memory[7 * page] = 1;
  ok(holds(tracker, memory, PAGES(7), WW_TRAPPED), "%s: and goes on", name);
  ww_tracker_destroy(tracker);
  munmap(memory, 64 * page);
  munmap(shared, 64 * page);
}

/* ------------------------------------------------------ signals that are not ours */

static sigjmp_buf jump;
static struct { int signal, code; void *address; bool blocked, on_stack; unsigned calls; } seen;
static char *alternate;

static void
on_signal(int signal, siginfo_t *info, void *context)
{
  sigset_t mask;
  char here;
  (void)context;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  seen.signal = signal;
  seen.code = info->si_code;
  seen.address = info->si_addr;
  seen.blocked = sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGUSR2) == 0;
  seen.on_stack = &here >= alternate && &here < alternate + (1 << 16);
  seen.calls++;
  siglongjmp(jump, 1);
}

/* A watched file in memory that became shorter. */
static char *
truncated(ww_tracker **tracker)
{
  int fd = memfd_create("truncated", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, (off_t)(16 * page)))
    return NULL;
  char *memory = mmap(NULL, 16 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  *tracker = track(memory, 16, 0, 0);
  if (ftruncate(fd, (off_t)(8 * page)))
    return NULL;
  close(fd);
  return memory;
}

static void
try_true_bus(void)
{
  struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK }, found;
  stack_t stack = { .ss_sp = alternate, .ss_size = 1 << 16 };
  /* The default kills, with the signal that it is. */
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    ww_tracker *tracker;
    signal(SIGBUS, SIG_DFL);
    char *memory = truncated(&tracker);
    alarm(20);
    memory[3 * page] = 1;
    ((volatile char *)memory)[9 * page] = 1;
    _exit(0);
  }
  int status = 0;
  ok(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS,
     "%s: behind the end of a file SIGBUS kills", name);
  sigaltstack(&stack, NULL);
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGUSR1);
  sigaction(SIGBUS, &action, NULL);
  ww_tracker *tracker;
  char *memory = truncated(&tracker);
  bool right = memory != NULL;
  for (unsigned turn = 1; turn <= 3 && right; turn++) {
    seen.calls = 0;
    if (!sigsetjmp(jump, 1))
      ((volatile char *)memory)[9 * page + 77] = 1;
    right = seen.calls == 1 && seen.signal == SIGBUS && seen.code == BUS_ADRERR && seen.blocked
      && seen.on_stack && seen.address == memory + 9 * page + 77;
    /* A page that is there goes on being tracked. */
    memory[2 * page] = (char)turn;
    right &= seen.calls == 1;
  }
  ok(right, "%s: an earlier handler of SIGBUS is called with its code, address, mask and stack", name);
  if (!sigsetjmp(jump, 1))
    raise(SIGBUS);
  ok(seen.calls == 2 && seen.code <= 0 && seen.blocked, "%s: and if it is sent", name);
  ww_tracker_destroy(tracker);
  sigaction(SIGBUS, NULL, &found);
  ok(found.sa_sigaction == on_signal, "%s: and is there again in the end", name);
  signal(SIGBUS, SIG_DFL);
  munmap(memory, 16 * page);
}

static void
try_all(void)
{
  try_closed();
  try_fork();
  try_true_bus();
}

int
main(void)
{
  alternate = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  alarm(100);
  each_engine(try_all);
  return tap_done();
}
