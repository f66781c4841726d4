/* report-trace-csv.c - a trace as rows: epochs, regions, writers and the growth, told apart by their first
 * column; writewatch-report(5) has the others. */
#include "config.h"
#include "report-sink.h"
#include "report-trace-part.h"
#include "writewatch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* As RFC 4180 has it. */
static void
put_text(struct report_sink *sink, const char *text)
{
  if (!text)
    return;
  if (!strpbrk(text, ",\"\r\n")) {
    report_puts(sink, text);
    return;
  }
  report_put(sink, "\"", 1);
  for (; *text; text++)
    report_put(sink, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
  report_put(sink, "\"", 1);
}

/* id, name, detail; the figures follow. */
static void
put_head(struct report_sink *sink, const char *row, uint64_t id, const char *name, const char *detail)
{
  report_printf(sink, "%s,%" PRIu64 ",", row, id);
  put_text(sink, name);
  report_put(sink, ",", 1);
  put_text(sink, detail);
}

static void
put_evidence(struct report_sink *sink, const struct summary_count *count)
{
  report_printf(sink, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, count->by_evidence[WW_TRAPPED],
                count->by_evidence[WW_VERIFIED], count->by_evidence[WW_DECLARED],
                    count->by_evidence[WW_ASSUMED]);
}

static void
put_epochs(const struct trace_summary *summary, struct report_sink *sink)
{
  for (size_t i = 0; i < summary->epochs_count && !sink->error; i++) {
    const struct summary_epoch *epoch = &summary->epochs[i];
    put_head(sink, "epoch", epoch->epoch->number, epoch->epoch->label, trace_cause_name(epoch->epoch->cause));
    report_printf(sink, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",1,%" PRIu64, epoch->epoch->begin,
                  epoch->epoch->end, epoch->dirty.pages, epoch->dirty.bytes, epoch->fresh);
    put_evidence(sink, &epoch->dirty);
    report_puts(sink, "\n");
  }
}

static void
put_regions(const struct report_part *part, struct report_sink *sink)
{
  for (size_t i = 0; i < part->summary->index.regions_count && !sink->error; i++) {
    const struct summary_region *region = &part->summary->regions[i];
    if (!region->included)
      continue;
    put_head(sink, "region", region->region->id, region->region->name, trace_kind_name(region->region->kind));
    report_printf(sink, ",0x%" PRIx64 ",0x%" PRIx64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64,
                  region->region->address, region->region->address + region->region->length,
                      region->dirty.pages,
                  region->dirty.bytes, region->epochs, region->ever);
    put_evidence(sink, &region->dirty);
    report_puts(sink, "\n");
  }
}

/* "function;caller;..." of a stack, the innermost first, as far as it has names. */
static char *
stack_text(const struct trace_summary *summary, uint64_t id)
{
  const struct index_stack *stack = trace_index_stack(&summary->index, id);
  char *text = calloc(1, 1);

  for (uint32_t i = 0; stack && text && i < stack->depth; i++) {
    struct frame_found frame = trace_frames_find(summary->frames, stack, i);
    for (size_t k = 0; text && k < frame.count; k++) {
      char *name = report_frame_text(&frame, &frame.places[k]), *longer;
      if (!name || asprintf(&longer, "%s%s%s", text, *text ? ";" : "", name) < 0)
        longer = NULL;
      free(name);
      free(text);
      text = longer;
    }
  }
  return text;
}

static void
put_writers(const struct report_part *part, struct report_sink *sink)
{
  size_t shown = 0;
  struct summary_writer *sorted = report_trace_sorted(part, part->choice->by, &shown);

  if (!sorted) {
    sink->error = sink->error ? sink->error : -ENOMEM;
    return;
  }
  if (part->choice->by == SUMMARY_BY_STACK)
    for (size_t i = 0; i < shown; i++)
      trace_frames_want(part->summary->frames, trace_index_stack(&part->summary->index, sorted[i].stack),
                        false);
  for (size_t i = 0; i < shown && !sink->error; i++) {
    const struct summary_writer *writer = &sorted[i];
    char *stack = part->choice->by == SUMMARY_BY_STACK ? stack_text(part->summary, writer->stack) : NULL;
    put_head(sink, "writer", writer->key, stack ? stack : writer->name,
             part->choice->by == SUMMARY_BY_STACK ? NULL : writer->detail);
    report_printf(sink, ",,,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",,,,,\n", writer->pages, writer->bytes,
                  writer->epochs);
    free(stack);
  }
  free(sorted);
}

static void
put_growth(const struct trace_summary *summary, struct report_sink *sink)
{
  for (size_t i = 0; i < summary->growth_count; i++) {
    const struct summary_growth *growth = &summary->growth[i];
    put_head(sink, "growth", growth->epochs, NULL, NULL);
    report_printf(sink, ",,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",,,,,\n",
                  (uint64_t)growth->duration,
                  (uint64_t)(growth->pages + 0.5), (uint64_t)(growth->bytes + 0.5), growth->epochs);
  }
}

int
report_trace_csv(const struct trace_summary *summary, const struct report_choice *choice, int fd)
{
  struct report_sink sink;
  struct report_part part = { .summary = summary, .choice = choice };

  report_sink_open(&sink, fd);
  report_puts(&sink,
              "row,id,name,detail,begin,end,pages,bytes,epochs,different,"
              "trapped,verified,declared,assumed\n");
  put_epochs(summary, &sink);
  put_regions(&part, &sink);
  put_writers(&part, &sink);
  put_growth(summary, &sink);
  return report_sink_close(&sink);
}
