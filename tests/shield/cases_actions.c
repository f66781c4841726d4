/* cases_actions.c - signal actions: set, read, used up. */
#include "config.h"
#include "signals.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

extern void (*bsd_signal(int, void (*)(int)))(int);

static const int some[] = { SIGSEGV, SIGSYS, SIGBUS, SIGUSR1, SIGSTKFLT, SIGCHLD };
enum { SOME = sizeof some / sizeof *some };

static int
set(int signal, void (*handler)(int, siginfo_t *, void *), int flags, bool full)
{
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = handler;
  action.sa_flags = flags;
  if (full)
    sigfillset(&action.sa_mask);
  return sigaction(signal, &action, NULL);
}

static void
run_sigaction(void)
{
  const int flags[] = { 0, SA_SIGINFO, SA_SIGINFO | SA_RESTART | SA_ONSTACK, SA_SIGINFO | SA_NODEFER,
                        (int)SA_RESETHAND | SA_NOCLDSTOP | SA_NOCLDWAIT };
  for (size_t i = 0; i < SOME; i++) {
    say_action("first", some[i]);
    for (size_t k = 0; k < sizeof flags / sizeof *flags; k++) {
      set(some[i], note_info, flags[k], k & 1);
      say_action("set", some[i]);
    }
    for (int member = 1; member < 32; member += 5) {
      struct sigaction action;
      memset(&action, 0, sizeof action);
      action.sa_handler = SIG_IGN;
      sigaddset(&action.sa_mask, some[(size_t)member % SOME]);
      sigaddset(&action.sa_mask, member);
      sigaction(some[i], &action, NULL);
      say_action("alone", some[i]);
    }
    set(some[i], NULL, 0, false);
    say_action("default", some[i]);
  }
  touch(1);
}

/* The kernel's errors, by the call itself: libc has some of its own. */
static void
run_sigaction_errors(void)
{
  struct { uintptr_t handler; unsigned long flags; uintptr_t restorer; uint64_t mask; } action, old;
  void *bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int signals[] = { 0, -1, 65, 1000, SIGKILL, SIGSTOP, SIGSEGV, SIGUSR1, SIGSYS, 32, 64 };
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    int signal = signals[i];
    long result;
    memset(&action, 0, sizeof action);
    action.handler = (uintptr_t)SIG_IGN;
    action.mask = ~(uint64_t)0;
    errno = 0;
    result = syscall(SYS_rt_sigaction, signal, NULL, &old, 7);
    say("%d size: %ld %d\n", signal, result, errno);
    result = syscall(SYS_rt_sigaction, signal, bad, &old, 8);
    say("%d bad new: %ld %d\n", signal, result, errno);
    memset(&old, 0, sizeof old);
    result = syscall(SYS_rt_sigaction, signal, NULL, &old, 8);
    say("%d read: %ld %d\n", signal, result, errno);
    result = syscall(SYS_rt_sigaction, signal, &action, bad, 8);
    say("%d bad old: %ld %d\n", signal, result, errno);
    result = syscall(SYS_rt_sigaction, signal, NULL, &old, 8);
    say("%d after: %ld %d %lx %llx\n", signal, result, errno, (unsigned long)old.handler,
        (unsigned long long)old.mask);
    /* The same memory for both. */
    result = syscall(SYS_rt_sigaction, signal, &old, &old, 8);
    say("%d same: %ld %d %lx\n", signal, result, errno, (unsigned long)old.handler);
  }
  touch(1);
}

/* As old programs do. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static void
run_signal(void)
{
  for (size_t i = 0; i < SOME; i++) {
    say("signal %s\n", name_of((void *)signal(some[i], note)));
    say_action("signal", some[i]);
    say("again %s\n", name_of((void *)signal(some[i], SIG_IGN)));
    say("bsd_signal %s\n", name_of((void *)bsd_signal(some[i], note)));
    say_action("bsd_signal", some[i]);
    raise(some[i]);
    say("sigset %s\n", name_of((void *)sigset(some[i], SIG_HOLD)));
    say_action("sigset", some[i]);
    say_mask("hold");
    say("sigset %d\n", sigset(some[i], note) == SIG_HOLD);
    say_mask("open");
    sighold(some[i]);
    say_mask("sighold");
    raise(some[i]);
    touch(2);
    sigrelse(some[i]);
    sigignore(some[i]);
    say_action("sigignore", some[i]);
    raise(some[i]);
    siginterrupt(some[i], 1);
    say_action("siginterrupt", some[i]);
  }
}

static void
run_reset(void)
{
  for (size_t i = 0; i < SOME - 1; i++) {
    set(some[i], note_info, SA_SIGINFO | (int)SA_RESETHAND, false);
    raise(some[i]);
    touch(3);
    say_action("after", some[i]);
    set(some[i], note_info, SA_SIGINFO | (int)SA_RESETHAND, true);
    raise(some[i]);
    say_action("once more", some[i]);
  }
  raise(SIGSEGV);
}

static void
run_reset_by_fault(void)
{
  set(SIGSEGV, note_info, SA_SIGINFO | (int)SA_RESETHAND, false);
  crash();
}

/* ------------------------------------------------------------------ crashes */

static sigjmp_buf recovery;
static void *crash_address;

static void
crash_handler(int signal, siginfo_t *info, void *frame)
{
  ucontext_t *context = frame;
  uint64_t mask;
  memcpy(&mask, &context->uc_sigmask, sizeof mask);
  say("crash: signal %d code %d address %d errno %d; returns to %llx; mask %llx\n", signal, info->si_code,
      info->si_addr == crash_address, info->si_errno, (unsigned long long)mask,
      (unsigned long long)mask_now());
#if defined(__x86_64__)
  say("crash: trap %lld error %lld cr2 %d\n", context->uc_mcontext.gregs[REG_TRAPNO],
      context->uc_mcontext.gregs[REG_ERR], (void *)context->uc_mcontext.gregs[REG_CR2] == crash_address);
#endif
  touch(4);
  siglongjmp(recovery, 1);
}

static void
crash_at(void *address)
{
  crash_address = address;
  if (sigsetjmp(recovery, 1) == 0)
    *(volatile char *)address = 1;
  say_mask("recovered");
  touch(5);
}

/* Installed after us: it gets the crash as it would have, and may jump out. */
static void
run_crash_handler(void)
{
  void *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void *read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  sigset_t some_blocked;
  const int flags[] = { SA_SIGINFO, SA_SIGINFO | SA_NODEFER, SA_SIGINFO | SA_ONSTACK };
  sigemptyset(&some_blocked);
  sigaddset(&some_blocked, SIGUSR2);
  sigaddset(&some_blocked, SIGSYS);
  for (unsigned i = 0; i < 6; i++) {
    set(SIGSEGV, crash_handler, flags[i % 3], i >= 3);
    crash_at((void *)32);
    crash_at(none);
    crash_at(read_only);
    sigprocmask(SIG_BLOCK, &some_blocked, NULL);
  }
  set(SIGSEGV, NULL, 0, false);
  crash_at(none);
}

/* Without the mask, as longjmp() does: what the handler blocked stays blocked. */
static void
run_longjmp(void)
{
  set(SIGSEGV, crash_handler, SA_SIGINFO, false);
  crash_address = (void *)32;
  if (sigsetjmp(recovery, 0) == 0)
    crash();
  say_mask("left blocked");
  touch(6);
  crash();
}

static void
edit_handler(int signal, siginfo_t *info, void *frame)
{
  ucontext_t *context = frame;
  (void)info;
  say("edit %d %llx\n", signal, (unsigned long long)mask_now());
  sigaddset(&context->uc_sigmask, SIGUSR2);
  sigaddset(&context->uc_sigmask, SIGSEGV);
  sigaddset(&context->uc_sigmask, SIGSYS);
}

static void
run_edit_context(void)
{
  set(SIGSEGV, edit_handler, SA_SIGINFO, false);
  raise(SIGSEGV);
  say_mask("edited");
  touch(7);
  raise(SIGSEGV);
  say("not yet\n");
}

static _Atomic int stop;

static void
quiet_handler(int signal, siginfo_t *info, void *context)
{
  (void)signal, (void)info, (void)context;
  siglongjmp(recovery, 1);
}

static void *
flip(void *unused)
{
  while (!stop) {
    set(SIGSEGV, quiet_handler, SA_SIGINFO, false);
    set(SIGSEGV, quiet_handler, SA_SIGINFO | SA_RESTART | SA_NODEFER, true);
  }
  return unused;
}

/* Set by one thread while another takes signals by it. */
static void
run_set_meanwhile(void)
{
  pthread_t thread;
  volatile int caught = 0;
  set(SIGSEGV, quiet_handler, SA_SIGINFO, false);
  pthread_create(&thread, NULL, flip, NULL);
  for (volatile int i = 0; i < 2000; i++)
    if (sigsetjmp(recovery, 1) == 0)
      crash();
    else
      caught++;
  stop = 1;
  pthread_join(thread, NULL);
  say("caught %d\n", caught);
}

/* ------------------------------------------------------ filters of its own */

static void
sys_handler(int signal, siginfo_t *info, void *frame)
{
  ucontext_t *context = frame;
  say("own filter: signal %d code %d errno %d call %d mask %llx\n", signal, info->si_code, info->si_errno,
      info->si_syscall, (unsigned long long)mask_now());
  touch(8);
#if defined(__x86_64__)
  context->uc_mcontext.gregs[REG_RAX] = 4711;
#endif
}

static void
trap_getppid(void)
{
  struct sock_filter steps[] = {
    { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
    { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getppid },
    { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP | 77 },
    { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
  };
  struct sock_fprog program = { sizeof steps / sizeof *steps, steps };
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  say("filter %d\n", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static void
run_own_filter(void)
{
  set(SIGSYS, sys_handler, SA_SIGINFO, false);
  trap_getppid();
  say("result %ld\n", syscall(SYS_getppid));
  set(SIGSYS, sys_handler, SA_SIGINFO | SA_NODEFER, true);
  say("result %ld\n", syscall(SYS_getppid));
  touch(9);
  set(SIGSYS, NULL, 0, false);
  syscall(SYS_getppid);
  say("not reached\n");
}

static void
run_own_filter_blocked(void)
{
  sigset_t all;
  set(SIGSYS, sys_handler, SA_SIGINFO, false);
  trap_getppid();
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  touch(9);
  syscall(SYS_getppid);
  say("not reached\n");
}

static void
run_own_filter_ignored(void)
{
  signal(SIGSYS, SIG_IGN);
  trap_getppid();
  raise(SIGSYS);
  touch(9);
  syscall(SYS_getppid);
  say("not reached\n");
}

const struct signals_case cases_actions[] = {
  { "sigaction", run_sigaction },
  { "sigaction: errors", run_sigaction_errors },
  { "signal, bsd_signal, sigset, sighold, sigignore, siginterrupt", run_signal },
  { "SA_RESETHAND", run_reset },
  { "SA_RESETHAND by a fault", run_reset_by_fault },
  { "a crash handler that jumps out", run_crash_handler },
  { "a crash handler that jumps out and leaves the mask", run_longjmp },
  { "a handler that changes the mask that it returns to", run_edit_context },
  { "an action that is set while it is used", run_set_meanwhile },
  { "a filter of the program's own", run_own_filter },
  { "a filter of the program's own, SIGSYS blocked", run_own_filter_blocked },
  { "a filter of the program's own, SIGSYS ignored", run_own_filter_ignored },
  { NULL, NULL },
};
