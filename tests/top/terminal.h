/* terminal.h - a terminal, as far as `writewatch top' needs one: what it would show. */
#ifndef WW_TESTS_TERMINAL_H
#define WW_TESTS_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

enum { SCREEN_ROWS = 60, SCREEN_COLUMNS = 200 };

struct terminal {
  int      master, slave;
  pid_t    child;
  int      status;              /* of it, as wait(2) has it */
  unsigned rows, columns, row, column;
  char     cell[SCREEN_ROWS][SCREEN_COLUMNS];   /* '*': what is not ASCII */
  bool     other_screen, cursor_shown;
  unsigned frames;              /* how often it was drawn from the top */
  unsigned unknown;             /* sequences and characters that it does not know */
  unsigned overrun, scrolled;   /* characters beyond the right, lines beyond the end */
  unsigned escape;
  char     arguments[32];
  size_t   arguments_length;
  struct termios before;
};

void terminal_start(struct terminal *terminal, unsigned rows, unsigned columns, char **command);
bool terminal_shows(const struct terminal *terminal, const char *text);
/* These wait for up to a minute. */
bool terminal_await(struct terminal *terminal, bool (*is)(struct terminal *, const void *),
                    const void *argument);
bool terminal_await_text(struct terminal *terminal, const char *text);
bool terminal_await_end(struct terminal *terminal);
bool terminal_is_as_before(struct terminal *terminal);
void terminal_type(struct terminal *terminal, const char *keys);
void terminal_resize(struct terminal *terminal, unsigned rows, unsigned columns);
void terminal_print(const struct terminal *terminal);   /* as TAP's comments */
void terminal_end(struct terminal *terminal);

#endif
