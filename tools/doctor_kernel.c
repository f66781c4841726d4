/* doctor_kernel.c - the kernel's other ways of noticing writes: userfaultfd,
 * PAGEMAP_SCAN, soft-dirty. Each is tried, not looked up by version: backports,
 * seccomp filters and permissions decide. */
#include "config.h"
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef UFFD_USER_MODE_ONLY
# define UFFD_USER_MODE_ONLY 1
#endif
/* The device's only ioctl (Linux 6.1). */
#define DEVICE_NEW _IO(0xaa, 0x00)

/* PAGEMAP_SCAN (Linux 6.7), as its documentation has it. */
struct scan_region { uint64_t start, end, categories; };
struct scan_argument {
  uint64_t size, flags, start, end, walk_end, regions, region_count, max_pages;
  uint64_t category_inverted, category_mask, category_any_mask, return_mask;
};
#define SCAN_REQUEST _IOWR('f', 16, struct scan_argument)
#define SCAN_PROTECT_MATCHING ((uint64_t)1 << 0)
#define SCAN_CHECK_ASYNC      ((uint64_t)1 << 1)
#define SCAN_IS_WRITTEN       ((uint64_t)1 << 1)

static int
open_userfaultfd(int flags)
{
  return (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | flags);
}

static int
open_device(void)
{
  const int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
  int file, kept;

  if (device < 0)
    return -1;
  file = ioctl(device, DEVICE_NEW, O_CLOEXEC | O_NONBLOCK);
  kept = errno;
  close(device);
  errno = kept;
  return file;
}

/* The first way in that is open to this user; -1 with errno. */
static int
open_any(void)
{
  int file = open_userfaultfd(UFFD_USER_MODE_ONLY);

  if (file < 0)
    file = open_userfaultfd(0);
  if (file < 0)
    file = open_device();
  return file;
}

static int
tried(int file)
{
  if (file < 0)
    return errno;
  close(file);
  return 0;
}

static void
probe_features(struct doctor_kernel *kernel)
{
  struct uffdio_api api = { .api = UFFD_API };
  const int file = open_any();

  if (file < 0)
    return;
  if (ioctl(file, UFFDIO_API, &api) == 0) {
    kernel->features_known = true;
    kernel->features = api.features;
  }
  close(file);
}

static long
scan(int pagemap, unsigned char *memory, size_t length, uint64_t flags, struct scan_region *regions,
     size_t count)
{
  struct scan_argument argument = {
    .size = sizeof argument, .flags = flags, .start = (uintptr_t)memory, .end = (uintptr_t)memory + length,
    .regions = (uintptr_t)regions, .region_count = count,
    .category_mask = SCAN_IS_WRITTEN, .return_mask = SCAN_IS_WRITTEN
  };

  return ioctl(pagemap, SCAN_REQUEST, &argument);
}

/* Three pages, all protected by a first scan; only the middle one is written,
 * and the second scan must name that one and no other. */
static int
try_scan_tracking(int pagemap, unsigned char *memory, size_t page)
{
  struct uffdio_api api = {
    .api = UFFD_API, .features = DOCTOR_FEATURE_WP_ASYNC | DOCTOR_FEATURE_WP_UNPOPULATED
  };
  struct uffdio_register range = {
    .range = { .start = (uintptr_t)memory, .len = 3 * page }, .mode = UFFDIO_REGISTER_MODE_WP
  };
  struct scan_region regions[3];
  const int file = open_any();
  int error = 0;
  long found;

  if (file < 0)
    return errno;
  if (ioctl(file, UFFDIO_API, &api) != 0 || ioctl(file, UFFDIO_REGISTER, &range) != 0
      || scan(pagemap, memory, 3 * page, SCAN_PROTECT_MATCHING | SCAN_CHECK_ASYNC, regions, 3) < 0) {
    error = errno;
  } else {
    *(volatile unsigned char *)(memory + page) = 2;
    found = scan(pagemap, memory, 3 * page, 0, regions, 3);
    if (found < 0)
      error = errno;
    else if (found != 1 || regions[0].start != (uintptr_t)memory + page
             || regions[0].end != (uintptr_t)memory + 2 * page)
      error = EPROTO;
  }
  close(file);
  return error;
}

static int
soft_dirty_bit(int pagemap, const unsigned char *memory, size_t page)
{
  uint64_t entry;

  if (pread(pagemap, &entry, sizeof entry, (off_t)((uintptr_t)memory / page * sizeof entry)) != sizeof entry)
    return -1;
  return (int)(entry >> 55 & 1);
}

/* A kernel without it takes the request to clear and never sets the bit. */
static int
try_soft_dirty(int pagemap, unsigned char *memory, size_t page)
{
  const int clear = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  int before, after, error = 0;

  if (clear < 0)
    return errno;
  if (write(clear, "4", 1) != 1)
    error = errno;
  close(clear);
  if (error != 0)
    return error;
  before = soft_dirty_bit(pagemap, memory, page);
  *(volatile unsigned char *)memory = 3;
  after = soft_dirty_bit(pagemap, memory, page);
  return before == 0 && after == 1 ? 0 : ENOTSUP;
}

static void
probe(void *result)
{
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  struct doctor_kernel *kernel = result;
  struct scan_region regions[3];
  unsigned char *memory;
  int pagemap;

  kernel->userfaultfd = tried(open_userfaultfd(0));
  kernel->user_mode_only = tried(open_userfaultfd(UFFD_USER_MODE_ONLY));
  kernel->device = tried(open_device());
  kernel->unprivileged = doctor_number("/proc/sys/vm/unprivileged_userfaultfd");
  probe_features(kernel);
  memory = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (memory == MAP_FAILED || pagemap < 0) {
    kernel->scan = kernel->scan_tracking = kernel->soft_dirty = errno;
    return;
  }
  memset(memory, 1, 3 * page);
  kernel->soft_dirty = try_soft_dirty(pagemap, memory, page);
  kernel->scan = scan(pagemap, memory, 3 * page, 0, regions, 3) < 0 ? errno : 0;
  kernel->scan_tracking = kernel->scan != 0 ? kernel->scan : try_scan_tracking(pagemap, memory, page);
  close(pagemap);
  munmap(memory, 3 * page);
}

void
doctor_kernel_probe(struct doctor_kernel *kernel)
{
  /* What the child does not get to stays so. */
  memset(kernel, 0, sizeof *kernel);
  kernel->userfaultfd = kernel->user_mode_only = kernel->device = ECANCELED;
  kernel->scan = kernel->scan_tracking = kernel->soft_dirty = ECANCELED;
  kernel->unprivileged = -1;
  (void)doctor_in_child(probe, kernel, sizeof *kernel);
}
