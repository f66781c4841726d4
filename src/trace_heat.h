/* trace_heat.h - the heat map of a summary: epochs by pages, coarse enough for whoever asked. */
#ifndef WW_TRACE_HEAT_H
#define WW_TRACE_HEAT_H

#include "trace_summary.h"

/* Lay it out: rows for the regions that are included and written, by address. -ENOMEM */
int  heat_lay_out(struct trace_summary *summary, unsigned rows, unsigned columns);
/* `epoch`: its position in the summary. */
void heat_column(struct trace_summary *summary, size_t epoch, uint32_t *column);
void heat_add(struct summary_heat *heat, const struct summary_region *region, uint32_t column, uint64_t page,
              uint64_t pages);
void heat_free(struct summary_heat *heat);

#endif
