/* engine_pagemap.c - what the kernel has noticed by itself: UFFD_FEATURE_WP_ASYNC and PAGEMAP_SCAN.
 *
 * A page is armed by userfaultfd's write-protection (engine_userfault.c). The first write to it
 * takes that away and goes on, without a signal; the scan finds the pages that lack it.
 *
 * Why nothing is lost. Scan and arming are two steps, and the program writes meanwhile. A page that
 * the scan found is returned, and armed behind it: a write before its arming is there for whoever
 * copies the page after the collect's return, a write behind it is found by the next scan. A page
 * that the scan did not find was armed when the scan looked, and the collect does not touch it: a
 * write behind that look takes its protection away, which the next scan finds. So only pages that
 * the scan found, or that a mark says are open, may be armed, never the page between two of them.
 * Where nothing keeps a page open (no pin, no other mark), the kernel arms each page in one with
 * the look at it, and there is no between.
 *
 * What the kernel throws away (MADV_DONTNEED) loses its protection too, and is found like what was
 * written (seen on 6.18). */
#include "config.h"
#include "engine_ways.h"
#include "userfault.h"

#include <errno.h>

static struct {
  _Atomic int fd;
  _Atomic uint64_t device, inode;
} pagemap = { .fd = -1 };

static bool
is_there(void)
{
  uint64_t device, inode;
  int fd = atomic_load(&pagemap.fd);
  return fd >= 0 && !os_file_identity(fd, &device, &inode) && device == atomic_load(&pagemap.device)
    && inode == atomic_load(&pagemap.inode);
}

/* An open descriptor, or a negative errno. */
static int
get(void)
{
  uint64_t device, inode;
  if (is_there())
    return atomic_load(&pagemap.fd);
  userfault_lock();
  int fd = os_pagemap_open();
  if (fd >= 0 && !os_file_identity(fd, &device, &inode)) {
    atomic_store(&pagemap.device, device);
    atomic_store(&pagemap.inode, inode);
  }
  atomic_store(&pagemap.fd, fd < 0 ? -1 : fd);
  userfault_unlock();
  return fd;
}

int
pagemap_open(void)
{
  struct userfault_range range;
  uintptr_t reached, page = (uintptr_t)&range & ~(uintptr_t)(os_page_size() - 1);
  int fd = get();
  if (fd < 0)
    return fd;
  /* Of memory that is not watched it says EPERM, if it says anything. */
  long found = os_pagemap_scan(fd, page, page + os_page_size(), false, &range, 1, &reached);
  return found == -EPERM ? 0 : (int)(found < 0 ? found : 0);
}

bool
pagemap_ready(void)
{
  return get() >= 0;
}

static void
mark(struct ww_region *region, struct page_set *set, const struct userfault_range *range)
{
  size_t first = (range->start - region->start) >> region->shift;
  size_t behind = ((range->end - 1 - region->start) >> region->shift) + 1;
  for (size_t word = first / 64; word <= (behind - 1) / 64; word++)
    page_set_add(region, set, word, bitmap_mask(word, first, behind - first));
}

bool
pagemap_scan(struct ww_region *region, struct page_set *set, size_t first, size_t count, bool protect)
{
  enum { RANGES = 256 };
  struct userfault_range range[RANGES];
  uintptr_t at = region_page_address(region, first), end = region_page_address(region, first + count);
  int fd = atomic_load(&pagemap.fd);
  while (at < end) {
    uintptr_t reached = at;
    long found = os_pagemap_scan(fd, at, end, protect, range, RANGES, &reached);
    region->calls++;
    if (found < 0)
      return false;
    for (long i = 0; i < found; i++)
      mark(region, set, &range[i]);
    if (reached <= at)
      return false;
    at = reached;
  }
  return true;
}

uint64_t
pagemap_written(const struct ww_region *region, size_t word)
{
  enum { RANGES = 32 };   /* no two of them touch */
  struct userfault_range range[RANGES];
  size_t behind = region->pages - word * 64 < 64 ? region->pages : (word + 1) * 64;
  uintptr_t reached, base = region_page_address(region, word * 64), end = region_page_address(region, behind);
  long found = os_pagemap_scan(atomic_load(&pagemap.fd), base, end, false, range, RANGES, &reached);
  uint64_t mask = found < 0 ? ~(uint64_t)0 : 0;
  for (long i = 0; i < found; i++)
    mask |= bitmap_mask(0, (range[i].start - base) >> region->shift,
                        (range[i].end - range[i].start) >> region->shift);
  return mask;
}

/* The child's is about the parent's memory. */
void
pagemap_forget(void)
{
  if (is_there())
    os_close(atomic_load(&pagemap.fd));
  atomic_store(&pagemap.fd, -1);
}
