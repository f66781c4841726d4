/* bench_scan.c - the kernel's own tracker, called directly: PAGEMAP_SCAN over memory
 * that is write-protected asynchronously (Linux 6.7). One call finds the written
 * ranges and protects them again; nothing is done a page. */
#include "config.h"
#include "bench_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of Debian 12; names of our own, so that newer headers do no harm. */
struct scan_range { uint64_t start, end, categories; };
struct scan_argument {
  uint64_t size, flags, start, end, walk_end, ranges, range_count, pages_most;
  uint64_t category_inverted, category_mask, category_any_mask, return_mask;
};
#define SCAN_REQUEST _IOWR('f', 16, struct scan_argument)
#define SCAN_PROTECT_MATCHING  ((uint64_t)1 << 0)
#define SCAN_CHECK_ASYNC       ((uint64_t)1 << 1)
#define SCAN_IS_WRITTEN        ((uint64_t)1 << 1)
#define FEATURE_WP_UNPOPULATED ((uint64_t)1 << 13)
#define FEATURE_WP_ASYNC       ((uint64_t)1 << 15)
#ifndef UFFD_USER_MODE_ONLY
# define UFFD_USER_MODE_ONLY 1
#endif

static int                pagemap = -1;
static struct scan_range *ranges;
static size_t             range_room, range_count;

static int
open_userfaultfd(void)
{
  static const int ways[] = { 0, UFFD_USER_MODE_ONLY };

  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    struct uffdio_api api = { .api = UFFD_API, .features = FEATURE_WP_ASYNC | FEATURE_WP_UNPOPULATED };
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | ways[i]);

    if (fd < 0)
      continue;
    if (ioctl(fd, UFFDIO_API, &api) == 0)
      return fd;
    close(fd);
  }
  return -1;
}

static int
scan_collect(struct bench_ground *ground, struct bench_spent *spent)
{
  struct scan_argument scan = {
    .size = sizeof scan, .flags = SCAN_PROTECT_MATCHING | SCAN_CHECK_ASYNC,
    .start = (uintptr_t)ground->memory,
    .end = (uintptr_t)ground->memory + ground->pages * ground->page_size,
    .category_mask = SCAN_IS_WRITTEN, .return_mask = SCAN_IS_WRITTEN,
  };

  (void)spent;
  range_count = 0;
  while (scan.start < scan.end) {
    long found;

    scan.ranges = (uintptr_t)(ranges + range_count);
    scan.range_count = range_room - range_count;
    found = ioctl(pagemap, SCAN_REQUEST, &scan);
    if (found < 0)
      return bench_refuse(ground, -errno, "PAGEMAP_SCAN: %s", strerror(errno));
    range_count += (size_t)found;
    scan.start = scan.walk_end;
  }
  return 0;
}

static void
scan_tell(struct bench_ground *ground)
{
  for (size_t i = 0; i < range_count; i++)
    bench_mark(ground, (ranges[i].start - (uintptr_t)ground->memory) / ground->page_size,
               (ranges[i].end - ranges[i].start) / ground->page_size);
}

static int
scan_start(const struct bench_contestant *self, struct bench_ground *ground)
{
  const struct uffdio_range range = { (uintptr_t)ground->memory, ground->pages * ground->page_size };
  struct uffdio_register watch = { .range = range, .mode = UFFDIO_REGISTER_MODE_WP };
  struct uffdio_writeprotect protect = { .range = range, .mode = UFFDIO_WRITEPROTECT_MODE_WP };
  int faults = open_userfaultfd();

  (void)self;
  if (faults < 0)
    return bench_refuse(ground, -ENOTSUP, "userfaultfd with asynchronous write protection: %s",
                        strerror(errno));
  pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (pagemap < 0)
    return bench_refuse(ground, -ENOTSUP, "/proc/self/pagemap: %s", strerror(errno));
  /* No two ranges touch: there are never more than this. */
  range_room = ground->pages / 2 + 2;
  ranges = malloc(range_room * sizeof *ranges);
  if (!ranges)
    return bench_refuse(ground, -ENOMEM, "no memory for %zu ranges", range_room);
  memset(ranges, 0, range_room * sizeof *ranges);
  if (ioctl(faults, UFFDIO_REGISTER, &watch) != 0)
    return bench_refuse(ground, -ENOTSUP, "UFFDIO_REGISTER: %s", strerror(errno));
  if (ioctl(faults, UFFDIO_WRITEPROTECT, &protect) != 0)
    return bench_refuse(ground, -ENOTSUP, "UFFDIO_WRITEPROTECT: %s", strerror(errno));
  if (scan_collect(ground, &(struct bench_spent){ 0, 0 }) != 0)
    return -ENOTSUP;
  return 0;
}

const struct bench_contestant bench_pagemap_scan = {
  .name = "pagemap-scan", .about = "the kernel's own tracker: PAGEMAP_SCAN, called directly",
  .sees = BENCH_WRITES, .copies = 0.02,
  .start = scan_start, .collect = scan_collect, .tell = scan_tell,
};
