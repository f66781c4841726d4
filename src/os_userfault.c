/* os_userfault.c - async-signal-safe. The system calls of userfaultfd and PAGEMAP_SCAN: the
 * part of os.c that few programs need. */
#include "config.h"
#include "os.h"
#include "raw.h"
#include "userfault.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Programs close the descriptors that they did not open, or take the lowest one for granted:
 * ours is moved up, but not so far that the kernel's table of them grows. */
static int
move_up(int fd)
{
  enum { HIGHEST = 960, BELOW_LIMIT = 16 };
  struct rlimit limit = { 0, 0 };
  if (fd < 0)
    return fd;
  (void)RAW_CALL(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
  long lowest = limit.rlim_cur > HIGHEST + BELOW_LIMIT ? HIGHEST : (long)limit.rlim_cur - BELOW_LIMIT;
  long moved = lowest > fd ? RAW_CALL(SYS_fcntl, fd, F_DUPFD_CLOEXEC, lowest) : -1;
  if (moved < 0)
    return fd;
  os_close(fd);
  return (int)moved;
}

static int
open_device(void)
{
  int device = (int)RAW_CALL(SYS_openat, AT_FDCWD, "/dev/userfaultfd", O_RDWR | O_CLOEXEC, 0);
  if (device < 0)
    return device;
  int fd = (int)RAW_CALL(SYS_ioctl, device, USERFAULT_DEVICE_NEW, O_CLOEXEC | O_NONBLOCK);
  os_close(device);
  return fd;
}

int
os_userfault_open(uint64_t features)
{
  struct uffdio_api api = { .api = UFFD_API, .features = features };
  /* Without kernel faults it is open to every user, and no more is needed: what the kernel does
   * not notice by itself fails with EFAULT in any case. */
  int fd = (int)RAW_CALL(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | USERFAULT_USER_MODE_ONLY);
  if (fd == -ENOSYS)
    return fd;
  int first = fd;
  if (fd < 0)
    fd = open_device();
  if (fd < 0)
    fd = (int)RAW_CALL(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return first == -EMFILE || first == -ENFILE ? first : fd;
  int error = (int)RAW_CALL(SYS_ioctl, fd, UFFDIO_API, &api);
  if (error) {
    os_close(fd);
    return error;
  }
  return move_up(fd);
}

int
os_userfault_register(int fd, uintptr_t start, size_t length)
{
  struct uffdio_register range = { .range = { start, length }, .mode = UFFDIO_REGISTER_MODE_WP };
  return (int)RAW_CALL(SYS_ioctl, fd, UFFDIO_REGISTER, &range);
}

int
os_userfault_unregister(int fd, uintptr_t start, size_t length)
{
  struct uffdio_range range = { start, length };
  return (int)RAW_CALL(SYS_ioctl, fd, UFFDIO_UNREGISTER, &range);
}

int
os_userfault_protect(int fd, uintptr_t start, size_t length, bool protect)
{
  struct uffdio_writeprotect range = { .range = { start, length } };
  range.mode = protect ? UFFDIO_WRITEPROTECT_MODE_WP : UFFDIO_WRITEPROTECT_MODE_DONTWAKE;
  long error;
  do
    error = RAW_CALL(SYS_ioctl, fd, UFFDIO_WRITEPROTECT, &range);
  while (error == -EAGAIN || error == -EINTR);
  return (int)error;
}

long
os_pagemap_scan(int fd, uintptr_t start, uintptr_t end, bool protect, struct userfault_range *ranges,
                size_t count, uintptr_t *reached)
{
  struct userfault_scan scan = {
    .size = sizeof scan, .start = start, .end = end, .ranges = (uintptr_t)ranges, .range_count = count,
    .flags = USERFAULT_SCAN_CHECK_ASYNC | (protect ? USERFAULT_SCAN_PROTECT : 0),
    .all_of = USERFAULT_SCAN_WRITTEN, .returned = USERFAULT_SCAN_WRITTEN
  };
  long found;
  do
    found = RAW_CALL(SYS_ioctl, fd, USERFAULT_SCAN, &scan);
  while (found == -EINTR);
  *reached = scan.walk_end;
  return found;
}

int
os_pagemap_open(void)
{
  return move_up(os_open("/proc/self/pagemap"));
}

int
os_file_identity(int fd, uint64_t *device, uint64_t *inode)
{
  struct stat status;   /* the kernel's and libc's are the same on our processors */
  int error = (int)RAW_CALL(SYS_fstat, fd, &status);
  if (!error) {
    *device = status.st_dev;
    *inode = status.st_ino;
  }
  return error;
}
