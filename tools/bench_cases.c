/* bench_cases.c - the suite: which workload, at which size, with how many threads; and
 * who takes part. */
#include "config.h"
#include "bench_suite.h"

#include <stdlib.h>
#include <string.h>

const struct bench_contestant *const bench_contestants[] = {
  &bench_untracked, &bench_pagemap_scan,
  &bench_auto_adaptive, &bench_mprotect_adaptive, &bench_userfaultfd_adaptive, &bench_pagemap_adaptive,
  &bench_auto_trap, &bench_mprotect_trap, &bench_userfaultfd_trap, &bench_pagemap_trap,
  &bench_bare_loop, &bench_libsigsegv, &bench_libgc, &bench_fork, &bench_copy, &bench_hash,
  NULL
};

/* Most cases are listed once for all sizes: this bit a size. */
enum { S4 = 1, S16 = 2, S64 = 4, S256 = 8, S1024 = 16, S4096 = 32 };
static const size_t size_of_bit[] = { 4, 16, 64, 256, 1024, 4096 };
#define SIZES (sizeof size_of_bit / sizeof size_of_bit[0])

struct row {
  const char *workload, *operand;
  double      fraction;
  unsigned    sizes, quick;     /* of the size bits: always, and with --quick */
  unsigned    threads;          /* the most; 2: one and two */
  unsigned    groups;
};

static const struct row rows[] = {
  { "hot",        "0.1",    0.1,    S4 | S256,         S4 | S256, 1, BENCH_SUITE },
  { "sparse",     "0.01",   0.01,   S4 | S256,         S4,        1, BENCH_SUITE | BENCH_RANDOM },
  { "sparse",     "0.1",    0.1,    S4,                S4,        1, BENCH_SUITE | BENCH_RANDOM },
  { "append",     "0.05",   0.05,   S4 | S256,         S4 | S256, 1, BENCH_SUITE },
  { "buffers",    "0.5",    0.5,    S4 | S256,         S4,        1, BENCH_SUITE },
  { "drift",      "0.1",    0.1,    S4 | S256,         S4,        1, BENCH_SUITE },
  { "phases",     "0.1",    0.1,    S4 | S256,         S4,        1, BENCH_SUITE },
  { "once",       "0.05",   0.05,   S4 | S256,         S4,        1, BENCH_SUITE | BENCH_ADVERSE },
  { "spell",      "0.2 9",  0.2,    S4 | S256,         S4,        1, BENCH_SUITE | BENCH_ADVERSE },
  { "spell",      "0.2 4",  0.2,    S4,                S4,        1, BENCH_SUITE | BENCH_ADVERSE },
  { "beside",     "0.13",   0.13,   S4 | S256,         S4,        1, BENCH_SUITE | BENCH_ADVERSE },
  { "ends",       "0.03",   0.03,   S4 | S256,         S4,        1, BENCH_SUITE | BENCH_ADVERSE },
  { "sequential", NULL,     0,      S4 | S256,         S4 | S256, 1, BENCH_SUITE },
  { "strided",    NULL,     0,      S4 | S256,         S4,        1, BENCH_SUITE },
  { "random",     NULL,     0,      S4 | S256,         S4,        1, BENCH_SUITE | BENCH_RANDOM },
  { "zipf",       NULL,     0,      S4 | S256,         S4,        1, BENCH_SUITE },
  { "stream",     NULL,     0,      S4 | S256,         S4,        1, BENCH_SUITE },
  { "heat",       NULL,     0,      S4 | S256,         S4 | S256, 1, BENCH_SUITE | BENCH_ITERATIVE },
  { "matmul",     NULL,     0,      S4 | S64,          S4,        1, BENCH_SUITE | BENCH_ITERATIVE },
  { "cg",         NULL,     0,      S4 | S64,          S4,        1, BENCH_SUITE | BENCH_ITERATIVE },
  { "fft",        NULL,     0,      S4 | S64,          S4,        1, BENCH_SUITE | BENCH_ITERATIVE },
  { "lu",         NULL,     0,      S4,                S4,        1, BENCH_SUITE },
  { "quicksort",  NULL,     0,      S4 | S64,          S4,        1, BENCH_SUITE },
  { "hashtable",  NULL,     0,      S4 | S256,         S4,        1, BENCH_SUITE },
  { "btree",      NULL,     0,      S4 | S64,          S4,        1, BENCH_SUITE },
  { "list",       NULL,     0,      S4 | S64,          S4,        1, BENCH_SUITE },
  { "gc",         NULL,     0,      S4 | S64,          S4,        1, BENCH_SUITE },
  { "sqlite",     NULL,     0,      S16,               S16,       1, BENCH_SUITE },
  /* The curves. */
  { "hot",        "0.01",   0.01,   S4 | S16 | S64 | S256 | S1024 | S4096, S4 | S16 | S64, 1, BENCH_BY_SIZE },
  { "sparse",     "0.0001", 0.0001, S256,              S64,       1, BENCH_BY_FRACTION },
  { "sparse",     "0.001",  0.001,  S256,              S64,       1, BENCH_BY_FRACTION },
  { "sparse",     "0.01",   0.01,   S256,              S64,       1, BENCH_BY_FRACTION },
  { "sparse",     "0.1",    0.1,    S256,              S64,       1, BENCH_BY_FRACTION | BENCH_RANDOM },
  { "sparse",     "0.4",    0.4,    S256,              0,         1, BENCH_BY_FRACTION },
  { "sparse",     "1",      1,      S256,              S64,       1, BENCH_BY_FRACTION },
  { "sparse",     "0.02",   0.02,   S256,              S64,       2, BENCH_BY_THREADS },
  { "heat",       NULL,     0,      S64,               S64,       2, BENCH_BY_THREADS },
  { "hot",        "0.1",    0.1,    S64,               0,         2, BENCH_BY_THREADS },
  /* A large region in which little happens. */
  { "idle",       "0",      0,      S4096,             0,         1, 0 },
  { "sparse",     "0.0001", 0.0001, S4096,             0,         1, 0 },
};
#define ROWS (sizeof rows / sizeof rows[0])

bool
bench_wants(const struct bench_options *options, const struct bench_contestant *contestant)
{
  bool some = false;

  for (size_t i = 0; i < options->only_count; i++) {
    if (strcmp(options->only[i], contestant->name) == 0)
      return true;
    some = some || bench_contestant_find(options->only[i], NULL);
  }
  return !some;
}

static bool
wants_workload(const struct bench_options *options, const char *name)
{
  bool some = false;

  for (size_t i = 0; i < options->only_count; i++) {
    if (strcmp(options->only[i], name) == 0)
      return true;
    some = some || bench_workload(options->only[i]);
  }
  return !some;
}

const struct bench_contestant *
bench_contestant_find(const char *name, size_t *index)
{
  for (size_t i = 0; bench_contestants[i]; i++)
    if (strcmp(bench_contestants[i]->name, name) == 0) {
      if (index)
        *index = i;
      return bench_contestants[i];
    }
  return NULL;
}

static void
add(struct bench_case *cases, size_t *count, const struct row *row, size_t mebibytes, unsigned threads)
{
  struct bench_case made = { row->workload, row->operand, row->fraction, mebibytes, threads, row->groups };

  for (size_t i = 0; i < *count; i++)
    if (strcmp(cases[i].workload, made.workload) == 0 && cases[i].mebibytes == mebibytes
        && cases[i].threads == threads
        && (cases[i].operand == made.operand
            || (cases[i].operand && made.operand && strcmp(cases[i].operand, made.operand) == 0))) {
      cases[i].groups |= made.groups;
      return;
    }
  cases[(*count)++] = made;
}

static void
add_size(const struct bench_options *options, struct bench_case *cases, size_t *count, const struct row *row,
         size_t mebibytes)
{
  const unsigned most = bench_workload(row->workload)->max_threads;

  /* Its script needs this much. */
  if (strcmp(row->workload, "sqlite") == 0 && mebibytes < 8)
    return;
  if (options->thread_count == 0)
    for (unsigned threads = 1; threads <= row->threads; threads++)
      add(cases, count, row, mebibytes, threads);
  for (size_t i = 0; i < options->thread_count; i++)
    if (most == 0 || options->threads[i] <= most)
      add(cases, count, row, mebibytes, options->threads[i]);
}

struct bench_case *
bench_cases(const struct bench_options *options, size_t *count)
{
  struct bench_case *cases = calloc(ROWS * 8 * 8, sizeof *cases);

  *count = 0;
  for (size_t r = 0; cases && r < ROWS; r++) {
    const unsigned sizes = options->quick ? rows[r].quick : rows[r].sizes;

    if (!wants_workload(options, rows[r].workload))
      continue;
    if (options->size_count == 0)
      for (size_t s = 0; s < SIZES; s++)
        if (sizes & 1u << s)
          add_size(options, cases, count, &rows[r], size_of_bit[s]);
    for (size_t s = 0; s < options->size_count; s++)
      add_size(options, cases, count, &rows[r], options->sizes[s]);
  }
  return cases;
}

double
bench_budget(const struct bench_options *options)
{
  return options->quick ? 4 : 18;
}

unsigned
bench_epochs(const struct bench_options *options, const struct bench_case *at)
{
  if (options->epochs)
    return options->epochs;
  if (at->mebibytes > 256)
    return at->mebibytes > 1024 ? 6 : 10;
  return at->mebibytes > 64 ? options->quick ? 10 : 20 : options->quick ? 16 : 24;
}

void
bench_case_name(const struct bench_case *at, char *name, size_t size)
{
  const char *second = at->operand ? strchr(at->operand, ' ') : NULL;
  int length = snprintf(name, size, "%s%s", at->workload, second ? second : "");

  if (at->fraction > 0)
    length += snprintf(name + length, size - (size_t)length, " %g %%", at->fraction * 100);
  if (at->mebibytes >= 1024)
    length += snprintf(name + length, size - (size_t)length, ", %zu GiB", at->mebibytes / 1024);
  else
    length += snprintf(name + length, size - (size_t)length, ", %zu MiB", at->mebibytes);
  if (at->threads > 1)
    snprintf(name + length, size - (size_t)length, ", %u threads", at->threads);
}
