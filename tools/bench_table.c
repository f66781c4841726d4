/* bench_table.c - the results for a person. */
#include "config.h"
#include "bench_suite.h"

#include <math.h>
#include <string.h>

/* Nanoseconds in three or four figures with their unit. */
static const char *
duration(double nanoseconds, char text[16])
{
  static const char *const units[] = { "ns", "us", "ms", "s" };
  size_t unit = 0;

  for (; unit < 3 && fabs(nanoseconds) >= 999.5; unit++)
    nanoseconds /= 1000;
  snprintf(text, 16, nanoseconds < 9.995 ? "%.2f %s" : nanoseconds < 99.95 ? "%.1f %s" : "%.0f %s",
           nanoseconds,
           units[unit]);
  return text;
}

static const char *
ratio_text(double ratio, char text[16])
{
  if (isfinite(ratio))
    snprintf(text, 16, ratio < 9.995 ? "%.2f" : ratio < 99.95 ? "%.1f" : "%.0f", ratio);
  else
    snprintf(text, 16, "-");
  return text;
}

static void
print_score(FILE *out, const struct bench_options *options, const struct bench_result *result, size_t which)
{
  const struct bench_score *score = &result->scores[which];
  char a[16], b[16], c[16], d[16], e[16], f[16], g[16], h[16], i[16];

  if (!score->ran) {
    if (*score->absent && !*options->absent[which])
      fprintf(out, "  %-21s out: %s\n", bench_contestants[which]->name, score->absent);
    return;
  }
  fprintf(out, "  %-21s %9s %9s %9s %9s %7s%s %9s %9s %9s %9s %8.0f%s%s\n", bench_contestants[which]->name,
          duration(score->cost.median, a), duration(score->cost.low, b), duration(score->cost.high, c),
          result->written > 0 ? duration(score->cost.median / result->written, d) : "-",
          ratio_text(result->scores[BENCH_REFERENCE].noise ? NAN : score->ratio, e), score->noise ? "~" : " ",
          duration(score->fault_part, f), duration(score->collect_part, g), duration(score->arm_part, h),
          duration(score->hash_part, i), score->pages, score->extra > 0 ? ", some not written" : "",
          score->missed ? ", MISSED SOME" : "");
}

static void
print_case(FILE *out, const struct bench_options *options, const struct bench_result *result)
{
  char name[96], a[16], b[16], c[16];

  bench_case_name(&result->what, name, sizeof name);
  if (!result->scores[BENCH_UNTRACKED].ran) {
    fprintf(out, "\n%s: not run: %s\n", name, result->scores[BENCH_UNTRACKED].absent);
    return;
  }
  fprintf(out, "\n%s: %.0f of %zu pages written an epoch, %u epochs; untracked %s an epoch (%s to %s)\n",
          name,
          result->written, result->tracked, result->epochs, duration(result->untracked.median, a),
          duration(result->untracked.low, b), duration(result->untracked.high, c));
  fprintf(out, "  %-21s %9s %9s %9s %9s %7s  %9s %9s %9s %9s %8s\n", "", "cost", "quartile", "quartile",
          "a page", "ratio", "faults", "collect", "arm", "hash", "pages");
  for (size_t i = BENCH_REFERENCE; bench_contestants[i]; i++)
    print_score(out, options, result, i);
}

/* A policy that learns costs most in the first epochs: who reads a mean must know of how many it is. */
static void
print_epochs(FILE *out, const struct bench_result *results, size_t count)
{
  unsigned least = 0, most = 0, rounds_least = 0, rounds_most = 0;

  for (size_t i = 0; i < count; i++) {
    const unsigned epochs = results[i].epochs, rounds = results[i].scores[BENCH_UNTRACKED].rounds;

    if (!(results[i].what.groups & BENCH_SUITE) || !results[i].scores[BENCH_UNTRACKED].ran)
      continue;
    least = least == 0 || epochs < least ? epochs : least;
    most = epochs > most ? epochs : most;
    rounds_least = rounds_least == 0 || rounds < rounds_least ? rounds : rounds_least;
    rounds_most = rounds > rounds_most ? rounds : rounds_most;
  }
  fprintf(out, "The suite's cases ran for %u to %u epochs, the first ones counted, in %u to %u rounds.\n",
          least, most, rounds_least, rounds_most);
}

static void
print_means(FILE *out, const struct bench_result *results, size_t count)
{
  fprintf(out, "\nRatio of the cost to that of pagemap-scan: geometric means\n"
          "  %-21s %9s %9s %9s %6s  %s\n", "", "suite", "iterative", "worst", "cases", "worst case");
  for (size_t i = BENCH_REFERENCE + 1; bench_contestants[i]; i++) {
    struct bench_mean suite = bench_mean_of(results, count, BENCH_SUITE, i, BENCH_REFERENCE);
    struct bench_mean iterative = bench_mean_of(results, count, BENCH_ITERATIVE, i, BENCH_REFERENCE);
    char a[16], b[16], c[16], name[96] = "";

    if (suite.count == 0)
      continue;
    bench_case_name(&results[suite.worst_case].what, name, sizeof name);
    fprintf(out, "  %-21s %9s %9s %9s %6zu  %s\n", bench_contestants[i]->name, ratio_text(suite.ratio, a),
            ratio_text(iterative.ratio, b), ratio_text(suite.worst, c), suite.count, name);
  }
}

static void
print_figures(FILE *out, const struct bench_result *results, size_t count)
{
  struct bench_figure promised[BENCH_FIGURES];
  const size_t made = bench_figures(results, count, promised);
  bool titled = false;

  for (size_t i = 0; i < made; i++) {
    const struct bench_figure *at = &promised[i];

    if (!isfinite(at->value))
      continue;
    if (!titled)
      fprintf(out, "\nFigures, and what is wanted of them\n");
    titled = true;
    fprintf(out, "  %-68s %8.3g %-2s (at %s %g) %s\n", at->what, at->value, at->unit,
            at->least ? "least" : "most",
            at->target, (at->least ? at->value >= at->target : at->value <= at->target) ? "" : "not reached");
  }
}

void
bench_table(FILE *out, const struct bench_options *options, const struct bench_result *results, size_t count)
{
  struct fact facts[FACTS_MAX];
  const size_t fact_count = facts_gather(facts);

  for (size_t i = 0; i < fact_count; i++)
    if (strcmp(facts[i].name, "bare loop") != 0)
      fprintf(out, "%-16s %s\n", facts[i].name, facts[i].value);
  for (size_t i = 0; bench_contestants[i]; i++)
    if (*options->absent[i])
      fprintf(out, "%snot available: %s: %s\n", i == 0 || !*options->absent[i - 1] ? "\n" : "",
              bench_contestants[i]->name, options->absent[i]);
  for (size_t i = 0; i < count; i++)
    print_case(out, options, &results[i]);
  print_means(out, results, count);
  print_epochs(out, results, count);
  print_figures(out, results, count);
  fprintf(out, "\ncost: time of an epoch and its collect, less that of the epoch untracked beside it;\n"
          "median of the rounds. ratio: to pagemap-scan's in the same round. faults: the run's part of it;\n"
          "arm and hash: write-protecting (fork: a new child) and hashing (copy: comparing), collect: the\n"
          "rest. pages: returned an epoch. ~: the cost drowns in the noise of the untracked run; no ratio\n"
          "where pagemap-scan's does.\n");
}
