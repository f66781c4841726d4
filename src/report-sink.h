/* report-sink.h - bytes on their way to a file descriptor. The first error
 * sticks, so that writers of reports need to look only at the end. */
#ifndef WW_REPORT_SINK_H
#define WW_REPORT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct report_sink {
  int    fd;
  int    error;   /* 0 or the first negative errno */
  size_t used;
  char   buffer[4096];
};

void report_sink_open(struct report_sink *sink, int fd);
void report_put(struct report_sink *sink, const void *bytes, size_t size);
void report_puts(struct report_sink *sink, const char *text);
void report_pad(struct report_sink *sink, char filler, size_t count);
void report_printf(struct report_sink *sink, const char *format, ...)
  __attribute__((format(printf, 2, 3)));
/* Write what is left; 0 or the first error. Does not close fd. */
int  report_sink_close(struct report_sink *sink);

#endif
