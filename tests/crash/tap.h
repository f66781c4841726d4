/* tap.h - the few words of the Test Anything Protocol that these tests speak. */
#ifndef CRASH_TAP_H
#define CRASH_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_number, tap_failures;

__attribute__((format(printf, 2, 3))) static inline bool
tap_ok(bool good, const char *format, ...)
{
  va_list arguments;

  if (!good)
    tap_failures++;
  printf("%sok %d - ", good ? "" : "not ", ++tap_number);
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  printf("\n");
  fflush(stdout);
  return good;
}

static inline void
tap_skip(const char *what, const char *reason)
{
  printf("ok %d - %s # SKIP %s\n", ++tap_number, what, reason);
  fflush(stdout);
}

/* The plan comes last; a test that dies before is seen by its absence. */
static inline int
tap_done(void)
{
  printf("1..%d\n", tap_number);
  return tap_failures != 0;
}

static inline int
tap_skip_all(const char *reason)
{
  printf("1..0 # SKIP %s\n", reason);
  return 0;
}

#endif
