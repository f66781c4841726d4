/* report-map.c - a region as a strip of characters. */
#include "config.h"
#include "report-map.h"

static const char *const blocks[] = {
  " ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"
};
static const char *const letters[] = { " ", ".", ":", "-", "=", "+", "*", "#", "%", "@" };

/* Levels that are not blank. */
#define BLOCKS  (sizeof(blocks) / sizeof(*blocks) - 1)
#define LETTERS (sizeof(letters) / sizeof(*letters) - 1)

size_t
report_map_cells(const struct report_region *region, size_t width)
{
  return region->pages < width ? (size_t)region->pages : width;
}

/* The page that a cell begins with; cells and their pages multiply within 64
 * bits, as a region has fewer than 2^32 pages. */
static uint64_t
cell_begin(const struct report_region *region, const struct report_map *map, size_t cell)
{
  return region->pages * cell / map->cells;
}

static void
heat_run(const struct report_region *region, struct report_map *map, const struct report_run *run)
{
  uint64_t page = run->page, end = run->page + run->pages;
  size_t cell = (size_t)(page * map->cells / region->pages);

  /* Rounded down, it may be the cell before: that gets nothing. */
  for (; page < end && cell < map->cells; cell++) {
    uint64_t next = cell_begin(region, map, cell + 1);
    map->heat[cell] += (next < end ? next : end) - page;
    page = next;
  }
}

static struct report_map *
map_of(struct report_map *maps, size_t count, uint32_t region)
{
  size_t low = 0, high = count;

  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (maps[middle].region == region)
      return &maps[middle];
    if (maps[middle].region < region)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

void
report_maps_fill(const ww_summary *summary, struct report_map *maps, size_t count)
{
  size_t i, left;

  for (i = 0; i < summary->epochs_count; i++) {
    const struct report_epoch *epoch = &summary->epochs[i];
    struct report_cursor cursor = report_runs_cursor(epoch->at, epoch->begin);
    for (left = epoch->runs; left > 0; left--) {
      struct report_map *map;
      struct report_run run;
      report_runs_next(&summary->runs, &cursor, &run);
      map = map_of(maps, count, run.region);
      if (map)
        heat_run(&summary->regions[run.region], map, &run);
    }
  }
}

void
report_map_print(const ww_summary *summary, const struct report_map *map, const struct report_page *page)
{
  const struct report_region *region = &summary->regions[map->region];
  uint64_t levels = page->utf8 ? BLOCKS : LETTERS;
  size_t cell;

  report_puts(page->sink, "|");
  for (cell = 0; cell < map->cells; cell++) {
    /* Rounded up: a blank has no dirty page, and only the last level is full. */
    uint64_t pages = cell_begin(region, map, cell + 1) - cell_begin(region, map, cell);
    double fill = (double)map->heat[cell] / ((double)pages * (double)region->epochs);
    size_t level = fill >= 1 ? levels : (size_t)(fill * (double)(levels - 1)) + (fill > 0);
    report_puts(page->sink, page->utf8 ? blocks[level] : letters[level]);
  }
  report_puts(page->sink, "|");
}

void
report_map_legend(const ww_summary *summary, const struct report_page *page)
{
  struct report_line line = report_line_begin(page, 0);
  const char *scale = page->utf8 ? "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588" : ".:-=+*#%@";

  report_line_say(&line, "", "Maps: first page to last,");
  report_line_say(&line, " ", "blank: no page of the cell dirty,");
  report_line_say(&line, " ", "%s a few to all%s", scale,
                  summary->epochs_count > 1 ? "," : "");
  if (summary->epochs_count > 1)
    report_line_say(&line, " ", "mean of the epochs");
  report_line_end(&line);
}
