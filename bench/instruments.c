/* instruments.c - clocks, processors, memory, orders and medians. */
#include "config.h"
#include "bench.h"
#include "writewatch.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static double
clock_now(clockid_t clock)
{
  struct timespec now;

  clock_gettime(clock, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double
now_wall(void)
{
  return clock_now(CLOCK_MONOTONIC);
}

double
now_cpu(void)
{
  return clock_now(CLOCK_THREAD_CPUTIME_ID);
}

/* Counted from the end: the first processor often serves the interrupts. Where
 * it is not permitted the thread stays where the scheduler puts it. */
void
pin(unsigned which)
{
  cpu_set_t all, one;
  unsigned count, seen = 0;

  if (sched_getaffinity(0, sizeof all, &all) != 0)
    return;
  count = (unsigned)CPU_COUNT(&all);
  if (count == 0)
    return;
  which = count - 1 - which % count;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &all))
      continue;
    if (seen++ == which) {
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      (void)sched_setaffinity(0, sizeof one, &one);
      return;
    }
  }
}

size_t
page_bytes(void)
{
  return (size_t)sysconf(_SC_PAGESIZE);
}

void *
memory_map(size_t bytes, int flags)
{
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

  if (memory == MAP_FAILED) {
    bench_fail("no %zu MiB of memory: %s", bytes >> 20, strerror(errno));
    return NULL;
  }
  /* A kernel without huge pages says EINVAL, and is right. */
  (void)madvise(memory, bytes, MADV_NOHUGEPAGE);
  return memory;
}

void
memory_populate(void *memory, size_t bytes)
{
  volatile unsigned char *byte = memory;

  for (size_t at = 0; at < bytes; at += page_bytes())
    byte[at] = 1;
}

/* The value of "name: N kB" in a file of /proc, in bytes; -1 if it is not there. */
double
proc_bytes(const char *path, const char *name)
{
  static char text[8192];
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  size_t length = 0;
  ssize_t got;
  const char *at;

  if (file < 0)
    return -1;
  while (length < sizeof text - 1 && (got = read(file, text + length, sizeof text - 1 - length)) > 0)
    length += (size_t)got;
  close(file);
  text[length] = '\0';
  at = strstr(text, name);
  return at ? strtod(at + strlen(name), NULL) * 1024 : -1;
}

static int
compare_doubles(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

/* Between neighbours, linearly. */
double
quantile_of(const double *sorted, size_t count, double quantile)
{
  const double at = quantile * (double)(count - 1);
  const size_t below = (size_t)at;

  if (below + 1 >= count)
    return sorted[count - 1];
  return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

double
median_of(double *values, size_t count)
{
  qsort(values, count, sizeof *values, compare_doubles);
  return quantile_of(values, count, 0.5);
}

void
spread_of(const double *values, size_t count, struct spread *spread)
{
  double *sorted = malloc((count + 1) * sizeof *sorted);

  memset(spread, 0, sizeof *spread);
  if (!sorted)
    return;
  for (size_t i = 0; i < count; i++)
    if (!isnan(values[i]))
      sorted[spread->count++] = values[i];
  if (spread->count != 0) {
    spread->median = median_of(sorted, spread->count);
    spread->min = sorted[0];
    spread->low = quantile_of(sorted, spread->count, 0.25);
    spread->high = quantile_of(sorted, spread->count, 0.75);
    spread->max = sorted[spread->count - 1];
  }
  free(sorted);
}

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift
 * generators, scrambled", 2016). The state must not be 0. */
uint64_t
next_random(uint64_t *state)
{
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 0x2545f4914f6cdd1du;
}

uint32_t *
page_order(size_t count, bool shuffled, uint64_t seed)
{
  uint32_t *order = malloc(count * sizeof *order);

  if (!order) {
    bench_fail("no memory for the order of %zu pages", count);
    return NULL;
  }
  for (size_t i = 0; i < count; i++)
    order[i] = (uint32_t)i;
  for (size_t i = count; shuffled && i > 1; i--) {
    const size_t other = (size_t)(next_random(&seed) % i);
    const uint32_t kept = order[i - 1];

    order[i - 1] = order[other];
    order[other] = kept;
  }
  return order;
}

void
bench_metric(const char *metric, const char *unit, double value)
{
  printf("%s %s %.17g\n", metric, unit, value);
}

int
bench_fail(const char *format, ...)
{
  va_list arguments;

  fputs("bench: ", stderr);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  return 1;
}

int
bench_fail_call(const char *call, int error)
{
  return bench_fail("%s failed: %s (%s)", call, ww_strerror(error), ww_last_error());
}
