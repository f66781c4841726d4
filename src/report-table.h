/* report-table.h - the epochs of a summary, a line each, for a person. */
#ifndef WW_REPORT_TABLE_H
#define WW_REPORT_TABLE_H

#include "report-line.h"
#include "report-summary.h"

/* With more epochs than this the middle ones are folded into three lines. */
#define REPORT_EPOCHS_SHOWN 40
#define REPORT_EPOCHS_EDGE  12

/* Errors go to the page's sink. */
void report_table(const ww_summary *summary, const struct report_page *page);

#endif
