/* report-sink.c - bytes on their way to a file descriptor. */
#include "config.h"
#include "report-sink.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
report_sink_open(struct report_sink *sink, int fd)
{
  sink->fd = fd;
  sink->error = 0;
  sink->used = 0;
}

/* A pipe or terminal may have been made non-blocking by whoever shares it:
 * that is no reason to lose half a report. */
static int
wait_for_room(int fd)
{
  struct pollfd ready = { .fd = fd, .events = POLLOUT };
  if (poll(&ready, 1, -1) < 0 && errno != EINTR)
    return -errno;
  return 0;
}

static void
write_all(struct report_sink *sink, const char *bytes, size_t size)
{
  while (size > 0 && !sink->error) {
    ssize_t written = write(sink->fd, bytes, size);
    if (written > 0) {
      bytes += written;
      size -= (size_t)written;
    } else if (written == 0) {
      sink->error = -EIO;   /* no error and no progress: do not spin */
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      sink->error = wait_for_room(sink->fd);
    } else if (errno != EINTR) {
      sink->error = -errno;
    }
  }
}

void
report_put(struct report_sink *sink, const void *bytes, size_t size)
{
  const char *from = bytes;

  if (sink->error)
    return;
  if (size > sizeof(sink->buffer) - sink->used) {
    write_all(sink, sink->buffer, sink->used);
    sink->used = 0;
    if (size >= sizeof(sink->buffer)) {
      write_all(sink, from, size);
      return;
    }
  }
  memcpy(sink->buffer + sink->used, from, size);
  sink->used += size;
}

void
report_puts(struct report_sink *sink, const char *text)
{
  report_put(sink, text, strlen(text));
}

void
report_pad(struct report_sink *sink, char filler, size_t count)
{
  while (count-- > 0)
    report_put(sink, &filler, 1);
}

/* For short things: numbers and words of our own. */
void
report_printf(struct report_sink *sink, const char *format, ...)
{
  char text[512];
  va_list arguments;
  int length;

  va_start(arguments, format);
  length = vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= sizeof(text)) {
    if (!sink->error)
      sink->error = -EOVERFLOW;
    return;
  }
  report_put(sink, text, (size_t)length);
}

int
report_sink_close(struct report_sink *sink)
{
  if (!sink->error)
    write_all(sink, sink->buffer, sink->used);
  sink->used = 0;
  return sink->error;
}
