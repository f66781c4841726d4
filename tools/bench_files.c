/* bench_files.c - the results for programs: bench-suite.csv and bench-suite.json. */
#include "config.h"
#include "bench_suite.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "message.h"

static const char csv_header[] =
  "case,workload,operand,mebibytes,threads,pages,epochs,rounds,contestant,written,returned,"
  "not_written,missed,untracked_ns,run_ns,collect_ns,cost_ns,cost_low_ns,cost_high_ns,fault_ns,"
  "collect_rest_ns,"
  "arm_ns,hash_ns,ratio,noise,absent\n";

static double
middle(const double *values, unsigned count)
{
  struct spread spread;

  spread_of(values, count, &spread);
  return spread.median;
}

static void
quote(FILE *out, const char *text)
{
  putc('"', out);
  for (; *text; text++) {
    if (*text == '"')
      putc('"', out);
    putc(*text, out);
  }
  putc('"', out);
}

static void
csv_row(FILE *out, const struct bench_result *result, size_t which)
{
  const struct bench_score *score = &result->scores[which];
  const struct bench_case *what = &result->what;
  char name[96];

  bench_case_name(what, name, sizeof name);
  quote(out, name);
  fprintf(out, ",%s,%s,%zu,%u,%zu,%u,%u,%s,", what->workload, what->operand ? what->operand : "",
          what->mebibytes, what->threads, result->tracked, result->epochs, score->rounds,
          bench_contestants[which]->name);
  if (score->ran) {
    fprintf(out, "%.1f,%.1f,%.1f,%llu,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,", result->written,
            score->pages, score->extra, (unsigned long long)score->missed, result->untracked.median,
            middle(score->run, score->rounds), middle(score->collect, score->rounds), score->cost.median,
            score->cost.low, score->cost.high, score->fault_part, score->collect_part, score->arm_part,
            score->hash_part);
    if (which != BENCH_UNTRACKED && isfinite(score->ratio))
      fprintf(out, "%.4f", score->ratio);
    fprintf(out, ",%d,\n", score->noise);
  } else {
    fputs(",,,,,,,,,,,,,,,,", out);
    quote(out, score->absent);
    putc('\n', out);
  }
}

static json_t *
number(double value)
{
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *
list(const double *values, unsigned count)
{
  json_t *array = json_array();

  for (unsigned i = 0; i < count; i++)
    json_array_append_new(array, number(values[i]));
  return array;
}

static json_t *
score_json(const struct bench_result *result, size_t which)
{
  const struct bench_score *score = &result->scores[which];
  json_t *object = json_object();

  json_object_set_new(object, "contestant", json_string(bench_contestants[which]->name));
  if (!score->ran) {
    json_object_set_new(object, "absent", json_string(score->absent));
    return object;
  }
  json_object_set_new(object, "run_ns", list(score->run, score->rounds));
  json_object_set_new(object, "collect_ns", list(score->collect, score->rounds));
  json_object_set_new(object, "arm_ns", list(score->arm, score->rounds));
  json_object_set_new(object, "hash_ns", list(score->hash, score->rounds));
  json_object_set_new(object, "untracked_ns", list(score->base, score->rounds));
  json_object_set_new(object, "reference_ns", list(score->reference, score->rounds));
  json_object_set_new(object, "returned", number(score->pages));
  json_object_set_new(object, "not_written", number(score->extra));
  json_object_set_new(object, "missed", json_integer((json_int_t)score->missed));
  if (which == BENCH_UNTRACKED)
    return object;
  json_object_set_new(object, "cost_ns", number(score->cost.median));
  json_object_set_new(object, "cost_low_ns", number(score->cost.low));
  json_object_set_new(object, "cost_high_ns", number(score->cost.high));
  json_object_set_new(object, "ratio", number(score->ratio));
  json_object_set_new(object, "noise", json_boolean(score->noise));
  return object;
}

static json_t *
case_json(const struct bench_result *result)
{
  const struct bench_case *what = &result->what;
  json_t *object = json_object(), *scores = json_array();
  char name[96];

  bench_case_name(what, name, sizeof name);
  json_object_set_new(object, "case", json_string(name));
  json_object_set_new(object, "workload", json_string(what->workload));
  json_object_set_new(object, "operand", what->operand ? json_string(what->operand) : json_null());
  json_object_set_new(object, "mebibytes", json_integer((json_int_t)what->mebibytes));
  json_object_set_new(object, "threads", json_integer(what->threads));
  json_object_set_new(object, "pages", json_integer((json_int_t)result->tracked));
  json_object_set_new(object, "epochs", json_integer(result->epochs));
  json_object_set_new(object, "written", number(result->written));
  json_object_set_new(object, "suite", json_boolean(what->groups & BENCH_SUITE));
  json_object_set_new(object, "iterative", json_boolean(what->groups & BENCH_ITERATIVE));
  for (size_t i = 0; bench_contestants[i]; i++)
    if (result->scores[i].ran || *result->scores[i].absent)
      json_array_append_new(scores, score_json(result, i));
  json_object_set_new(object, "contestants", scores);
  return object;
}

static json_t *
means_json(const struct bench_result *results, size_t count)
{
  json_t *array = json_array();

  for (size_t i = BENCH_REFERENCE + 1; bench_contestants[i]; i++) {
    struct bench_mean suite = bench_mean_of(results, count, BENCH_SUITE, i, BENCH_REFERENCE);
    struct bench_mean iterative = bench_mean_of(results, count, BENCH_ITERATIVE, i, BENCH_REFERENCE);
    json_t *object = json_object();

    json_object_set_new(object, "contestant", json_string(bench_contestants[i]->name));
    json_object_set_new(object, "suite", number(suite.ratio));
    json_object_set_new(object, "iterative", number(iterative.ratio));
    json_object_set_new(object, "worst", number(suite.count ? suite.worst : NAN));
    json_object_set_new(object, "cases", json_integer((json_int_t)suite.count));
    json_array_append_new(array, object);
  }
  return array;
}

static json_t *
figures_json(const struct bench_result *results, size_t count)
{
  struct bench_figure promised[BENCH_FIGURES];
  const size_t made = bench_figures(results, count, promised);
  json_t *array = json_array();

  for (size_t i = 0; i < made; i++) {
    json_t *object = json_object();

    json_object_set_new(object, "figure", json_string(promised[i].what));
    json_object_set_new(object, "unit", json_string(promised[i].unit));
    json_object_set_new(object, "value", number(promised[i].value));
    json_object_set_new(object, promised[i].least ? "at_least" : "at_most", number(promised[i].target));
    json_array_append_new(array, object);
  }
  return array;
}

static void
write_csv(FILE *out, const struct bench_result *results, size_t count)
{
  fputs(csv_header, out);
  for (size_t i = 0; i < count; i++)
    for (size_t c = 0; bench_contestants[c]; c++)
      if (results[i].scores[c].ran || *results[i].scores[c].absent)
        csv_row(out, &results[i], c);
}

static void
write_json(FILE *out, const struct bench_options *options, const struct bench_result *results, size_t count)
{
  json_t *root = json_object(), *machine = json_object(), *cases = json_array();
  struct fact facts[FACTS_MAX];
  const size_t fact_count = facts_gather(facts);

  for (size_t i = 0; i < fact_count; i++)
    if (strcmp(facts[i].name, "bare loop") != 0)
      json_object_set_new(machine, facts[i].name, json_string(facts[i].value));
  for (size_t i = 0; i < count; i++)
    json_array_append_new(cases, case_json(&results[i]));
  json_object_set_new(root, "machine", machine);
  json_object_set_new(root, "quick", json_boolean(options->quick));
  json_object_set_new(root, "seed", json_integer((json_int_t)options->seed));
  json_object_set_new(root, "means", means_json(results, count));
  json_object_set_new(root, "figures", figures_json(results, count));
  json_object_set_new(root, "cases", cases);
  json_dumpf(root, out, JSON_INDENT(1) | JSON_REAL_PRECISION(8));
  putc('\n', out);
  json_decref(root);
}

static void
path_of(const char *folder, const char *name, const char *end, char path[4096])
{
  snprintf(path, 4096, "%s/%s%s", folder, name, end);
}

enum status
bench_file_open(const char *folder, const char *name, FILE **out)
{
  char path[4096];

  path_of(folder, name, ".part", path);
  *out = fopen(path, "we");
  if (*out)
    return STATUS_OK;
  complain("cannot write %s: %s", path, strerror(errno));
  return STATUS_OUTPUT;
}

enum status
bench_file_close(const char *folder, const char *name, FILE *out)
{
  char part[4096], path[4096];
  bool failed = fflush(out) != 0 || ferror(out);

  path_of(folder, name, ".part", part);
  path_of(folder, name, "", path);
  failed = fclose(out) != 0 || failed;
  if (!failed && rename(part, path) == 0)
    return STATUS_OK;
  complain("cannot write %s: %s", path, strerror(errno));
  remove(part);
  return STATUS_OUTPUT;
}

enum status
bench_files(const char *folder, const struct bench_options *options, const struct bench_result *results,
            size_t count)
{
  static const char *const names[] = { "bench-suite.csv", "bench-suite.json" };
  enum status status = STATUS_OK;

  for (size_t i = 0; status == STATUS_OK && i < 2; i++) {
    FILE *out;

    status = bench_file_open(folder, names[i], &out);
    if (status != STATUS_OK)
      return status;
    if (i == 0)
      write_csv(out, results, count);
    else
      write_json(out, options, results, count);
    status = bench_file_close(folder, names[i], out);
  }
  return status;
}
