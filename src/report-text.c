/* report-text.c - a summary for a person. */
#include "config.h"
#include "report-figure.h"
#include "report-map.h"
#include "report-name.h"
#include "report-stacks.h"
#include "report-table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* With more regions than this, those that are dirtied most are shown. */
#define REGIONS_SHOWN 32

static void
print_head(const ww_summary *summary, const struct report_page *page)
{
  size_t i, columns, gap, widest = 0;

  if (summary->title) {
    report_name_print(page->sink, summary->title, SIZE_MAX, page->utf8);
    report_puts(page->sink, "\n");
  }
  for (i = 0; i < summary->notes_count; i++) {
    columns = report_name_columns(summary->notes[i].key, page->utf8);
    if (columns > widest && columns <= 24)
      widest = columns;
  }
  for (i = 0; i < summary->notes_count; i++) {
    report_puts(page->sink, "  ");
    columns = report_name_print(page->sink, summary->notes[i].key, SIZE_MAX, page->utf8);
    gap = 2 + (columns < widest ? widest - columns : 0);
    report_pad(page->sink, ' ', gap);
    report_name_wrap(page->sink, summary->notes[i].value, 2 + columns + gap, page->width, page->utf8);
    report_puts(page->sink, "\n");
  }
  if (summary->title || summary->notes_count)
    report_puts(page->sink, "\n");
}

/* The kinds are never added up in silence. */
static void
print_evidence(const struct report_page *page, const struct report_count *count)
{
  struct report_line line = report_line_begin(page, 2);
  bool any = false;
  unsigned i;

  for (i = 1; i <= REPORT_KINDS; i++) {
    unsigned kind = i % REPORT_KINDS;
    if (count->by_evidence[kind] == 0)
      continue;
    report_line_say(&line, ", ", "%s %s%s", figure_count(count->by_evidence[kind]).text,
                    report_evidence(kind), kind == WW_ASSUMED ? " (may be unwritten)" : "");
    any = true;
  }
  if (!any)
    report_line_say(&line, "", "none of any evidence");
  report_line_end(&line);
}

static void
say_rates(struct report_line *line, const struct report_count *dirty, uint64_t nanoseconds)
{
  double seconds = (double)nanoseconds / 1e9;

  if (nanoseconds == 0)
    return;
  report_line_say(line, ", ", "%s pages/s", figure_decimal((double)dirty->pages / seconds, 0).text);
  report_line_say(line, ", ", "%s MiB/s",
                  figure_decimal((double)dirty->bytes / 1048576 / seconds, 1).text);
}

static void
print_totals(const ww_summary *summary, const struct report_page *page)
{
  struct report_line line = report_line_begin(page, 0);
  size_t epochs = summary->epochs_count;

  if (epochs == 1)
    report_line_say(&line, "", "Epoch %" PRIu64 " of %s:", summary->epochs[0].epoch,
                    figure_time(summary->duration).text);
  else
    report_line_say(&line, "", "%s epochs in %s:", figure_count(epochs).text,
                    figure_time(summary->duration).text);
  report_line_say(&line, " ", "%s dirty page%s%s", figure_count(summary->dirty.pages).text,
                  figure_plural(summary->dirty.pages), epochs > 1 ? " (each once an epoch)" : "");
  report_line_say(&line, ", ", "%s", figure_bytes(summary->dirty.bytes).text);
  say_rates(&line, &summary->dirty, summary->duration);
  report_line_end(&line);
  if (summary->dirty.pages > 0)
    print_evidence(page, &summary->dirty);
}

static void
print_region(const ww_summary *summary, const struct report_page *page, const struct report_map *map)
{
  const struct report_region *region = &summary->regions[map->region];
  struct report_line line = report_line_begin(page, 0);
  double watched = (double)region->pages * (double)region->epochs;

  if (*region->name)
    report_line_name(&line, region->name, page->width / 2);
  else
    report_line_say(&line, "", "(no name)");
  report_line_say(&line, ": ", "%s page%s of %s", figure_count(region->pages).text,
                  figure_plural(region->pages),
                  figure_bytes(region->page_size).text);
  report_line_say(&line, ", ", "%s", figure_bytes(region->length).text);
  report_line_say(&line, " ", "at 0x%" PRIx64, region->address);
  if (map->cells < region->pages)
    report_line_say(&line, ", ", "%s pages a cell",
                    figure_decimal((double)region->pages / (double)map->cells, 1).text);
  if (region->epochs < summary->epochs_count)
    report_line_say(&line, ", ", "watched in %s epoch%s", figure_count(region->epochs).text,
                    figure_plural(region->epochs));
  report_line_end(&line);
  if (region->dirty.pages == 0) {
    report_puts(page->sink, "  no page dirty\n");
    return;
  }
  report_map_print(summary, map, page);
  report_puts(page->sink, "\n");
  line = report_line_begin(page, 2);
  if (region->epochs > 1) {
    report_line_say(&line, "", "%s different page%s dirty (%s)", figure_count(region->ever.count).text,
                    figure_plural(region->ever.count),
                    figure_share((double)region->ever.count, (double)region->pages).text);
    report_line_say(&line, ", ", "%s an epoch (%s)",
                    figure_decimal((double)region->dirty.pages / (double)region->epochs, 1).text,
                    figure_share((double)region->dirty.pages, watched).text);
  } else {
    report_line_say(&line, "", "%s page%s dirty (%s)", figure_count(region->dirty.pages).text,
                    figure_plural(region->dirty.pages),
                    figure_share((double)region->dirty.pages, watched).text);
  }
  say_rates(&line, &region->dirty, region->duration);
  report_line_end(&line);
  print_evidence(page, &region->dirty);
}

/* ------------------------------------------------- which regions are shown */

struct chosen {
  struct report_map *maps;   /* by ascending region */
  size_t   count;
  size_t   more;             /* regions that are not shown, */
  uint64_t more_dirty;       /* how many of them are dirty, */
  struct report_count dirty; /* and what they have in dirty pages */
};

/* Keep the REGIONS_SHOWN with most dirty pages; few, so in the simplest way:
 * each newcomer drives out the least, if that is less. */
static void
choose(struct chosen *chosen, const ww_summary *summary)
{
  size_t i, k;

  for (i = 0; i < summary->regions_count; i++) {
    size_t least = 0;
    if (summary->regions[i].epochs == 0 || summary->regions[i].pages == 0)
      continue;
    if (chosen->count < REGIONS_SHOWN) {
      chosen->maps[chosen->count++].region = (uint32_t)i;
      continue;
    }
    for (k = 1; k < chosen->count; k++)
      if (summary->regions[chosen->maps[k].region].dirty.pages
          <= summary->regions[chosen->maps[least].region].dirty.pages)
        least = k;
    chosen->more++;
    if (summary->regions[chosen->maps[least].region].dirty.pages < summary->regions[i].dirty.pages) {
      memmove(&chosen->maps[least], &chosen->maps[least + 1],
              (chosen->count - least - 1) * sizeof(*chosen->maps));
      chosen->maps[chosen->count - 1].region = (uint32_t)i;
    }
  }
}

static void
count_rest(struct chosen *chosen, const ww_summary *summary)
{
  size_t i, k = 0;
  unsigned kind;

  for (i = 0; i < summary->regions_count; i++) {
    const struct report_count *dirty = &summary->regions[i].dirty;
    if (k < chosen->count && chosen->maps[k].region == i) {
      k++;
      continue;
    }
    chosen->more_dirty += dirty->pages > 0;
    chosen->dirty.pages += dirty->pages;
    chosen->dirty.bytes += dirty->bytes;
    for (kind = 0; kind < REPORT_KINDS; kind++)
      chosen->dirty.by_evidence[kind] += dirty->by_evidence[kind];
  }
}

static int
draw(struct chosen *chosen, const ww_summary *summary, size_t width)
{
  size_t i;

  chosen->maps = calloc(REGIONS_SHOWN, sizeof(*chosen->maps));
  if (!chosen->maps)
    return -ENOMEM;
  choose(chosen, summary);
  count_rest(chosen, summary);
  for (i = 0; i < chosen->count; i++) {
    struct report_map *map = &chosen->maps[i];
    map->cells = report_map_cells(&summary->regions[map->region], width);
    map->heat = calloc(map->cells, sizeof(*map->heat));
    if (!map->heat)
      return -ENOMEM;
  }
  report_maps_fill(summary, chosen->maps, chosen->count);
  return 0;
}

/* Regions come in the order in which they were added; a reader expects addresses. */
static size_t
next_place(const struct chosen *chosen, const ww_summary *summary, const bool *printed)
{
  size_t i, next = SIZE_MAX;

  for (i = 0; i < chosen->count; i++)
    if (!printed[i] && (next == SIZE_MAX || summary->regions[chosen->maps[i].region].address
                                            < summary->regions[chosen->maps[next].region].address))
      next = i;
  return next;
}

static void
print_regions(const ww_summary *summary, const struct report_page *page)
{
  struct chosen chosen = { 0 };
  bool printed[REGIONS_SHOWN] = { false };
  size_t i;

  if (draw(&chosen, summary, page->width - 2) < 0 && !page->sink->error)
    page->sink->error = -ENOMEM;
  if (!page->sink->error && chosen.count > 0) {
    report_puts(page->sink, "\n");
    report_map_legend(summary, page);
    while ((i = next_place(&chosen, summary, printed)) != SIZE_MAX) {
      print_region(summary, page, &chosen.maps[i]);
      printed[i] = true;
    }
    if (chosen.more > 0) {
      report_printf(page->sink, "... and %s region%s more, %s dirty: %s page%s\n",
                    figure_count(chosen.more).text, figure_plural(chosen.more),
                    figure_count(chosen.more_dirty).text, figure_count(chosen.dirty.pages).text,
                    figure_plural(chosen.dirty.pages));
      if (chosen.dirty.pages > 0)
        print_evidence(page, &chosen.dirty);
    }
  }
  for (i = 0; chosen.maps && i < chosen.count; i++)
    free(chosen.maps[i].heat);
  free(chosen.maps);
}

void
report_text(const ww_summary *summary, struct report_sink *sink)
{
  struct report_page page = report_page_of(sink);

  print_head(summary, &page);
  if (summary->epochs_count == 0) {
    report_puts(sink, "No epoch was collected.\n");
    return;
  }
  print_totals(summary, &page);
  if (summary->epochs_count > 1) {
    report_puts(sink, "\n");
    report_table(summary, &page);
  }
  print_regions(summary, &page);
  if (summary->dirty.pages > 0) {
    report_puts(sink, "\n");
    report_stacks(summary, &page);
  }
}
