/* trace_heat.c - the heat map of a summary. */
#include "config.h"
#include "trace_heat.h"

#include <errno.h>
#include <stdlib.h>

static int
by_address(const void *left, const void *right)
{
  const struct index_region *a = (*(struct summary_region *const *)left)->region;
  const struct index_region *b = (*(struct summary_region *const *)right)->region;

  if (a->address != b->address)
    return a->address < b->address ? -1 : 1;
  return (a->id > b->id) - (a->id < b->id);
}

/* More regions than rows: neighbours share one. */
static void
share_rows(struct summary_heat *heat, struct summary_region **shown, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    uint64_t row = i * (uint64_t)heat->rows / count;
    struct summary_row *to = &heat->row[row];
    shown[i]->row = row;
    shown[i]->rows = 1;
    if (to->pages == 0)
      *to = (struct summary_row){ .region = 0, .page = shown[i]->region->id };
    to->pages += shown[i]->region->pages;
  }
}

/* A row for each at least; the rest by size. */
static void
give_rows(struct summary_heat *heat, struct summary_region **shown, size_t count)
{
  uint64_t spare = heat->rows - count, row = 0;
  double total = 0;

  for (size_t i = 0; i < count; i++)
    total += (double)shown[i]->region->pages;
  for (size_t i = 0; i < count; i++) {
    uint64_t pages = shown[i]->region->pages;
    uint64_t rows = 1 + (uint64_t)((double)spare * (double)pages / total), each;
    if (rows > pages)
      rows = pages;
    each = (pages + rows - 1) / rows;
    rows = (pages + each - 1) / each;
    shown[i]->row = row;
    shown[i]->rows = rows;
    for (uint64_t k = 0; k < rows; k++)
      heat->row[row++] = (struct summary_row){
        .region = (uint32_t)shown[i]->region->id, .page = k * each,
        .pages = k + 1 < rows ? each : pages - k * each
      };
  }
  heat->rows = (uint32_t)row;
}

int
heat_lay_out(struct trace_summary *summary, unsigned rows, unsigned columns)
{
  struct summary_heat *heat = &summary->heat;
  struct summary_region **shown;
  size_t count = 0;

  for (size_t i = 0; i < summary->index.regions_count; i++)
    count += summary->regions[i].included && summary->regions[i].region->dirty;
  if (rows == 0 || columns == 0 || count == 0 || summary->epochs_count == 0)
    return 0;
  heat->rows = rows;
  heat->columns = summary->epochs_count < columns ? (uint32_t)summary->epochs_count : columns;
  shown = malloc(count * sizeof(*shown));
  heat->row = calloc(rows, sizeof(*heat->row));
  heat->epoch = calloc(heat->columns + 1, sizeof(*heat->epoch));
  if (!shown || !heat->row || !heat->epoch) {
    free(shown);
    return -ENOMEM;
  }
  count = 0;
  for (size_t i = 0; i < summary->index.regions_count; i++)
    if (summary->regions[i].included && summary->regions[i].region->dirty)
      shown[count++] = &summary->regions[i];
  qsort(shown, count, sizeof(*shown), by_address);
  if (count > rows)
    share_rows(heat, shown, count);
  else
    give_rows(heat, shown, count);
  free(shown);
  for (uint32_t i = 0; i <= heat->columns; i++)
    heat->epoch[i] = (uint32_t)((uint64_t)i * summary->epochs_count / heat->columns);
  heat->cells = calloc((size_t)heat->rows * heat->columns, sizeof(*heat->cells));
  return heat->cells ? 0 : -ENOMEM;
}

void
heat_column(struct trace_summary *summary, size_t epoch, uint32_t *column)
{
  struct summary_heat *heat = &summary->heat;

  while (heat->cells && *column + 1 < heat->columns && epoch >= heat->epoch[*column + 1])
    ++*column;
}

void
heat_add(struct summary_heat *heat, const struct summary_region *region, uint32_t column, uint64_t page,
         uint64_t pages)
{
  uint64_t end = page + pages;

  if (!heat->cells || region->rows == 0)
    return;
  if (region->rows == 1) {
    heat->cells[region->row * heat->columns + column] += (uint32_t)pages;
    return;
  }
  while (page < end) {
    /* Runs come by ascending page: mostly it is the row of the run before. */
    uint64_t begin = heat->latest_row * heat->latest_each, next, part;
    if (heat->latest_region != region || page - begin >= heat->latest_each) {
      heat->latest_region = region;
      heat->latest_each = heat->row[region->row].pages;
      heat->latest_row = page / heat->latest_each;
      begin = heat->latest_row * heat->latest_each;
    }
    next = begin + heat->latest_each;
    part = (next < end ? next : end) - page;
    if (heat->latest_row >= region->rows)
      return;
    heat->cells[(region->row + heat->latest_row) * heat->columns + column] += (uint32_t)part;
    page += part;
  }
}

void
heat_free(struct summary_heat *heat)
{
  free(heat->cells);
  free(heat->epoch);
  free(heat->row);
}
