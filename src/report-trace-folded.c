/* report-trace-folded.c - stacks in the form that flame graphs are made of: a line a stack, the
 * outermost function first, parted by semicolons, then a blank and the pages. */
#include "config.h"
#include "report-name.h"
#include "report-sink.h"
#include "report-trace-part.h"

#include <errno.h>
#include <stdio.h>
#include <inttypes.h>

/* A semicolon, a blank or an end of line in a name would be taken for one of the format's own. */
static void
put_name(struct report_sink *sink, const char *name)
{
  for (; *name; name++) {
    char byte = *name == ';' ? ':' : (unsigned char)*name < ' ' || *name == 0x7f ? '?' : *name;
    report_put(sink, &byte, 1);
  }
}

static void
put_frame(struct report_sink *sink, const struct frame_found *frame)
{
  for (size_t i = frame->count; i-- > 0;) {
    if (frame->places[i].function) {
      put_name(sink, frame->places[i].function);
    } else {
      char offset[24];
      put_name(sink, report_frame_library(frame));
      snprintf(offset, sizeof(offset), "+0x%" PRIx64, frame->offset);
      report_puts(sink, offset);
    }
    if (i > 0)
      report_puts(sink, ";");
  }
}

int
report_trace_folded(const struct trace_summary *summary, const struct report_choice *choice, int fd)
{
  const struct summary_writers *writers = &summary->writers[SUMMARY_BY_STACK];
  size_t count = choice->top && choice->top < writers->count ? choice->top : writers->count;
  struct report_sink sink;
  uint64_t unseen = summary->dirty.pages - summary->written + writers->unknown;

  report_sink_open(&sink, fd);
  for (size_t i = 0; i < count; i++)
    trace_frames_want(summary->frames, trace_index_stack(&summary->index, writers->all[i].stack), false);
  for (size_t i = 0; i < count && !sink.error; i++) {
    const struct index_stack *stack = trace_index_stack(&summary->index, writers->all[i].stack);
    for (uint32_t k = stack->depth; k-- > 0;) {
      struct frame_found frame = trace_frames_find(summary->frames, stack, k);
      put_frame(&sink, &frame);
      report_puts(&sink, k ? ";" : " ");
    }
    report_printf(&sink, "%" PRIu64 "\n", writers->all[i].pages);
  }
  if (unseen)
    report_printf(&sink, "[nobody was seen writing] %" PRIu64 "\n", unseen);
  return report_sink_close(&sink);
}
