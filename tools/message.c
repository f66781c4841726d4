/* message.c - words for a person, on standard error. */
#include "config.h"
#include "message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "writewatch.h"

void
complain(const char *format, ...)
{
  char text[2048];
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  fprintf(stderr, "writewatch: %s\n", text);
}

enum status
complain_library(const char *doing, int error)
{
  const char *about = ww_last_error();

  complain("cannot %s: %s%s%s", doing, ww_strerror(error), *about ? ": " : "", about);
  return error == -ENOMEM ? STATUS_MEMORY : STATUS_TRACKING;
}
