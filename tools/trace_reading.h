/* trace_reading.h - a trace that the command was given, opened and summarised. */
#ifndef WW_TRACE_READING_H
#define WW_TRACE_READING_H

#include <stdbool.h>
#include "status.h"
#include "trace_summary.h"

/* With a bar on a terminal that standard error is. STATUS_INPUT: it is no trace, and was said so. */
enum status trace_reading(const char *file, struct summary_options *options, struct trace_summary **summary);
/* Whether the trace is damaged or cut: where and why is said on standard error. */
bool trace_reading_complain(const char *file, const struct trace_summary *summary);

#endif
