/* bench_patterns.c - synthetic writes, an epoch at a time: the plain ones, those
 * that change with the epochs, and those that are made to fool a tracker which
 * leaves written pages writable.
 *
 * All of them write one word a page, and each write changes it. The share of an
 * epoch is numbered, and threads take the numbers in turn, so that what is written
 * does not depend on who is quicker. */
#include "config.h"
#include "bench_suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pattern {
  unsigned char *memory;
  size_t         pages, page_size;
  size_t         share;      /* pages an epoch */
  uint64_t       seed;
};

static uint64_t
mix(uint64_t a, uint64_t b)
{
  uint64_t state = a * 0xd1342543de82ef95u + b;

  return workload_random(&state);
}

static void
hit(const struct pattern *p, size_t page)
{
  uint64_t *word = (uint64_t *)(void *)(p->memory + page * p->page_size);

  __atomic_fetch_add(&word[page * 0x9e37u % (p->page_size / 8)], 1, __ATOMIC_RELAXED);
}

/* A permutation of the pages: the factor is a prime above their number. */
static size_t
scatter(const struct pattern *p, size_t number)
{
  return (size_t)((number * UINT64_C(2654435761) + p->seed % 9973) % p->pages);
}

static void
pattern_teardown(struct workload_run *run)
{
  free(run->state);
  run->state = NULL;
}

/* The operand is the share of the pages that an epoch writes: 0.1. */
static int
pattern_setup(struct workload_run *run)
{
  struct pattern *p = calloc(1, sizeof *p);
  double fraction = run->argc > 0 ? strtod(run->argv[0], NULL) : 0.1;

  if (!p)
    return workload_fail(run, -ENOMEM, "no memory for the state");
  run->state = p;
  p->pages = run->pages;
  p->page_size = run->page_size;
  p->seed = run->seed;
  p->share = (size_t)(fraction * (double)p->pages + 0.5);
  if (p->share == 0 && fraction > 0)
    p->share = 1;
  p->memory = workload_memory(run, run->workload->name, p->pages * p->page_size);
  if (!p->memory)
    return -ENOMEM;
  for (size_t page = 0; page < p->pages; page++)
    for (size_t at = 0; at < p->page_size / 8; at += 8)
      ((uint64_t *)(void *)(p->memory + page * p->page_size))[at] = mix(page, at);
  return 0;
}

#define EACH(number, count) for (size_t number = thread; number < (count); number += run->threads)

/* The same pages every epoch, scattered. */
static int
hot_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  const struct pattern *p = run->state;

  (void)epoch;
  EACH(i, p->share)
    hit(p, scatter(p, i));
  return 0;
}

/* Uniform random, anew every epoch. */
static int
sparse_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  const struct pattern *p = run->state;

  if (p->share >= p->pages)
    EACH(i, p->pages)
      hit(p, scatter(p, i));
  else
    EACH(i, p->share)
      hit(p, (size_t)(mix(p->seed + epoch, i) % p->pages));
  return 0;
}

/* Each page once, and never again until all have been: scattered. */
static int
once_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  const struct pattern *p = run->state;

  EACH(i, p->share)
    hit(p, scatter(p, (epoch - 1) * p->share + i));
  return 0;
}

/* A log that grows: the same in order. */
static int
append_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  const struct pattern *p = run->state;

  EACH(i, p->share)
    hit(p, ((epoch - 1) * p->share + i) % p->pages);
  return 0;
}

/* Two buffers, written by turns, whole. */
static int
buffers_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  const struct pattern *p = run->state;
  size_t half = p->pages / 2;

  EACH(i, half)
    hit(p, epoch % 2 * half + i);
  return 0;
}

/* A window of the share's size, a fifth of which is new each epoch. */
static int
drift_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  const struct pattern *p = run->state;

  EACH(i, p->share)
    hit(p, (epoch * (p->share / 5 + 1) + i) % p->pages);
  return 0;
}

/* Six epochs of a hot set, two sweeps, six of another set, four of random writes. */
static int
phases_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  const struct pattern *p = run->state;
  unsigned phase = (epoch - 1) % 18;

  if (phase < 6 || (phase >= 8 && phase < 14))
    EACH(i, p->share)
      hit(p, scatter(p, i + (phase < 6 ? 0 : p->pages / 2)));
  else if (phase < 8)
    EACH(i, p->pages)
      hit(p, i);
  else
    return sparse_epoch(run, epoch, thread);
  return 0;
}

/* Written in two epochs running, then left alone for as long as the second operand
 * says; pages are out of step with each other. */
static int
spell_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  const struct pattern *p = run->state;
  unsigned period = run->argc > 1 ? (unsigned)strtoul(run->argv[1], NULL, 10) : 9;

  EACH(i, p->share)
    if ((epoch + mix(p->seed, i)) % period < 2)
      hit(p, scatter(p, i));
  return 0;
}

/* A hot block of 32 pages, and one page beside it, another each epoch. */
static int
beside_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  const struct pattern *p = run->state;
  size_t blocks = p->pages / 256;

  EACH(block, blocks) {
    for (size_t i = 0; i < 32; i++)
      hit(p, block * 256 + i);
    hit(p, block * 256 + 32 + mix(p->seed + epoch, block) % 224);
  }
  return 0;
}

/* The first and the last page of each window of 64: what widens an unprotected run to
 * all that lies between is wrong. */
static int
ends_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  const struct pattern *p = run->state;
  size_t windows = p->pages / 64;

  EACH(i, windows) {
    size_t first = i * 64 + epoch % 8;

    hit(p, first);
    hit(p, first + 55);
  }
  return 0;
}

static int
idle_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  (void)run;
  (void)epoch;
  (void)thread;
  return 0;
}

#define PATTERN(word, text) \
  static const struct workload pattern_##word = { \
    .name = #word, .summary = text, .pages = 65536, .epochs = 16, .loud = true, .operands = "FRACTION", \
    .setup = pattern_setup, .epoch = word##_epoch, .teardown = pattern_teardown }

PATTERN(hot, "the same scattered pages every epoch");
PATTERN(sparse, "uniform random pages, other ones every epoch");
PATTERN(idle, "nothing");
PATTERN(append, "a log that grows");
PATTERN(buffers, "two buffers, whole, by turns");
PATTERN(drift, "a window that drifts by a fifth of its size");
PATTERN(phases, "a hot set, sweeps, another hot set, random writes");
PATTERN(once, "adversarial: every page once, then never again for long");
PATTERN(spell, "adversarial: pages that are written twice running, then left alone");
PATTERN(beside, "adversarial: hot blocks, and single writes beside them");
PATTERN(ends, "adversarial: the first and last page of windows");

const struct workload *const bench_patterns[] = {
  &pattern_idle, &pattern_hot, &pattern_sparse, &pattern_append, &pattern_buffers, &pattern_drift,
  &pattern_phases, &pattern_once, &pattern_spell, &pattern_beside, &pattern_ends, NULL
};

const struct workload *
bench_workload(const char *name)
{
  for (const struct workload *const *w = bench_patterns; *w; w++)
    if (strcmp((*w)->name, name) == 0)
      return *w;
  for (const struct workload *const *w = workloads; *w; w++)
    if (strcmp((*w)->name, name) == 0 && !(*w)->whole)
      return *w;
  return NULL;
}
