/* report-stacks.h - the first writers, for a person. */
#ifndef WW_REPORT_STACKS_H
#define WW_REPORT_STACKS_H

#include "report-line.h"
#include "report-summary.h"

#define REPORT_WRITERS_SHOWN 10
#define REPORT_FRAMES_SHOWN  12

/* Errors go to the page's sink. */
void report_stacks(const ww_summary *summary, const struct report_page *page);

#endif
