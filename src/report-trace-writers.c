/* report-trace-writers.c - who was first to write, for a person. */
#include "config.h"
#include "report-columns.h"
#include "report-name.h"
#include "report-trace-part.h"
#include "writewatch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_SHOWN   12u
#define TROUBLES_SHOWN 4u

const char *
report_frame_library(const struct frame_found *frame)
{
  if (!frame->module)
    return "(no library is known there)";
  return *frame->module ? report_name_base(frame->module) : "(made at run time)";
}

char *
report_frame_text(const struct frame_found *frame, const struct names_place *place)
{
  const char *library = report_frame_library(frame);
  char *text;
  int length;

  if (place->function && place->file)
    length = asprintf(&text, "%s (%s:%" PRIu32 ")", place->function, report_name_base(place->file),
                      place->line);
  else if (place->function)
    length = asprintf(&text, "%s (%s+0x%" PRIx64 ")", place->function, library, frame->offset);
  else
    length = asprintf(&text, "%s+0x%" PRIx64, library, frame->offset);
  return length < 0 ? NULL : text;
}

/* A line for each function: also for those that were inlined. */
static void
print_frame(const struct report_part *part, const struct frame_found *frame)
{
  for (size_t i = 0; i < frame->count; i++) {
    char *text = report_frame_text(frame, &frame->places[i]);
    if (!text) {
      part->page.sink->error = part->page.sink->error ? part->page.sink->error : -ENOMEM;
      return;
    }
    report_puts(part->page.sink, "      ");
    report_name_print(part->page.sink, text, part->page.width - 6 - (i + 1 < frame->count ? 9 : 0),
                      part->page.utf8);
    report_puts(part->page.sink, i + 1 < frame->count ? " inlined\n" : "\n");
    free(text);
  }
}

static void
print_stack(const struct report_part *part, size_t rank, const struct summary_writer *writer)
{
  const struct index_stack *stack = trace_index_stack(&part->summary->index, writer->stack);
  struct report_line line = report_line_begin(&part->page, 0);
  uint32_t depth = stack ? stack->depth : 0, i;

  report_line_words(&line, "", "%3zu.", rank);
  report_line_words(&line, " ", "%s page%s (%s)", figure_count(writer->pages).text,
                    figure_plural(writer->pages),
                  figure_share((double)writer->pages, (double)part->summary->dirty.pages).text);
  report_line_words(&line, ", ", "%s", figure_bytes(writer->bytes).text);
  report_line_words(&line, ", ", "in %s epoch%s", figure_count(writer->epochs).text,
                    figure_plural(writer->epochs));
  report_line_end(&line);
  for (i = 0; i < depth && i < FRAMES_SHOWN; i++) {
    struct frame_found frame = trace_frames_find(part->summary->frames, stack, i);
    print_frame(part, &frame);
  }
  if (i < depth)
    report_printf(part->page.sink, "      ... and %" PRIu32 " frame%s more\n", depth - i,
                  figure_plural(depth - i));
}

static char *
writer_name(enum summary_by by, const struct summary_writer *writer)
{
  char *name;
  int length;

  if (by == SUMMARY_BY_THREAD)
    length = writer->name && *writer->name ? asprintf(&name, "%" PRIu64 " %s", writer->key, writer->name)
                                           : asprintf(&name, "%" PRIu64, writer->key);
  else if (writer->detail && *writer->detail)
    length = asprintf(&name, "%s (%s)", *writer->name ? writer->name : "(no name)", writer->detail);
  else
    length = asprintf(&name, "%s", writer->name);
  return length < 0 ? NULL : name;
}

static void
print_table(const struct report_part *part, const struct summary_writer *sorted, size_t shown)
{
  enum summary_by by = part->choice->by;
  struct columns table = { .page = &part->page, .count = 4,
                           .titles = { "pages", "share", "size", "epochs", summary_by_names[by] } };

  for (size_t i = 0; i < shown; i++) {
    char *name = writer_name(by, &sorted[i]);
    struct columns_row *row = columns_add(&table, name);
    if (!row || !name) {
      table.failed = true;
      break;
    }
    row->cells[0] = figure_count(sorted[i].pages);
    row->cells[1] = figure_share((double)sorted[i].pages, (double)part->summary->dirty.pages);
    row->cells[2] = figure_bytes(sorted[i].bytes);
    row->cells[3] = figure_count(sorted[i].epochs);
  }
  columns_print(&table);
}

__attribute__((format(printf, 2, 3))) static void
say(const struct report_part *part, const char *format, ...)
{
  struct report_line line = report_line_begin(&part->page, 2);
  va_list arguments;
  char text[256];

  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  report_line_words(&line, "", "%s", text);
  report_line_end(&line);
}

/* What the list does not show: nothing is added up in silence. */
static void
print_rest(const struct report_part *part, const struct summary_writer *sorted, size_t shown)
{
  const struct trace_summary *summary = part->summary;
  const struct summary_writers *writers = &summary->writers[part->choice->by];
  uint64_t kinds[] = { summary->dirty.by_evidence[WW_DECLARED], summary->dirty.by_evidence[WW_VERIFIED],
                       summary->dirty.by_evidence[WW_ASSUMED] };
  static const char *const words[] =
      { "DECLARED: written or mapped anew by the kernel for the program, or announced",
                                       "verified: their content differed, nobody was seen writing",
                                       "assumed: made writable in bulk, they may be unwritten" };
  double all = (double)summary->dirty.pages;
  uint64_t pages = 0;

  for (size_t i = shown; i < writers->count; i++)
    pages += sorted[i].pages;
  if (pages)
    say(part, "... and %s more: %s pages (%s)", figure_count(writers->count - shown).text,
        figure_count(pages).text,
        figure_share((double)pages, all).text);
  if (part->choice->by == SUMMARY_BY_REGION)
    return;
  if (writers->unknown)
    say(part, "... and %s page%s (%s) whose writer has no %s here",
                  figure_count(writers->unknown).text, figure_plural(writers->unknown),
                  figure_share((double)writers->unknown, all).text,
                  part->choice->by == SUMMARY_BY_THREAD ? "thread" : "stack");
  if (summary->dirty.pages > summary->written) {
    pages = summary->dirty.pages - summary->written;
    say(part, "Nobody was seen writing %s pages (%s):", figure_count(pages).text,
        figure_share((double)pages, all).text);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
      if (kinds[i])
        say(part, "  %s %s", figure_count(kinds[i]).text, words[i]);
  }
}

/* Names that are missing have a reason. */
static void
print_troubles(const struct report_part *part)
{
  const struct trace_index *index = &part->summary->index;
  unsigned shown = 0;

  for (size_t i = 0; i < index->modules_count && shown < TROUBLES_SHOWN; i++) {
    const char *trouble = trace_frames_trouble(part->summary->frames, (uint32_t)i);
    if (!trouble)
      continue;
    report_puts(part->page.sink, "  ");
    report_name_print(part->page.sink, *index->modules[i].path ? index->modules[i].path
                      : "(made at run time)",
                      part->page.width - 3, part->page.utf8);
    report_puts(part->page.sink, ":\n    ");
    report_name_wrap(part->page.sink, trouble, 4, part->page.width, part->page.utf8);
    report_puts(part->page.sink, "\n");
    shown++;
  }
}

void
report_trace_writers(const struct report_part *part)
{
  const struct trace_summary *summary = part->summary;
  enum summary_by by = part->choice->by;
  struct report_line line;
  struct summary_writer *sorted;
  size_t shown = 0;

  /* Where no stacks were kept there are threads. */
  struct report_choice choice = *part->choice;
  struct report_part own = *part;
  if (by != SUMMARY_BY_REGION && by != SUMMARY_BY_THREAD && summary->writers[by].count == 0)
    choice.by = by = SUMMARY_BY_THREAD;
  own.choice = &choice;
  sorted = report_trace_sorted(&own, by, &shown);
  report_puts(part->page.sink, "\n");
  line = report_line_begin(&part->page, 0);
  if (by == SUMMARY_BY_REGION)
    report_line_words(&line, "", "Written, by region (each page once an epoch):");
  else
    report_line_words(&line, "", "First writers, by %s (of each page in each epoch;", summary_by_names[by]);
  if (by != SUMMARY_BY_REGION)
    report_line_words(&line, " ", "who wrote it later is not seen):");
  report_line_end(&line);
  if (!sorted) {
    part->page.sink->error = part->page.sink->error ? part->page.sink->error : -ENOMEM;
    return;
  }
  if (by == SUMMARY_BY_STACK) {
    for (size_t i = 0; i < shown; i++)
      if (sorted[i].stack)
        trace_frames_want(summary->frames, trace_index_stack(&summary->index, sorted[i].stack), false);
    for (size_t i = 0; i < shown; i++)
      print_stack(&own, i + 1, &sorted[i]);
  } else {
    print_table(&own, sorted, shown);
  }
  print_rest(&own, sorted, shown);
  print_troubles(&own);
  free(sorted);
}
