/* cases_places.c - faults in places where much else is going on, and alternate stacks. */
#include "config.h"
#include "signals.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int
callback(struct dl_phdr_info *info, size_t size, void *count)
{
  (void)info, (void)size;
  touch(1 + (unsigned)(*(int *)count)++ % 4);
  return 0;
}

static void
run_dl_iterate(void)
{
  int count = 0;
  dl_iterate_phdr(callback, &count);
  say("objects %d\n", count > 0);
}

static void
run_dlopen(void)
{
  const char *folder = getenv("top_builddir");
  char path[4096];
  snprintf(path, sizeof path, "%s/tests/shield/.libs/plugin.so", folder ? folder : ".");
  void *plugin = dlopen(path, RTLD_NOW);
  say("dlopen %s\n", plugin ? "done" : dlerror());
  if (plugin)
    say("dlclose %d\n", dlclose(plugin));
}

static pthread_key_t key;
static _Thread_local volatile int own;

static void
destroy(void *page)
{
  touch((unsigned)(uintptr_t)page);
}

static void *
begin(void *page)
{
  touch((unsigned)(uintptr_t)page);
  own++;
  pthread_setspecific(key, (void *)((uintptr_t)page + 8));
  if ((uintptr_t)page & 1)
    pthread_exit(NULL);
  return NULL;
}

static void
run_threads(void)
{
  sigset_t all;
  pthread_key_create(&key, destroy);
  for (int round = 0; round < 50; round++) {
    pthread_t thread[8];
    for (unsigned i = 0; i < 8; i++)
      pthread_create(&thread[i], NULL, begin, (void *)(uintptr_t)(10 + i));
    for (unsigned i = 0; i < 8; i++)
      pthread_join(thread[i], NULL);
    /* And the same with everything blocked. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
  }
  say("threads\n");
}

static void before(void) { touch(30); }
static void parent(void) { touch(31); }
static void child(void) { touch(32); }

static void
run_atfork(void)
{
  pthread_atfork(before, parent, child);
  for (int i = 0; i < 5; i++) {
    int status;
    pid_t process = fork();
    if (process == 0) {
      touch(33);
      _exit(5);
    }
    waitpid(process, &status, 0);
    say("child %#x\n", (unsigned)status);
  }
}

static int
compare(const void *a, const void *b)
{
  touch(34);
  return *(const int *)a - *(const int *)b;
}

static void
crash_in_handler(int signal)
{
  say("handler %d\n", signal);
  touch(35);
  if (signal == SIGUSR1)
    crash();
  say("never\n");
}

static void
run_crash_in_handler(void)
{
  int numbers[] = { 3, 1, 2 };
  qsort(numbers, 3, sizeof *numbers, compare);
  signal(SIGUSR1, crash_in_handler);
  raise(SIGUSR1);
}

/* -------------------------------------------------------- alternate stacks */

static char *alternate;
enum { ALTERNATE = 65536 };
static sigjmp_buf back;

static void
say_stack(const char *what)
{
  stack_t stack;
  int result = sigaltstack(NULL, &stack);
  say("%s: %d ours %d size %zu flags %x\n", what, result, stack.ss_sp == alternate, stack.ss_size,
      (unsigned)stack.ss_flags);
}

static void
on_stack(int signal)
{
  stack_t none = { .ss_flags = SS_DISABLE };
  char *here = __builtin_frame_address(0);
  say("signal %d on it %d\n", signal, here >= alternate && here < alternate + ALTERNATE);
  say_stack("in the handler");
  errno = 0;
  int result = sigaltstack(&none, NULL);
  say("disable: %d %d\n", result, errno);
  touch(36);
  if (signal == SIGSEGV)
    siglongjmp(back, 1);
}

static void
run_altstack(void)
{
  const int disarms = (int)(1u << 31);
  alternate = mmap(NULL, ALTERNATE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t stack = { .ss_sp = alternate, .ss_size = ALTERNATE }, tiny = { .ss_sp = alternate, .ss_size = 100 };
  stack_t wrong = { .ss_sp = alternate, .ss_size = ALTERNATE, .ss_flags = 0x40 }, old;
  say_stack("first");
  for (int i = 0; i < 4; i++) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_stack;
    action.sa_flags = i & 1 ? SA_ONSTACK : 0;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    stack.ss_flags = i & 2 ? disarms : 0;
    int result = sigaltstack(&stack, &old);
    say("set: %d, was ours %d size %zu flags %x\n", result, old.ss_sp == alternate, old.ss_size,
        (unsigned)old.ss_flags);
    say_stack("set");
    errno = 0;
    result = sigaltstack(&tiny, NULL);
    say("tiny: %d %d\n", result, errno);
    result = sigaltstack(&wrong, NULL);
    say("wrong: %d %d\n", result, errno);
    raise(SIGUSR1);
    say_stack("after");
    sigaltstack(&stack, NULL);
    if (sigsetjmp(back, 1) == 0)
      crash();
    say_stack("after the crash");
    touch(37);
  }
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, NULL);
  say_stack("none");
}

const struct signals_case cases_places[] = {
  { "faults in dl_iterate_phdr", run_dl_iterate },
  { "faults in dlopen and dlclose", run_dlopen },
  { "faults as threads begin and end", run_threads },
  { "faults in pthread_atfork handlers", run_atfork },
  { "a crash in a handler, a fault in qsort", run_crash_in_handler },
  { "sigaltstack", run_altstack },
  { NULL, NULL },
};
