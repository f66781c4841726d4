/* report-diff.c - two traces side by side. Runs last differently long, so what is compared is a second's
 * writes. */
#include "config.h"
#include "report-diff.h"
#include "report-columns.h"
#include "report-name.h"
#include "report-object.h"
#include "trace_diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEBIBYTE 1048576.0

/* "+12.3 %", "new", "gone". */
static struct figure
figure_change(double a, double b)
{
  struct figure figure = { "" }, share;

  if (a == 0 && b == 0)
    return figure;
  if (a == 0)
    return (struct figure){ "new" };
  if (b == 0)
    return (struct figure){ "gone" };
  share = figure_decimal(100 * (b > a ? b - a : a - b) / a, 1);
  snprintf(figure.text, sizeof(figure.text), "%c%.24s %%", b < a ? '-' : '+', share.text);
  return figure;
}

static void
fill(struct columns_row *row, double a, double b, uint64_t pages_a, uint64_t pages_b)
{
  row->cells[0] = figure_decimal(a / MEBIBYTE, 2);
  row->cells[1] = figure_decimal(b / MEBIBYTE, 2);
  row->cells[2] = figure_change(a, b);
  row->cells[3] = figure_count(pages_a);
  row->cells[4] = figure_count(pages_b);
}

static void
print_pairs(const struct report_page *page, const struct trace_summary *const summaries[2],
            enum summary_by by,
            size_t top)
{
  struct columns table = { .page = page, .count = 5,
                           .titles =
                               { "A MiB/s", "B MiB/s", "change", "A pages", "B pages",
                                 summary_by_names[by] } };
  struct diff_pairs pairs;
  size_t shown;

  if (trace_diff(&pairs, summaries, by) < 0) {
    page->sink->error = page->sink->error ? page->sink->error : -ENOMEM;
    return;
  }
  shown = top && top < pairs.count ? top : pairs.count;
  for (size_t i = 0; i < shown; i++) {
    const struct diff_pair *pair = &pairs.all[i];
    struct columns_row *row;
    char *name;
    if (asprintf(&name, pair->detail && *pair->detail ? "%s (%s)" : "%s",
                 *pair->name ? report_name_base(pair->name) : "(no name)", pair->detail) < 0)
      name = NULL;
    row = columns_add(&table, name);
    if (!row)
      break;
    fill(row, trace_diff_rate(summaries[0], pair->side[0].bytes),
         trace_diff_rate(summaries[1], pair->side[1].bytes),
         pair->side[0].pages, pair->side[1].pages);
  }
  columns_print(&table);
  if (shown < pairs.count)
    report_printf(page->sink, "  ... and %s more that differ less\n", figure_count(pairs.count - shown).text);
  trace_diff_free(&pairs);
}

static void
print_totals(const struct report_page *page, const struct trace_summary *const summaries[2])
{
  struct columns table = { .page = page, .count = 5,
                           .titles = { "A MiB/s", "B MiB/s", "change", "A pages", "B pages", "of all" } };
  const struct trace_summary *a = summaries[0], *b = summaries[1];
  struct columns_row *row = columns_add(&table, strdup("dirty, each page once an epoch"));
  if (row)
    fill(row, trace_diff_rate(a, a->dirty.bytes), trace_diff_rate(b, b->dirty.bytes), a->dirty.pages,
         b->dirty.pages);
  row = columns_add(&table, strdup("different pages"));
  if (row)
    fill(row, trace_diff_rate(a, a->ever_bytes), trace_diff_rate(b, b->ever_bytes), a->ever, b->ever);
  columns_print(&table);
}

int
report_diff_text(const struct trace_summary *const summaries[2], const char *const files[2],
                 const struct report_choice *choice, int fd)
{
  struct report_sink sink;
  struct report_page page;

  report_sink_open(&sink, fd);
  page = report_page_of(&sink);
  for (unsigned i = 0; i < 2; i++) {
    const struct trace_summary *summary = summaries[i];
    struct report_line line = report_line_begin(&page, 0);
    report_line_words(&line, "", i ? "B" : "A");
    report_line_words(&line, " ", "is ");
    report_line_name(&line, files[i], page.width / 2);
    report_line_words(&line, ": ", "%s epoch%s in %s", figure_count(summary->epochs_count).text,
                    figure_plural(summary->epochs_count), figure_time(summary->duration).text);
    report_line_words(&line, ", ", "%s watched", figure_bytes(summary->watched).text);
    if (summary->watched == 0)
      report_line_words(&line, ": ", "NOTHING WAS WATCHED");
    report_line_end(&line);
  }
  if (summaries[0]->index.started && summaries[1]->index.started
      && summaries[0]->index.start.interval != summaries[1]->index.start.interval)
    report_puts(&sink, "Their intervals DIFFER: the longer one sees fewer dirty pages a second.\n");
  report_puts(&sink, "\n");
  print_totals(&page, summaries);
  report_puts(&sink, "\nBy region:\n");
  print_pairs(&page, summaries, SUMMARY_BY_REGION, choice->top);
  if (choice->by != SUMMARY_BY_REGION) {
    report_printf(&sink, "\nFirst writers, by %s:\n", summary_by_names[choice->by]);
    print_pairs(&page, summaries, choice->by, choice->top);
  }
  return report_sink_close(&sink);
}

/* ------------------------------------------------------------------------- JSON */

static json_t *
side_object(const struct trace_summary *summary, const char *file)
{
  struct object object = object_make();

  object_set(&object, "file", object_text(file));
  object_set(&object, "command", object_text(summary->index.started ? summary->index.arguments : NULL));
  object_set(&object, "interval_ns", object_number(summary->index.start.interval));
  object_set(&object, "epochs", object_number(summary->epochs_count));
  object_set(&object, "duration_ns", object_number(summary->duration));
  object_set(&object, "watched_bytes", object_number(summary->watched));
  object_set(&object, "dirty_pages", object_number(summary->dirty.pages));
  object_set(&object, "dirty_bytes", object_number(summary->dirty.bytes));
  object_set(&object, "different_pages", object_number(summary->ever));
  object_set(&object, "different_bytes", object_number(summary->ever_bytes));
  return object_made(&object);
}

static json_t *
pair_object(const struct trace_summary *const summaries[2], const struct diff_pair *pair)
{
  static const char *const sides[] = { "a", "b" };
  struct object object = object_make();

  object_set(&object, "name", object_text(pair->name));
  object_set(&object, "detail", object_text(pair->detail));
  for (unsigned i = 0; i < 2; i++) {
    struct object side = object_make();
    object_set(&side, "pages", object_number(pair->side[i].pages));
    object_set(&side, "bytes", object_number(pair->side[i].bytes));
    object_set(&side, "epochs", object_number(pair->side[i].epochs));
    object_set(&side, "bytes_per_second", json_real(trace_diff_rate(summaries[i], pair->side[i].bytes)));
    object_set(&object, sides[i], object_made(&side));
  }
  return object_made(&object);
}

static void
dump_pairs(struct report_sink *sink, const struct trace_summary *const summaries[2], enum summary_by by,
           size_t top)
{
  struct diff_pairs pairs;

  if (trace_diff(&pairs, summaries, by) < 0) {
    sink->error = sink->error ? sink->error : -ENOMEM;
    return;
  }
  for (size_t i = 0; i < pairs.count && (!top || i < top) && !sink->error; i++)
    object_dump_next(sink, i, "  ", pair_object(summaries, &pairs.all[i]));
  trace_diff_free(&pairs);
}

int
report_diff_json(const struct trace_summary *const summaries[2], const char *const files[2],
                 const struct report_choice *choice, int fd)
{
  struct report_sink sink;

  report_sink_open(&sink, fd);
  report_puts(&sink, "{\n\"format\": \"writewatch-trace-diff\",\n\"version\": 1,\n\"a\": ");
  object_dump(&sink, side_object(summaries[0], files[0]));
  report_puts(&sink, ",\n\"b\": ");
  object_dump(&sink, side_object(summaries[1], files[1]));
  report_puts(&sink, ",\n\"regions\": [");
  dump_pairs(&sink, summaries, SUMMARY_BY_REGION, choice->top);
  report_puts(&sink, "],\n\"writers_by\": ");
  object_dump(&sink, json_string(summary_by_names[choice->by]));
  report_puts(&sink, ",\n\"writers\": [");
  dump_pairs(&sink, summaries, choice->by, choice->top);
  report_puts(&sink, "]\n}\n");
  return report_sink_close(&sink);
}
