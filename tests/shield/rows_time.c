/* rows_time.c - clocks and timers. */
#include "matrix.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

/* Far away, and of values that stand still in all but the last of them. */
static const struct itimerspec far = { { 1000, 0 }, { 5000, 0 } };

#ifdef SYS_getitimer
static const char *
interval(struct scene *s)
{
  struct itimerval then = { { 1000, 0 }, { 5000, 0 } };
  (void)s;
  return setitimer(ITIMER_VIRTUAL, &then, NULL) ? "no interval timers" : NULL;
}

static void
interval_end(struct scene *s)
{
  struct itimerval never = { { 0, 0 }, { 0, 0 } };
  (void)s;
  setitimer(ITIMER_VIRTUAL, &never, NULL);
}

static long
call_getitimer(struct scene *s)
{
  return s->via == VIA_LIBC ? getitimer(ITIMER_VIRTUAL, s->at[0])
         : SYS(s, SYS_getitimer, ITIMER_VIRTUAL, P(s->at[0]));
}

static long
call_setitimer(struct scene *s)
{
  struct itimerval then = { { 0, 0 }, { 700, 0 } }, now;
  long result = s->via == VIA_LIBC ? setitimer(ITIMER_VIRTUAL, &then, s->at[0])
                : SYS(s, SYS_setitimer, ITIMER_VIRTUAL, P(&then), P(s->at[0]));
  int error = errno;
  getitimer(ITIMER_VIRTUAL, &now);
  s->also[0] = now.it_value.tv_sec > 600 && now.it_value.tv_sec <= 700;
  errno = error;
  return result;
}
#endif

/* A timer of the kernel's, without libc's. */
static const char *
timer(struct scene *s)
{
  struct sigevent event = { .sigev_notify = SIGEV_NONE };
  int number;
  if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &number)
      || syscall(SYS_timer_settime, number, 0, &far, NULL))
    return "no timers";
  s->keep[0] = number;
  s->keep[1] = true;
  return NULL;
}

static void
timer_end(struct scene *s)
{
  if (s->keep[1])
    syscall(SYS_timer_delete, s->keep[0]);
}

static long
call_timer_create(struct scene *s)
{
  struct sigevent event = { .sigev_notify = SIGEV_NONE };
  long result = s->via == VIA_LIBC ? timer_create(CLOCK_MONOTONIC, &event, s->at[0])
                : SYS(s, SYS_timer_create, CLOCK_MONOTONIC, P(&event), P(s->at[0]));
  int number = -1, error = errno;
  if (s->via == VIA_LIBC && !result) {
    timer_t handle;
    memcpy(&handle, s->at[0], sizeof handle);
    timer_delete(handle);
  } else {
    memcpy(&number, s->at[0], sizeof number);
    s->keep[0] = number;
    s->keep[1] = !result;
    s->also[0] = result || syscall(SYS_timer_settime, number, 0, &far, NULL);
  }
  errno = error;
  return result;
}

static long
call_timer_gettime(struct scene *s)
{
  return SYS(s, SYS_timer_gettime, s->keep[0], P(s->at[0]));
}

static long
call_timer_settime(struct scene *s)
{
  return SYS(s, SYS_timer_settime, s->keep[0], 0, P(&far), P(s->at[0]));
}

static const char *
timer_file(struct scene *s)
{
  s->file[0] = timerfd_create(CLOCK_MONOTONIC, 0);
  return s->file[0] < 0 || timerfd_settime(s->file[0], 0, &far, NULL) ? "no timerfd" : NULL;
}

static long
call_timerfd_gettime(struct scene *s)
{
  return s->via == VIA_LIBC ? timerfd_gettime(s->file[0], s->at[0])
         : SYS(s, SYS_timerfd_gettime, s->file[0], P(s->at[0]));
}

static long
call_timerfd_settime(struct scene *s)
{
  return s->via == VIA_LIBC ? timerfd_settime(s->file[0], 0, &far, s->at[0])
         : SYS(s, SYS_timerfd_settime, s->file[0], 0, P(&far), P(s->at[0]));
}

/* The vDSO's fallback is a call out of the vDSO: no clock of its own. */
static long
call_clock_fallback(struct scene *s)
{
  return s->via == VIA_LIBC ? clock_gettime(CLOCK_PROCESS_CPUTIME_ID, s->at[0])
         : SYS(s, SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, P(s->at[0]));
}

static long
call_clock_gettime(struct scene *s)
{
  return s->via == VIA_LIBC ? clock_gettime(CLOCK_MONOTONIC, s->at[0])
         : SYS(s, SYS_clock_gettime, CLOCK_MONOTONIC, P(s->at[0]));
}

static long
call_clock_getres(struct scene *s)
{
  return s->via == VIA_LIBC ? clock_getres(CLOCK_PROCESS_CPUTIME_ID, s->at[0])
         : SYS(s, SYS_clock_getres, CLOCK_PROCESS_CPUTIME_ID, P(s->at[0]));
}

static long
call_gettimeofday(struct scene *s)
{
  return SYS(s, SYS_gettimeofday, P(s->at[0]), P(s->at[1]));
}

#ifdef SYS_time
static long
call_time(struct scene *s)
{
  return SYS(s, SYS_time, P(s->at[0]));
}
#endif

static long
call_times(struct scene *s)
{
  return s->via == VIA_LIBC ? times(s->at[0]) : SYS(s, SYS_times, P(s->at[0]));
}

static long
call_getrusage(struct scene *s)
{
  return s->via == VIA_LIBC ? getrusage(RUSAGE_SELF, s->at[0])
         : SYS(s, SYS_getrusage, RUSAGE_SELF, P(s->at[0]));
}

/* Only asked: modes, its first member, is 0. */
static const char *
asked(struct scene *s)
{
  memset(s->image[0], 0, sizeof(unsigned));
  return NULL;
}

static long
call_adjtimex(struct scene *s)
{
  return s->via == VIA_LIBC ? adjtimex(s->at[0]) : SYS(s, SYS_adjtimex, P(s->at[0]));
}

static long
call_clock_adjtime(struct scene *s)
{
  return s->via == VIA_LIBC ? clock_adjtime(CLOCK_REALTIME, s->at[0])
         : SYS(s, SYS_clock_adjtime, CLOCK_REALTIME, P(s->at[0]));
}

enum { SPEC = sizeof(struct timespec), TIMER = sizeof(struct itimerspec), TIMEX = sizeof(struct timex) };

const struct row rows_time[] = {
#ifdef SYS_getitimer
  { "getitimer", { sizeof(struct itimerval) }, interval, .call = call_getitimer, .varies = 1,
    .clean = interval_end },
  { "setitimer", { sizeof(struct itimerval) }, interval, .call = call_setitimer, .varies = 1,
    .clean = interval_end },
#endif
  { "timer_create", { 4 }, .call = call_timer_create, .via = RAW, .varies = 1, .clean = timer_end },
  { "timer_create of libc", { sizeof(timer_t) }, .call = call_timer_create, .via = LIBC, .varies = 1,
    .harmless = true },
  { "timer_gettime", { TIMER }, timer, .call = call_timer_gettime, .via = RAW, .varies = 1,
    .clean = timer_end },
  { "timer_settime", { TIMER }, timer, .call = call_timer_settime, .via = RAW, .varies = 1,
    .clean = timer_end },
  { "timerfd_gettime", { TIMER }, timer_file, .call = call_timerfd_gettime, .varies = 1 },
  { "timerfd_settime", { TIMER }, timer_file, .call = call_timerfd_settime, .varies = 1 },
  { "clock_gettime, processor time", { SPEC }, .call = call_clock_fallback, .varies = 1 },
  { "clock_gettime", { SPEC }, .call = call_clock_gettime, .via = RAW, .varies = 1 },
  { "clock_gettime of the vDSO", { SPEC }, .call = call_clock_gettime, .via = LIBC, .varies = 1,
    .harmless = true },
  { "clock_getres", { SPEC }, .call = call_clock_getres },
  { "gettimeofday", { sizeof(struct timeval), 8 }, .call = call_gettimeofday, .via = RAW, .varies = 1 },
#ifdef SYS_time
  { "time", { sizeof(time_t) }, .call = call_time, .via = RAW, .varies = 1, .result_varies = true },
#endif
  { "times", { sizeof(struct tms) }, .call = call_times, .via = RAW, .varies = 1, .result_varies = true },
  /* It tries the memory and calls again after EFAULT. */
  { "times of libc", { sizeof(struct tms) }, .call = call_times, .via = LIBC, .varies = 1,
    .result_varies = true,
    .harmless = true },
  { "getrusage", { sizeof(struct rusage) }, .call = call_getrusage, .varies = 1 },
  { "adjtimex", { TIMEX }, asked, .call = call_adjtimex, .varies = 1 },
  { "clock_adjtime", { TIMEX }, asked, .call = call_clock_adjtime, .varies = 1 },
  { .name = NULL }
};
