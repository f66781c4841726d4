/* verdict.c - a row runs in a child: it may crash, hang, or change the process for good. */
#include "matrix.h"
#include "verdict.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STATUS_NOT_HERE = 77, FAILURES_TOLD = 4 };

static struct verdict {
  unsigned failures;
  size_t length;
  char where[120];
  char text[4096];
} *verdict;

static void
say(const char *what, va_list arguments)
{
  size_t room = sizeof verdict->text - verdict->length;
  int length = vsnprintf(verdict->text + verdict->length, room, what, arguments);
  verdict->length += length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
}

static void
say_words(const char *what, ...)
{
  va_list arguments;
  va_start(arguments, what);
  say(what, arguments);
  va_end(arguments);
}

bool
check(bool good, const char *what, ...)
{
  va_list arguments;
  if (good)
    return true;
  int error = errno;
  if (verdict->failures++ < FAILURES_TOLD) {
    say_words("# %s%s", verdict->where, verdict->where[0] ? ": " : "");
    va_start(arguments, what);
    say(what, arguments);
    va_end(arguments);
    say_words("\n");
  }
  errno = error;
  return false;
}

void
fail(const char *what, ...)
{
  va_list arguments;
  char words[400];
  va_start(arguments, what);
  vsnprintf(words, sizeof words, what, arguments);
  va_end(arguments);
  check(false, "%s", words);
}

void
verdict_place(const char *where, ...)
{
  va_list arguments;
  va_start(arguments, where);
  vsnprintf(verdict->where, sizeof verdict->where, where, arguments);
  va_end(arguments);
}

void
not_here(const char *reason)
{
  verdict->length = 0;
  say_words("%s", reason);
  _exit(verdict->failures ? 1 : STATUS_NOT_HERE);
}

/* The child's status; it is killed when its time is up. */
static int
wait_for(pid_t child, unsigned seconds, bool *late)
{
  int status;
  struct timespec moment = { 0, 200000 };
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  *late = false;
  for (;;) {
    if (waitpid(child, &status, WNOHANG) == child)
      return status;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!*late && now.tv_sec - start.tv_sec > (time_t)seconds) {
      kill(child, SIGKILL);
      *late = true;
    }
    nanosleep(&moment, NULL);
    if (moment.tv_nsec < 2000000)
      moment.tv_nsec += 100000;
  }
}

enum outcome_kind
verdict_of(void (*body)(void *), void *argument, unsigned seconds, const char **text)
{
  bool late;
  if (!verdict) {
    verdict = mmap(NULL, sizeof *verdict, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (verdict == MAP_FAILED)
      abort();
  }
  memset(verdict, 0, sizeof *verdict);
  *text = verdict->text;
  fflush(stdout);
  pid_t child = fork();
  if (child < 0)
    abort();
  if (!child) {
    body(argument);
    _exit(verdict->failures != 0);
  }
  int status = wait_for(child, seconds, &late);
  if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NOT_HERE)
    return CANNOT_BE_HERE;
  if (late)
    say_words("# %s: not done after %u seconds\n", verdict->where, seconds);
  else if (WIFSIGNALED(status))
    say_words("# %s: killed by signal %d (%s)\n", verdict->where, WTERMSIG(status),
              strsignal(WTERMSIG(status)));
  else if (WEXITSTATUS(status) && !verdict->failures)
    say_words("# %s: exit status %d\n", verdict->where, WEXITSTATUS(status));
  if (verdict->failures > FAILURES_TOLD)
    say_words("# ... %u more\n", verdict->failures - FAILURES_TOLD);
  return status || late || verdict->failures ? CAME_OUT_WRONG : CAME_OUT_RIGHT;
}
