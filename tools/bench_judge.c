/* bench_judge.c - from times to costs, ratios, means and the figures that were promised. */
#include "config.h"
#include "bench_suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double
middle(const double *values, unsigned count)
{
  struct spread spread;

  spread_of(values, count, &spread);
  return spread.count ? spread.median : NAN;
}

/* The time of a collect is known by itself: the cost is at least that, whatever the
 * difference of two runs says. */
static void
judge(struct bench_score *score, const struct spread *untracked, double written)
{
  double cost[BENCH_ROUNDS], ratio[BENCH_ROUNDS], raw[BENCH_ROUNDS], fault;

  for (unsigned i = 0; i < score->rounds; i++) {
    raw[i] = score->run[i] - score->base[i];
    cost[i] = fmax(raw[i], 0) + score->collect[i];
    ratio[i] = cost[i] / score->reference[i];
  }
  spread_of(cost, score->rounds, &score->cost);
  score->ratio = middle(ratio, score->rounds);
  fault = middle(raw, score->rounds);
  score->fault_part = fmax(fault, 0);
  score->arm_part = middle(score->arm, score->rounds);
  score->hash_part = middle(score->hash, score->rounds);
  score->collect_part = fmax(middle(score->collect, score->rounds) - score->arm_part - score->hash_part, 0);
  /* What is left when nothing was written is noise by itself. */
  score->noise = score->cost.median < untracked->high - untracked->low
                 || (written > 0 && fault < -0.1 * score->cost.median)
                 || score->cost.median < untracked->median * 0.005;
}

void
bench_judge(struct bench_result *result)
{
  const struct bench_score *base = &result->scores[BENCH_UNTRACKED];

  if (!base->ran)
    return;
  spread_of(base->run, base->rounds, &result->untracked);
  for (size_t i = 0; bench_contestants[i]; i++)
    if (i != BENCH_UNTRACKED && result->scores[i].ran)
      judge(&result->scores[i], &result->untracked, result->written);
}

static double
ratio_of(const struct bench_result *result, size_t contestant, size_t base)
{
  const struct bench_score *a = &result->scores[contestant], *b = &result->scores[base];

  /* Who returns no pages is no tracker to be compared as a whole. */
  if (!a->ran || bench_contestants[contestant]->sees == BENCH_NOTHING || !b->ran || b->noise
      || b->cost.median <= 0)
    return NAN;
  return base == BENCH_REFERENCE ? a->ratio : a->cost.median / b->cost.median;
}

struct bench_mean
bench_mean_of(const struct bench_result *results, size_t count, unsigned group, size_t contestant,
              size_t base)
{
  struct bench_mean mean = { NAN, 0, 0, 0 };
  double logs = 0;

  for (size_t i = 0; i < count; i++) {
    double ratio = results[i].what.groups & group ? ratio_of(&results[i], contestant, base) : NAN;

    if (!(ratio > 0))
      continue;
    logs += log(ratio);
    if (ratio > mean.worst) {
      mean.worst = ratio;
      mean.worst_case = i;
    }
    mean.count++;
  }
  if (mean.count)
    mean.ratio = exp(logs / (double)mean.count);
  return mean;
}

/* ------------------------------------------------------- promised figures */

static size_t
index_of(const char *name)
{
  size_t index = 0;

  bench_contestant_find(name, &index);
  return index;
}

static double
collect_of(const struct bench_result *results, size_t count, const char *workload, size_t mebibytes,
           double fraction, const char *contestant)
{
  for (size_t i = 0; i < count; i++) {
    const struct bench_score *score = &results[i].scores[index_of(contestant)];

    if (strcmp(results[i].what.workload, workload) == 0 && results[i].what.mebibytes == mebibytes
        && results[i].what.fraction >= fraction * 0.99 && results[i].what.fraction <= fraction * 1.01
        && results[i].what.threads == 1 && score->ran)
      return middle(score->collect, score->rounds) / 1e3;
  }
  return NAN;
}

/* Pages trapped a second with two threads, to those with one. */
static double
speed_up(const struct bench_result *results, size_t count, const char *contestant)
{
  const size_t which = index_of(contestant);
  double cost[3] = { NAN, NAN, NAN };

  for (size_t i = 0; i < count; i++)
    if ((results[i].what.groups & BENCH_BY_THREADS) && strcmp(results[i].what.workload, "sparse") == 0
        && results[i].what.threads <= 2 && results[i].scores[which].ran)
      cost[results[i].what.threads] = results[i].scores[which].fault_part;
  return cost[1] / cost[2];
}

size_t
bench_figures(const struct bench_result *results, size_t count, struct bench_figure promised[BENCH_FIGURES])
{
  const size_t best = index_of("auto-adaptive"), plain = index_of("mprotect-adaptive");
  struct bench_mean mean;
  size_t made = 0;

#define FIGURE(...) promised[made++] = (struct bench_figure){ __VA_ARGS__ }
  mean = bench_mean_of(results, count, BENCH_SUITE, best, BENCH_REFERENCE);
  FIGURE("auto-adaptive to pagemap-scan, geometric mean of the suite", "", mean.ratio, 0.5, false);
  FIGURE("auto-adaptive to pagemap-scan, the worst of the suite", "", mean.count ? mean.worst : NAN, 1.5,
         false);
  mean = bench_mean_of(results, count, BENCH_SUITE, plain, BENCH_REFERENCE);
  FIGURE("mprotect-adaptive to pagemap-scan, geometric mean of the suite", "", mean.ratio, 0.8, false);
  mean = bench_mean_of(results, count, BENCH_ITERATIVE, best, index_of("libsigsegv"));
  FIGURE("auto-adaptive to libsigsegv, geometric mean of the iterative ones", "", mean.ratio, 0.2, false);
  mean = bench_mean_of(results, count, BENCH_ITERATIVE, best, index_of("bare-loop"));
  FIGURE("auto-adaptive to the bare loop, geometric mean of the iterative ones", "", mean.ratio, 0.2, false);
  mean = bench_mean_of(results, count, BENCH_ADVERSE, plain, index_of("mprotect-trap"));
  FIGURE("mprotect-adaptive to mprotect-trap, the worst adversarial one", "", mean.count ? mean.worst : NAN,
         1.15,
         false);
  mean = bench_mean_of(results, count, BENCH_RANDOM, index_of("userfaultfd-trap"), index_of("mprotect-trap"));
  FIGURE("userfaultfd-trap to mprotect-trap, random writes", "", mean.ratio, 0.6, false);
  FIGURE("a collect with nothing written in 4 GiB, mprotect-trap", "us",
         collect_of(results, count, "idle", 4096, 0, "mprotect-trap"), 20, false);
  FIGURE("a collect with nothing written in 4 GiB, userfaultfd-trap", "us",
         collect_of(results, count, "idle", 4096, 0, "userfaultfd-trap"), 20, false);
  FIGURE("a collect with 105 pages written in 4 GiB, mprotect-trap", "us",
         collect_of(results, count, "sparse", 4096, 0.0001, "mprotect-trap"), 2000, false);
  FIGURE("a collect with 105 pages written in 4 GiB, userfaultfd-trap", "us",
         collect_of(results, count, "sparse", 4096, 0.0001, "userfaultfd-trap"), 2000, false);
  FIGURE("faults of two threads to one's, userfaultfd-trap", "", speed_up(results, count, "userfaultfd-trap"),
         1.3, true);
#undef FIGURE
  return made;
}
