/* run.c - start a victim, watch its signals by ptrace(2), collect its remains. */
#include "config.h"
#include "run.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIME_LIMIT 10  /* seconds for a run that takes milliseconds */

static void
become_victim(const struct runner *runner, char *const *arguments, int report, int wake)
{
  struct rlimit stack = { 1u << 20, RLIM_INFINITY };
  struct rlimit core = { (rlim_t)runner->core_limit, (rlim_t)runner->core_limit };
  sigset_t none;

  if (runner->core_limit < 0)
    core.rlim_cur = core.rlim_max = RLIM_INFINITY;
  if (dup2(wake, 9) < 0 || dup2(report, VICTIM_REPORT) < 0 || dup2(9, VICTIM_WAKE) < 0)
    _exit(80);
  for (int fd = VICTIM_WAKE + 1; fd < 32; fd++)
    close(fd);
  setrlimit(RLIMIT_STACK, &stack);
  if (setrlimit(RLIMIT_CORE, &core) != 0) {
    /* An ordinary user may not raise the hard limit. */
    getrlimit(RLIMIT_CORE, &core);
    core.rlim_cur = core.rlim_max;
    setrlimit(RLIMIT_CORE, &core);
  }
  signal(SIGSEGV, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  alarm(TIME_LIMIT);
  if (personality(ADDR_NO_RANDOMIZE) < 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
    _exit(81);
  execv(runner->program, arguments);
  _exit(82);
}

/* The files named core or core.NUMBER: read the first, remove all. */
static void
take_cores(const struct runner *runner, struct outcome *outcome)
{
  DIR *directory = opendir(".");
  struct dirent *entry;

  while (directory && (entry = readdir(directory))) {
    if (strncmp(entry->d_name, "core", 4) != 0)
      continue;
    if (runner->read_cores && core_read(entry->d_name, &outcome->core) == 0)
      outcome->has_core = true;
    unlink(entry->d_name);
  }
  if (directory)
    closedir(directory);
}

/* A signal stop: what is to be delivered? */
static int
on_stop(pid_t thread, int status, struct outcome *outcome, pid_t *ringing)
{
  struct user_regs_struct registers;
  siginfo_t info;
  int signal = WSTOPSIG(status);

  if (status >> 16 || signal == SIGTRAP || signal == SIGSTOP)
    return 0;
  if (signal == SIGUSR2) {
    *ringing = thread;
    return 0;
  }
  if (signal == SIGSEGV && ptrace(PTRACE_GETSIGINFO, thread, NULL, &info) == 0
      && ptrace(PTRACE_GETREGS, thread, NULL, &registers) == 0) {
    outcome->has_info = true;
    outcome->info = info;
    outcome->rip = registers.rip;
    outcome->rsp = registers.rsp;
  }
  return signal;
}

static void
nap(void)
{
  nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
}

/* Has it done with the signal? Under the shield it may have come to the first thread, which blocks it
 * and sends it on: look at that one first. */
static bool
is_settled(pid_t process, pid_t sleeper)
{
  return thread_state(process, process) == 'S' && thread_state(process, sleeper) == 'S';
}

/* Trace until the victim is no more. When it rings, send it the signal once it
 * sleeps, and a byte once it sleeps again (or has never woken). */
static void
trace(pid_t process, int wake, struct outcome *outcome)
{
  pid_t sleeper = 0;  /* a byte is due to this thread */
  unsigned char round = 0;

  for (;;) {
    int status, signal;
    pid_t ringing = 0, thread = waitpid(-1, &status, __WALL | (sleeper ? WNOHANG : 0));
    if (thread == 0) {
      if (is_settled(process, sleeper)) {
        if (write(wake, &round, 1) != 1)
          kill(process, SIGKILL);
        sleeper = 0;
      } else {
        nap();
      }
      continue;
    }
    if (thread < 0)
      return;
    if (!WIFSTOPPED(status)) {
      if (thread == process) {
        outcome->status = status;
        return;
      }
      continue;
    }
    if (sleeper && WSTOPSIG(status) == SIGUSR2) {
      /* It left the sleep by siglongjmp(): the byte is stale, but counted. */
      if (write(wake, &round, 1) != 1)
        kill(process, SIGKILL);
      sleeper = 0;
    }
    signal = on_stop(thread, status, outcome, &ringing);
    if (signal == SIGALRM)
      outcome->hung = true;
    ptrace(PTRACE_CONT, thread, NULL, (void *)(intptr_t)signal);
    if (ringing) {
      round++;
      while (thread_state(process, ringing) != 'S' && thread_state(process, ringing) != '\0')
        nap();
      kill(process, SIGSEGV);
      sleeper = ringing;
    }
  }
}

static void
read_records(int fd, char *records, size_t size)
{
  size_t length = 0;
  ssize_t got;

  while (length < size - 1 && (got = read(fd, records + length, size - 1 - length)) > 0)
    length += (size_t)got;
  records[length] = '\0';
}

int
run_victim(const struct runner *runner, enum when when, unsigned crash, unsigned disposition, bool in_thread,
           unsigned mode, struct outcome *outcome)
{
  char numbers[5][4];
  char *arguments[] = { (char *)(intptr_t)runner->program, numbers[0], numbers[1], numbers[2], numbers[3],
                        numbers[4], NULL };
  int report[2], wake[2], status;

  memset(outcome, 0, sizeof *outcome);
  snprintf(numbers[0], sizeof numbers[0], "%02u", (unsigned)when % 100);
  snprintf(numbers[1], sizeof numbers[1], "%02u", crash % 100);
  snprintf(numbers[2], sizeof numbers[2], "%02u", disposition % 100);
  snprintf(numbers[3], sizeof numbers[3], "%02u", (unsigned)in_thread);
  snprintf(numbers[4], sizeof numbers[4], "%02u", mode % 100);
  if (pipe(report) != 0)
    return -errno;
  if (pipe(wake) != 0) {
    status = -errno;
    close(report[0]);
    close(report[1]);
    return status;
  }
  outcome->victim = fork();
  if (outcome->victim == 0)
    become_victim(runner, arguments, report[1], wake[0]);
  status = outcome->victim < 0 ? -errno : 0;
  close(report[1]);
  close(wake[0]);
  if (status == 0) {
    /* Nobody reads while the victim writes: its records fit into the pipe. */
    if (waitpid(outcome->victim, &outcome->status, 0) == outcome->victim && WIFSTOPPED(outcome->status)) {
      ptrace(PTRACE_SETOPTIONS, outcome->victim, NULL,
             (void *)(intptr_t)(PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL));
      ptrace(PTRACE_CONT, outcome->victim, NULL, NULL);
      trace(outcome->victim, wake[1], outcome);
    }
    read_records(report[0], outcome->records, sizeof outcome->records);
    take_cores(runner, outcome);
  }
  close(report[0]);
  close(wake[1]);
  return status;
}

const char *
run_obstacle(void)
{
  int status = 0;
  pid_t child = fork();

  if (child == 0) {
    if (personality(ADDR_NO_RANDOMIZE) < 0)
      _exit(1);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
      _exit(2);
    _exit(0);
  }
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
    return "a child process could not be run";
  return WEXITSTATUS(status) == 1 ? "personality(ADDR_NO_RANDOMIZE) is not permitted here"
         : WEXITSTATUS(status) == 2 ? "ptrace(PTRACE_TRACEME) is not permitted here" : NULL;
}
