/* cases_processes.c - what other programs inherit, and that a child in our memory changes nothing. */
#include "config.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void
say_all(const char *what)
{
  say_mask(what);
  say_action(what, SIGSEGV);
  say_action(what, SIGSYS);
  say_action(what, SIGSTKFLT);
  say_action(what, SIGUSR1);
}

static void
set_some(int kind)
{
  sigset_t set;
  sigemptyset(&set);
  if (kind & 1)
    sigfillset(&set);
  if (kind == 3)
    sigdelset(&set, SIGSEGV);
  if (kind == 5)
    sigdelset(&set, SIGSYS);
  signal(SIGSEGV, kind & 2 ? SIG_IGN : note);
  signal(SIGSYS, kind & 4 ? SIG_IGN : SIG_DFL);
  signal(SIGSTKFLT, kind & 4 ? SIG_IGN : note);
  signal(SIGUSR1, kind & 2 ? SIG_IGN : note);
  sigprocmask(SIG_SETMASK, &set, NULL);
}

static void
wait_for(pid_t child)
{
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  say("ended %#x\n", (unsigned)status);
}

static void
run_spawn(void)
{
  for (int kind = 0; kind < 8; kind++)
    for (int options = 0; options < 4; options++) {
      char path[4096], status[] = "--status", *arguments[] = { path, status, NULL };
      snprintf(path, sizeof path, "%s", own_path);
      posix_spawnattr_t attributes;
      sigset_t set, defaults;
      pid_t child;
      short flags = 0;
      set_some(kind);
      posix_spawnattr_init(&attributes);
      sigfillset(&set);
      if (options & 1) {
        flags |= POSIX_SPAWN_SETSIGMASK;
        if (kind & 1)
          sigdelset(&set, SIGSEGV);
        posix_spawnattr_setsigmask(&attributes, &set);
      }
      sigemptyset(&defaults);
      if (options & 2) {
        flags |= POSIX_SPAWN_SETSIGDEF;
        sigaddset(&defaults, SIGSEGV);
        sigaddset(&defaults, SIGUSR1);
        sigaddset(&defaults, SIGSTKFLT);
        posix_spawnattr_setsigdefault(&attributes, &defaults);
      }
      posix_spawnattr_setflags(&attributes, flags);
      int error = posix_spawn(&child, own_path, NULL, &attributes, arguments, environ);
      wait_for(child);
      say("spawn %d %d: %d\n", kind, options, error);
      say_all("parent");
      touch((unsigned)kind);
      if (posix_spawn(&child, "/nonexistent", NULL, &attributes, arguments, environ) != ENOENT)
        say("spawned\n");
      say_all("parent");
    }
}

static void
run_exec(void)
{
  for (int kind = 0; kind < 8; kind++) {
    pid_t child = fork();
    if (child == 0) {
      set_some(kind);
      execl("/nonexistent", "nothing", (char *)NULL);
      execl("/", "nothing", (char *)NULL);
      execl("/etc/passwd", "nothing", (char *)NULL);
      say("no exec: %d\n", errno);
      say_all("child");
      raise(SIGUSR1);
      execl(own_path, own_path, "--status", (char *)NULL);
      _exit(127);
    }
    wait_for(child);
  }
  touch(1);
}

/* What is pending is pending in the next image. */
static void
run_exec_pending(void)
{
  for (int by = 0; by < 2; by++) {
    pid_t child = fork();
    if (child == 0) {
      set_some(1);
      raise(SIGSEGV);
      if (by)
        kill(getpid(), SIGUSR1);
      execl("/nonexistent", "nothing", (char *)NULL);
      execl(own_path, own_path, "--status", (char *)NULL);
      _exit(127);
    }
    wait_for(child);
  }
  set_some(1);
  raise(SIGSEGV);
  execl("/nonexistent", "nothing", (char *)NULL);
  touch(2);
  say("still pending\n");
  set_some(0);
  say("taken\n");
}

static void
run_shell(void)
{
  for (int kind = 0; kind < 8; kind++) {
    set_some(kind);
    say("system %#x\n", (unsigned)system("grep -E '^Sig(Blk|Ign)' /proc/self/status; exit 3"));
    FILE *file = popen("exec grep -E '^Sig(Blk|Ign)' /proc/self/status", "r");
    char line[128];
    while (file && fgets(line, sizeof line, file))
      say("%s", line);
    say("pclose %d\n", file ? pclose(file) : -1);
    say_all("parent");
    touch(3);
  }
}

/* By the calls themselves, in the memory and on the variables of the parent. */
static void
run_vfork(void)
{
  for (volatile int kind = 0; kind < 8; kind++) {
    set_some(kind);
    say_all("before");
    pid_t child = vfork();
    if (child == 0) {
      uint64_t mask = kind & 1 ? 0x40000000 : ~(uint64_t)0x400;
      struct { uintptr_t handler; unsigned long flags; uintptr_t restorer; uint64_t mask; } action;
      memset(&action, 0, sizeof action);
      action.handler = kind & 2 ? 0 : 1;
      touch(4);
      syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
      syscall(SYS_rt_sigaction, SIGSEGV, &action, NULL, 8);
      syscall(SYS_rt_sigaction, SIGSYS, &action, NULL, 8);
      syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8);
      say_all("child");
      touch(5);
      if (kind & 4)
        _exit(7);
      execl(own_path, own_path, "--status", (char *)NULL);
      _exit(127);
    }
    wait_for(child);
    say_all("parent");
    touch(6);
  }
}

static void
run_vfork_crash(void)
{
  set_some(0);
  pid_t child = vfork();
  if (child == 0) {
    struct { uintptr_t handler; unsigned long flags; uintptr_t restorer; uint64_t mask; } action;
    memset(&action, 0, sizeof action);
    syscall(SYS_rt_sigaction, SIGSEGV, &action, NULL, 8);
    crash();
    _exit(0);
  }
  wait_for(child);
  touch(7);
  say_all("parent");
  raise(SIGSEGV);
}

const struct signals_case cases_processes[] = {
  { "posix_spawn", run_spawn },
  { "exec", run_exec },
  { "exec with signals pending", run_exec_pending },
  { "system, popen", run_shell },
  { "vfork", run_vfork },
  { "vfork, and the child crashes", run_vfork_crash },
  { NULL, NULL },
};
