/* trace_diff.h - what two traces have of the same writers and regions, side by side. */
#ifndef WW_TRACE_DIFF_H
#define WW_TRACE_DIFF_H

#include "trace_summary.h"

struct diff_side {
  uint64_t pages, bytes, epochs;   /* pages, bytes: each page once an epoch */
};

/* Of the same name in both; a side that does not have it is all zeroes. */
struct diff_pair {
  char *name, *detail;             /* detail may be NULL */
  struct diff_side side[2];
};

struct diff_pairs {
  struct diff_pair *all;           /* by how much the bytes a second differ, most first */
  size_t count, room;
  struct report_index by_name;
};

/* Writers by stack are the same if their frames have the same names, regions if they have the same kind
 * and name (so those without a name count together). -ENOMEM */
int  trace_diff(struct diff_pairs *pairs, const struct trace_summary *const summaries[2], enum summary_by by);
void trace_diff_free(struct diff_pairs *pairs);

/* Bytes a second. */
double trace_diff_rate(const struct trace_summary *summary, uint64_t bytes);

#endif
