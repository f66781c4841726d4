/* part-signals.c - handlers, masks, waits and jumps, all of whose memory is tracked. */
#include "config.h"
#include "tenant.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGES = 64, PAGE = 4096 };
static char *memory;              /* PAGES pages of the heap */
static volatile int calls;
static sigjmp_buf *landing;       /* on the heap */

static void
on_signal(int signal)
{
  int number = calls++;
  memory[number % PAGES * PAGE + 7]++;
  memory[0] = (char)signal;
}

static void
handle(int signal, void (*handler)(int), int flags)
{
  struct sigaction *action = heap_across(sizeof *action), *old = heap_across(sizeof *old);
  memset(action, 0, sizeof *action);
  action->sa_handler = handler;
  action->sa_flags = flags;
  say_good(sigaction(signal, action, old) == 0, "sigaction");
  say_good(sigaction(signal, NULL, old) == 0 && old->sa_handler == handler, "it is set");
}

static void
prepare(void)
{
  memory = heap(PAGES * PAGE, 0);
  landing = heap(sizeof *landing, 0);
  calls = 0;
}

static void
timers(void)
{
  struct itimerval *timer = heap_across(sizeof *timer), *old = heap_across(sizeof *old);
  prepare();
  handle(SIGALRM, on_signal, SA_RESTART);
  *timer = (struct itimerval){ { 0, 500 }, { 0, 500 } };
  setitimer(ITIMER_REAL, timer, NULL);
  long sum = 0;
  while (calls < 200) {
    /* The program writes where the handler writes. */
    for (int i = 0; i < PAGES; i++)
      sum += ++memory[i * PAGE + 9] != 0;
  }
  memset(timer, 0, sizeof *timer);
  say_good(setitimer(ITIMER_REAL, timer, old) == 0 && old->it_interval.tv_usec > 0, "setitimer");
  say_good(getitimer(ITIMER_REAL, old) == 0 && old->it_interval.tv_usec == 0, "getitimer");
  int written = 0;
  for (int i = 0; i < PAGES; i++)
    written += memory[i * PAGE + 7];
  say("handled at least 200: %d, all written: %d, %d\n", calls >= 200, (char)written == (char)calls, sum > 0);
  struct itimerspec *spec = heap_across(sizeof *spec);
  timer_t *posix = heap_across(sizeof *posix);
  struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
  calls = 0;
  say_good(timer_create(CLOCK_MONOTONIC, &event, posix) == 0, "timer_create");
  *spec = (struct itimerspec){ { 0, 0 }, { 0, 1000000 } };
  timer_settime(*posix, 0, spec, NULL);
  while (calls < 1)
    usleep(100);
  say_good(timer_gettime(*posix, spec) == 0 && spec->it_value.tv_nsec == 0, "timer_gettime");
  timer_delete(*posix);
  uint64_t *expired = heap_across(sizeof *expired);
  int fd = timerfd_create(CLOCK_MONOTONIC, 0);
  *spec = (struct itimerspec){ { 0, 0 }, { 0, 1000000 } };
  timerfd_settime(fd, 0, spec, NULL);
  say("timerfd: %zd", read(fd, expired, 8));
  say(" %llu\n", (unsigned long long)*expired);
  close(fd);
}

static void
masks(void)
{
  sigset_t *all = heap_across(sizeof *all), *old = heap_across(sizeof *old), *now = heap_across(sizeof *now);
  prepare();
  handle(SIGUSR1, on_signal, 0);
  sigfillset(all);
  for (int i = 0; i < PAGES; i++) {
    int error = i % 2 ? pthread_sigmask(SIG_SETMASK, all, old) : sigprocmask(SIG_SETMASK, all, old);
    memory[i * PAGE] = (char)i;
    if (i % 16 == 0) {
      kill(getpid(), SIGUSR1);
      usleep(4000);
      memory[i * PAGE + 100] = 5;
      sigprocmask(SIG_SETMASK, NULL, now);
      say("%d: SEGV %d, USR1 %d", error, sigismember(now, SIGSEGV), sigismember(now, SIGUSR1));
      sigpending(now);
      say(", pending %d, calls %d\n", sigismember(now, SIGUSR1), calls);
    }
    sigprocmask(SIG_SETMASK, old, NULL);
  }
  say("calls %d\n", calls);
  sigset_t segv;
  sigemptyset(&segv);
  sigaddset(&segv, SIGSEGV);
  sigprocmask(SIG_BLOCK, &segv, old);
  memory[5 * PAGE] = 1;
  sigprocmask(SIG_SETMASK, old, now);
  say("blocked: %d, before: %d\n", sigismember(now, SIGSEGV), sigismember(old, SIGSEGV));
}

static void
leave(int signal)
{
  memory[calls++ % PAGES * PAGE + 11] = (char)signal;
  siglongjmp(*landing, calls);
}

static void
jumps(void)
{
  sigset_t now;
  prepare();
  handle(SIGUSR2, leave, 0);
  for (volatile int i = 0; i < 100; i++) {
    volatile int got = sigsetjmp(*landing, 1);
    if (got == 0) {
      memory[i % PAGES * PAGE] = 1;
      raise(SIGUSR2);
      say("not left\n");
    }
    if (i % 25 == 0) {
      sigprocmask(SIG_SETMASK, NULL, &now);
      say("landed %d, blocked %d\n", got, sigismember(&now, SIGUSR2));
      usleep(4000);
    }
  }
  volatile int depth = 0;
  jmp_buf *plain = heap(sizeof *plain, 0);
  if (setjmp(*plain) < 5) {
    depth++;
    longjmp(*plain, depth);
  }
  say("setjmp: %d\n", depth);
}

static void
on_fault(int signal, siginfo_t *info, void *context)
{
  (void)signal, (void)context;
  memory[calls++ * PAGE + 1] = (char)info->si_code;
  siglongjmp(*landing, 1);
}

static char *volatile nowhere = (char *)16;

/* Its own faults: at addresses that nobody tracks. */
static void
own_faults(void)
{
  struct sigaction *action = heap_across(sizeof *action), *found = heap_across(sizeof *found);
  prepare();
  memset(action, 0, sizeof *action);
  action->sa_sigaction = on_fault;
  action->sa_flags = SA_SIGINFO;
  sigaddset(&action->sa_mask, SIGUSR1);
  say_good(sigaction(SIGSEGV, action, NULL) == 0 && sigaction(SIGSEGV, NULL, found) == 0, "sigaction");
  say("found: handler %d, flags %#x, mask %d\n", found->sa_sigaction == on_fault,
      (unsigned)found->sa_flags & ~0x04000000u, sigismember(&found->sa_mask, SIGUSR1));
  char *locked = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (volatile int i = 0; i < 30; i++) {
    if (sigsetjmp(*landing, 1) == 0) {
      if (i % 2)
        *nowhere = 1;
      else
        *(volatile char *)locked = 1;
    }
    if (i % 10 == 0)
      usleep(4000);
  }
  say("faults: %d, codes %d %d\n", calls, memory[1], memory[PAGE + 1]);
  void (*before)(int) = signal(SIGSEGV, SIG_IGN);
  say("signal: %d, ", (uintptr_t)before == (uintptr_t)on_fault);
  say("%d\n", signal(SIGSEGV, SIG_DFL) == SIG_IGN);
  memory[10 * PAGE]++;
  munmap(locked, PAGE);
}

static void *
send_soon(void *argument)
{
  usleep(3000);
  kill(getpid(), (int)(intptr_t)argument);
  return NULL;
}

static pthread_t
soon(int signal)
{
  pthread_t thread;
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_create(&thread, NULL, send_soon, (void *)(intptr_t)signal);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return thread;
}

static void
waits(void)
{
  sigset_t *set = heap_across(sizeof *set), *none = heap_across(sizeof *none), old;
  struct timespec *time = heap_across(sizeof *time);
  siginfo_t *info = heap_across(sizeof *info);
  int *got = heap_across(sizeof *got);
  prepare();
  handle(SIGUSR1, on_signal, 0);
  sigemptyset(none);
  sigemptyset(set);
  sigaddset(set, SIGUSR1);
  sigprocmask(SIG_BLOCK, set, &old);
  pthread_t thread = soon(SIGUSR1);
  errno = 0;
  int result = sigsuspend(none);
  say("sigsuspend: %d %s, calls %d\n", result, strerror(errno), calls);
  pthread_join(thread, NULL);
  struct pollfd *polled = heap_across(sizeof *polled);
  *polled = (struct pollfd){ .fd = -1 };
  *time = (struct timespec){ 10, 0 };
  thread = soon(SIGUSR1);
  result = ppoll(polled, 1, time, none);
  say("ppoll: %d %s, calls %d\n", result, strerror(errno), calls);
  pthread_join(thread, NULL);
  thread = soon(SIGUSR1);
  result = pselect(0, NULL, NULL, NULL, time, none);
  say("pselect: %d %s, calls %d\n", result, strerror(errno), calls);
  pthread_join(thread, NULL);
  struct epoll_event *event = heap_across(sizeof *event);
  int epoll = epoll_create1(0);
  thread = soon(SIGUSR1);
  result = epoll_pwait(epoll, event, 1, 10000, none);
  say("epoll_pwait: %d %s, calls %d\n", result, strerror(errno), calls);
  pthread_join(thread, NULL);
  close(epoll);
  thread = soon(SIGUSR1);
  say("sigwait: %d", sigwait(set, got));
  say(" %d\n", *got == SIGUSR1);
  pthread_join(thread, NULL);
  thread = soon(SIGUSR1);
  say("sigwaitinfo: %d", sigwaitinfo(set, info) == SIGUSR1);
  say(" %d %d\n", info->si_pid == getpid(), info->si_code);
  pthread_join(thread, NULL);
  *time = (struct timespec){ 0, 1000000 };
  result = sigtimedwait(set, info, time);
  say("sigtimedwait: %d %s\n", result, strerror(errno));
  struct signalfd_siginfo *read_info = heap_across(sizeof *read_info);
  int fd = signalfd(-1, set, 0);
  thread = soon(SIGUSR1);
  say("signalfd: %zd", read(fd, read_info, sizeof *read_info));
  say(" %u %d\n", read_info->ssi_signo, (int)read_info->ssi_pid == getpid());
  pthread_join(thread, NULL);
  close(fd);
  sigprocmask(SIG_SETMASK, &old, NULL);
  say("calls %d\n", calls);
}

static volatile uintptr_t stack_seen;

static void
on_other_stack(int signal)
{
  char local[3000];
  memset(local, signal, sizeof local);
  stack_seen = (uintptr_t)local + (unsigned char)local[2999] - (unsigned char)signal;
  calls++;
}

/* The alternate stack is from malloc(), as in many programs. */
static void
alternate_stack(void)
{
  size_t size = 1 << 16;
  stack_t *stack = heap_across(sizeof *stack), *old = heap_across(sizeof *old);
  char *block = heap(size, 0);
  prepare();
  *stack = (stack_t){ .ss_sp = block, .ss_size = size };
  say_good(sigaltstack(stack, NULL) == 0, "sigaltstack");
  handle(SIGUSR1, on_other_stack, SA_ONSTACK);
  for (int i = 0; i < 10; i++) {
    stack_seen = 0;
    raise(SIGUSR1);
    if (i % 5 == 0)
      say("on it: %d\n", stack_seen - (uintptr_t)block < size);
    usleep(4000);
  }
  stack->ss_flags = SS_DISABLE;
  say_good(sigaltstack(stack, old) == 0 && old->ss_sp == block, "sigaltstack");
  say("calls %d\n", calls);
}

static void
on_child(int signal)
{
  int saved = errno;
  (void)signal;
  while (waitpid(-1, (int *)(memory + calls % PAGES * PAGE), WNOHANG) > 0)
    calls++;
  errno = saved;
}

static void
children(void)
{
  prepare();
  handle(SIGCHLD, on_child, SA_RESTART);
  say_flush();
  for (int i = 0; i < 10; i++) {
    if (fork() == 0)
      _exit(i);
    while (calls <= i)
      usleep(200);
  }
  int sum = 0;
  for (int i = 0; i < 10; i++)
    sum += *(int *)(memory + i * PAGE) >> 8;
  say("reaped %d, statuses %d\n", calls, sum);
  signal(SIGCHLD, SIG_DFL);
}

static ucontext_t *here, *there;

static void
coroutine(void)
{
  for (int i = 0; i < 5; i++) {
    memory[i * PAGE] = (char)i;
    swapcontext(there, here);
  }
}

static void
contexts(void)
{
  size_t size = 1 << 17;
  prepare();
  here = heap_across(sizeof *here);
  there = heap_across(sizeof *there);
  getcontext(there);
  /* The stack is a mapping of its own, not of the heap: stacks are not tracked. */
  there->uc_stack.ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  there->uc_stack.ss_size = size;
  there->uc_link = here;
  makecontext(there, coroutine, 0);
  int sum = 0;
  for (int i = 0; i < 6; i++) {
    usleep(2000);
    swapcontext(here, there);
    sum += memory[i * PAGE];
  }
  say("coroutine: %d\n", sum);
}

const struct part signal_parts[] = {
  { "timers", timers, false }, { "masks", masks, false }, { "jumps", jumps, false },
  { "own-faults", own_faults, false }, { "waits", waits, false },
  { "alternate-stack", alternate_stack, false }, { "children", children, false },
  { "contexts", contexts, false }, { NULL, NULL, false }
};
