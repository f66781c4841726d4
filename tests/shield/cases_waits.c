/* cases_waits.c - calls that wait with a mask of their own, or for signals. */
#include "config.h"
#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const struct timespec soon = { 0, 30000000 }, at_once = { 0, 0 };

static void
set(int signal, bool full)
{
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = note_info;
  action.sa_flags = SA_SIGINFO;
  if (full)
    sigfillset(&action.sa_mask);
  sigaction(signal, &action, NULL);
}

static sigset_t
all_but(int signal)
{
  sigset_t set;
  sigfillset(&set);
  sigdelset(&set, signal);
  return set;
}

static int epoll;

static int
wait_by(int kind, const sigset_t *set)
{
  struct epoll_event event;
  switch (kind) {
  case 0: return sigsuspend(set);
  case 1: return ppoll(NULL, 0, &soon, set);
  case 2: return pselect(0, NULL, NULL, NULL, &soon, set);
  default: return epoll_pwait(epoll, &event, 1, 30, set);
  }
}

static const char *const names[] = { "sigsuspend", "ppoll", "pselect", "epoll_pwait" };

static void
run_wait(int kind)
{
  const int signals[] = { SIGUSR1, SIGSEGV, SIGSYS };
  sigset_t blocked;
  epoll = epoll_create1(EPOLL_CLOEXEC);
  for (size_t i = 0; i < 3; i++) {
    int signal = signals[i];
    sigfillset(&blocked);
    /* Pending while everything is blocked, taken during the wait. SIGSYS is not kept (sigmask.h)
     * but with SIGSEGV, so it is waited for with that. */
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    set(signal, i & 1);
    raise(signal);
    say("%s: raised %d\n", names[kind], signal);
    sigset_t set_now = all_but(signal);
    if (signal == SIGSYS)
      sigdelset(&set_now, SIGSEGV);
    errno = 0;
    int result = wait_by(kind, &set_now);
    say("%s: %d %d\n", names[kind], result, errno);
    say_mask("after");
    touch(24);
    if (kind) {
      raise(signal);
      sigset_t full = all_but(SIGWINCH);
      result = wait_by(kind, &full);
      say("%s: blocked meanwhile: %d\n", names[kind], result);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    say_mask("open");
    touch(25);
  }
}

static void run_sigsuspend(void) { run_wait(0); }
static void run_ppoll(void) { run_wait(1); }
static void run_pselect(void) { run_wait(2); }
static void run_epoll_pwait(void) { run_wait(3); }

static sigjmp_buf back;

static void
jump(int signal)
{
  say("out of it: %d %llx\n", signal, (unsigned long long)mask_in_handler());
  touch(26);
  siglongjmp(back, 1);
}

static void
run_jump_from_wait(void)
{
  sigset_t blocked;
  epoll = epoll_create1(EPOLL_CLOEXEC);
  signal(SIGUSR1, jump);
  signal(SIGSEGV, jump);
  sigfillset(&blocked);
  sigprocmask(SIG_SETMASK, &blocked, NULL);
  for (volatile int i = 0; i < 8; i++) {
    int signal = i % 2 ? SIGUSR1 : SIGSEGV;
    sigset_t open = all_but(signal);
    raise(signal);
    if (sigsetjmp(back, 1) == 0)
      wait_by(i / 2, &open);
    say_mask("landed");
    touch(27);
  }
}

static void
run_wait_errors(void)
{
  uint64_t mask = ~(uint64_t)0;
  struct { const void *set; size_t size; } pair = { &mask, 3 };
  errno = 0;
  say_result("", syscall(SYS_rt_sigsuspend, &mask, 3));
  say_result("", syscall(SYS_rt_sigsuspend, 16, 8));
  say_result("", syscall(SYS_ppoll, NULL, 0, &at_once, &mask, 3));
  say_result("", syscall(SYS_ppoll, NULL, 0, &at_once, 16, 8));
  say_result("", syscall(SYS_pselect6, 0, NULL, NULL, NULL, &at_once, &pair));
  say_result("", syscall(SYS_pselect6, 0, NULL, NULL, NULL, &at_once, 16));
  pair.size = 8;
  pair.set = NULL;
  say("%ld\n", syscall(SYS_pselect6, 0, NULL, NULL, NULL, &at_once, &pair));
  say("%ld\n", syscall(SYS_pselect6, 0, NULL, NULL, NULL, &at_once, NULL));
  say_result("", syscall(SYS_rt_sigtimedwait, &mask, NULL, &at_once, 3));
  say_result("", syscall(SYS_rt_sigtimedwait, 16, NULL, &at_once, 8));
  say_result("", syscall(SYS_rt_sigtimedwait, &mask, NULL, 16, 8));
  say_result("", syscall(SYS_signalfd4, -1, &mask, 3, 0));
  say_result("", syscall(SYS_signalfd4, -1, 16, 8, 0));
  touch(28);
}

static void
say_taken(const char *what, int result, const siginfo_t *info)
{
  say("%s: %d, signal %d code %d self %d value %d\n", what, result, info->si_signo, info->si_code,
      info->si_pid == getpid(), info->si_code == SI_QUEUE ? info->si_value.sival_int : 0);
}

static pthread_t main_thread;

static void *
send_later(void *signal)
{
  nanosleep(&soon, NULL);
  pthread_kill(main_thread, (int)(intptr_t)signal);
  nanosleep(&soon, NULL);
  kill(getpid(), (int)(intptr_t)signal);
  return NULL;
}

static void
run_sigwait(void)
{
  const int signals[] = { SIGUSR1, SIGSEGV };
  for (int i = 0; i < 2; i++) {
    int signal = signals[i], got = 0;
    sigset_t all, one;
    siginfo_t info;
    pthread_t thread;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&one);
    sigaddset(&one, signal);
    memset(&info, 0, sizeof info);
    say_result("none", sigtimedwait(&one, &info, &at_once));
    raise(signal);
    say_taken("raised", sigtimedwait(&one, &info, NULL), &info);
    kill(getpid(), signal);
    say_taken("killed", sigtimedwait(&all, &info, &soon), &info);
    sigqueue(getpid(), signal, (union sigval){ .sival_int = 42 });
    say_taken("queued", sigwaitinfo(&one, &info), &info);
    raise(signal);
    int result = sigwait(&one, &got);
    say("sigwait: %d %d\n", result, got);
    touch(29);
    main_thread = pthread_self();
    pthread_create(&thread, NULL, send_later, (void *)(intptr_t)signal);
    result = sigwait(&one, &got);
    say("from a thread: %d %d\n", result, got);
    say_taken("for the process", sigwaitinfo(&one, &info), &info);
    pthread_join(thread, NULL);
    say_mask("after");
    touch(30);
  }
}

static void
run_signalfd(void)
{
  sigset_t all;
  struct signalfd_siginfo info;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  int fd = signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
  for (int signal = 1; signal < 64; signal += 9) {
    raise(signal == 19 ? SIGUSR2 : signal);
    ssize_t got = read(fd, &info, sizeof info);
    say("%zd: signal %u code %d\n", got, info.ssi_signo, info.ssi_code);
  }
  ssize_t got = read(fd, &info, sizeof info);
  say("empty: %zd %d\n", got, errno);
  touch(31);
}

const struct signals_case cases_waits[] = {
  { "sigsuspend", run_sigsuspend },
  { "ppoll", run_ppoll },
  { "pselect", run_pselect },
  { "epoll_pwait", run_epoll_pwait },
  { "siglongjmp out of a wait", run_jump_from_wait },
  { "waits: errors", run_wait_errors },
  { "sigwait, sigwaitinfo, sigtimedwait", run_sigwait },
  { "signalfd", run_signalfd },
  { NULL, NULL },
};
