/* report-trace-tables.c - the regions of a trace, and how its dirty set grows, for a person. */
#include "config.h"
#include "report-columns.h"
#include "report-name.h"
#include "report-trace-part.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------- order */

static enum report_sort sorted_by;   /* qsort() passes nothing on; one thread writes reports */

static int
in_order(const void *left, const void *right)
{
  const struct summary_writer *a = left, *b = right;
  uint64_t x = a->pages, y = b->pages;

  if (sorted_by == REPORT_SORT_NAME) {
    int order = strcmp(a->name ? a->name : "", b->name ? b->name : "");
    if (order)
      return order;
  } else if (sorted_by == REPORT_SORT_BYTES) {
    x = a->bytes;
    y = b->bytes;
  } else if (sorted_by == REPORT_SORT_EPOCHS) {
    x = a->epochs;
    y = b->epochs;
  }
  if (x != y)
    return x > y ? -1 : 1;
  if (a->pages != b->pages)
    return a->pages > b->pages ? -1 : 1;
  return (a->key > b->key) - (a->key < b->key);
}

struct summary_writer *
report_trace_sorted(const struct report_part *part, enum summary_by by, size_t *shown)
{
  const struct summary_writers *writers = &part->summary->writers[by];
  struct summary_writer *sorted = malloc((writers->count + 1) * sizeof(*sorted));

  if (!sorted)
    return NULL;
  memcpy(sorted, writers->all, writers->count * sizeof(*sorted));
  sorted_by = part->choice->sort;
  qsort(sorted, writers->count, sizeof(*sorted), in_order);
  *shown = part->choice->top && part->choice->top < writers->count ? part->choice->top : writers->count;
  return sorted;
}

/* ----------------------------------------------------------------- regions */

static char *
region_name(const struct index_region *region)
{
  char *name;

  if (asprintf(&name, "0x%012" PRIx64 " %s %s%s", region->address, trace_kind_name(region->kind),
               *region->name ? report_name_base(region->name) : "(no name)",
               region->last_epoch == UINT64_MAX ? "" : region->ended == TRACE_MOVED ? ", moved"
               : region->ended == TRACE_UNMAPPED ? ", unmapped" : ", no longer watched") < 0)
    return NULL;
  return name;
}

static void
add_region(struct columns *table, const struct summary_region *region)
{
  struct columns_row *row = columns_add(table, region_name(region->region));

  if (!row)
    return;
  snprintf(row->cells[0].text, sizeof(row->cells[0].text), "%" PRIu64, region->region->id);
  row->cells[1] = figure_bytes(region->region->length);
  row->cells[2] = figure_count(region->dirty.pages);
  row->cells[3] = figure_count(region->ever);
  row->cells[4] = figure_share((double)region->ever, (double)region->region->pages);
  row->cells[5] = figure_count(region->epochs);
}

void
report_trace_regions(const struct report_part *part)
{
  const struct trace_summary *summary = part->summary;
  struct columns table = { .page = &part->page, .count = 6,
                           .titles = { "id", "size", "dirty", "different", "share", "epochs", "region" } };
  size_t shown = 0, idle = 0, count = summary->writers[SUMMARY_BY_REGION].count;
  struct summary_writer *sorted = report_trace_sorted(part, SUMMARY_BY_REGION, &shown);
  struct report_line line;

  if (!sorted) {
    table.failed = true;
    shown = 0;
  }
  for (size_t i = 0; i < summary->index.regions_count; i++)
    idle += summary->regions[i].included && summary->regions[i].dirty.pages == 0;
  report_puts(part->page.sink, "\n");
  line = report_line_begin(&part->page, 0);
  report_line_words(&line, "", "Regions (dirty: each page once an epoch; different: each page once):");
  report_line_end(&line);
  for (size_t i = 0; i < shown; i++)
    add_region(&table, &summary->regions[sorted[i].key]);
  columns_print(&table);
  if (sorted && shown < count)
    report_printf(part->page.sink, "  ... and %s more that were written\n", figure_count(count - shown).text);
  if (idle)
    report_printf(part->page.sink, "  ... and %s in which no page was dirty\n", figure_count(idle).text);
  free(sorted);
}

/* ------------------------------------------------------------------ growth */

void
report_trace_growth(const struct report_part *part)
{
  const struct trace_summary *summary = part->summary;
  struct columns table = { .page = &part->page, .count = 8,
                           .titles = { "epochs", "interval", "pages", "size", "MiB/s", "saved", "at most",
                                       "intervals", NULL } };
  double one = summary->growth_count ? summary->growth[0].bytes : 0;
  struct report_line line;

  if (summary->growth_count == 0)
    return;
  report_puts(part->page.sink, "\n");
  line = report_line_begin(&part->page, 0);
  report_line_words(&line, "", "How the dirty set grows with the interval");
  report_line_words(&line, " ", "(different pages of so many epochs, on average;");
  report_line_words(&line, " ", "saved: what is not written twice):");
  report_line_end(&line);
  for (size_t i = 0; i < summary->growth_count; i++) {
    const struct summary_growth *growth = &summary->growth[i];
    struct columns_row *row = columns_add(&table, NULL);
    if (!row)
      break;
    row->cells[0] = figure_count(growth->epochs);
    row->cells[1] = figure_time((uint64_t)growth->duration);
    row->cells[2] = figure_decimal(growth->pages, 0);
    row->cells[3] = figure_bytes((uint64_t)growth->bytes);
    row->cells[4] = figure_decimal(growth->duration > 0 ? growth->bytes / 1048576 / (growth->duration / 1e9)
                                   : -1, 1);
    row->cells[5] = i ? figure_share(one * (double)growth->epochs - growth->bytes, one
                                     * (double)growth->epochs)
                      : (struct figure){ "" };
    row->cells[6] = figure_bytes(growth->bytes_most);
    row->cells[7] = figure_count(growth->windows);
  }
  columns_print(&table);
}
