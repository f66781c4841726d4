/* access.c - the access patterns by which page trackers are judged: a sweep, a
 * stride, uniform random, a Zipf hot set, an append stream.
 *
 * Each page is an array of counters, one for each thread, and each visit adds
 * one: every write changes bytes, threads share pages and never a byte. The
 * check walks the same pattern again over counters of its own and compares. */
#include "config.h"
#include "workload.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STRIDE_PAGES 8
#define ZIPF_EXPONENT 0.99

struct access {
  uint64_t *memory;        /* [pages][slots], tracked */
  size_t    slots;         /* counters in a page */
  unsigned  epochs;        /* done: the check repeats as many */
  double   *cumulative;    /* [pages]: of the Zipf distribution, by rank */
  uint32_t *page_of_rank;  /* [pages]: hot pages lie scattered */
};

/* A walk calls this for each page that it visits. */
struct visitor {
  uint64_t *memory;   /* of the real run, or NULL */
  uint64_t *counted;  /* [pages][threads] of the check */
  size_t    slots;
  unsigned  threads, thread;
};

static void
visit(const struct visitor *visitor, size_t page)
{
  if (visitor->memory != NULL)
    visitor->memory[page * visitor->slots + visitor->thread]++;
  else
    visitor->counted[page * visitor->threads + visitor->thread]++;
}

/* Each thread and epoch has random numbers of its own, that can be had again. */
static uint64_t
random_state(const struct workload_run *run, unsigned epoch, unsigned thread)
{
  uint64_t mixed = run->seed;

  mixed = workload_random(&mixed) ^ epoch;
  mixed = workload_random(&mixed) ^ thread;
  return workload_random(&mixed);
}

/* The thread's share of 0 .. total. */
static void
share(const struct workload_run *run, unsigned thread, size_t total, size_t *begin, size_t *end)
{
  *begin = total / run->threads * thread + (thread < total % run->threads ? thread : total % run->threads);
  *end = *begin + total / run->threads + (thread < total % run->threads);
}

static void
walk_sequential(struct workload_run *run, unsigned epoch, const struct visitor *visitor)
{
  size_t begin, end;

  (void)epoch;
  share(run, visitor->thread, run->pages, &begin, &end);
  for (size_t page = begin; page < end; page++)
    visit(visitor, page);
}

static void
walk_strided(struct workload_run *run, unsigned epoch, const struct visitor *visitor)
{
  size_t begin, end, offset = epoch % STRIDE_PAGES;

  share(run, visitor->thread, run->pages, &begin, &end);
  for (size_t page = begin + (offset + STRIDE_PAGES - begin % STRIDE_PAGES) % STRIDE_PAGES; page < end;
       page += STRIDE_PAGES)
    visit(visitor, page);
}

static void
walk_random(struct workload_run *run, unsigned epoch, const struct visitor *visitor)
{
  uint64_t state = random_state(run, epoch, visitor->thread);
  size_t begin, end;

  share(run, visitor->thread, run->pages / 10 + 1, &begin, &end);
  for (size_t i = begin; i < end; i++)
    visit(visitor, workload_random(&state) % run->pages);
}

static void
walk_zipf(struct workload_run *run, unsigned epoch, const struct visitor *visitor)
{
  const struct access *access = run->state;
  uint64_t state = random_state(run, epoch, visitor->thread);
  size_t begin, end, low, high, middle;
  double wanted;

  share(run, visitor->thread, run->pages, &begin, &end);
  for (size_t i = begin; i < end; i++) {
    wanted = (double)(workload_random(&state) >> 11) * 0x1p-53 * access->cumulative[run->pages - 1];
    for (low = 0, high = run->pages - 1; low < high; ) {
      middle = low + (high - low) / 2;
      if (access->cumulative[middle] > wanted)
        high = middle;
      else
        low = middle + 1;
    }
    visit(visitor, access->page_of_rank[low]);
  }
}

/* A log that goes round: each thread appends to a stretch of its own, an eighth
 * of it in an epoch, many small records to a page. */
static void
walk_stream(struct workload_run *run, unsigned epoch, const struct visitor *visitor)
{
  size_t begin, end, pages, tail;

  share(run, visitor->thread, run->pages, &begin, &end);
  if (begin == end)
    return;
  pages = (end - begin + 7) / 8;
  tail = (size_t)(epoch - 1) * pages;
  for (size_t i = 0; i < pages; i++)
    for (unsigned record = 0; record < 16; record++)
      visit(visitor, begin + (tail + i) % (end - begin));
}

typedef void walk_function(struct workload_run *run, unsigned epoch, const struct visitor *visitor);

static int
setup(struct workload_run *run)
{
  struct access *access;

  if (run->threads > run->page_size / sizeof(uint64_t))
    return workload_fail(run, -ERANGE, "%u threads have no counters of their own in a page: try fewer "
                         "--threads", run->threads);
  access = calloc(1, sizeof *access);
  if (access == NULL)
    return workload_fail(run, -ENOMEM, "out of memory");
  run->state = access;
  access->slots = run->page_size / sizeof(uint64_t);
  access->memory = workload_memory(run, "counters", run->pages * run->page_size);
  if (access->memory == NULL)
    return -ENOMEM;
  /* Filled, so that no page is dirty for its first appearance alone. */
  for (size_t page = 0; page < run->pages; page++)
    access->memory[page * access->slots + access->slots - 1] = page + 1;
  return 0;
}

static int
setup_zipf(struct workload_run *run)
{
  struct access *access;
  uint64_t state = random_state(run, 0, 0);
  uint32_t swapped;
  size_t other;
  int error;

  if (run->pages > UINT32_MAX)
    return workload_fail(run, -ERANGE, "%zu pages are too many: at most 2^32", run->pages);
  error = setup(run);
  if (error != 0)
    return error;
  access = run->state;
  access->cumulative = calloc(run->pages, sizeof access->cumulative[0]);
  access->page_of_rank = calloc(run->pages, sizeof access->page_of_rank[0]);
  if (access->cumulative == NULL || access->page_of_rank == NULL)
    return workload_fail(run, -ENOMEM, "out of memory for the distribution over %zu pages", run->pages);
  for (size_t rank = 0; rank < run->pages; rank++) {
    access->cumulative[rank] = (rank > 0 ? access->cumulative[rank - 1] : 0)
                               + pow((double)(rank + 1), -ZIPF_EXPONENT);
    access->page_of_rank[rank] = (uint32_t)rank;
  }
  for (size_t rank = run->pages - 1; rank > 0; rank--) {
    other = workload_random(&state) % (rank + 1);
    swapped = access->page_of_rank[rank];
    access->page_of_rank[rank] = access->page_of_rank[other];
    access->page_of_rank[other] = swapped;
  }
  return 0;
}

static int
walk_for_real(struct workload_run *run, unsigned epoch, unsigned thread, walk_function *walk)
{
  struct access *access = run->state;
  struct visitor visitor = { .memory = access->memory, .slots = access->slots, .threads = run->threads,
                             .thread = thread };

  if (thread == 0)
    access->epochs = epoch;
  walk(run, epoch, &visitor);
  return 0;
}

static int
compare(struct workload_run *run, const uint64_t *counted)
{
  const struct access *access = run->state;
  uint64_t visits = 0, expected, found;

  for (size_t page = 0; page < run->pages; page++)
    for (unsigned thread = 0; thread < run->threads; thread++) {
      expected = counted[page * run->threads + thread];
      found = access->memory[page * access->slots + thread];
      if (thread == access->slots - 1)
        found -= page + 1;
      if (found != expected)
        return workload_fail(run, -EBADMSG, "page %zu was visited %" PRIu64 " times by thread %u, not %"
                             PRIu64, page, found, thread, expected);
      visits += expected;
    }
  fprintf(run->talk, "%s: %" PRIu64 " visits to %zu pages in %u epochs, counted twice and equal\n",
          run->workload->name, visits, run->pages, access->epochs);
  return 0;
}

static int
walk_again(struct workload_run *run, walk_function *walk)
{
  const struct access *access = run->state;
  struct visitor visitor = { .threads = run->threads };
  int error;

  visitor.counted = calloc(run->pages * run->threads, sizeof visitor.counted[0]);
  if (visitor.counted == NULL)
    return workload_fail(run, -ENOMEM, "out of memory for the check");
  for (unsigned epoch = 1; epoch <= access->epochs; epoch++)
    for (visitor.thread = 0; visitor.thread < run->threads; visitor.thread++)
      walk(run, epoch, &visitor);
  error = compare(run, visitor.counted);
  free(visitor.counted);
  return error;
}

static void
keeps(struct workload_run *run, workload_keep *keep, void *context)
{
  struct access *access = run->state;

  keep(context, &access->epochs, sizeof access->epochs);
}

static void
teardown(struct workload_run *run)
{
  struct access *access = run->state;

  free(access->cumulative);
  free(access->page_of_rank);
  free(access);
}

#define PATTERN(pattern)                                                        \
  static int                                                                    \
  epoch_##pattern(struct workload_run *run, unsigned epoch, unsigned thread)    \
  {                                                                             \
    return walk_for_real(run, epoch, thread, walk_##pattern);                   \
  }                                                                             \
  static int                                                                    \
  check_##pattern(struct workload_run *run)                                     \
  {                                                                             \
    return walk_again(run, walk_##pattern);                                     \
  }

PATTERN(sequential)
PATTERN(strided)
PATTERN(random)
PATTERN(zipf)
PATTERN(stream)

const struct workload workload_sequential = {
  .name = "sequential", .summary = "a sweep: every page, in order", .pages = 8192, .epochs = 8, .loud = true,
  .setup = setup, .epoch = epoch_sequential, .check = check_sequential, .keeps = keeps, .teardown = teardown,
};

const struct workload workload_strided = {
  .name = "strided", .summary = "every eighth page, one further each epoch", .pages = 8192, .epochs = 16,
  .loud = true,
  .setup = setup, .epoch = epoch_strided, .check = check_strided, .keeps = keeps, .teardown = teardown,
};

const struct workload workload_random_pages = {
  .name = "random", .summary = "uniform random pages, a tenth as many visits as there are pages",
  .pages = 8192, .epochs = 16, .loud = true,
  .setup = setup, .epoch = epoch_random, .check = check_random, .keeps = keeps, .teardown = teardown,
};

const struct workload workload_zipf = {
  .name = "zipf", .summary = "a hot set: pages drawn by Zipf's law, exponent 0.99, hot pages scattered",
  .source = "G. K. Zipf, Human Behavior and the Principle of Least Effort, Addison-Wesley, 1949",
  .pages = 8192, .epochs = 16, .loud = true,
  .setup = setup_zipf, .epoch = epoch_zipf, .check = check_zipf, .keeps = keeps, .teardown = teardown,
};

const struct workload workload_stream = {
  .name = "stream", .summary = "an append stream: a log that goes round, an eighth of it each epoch",
  .pages = 8192, .epochs = 16, .loud = true,
  .setup = setup, .epoch = epoch_stream, .check = check_stream, .keeps = keeps, .teardown = teardown,
};
