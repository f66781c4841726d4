/* report-trace-heat.c - the heat map of a trace on a terminal: time from left to right, addresses from
 * top to bottom. */
#include "config.h"
#include "report-figure.h"
#include "report-name.h"
#include "report-trace-part.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 24, LABEL = 18, FRAME = 2 };

/* The levels that are not blank, and their colours of 256 and of 8. */
static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
static const char letters[] = ".:-=+*#%@";
static const unsigned char of_256[] = { 25, 31, 37, 71, 143, 178, 208, 202, 196 };
static const unsigned char of_8[] = { 34, 34, 36, 36, 32, 32, 33, 33, 31 };

void
report_trace_text_heat(int fd, unsigned *rows, unsigned *columns)
{
  struct report_sink sink;

  report_sink_open(&sink, fd);
  *rows = ROWS;
  *columns = (unsigned)report_page_of(&sink).width - LABEL - FRAME;
}

static void
print_cell(const struct report_part *part, double fill, unsigned wide, unsigned *colour)
{
  struct report_sink *sink = part->page.sink;
  unsigned levels = part->page.utf8 ? 8 : 9, level;

  if (fill <= 0) {
    report_pad(sink, ' ', wide);
    return;
  }
  /* A blank has no dirty page, and only the last level is full. */
  level = fill >= 1 ? levels - 1 : (unsigned)(fill * (levels - 1));
  if (part->colours) {
    unsigned wanted = part->colours == 256 ? of_256[level] : of_8[level];
    if (wanted != *colour)
      report_printf(sink, part->colours == 256 ? "\033[38;5;%um" : "\033[%um", wanted);
    *colour = wanted;
  }
  for (unsigned i = 0; i < wide; i++) {
    if (part->page.utf8)
      report_puts(sink, blocks[level]);
    else
      report_put(sink, &letters[level], 1);
  }
}

/* The first row of a region has its name; the others where they begin. */
static void
print_label(const struct report_part *part, const struct summary_row *row, const struct summary_row *before)
{
  const struct trace_index *index = &part->summary->index;
  const struct index_region *region = row->region ? trace_index_region(index, row->region) : NULL;
  size_t used;
  char text[40];

  if (!region) {
    /* Several small ones: where the first of them is. */
    const struct index_region *first = trace_index_region(index, row->page);
    snprintf(text, sizeof(text), "0x%" PRIx64 "..", first ? first->address : 0);
    used = report_name_print(part->page.sink, text, LABEL - 1, part->page.utf8);
  } else if (before && before->region == row->region) {
    snprintf(text, sizeof(text), " +%s", figure_bytes(row->page * region->page_size).text);
    used = report_name_print(part->page.sink, text, LABEL - 1, part->page.utf8);
  } else if (*region->name) {
    const char *name = report_name_base(region->name);
    size_t kind = strlen(trace_kind_name(region->kind)), room = LABEL - 2 - kind;
    bool with_kind = region->kind != TRACE_HEAP && region->kind != TRACE_ANONYMOUS;
    used = report_name_print(part->page.sink, name, with_kind ? room : LABEL - 1, part->page.utf8);
    if (with_kind) {
      report_printf(part->page.sink, " %s", trace_kind_name(region->kind));
      used += 1 + kind;
    }
  } else {
    snprintf(text, sizeof(text), "0x%" PRIx64, region->address);
    used = report_name_print(part->page.sink, text, LABEL - 1, part->page.utf8);
  }
  report_pad(part->page.sink, ' ', LABEL - used);
}

static void
print_axis(const struct report_part *part, unsigned width)
{
  const struct trace_summary *summary = part->summary;
  const struct summary_epoch *first = &summary->epochs[0],
                             *last = &summary->epochs[summary->epochs_count - 1];
  struct figure begin = figure_time(first->epoch->begin), end = figure_time(last->epoch->end);
  size_t used = strlen(begin.text) + strlen(end.text);

  report_pad(part->page.sink, ' ', LABEL + 1);
  report_puts(part->page.sink, begin.text);
  report_pad(part->page.sink, ' ', used < width ? width - used : 1);
  report_puts(part->page.sink, end.text);
  report_puts(part->page.sink, "\n");
}

void
report_trace_heat(const struct report_part *part)
{
  const struct summary_heat *heat = &part->summary->heat;
  struct report_line line;
  unsigned wide;

  if (!heat->cells)
    return;
  wide = (unsigned)(part->page.width - LABEL - FRAME) / heat->columns;
  wide = wide < 1 ? 1 : wide;
  report_puts(part->page.sink, "\n");
  line = report_line_begin(&part->page, 0);
  if (part->summary->epochs_count == heat->columns)
    report_line_words(&line, "", "Heat map: an epoch is %s,", wide == 1 ? "a column" : "some columns");
  else
    report_line_words(&line, "", "Heat map: a column is %s epochs,",
                    figure_decimal((double)part->summary->epochs_count / heat->columns, 1).text);
  report_line_words(&line, " ", "%s few to all of a cell's pages dirty,", part->page.utf8 ? "▁▂▃▄▅▆▇█"
                    : letters);
  report_line_words(&line, " ", "blank none");
  report_line_end(&line);
  for (uint32_t row = 0; row < heat->rows; row++) {
    unsigned colour = 0;
    if (heat->row[row].pages == 0)
      continue;
    print_label(part, &heat->row[row], row ? &heat->row[row - 1] : NULL);
    report_puts(part->page.sink, "|");
    for (uint32_t column = 0; column < heat->columns; column++) {
      double epochs = heat->epoch[column + 1] - heat->epoch[column];
      double most = (double)heat->row[row].pages * epochs;
      print_cell(part, heat->cells[(size_t)row * heat->columns + column] / most, wide, &colour);
    }
    report_puts(part->page.sink, colour ? "\033[0m|\n" : "|\n");
  }
  print_axis(part, wide * heat->columns);
}
