/* report.c - the public report of one dirty set, and the choice of a format. */
#include "config.h"
#include "report-summary.h"

#include <errno.h>

int
ww_summary_write(ww_summary *summary, int fd, enum ww_format format)
{
  struct report_sink sink;

  if (!summary)
    return -EINVAL;
  report_sink_open(&sink, fd);
  switch (format) {
  case WW_FORMAT_TEXT: report_text(summary, &sink); break;
  case WW_FORMAT_JSON: report_json(summary, &sink); break;
  case WW_FORMAT_CSV:  report_csv(summary, &sink); break;
  default:             return -EINVAL;
  }
  return report_sink_close(&sink);
}

int
ww_report(const ww_dirty *dirty, int fd, enum ww_format format)
{
  ww_summary *summary;
  int error;

  if (!dirty || (unsigned)format > WW_FORMAT_CSV)
    return -EINVAL;
  error = ww_summary_create(&summary, NULL);
  if (error)
    return error;
  error = ww_summary_add(summary, dirty);
  if (!error)
    error = ww_summary_write(summary, fd, format);
  ww_summary_free(summary);
  return error;
}
