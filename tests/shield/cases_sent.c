/* cases_sent.c - SIGSEGV and others that are sent, blocked or not. */
#include "config.h"
#include "signals.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void
set(int signal, int flags)
{
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = note_info;
  action.sa_flags = SA_SIGINFO | flags;
  sigaction(signal, &action, NULL);
}

static void
mask(int how)
{
  sigset_t all;
  sigfillset(&all);
  sigprocmask(how, &all, NULL);
}

static void
send(int kind, int signal)
{
  int gate[2];
  pid_t child;
  switch (kind) {
  case 0: raise(signal); break;
  case 1: kill(getpid(), signal); break;
  case 2: pthread_kill(pthread_self(), signal); break;
  case 3: sigqueue(getpid(), signal, (union sigval){ .sival_int = 4711 }); break;
  default:
    /* Not before fork() has returned here: the tracker holds a lock meanwhile, which shows in the mask. */
    if (pipe(gate) != 0 || (child = fork()) < 0)
      _exit(94);
    if (child == 0) {
      char byte;
      close(gate[1]);
      if (read(gate[0], &byte, 1) == 0)
        kill(getppid(), signal);
      _exit(0);
    }
    close(gate[0]);
    close(gate[1]);
    while (wait(NULL) < 0 && errno == EINTR)
      ;
  }
}
enum { KINDS = 5 };

static void
say_pending(void)
{
  sigset_t pending;
  uint64_t bits;
  sigpending(&pending);
  memcpy(&bits, &pending, sizeof bits);
  say("pending %llx\n", (unsigned long long)bits & ~0x10000ull);
}

static void
run_open(void)
{
  const int signals[] = { SIGSEGV, SIGSYS, SIGBUS, SIGSTKFLT, SIGUSR1 };
  for (size_t i = 0; i < 5; i++)
    for (int kind = 0; kind < KINDS; kind++) {
      set(signals[i], 0);
      send(kind, signals[i]);
      say_mask("after");
      touch(1);
    }
}

static void
run_blocked(void)
{
  const int signals[] = { SIGSEGV, SIGBUS, SIGUSR1 };
  for (size_t i = 0; i < 3; i++)
    for (int kind = 0; kind < KINDS; kind++) {
      set(signals[i], 0);
      mask(SIG_BLOCK);
      send(kind, signals[i]);
      say("sent %d by %d\n", signals[i], kind);
      say_pending();
      send(kind, signals[i]);
      touch(2);
      say_pending();
      mask(SIG_UNBLOCK);
      say("opened\n");
      say_pending();
      touch(3);
    }
}

/* SIGSYS is kept as SIGSEGV is, while that is blocked too. */
static void
run_blocked_sigsys(void)
{
  set(SIGSYS, 0);
  mask(SIG_BLOCK);
  send(0, SIGSYS);
  say("sent\n");
  mask(SIG_UNBLOCK);
  say("opened\n");
  touch(3);
}

static void
run_blocked_ignored(void)
{
  const int signals[] = { SIGSEGV, SIGUSR1 };
  for (size_t i = 0; i < 2; i++) {
    mask(SIG_BLOCK);
    set(signals[i], 0);
    raise(signals[i]);
    signal(signals[i], SIG_IGN);
    say_pending();
    set(signals[i], 0);
    mask(SIG_UNBLOCK);
    say("nothing came\n");
    mask(SIG_BLOCK);
    signal(signals[i], SIG_IGN);
    raise(signals[i]);
    say_pending();
    mask(SIG_UNBLOCK);
    touch(4);
  }
}

static void
run_ignored(void)
{
  for (int kind = 0; kind < KINDS; kind++) {
    signal(SIGSEGV, SIG_IGN);
    signal(SIGSYS, SIG_IGN);
    signal(SIGSTKFLT, SIG_IGN);
    send(kind, SIGSEGV);
    send(kind, SIGSYS);
    send(kind, SIGSTKFLT);
    touch(5);
    say("ignored %d\n", kind);
  }
  crash();
}

/* How it ends by default. */
static void
run_default(void)
{
  const int signals[] = { SIGSEGV, SIGSYS, SIGSTKFLT };
  for (size_t i = 0; i < 3; i++)
    for (int blocked = 0; blocked < 2; blocked++)
      for (int kind = 0; kind < 4; kind++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
          if (blocked && i == 0)
            mask(SIG_BLOCK);
          send(kind, signals[i]);
          say("still there %d\n", blocked);
          mask(SIG_UNBLOCK);
          _exit(0);
        }
        waitpid(child, &status, 0);
        say("signal %d kind %d: %#x\n", signals[i], kind, (unsigned)status);
      }
  touch(6);
}

static void
run_blocked_fault(void)
{
  set(SIGSEGV, 0);
  mask(SIG_BLOCK);
  touch(7);
  say("now\n");
  crash();
}

static void
run_blocked_fault_in_handler(void)
{
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = note_info;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, NULL);
  raise(SIGSEGV);
  action.sa_handler = (void (*)(int))run_blocked_fault;
  action.sa_flags = 0;
  sigaction(SIGSEGV, &action, NULL);
  raise(SIGSEGV);
}

static pthread_t main_thread;
static _Atomic int ready, taken;

static void
who(int signal)
{
  bool main = pthread_equal(pthread_self(), main_thread);
  say("signal %d: %s thread\n", signal, main ? "the main" : "the other");
  touch(8);
  taken = 1;
}

static void *
stay_open(void *unused)
{
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
  ready = 1;
  while (!taken)
    usleep(1000);
  return unused;
}

/* For the process: taken by whichever thread does not block it. */
static void
run_for_the_process(void)
{
  const int signals[] = { SIGUSR1, SIGSEGV };
  main_thread = pthread_self();
  for (size_t i = 0; i < 2; i++)
    for (int kind = 1; kind < 4; kind += 2) {
      pthread_t thread;
      ready = taken = 0;
      signal(signals[i], who);
      mask(SIG_BLOCK);
      pthread_create(&thread, NULL, stay_open, NULL);
      while (!ready)
        usleep(1000);
      send(kind, signals[i]);
      pthread_join(thread, NULL);
      mask(SIG_UNBLOCK);
      touch(9);
    }
}

/* ... the first thread, if that is one of them, and before the call returns. */
static void
run_for_the_first(void)
{
  const int signals[] = { SIGUSR1, SIGSEGV };
  main_thread = pthread_self();
  for (size_t i = 0; i < 2; i++)
    for (int kind = 1; kind < 4; kind += 2) {
      pthread_t thread;
      ready = taken = 0;
      signal(signals[i], who);
      pthread_create(&thread, NULL, stay_open, NULL);
      while (!ready)
        usleep(1000);
      send(kind, signals[i]);
      say("sent\n");
      pthread_join(thread, NULL);
      touch(9);
    }
}

static int end[2];

static void *
interrupt_reader(void *signal)
{
  usleep(50000);
  pthread_kill(main_thread, (int)(intptr_t)signal);
  usleep(50000);
  return (void *)(intptr_t)write(end[1], "x", 1);
}

static void
run_interrupt(void)
{
  const int signals[] = { SIGSEGV, SIGSYS, SIGUSR1 };
  main_thread = pthread_self();
  if (pipe(end) != 0)
    return;
  for (size_t i = 0; i < 3; i++)
    for (int kind = 0; kind < 3; kind++) {
      pthread_t thread;
      char got = 0;
      if (kind == 2)
        signal(signals[i], SIG_IGN);
      else
        set(signals[i], kind ? SA_RESTART : 0);
      pthread_create(&thread, NULL, interrupt_reader, (void *)(intptr_t)signals[i]);
      errno = 0;
      ssize_t result = read(end[0], &got, 1);
      say("signal %d kind %d: %zd %d\n", signals[i], kind, result, errno);
      pthread_join(thread, NULL);
      if (result < 0)
        result = read(end[0], &got, 1);
      touch(10);
    }
}

/* A read of a thread that blocks the signal goes on. */
static void
run_no_interrupt(void)
{
  const int signals[] = { SIGSEGV, SIGUSR1 };
  main_thread = pthread_self();
  if (pipe(end) != 0)
    return;
  for (size_t i = 0; i < 2; i++) {
    pthread_t thread;
    char got = 0;
    set(signals[i], 0);
    mask(SIG_BLOCK);
    pthread_create(&thread, NULL, interrupt_reader, (void *)(intptr_t)signals[i]);
    errno = 0;
    ssize_t result = read(end[0], &got, 1);
    say("signal %d: %zd %d\n", signals[i], result, errno);
    pthread_join(thread, NULL);
    say_pending();
    mask(SIG_UNBLOCK);
    touch(11);
  }
}

/* Of several that are pending the kernel has SIGSEGV come first, so its handler is the first to be
 * interrupted. */
static void
run_in_turn(void)
{
  const int order[][3] = { { SIGUSR1, SIGSEGV, SIGINT }, { SIGSEGV, SIGINT, SIGUSR1 } };
  sigset_t three;
  sigemptyset(&three);
  for (size_t i = 0; i < 3; i++) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note;
    sigaction(order[0][i], &action, NULL);
    sigaddset(&three, order[0][i]);
  }
  for (size_t i = 0; i < 2; i++) {
    sigprocmask(SIG_BLOCK, &three, NULL);
    for (size_t k = 0; k < 3; k++)
      raise(order[i][k]);
    sigprocmask(SIG_UNBLOCK, &three, NULL);
    say("opened\n");
    touch(12);
  }
}

/* Codes and threads that may be named in other ways than libc does. */
static void
run_send_calls(void)
{
  siginfo_t info;
  pid_t process = getpid();
  memset(&info, 0, sizeof info);
  set(SIGSEGV, 0);
  for (int blocked = 0; blocked < 2; blocked++) {
    if (blocked)
      mask(SIG_BLOCK);
    info.si_code = -77;
    info.si_pid = process;
    say_result("tkill", syscall(SYS_tkill, process, SIGSEGV));
    say_pending();
    say_result("rt_sigqueueinfo", syscall(SYS_rt_sigqueueinfo, process, SIGSEGV, &info));
    info.si_code = SI_USER;
    say_result("rt_tgsigqueueinfo", syscall(SYS_rt_tgsigqueueinfo, process, process, SIGSEGV, &info));
    say_result("group", kill(0, 0));
    say_result("nobody", syscall(SYS_tgkill, process, 0x3ffffff, SIGSEGV));
    say_result("no thread", syscall(SYS_tgkill, process, 0, SIGSEGV));
    say_result("no thread", syscall(SYS_tkill, -1, SIGSEGV));
    say_result("nothing", syscall(SYS_rt_sigqueueinfo, process, SIGSEGV, (void *)16));
    mask(SIG_UNBLOCK);
    touch(13);
  }
}

static void
count(int signal)
{
  (void)signal;
  taken++;
}

/* What comes from outside comes at any moment, also while we read what a call was given. */
static void
run_from_outside(void)
{
  int failed = 0, status;
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR2);
  signal(SIGSEGV, count);
  taken = 0;
  pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 20000; i++)
      kill(getppid(), SIGSEGV);
    _exit(0);
  }
  while (waitpid(child, &status, WNOHANG) != child)
    for (int i = 0; i < 100; i++) {
      sigset_t old;
      failed += sigprocmask(i & 1 ? SIG_UNBLOCK : SIG_BLOCK, &one, &old) != 0;
    }
  say("failed %d, came %d\n", failed, taken > 0);
  touch(14);
}

const struct signals_case cases_sent[] = {
  { "sent, open", run_open },
  { "sent, blocked", run_blocked },
  { "sent, blocked: SIGSYS", run_blocked_sigsys },
  { "sent, blocked, then ignored", run_blocked_ignored },
  { "sent, ignored", run_ignored },
  { "sent, by default", run_default },
  { "a fault that is blocked", run_blocked_fault },
  { "a fault that is blocked in a handler", run_blocked_fault_in_handler },
  { "sent to a process of two threads", run_for_the_process },
  { "sent to a process of two threads, both open", run_for_the_first },
  { "a read that is interrupted", run_interrupt },
  { "a read that is not interrupted", run_no_interrupt },
  { "several that are pending", run_in_turn },
  { "calls that send", run_send_calls },
  { "sent from outside", run_from_outside },
  { NULL, NULL },
};
