/* rows_signal.c - what was set of signals before, what is pending, what was left of a sleep. */
#include "matrix.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

enum { SET = 8 };                   /* the kernel's sigset_t */

/* As the kernel has it. */
struct action {
  uint64_t handler, flags, restorer, mask;
};

static void
on_signal(int signal)
{
  (void)signal;
}

static const char *
handled(struct scene *s)
{
  struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_NODEFER };
  (void)s;
  sigaddset(&action.sa_mask, SIGUSR2);
  return sigaction(SIGUSR1, &action, NULL) ? "no signals" : NULL;
}

static long
call_sigaction(struct scene *s)
{
  if (s->via == VIA_LIBC)
    return sigaction(SIGUSR1, NULL, s->at[0]);
  return SYS(s, SYS_rt_sigaction, SIGUSR1, 0, P(s->at[0]), SET);
}

static const char *
blocked(struct scene *s)
{
  sigset_t set;
  (void)s;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN + 3);
  return sigprocmask(SIG_BLOCK, &set, NULL) ? "no signals" : NULL;
}

static long
call_sigprocmask(struct scene *s)
{
  sigset_t none;
  sigemptyset(&none);
  return s->via == VIA_LIBC ? sigprocmask(SIG_SETMASK, &none, s->at[0])
         : SYS(s, SYS_rt_sigprocmask, SIG_SETMASK, P(&none), P(s->at[0]), SET);
}

static long
call_sigprocmask_asked(struct scene *s)
{
  return s->via == VIA_LIBC ? pthread_sigmask(SIG_BLOCK, NULL, s->at[0])
         : SYS(s, SYS_rt_sigprocmask, SIG_BLOCK, 0, P(s->at[0]), SET);
}

static const char *
pending(struct scene *s)
{
  const char *reason = blocked(s);
  return reason || raise(SIGUSR1) ? "no signals" : NULL;
}

/* Blocked and pending signals are the process's: the next run's too. */
static void
pending_end(struct scene *s)
{
  sigset_t set;
  struct timespec none = { 0, 0 };
  (void)s;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  while (sigtimedwait(&set, NULL, &none) > 0)
    ;
  sigemptyset(&set);
  sigprocmask(SIG_SETMASK, &set, NULL);
}

static long
call_sigpending(struct scene *s)
{
  return s->via == VIA_LIBC ? sigpending(s->at[0]) : SYS(s, SYS_rt_sigpending, P(s->at[0]), SET);
}

static long
call_sigtimedwait(struct scene *s)
{
  sigset_t set;
  struct timespec soon = { 1, 0 };
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  long result = s->via == VIA_LIBC ? sigtimedwait(&set, s->at[0], &soon)
                : SYS(s, SYS_rt_sigtimedwait, P(&set), P(s->at[0]), P(&soon), SET);
  int error = errno;
  s->also[0] = sigpending(&set) || sigismember(&set, SIGUSR1);
  errno = error;
  return result;
}

static long
call_sigwait(struct scene *s)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  return sigwait(&set, s->at[0]);
}

/* Where else a signal would be handled. */
static const char *
other_stack(struct scene *s)
{
  static char room[65536];
  stack_t stack = { .ss_sp = room, .ss_size = sizeof room };
  (void)s;
  return sigaltstack(&stack, NULL) ? "no other stack" : NULL;
}

static void
other_stack_end(struct scene *s)
{
  stack_t stack = { .ss_flags = SS_DISABLE };
  (void)s;
  sigaltstack(&stack, NULL);
}

static long
call_sigaltstack(struct scene *s)
{
  return s->via == VIA_LIBC ? sigaltstack(NULL, s->at[0]) : SYS(s, SYS_sigaltstack, 0, P(s->at[0]));
}

/* ---------------------------------------------------- interrupted sleeps */

static long
soon_interrupted(void)
{
  struct itimerval soon = { { 0, 5000 }, { 0, 5000 } };
  struct sigaction action = { .sa_handler = on_signal };
  sigaction(SIGALRM, &action, NULL);
  return setitimer(ITIMER_REAL, &soon, NULL);
}

static void
no_longer(struct scene *s)
{
  struct itimerval never = { { 0, 0 }, { 0, 0 } };
  (void)s;
  setitimer(ITIMER_REAL, &never, NULL);
}

/* The timer goes on ticking until then, lest its first tick comes too early. */
static long
interrupted(struct scene *s, long result)
{
  int error = result == -1 ? errno : 0;
  no_longer(s);
  errno = error;
  return result;
}

static long
call_nanosleep(struct scene *s)
{
  struct timespec longer = { 20, 0 };
  soon_interrupted();
  return interrupted(s, s->via == VIA_LIBC ? nanosleep(&longer, s->at[0])
                     : SYS(s, SYS_nanosleep, P(&longer), P(s->at[0])));
}

static long
call_clock_nanosleep(struct scene *s)
{
  struct timespec longer = { 20, 0 };
  soon_interrupted();
  return interrupted(s, s->via == VIA_LIBC ? clock_nanosleep(CLOCK_MONOTONIC, 0, &longer, s->at[0])
                     : SYS(s, SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, P(&longer), P(s->at[0])));
}

/* The time asked for and the time that is left in one place, as loops have it. */
static const char *
long_time(struct scene *s)
{
  struct timespec longer = { 20, 0 };
  memcpy(s->image[0], &longer, sizeof longer);
  return NULL;
}

static long
call_nanosleep_same(struct scene *s)
{
  soon_interrupted();
  return interrupted(s, s->via == VIA_LIBC ? nanosleep(s->at[0], s->at[0])
                     : SYS(s, SYS_nanosleep, P(s->at[0]), P(s->at[0])));
}

enum { TIME = sizeof(struct timespec) };

const struct row rows_signal[] = {
  { "rt_sigaction", { sizeof(struct action) }, handled, .call = call_sigaction, .via = RAW },
  { "sigaction", { sizeof(struct sigaction) }, handled, .call = call_sigaction, .via = LIBC, .varies = 1,
    .harmless = true },
  { "rt_sigprocmask", { SET }, blocked, .call = call_sigprocmask, .clean = pending_end },
  { "rt_sigprocmask, no change", { SET }, blocked, .call = call_sigprocmask_asked, .clean = pending_end },
  { "rt_sigpending", { SET }, pending, .call = call_sigpending, .clean = pending_end },
  { "rt_sigtimedwait", { sizeof(siginfo_t) }, pending, .call = call_sigtimedwait, .clean = pending_end },
  { "sigwait", { 4 }, pending, .call = call_sigwait, .clean = pending_end, .via = LIBC, .harmless = true },
  { "sigaltstack", { sizeof(stack_t) }, other_stack, .call = call_sigaltstack, .clean = other_stack_end },
  { "nanosleep", { TIME }, .call = call_nanosleep, .varies = 1 },
  { "nanosleep, one place", { TIME }, long_time, .call = call_nanosleep_same, .varies = 1 },
  { "clock_nanosleep", { TIME }, .call = call_clock_nanosleep, .varies = 1 },
  { .name = NULL }
};
