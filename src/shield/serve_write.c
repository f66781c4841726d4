/* serve_write.c - async-signal-safe. Calls that write to files: a region may show one. */
#include "config.h"
#include "shield/serve.h"
#include "shield/follow.h"
#include "shield/shield.h"

#include <limits.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Where a call writes to; offset -1: at the descriptor's position. */
struct target { int fd; off_t offset; size_t length; };

static size_t
length_of(uintptr_t vector, size_t count)
{
  struct iovec part;
  size_t length = 0;
  for (size_t i = 0; i < count && i < IOV_MAX; i++)
    if (safe_read(&part, vector + i * sizeof part, sizeof part) || part.iov_len > SSIZE_MAX - length)
      return SSIZE_MAX;
    else
      length += part.iov_len;
  return length;
}

static off_t
offset_at(uintptr_t pointer)
{
  off_t offset;
  return pointer && !safe_read(&offset, pointer, sizeof offset) ? offset : -1;
}

static struct target
target_of(const struct call *call)
{
  const long *a = call->argument;
  switch (call->number) {
    case SYS_pwrite64:
      return (struct target){ (int)a[0], a[3], (size_t)a[2] };
    case SYS_writev:
      return (struct target){ (int)a[0], -1, length_of((uintptr_t)a[1], (size_t)a[2]) };
    case SYS_pwritev: case SYS_pwritev2:
      return (struct target){ (int)a[0], a[3], length_of((uintptr_t)a[1], (size_t)a[2]) };
    case SYS_sendfile:
      return (struct target){ (int)a[0], -1, (size_t)a[3] };
    case SYS_splice: case SYS_copy_file_range:
      return (struct target){ (int)a[2], offset_at((uintptr_t)a[3]), (size_t)a[4] };
    default:
      return (struct target){ (int)a[0], -1, (size_t)a[2] };
  }
}

/* Declared before the call, for a collect may end the epoch as soon as it has written; and
 * once more after it, for one may have come in between: what was written, where that began. */
long
serve_write(struct call *call)
{
  struct target target = target_of(call);
  follow_file_written(target.fd, target.offset, target.length);
  long result = call_make(call);
  if (result > 0) {
    if (target.offset < 0)
      target.offset = raw_call(SYS_lseek, target.fd, 0, SEEK_CUR, 0, 0, 0) - result;
    if (target.offset >= 0)
      follow_file_written(target.fd, target.offset, (size_t)result);
  }
  return result;
}
