/* terminal.c - a terminal, as far as `writewatch top' needs one. */
#include "config.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

void
terminal_start(struct terminal *terminal, unsigned rows, unsigned columns, char **command)
{
  struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };

  memset(terminal, 0, sizeof *terminal);
  memset(terminal->cell, ' ', sizeof terminal->cell);
  terminal->rows = rows;
  terminal->columns = columns;
  terminal->cursor_shown = true;
  if (openpty(&terminal->master, &terminal->slave, NULL, NULL, &size) != 0)
    exit(99);
  fcntl(terminal->master, F_SETFD, FD_CLOEXEC);
  fcntl(terminal->master, F_SETFL, O_NONBLOCK);
  tcgetattr(terminal->slave, &terminal->before);
  terminal->child = fork();
  if (terminal->child == 0) {
    /* Whoever runs the tests may ignore some (nohup, a shell's `&'): top would, too. */
    signal(SIGHUP, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    setenv("TERM", "xterm", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    if (login_tty(terminal->slave) != 0)
      _exit(99);
    execvp(command[0], command);
    _exit(99);
  }
}

static void
clear_from(struct terminal *terminal, unsigned row, unsigned column)
{
  for (unsigned i = column; i < SCREEN_COLUMNS; i++)
    terminal->cell[row][i] = ' ';
}

static void
obey(struct terminal *terminal, const char *arguments, char final)
{
  switch (final) {
    case 'H':
      terminal->row = terminal->column = 0;
      terminal->frames++;
      break;
    case 'K':
      clear_from(terminal, terminal->row, terminal->column);
      break;
    case 'J':
      for (unsigned row = 0; row < SCREEN_ROWS; row++)
        clear_from(terminal, row, 0);
      break;
    case 'm':
      break;
    case 'h':
    case 'l':
      if (strcmp(arguments, "?1049") == 0) {
        terminal->other_screen = final == 'h';
        break;
      }
      if (strcmp(arguments, "?25") == 0) {
        terminal->cursor_shown = final == 'h';
        break;
      }
      /* fall through */
    default:
      terminal->unknown++;
  }
}

static void
put(struct terminal *terminal, unsigned char byte)
{
  if (terminal->escape > 0) {
    if (terminal->escape == 1) {
      terminal->escape = byte == '[' ? 2 : 0;
      terminal->unknown += byte != '[';
      terminal->arguments_length = 0;
    } else if (byte >= 0x40 && byte <= 0x7e) {
      terminal->arguments[terminal->arguments_length] = 0;
      obey(terminal, terminal->arguments, (char)byte);
      terminal->escape = 0;
    } else if (terminal->arguments_length < sizeof terminal->arguments - 1) {
      terminal->arguments[terminal->arguments_length++] = (char)byte;
    }
    return;
  }
  if (byte == 033) {
    terminal->escape = 1;
  } else if (byte == '\r') {
    terminal->column = 0;
  } else if (byte == '\n') {
    if (++terminal->row >= terminal->rows) {
      terminal->scrolled++;
      terminal->row = terminal->rows - 1;
    }
  } else if (byte < 0x20 || byte == 0x7f) {
    terminal->unknown++;
  } else if ((byte & 0xc0) != 0x80) {   /* a character's first byte */
    if (terminal->column >= terminal->columns)
      terminal->overrun++;
    else if (terminal->row < SCREEN_ROWS && terminal->column < SCREEN_COLUMNS)
      terminal->cell[terminal->row][terminal->column] = byte < 0x80 ? (char)byte : '*';
    terminal->column++;
  }
}

static double
now(void)
{
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void
drain(struct terminal *terminal, int wait)
{
  struct pollfd ready = { .fd = terminal->master, .events = POLLIN };
  unsigned char buffer[4096];
  ssize_t got;

  if (poll(&ready, 1, wait) <= 0)
    return;
  while ((got = read(terminal->master, buffer, sizeof buffer)) > 0)
    for (ssize_t i = 0; i < got; i++)
      put(terminal, buffer[i]);
}

bool
terminal_shows(const struct terminal *terminal, const char *text)
{
  char line[SCREEN_COLUMNS + 1];

  for (unsigned row = 0; row < terminal->rows && row < SCREEN_ROWS; row++) {
    memcpy(line, terminal->cell[row], SCREEN_COLUMNS);
    line[SCREEN_COLUMNS] = 0;
    if (strstr(line, text))
      return true;
  }
  return false;
}

bool
terminal_await(struct terminal *terminal, bool (*is)(struct terminal *, const void *), const void *argument)
{
  double limit = now() + 60;

  while (now() < limit) {
    if (is(terminal, argument))
      return true;
    drain(terminal, 20);
  }
  return false;
}

static bool
shows(struct terminal *terminal, const void *text)
{
  return terminal_shows(terminal, text);
}

bool
terminal_await_text(struct terminal *terminal, const char *text)
{
  return terminal_await(terminal, shows, text);
}

static bool
has_ended(struct terminal *terminal, const void *unused)
{
  (void)unused;
  return waitpid(terminal->child, &terminal->status, WNOHANG) == terminal->child;
}

bool
terminal_await_end(struct terminal *terminal)
{
  bool ended = terminal_await(terminal, has_ended, NULL);

  drain(terminal, 50);
  return ended;
}

bool
terminal_is_as_before(struct terminal *terminal)
{
  struct termios after;

  return tcgetattr(terminal->slave, &after) == 0 && after.c_lflag == terminal->before.c_lflag
         && !terminal->other_screen && terminal->cursor_shown;
}

void
terminal_type(struct terminal *terminal, const char *keys)
{
  if (write(terminal->master, keys, strlen(keys)) < 0)
    exit(99);
}

void
terminal_resize(struct terminal *terminal, unsigned rows, unsigned columns)
{
  struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };

  drain(terminal, 0);
  terminal->rows = rows;
  terminal->columns = columns;
  ioctl(terminal->master, TIOCSWINSZ, &size);
}

void
terminal_print(const struct terminal *terminal)
{
  for (unsigned row = 0; row < terminal->rows && row < SCREEN_ROWS; row++)
    printf("# |%.*s|\n", (int)terminal->columns, terminal->cell[row]);
}

void
terminal_end(struct terminal *terminal)
{
  if (terminal->child > 0 && waitpid(terminal->child, NULL, WNOHANG) == 0) {
    kill(terminal->child, SIGKILL);
    waitpid(terminal->child, NULL, 0);
  }
  close(terminal->master);
  close(terminal->slave);
}
