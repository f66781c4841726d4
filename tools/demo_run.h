/* demo_run.h - a workload under the tracker, epoch by epoch. */
#ifndef WW_DEMO_RUN_H
#define WW_DEMO_RUN_H

#include "demo_options.h"
#include "report.h"
#include "status.h"

/* Run what `options` ask for and put it all into `summary`. STATUS_OK and
 * STATUS_CHECK: the summary is complete; otherwise the run broke off. What was
 * wrong has been said. */
enum status demo_run(const struct demo_options *options, ww_summary *summary);

#endif
