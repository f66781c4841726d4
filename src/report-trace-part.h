/* report-trace-part.h - the parts of a trace's report for a person, and what they share. */
#ifndef WW_REPORT_TRACE_PART_H
#define WW_REPORT_TRACE_PART_H

#include "report-line.h"
#include "report-trace.h"
#include "trace_frames.h"

struct report_part {
  const struct trace_summary *summary;
  const struct report_choice *choice;
  struct report_page page;
  unsigned colours;            /* 0, 8 or 256 */
};

/* Errors go to the page's sink. */
void report_trace_head(const struct report_part *part);
void report_trace_coverage(const struct report_part *part);
void report_trace_totals(const struct report_part *part);
void report_trace_heat(const struct report_part *part);
void report_trace_regions(const struct report_part *part);
void report_trace_growth(const struct report_part *part);
void report_trace_writers(const struct report_part *part);
/* What is wrong with the file, a sentence each. */
void report_trace_damage(const struct report_part *part);

/* Sorted as was chosen, in an array that the caller frees; *shown is how many of them to show.
 * NULL: no memory, or (*count 0) none. */
struct summary_writer *report_trace_sorted(const struct report_part *part, enum summary_by by, size_t *shown);

/* A frame as text: "visit (access.c:39)", "libc.so.6+0x12". Freed by the caller; NULL: no memory. */
char *report_frame_text(const struct frame_found *frame, const struct names_place *place);
/* The library of a frame, for a person; never NULL. */
const char *report_frame_library(const struct frame_found *frame);

#endif
