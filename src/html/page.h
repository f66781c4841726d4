/* page.h - the parts of the page's data. */
#ifndef WW_HTML_PAGE_H
#define WW_HTML_PAGE_H

#include "fold.h"
#include "json.h"
#include "trace_frames.h"
#include "trace_summary.h"

#define PAGE_WRITERS 1500u    /* rows of each grouping */
#define PAGE_REGIONS 5000u
#define PAGE_REMARKS 200u     /* of each kind */
#define PAGE_FRAMES  100000u  /* different ones */

void page_run(struct json *json, const struct trace_summary *summary);
void page_totals(struct json *json, const struct trace_summary *summary);
void page_growth(struct json *json, const struct trace_summary *summary);
void page_map(struct json *json, const struct trace_summary *summary, const struct fold *fold);
void page_regions(struct json *json, const struct trace_summary *summary);
void page_coverage(struct json *json, const struct trace_summary *summary);
void page_remarks(struct json *json, const struct trace_summary *summary);
/* Writers, stacks and frames, and the files that have no names. */
void page_writers(struct json *json, const struct trace_summary *summary);

#endif
