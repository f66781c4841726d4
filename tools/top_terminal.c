/* top_terminal.c - the terminal, taken over and given back as it was; and what may end us. */
#include "config.h"
#include "top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static const char enter[] = "\033[?1049h\033[?25l\033[2J";   /* the other screen, no cursor */
static const char leave[] = "\033[?25h\033[?1049l\033[0m";

static struct termios before;
static volatile sig_atomic_t taken;       /* the screen is ours */
static volatile sig_atomic_t ending;      /* the signal that asks us to end */
static volatile sig_atomic_t returned;    /* we were stopped, and go on */
static sigset_t outside;                  /* the mask in which we wait */

static const int endings[] = { SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM };
#define ENDINGS (sizeof endings / sizeof endings[0])

uint64_t
top_now(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool
top_terminal_here(void)
{
  const char *kind = getenv("TERM");

  return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

/* write(2) and tcsetattr(3) may be called from handlers. */
static void
put(const char *text, size_t length)
{
  while (length > 0) {
    ssize_t put = write(STDOUT_FILENO, text, length);
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return;
    text += put;
    length -= (size_t)put;
  }
}

static bool
go_raw(void)
{
  struct termios raw = before;

  raw.c_lflag &= (tcflag_t)~(ICANON | ECHO);   /* ^C and ^Z stay signals */
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) != 0)
    return false;
  put(enter, sizeof enter - 1);
  taken = 1;
  return true;
}

void
top_terminal_release(void)
{
  if (!taken)
    return;
  taken = 0;
  put(leave, sizeof leave - 1);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

static void
on_ending(int number)
{
  if (!ending)
    ending = number;
}

/* Stopped, the terminal is the shell's. */
static void
on_stop(int number)
{
  int error = errno;
  bool was = taken;
  sigset_t self;

  (void)number;
  top_terminal_release();
  signal(SIGTSTP, SIG_DFL);
  raise(SIGTSTP);
  sigemptyset(&self);
  sigaddset(&self, SIGTSTP);
  sigprocmask(SIG_UNBLOCK, &self, NULL);
  /* Here we are stopped. */
  sigprocmask(SIG_BLOCK, &self, NULL);
  signal(SIGTSTP, on_stop);
  if (was)
    go_raw();
  returned = 1;
  errno = error;
}

static void
on_change(int number)
{
  (void)number;
  returned = 1;
}

static void
handle(int number, void (*handler)(int))
{
  struct sigaction action = { .sa_handler = handler }, old;

  sigfillset(&action.sa_mask);
  /* One that is ignored (nohup) stays ignored. */
  if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
    sigaction(number, &action, NULL);
}

/* They are blocked but while we wait: nothing is missed in between. */
void
top_signals_take(void)
{
  sigset_t blocked;

  sigemptyset(&blocked);
  for (size_t i = 0; i < ENDINGS; i++) {
    sigaddset(&blocked, endings[i]);
    handle(endings[i], on_ending);
  }
  sigaddset(&blocked, SIGTSTP);
  sigaddset(&blocked, SIGWINCH);
  sigprocmask(SIG_BLOCK, &blocked, &outside);
  for (size_t i = 0; i < ENDINGS; i++)
    sigdelset(&outside, endings[i]);
  sigdelset(&outside, SIGTSTP);
  sigdelset(&outside, SIGWINCH);
}

bool
top_terminal_take(void)
{
  if (tcgetattr(STDIN_FILENO, &before) != 0)
    return false;
  handle(SIGTSTP, on_stop);
  handle(SIGWINCH, on_change);
  return go_raw();
}

void
top_terminal_size(unsigned *rows, unsigned *columns)
{
  struct winsize size;

  *rows = 24;
  *columns = 80;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
    *rows = size.ws_row;
    *columns = size.ws_col;
  }
}

int
top_signal(void)
{
  return ending;
}

int
top_wait(uint64_t until, bool keys)
{
  struct pollfd key = { .fd = STDIN_FILENO, .events = POLLIN };
  unsigned char byte;

  for (;;) {
    uint64_t now = top_now(), left = until > now ? until - now : 0;
    struct timespec wait = { (time_t)(left / 1000000000u), (long)(left % 1000000000u) };
    int ready = ppoll(&key, keys ? 1 : 0, &wait, &outside);

    if (ending)
      return 0;
    if (returned) {
      returned = 0;
      return '\f';   /* draw anew */
    }
    if (ready > 0) {
      if (read(STDIN_FILENO, &byte, 1) == 1)
        return byte;
      ending = SIGHUP;   /* the terminal is gone */
      return 0;
    }
    if (ready == 0)
      return 0;
    if (errno != EINTR)
      return 0;
  }
}
