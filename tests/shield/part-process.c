/* part-process.c - processes in every way that there is of making one. */
#define _GNU_SOURCE 1
#include "config.h"
#include "tenant.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void
end_of(pid_t child, const char *what)
{
  int *status = heap_across(sizeof *status);
  *status = -1;
  pid_t got = waitpid(child, status, 0);
  say("%s: %s, status %#x\n", what, got == child ? "ended" : strerror(errno), (unsigned)*status);
}

/* What a child wrote to the pipe, to its end. */
static void
say_heard(int fd)
{
  char *text = heap_across(4000);
  size_t length = 0;
  ssize_t got;
  while ((got = read(fd, text + length, 3999 - length)) > 0)
    length += (size_t)got;
  text[length] = '\0';
  close(fd);
  say("heard %zu: %s\n", length, text);
}

static void
spawning(void)
{
  char *const arguments[] = { (char *)(uintptr_t)"sh", (char *)(uintptr_t)"-c",
                              (char *)(uintptr_t)"echo spawned; read x; echo got $x; exit 5", NULL };
  for (int round = 0; round < 6; round++) {
    posix_spawn_file_actions_t *actions = heap_across(sizeof *actions);
    posix_spawnattr_t *attributes = heap_across(sizeof *attributes);
    pid_t *child = heap_across(sizeof *child);
    int *out = heap_across(2 * sizeof *out), *in = heap_across(2 * sizeof *in);
    sigset_t *set = heap_across(sizeof *set);
    (void)!pipe(out), (void)!pipe(in);
    posix_spawn_file_actions_init(actions);
    posix_spawn_file_actions_adddup2(actions, out[1], 1);
    posix_spawn_file_actions_adddup2(actions, in[0], 0);
    posix_spawn_file_actions_addclose(actions, in[1]);
    posix_spawnattr_init(attributes);
    sigemptyset(set);
    posix_spawnattr_setsigmask(attributes, set);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK);
    int error = round % 2 ? posix_spawnp(child, "sh", actions, attributes, arguments, environ)
                          : posix_spawn(child, "/bin/sh", actions, attributes, arguments, environ);
    say("posix_spawn: %d\n", error);
    close(out[1]);
    close(in[0]);
    (void)!write(in[1], "word\n", 5);
    close(in[1]);
    say_heard(out[0]);
    end_of(*child, "spawned");
    posix_spawn_file_actions_destroy(actions);
    posix_spawnattr_destroy(attributes);
    usleep(3000);
  }
  pid_t child;
  say("posix_spawn of nothing: %d\n", posix_spawn(&child, "/nowhere/at/all", NULL, NULL, arguments, environ));
}

static void
shells(void)
{
  for (int i = 0; i < 5; i++) {
    int status = system(i % 2 ? "exit 7" : "true");
    say("system: %#x\n", (unsigned)status);
    FILE *shell = popen("echo popen; kill -TERM $$", "r");
    char *line = heap_across(200);
    say("%s", fgets(line, 200, shell) ? line : "-\n");
    say("pclose: %#x\n", (unsigned)pclose(shell));
  }
  say("system(NULL): %d\n", system(NULL) != 0);
}

static char data_word[64] = "as it was";

static void
forking(void)
{
  char *word = heap(64, 0), *large = heap(400000, 'a');
  strcpy(word, "parent's");
  say_flush();
  for (int round = 0; round < 6; round++) {
    int ends[2];
    (void)!pipe(ends);
    memset(large + 5000 * round, 'b' + round, 5000);
    pid_t child = fork();
    if (child == 0) {
      /* All that the parent had is here, and all of it can be written. */
      char *own = malloc(100000);
      FILE *stream = fdopen(ends[1], "w");
      memset(own, 1, 100000);
      strcpy(word, "child's");
      strcpy(data_word, "changed");
      fprintf(stream, "%s %s %016llx", word, data_word, (unsigned long long)digest(large, 400000));
      memset(large, 'c', 400000);
      fflush(stream);
      FILE *file = fopen("/proc/self/comm", "r");
      _exit(file && fgets(own, 100, file) ? 30 + round : 1);
    }
    close(ends[1]);
    say_heard(ends[0]);
    end_of(child, "fork");
    say("here: %s, %s, %016llx\n", word, data_word, (unsigned long long)digest(large, 400000));
    usleep(2000);
  }
}

static void
forking_twice(void)
{
  int ends[2];
  (void)!pipe(ends);
  say_flush();
  pid_t child = fork();
  if (child == 0) {
    if (fork() == 0) {
      char *text = heap_across(100);
      int length = snprintf(text, 100, "grandchild %d", setsid() == getpid());
      int status = system("exit 9");
      length += snprintf(text + length, 50, ", system %#x", (unsigned)status);
      _exit(write(ends[1], text, (size_t)length) != length);
    }
    _exit(4);
  }
  close(ends[1]);
  say_heard(ends[0]);
  end_of(child, "double fork");
}

static void
executing(void)
{
  for (volatile int round = 0; round < 6; round++) {
    int ends[2];
    (void)!pipe(ends);
    say_flush();
    volatile int *shared = heap_across(sizeof *shared);
    *shared = 0;
    pid_t child = round % 2 ? vfork() : fork();
    if (child == 0) {
      if (round % 2)
        *shared = round;  /* a vfork()ed child has our memory */
      dup2(ends[1], 1);
      execl("/bin/sh", "sh", "-c", "echo executed; trap 'echo term' TERM; kill -TERM $$; exit 6",
            (char *)NULL);
      _exit(127);
    }
    close(ends[1]);
    say_heard(ends[0]);
    end_of(child, round % 2 ? "vfork and exec" : "fork and exec");
    say("shared: %d\n", *shared);
  }
  pid_t child = vfork();
  if (child == 0) {
    execl("/nowhere/at/all", "nothing", (char *)NULL);
    strcpy(data_word, "vforked");
    _exit(errno == ENOENT ? 11 : 12);
  }
  end_of(child, "vfork and no exec");
  say("data: %s\n", data_word);
}

static char *volatile nowhere = (char *)8;

static void
waiting_for(void)
{
  siginfo_t *info = heap_across(sizeof *info);
  struct rusage *usage = heap_across(sizeof *usage);
  int *status = heap_across(sizeof *status);
  say_flush();
  pid_t child = fork();
  if (child == 0)
    _exit(17);
  say_good(waitid(P_PID, (id_t)child, info, WEXITED | WNOWAIT) == 0 && info->si_pid == child, "waitid");
  say("code %d, status %d\n", info->si_code, info->si_status);
  say_good(wait4(child, status, 0, usage) == child && usage->ru_maxrss > 0, "wait4");
  say("status %#x\n", (unsigned)*status);
  child = fork();
  if (child == 0)
    for (;;)
      pause();
  kill(child, SIGSTOP);
  say_good(waitpid(child, status, WUNTRACED) == child && WIFSTOPPED(*status), "stopped");
  kill(child, SIGKILL);
  end_of(child, "killed");
  say_good(waitpid(-1, status, 0) > 0, "no more children");
  child = fork();
  if (child == 0) {
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGSEGV, SIG_DFL);
    *nowhere = 1;
    _exit(1);
  }
  end_of(child, "a crash");
}

static int in_clone;

static int
cloned(void *argument)
{
  char *memory = argument;
  in_clone += memory[0];
  memory[1] = 'y';
  return 21;
}

static void
cloning(void)
{
  size_t size = 1 << 18;
  char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *memory = heap_across(4000);
  memory[1] = 'n';
  say_flush();
  for (int shared = 0; shared < 2; shared++) {
    pid_t *parent = heap_across(sizeof *parent);
    *parent = 0;
    house_settle();
    pid_t child = clone(cloned, stack + size,
                        CLONE_PARENT_SETTID | SIGCHLD | (shared ? CLONE_VM | CLONE_VFORK : 0),
                        memory, parent, NULL, NULL);
    say("told: %d; ", *parent == child);
    end_of(child, "clone");
    say("memory: %c %d\n", memory[1], in_clone);
  }
  munmap(stack, size);
}

static int prepared, parents, children;
static char *atfork_memory;
static void prepare(void) { prepared = ++atfork_memory[0]; }
static void in_parent(void) { parents = ++atfork_memory[4096]; }
static void in_child(void) { children = ++atfork_memory[8192]; }

static void
at_fork(void)
{
  atfork_memory = heap(12288, 0);
  pthread_atfork(prepare, in_parent, in_child);
  say_flush();
  for (int round = 0; round < 4; round++) {
    pid_t child = fork();
    if (child == 0)
      _exit(prepared * 16 + children);
    end_of(child, "atfork");
    usleep(4000);
  }
  say("prepared %d, parent %d, child %d\n", prepared, parents, children);
}

const struct part process_parts[] = {
  { "spawning", spawning, false }, { "shells", shells, false }, { "forking", forking, false },
  { "forking-twice", forking_twice, false }, { "executing", executing, false },
  { "waiting-for", waiting_for, false }, { "cloning", cloning, false }, { "at-fork", at_fork, false },
  { NULL, NULL, false }
};
