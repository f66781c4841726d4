/* rows_wait.c - children: what became of them, and their numbers. */
#include "matrix.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *
dead_child(struct scene *s)
{
  pid_t child = fork();
  siginfo_t info;
  if (!child)
    _exit(42);
  if (child < 0)
    return "no fork";
  waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
  s->keep[0] = child;
  return NULL;
}

static void
reap(struct scene *s)
{
  (void)s;
  while (waitpid(-1, NULL, WNOHANG) > 0)
    ;
}

/* The result as far as it is the same in every run: it was that child, and is no more. */
static long
waited(struct scene *s, long result)
{
  int error = errno;
  siginfo_t info;
  s->also[0] = result == s->keep[0];
  s->also[1] = waitid(P_PID, (id_t)s->keep[0], &info, WEXITED | WNOWAIT | WNOHANG);
  errno = error;
  return result;
}

static long
call_wait4(struct scene *s)
{
  return waited(s, s->via == VIA_LIBC ? wait4((pid_t)s->keep[0], s->at[0], 0, s->at[1])
                : SYS(s, SYS_wait4, s->keep[0], P(s->at[0]), 0, P(s->at[1])));
}

static long
call_wait(struct scene *s)
{
  return waited(s, wait(s->at[0]));
}

static long
call_waitpid(struct scene *s)
{
  return waited(s, waitpid((pid_t)s->keep[0], s->at[0], WUNTRACED));
}

static long
call_waitid(struct scene *s)
{
  return waited(s, s->via == VIA_LIBC ? waitid(P_PID, (id_t)s->keep[0], s->at[0], WEXITED)
                : SYS(s, SYS_waitid, P_PID, s->keep[0], P(s->at[0]), WEXITED, P(s->at[1])));
}

/* Nobody has died: waitid() clears what it says, wait4() writes nothing. */
static const char *
living_child(struct scene *s)
{
  pid_t child = fork();
  if (!child) {
    pause();
    _exit(0);
  }
  s->keep[0] = child;
  return child < 0 ? "no fork" : NULL;
}

static void
kill_child(struct scene *s)
{
  if (s->keep[0] > 0)
    kill((pid_t)s->keep[0], SIGKILL);
  waitpid((pid_t)s->keep[0], NULL, 0);
}

static long
call_waitid_none(struct scene *s)
{
  return s->via == VIA_LIBC ? waitid(P_PID, (id_t)s->keep[0], s->at[0], WEXITED | WNOHANG)
         : SYS(s, SYS_waitid, P_PID, s->keep[0], P(s->at[0]), WEXITED | WNOHANG, 0);
}

static long
call_wait4_none(struct scene *s)
{
  return s->via == VIA_LIBC ? wait4((pid_t)s->keep[0], s->at[0], WNOHANG, s->at[1])
         : SYS(s, SYS_wait4, s->keep[0], P(s->at[0]), WNOHANG, P(s->at[1]));
}

/* A number that is written where it was wanted. */
static void
came(struct scene *s, long child)
{
  int error = errno;
  pid_t number;
  memcpy(&number, s->at[0], sizeof number);
  s->also[0] = number == child;
  if (child > 0)
    waitpid((pid_t)child, NULL, 0);
  errno = error;
}

#if defined(__x86_64__)
static long
call_clone(struct scene *s)
{
  long child = SYS(s, SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, 0, P(s->at[0]), 0, 0);
  if (!child)
    _exit(0);
  came(s, child);
  return child;
}

static long
call_clone_pidfd(struct scene *s)
{
  int file = -1;
  long child = SYS(s, SYS_clone, CLONE_PIDFD | SIGCHLD, 0, P(s->at[0]), 0, 0);
  if (!child)
    _exit(0);
  int error = errno;
  if (child > 0) {
    memcpy(&file, s->at[0], sizeof file);
    close(file);
    waitpid((pid_t)child, NULL, 0);
  }
  errno = error;
  return child;
}

static long
call_clone3(struct scene *s)
{
  struct clone_args asked = { .flags = CLONE_PARENT_SETTID | CLONE_PIDFD, .exit_signal = SIGCHLD,
                              .parent_tid = (uintptr_t)s->at[0], .pidfd = (uintptr_t)s->at[1] };
  int file;
  long child = SYS(s, SYS_clone3, P(&asked), sizeof asked);
  if (!child)
    _exit(0);
  memcpy(&file, s->at[1], sizeof file);
  if (child > 0)
    close(file);
  came(s, child);
  return child;
}
#endif

/* libc writes the number with all signals blocked. */
static long
call_spawn(struct scene *s)
{
  char *words[] = { (char *)(uintptr_t)"true", NULL }, *none[] = { NULL };
  int result = posix_spawn(s->at[0], "/bin/true", NULL, NULL, words, none);
  pid_t number;
  memcpy(&number, s->at[0], sizeof number);
  s->also[0] = !result && waitpid(number, NULL, 0) == number;
  return result;
}

enum { STATUS = sizeof(int), USAGE = sizeof(struct rusage), INFO = sizeof(siginfo_t) };

const struct row rows_wait[] = {
  { "wait4", { STATUS, USAGE }, dead_child, .call = call_wait4, .clean = reap, .varies = 2,
    .result_varies = true },
  { "wait", { STATUS }, dead_child, .call = call_wait, .clean = reap, .via = LIBC, .result_varies = true },
  { "waitpid", { STATUS }, dead_child, .call = call_waitpid, .clean = reap, .via = LIBC,
    .result_varies = true },
  { "waitid", { INFO, USAGE }, dead_child, .call = call_waitid, .clean = reap, .varies = 3 },
  { "waitid, nobody", { INFO }, living_child, .call = call_waitid_none, .clean = kill_child },
  { "wait4, nobody", { STATUS, USAGE }, living_child, .call = call_wait4_none, .clean = kill_child,
    .varies = 2,
    .harmless = true },
#if defined(__x86_64__)
  { "clone, number", { 4 }, .call = call_clone, .via = RAW, .varies = 1, .result_varies = true },
  { "clone, descriptor", { 4 }, .call = call_clone_pidfd, .via = RAW, .result_varies = true },
  { "clone3", { 4, 4 }, .call = call_clone3, .via = RAW, .varies = 1, .result_varies = true },
#endif
  { "posix_spawn", { 4 }, .call = call_spawn, .via = LIBC, .varies = 1 },
  { .name = NULL }
};
