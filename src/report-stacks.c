/* report-stacks.c - the first writers, for a person: the stacks that dirtied
 * most pages, or the threads where no stacks were kept. */
#include "config.h"
#include "report-figure.h"
#include "report-name.h"
#include "report-stacks.h"
#include "symbol.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
print_frame(const struct report_page *page, struct symbols *symbols, uint64_t frame, bool is_return)
{
  struct symbol symbol = symbols_find(symbols, frame, is_return);
  struct report_line line = report_line_begin(page, 6);
  const char *module = symbol.module ? report_name_base(symbol.module) : NULL;
  char tail[32] = "";
  const char *where;
  size_t room;

  if (symbol.file) {
    where = report_name_base(symbol.file);
    snprintf(tail, sizeof(tail), ":%d)", symbol.line);
  } else {
    where = module;
    snprintf(tail, sizeof(tail), "+0x%" PRIx64 "%s", symbol.offset, symbol.function ? ")" : "");
  }
  if (!where) {
    report_printf(page->sink, "0x%" PRIx64 " (no module is there now)", frame);
  } else if (!symbol.function && !symbol.inlined) {
    if (symbol.file)
      report_puts(page->sink, "(");
    report_line_name(&line, where, page->width);
    report_puts(page->sink, tail);
  } else {
    /* Where it is stays whole; long names give way. */
    const char *name = symbol.inlined ? symbol.inlined : symbol.function;
    size_t taken = 6 + 2 + report_name_columns(where, page->utf8) + strlen(tail);
    room = page->width > taken + 16 ? page->width - taken : 16;
    report_line_name(&line, name, room);
    report_puts(page->sink, " (");
    report_line_name(&line, where, page->width);
    report_puts(page->sink, tail);
    if (symbol.inlined && symbol.function && strcmp(symbol.inlined, symbol.function) != 0) {
      line.used += 2 + strlen(tail);
      line.indent = 8;
      report_line_say(&line, " ", "in ");
      report_line_name(&line, symbol.function,
                       page->width > line.used + 8 ? page->width - line.used : 8);
    }
  }
  report_line_end(&line);
}

static void
print_writer(const ww_summary *summary, const struct report_page *page, struct symbols *symbols,
             size_t rank, const struct report_writer *writer)
{
  struct report_line line = report_line_begin(page, 0);
  uint32_t i;

  report_line_say(&line, "", "%3zu.", rank);
  report_line_say(&line, " ", "%s page%s (%s)", figure_count(writer->pages).text,
                  figure_plural(writer->pages),
                  figure_share((double)writer->pages, (double)summary->dirty.pages).text);
  if (summary->epochs_count > 1)
    report_line_say(&line, " ", "in %s epoch%s", figure_count(writer->epochs).text,
                    figure_plural(writer->epochs));
  if (writer->many)
    report_line_say(&line, " ", "by at least %s threads", figure_count(writer->threads).text);
  else if (writer->threads == 1)
    report_line_say(&line, " ", "by thread %" PRId32,
                    summary->writers.threads[writer->first_thread].thread);
  else
    report_line_say(&line, " ", "by %s threads", figure_count(writer->threads).text);
  if (writer->depth == 0)
    report_line_say(&line, ", ", "no stack kept");
  report_line_end(&line);
  for (i = 0; i < writer->depth && i < REPORT_FRAMES_SHOWN; i++)
    print_frame(page, symbols, summary->writers.pool[writer->frames + i], i > 0);
  if (i < writer->depth)
    report_printf(page->sink, "      ... and %" PRIu32 " frame%s more\n", writer->depth - i,
                  figure_plural(writer->depth - i));
}

/* What the list does not show. */
static void
print_rest(const ww_summary *summary, const struct report_page *page, const uint32_t *ranked, size_t count)
{
  const struct report_writers *writers = &summary->writers;
  uint64_t unseen = summary->dirty.pages - summary->written, pages = 0;
  struct report_line line;
  size_t i;

  for (i = REPORT_WRITERS_SHOWN; i < count; i++)
    pages += writers->all[ranked[i]].pages;
  if (pages > 0) {
    line = report_line_begin(page, 0);
    report_line_say(&line, "", "  ... and %s more:", figure_count(count - REPORT_WRITERS_SHOWN).text);
    report_line_say(&line, " ", "%s page%s (%s)", figure_count(pages).text, figure_plural(pages),
                    figure_share((double)pages, (double)summary->dirty.pages).text);
    report_line_end(&line);
  }
  if (writers->all[0].pages > 0) {
    pages = writers->all[0].pages;
    line = report_line_begin(page, 0);
    report_line_say(&line, "", "  ... and more than could be told apart:");
    report_line_say(&line, " ", "%s page%s (%s)", figure_count(pages).text, figure_plural(pages),
                    figure_share((double)pages, (double)summary->dirty.pages).text);
    report_line_end(&line);
  }
  if (unseen > 0) {
    line = report_line_begin(page, 0);
    report_line_say(&line, "", "  Nobody was seen writing %s page%s (%s).", figure_count(unseen).text,
                    figure_plural(unseen), figure_share((double)unseen, (double)summary->dirty.pages).text);
    report_line_end(&line);
  }
}

static void
print_heading(const ww_summary *summary, const struct report_page *page, bool any_stack, size_t count)
{
  struct report_line line = report_line_begin(page, 0);

  report_line_say(&line, "", "First writers%s", any_stack || count == 0 ? "" : ", by thread");
  report_line_say(&line, " ", summary->epochs_count > 1 ? "(of each page in each epoch;"
                                                        : "(of each page in this epoch;");
  report_line_say(&line, " ", "who wrote it later is not seen):");
  report_line_end(&line);
}

void
report_stacks(const ww_summary *summary, const struct report_page *page)
{
  const struct report_writers *writers = &summary->writers;
  struct symbols *symbols = NULL;
  uint32_t *ranked;
  size_t count, i;
  bool any_stack = false;
  int error = report_writers_ranked(writers, &ranked, &count);

  if (!error) {
    error = symbols_open(&symbols);
    if (error)
      free(ranked);
  }
  if (error) {
    if (!page->sink->error)
      page->sink->error = error;
    return;
  }
  for (i = 0; i < count; i++)
    any_stack = any_stack || writers->all[ranked[i]].depth > 0;
  print_heading(summary, page, any_stack, count);
  for (i = 0; i < count && i < REPORT_WRITERS_SHOWN; i++)
    print_writer(summary, page, symbols, i + 1, &writers->all[ranked[i]]);
  print_rest(summary, page, ranked, count);
  symbols_close(symbols);
  free(ranked);
}
