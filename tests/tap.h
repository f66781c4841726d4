/* tap.h - says what a test program found, in the Test Anything Protocol. */
#ifndef WW_TAP_H
#define WW_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int tap_tests, tap_failures;

__attribute__((format(printf, 2, 3), unused)) static bool
ok(bool good, const char *what, ...)
{
  va_list arguments;
  tap_failures += !good;
  printf("%sok %d - ", good ? "" : "not ", ++tap_tests);
  va_start(arguments, what);
  vprintf(what, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
  return good;
}

__attribute__((unused)) static void
skip(const char *what, const char *reason)
{
  printf("ok %d - %s # SKIP %s\n", ++tap_tests, what, reason);
  fflush(stdout);
}

__attribute__((unused)) static int
tap_done(void)
{
  printf("1..%d\n", tap_tests);
  return tap_failures != 0;
}

/* The seed: first argument, else the environment's, else the clock. Printed. */
__attribute__((unused)) static uint64_t
tap_seed(int argc, char **argv, uint64_t clock)
{
  const char *text = argc > 1 ? argv[1] : getenv("WRITEWATCH_TEST_SEED");
  uint64_t seed = text ? strtoull(text, NULL, 0) : clock;
  printf("# seed %llu (give it as argument, or in WRITEWATCH_TEST_SEED)\n", (unsigned long long)seed);
  return seed;
}

static inline uint64_t
tap_random(uint64_t *state)
{
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);   /* splitmix64 */
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

#endif
