/* report-map.h - a region as a strip of characters, darker where more of its
 * pages are dirty. */
#ifndef WW_REPORT_MAP_H
#define WW_REPORT_MAP_H

#include "report-line.h"
#include "report-summary.h"

struct report_map {
  uint32_t  region;   /* its position in the summary */
  size_t    cells;
  uint64_t *heat;     /* dirty pages of each cell, each page once an epoch */
};

/* How many cells a region's map has: at most `width`, and a page each at least. */
size_t report_map_cells(const struct report_region *region, size_t width);
/* Fill the maps, which are by ascending region, from all runs. */
void report_maps_fill(const ww_summary *summary, struct report_map *maps, size_t count);
/* The strip, between bars; no end of line. */
void report_map_print(const ww_summary *summary, const struct report_map *map,
                      const struct report_page *page);
/* What the characters mean. */
void report_map_legend(const ww_summary *summary, const struct report_page *page);

#endif
