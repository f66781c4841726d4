/* results.c - the series that the rounds bring in, and what is read from them. */
#include "config.h"
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct series *
series_of(const struct results *results, const struct contestant *contestant, const char *metric)
{
  for (size_t i = 0; i < results->count; i++)
    if (results->series[i].contestant == contestant && strcmp(results->series[i].metric, metric) == 0)
      return &results->series[i];
  return NULL;
}

int
results_add(struct results *results, const struct contestant *contestant, unsigned round, const char *metric,
            const char *unit, double value)
{
  struct series *series = series_of(results, contestant, metric);

  if (!series) {
    struct series *grown = realloc(results->series, (results->count + 1) * sizeof *grown);

    if (!grown)
      return bench_fail("no memory for the results");
    results->series = grown;
    series = &grown[results->count];
    memset(series, 0, sizeof *series);
    series->contestant = contestant;
    series->number = results->count;
    snprintf(series->metric, sizeof series->metric, "%s", metric);
    snprintf(series->unit, sizeof series->unit, "%s", unit);
    series->values = malloc(results->rounds * sizeof *series->values);
    if (!series->values)
      return bench_fail("no memory for the results");
    for (unsigned i = 0; i < results->rounds; i++)
      series->values[i] = NAN;
    results->count++;
  }
  series->values[round] = value;
  return 0;
}

void
results_free(struct results *results)
{
  for (size_t i = 0; i < results->count; i++)
    free(results->series[i].values);
  free(results->series);
}

const struct series *
results_find(const struct results *results, const char *contestant, const char *metric)
{
  for (size_t i = 0; i < results->count; i++)
    if (strcmp(results->series[i].contestant->name, contestant) == 0
        && strcmp(results->series[i].metric, metric) == 0)
      return &results->series[i];
  return NULL;
}

/* Rounds without a value are left out. */
const struct figure figures[] = {
  { "trap-sequential", "a trapped write, ascending pages",
    "tracker", "sequential-trap", "bare", "sequential-trap", "ratio", 1.10 },
  { "trap-random", "a trapped write, shuffled pages",
    "tracker", "random-trap", "bare", "random-trap", "ratio", 1.10 },
  { "stacks-sequential", "the same with 16-frame stacks, ascending",
    "stacks", "sequential-trap", "bare-deep", "sequential-trap", "ratio", 1.25 },
  { "stacks-random", "the same with 16-frame stacks, shuffled",
    "stacks", "random-trap", "bare-deep", "random-trap", "ratio", 1.25 },
  { "collect", "collect of 100 pages, 4 GiB watched / 16 MiB",
    "collect-4GiB", "collect-100", "collect-16MiB", "collect-100", "ratio", 3 },
  { "collect-none", "collect of no page, 4 GiB watched / 16 MiB",
    "collect-4GiB", "collect-none", "collect-16MiB", "collect-none", "ratio", 0 },
  { "threads-sequential", "a fault with two threads faulting, ascending",
    "threads", "sequential-2-threads", "threads-bare", "sequential-2-threads", "ratio", 1.0 },
  { "threads-random", "a fault with two threads faulting, shuffled",
    "threads", "random-2-threads", "threads-bare", "random-2-threads", "ratio", 1.0 },
  { "checkpoint", "a checkpoint, nothing packed / write() and fsync(), time",
    "durable", "checkpoint", "durable", "write-and-fsync", "ratio", 1.11 },
  { "checkpoint-direct", "the same past the page cache",
    "durable", "checkpoint-direct", "durable", "write-and-fsync", "ratio", 0 },
  { "restore-fresh", "a restore into new memory / read() into new memory, cached",
    "durable", "restore-cached-fresh", "durable", "read-cached-fresh", "ratio", 1.11 },
  { "restore-fresh-cold", "the same, from the disk",
    "durable", "restore-cold-fresh", "durable", "read-cold-fresh", "ratio", 1.11 },
  { "restore", "a restore into memory that is there / read(), cached",
    "durable", "restore-cached", "durable", "read-cached", "ratio", 1.11 },
  { "restore-cold", "the same, from the disk",
    "durable", "restore-cold", "durable", "read-cold", "ratio", 1.11 },
  { "shield-getppid", "getppid(), with the shield / without",
    "shield", "getppid", "shield-without", "getppid", "ratio", 1.15 },
  { "shield-pread", "pread() of 1 byte, not into tracked memory",
    "shield", "pread-1", "shield-without", "pread-1", "ratio", 1.15 },
  { "shield-read", "read() of 64 bytes of /dev/zero, the same",
    "shield", "read-zero-64", "shield-without", "read-zero-64", "ratio", 1.15 },
  { "shield-write", "write() to /dev/null",
    "shield", "write-null", "shield-without", "write-null", "ratio", 1.15 },
  { "shield-between", "read() of 64 bytes to a page between two regions",
    "shield", "read-between-regions", "shield-without", "read-between-regions", "ratio", 0 },
  { "shield-block", "read() of 64 KiB to tracked dirty pages / untracked",
    "shield", "read-64KiB", "shield-without", "read-64KiB", "ratio", 1.5 },
  { "shield-block-first", "the same, the epoch's first / untracked",
    "shield", "read-64KiB-first", "shield-without", "read-64KiB-first", "ratio", 1.5 },
  { "begin", "begin of a checkpoint / fork(), adaptive",
    "meanwhile", "pause-begin", "meanwhile", "pause-fork", "ratio", 0.5 },
  { "begin-trap", "the same, every page trapped",
    "meanwhile-trap", "pause-begin", "meanwhile-trap", "pause-fork", "ratio", 0.5 },
  { "begin-random", "the same, pages at random, adaptive",
    "meanwhile-at-random", "pause-begin", "meanwhile-at-random", "pause-fork", "ratio", 0.5 },
  { "begin-random-trap", "the same, pages at random, every page trapped",
    "meanwhile-at-random-trap", "pause-begin", "meanwhile-at-random-trap", "pause-fork", "ratio", 0.5 },
  { "beside-fork", "lost beside a checkpoint / fork() saving the same",
    "meanwhile", "lost-beside-ours", "meanwhile", "lost-beside-fork-of-same", "ratio", 1.0 },
  { "beside-fork-all", "the same / fork() without a tracker, saving all",
    "meanwhile", "lost-beside-ours", "meanwhile", "lost-beside-fork-of-all", "ratio", 1.0 },
  { "beside-trap", "every page trapped / fork() saving the same",
    "meanwhile-trap", "lost-beside-ours", "meanwhile-trap", "lost-beside-fork-of-same", "ratio", 1.0 },
  { "beside-trap-all", "the same / fork() without a tracker, saving all",
    "meanwhile-trap", "lost-beside-ours", "meanwhile-trap", "lost-beside-fork-of-all", "ratio", 1.0 },
  { "beside-random", "pages at random, adaptive / fork() saving the same",
    "meanwhile-at-random", "lost-beside-ours", "meanwhile-at-random", "lost-beside-fork-of-same",
    "ratio", 1.0 },
  { "beside-random-trap", "the same, every page trapped",
    "meanwhile-at-random-trap", "lost-beside-ours", "meanwhile-at-random-trap", "lost-beside-fork-of-same",
    "ratio", 1.0 },
  { "memory-dense", "own memory / watched, 1 GiB all written, at its peak",
    "memory-1GiB", "peak-of-tracked", NULL, NULL, "%", 0.5 },
  { "memory-writers", "the same, once the dirty set was asked for a writer",
    "memory-1GiB", "writers-asked-of-tracked", NULL, NULL, "%", 0 },
  { "memory-two-epochs", "that set held while all is written again",
    "memory-1GiB", "two-epochs-of-tracked", NULL, NULL, "%", 0 },
  { "sparse-reserved", "own memory, nothing touched, 64 GiB / 64 MiB",
    "memory-sparse", "none-64GiB", "memory-sparse", "none-64MiB", "ratio", 1.10 },
  { "sparse-together", "own memory / touched, 1,000 neighbours of 64 GiB",
    "memory-sparse", "1000-together-of-touched", NULL, NULL, "%", 0 },
  { "sparse-apart", "own memory / touched, 1,000 pages all over 64 GiB",
    "memory-sparse", "1000-apart-of-touched", NULL, NULL, "%", 0 },
  { "sparse-growth", "own memory, 1,000 touched / 100, all over 64 GiB",
    "memory-sparse", "1000-apart", "memory-sparse", "100-apart", "ratio", 10 },
  { NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0 }
};

bool
figure_values(const struct figure *figure, const struct results *results, double *values)
{
  const struct series *over = results_find(results, figure->contestant, figure->metric);
  const struct series *under = NULL;
  bool any = false;

  if (figure->base_contestant)
    under = results_find(results, figure->base_contestant, figure->base_metric);
  if (!over || (figure->base_contestant && !under))
    return false;
  for (unsigned round = 0; round < results->rounds; round++) {
    values[round] = under ? over->values[round] / under->values[round] : over->values[round];
    any = any || !isnan(values[round]);
  }
  return any;
}
