/* fork.c - a tracked process makes children: by fork() the child is disarmed and
 * clean, by vfork(), posix_spawn(), system() and popen() it does not notice.
 * crash-fork [SEED] */
#include "config.h"
#include "storm.h"
#include "../engine.h"
#include "../tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIME_LIMIT 50   /* seconds: a deadlock ends here */
#define MANY_FORKS 200

extern char **environ;
static uint64_t seed;

/* What a child found; its exit status. */
enum finding {
  CHILD_IS_FINE = 0,
  CHILD_STATS_FAILED = 10,   /* ww_tracker_stats() */
  CHILD_EPOCH_RUNS,          /* the tracker is started */
  CHILD_NOT_WRITABLE,        /* by /proc/self/maps */
  CHILD_READ_FAILED,         /* read(2) into a formerly tracked page */
  CHILD_COUNTED_FAULTS,      /* the tracker has faults */
  CHILD_TRACKS_WRONG,        /* its own epochs are not right */
  CHILD_MEMORY_DIFFERS,      /* what it has read is not there */
  GRANDCHILD_FAILED,
  CHILD_STOP_FAILED
};

static int
await(pid_t child)
{
  int status;

  if (child < 0)
    return -1;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return -1;
  if (WIFSIGNALED(status))
    printf("# the child was killed by signal %d\n", WTERMSIG(status));
  else if (WEXITSTATUS(status))
    printf("# the child's exit status is %d\n", WEXITSTATUS(status));
  return status;
}

static enum finding
examine_child(struct storm *storm)
{
  struct ww_stats stats = { .size = sizeof stats };
  size_t page_size = storm->words * sizeof(uint64_t);
  struct sigaction ours, plain = { .sa_handler = SIG_DFL };
  int zero;

  if (ww_tracker_stats(storm->tracker, &stats) != 0)
    return CHILD_STATS_FAILED;
  if (stats.epoch != 0)
    return CHILD_EPOCH_RUNS;
  if (!storm_is_writable(storm))
    return CHILD_NOT_WRITABLE;
  zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  if (zero < 0 || read(zero, storm->memory + 3 * storm->words, page_size) != (ssize_t)page_size)
    return CHILD_READ_FAILED;
  close(zero);
  /* Without a handler a single fault would be the end. */
  sigaction(SIGSEGV, &plain, &ours);
  for (size_t i = 0; i < STORM_PAGES; i++)
    storm_write(storm, i, 1);
  sigaction(SIGSEGV, &ours, NULL);
  if (storm->memory[3 * storm->words + 1] != 1)
    return CHILD_MEMORY_DIFFERS;
  if (ww_tracker_stats(storm->tracker, &stats) != 0 || stats.faults != 0)
    return CHILD_COUNTED_FAULTS;
  /* From here on it is a tracker like any other. */
  if (!storm_tracks(storm, (size_t[]){ 0, 7, 8, STORM_PAGES - 1 }, 4)
      || !storm_tracks(storm, (size_t[]){ 8, 9 }, 2) || !storm_tracks(storm, NULL, 0))
    return CHILD_TRACKS_WRONG;
  return CHILD_IS_FINE;
}

/* The child of a child that tracks by itself. */
static enum finding
examine_grandchild(struct storm *storm)
{
  pid_t child;
  enum finding finding = examine_child(storm);

  if (finding != CHILD_IS_FINE)
    return finding;
  storm_write(storm, 5, 2);
  fflush(stdout);
  child = fork();
  if (child == 0) {
    alarm(TIME_LIMIT / 2);
    finding = examine_child(storm);
    fflush(stdout);
    _exit((int)finding);
  }
  if (await(child) != 0)
    return GRANDCHILD_FAILED;
  if (!storm_tracks(storm, (size_t[]){ 1, 2, 40 }, 3))
    return CHILD_TRACKS_WRONG;
  if (ww_stop(storm->tracker) != 0 || !storm_is_writable(storm))
    return CHILD_STOP_FAILED;
  storm_end(storm);
  return CHILD_IS_FINE;
}

/* stdout is flushed before, so that the child cannot say again what was said. */
static bool
fork_and(struct storm *storm, enum finding (*examine)(struct storm *))
{
  pid_t child;

  fflush(stdout);
  child = fork();
  if (child == 0) {
    alarm(TIME_LIMIT / 2);   /* a child does not inherit it */
    int finding = examine ? (int)examine(storm) : CHILD_IS_FINE;
    fflush(stdout);
    _exit(finding);
  }
  return await(child) == 0;
}

static void *
fork_in_thread(void *argument)
{
  return fork_and(argument, examine_child) ? argument : NULL;
}

static void
pause_a_little(void)
{
  nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
}

static void
test_children(unsigned depth)
{
  struct storm storm;
  pthread_t thread;
  void *good = NULL;
  char with[40];

  snprintf(with, sizeof with, depth ? "stacks of %u frames" : "no stacks", depth);
  if (!ok(storm_begin(&storm, seed, depth) && storm_blow(&storm), "a storm begins, %s", with))
    return;
  pause_a_little();
  ok(fork_and(&storm, examine_child), "fork in a storm: the child is disarmed, clean and can track");
  ok(fork_and(&storm, examine_grandchild), "fork in a storm: a child that tracks has a clean child");
  if (pthread_create(&thread, NULL, fork_in_thread, &storm) == 0)
    pthread_join(thread, &good);
  ok(good != NULL, "fork in a storm, from a second thread");
  ok(storm_rest(&storm), "the parent's tracking lost nothing");
  ok(storm_tracks(&storm, (size_t[]){ 4, 6, 63 }, 3), "and is exact afterwards");
  storm_end(&storm);
}

static enum finding
write_everywhere(struct storm *storm)
{
  for (size_t i = 0; i < STORM_PAGES; i++)
    storm_write(storm, i, 1);
  return CHILD_IS_FINE;
}

static void
test_many(void)
{
  struct storm storm;
  int good = 0;

  if (!ok(storm_begin(&storm, seed + 1, engine_has_writers() ? 16 : 0) && storm_blow(&storm),
          "a storm begins"))
    return;
  for (int i = 0; i < MANY_FORKS; i++)
    good += fork_and(&storm, write_everywhere);
  ok(good == MANY_FORKS, "%d forks in a storm, each child writes all pages", MANY_FORKS);
  ok(storm_rest(&storm), "the parent's tracking lost nothing");
  storm_end(&storm);
}

static bool
run_vfork(void)
{
  pid_t child = vfork();

  if (child == 0) {
    execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
    _exit(127);
  }
  return await(child) == 0;
}

static bool
run_spawn(void)
{
  char *arguments[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char[]){ "exit 0" }, NULL };
  pid_t child;

  return posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ) == 0 && await(child) == 0;
}

static bool
run_popen(void)
{
  char text[16] = "";
  FILE *pipe = popen("echo said", "r");

  if (!pipe)
    return false;
  if (!fgets(text, sizeof text, pipe))
    text[0] = '\0';
  return pclose(pipe) == 0 && strcmp(text, "said\n") == 0;
}

static void
test_spawn(void)
{
  enum { TIMES = 20 };
  struct storm storm;
  struct ww_stats stats = { .size = sizeof stats };
  int vforked = 0, spawned = 0, systems = 0, popened = 0;

  if (!ok(storm_begin(&storm, seed + 2, engine_has_writers() ? 16 : 0) && storm_blow(&storm),
          "a storm begins"))
    return;
  fflush(stdout);
  for (int i = 0; i < TIMES; i++) {
    vforked += run_vfork();
    spawned += run_spawn();
    systems += system("exit 0") == 0;
    popened += run_popen();
  }
  ok(vforked == TIMES, "vfork and exec, %d times", TIMES);
  ok(spawned == TIMES, "posix_spawn, %d times", TIMES);
  ok(systems == TIMES, "system, %d times", TIMES);
  ok(popened == TIMES, "popen, %d times", TIMES);
  ok(ww_tracker_stats(storm.tracker, &stats) == 0 && stats.epoch > 0, "the parent still tracks");
  ok(storm_rest(&storm), "and lost nothing");
  ok(storm_tracks(&storm, (size_t[]){ 10, 11 }, 2), "and is exact afterwards");
  storm_end(&storm);
}

/* Handlers of the program that run inside fork() and write to tracked memory;
 * some are registered before the library's own, some after. */
static struct storm *handled;
static int handler_calls;

static void
write_in_fork(void)
{
  if (!handled)
    return;
  handler_calls++;
  for (size_t i = 0; i < STORM_PAGES; i++)
    storm_write(handled, i, 4);
}

static enum finding
examine_handled(struct storm *storm)
{
  /* Written by the child's own handlers; a counter of its own process. */
  return handler_calls > 0 ? examine_child(storm) : CHILD_MEMORY_DIFFERS;
}

static void
test_handlers(void)
{
  enum { TIMES = 20 };
  struct storm storm;
  int good = 0;

  if (!ok(storm_begin(&storm, seed + 3, engine_has_writers() ? 16 : 0),
          "a tracker for a program with fork handlers"))
    return;
  pthread_atfork(write_in_fork, write_in_fork, write_in_fork);
  if (!ok(storm_blow(&storm), "a storm begins"))
    return;
  handled = &storm;
  for (int i = 0; i < TIMES; i++)
    good += fork_and(&storm, examine_handled);
  ok(good == TIMES, "pthread_atfork handlers that write tracked memory, %d forks", TIMES);
  ok(handler_calls >= 4 * TIMES, "they ran: %d times", handler_calls);
  handled = NULL;
  ok(storm_rest(&storm), "what they wrote was not lost");
  storm_end(&storm);
}

int
main(int argc, char **argv)
{
  seed = tap_seed(argc, argv, (uint64_t)time(NULL));
  alarm(TIME_LIMIT);
  pthread_atfork(write_in_fork, write_in_fork, write_in_fork);
  test_children(0);
  if (engine_has_writers())
    test_children(16);
  else
    skip("fork in a storm, stacks of 16 frames", ENGINE_NO_WRITERS);
  test_many();
  test_spawn();
  test_handlers();
  return tap_done();
}
