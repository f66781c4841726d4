/* html.h - a summary of a trace as one page of HTML, with nothing fetched. */
#ifndef WW_HTML_H
#define WW_HTML_H

#include "report-trace.h"

/* What the summary should be asked for. Rows in which nothing is dirty are folded away, so there may be many;
 * the page stays below 20 MB whatever the trace: the map is at most 11.5 MB of it. */
#define HTML_COLUMNS 2048u
#define HTML_ROWS    12288u

/* report_html() is declared in report-trace.h. */

#endif
