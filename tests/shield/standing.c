/* standing.c - where the shield must stand: in threads whatever they block, in children,
 * beside the program's own SIGSYS handler; and where it must not be in the way. */
#include "matrix.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 4, LENGTH = 5000 };

static struct watched watched;
static _Atomic bool go;
static volatile sig_atomic_t handled;

/* A read into page 1 and what follows it. */
static bool
read_right(const char *what)
{
  static const size_t length = LENGTH;
  char data[LENGTH], *here = watched.memory + page_size() + 50;
  int file = data_file(length);
  data_fill(data, length);
  ssize_t result = read(file, here, length);
  int error = errno;
  close(file);
  return check(result == LENGTH, "%s: read() returned %zd (%s)", what, result,
               strerror(result < 0 ? error : 0))
         && check(!memcmp(here, data, length), "%s: the data", what);
}

static void
begin(void)
{
  watched = watched_make(PAGES);
  watched_start(&watched);
  watched_announce(&watched, watched.memory + page_size() + 50, LENGTH);
}

static void
end(void)
{
  watched_expect(&watched, 1, 3);
  watched_expect_armed(&watched, 1, 3);
  watched_end(&watched);
}

static void
block_all(void)
{
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
}

static void
trial_blocked(void)
{
  begin();
  block_all();
  read_right("all signals blocked");
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  end();
}

/* Not by libc's hands. */
static void
trial_blocked_raw(void)
{
  uint64_t all = ~UINT64_C(0), none = 0;
  begin();
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
  read_right("all signals blocked by a call of the kernel's");
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
  end();
}

static void *
read_when_told(void *blocked)
{
  if (blocked)
    block_all();
  while (!atomic_load(&go))
    usleep(1000);
  read_right("another thread");
  return NULL;
}

static void
thread(bool before, void *blocked)
{
  pthread_t reader;
  if (before)
    pthread_create(&reader, NULL, read_when_told, blocked);
  begin();
  if (!before)
    pthread_create(&reader, NULL, read_when_told, blocked);
  atomic_store(&go, true);
  pthread_join(reader, NULL);
  end();
}

static void
trial_thread(void)
{
  thread(false, NULL);
}

static void
trial_thread_before(void)
{
  thread(true, NULL);
}

static void
trial_thread_blocked(void)
{
  thread(false, &go);
}

/* ------------------------------------------------- the program's SIGSYS */

static void
on_signal(int signal)
{
  (void)signal;
  handled++;
}

static void
trial_own_handler(void)
{
  struct sigaction action = { .sa_handler = on_signal }, seen;
  begin();
  sigaction(SIGSYS, &action, NULL);
  read_right("the program handles SIGSYS");
  check(!sigaction(SIGSYS, NULL, &seen) && seen.sa_handler == on_signal, "the program sees its own handler");
  raise(SIGSYS);
  check(handled == 1, "the program's handler ran %d times", (int)handled);
  end();
}

static void
trial_ignored(void)
{
  begin();
  signal(SIGSYS, SIG_IGN);
  read_right("the program ignores SIGSYS");
  raise(SIGSYS);
  end();
}

static void
trial_sent(void)
{
  struct rlimit none = { 0, 0 };
  setrlimit(RLIMIT_CORE, &none);
  pid_t child = fork();
  if (!child) {
    begin();
    raise(SIGSYS);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "SIGSYS that is sent: status %#x",
        (unsigned)status);
}

/* ------------------------------------------------------------- children */

static void
trial_executed(void)
{
  char line[64] = "";
  begin();
  FILE *output = popen("echo said by another program | cat", "r");
  check(output && fgets(line, sizeof line, output) && !strcmp(line, "said by another program\n"),
        "it said: %s", line);
  check(output && !pclose(output), "its status");
  watched_end(&watched);
}

static void
trial_forked(void)
{
  int status;
  begin();
  pid_t child = fork();
  if (!child) {
    bool right = read_right("in a child");
    memset(watched.memory, 1, watched.length);
    _exit(!right);
  }
  waitpid(child, &status, 0);
  check(!status, "the child's status is %#x", (unsigned)status);
  watched_expect_armed(&watched, 1, 3);
  watched_end(&watched);
}

/* A child in the parent's own memory: what it reads is read there. */
static void
trial_vforked(void)
{
  begin();
  int status, file = data_file(LENGTH);
  char *here = watched.memory + page_size() + 50;
  pid_t child = vfork();
  if (!child) {
    long got = syscall(SYS_read, file, here, LENGTH);
    _exit(got != LENGTH);
  }
  waitpid(child, &status, 0);
  check(!status, "the child's status is %#x", (unsigned)status);
  end();
}

/* --------------------------------------------------- when it comes and goes */

static void
trial_stopped(void)
{
  begin();
  ww_stop(watched.tracker);
  read_right("stopped");
  memset(watched.memory, 0, watched.length);
  ww_start(watched.tracker);
  watched_announce(&watched, watched.memory + page_size() + 50, LENGTH);
  read_right("started again");
  end();
  watched = watched_make(PAGES);
  read_right("after the tracker has gone");
}

static void
trial_two_trackers(void)
{
  struct watched other = watched_make(1);
  watched_start(&other);
  begin();
  ww_tracker_destroy(other.tracker);
  read_right("another tracker has gone");
  end();
}

static void
trial_region_added(void)
{
  begin();
  struct watched late = watched_make(1);
  check(!ww_region_add(watched.tracker, "late", late.memory, late.length, NULL), "ww_region_add");
  if (mode == ANNOUNCED)
    ww_touch(watched.tracker, late.memory, 10);
  int file = data_file(10);
  check(read(file, late.memory, 10) == 10, "read() into a region that was added late");
  close(file);
  ww_tracker_destroy(watched.tracker);
}

/* What a short read left alone is watched as before, in the same epoch. */
static void
trial_short(void)
{
  unsigned char evidence[PAGES];
  begin();
  int file = data_file(10);
  ssize_t result = read(file, watched.memory + page_size() + 50, LENGTH);
  check(result == 10, "read() returned %zd", result);
  watched.memory[2 * page_size()] = 1;
  watched.memory[3 * page_size()] = 1;
  watched_collect(&watched, evidence);
  check(!evidence[0] && evidence[1] && evidence[2] && evidence[3], "pages %d%d%d%d were returned, not 0111",
        !!evidence[0], !!evidence[1], !!evidence[2], !!evidence[3]);
  close(file);
  watched_expect_armed(&watched, 1, 3);
  watched_end(&watched);
}

const struct trial trials_standing[] = {
  { "standing: all signals blocked", trial_blocked, false },
  { "standing: all signals blocked, by the kernel's call", trial_blocked_raw, false },
  { "standing: another thread", trial_thread, false },
  { "standing: a thread that was there before", trial_thread_before, false },
  { "standing: a thread that blocks all signals", trial_thread_blocked, false },
  { "standing: the program's own handler of SIGSYS", trial_own_handler, false },
  { "standing: the program ignores SIGSYS", trial_ignored, false },
  { "standing: SIGSYS that is sent", trial_sent, true },
  { "standing: a program is executed", trial_executed, true },
  { "standing: a child", trial_forked, true },
  { "standing: a child in the same memory", trial_vforked, false },
  { "standing: stopped, started, gone", trial_stopped, false },
  { "standing: a write after a short read", trial_short, false },
  { "standing: of two trackers one goes", trial_two_trackers, false },
  { "standing: a region that is added late", trial_region_added, false },
  { NULL, NULL, false }
};
