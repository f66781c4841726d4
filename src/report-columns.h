/* report-columns.h - a small table for a person: figures to the right of their columns, and a name at
 * the end of the line. */
#ifndef WW_REPORT_COLUMNS_H
#define WW_REPORT_COLUMNS_H

#include "report-figure.h"
#include "report-line.h"

#define COLUMNS_MAX 9

struct columns {
  const struct report_page *page;
  unsigned count;                         /* of figures */
  const char *titles[COLUMNS_MAX + 1];    /* the last is the name's */
  struct columns_row {
    struct figure cells[COLUMNS_MAX];
    char *name;                           /* freed by columns_print(); NULL: none */
  } *rows;
  size_t used, room;
  bool failed;                            /* no memory: shows in the sink */
};

/* Takes `name` over; the cells are to be filled in. NULL: no memory. */
struct columns_row *columns_add(struct columns *columns, char *name);
/* Print them, and free all. Columns that do not fit are left out from the last figure on. */
void columns_print(struct columns *columns);

#endif
