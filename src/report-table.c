/* report-table.c - the epochs of a summary, a line each. */
#include "config.h"
#include "report-figure.h"
#include "report-table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum column {
  EPOCH, BEGIN, LASTED, PAGES, MIB, PAGES_RATE, MIB_RATE, TRAPPED, VERIFIED, DECLARED, ASSUMED, OTHER,
  COLUMNS
};

static const char *const titles[COLUMNS] = {
  "epoch", "begins", "lasts", "pages", "MiB", "pages/s", "MiB/s", "trapped", "verified", "declared",
  "assumed", "other"
};

/* What goes first where the width does not suffice; the rest always stays. */
static const enum column dispensable[] = { BEGIN, MIB_RATE, MIB, PAGES_RATE, LASTED };

struct row {
  char cells[COLUMNS][32];
};

struct table {
  const struct report_page *page;
  struct row *rows;
  size_t      count;
  size_t      fold;               /* the rows before which the folded ones are announced */
  uint64_t    folded;
  bool        shown[COLUMNS];
  size_t      widths[COLUMNS];
};

/* What stands in a column, as a number that can be ordered; below 0: nothing. */
static double
value_of(const struct report_epoch *epoch, enum column column)
{
  double seconds = epoch->end > epoch->begin ? (double)(epoch->end - epoch->begin) / 1e9 : 0;
  const struct report_count *dirty = &epoch->dirty;

  switch (column) {
  case EPOCH:      return (double)epoch->epoch;
  case BEGIN:      return (double)epoch->begin;
  case LASTED:     return seconds * 1e9;
  case PAGES:      return (double)dirty->pages;
  case MIB:        return (double)dirty->bytes / 1048576;
  case PAGES_RATE: return seconds > 0 ? (double)dirty->pages / seconds : -1;
  case MIB_RATE:   return seconds > 0 ? (double)dirty->bytes / 1048576 / seconds : -1;
  case TRAPPED:    return (double)dirty->by_evidence[WW_TRAPPED];
  case VERIFIED:   return (double)dirty->by_evidence[WW_VERIFIED];
  case DECLARED:   return (double)dirty->by_evidence[WW_DECLARED];
  case ASSUMED:    return (double)dirty->by_evidence[WW_ASSUMED];
  default:         return (double)dirty->by_evidence[0];
  }
}

static void
fill_cell(char cell[static 32], enum column column, double value)
{
  struct figure figure;

  if (column == BEGIN || column == LASTED)
    figure = figure_time((uint64_t)value);
  else
    figure = figure_decimal(value, column == MIB ? 2 : column == MIB_RATE ? 1 : 0);
  strcpy(cell, figure.text);
}

static void
fill_row(struct row *row, const struct report_epoch *epoch)
{
  enum column column;

  for (column = 0; column < COLUMNS; column++)
    fill_cell(row->cells[column], column, value_of(epoch, column));
  /* Exactly: it is a name. */
  snprintf(row->cells[EPOCH], sizeof(row->cells[EPOCH]), "%" PRIu64, epoch->epoch);
}

static int
ascending(const void *left, const void *right)
{
  double a = *(const double *)left, b = *(const double *)right;

  return (a > b) - (a < b);
}

/* Three rows for many epochs; each column is ordered by itself. */
static int
fold_rows(struct row *rows, const struct report_epoch *epochs, size_t count)
{
  static const char *const names[] = { "min", "median", "max" };
  double *values = malloc(count * sizeof(*values));
  enum column column;
  size_t i;

  if (!values)
    return -ENOMEM;
  for (column = 0; column < COLUMNS; column++) {
    for (i = 0; i < count; i++)
      values[i] = value_of(&epochs[i], column);
    qsort(values, count, sizeof(*values), ascending);
    fill_cell(rows[0].cells[column], column, values[0]);
    fill_cell(rows[1].cells[column], column, values[(count - 1) / 2]);
    fill_cell(rows[2].cells[column], column, values[count - 1]);
  }
  for (i = 0; i < 3; i++) {
    strcpy(rows[i].cells[EPOCH], names[i]);
    rows[i].cells[BEGIN][0] = 0;
  }
  free(values);
  return 0;
}

static int
fill(struct table *table, const ww_summary *summary)
{
  const struct report_epoch *epochs = summary->epochs;
  size_t i, count = summary->epochs_count;

  table->rows = calloc(REPORT_EPOCHS_SHOWN + 3, sizeof(*table->rows));
  if (!table->rows)
    return -ENOMEM;
  if (count <= REPORT_EPOCHS_SHOWN) {
    for (i = 0; i < count; i++)
      fill_row(&table->rows[table->count++], &epochs[i]);
    table->fold = SIZE_MAX;
    return 0;
  }
  for (i = 0; i < REPORT_EPOCHS_EDGE; i++)
    fill_row(&table->rows[table->count++], &epochs[i]);
  table->fold = table->count;
  table->folded = count - 2 * REPORT_EPOCHS_EDGE;
  if (fold_rows(&table->rows[table->count], epochs + REPORT_EPOCHS_EDGE, (size_t)table->folded) < 0)
    return -ENOMEM;
  table->count += 3;
  for (i = count - REPORT_EPOCHS_EDGE; i < count; i++)
    fill_row(&table->rows[table->count++], &epochs[i]);
  return 0;
}

static size_t
total_width(const struct table *table)
{
  size_t total = 0;
  enum column column;

  for (column = 0; column < COLUMNS; column++)
    if (table->shown[column])
      total += table->widths[column] + (total ? 2 : 0);
  return total;
}

static void
lay_out(struct table *table, const ww_summary *summary)
{
  const uint64_t *kinds = summary->dirty.by_evidence;
  enum column column;
  size_t i;

  for (column = 0; column < COLUMNS; column++) {
    table->shown[column] = true;
    table->widths[column] = strlen(titles[column]);
    for (i = 0; i < table->count; i++)
      if (strlen(table->rows[i].cells[column]) > table->widths[column])
        table->widths[column] = strlen(table->rows[i].cells[column]);
  }
  /* A kind of evidence that never occurred has no column. */
  table->shown[VERIFIED] = kinds[WW_VERIFIED] > 0;
  table->shown[DECLARED] = kinds[WW_DECLARED] > 0;
  table->shown[ASSUMED] = kinds[WW_ASSUMED] > 0;
  table->shown[OTHER] = kinds[0] > 0;
  for (i = 0; i < sizeof(dispensable) / sizeof(*dispensable) && total_width(table) > table->page->width; i++)
    table->shown[dispensable[i]] = false;
}

static void
print_row(const struct table *table, const struct row *row)
{
  struct report_sink *sink = table->page->sink;
  enum column column;
  bool first = true;

  for (column = 0; column < COLUMNS; column++) {
    const char *cell = row ? row->cells[column] : titles[column];
    if (!table->shown[column])
      continue;
    report_pad(sink, ' ', table->widths[column] - strlen(cell) + (first ? 0 : 2));
    report_puts(sink, cell);
    first = false;
  }
  report_put(sink, "\n", 1);
}

void
report_table(const ww_summary *summary, const struct report_page *page)
{
  struct table table = { .page = page };
  size_t i;

  if (fill(&table, summary) < 0) {
    if (!page->sink->error)
      page->sink->error = -ENOMEM;
    free(table.rows);
    return;
  }
  lay_out(&table, summary);
  print_row(&table, NULL);
  for (i = 0; i < table.count; i++) {
    if (i == table.fold)
      report_printf(page->sink, "... %s epochs in between, each column for itself:\n",
                    figure_count(table.folded).text);
    print_row(&table, &table.rows[i]);
    if (table.fold != SIZE_MAX && i == table.fold + 2)
      report_puts(page->sink, "...\n");
  }
  free(table.rows);
}
