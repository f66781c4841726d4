/* contest.c - runs the contestants: a fresh process image each, rivals in turn.
 *
 * Two contestants that are compared fault by fault run in lock step: one epoch
 * of one, then one epoch of the other, so that what else the machine does falls
 * on both. A byte in a pipe is the baton; who does not have it sleeps. */
#include "config.h"
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ------------------------------------------------------- a contestant's side */

static int baton_from = -1, baton_to = -1;

bool
baton_take(const char *text)
{
  /* A rival that has ended takes no baton; that must not end us, too. */
  signal(SIGPIPE, SIG_IGN);
  return sscanf(text, "%d,%d", &baton_from, &baton_to) == 2;
}

void
baton_wait(void)
{
  char byte;

  if (baton_from < 0)
    return;
  while (read(baton_from, &byte, 1) < 0 && errno == EINTR)
    ;
}

void
baton_swap(void)
{
  if (baton_to < 0)
    return;
  (void)!write(baton_to, "b", 1);
  baton_wait();
}

/* --------------------------------------------------------- the driver's side */

struct runner {
  const struct contestant *contestant;
  pid_t process;
  int   lines;      /* where its metrics come from */
};

static int
read_metrics(const struct runner *runner, unsigned round, struct results *results)
{
  FILE *lines = fdopen(runner->lines, "re");
  char line[256], metric[48], unit[16];
  int status = 0;
  double value;

  if (!lines) {
    close(runner->lines);
    return bench_fail("fdopen: %s", strerror(errno));
  }
  while (status == 0 && fgets(line, sizeof line, lines)) {
    if (sscanf(line, "%47s %15s %lf", metric, unit, &value) != 3)
      status = bench_fail("%s said what is no metric: %s", runner->contestant->name, line);
    else
      status = results_add(results, runner->contestant, round, metric, unit, value);
  }
  fclose(lines);
  return status;
}

/* The ends of the baton's pipes that this one uses stay open in its image. */
static int
start(struct runner *runner, bool quick, int from, int to)
{
  char baton[32];
  int ends[2];

  if (pipe2(ends, O_CLOEXEC) != 0)
    return bench_fail("pipe: %s", strerror(errno));
  runner->process = fork();
  if (runner->process < 0) {
    close(ends[0]);
    close(ends[1]);
    return bench_fail("fork: %s", strerror(errno));
  }
  if (runner->process == 0) {
    const char *arguments[8] = { "bench", "--contestant", runner->contestant->name };
    size_t count = 3;

    dup2(ends[1], STDOUT_FILENO);
    if (quick)
      arguments[count++] = "--quick";
    if (from >= 0) {
      fcntl(from, F_SETFD, 0);
      fcntl(to, F_SETFD, 0);
      snprintf(baton, sizeof baton, "%d,%d", from, to);
      arguments[count++] = "--baton";
      arguments[count++] = baton;
    }
    execv("/proc/self/exe", (char *const *)(uintptr_t)arguments);
    fprintf(stderr, "bench: /proc/self/exe: %s\n", strerror(errno));
    _exit(BENCH_FAILED);
  }
  close(ends[1]);
  runner->lines = ends[0];
  return 0;
}

static int
finish(const struct runner *runner)
{
  int status;

  while (waitpid(runner->process, &status, 0) < 0)
    if (errno != EINTR)
      return bench_fail("waitpid: %s", strerror(errno));
  if (status == 0)
    return 0;
  if (WIFSIGNALED(status))
    return bench_fail("contestant %s was ended by signal %d (%s)", runner->contestant->name, WTERMSIG(status),
                      strsignal(WTERMSIG(status)));
  return bench_fail("contestant %s failed with status %d", runner->contestant->name, WEXITSTATUS(status));
}

/* One contestant, or two rivals of which the first has the baton. */
static int
run(struct runner *runners, size_t count, unsigned round, struct results *results)
{
  int pipes[2][2] = { { -1, -1 }, { -1, -1 } }, status = 0;
  size_t started = 0;

  if (count == 2) {
    if (pipe2(pipes[0], O_CLOEXEC) != 0 || pipe2(pipes[1], O_CLOEXEC) != 0)
      return bench_fail("pipe: %s", strerror(errno));
    (void)!write(pipes[0][1], "b", 1);
  }
  while (started < count && status == 0) {
    status = start(&runners[started], results->quick, pipes[started][0], pipes[1 - started][1]);
    started += status == 0;
  }
  /* Only the rivals hold the pipes, so that the end of one wakes the other. */
  for (size_t i = 0; count == 2 && i < 2; i++) {
    close(pipes[i][0]);
    close(pipes[i][1]);
  }
  /* What they say fits in the pipes: neither waits for us while we read the other. */
  for (size_t i = 0; i < started; i++)
    status |= read_metrics(&runners[i], round, results);
  for (size_t i = 0; i < started; i++)
    status |= finish(&runners[i]);
  return status;
}

static bool
wanted(const struct contestant *contestant, char *const *only, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(only[i], contestant->name) == 0 || strcmp(only[i], contestant->group) == 0)
      return true;
  return count == 0;
}

int
contest_run(struct results *results, char *const *only, size_t only_count)
{
  for (unsigned round = 0; round < results->rounds; round++) {
    fprintf(stderr, "bench: round %u of %u\n", round + 1, results->rounds);
    for (const struct contestant *at = contestants; at->name; at++) {
      struct runner runners[2];
      size_t count = 0;

      if (round % at->every == 0 && wanted(at, only, only_count))
        runners[count++].contestant = at;
      /* Rivals are neighbours; who begins changes from round to round. */
      if (at->pair && at[1].pair == at->pair) {
        at++;
        if (wanted(at, only, only_count))
          runners[count++].contestant = at;
      }
      if (count == 2 && round % 2) {
        const struct contestant *first = runners[0].contestant;

        runners[0].contestant = runners[1].contestant;
        runners[1].contestant = first;
      }
      if (count != 0 && run(runners, count, round, results) != 0)
        return 1;
    }
  }
  return 0;
}
