/* report.c - a report of a dirty set, through the public face alone. */
#include "config.h"
#include "writewatch.h"
typedef int ww_report_is_empty_so_far;
