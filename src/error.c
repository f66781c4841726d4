/* error.c - what errors mean, and what the last one of a thread was about. */
#include "config.h"
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static _Thread_local char last[320];

int
error_set(int error, const char *format, ...)
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
error_last(void)
{
  return last;
}

const char *
error_meaning(int error)
{
  static const struct { int error; const char *meaning; } meanings[] = {
    { 0, "no error" },
    { -EINVAL, "an argument is not valid" },
    { -E2BIG, "the options are of a newer version than this library" },
    { -ENOTSUP, "not supported by this build, or by this memory" },
    { -ENOMEM, "no memory, or the process is at its limit of address space or of mappings" },
    { -EALREADY, "the tracker is already in that state" },
    { -ENODATA, "the tracker is not started" },
    { -EFAULT, "part of the memory is not mapped" },
    { -EACCES, "part of the memory is not writable" },
    { -EOVERFLOW, "the range wraps around the end of the address space" },
    { -EFBIG, "the range has 2^32 pages or more" },
    { -EEXIST, "the range overlaps a region that is watched already" },
    { -EBUSY, "the range holds a stack, thread-local storage or memory of Writewatch itself; or there is a "
              "snapshot" },
    { -EIO, "the kernel's list of mappings, or the output, could not be read or written" },
    { -ENOENT, "no writer was seen for this page" },
    { -EBADF, "the output is not an open file descriptor for writing" },
    { -ENOSPC, "the output's disk is full" },
    { -ENOBUFS, "a page was written before it was copied, and there was no memory" },
    { -EPIPE, "nobody reads the output any more" },
    { -EDQUOT, "the output's disk quota is used up" },
    { -EAGAIN, "the output would block" },
  };
  for (unsigned i = 0; i < sizeof meanings / sizeof *meanings; i++)
    if (meanings[i].error == error)
      return meanings[i].meaning;
  return "an error of the system, see errno(3)";
}
