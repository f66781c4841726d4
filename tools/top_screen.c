/* top_screen.c - what is known of a trace so far, on a screen or as a line. */
#include "config.h"
#include "top.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report-figure.h"
#include "report-name.h"
#include "report-sink.h"
#include "writewatch.h"

struct screen {
  struct report_sink sink;
  unsigned columns, left;      /* rows that may still be written */
  unsigned used;               /* columns of this row */
  bool     utf8;
};

/* ------------------------------------------------------------------ pieces */

/* A name or words: what does not fit is cut. */
static void
say(struct screen *screen, const char *text)
{
  if (screen->used < screen->columns)
    screen->used += (unsigned)report_name_print(&screen->sink, text, screen->columns - screen->used,
                                                screen->utf8);
}

__attribute__((format(printf, 2, 3))) static void
tell(struct screen *screen, const char *format, ...)
{
  char text[512];
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  say(screen, text);
}

/* Bold, reversed: no colours, which not everybody has or sees. */
static void
set(struct screen *screen, const char *how)
{
  report_printf(&screen->sink, "\033[%sm", how);
}

static void
end_row(struct screen *screen)
{
  report_puts(&screen->sink, "\033[0m\033[K");
  if (screen->left > 0)
    screen->left--;
  if (screen->left > 0)
    report_puts(&screen->sink, "\r\n");
  screen->used = 0;
}

static double
rate_of(uint64_t bytes, uint64_t duration)
{
  return duration ? (double)bytes / (1 << 20) * 1e9 / (double)duration : 0;
}

static double
per(uint64_t value, uint64_t of)
{
  return of ? (double)value / (double)of : 0;
}

/* ------------------------------------------------------------------ the head */

static void
draw_title(struct screen *screen, const struct top_model *model, enum top_look look)
{
  const struct trace_index *index = &model->index;
  const char *what = index->arguments && *index->arguments ? index->arguments
    : index->executable ? index->executable : "waiting for the trace";
  char right[128];
  size_t length;

  snprintf(right, sizeof right, " pid %llu  %s%s", (unsigned long long)index->start.pid,
           figure_time(model->last.end).text,
           look == TOP_PAUSED ? "  PAUSED" : look == TOP_ENDED ? "  ENDED" : "");
  length = strlen(right);
  set(screen, "1");
  say(screen, "writewatch top  ");
  if (length + 20 < screen->columns) {
    unsigned whole = screen->columns;
    screen->columns -= (unsigned)length;
    say(screen, what);
    screen->columns = whole;
    report_pad(&screen->sink, ' ', whole - length - screen->used);
    report_puts(&screen->sink, right);
  }
  end_row(screen);
}

static void
draw_past(struct screen *screen, const struct top_model *model)
{
  static const char *const blocks[] = { " ", "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84",
                                        "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88" };
  unsigned room = screen->columns > screen->used + 4 ? screen->columns - screen->used - 4 : 0;
  unsigned count = model->past_count < room ? model->past_count : room;
  double most = 0;

  say(screen, "  ");
  for (unsigned i = model->past_count - count; i < model->past_count; i++)
    most = fmax(most, model->past[i]);
  for (unsigned i = model->past_count - count; screen->utf8 && i < model->past_count; i++) {
    unsigned level = most > 0 ? (unsigned)lround(8 * model->past[i] / most) : 0;
    report_puts(&screen->sink, blocks[level == 0 && model->past[i] > 0 ? 1 : level]);
    screen->used++;
  }
}

static void
draw_evidence(struct screen *screen, const struct top_tally *tally)
{
  const char *gap = "";
  static const struct { unsigned kind; const char *name; } kinds[] = {
    { WW_TRAPPED, "trapped" }, { WW_VERIFIED, "verified" }, { WW_DECLARED, "declared (kernel)" },
    { WW_ASSUMED, "assumed" }, { 0, "other" }
  };

  say(screen, "known by  ");
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (tally->by_evidence[kinds[i].kind]) {
      tell(screen, "%s%s %s", gap, kinds[i].name,
           figure_share((double)tally->by_evidence[kinds[i].kind], (double)tally->pages).text);
      gap = ", ";
    }
  if (!*gap)
    say(screen, "-");
  end_row(screen);
}

static void
draw_coverage(struct screen *screen, const struct top_model *model)
{
  const struct trace_coverage *coverage = &model->coverage;

  say(screen, "watched   ");
  if (!model->covered) {
    say(screen, "not known yet");
    end_row(screen);
    return;
  }
  tell(screen, "%s of %s that can be written (%s), ", figure_bytes(coverage->watched).text,
       figure_bytes(coverage->writable).text,
       figure_share((double)coverage->watched, (double)coverage->writable).text);
  tell(screen, "%s thread%s", figure_count(coverage->threads).text, figure_plural(coverage->threads));
  if (coverage->unshielded)
    tell(screen, ", %s UNSHIELDED", figure_count(coverage->unshielded).text);
  if (model->unrecorded)
    tell(screen, ", %s child%s NOT RECORDED", figure_count(model->unrecorded).text,
         model->unrecorded == 1 ? "" : "ren");
  end_row(screen);
}

static void
draw_head(struct screen *screen, const struct top_model *model)
{
  const struct top_tally *now = &model->shown;

  say(screen, "dirtied   ");
  set(screen, "1");
  tell(screen, "%s MiB/s", figure_decimal(rate_of(now->bytes, now->duration), 1).text);
  set(screen, "0");
  tell(screen, ", at most %s", figure_decimal(model->peak, 1).text);
  draw_past(screen, model);
  end_row(screen);
  tell(screen, "pages     %s an epoch, ", figure_decimal(per(now->pages, now->epochs), 0).text);
  tell(screen, "epoch %s (of %s), ", figure_count(model->last.number).text,
       figure_time(now->epochs ? now->duration / now->epochs : model->interval).text);
  tell(screen, "%s faults/s, ", figure_decimal(1e9 * per(now->faults, now->duration), 0).text);
  tell(screen, "collect %s", figure_time(now->epochs ? now->collect / now->epochs : 0).text);
  end_row(screen);
  draw_evidence(screen, now);
  draw_coverage(screen, model);
  if (model->damaged)
    tell(screen, "damage    %s of the trace cannot be read", figure_bytes(model->damaged).text);
  else if (*model->note)
    tell(screen, "note      %s", model->note);
  end_row(screen);
}

/* ---------------------------------------------------------------- the tables */

static void
draw_heading(struct screen *screen, const char *name)
{
  char text[128];

  set(screen, "7");
  snprintf(text, sizeof text, "%9s %10s %8s %8s  %s", "MiB/s", "pages/ep", "now", "in all", name);
  say(screen, text);
  report_pad(&screen->sink, ' ', screen->columns - screen->used);
  end_row(screen);
}

static void
draw_row(struct screen *screen, const struct top_model *model, uint64_t pages, uint64_t bytes, uint64_t total)
{
  const struct top_tally *now = &model->shown;
  struct figure rate = figure_decimal(rate_of(bytes, now->duration), 1);
  struct figure each = figure_decimal(per(pages, now->epochs), 0);
  struct figure share = figure_share((double)pages, (double)now->pages);
  struct figure all = figure_share((double)total, (double)model->total.pages);

  tell(screen, "%9s %10s %8s %8s  ", rate.text, each.text, share.text, all.text);
}

struct ranked { size_t id; double score; };

static int
by_score(const void *a, const void *b)
{
  const struct ranked *one = a, *other = b;

  if (one->score != other->score)
    return one->score > other->score ? -1 : 1;
  return one->id < other->id ? -1 : 1;
}

static void
draw_region(struct screen *screen, const struct top_model *model, size_t id)
{
  const struct index_region *region = trace_index_region(&model->index, id);
  const struct top_share *share = &model->regions[id];

  draw_row(screen, model, share->shown_pages, share->shown_bytes, share->total_pages);
  if (region) {
    say(screen, region->name && *region->name ? report_name_base(region->name) : "(no name)");
    tell(screen, "  %s, %s at 0x%llx", trace_kind_name(region->kind), figure_bytes(region->length).text,
         (unsigned long long)region->address);
  } else {
    tell(screen, "region %zu", id);
  }
  end_row(screen);
}

static void
draw_regions(struct screen *screen, const struct top_model *model, size_t rows)
{
  struct ranked *order = malloc((model->regions_room + 1) * sizeof *order);
  size_t count = 0;

  draw_heading(screen, "REGION");
  for (size_t id = 0; order && id < model->regions_room; id++)
    if (model->regions[id].total_pages)
      order[count++] = (struct ranked){ id, model->regions[id].score };
  if (count)
    qsort(order, count, sizeof *order, by_score);
  for (size_t i = 0; i < rows; i++)
    if (i < count)
      draw_region(screen, model, order[i].id);
    else
      end_row(screen);
  free(order);
}

static void
draw_writers(struct screen *screen, const struct top_model *model, size_t rows)
{
  uint64_t unknown = model->stacks_room ? model->stacks[0].shown_pages : 0;
  size_t shown = 0;

  draw_heading(screen, "FIRST WRITER");
  for (size_t i = 0; i < model->writers_count && shown + (unknown > 0) < rows; i++, shown++) {
    const struct top_writer *writer = &model->writers[i];
    draw_row(screen, model, writer->pages, writer->bytes, writer->total_pages);
    say(screen, writer->name);
    end_row(screen);
  }
  if (unknown && shown < rows) {
    draw_row(screen, model, unknown, model->stacks[0].shown_bytes, model->stacks[0].total_pages);
    say(screen, "(not known: verified, declared or assumed, or no stack)");
    end_row(screen);
    shown++;
  }
  for (; shown < rows; shown++)
    end_row(screen);
}

void
top_screen_draw(const struct top_model *model, unsigned rows, unsigned columns, enum top_look look)
{
  struct screen screen = { .columns = columns, .left = rows, .utf8 = report_reads_utf8() };
  size_t room = rows > 11 ? rows - 11 : 0, regions = room * 2 / 5;

  report_sink_open(&screen.sink, STDOUT_FILENO);
  report_puts(&screen.sink, "\033[H");
  draw_title(&screen, model, look);
  if (rows >= 8)
    draw_head(&screen, model);
  if (rows >= 13) {
    end_row(&screen);
    draw_regions(&screen, model, regions);
    end_row(&screen);
    draw_writers(&screen, model, room - regions);
  }
  while (screen.left > 1)
    end_row(&screen);
  say(&screen, look == TOP_ENDED ? "The recording has ended.  q quit" : "q quit  p pause  space refresh");
  end_row(&screen);
  report_sink_close(&screen.sink);
}

void
top_screen_line(const struct top_model *model)
{
  const struct top_tally *now = &model->shown;
  struct screen screen = { .columns = UINT16_MAX, .utf8 = report_reads_utf8() };
  size_t best = 0;

  report_sink_open(&screen.sink, STDOUT_FILENO);
  tell(&screen, "%s  epoch %s", figure_time(model->last.end).text, figure_count(model->last.number).text);
  tell(&screen, "  %s MiB/s", figure_decimal(rate_of(now->bytes, now->duration), 1).text);
  tell(&screen, "  %s pages/epoch", figure_decimal(per(now->pages, now->epochs), 0).text);
  if (model->covered)
    tell(&screen, "  watched %s",
         figure_share((double)model->coverage.watched, (double)model->coverage.writable).text);
  for (size_t id = 1; id < model->regions_room; id++)
    if (!best || model->regions[id].score > model->regions[best].score)
      best = id;
  if (best && trace_index_region(&model->index, best)) {
    say(&screen, "  region ");
    say(&screen, report_name_base(trace_index_region(&model->index, best)->name));
    tell(&screen, " %s", figure_share((double)model->regions[best].shown_pages, (double)now->pages).text);
  }
  if (model->writers_count) {
    say(&screen, "  first writer ");
    say(&screen, model->writers[0].name);
    tell(&screen, " %s", figure_share((double)model->writers[0].pages, (double)now->pages).text);
  }
  report_puts(&screen.sink, "\n");
  report_sink_close(&screen.sink);
}
