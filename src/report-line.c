/* report-line.c - text of phrases that are parted where the line is full. */
#include "config.h"
#include "report-line.h"
#include "report-name.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define WIDTH_MIN 40
#define WIDTH_MAX 500

struct report_page
report_page_of(struct report_sink *sink)
{
  struct report_page page = { .sink = sink, .width = 80, .utf8 = report_reads_utf8() };
  const char *columns = getenv("COLUMNS");
  struct winsize size;
  char *end;

  if (ioctl(sink->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    page.width = size.ws_col;
  } else if (columns && *columns) {
    unsigned long width = strtoul(columns, &end, 10);
    if (!*end && width > 0 && *columns != '-')
      page.width = width;
  }
  if (page.width < WIDTH_MIN)
    page.width = WIDTH_MIN;
  if (page.width > WIDTH_MAX)
    page.width = WIDTH_MAX;
  return page;
}

struct report_line
report_line_begin(const struct report_page *page, size_t indent)
{
  struct report_line line = { .page = page, .indent = indent, .used = indent, .empty = true };

  report_pad(page->sink, ' ', indent);
  return line;
}

void
report_line_say(struct report_line *line, const char *before, const char *format, ...)
{
  struct report_sink *sink = line->page->sink;
  char phrase[256];
  va_list arguments;
  size_t columns;

  va_start(arguments, format);
  vsnprintf(phrase, sizeof(phrase), format, arguments);
  va_end(arguments);
  columns = report_name_columns(phrase, true);
  if (!line->empty) {
    size_t gap = strlen(before);
    /* A column is left for the comma that may have to follow. */
    if (line->used + gap + columns >= line->page->width) {
      while (gap > 0 && before[gap - 1] == ' ')
        gap--;
      report_put(sink, before, gap);
      report_put(sink, "\n", 1);
      report_pad(sink, ' ', line->indent + 2);
      line->used = line->indent + 2;
    } else {
      report_put(sink, before, gap);
      line->used += gap;
    }
  }
  report_puts(sink, phrase);
  line->used += columns;
  line->empty = false;
}

void
report_line_words(struct report_line *line, const char *before, const char *format, ...)
{
  char sentence[512], *word = sentence, *blank;
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(sentence, sizeof(sentence), format, arguments);
  va_end(arguments);
  for (blank = sentence; *blank; blank++)
    if (*blank == ' ' && blank > word && !(blank[-1] >= '0' && blank[-1] <= '9')) {
      *blank = 0;
      report_line_say(line, before, "%s", word);
      before = " ";
      word = blank + 1;
    }
  report_line_say(line, before, "%s", word);
}

void
report_line_name(struct report_line *line, const char *name, size_t columns)
{
  line->used += report_name_print(line->page->sink, name, columns, line->page->utf8);
  line->empty = false;
}

void
report_line_end(struct report_line *line)
{
  report_put(line->page->sink, "\n", 1);
}
