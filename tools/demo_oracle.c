/* demo_oracle.c - the kernel's opinion on which pages were written. */
#include "config.h"
#include "demo_oracle.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of Debian 12: linux/fs.h and linux/userfaultfd.h of
 * Linux 6.7. Names of our own, so that newer headers do no harm. */
struct written_range {
  uint64_t start, end, categories;
};
struct scan_argument {
  uint64_t size, flags, start, end, walk_end, ranges, ranges_length, pages_most,
           category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define SCAN_REQUEST             _IOWR('f', 16, struct scan_argument)
#define SCAN_PROTECT_MATCHING    (1u << 0)
#define SCAN_CHECK_ASYNC         (1u << 1)
#define CATEGORY_WRITTEN         (1u << 1)
#define FEATURE_WP_UNPOPULATED   (1u << 13)
#define FEATURE_WP_ASYNC         (1u << 15)
#ifndef UFFD_USER_MODE_ONLY
# define UFFD_USER_MODE_ONLY 1
#endif

#define SOFT_DIRTY_BIT (UINT64_C(1) << 55)

enum kind { PAGEMAP_SCAN_KIND, SOFT_DIRTY_KIND, CONTENT_KIND };
static const char *const kind_names[] = { "pagemap-scan", "soft-dirty", "content" };

struct demo_oracle {
  enum kind            kind;
  int                  pagemap;   /* /proc/self/pagemap */
  int                  faults;    /* the userfaultfd, or -1 */
  size_t               page_size;
  struct demo_stretch *stretches;
  size_t               count;
};

/* ------------------------------------------------------------ PAGEMAP_SCAN */

static int
open_userfaultfd(void)
{
  static const int ways[] = { O_CLOEXEC | O_NONBLOCK, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY };
  struct uffdio_api api;
  int fd;

  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    fd = (int)syscall(SYS_userfaultfd, ways[i]);
    if (fd == -1)
      continue;
    api = (struct uffdio_api){ .api = UFFD_API, .features = FEATURE_WP_ASYNC | FEATURE_WP_UNPOPULATED };
    if (ioctl(fd, UFFDIO_API, &api) == 0)
      return fd;
    close(fd);
  }
  return -ENOTSUP;
}

static int
scan_stretch(const struct demo_oracle *oracle, const struct demo_stretch *stretch)
{
  struct written_range ranges[256];
  uint64_t base = (uintptr_t)stretch->address;
  struct scan_argument scan = {
    .size = sizeof scan, .flags = SCAN_PROTECT_MATCHING | SCAN_CHECK_ASYNC,
    .start = base, .end = base + stretch->pages * oracle->page_size,
    .ranges = (uintptr_t)ranges, .ranges_length = sizeof ranges / sizeof ranges[0],
    .category_mask = CATEGORY_WRITTEN, .return_mask = CATEGORY_WRITTEN,
  };
  int found;

  memset(stretch->written, 0, stretch->pages);
  while (scan.start < scan.end) {
    found = ioctl(oracle->pagemap, SCAN_REQUEST, &scan);
    if (found == -1)
      return -errno;
    for (int i = 0; i < found; i++)
      memset(stretch->written + (ranges[i].start - base) / oracle->page_size, 1,
             (ranges[i].end - ranges[i].start) / oracle->page_size);
    scan.start = scan.walk_end;
  }
  return 0;
}

static int
begin_scanning(struct demo_oracle *oracle)
{
  struct demo_stretch *stretch;
  int error;

  oracle->faults = open_userfaultfd();
  if (oracle->faults < 0)
    return oracle->faults;
  for (size_t i = 0; i < oracle->count; i++) {
    stretch = &oracle->stretches[i];
    struct uffdio_register watch = {
      .range = { (uintptr_t)stretch->address, stretch->pages * oracle->page_size },
      .mode = UFFDIO_REGISTER_MODE_WP,
    };
    struct uffdio_writeprotect protect = { .range = watch.range, .mode = UFFDIO_WRITEPROTECT_MODE_WP };
    if (ioctl(oracle->faults, UFFDIO_REGISTER, &watch) == -1
        || ioctl(oracle->faults, UFFDIO_WRITEPROTECT, &protect) == -1)
      return -errno;
    error = scan_stretch(oracle, stretch);
    if (error != 0)
      return error;
  }
  return 0;
}

/* -------------------------------------------------------------- soft-dirty */

static int
clear_soft_dirty(void)
{
  int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  int error = 0;

  if (fd == -1)
    return -errno;
  if (write(fd, "4", 1) != 1)
    error = -errno;
  close(fd);
  return error;
}

/* Soft-dirty bits of `pages` pages from `address`, one byte each. */
static int
read_soft_dirty(const struct demo_oracle *oracle, const void *address, size_t pages, unsigned char *written)
{
  uint64_t entries[512];
  size_t first = (uintptr_t)address / oracle->page_size, part;
  ssize_t got;

  for (size_t done = 0; done < pages; done += part) {
    part = pages - done < 512 ? pages - done : 512;
    got = pread(oracle->pagemap, entries, part * sizeof entries[0],
                (off_t)((first + done) * sizeof entries[0]));
    if (got != (ssize_t)(part * sizeof entries[0]))
      return got == -1 ? -errno : -EIO;
    for (size_t i = 0; i < part; i++)
      written[done + i] = (entries[i] & SOFT_DIRTY_BIT) != 0;
  }
  return 0;
}

/* Kernels without the feature take the request and never set a bit: try. */
static int
begin_soft_dirty(struct demo_oracle *oracle)
{
  unsigned char clean = 1, dirty = 0;
  volatile unsigned char *page = mmap(NULL, oracle->page_size, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void *probe = (void *)(uintptr_t)page;
  int error;

  if (probe == MAP_FAILED)
    return -errno;
  *page = 1;
  error = clear_soft_dirty();
  if (error == 0)
    error = read_soft_dirty(oracle, probe, 1, &clean);
  *page = 2;
  if (error == 0)
    error = read_soft_dirty(oracle, probe, 1, &dirty);
  munmap(probe, oracle->page_size);
  if (error == 0 && (clean || !dirty))
    error = -ENOTSUP;
  return error != 0 ? error : clear_soft_dirty();
}

/* ---------------------------------------------------------------- the face */

static int
begin(struct demo_oracle *oracle, enum kind kind)
{
  int error = 0;

  oracle->kind = kind;
  if (kind == CONTENT_KIND)
    return 0;
  if (oracle->pagemap == -1)
    return -ENOTSUP;
  error = kind == PAGEMAP_SCAN_KIND ? begin_scanning(oracle) : begin_soft_dirty(oracle);
  if (error != 0 && oracle->faults >= 0) {
    close(oracle->faults);  /* unregisters all */
    oracle->faults = -1;
  }
  return error;
}

int
demo_oracle_create(struct demo_oracle **oracle, const char *wanted, size_t page_size,
                   struct demo_stretch *stretches, size_t count)
{
  struct demo_oracle *made = calloc(1, sizeof *made);
  int error = -ENOTSUP;

  if (made == NULL)
    return -ENOMEM;
  made->faults = -1;
  made->page_size = page_size;
  made->stretches = stretches;
  made->count = count;
  made->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  for (enum kind kind = PAGEMAP_SCAN_KIND; error != 0 && kind <= CONTENT_KIND; kind++)
    if (wanted == NULL || strcmp(wanted, kind_names[kind]) == 0)
      error = begin(made, kind);
  if (error != 0) {
    demo_oracle_destroy(made);
    return -ENOTSUP;
  }
  *oracle = made;
  return 0;
}

int
demo_oracle_take(struct demo_oracle *oracle)
{
  struct demo_stretch *stretch;
  int error = 0;

  if (oracle->kind == CONTENT_KIND)
    return 0;
  for (size_t i = 0; error == 0 && i < oracle->count; i++) {
    stretch = &oracle->stretches[i];
    error = oracle->kind == PAGEMAP_SCAN_KIND
            ? scan_stretch(oracle, stretch)
            : read_soft_dirty(oracle, stretch->address, stretch->pages, stretch->written);
  }
  if (error == 0 && oracle->kind == SOFT_DIRTY_KIND)
    error = clear_soft_dirty();
  return error;
}

const char *
demo_oracle_name(const struct demo_oracle *oracle)
{
  return kind_names[oracle->kind];
}

bool
demo_oracle_knows(const struct demo_oracle *oracle)
{
  return oracle->kind != CONTENT_KIND;
}

void
demo_oracle_destroy(struct demo_oracle *oracle)
{
  if (oracle == NULL)
    return;
  if (oracle->faults >= 0)
    close(oracle->faults);
  if (oracle->pagemap >= 0)
    close(oracle->pagemap);
  free(oracle);
}
