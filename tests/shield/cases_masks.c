/* cases_masks.c - signal masks: set, read, inherited, and writing while all is blocked. */
#include "config.h"
#include "signals.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static const int some[] = { SIGSEGV, SIGSYS, SIGBUS, SIGUSR1, SIGSTKFLT, 64 };

static void
run_sigprocmask(void)
{
  sigset_t all, set, old;
  say_mask("first");
  sigfillset(&all);
  for (int how = SIG_BLOCK; how <= SIG_SETMASK; how++)
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
      sigemptyset(&set);
      sigaddset(&set, some[i]);
      int result = sigprocmask(how, &set, &old);
      say("how %d, %d: %d, was member %d\n", how, some[i], result, sigismember(&old, some[i]));
      say_mask("now");
      touch((unsigned)i);
    }
  sigprocmask(SIG_BLOCK, &all, NULL);
  say_mask("full");
  touch(10);
  for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
    sigemptyset(&set);
    sigaddset(&set, some[i]);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    say_mask("without");
  }
  touch(11);
}

static void
run_sigprocmask_errors(void)
{
  uint64_t set = ~(uint64_t)0, old = 0;
  void *bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  errno = 0;
  say_result("size", syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, &old, 16));
  say_result("how", syscall(SYS_rt_sigprocmask, 9, &set, &old, 8));
  say("how alone %ld\n", syscall(SYS_rt_sigprocmask, 9, NULL, &old, 8));
  say_result("bad new", syscall(SYS_rt_sigprocmask, SIG_BLOCK, bad, &old, 8));
  say_mask("unchanged");
  say_result("bad old", syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, bad, 8));
  say_mask("changed all the same");
  touch(1);
  long result = syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, &set, 8);
  say("same memory %ld %llx\n", result, (unsigned long long)set);
  say_mask("none");
  say_result("pending size", syscall(SYS_rt_sigpending, &set, 9));
  say_result("pending bad", syscall(SYS_rt_sigpending, bad, 8));
  set = 0x5555555555555555;
  result = syscall(SYS_rt_sigpending, &set, 4);
  say("pending half %ld %llx\n", result, (unsigned long long)set);
}

static void *
thread_body(void *unused)
{
  sigset_t set;
  say_mask("thread");
  touch(12);
  sigemptyset(&set);
  pthread_sigmask(SIG_SETMASK, &set, NULL);
  say_mask("thread opened");
  sigfillset(&set);
  pthread_sigmask(SIG_SETMASK, &set, NULL);
  touch(13);
  return unused;
}

static void
run_threads(void)
{
  sigset_t set;
  pthread_t thread;
  for (int round = 0; round < 3; round++) {
    sigemptyset(&set);
    if (round)
      sigfillset(&set);
    if (round == 2)
      sigdelset(&set, SIGSEGV);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
    pthread_create(&thread, NULL, thread_body, NULL);
    pthread_join(thread, NULL);
    say_mask("afterwards");
  }
}

static void
run_fork_inherits(void)
{
  sigset_t set;
  sigfillset(&set);
  sigprocmask(SIG_SETMASK, &set, NULL);
  signal(SIGSEGV, note);
  pid_t child = fork();
  if (child == 0) {
    say_mask("child");
    say_action("child", SIGSEGV);
    *(volatile int *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = 1;
    sigset_t none;
    sigemptyset(&none);
    signal(SIGSEGV, SIG_IGN);
    sigprocmask(SIG_SETMASK, &none, NULL);
    say_mask("child opened");
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  say("child %#x\n", status);
  say_mask("parent");
  say_action("parent", SIGSEGV);
  touch(14);
}

static void
mask_handler(int signal)
{
  say("handler %d, mask %llx\n", signal, (unsigned long long)mask_in_handler());
  touch(15);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  touch(16);
  say_mask("all");
}

/* A handler's mask is put back when it returns, whatever it has done to it. */
static void
run_handler_masks(void)
{
  for (int kind = 0; kind < 3; kind++) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = mask_handler;
    if (kind == 1)
      sigfillset(&action.sa_mask);
    if (kind == 2) {
      sigfillset(&action.sa_mask);
      sigdelset(&action.sa_mask, SIGSEGV);
    }
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    /* Of SIGSYS and SIGSTKFLT it is known that they stay (sigmask.h). */
    sigset_t two;
    sigemptyset(&two);
    sigaddset(&two, SIGSYS);
    sigaddset(&two, SIGSTKFLT);
    sigprocmask(SIG_UNBLOCK, &two, NULL);
    say_mask("returned");
    touch(17);
  }
}

static volatile int raised_within;

static void
within_handler(int signal)
{
  if (signal == SIGUSR1) {
    say("in\n");
    raise(SIGSEGV);
    raised_within = 1;
    say("out\n");
  } else {
    say("segv, within %d\n", raised_within);
    touch(18);
  }
}

/* A SIGSEGV that is sent while a handler blocks it comes when that returns. */
static void
run_raise_within(void)
{
  for (int full = 0; full < 2; full++) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = within_handler;
    if (full)
      sigfillset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    raised_within = 0;
    raise(SIGUSR1);
    touch(19);
  }
}

static sigjmp_buf back;

static void
jumping_handler(int signal)
{
  touch(20);
  say("jump %d, mask %llx\n", signal, (unsigned long long)mask_in_handler());
  siglongjmp(back, 1);
}

static void
run_jump_out(void)
{
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = jumping_handler;
  sigfillset(&action.sa_mask);
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGSEGV, &action, NULL);
  for (volatile int i = 0; i < 6; i++) {
    if (sigsetjmp(back, 1) == 0)
      raise(i % 2 ? SIGUSR1 : SIGSEGV);
    say_mask("landed");
    touch(21);
  }
}

static ucontext_t main_context, other_context;

static void
other_body(void)
{
  say_mask("other");
  touch(22);
}

static void
run_contexts(void)
{
  static char stack[65536];
  sigset_t all;
  sigfillset(&all);
  getcontext(&other_context);
  other_context.uc_sigmask = all;
  other_context.uc_stack.ss_sp = stack;
  other_context.uc_stack.ss_size = sizeof stack;
  other_context.uc_link = &main_context;
  makecontext(&other_context, other_body, 0);
  swapcontext(&main_context, &other_context);
  say_mask("back");
  touch(23);
}

/* An allocator that protects itself from signals, on memory that is watched. */
static void
run_blocked_malloc(void)
{
  sigset_t all;
  char *held[64];
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  for (int round = 0; round < 50; round++) {
    for (size_t i = 0; i < 64; i++)
      held[i] = memset(malloc(1000 * (i + 1)), round, 1000 * (i + 1));
    for (size_t i = 0; i < 64; i++)
      free(held[i]);
    touch((unsigned)round);
  }
  malloc_trim(0);
  say_mask("after");
}

const struct signals_case cases_masks[] = {
  { "sigprocmask", run_sigprocmask },
  { "sigprocmask and sigpending: errors", run_sigprocmask_errors },
  { "pthread_sigmask, and what threads inherit", run_threads },
  { "what a child of fork inherits", run_fork_inherits },
  { "masks of handlers", run_handler_masks },
  { "raise inside a handler that blocks it", run_raise_within },
  { "siglongjmp out of handlers", run_jump_out },
  { "swapcontext to one that blocks everything", run_contexts },
  { "malloc with everything blocked", run_blocked_malloc },
  { NULL, NULL },
};
