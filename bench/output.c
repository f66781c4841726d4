/* output.c - the results for a person (table), a spreadsheet (CSV), a program (JSON). */
#include "config.h"
#include "bench.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *
verdict(const struct figure *figure, double measured)
{
  if (figure->target <= 0)
    return "-";
  return measured <= figure->target ? "within" : "above";
}

static void
print_figures(FILE *out, const struct results *results)
{
  double *values = calloc(results->rounds, sizeof *values);
  bool header = false;

  for (const struct figure *figure = figures; values && figure->name; figure++) {
    struct spread spread;
    char target[24] = "-";

    if (!figure_values(figure, results, values))
      continue;
    if (!header)
      fprintf(out, "\nFigures: a ratio is the median of the ratios of each round; trapped writes by the\n"
              "processor's time, collects and two threads by the clock\n"
              "  %-52s %8s  %-19s %8s\n", "what", "measured", "quartiles", "target");
    header = true;
    spread_of(values, results->rounds, &spread);
    if (figure->target > 0)
      snprintf(target, sizeof target, "%.4g%s", figure->target, figure->unit[0] == '%' ? " %" : "");
    fprintf(out, "  %-52s %8.3f  %8.3f - %8.3f %8s  %s\n", figure->what, spread.median, spread.low,
            spread.high, target, verdict(figure, spread.median));
  }
  free(values);
}

static double
median_in(const struct results *results, const char *contestant, const char *metric)
{
  const struct series *series = results_find(results, contestant, metric);
  struct spread spread;

  if (!series)
    return NAN;
  spread_of(series->values, results->rounds, &spread);
  return spread.median;
}

/* The median of what one series is above another in the same round. */
static double
median_above(const struct results *results, const char *contestant, const char *base, const char *metric)
{
  const struct series *over = results_find(results, contestant, metric);
  const struct series *under = results_find(results, base, metric);
  double *above = calloc(results->rounds, sizeof *above);
  struct spread spread = { .median = NAN };

  for (unsigned round = 0; above && over && under && round < results->rounds; round++)
    above[round] = over->values[round] - under->values[round];
  if (above && over && under)
    spread_of(above, results->rounds, &spread);
  free(above);
  return spread.median;
}

/* What is left of the bare loop after its parts is the page fault's second
 * half: the write done again, and the look-up of a page table entry. */
static void
print_profile(FILE *out, const struct results *results)
{
  static const char *const orders[] = { "sequential", "random" };
  const double signal = median_in(results, "parts", "signal");

  if (isnan(median_in(results, "bare", "sequential-trap")) || isnan(signal))
    return;
  fprintf(out, "\nWhere the time of one trapped write goes (medians, ns)\n"
          "  %-12s %8s %9s %8s %9s %8s %11s %11s\n", "order",
          "signal", "mprotect", "rest", "bare loop", "tracker", "its own", "with stacks");
  for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
    char metric[48], part[48];
    double bare, change;

    snprintf(metric, sizeof metric, "%s-trap", orders[i]);
    snprintf(part, sizeof part, "mprotect-%s", orders[i]);
    bare = median_in(results, "bare", metric);
    change = median_in(results, "parts", part);
    fprintf(out, "  %-12s %8.0f %9.0f %8.0f %9.0f %8.0f %+11.0f %+11.0f\n", orders[i], signal, change,
            bare - signal - change, bare, median_in(results, "tracker", metric),
            median_above(results, "tracker", "bare", metric),
            median_above(results, "stacks", "bare-deep", metric));
  }
}

void
table_print(FILE *out, const struct results *results, const struct fact *facts, size_t count)
{
  const struct contestant *last = NULL;

  fputs("Machine and build\n", out);
  for (size_t i = 0; i < count; i++)
    fprintf(out, "  %-17s %s\n", facts[i].name, facts[i].value);
  fprintf(out, "  %-17s %u%s, each contestant in a process of its own\n", "rounds", results->rounds,
          results->quick ? " (quick)" : "");
  fprintf(out, "\nMeasured\n  %-36s %-8s %12s %12s %12s %12s %12s\n", "", "unit", "median", "min", "quartile",
          "quartile", "max");
  for (size_t i = 0; i < results->count; i++) {
    const struct series *series = &results->series[i];
    struct spread spread;

    if (series->contestant != last)
      fprintf(out, "  %s: %s\n", series->contestant->name, series->contestant->what);
    last = series->contestant;
    spread_of(series->values, results->rounds, &spread);
    fprintf(out, "    %-34s %-8s %12.5g %12.5g %12.5g %12.5g %12.5g\n", series->metric, series->unit,
            spread.median, spread.min, spread.low, spread.high, spread.max);
  }
  print_profile(out, results);
  print_figures(out, results);
}

/* No field of ours holds a comma or a quote. */
int
csv_write(const char *path, const struct results *results)
{
  double *values = calloc(results->rounds, sizeof *values);
  FILE *file = values ? fopen(path, "we") : NULL;
  int failed;

  if (!file) {
    free(values);
    return bench_fail("%s: %s", path, strerror(errno));
  }
  fputs("kind,name,metric,unit,round,value\n", file);
  for (size_t i = 0; i < results->count; i++)
    for (unsigned round = 0; round < results->rounds; round++)
      if (!isnan(results->series[i].values[round]))
        fprintf(file, "contestant,%s,%s,%s,%u,%.10g\n", results->series[i].contestant->name,
                results->series[i].metric, results->series[i].unit, round + 1,
                results->series[i].values[round]);
  for (const struct figure *figure = figures; figure->name; figure++)
    if (figure_values(figure, results, values))
      for (unsigned round = 0; round < results->rounds; round++)
        if (!isnan(values[round]))
          fprintf(file, "figure,%s,%s,%s,%u,%.10g\n", figure->name, figure->metric, figure->unit, round + 1,
                  values[round]);
  free(values);
  failed = ferror(file);
  if (fclose(file) != 0 || failed)
    return bench_fail("%s: %s", path, strerror(errno));
  return 0;
}

static json_t *
values_json(const double *values, size_t count)
{
  json_t *array = json_array();

  for (size_t i = 0; i < count; i++)
    json_array_append_new(array, isnan(values[i]) ? json_null() : json_real(values[i]));
  return array;
}

static json_t *
spread_json(const double *values, size_t count)
{
  struct spread spread;

  spread_of(values, count, &spread);
  return json_pack("{s:f, s:f, s:f, s:f, s:f}", "median", spread.median, "min", spread.min, "low_quartile",
                   spread.low, "high_quartile", spread.high, "max", spread.max);
}

int
json_write(const char *path, const struct results *results, const struct fact *facts, size_t count)
{
  json_t *machine = json_object(), *series = json_array(), *ratios = json_array(), *all;
  double *values = calloc(results->rounds, sizeof *values);
  int failed;

  for (size_t i = 0; i < count; i++)
    json_object_set_new(machine, facts[i].name, json_string(facts[i].value));
  for (size_t i = 0; i < results->count; i++) {
    const struct series *one = &results->series[i];

    json_array_append_new(series, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}",
                                            "contestant", one->contestant->name,
                                            "what", one->contestant->what, "metric", one->metric,
                                            "unit", one->unit,
                                            "spread", spread_json(one->values, results->rounds),
                                            "values", values_json(one->values, results->rounds)));
  }
  for (const struct figure *figure = figures; values && figure->name; figure++) {
    struct spread spread;
    json_t *one;

    if (!figure_values(figure, results, values))
      continue;
    spread_of(values, results->rounds, &spread);
    one = json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", figure->name, "what", figure->what,
                    "unit", figure->unit, "spread", spread_json(values, results->rounds), "values",
                    values_json(values, results->rounds));
    if (figure->target > 0) {
      json_object_set_new(one, "target", json_real(figure->target));
      json_object_set_new(one, "verdict", json_string(verdict(figure, spread.median)));
    }
    json_array_append_new(ratios, one);
  }
  free(values);
  all = json_pack("{s:s, s:i, s:b, s:i, s:o, s:o, s:o}", "format", "writewatch-bench", "version", 1,
                  "quick", results->quick, "rounds", (int)results->rounds, "machine", machine,
                  "series", series, "figures", ratios);
  failed = !all || json_dump_file(all, path, JSON_INDENT(1) | JSON_REAL_PRECISION(8)) != 0;
  json_decref(all);
  return failed ? bench_fail("%s: it could not be written: %s", path, strerror(errno)) : 0;
}
