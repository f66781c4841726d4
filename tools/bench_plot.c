/* bench_plot.c - which charts are drawn of the results. */
#include "config.h"
#include "bench_suite.h"

#include <math.h>
#include <string.h>

#include "bench_svg.h"

static const char *
time_label(double nanoseconds, char text[24])
{
  static const char *const units[] = { "ns", "\xc2\xb5s", "ms", "s" };
  size_t unit = 0;

  for (; unit < 3 && nanoseconds >= 999.5; unit++)
    nanoseconds /= 1000;
  snprintf(text, 24, nanoseconds < 9.995 && nanoseconds != floor(nanoseconds) ? "%.1f %s" : "%.0f %s",
           nanoseconds,
           units[unit]);
  return text;
}

static const char *
size_label(double mebibytes, char text[24])
{
  if (mebibytes >= 1024)
    snprintf(text, 24, "%g GiB", mebibytes / 1024);
  else
    snprintf(text, 24, "%g MiB", mebibytes);
  return text;
}

static const char *
share_label(double share, char text[24])
{
  snprintf(text, 24, "%g %%", share * 100);
  return text;
}

static const char *
count_label(double count, char text[24])
{
  snprintf(text, 24, "%g", count);
  return text;
}

enum abscissa { BY_SIZE, BY_FRACTION, BY_THREADS };

static double
x_of(const struct bench_result *result, enum abscissa by)
{
  return by == BY_SIZE ? (double)result->what.mebibytes
         : by == BY_FRACTION ? result->what.fraction : (double)result->what.threads;
}

static void
add_point(struct svg_line *line, struct svg_point point)
{
  size_t at = line->count;

  if (line->count == sizeof line->points / sizeof line->points[0] || !(point.y > 0))
    return;
  for (; at > 0 && line->points[at - 1].x > point.x; at--)
    line->points[at] = line->points[at - 1];
  line->points[at] = point;
  line->count++;
}

/* The lines of the cases of `group` that run `workload`; how many have two points. */
static size_t
gather(struct svg_line lines[BENCH_CONTESTANTS], const struct bench_result *results, size_t count,
       unsigned group,
       const char *workload, enum abscissa by, bool a_page)
{
  size_t made = 0;

  for (size_t c = BENCH_REFERENCE; bench_contestants[c]; c++) {
    struct svg_line *line = &lines[made];

    *line = (struct svg_line){ .name = bench_contestants[c]->name, .colour = (unsigned)c - BENCH_REFERENCE,
                               .thick = c == BENCH_REFERENCE || c == BENCH_REFERENCE + 1,
                               .dashed = strstr(bench_contestants[c]->name, "trap") != NULL };
    for (size_t i = 0; i < count; i++) {
      const struct bench_score *score = &results[i].scores[c];
      const double unit = a_page ? results[i].written : 1;

      if ((results[i].what.groups & group) && strcmp(results[i].what.workload, workload) == 0 && score->ran
          && unit > 0)
        add_point(line, (struct svg_point){ x_of(&results[i], by), score->cost.median / unit,
                                            score->cost.low / unit, score->cost.high / unit });
    }
    if (line->count >= 2)
      made++;
  }
  return made;
}

/* The size that all cases of a group have. */
static const char *
of_size(const struct bench_result *results, size_t count, unsigned group, const char *words, char text[160])
{
  char size[24] = "";

  for (size_t i = 0; i < count && !*size; i++)
    if (results[i].what.groups & group)
      size_label((double)results[i].what.mebibytes, size);
  snprintf(text, 160, "%s: %s", size, words);
  return text;
}

static enum status
draw(const char *folder, const char *name, const struct svg_chart *chart)
{
  FILE *out;
  enum status status;

  if (chart->count == 0)
    return STATUS_OK;
  status = bench_file_open(folder, name, &out);
  if (status != STATUS_OK)
    return status;
  svg_lines(out, chart);
  return bench_file_close(folder, name, out);
}

static enum status
draw_parts(const char *folder, const struct bench_result *result)
{
  struct svg_bar bars[BENCH_CONTESTANTS];
  struct svg_bars chart = {
    .title = "Where the time goes", .x_title = "share of the cost; at the right: the cost of an epoch",
    .part_names = { "faults", "collect", "arm", "hash or compare" }, .x_label = time_label, .bars = bars,
  };
  char subtitle[160], name[96], file[160];
  FILE *out;
  enum status status;

  for (size_t c = BENCH_REFERENCE; bench_contestants[c]; c++) {
    const struct bench_score *score = &result->scores[c];

    if (score->ran)
      bars[chart.count++] = (struct svg_bar){
        .name = bench_contestants[c]->name, .note = score->noise ? ", in the noise" : "",
        .parts = { score->fault_part, score->collect_part, score->arm_part, score->hash_part },
      };
  }
  if (chart.count == 0)
    return STATUS_OK;
  bench_case_name(&result->what, name, sizeof name);
  snprintf(subtitle, sizeof subtitle, "%s: %.0f of %zu pages written an epoch", name, result->written,
           result->tracked);
  chart.subtitle = subtitle;
  snprintf(file, sizeof file, "parts-%s-%zu.svg", result->what.workload, result->what.mebibytes);
  status = bench_file_open(folder, file, &out);
  if (status != STATUS_OK)
    return status;
  svg_stacks(out, &chart);
  return bench_file_close(folder, file, out);
}

/* The largest case of the suite with one thread of each of these. */
static enum status
draw_all_parts(const char *folder, const struct bench_result *results, size_t count)
{
  static const char *const shown[] = { "hot", "sparse", "once", "heat", "sequential", "zipf" };
  enum status status = STATUS_OK;

  for (size_t s = 0; s < sizeof shown / sizeof shown[0] && status == STATUS_OK; s++) {
    const struct bench_result *largest = NULL;

    for (size_t i = 0; i < count; i++)
      if ((results[i].what.groups & BENCH_SUITE) && strcmp(results[i].what.workload, shown[s]) == 0
          && (!largest || results[i].what.mebibytes > largest->what.mebibytes))
        largest = &results[i];
    if (largest)
      status = draw_parts(folder, largest);
  }
  return status;
}

enum status
bench_plots(const char *folder, const struct bench_result *results, size_t count)
{
  struct svg_line lines[BENCH_CONTESTANTS];
  struct svg_chart chart = { .lines = lines, .x_log = true, .y_label = time_label };
  enum status status;
  char subtitle[160];

  chart.title = "Cost against the size of the region";
  chart.subtitle = "the same scattered 1 % of the pages written each epoch";
  chart.x_title = "memory that is tracked";
  chart.y_title = "cost of a written page";
  chart.x_label = size_label;
  chart.count = gather(lines, results, count, BENCH_BY_SIZE, "hot", BY_SIZE, true);
  status = draw(folder, "cost-size.svg", &chart);
  if (status != STATUS_OK)
    return status;
  chart.title = "Cost against the share of the pages that is written";
  chart.subtitle = of_size(results, count, BENCH_BY_FRACTION, "uniform random pages, other ones each epoch",
                           subtitle);
  chart.x_title = "pages drawn an epoch, of all";
  chart.y_title = "cost of an epoch";
  chart.x_label = share_label;
  chart.count = gather(lines, results, count, BENCH_BY_FRACTION, "sparse", BY_FRACTION, false);
  status = draw(folder, "cost-fraction.svg", &chart);
  if (status != STATUS_OK)
    return status;
  chart.title = "Cost against threads";
  chart.subtitle = of_size(results, count, BENCH_BY_THREADS,
                           "uniform random pages, 2 % of them an epoch, shared out among the threads",
                           subtitle);
  chart.x_title = "threads that write";
  chart.x_label = count_label;
  chart.x_log = false;
  chart.count = gather(lines, results, count, BENCH_BY_THREADS, "sparse", BY_THREADS, false);
  status = draw(folder, "cost-threads.svg", &chart);
  if (status != STATUS_OK)
    return status;
  return draw_all_parts(folder, results, count);
}
