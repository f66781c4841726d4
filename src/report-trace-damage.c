/* report-trace-damage.c - what is wrong with a trace's file, in words. */
#include "config.h"
#include "report-figure.h"
#include "report-trace-part.h"

#include <inttypes.h>

void
report_trace_damage(const struct report_part *part)
{
  const struct trace_index *index = &part->summary->index;
  uint64_t cut = 0, last = 0;
  struct report_line line;

  for (size_t i = 0; i < index->damages_count && i < INDEX_DAMAGES_KEPT; i++) {
    line = report_line_begin(&part->page, 0);
    report_line_words(&line, "", "DAMAGED at byte %" PRIu64 ":", index->damages[i].offset);
    report_line_words(&line, " ", "%s;", index->damages[i].reason);
    report_line_words(&line, " ", "%s bytes are left out", figure_count(index->damages[i].length).text);
    report_line_end(&line);
  }
  if (index->damages_count > INDEX_DAMAGES_KEPT)
    report_printf(part->page.sink, "... and DAMAGED in %s more places, %s bytes in all\n",
                  figure_count(index->damages_count - INDEX_DAMAGES_KEPT).text,
                      figure_count(index->damaged).text);
  if (index->tail) {
    line = report_line_begin(&part->page, 0);
    report_line_words(&line, "", "CUT at byte %" PRIu64 ":", index->tail_at);
    report_line_words(&line, " ", "the last %s bytes are the beginning of a block",
                      figure_count(index->tail).text);
    report_line_end(&line);
  }
  for (size_t i = 0; i < part->summary->epochs_count; i++)
    if (!part->summary->epochs[i].whole) {
      cut++;
      last = part->summary->epochs[i].epoch->number;
    }
  if (cut) {
    line = report_line_begin(&part->page, 0);
    report_line_words(&line, "", "INCOMPLETE: %s epoch%s %s pages that are missing here",
                      figure_count(cut).text,
                    figure_plural(cut), cut == 1 ? "has" : "have");
    report_line_words(&line, ", ", "%s %" PRIu64, cut == 1 ? "number" : "the last is number", last);
    report_line_end(&line);
  }
  if (part->summary->unplaced) {
    line = report_line_begin(&part->page, 0);
    report_line_words(&line, "",
                      "LEFT OUT: %s pages of regions that the trace does not know, or beyond their end",
                    figure_count(part->summary->unplaced).text);
    report_line_end(&line);
  }
}
