/* output.c - async-signal-safe. The calls by which trace_write.c writes, from an address that the shield does
 * not trap: the companion of a followed child has its filter. They are write(2), ftruncate(2) and lseek(2)
 * by these names in this library (its local.mk). */
#include "config.h"
#include "raw.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static long
result_of(long result)
{
  if (result >= 0)
    return result;
  errno = (int)-result;
  return -1;
}

ssize_t
write(int fd, const void *buffer, size_t length)
{
  return result_of(RAW_CALL(SYS_write, fd, buffer, length));
}

int
ftruncate(int fd, off_t length)
{
  return (int)result_of(RAW_CALL(SYS_ftruncate, fd, length));
}

off_t
lseek(int fd, off_t offset, int whence)
{
  return result_of(RAW_CALL(SYS_lseek, fd, offset, whence));
}
