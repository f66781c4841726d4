/* problem.c - what the last failure in this thread was about, and what a person is told beside. */
#include "config.h"
#include "chain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static _Thread_local char last[512];

int
chain_error(int error, const char *format, ...)
{
  va_list arguments;
  int saved = errno;
  va_start(arguments, format);
  vsnprintf(last, sizeof last, format, arguments);
  va_end(arguments);
  errno = saved;
  return error;
}

const char *
ww_chain_error(void)
{
  return last;
}

void
chain_note(const ww_chain *chain, const char *format, ...)
{
  char text[512];
  va_list arguments;
  if (!chain->options.note)
    return;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  chain->options.note(chain->options.context, text);
}
