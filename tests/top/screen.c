/* screen.c - `writewatch top' on a terminal, of a trace that grows: what it shows, and how it leaves. */
#include "config.h"
#include "terminal.h"
#include "../tap.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/writewatch-screen-XXXXXX";
static char whole[128], growing[128], hostile[128], tool[4096];
static const char *build;

static bool
run(const char *program, ...)
{
  char path[4096], *arguments[24] = { path };
  unsigned count = 1;
  va_list list;
  int status = -1;
  pid_t child;

  snprintf(path, sizeof path, "%s/%s", build, program);
  va_start(list, program);
  while (count < 23 && (arguments[count] = va_arg(list, char *)))
    count++;
  va_end(list);
  child = fork();
  if (child == 0) {
    execv(path, arguments);
    _exit(99);
  }
  return waitpid(child, &status, 0) == child && status == 0;
}

/* Writes `whole` into `growing`, bit by bit, for ever at the end. */
static pid_t
feed(unsigned pieces)
{
  const struct timespec pause = { 0, 30000000 };
  struct stat status;
  pid_t child;
  int to = open(growing, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  int from = open(whole, O_RDONLY | O_CLOEXEC);

  if (to < 0 || from < 0 || fstat(from, &status) != 0)
    exit(99);
  child = fork();
  if (child == 0) {
    size_t piece = (size_t)status.st_size / pieces + 1;
    char *bytes = malloc(piece);
    ssize_t got;

    while ((got = read(from, bytes, piece)) > 0) {
      if (write(to, bytes, (size_t)got) != got)
        _exit(1);
      nanosleep(&pause, NULL);
    }
    _exit(0);
  }
  close(to);
  close(from);
  return child;
}

static void
watch_slowly(struct terminal *terminal, unsigned rows, unsigned columns, char *file)
{
  char top[] = "top", delay[] = "--delay=1000";
  char *command[] = { tool, top, delay, file, NULL };

  terminal_start(terminal, rows, columns, command);
}

static void
watch(struct terminal *terminal, unsigned rows, unsigned columns, char *file)
{
  char top[] = "top", delay[] = "--delay=0.1";
  char *command[] = { tool, top, delay, file, NULL };

  terminal_start(terminal, rows, columns, command);
}

static void
check(struct terminal *terminal, bool good, const char *what)
{
  if (!ok(good, "%s", what))
    terminal_print(terminal);
}

/* The epoch that is shown. */
static unsigned
epoch_of(const struct terminal *terminal)
{
  for (unsigned row = 0; row < terminal->rows; row++) {
    char line[SCREEN_COLUMNS + 1];
    const char *at;

    memcpy(line, terminal->cell[row], SCREEN_COLUMNS);
    line[SCREEN_COLUMNS] = 0;
    at = strstr(line, ", epoch ");
    if (at)
      return (unsigned)strtoul(at + 8, NULL, 10);
  }
  return 0;
}

static bool
is_later(struct terminal *terminal, const void *epoch)
{
  return epoch_of(terminal) > *(const unsigned *)epoch;
}

static bool
is_drawn_again(struct terminal *terminal, const void *frames)
{
  return terminal->frames > *(const unsigned *)frames;
}

static void
fits(struct terminal *terminal, const char *what)
{
  check(terminal, terminal->overrun == 0 && terminal->scrolled == 0 && terminal->unknown == 0, what);
  if (terminal->overrun || terminal->scrolled || terminal->unknown)
    printf("# %u beyond the right, %u beyond the end, %u unknown\n", terminal->overrun, terminal->scrolled,
           terminal->unknown);
}

static void
shows_what_grows(void)
{
  struct terminal terminal;
  pid_t feeder = feed(200);
  unsigned epoch, frames;

  watch(&terminal, 30, 100, growing);
  check(&terminal, terminal_await_text(&terminal, "MiB/s") && terminal.other_screen && !terminal.cursor_shown,
        "it draws on the other screen");
  check(&terminal, terminal_await_text(&terminal, "[heap]") && terminal_await_text(&terminal, "REGION"),
        "regions");
  check(&terminal, terminal_await_text(&terminal, "FIRST WRITER")
        && terminal_await_text(&terminal, "not known"), "writers");
  check(&terminal, terminal_await_text(&terminal, "trapped")
        && terminal_await_text(&terminal, "declared (kernel)"), "how pages are known");
  check(&terminal, terminal_await_text(&terminal, "that can be written"), "coverage");
  epoch = epoch_of(&terminal);
  check(&terminal, terminal_await(&terminal, is_later, &epoch), "it goes on as the trace grows");
  terminal_type(&terminal, "p");
  check(&terminal, terminal_await_text(&terminal, "PAUSED"), "p pauses");
  terminal_type(&terminal, "p");
  check(&terminal, terminal_await_text(&terminal, "ENDED"), "it says when the recording has ended");
  fits(&terminal, "all fits, always");
  frames = terminal.frames;
  terminal_resize(&terminal, 12, 44);
  check(&terminal, terminal_await(&terminal, is_drawn_again, &frames), "another size is drawn");
  /* What was on its way when the size changed was drawn for another. */
  for (unsigned i = 0; i < 3; i++) {
    frames = terminal.frames;
    terminal_await(&terminal, is_drawn_again, &frames);
    if (i == 1)
      terminal.overrun = terminal.scrolled = 0;
  }
  fits(&terminal, "and all fits again");
  terminal_type(&terminal, "q");
  check(&terminal, terminal_await_end(&terminal) && terminal.status == 0, "q ends it, status 0");
  ok(terminal_is_as_before(&terminal), "the terminal is as it was");
  terminal_end(&terminal);
  waitpid(feeder, NULL, 0);
}

/* Long before the next refresh. */
static void
draws_what_is_asked_for(void)
{
  struct terminal terminal;
  unsigned frames;

  watch_slowly(&terminal, 24, 80, whole);
  terminal_await_text(&terminal, "q quit");
  frames = terminal.frames;
  terminal_resize(&terminal, 12, 44);
  check(&terminal, terminal_await(&terminal, is_drawn_again, &frames), "another size is drawn at once");
  frames = terminal.frames;
  terminal_type(&terminal, " ");
  check(&terminal, terminal_await(&terminal, is_drawn_again, &frames), "and a blank refreshes");
  terminal_type(&terminal, "q");
  ok(terminal_await_end(&terminal) && terminal.status == 0, "q is heard at once");
  terminal_end(&terminal);
}

static void
leaves_on_signals(void)
{
  static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
    struct terminal terminal;

    watch(&terminal, 24, 80, whole);
    terminal_await_text(&terminal, "REGION");
    if (signals[i] == SIGINT)
      terminal_type(&terminal, "\003");   /* as a person does */
    else
      kill(terminal.child, signals[i]);
    ok(terminal_await_end(&terminal) && WIFSIGNALED(terminal.status)
         && WTERMSIG(terminal.status) == signals[i], "SIG%s ends it, and is seen by its parent",
       sigabbrev_np(signals[i]));
    ok(terminal_is_as_before(&terminal), "and the terminal is as it was");
    terminal_end(&terminal);
  }
}

static bool
is_back(struct terminal *terminal, const void *unused)
{
  (void)unused;
  return terminal->other_screen && terminal_shows(terminal, "REGION");
}

/* As a person does, from a shell: nobody else could be stopped and go on. */
static void
stops_and_goes_on(void)
{
  char shell[] = "sh", flag[] = "-c", top[] = "top", delay[] = "--delay=0.1",
       script[] = "set -m; \"$@\"; echo WAS STOPPED; read line; fg >/dev/null; echo CAME BACK";
  char *command[] = { shell, flag, script, shell, tool, top, delay, whole, NULL };
  struct terminal terminal;

  terminal_start(&terminal, 24, 80, command);
  terminal_await(&terminal, is_back, NULL);
  terminal_type(&terminal, "\032");
  check(&terminal, terminal_await_text(&terminal, "WAS STOPPED"), "^Z stops it");
  ok(terminal_is_as_before(&terminal), "meanwhile the terminal is the shell's");
  memset(terminal.cell, ' ', sizeof terminal.cell);
  terminal_type(&terminal, "\n");
  check(&terminal, terminal_await(&terminal, is_back, NULL), "it goes on, and draws again");
  terminal_type(&terminal, "q");
  check(&terminal, terminal_await_text(&terminal, "CAME BACK"), "and ends on q");
  ok(terminal_await_end(&terminal) && terminal_is_as_before(&terminal), "the terminal is as it was");
  terminal_end(&terminal);
}

static void
shows_hostile_names(void)
{
  struct terminal terminal;

  watch(&terminal, 24, 200, hostile);
  check(&terminal, terminal_await_text(&terminal, "ENDED") && terminal_await_text(&terminal, "\\x1b[31m"),
        "control characters in names are shown, not sent");
  check(&terminal, terminal.unknown == 0 && terminal.overrun == 0, "nothing else reaches the terminal");
  terminal_type(&terminal, "q");
  terminal_await_end(&terminal);
  terminal_end(&terminal);
}

int
main(void)
{
  char epochs[] = "--epochs=400", pages[] = "--pages=20000", dirty[] = "--dirty=500",
       adaptive[] = "--adaptive", real[] = "--real";

  build = getenv("top_builddir");
  if (!build || !mkdtemp(folder))
    return 99;
  snprintf(tool, sizeof tool, "%s/writewatch", build);
  snprintf(whole, sizeof whole, "%s/whole", folder);
  snprintf(growing, sizeof growing, "%s/growing", folder);
  snprintf(hostile, sizeof hostile, "%s/hostile", folder);
  if (!run("tests/trace/make_trace", epochs, pages, dirty, adaptive, real, whole, NULL)
      || !run("tests/html/hostile_trace", hostile, NULL))
    return 99;
  shows_what_grows();
  draws_what_is_asked_for();
  leaves_on_signals();
  stops_and_goes_on();
  shows_hostile_names();
  unlink(whole);
  unlink(growing);
  unlink(hostile);
  rmdir(folder);
  return tap_done();
}
