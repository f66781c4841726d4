/* trace_groups.h - the first writers of a summary, put together by stack, function, line, library and
 * thread. */
#ifndef WW_TRACE_GROUPS_H
#define WW_TRACE_GROUPS_H

#include "trace_summary.h"

struct groups;

/* Names the leaves of all stacks, which decide who belongs to whom. -ENOMEM */
int  groups_open(struct groups **groups, const struct trace_index *index, struct trace_frames *frames);
/* A run of the epoch whose first writer is known. -ENOMEM */
int  groups_add(struct groups *groups, uint32_t epoch, uint64_t number, const struct trace_run *run,
                uint64_t page_size);
/* The epoch is over: its number. */
void groups_epoch(struct groups *groups, uint64_t number);
/* The tables, most pages first; the names in them live as long as the groups. -ENOMEM */
int  groups_finish(const struct groups *groups, const struct trace_index *index,
                   struct summary_writers writers[SUMMARY_BYS]);
/* Most pages first. */
void summary_rank(struct summary_writers *writers);
void groups_free(struct groups *groups);

#endif
