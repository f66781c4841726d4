/* report-columns.c - a small table for a person. */
#include "config.h"
#include "report-columns.h"
#include "report-index.h"
#include "report-name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LEAST 24u   /* columns that a name has at least before figures give way */

struct columns_row *
columns_add(struct columns *columns, char *name)
{
  if (report_grow(&columns->rows, columns->used + 1, &columns->room, sizeof(*columns->rows))) {
    columns->failed = true;
    free(name);
    return NULL;
  }
  memset(&columns->rows[columns->used], 0, sizeof(*columns->rows));
  columns->rows[columns->used].name = name;
  return &columns->rows[columns->used++];
}

static void
print_row(const struct columns *columns, const size_t *widths, unsigned shown, const struct columns_row *row,
          size_t room)
{
  struct report_sink *sink = columns->page->sink;
  const char *name = row ? row->name : columns->titles[columns->count];

  for (unsigned i = 0; i < shown; i++) {
    const char *text = row ? row->cells[i].text : columns->titles[i];
    report_pad(sink, ' ', widths[i] - strlen(text) + 2);
    report_puts(sink, text);
  }
  if (name && *name) {
    report_puts(sink, "  ");
    report_name_print(sink, name, room, columns->page->utf8);
  }
  report_puts(sink, "\n");
}

void
columns_print(struct columns *columns)
{
  size_t widths[COLUMNS_MAX], total = 0;
  unsigned shown = columns->count;

  for (unsigned i = 0; i < columns->count; i++) {
    widths[i] = strlen(columns->titles[i]);
    for (size_t k = 0; k < columns->used; k++)
      if (strlen(columns->rows[k].cells[i].text) > widths[i])
        widths[i] = strlen(columns->rows[k].cells[i].text);
    total += widths[i] + 2;
  }
  while (shown > 1 && total + 2 + (columns->titles[columns->count] ? NAME_LEAST : 0) > columns->page->width)
    total -= widths[--shown] + 2;
  print_row(columns, widths, shown, NULL, SIZE_MAX);
  for (size_t k = 0; k < columns->used; k++)
    print_row(columns, widths, shown, &columns->rows[k], columns->page->width - total - 2);
  if (columns->failed && !columns->page->sink->error)
    columns->page->sink->error = -ENOMEM;
  for (size_t k = 0; k < columns->used; k++)
    free(columns->rows[k].name);
  free(columns->rows);
  columns->rows = NULL;
  columns->used = columns->room = 0;
}
