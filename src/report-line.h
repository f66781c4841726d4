/* report-line.h - text of phrases that are parted where the line is full. */
#ifndef WW_REPORT_LINE_H
#define WW_REPORT_LINE_H

#include "report-sink.h"

struct report_page {
  struct report_sink *sink;
  size_t width;   /* columns */
  bool   utf8;
};

struct report_line {
  const struct report_page *page;
  size_t indent, used;
  bool   empty;
};

/* The page that `sink` is: its terminal's width and what it can show. */
struct report_page report_page_of(struct report_sink *sink);

struct report_line report_line_begin(const struct report_page *page, size_t indent);
/* A phrase: on this line if it fits, else on the next; `before` goes between
 * it and the phrase before. */
void report_line_say(struct report_line *line, const char *before, const char *format, ...)
  __attribute__((format(printf, 3, 4)));
/* The same for a sentence: it is parted at blanks, but for those behind a figure. */
void report_line_words(struct report_line *line, const char *before, const char *format, ...)
  __attribute__((format(printf, 3, 4)));
/* A name, at most `columns` wide. */
void report_line_name(struct report_line *line, const char *name, size_t columns);
void report_line_end(struct report_line *line);

#endif
