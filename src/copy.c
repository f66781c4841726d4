/* copy.c - pages copied so that the next collect can be trusted with the copy. */
#include "config.h"
#include "dirtyset.h"
#include "error.h"
#include "lock.h"
#include "policy.h"
#include "tracker.h"

#include <errno.h>
#include <string.h>

/* Races with who writes meanwhile by design: what it tears differs from what comes of it. */
#if defined(__SANITIZE_THREAD__)
__attribute__((no_sanitize("thread")))
static void
copy_page(char *buffer, const void *page, size_t size)
{
  volatile uint64_t *to = (void *)buffer;
  const volatile uint64_t *from = page;
  for (size_t i = 0; i < size / sizeof *to; i++)
    to[i] = from[i];
}
#else
static void
copy_page(char *buffer, const void *page, size_t size)
{
  memcpy(buffer, page, size);
}
#endif

/* Page by page: copied, then looked at. A page that is not open after it was copied held the same
 * all the while, and whoever opens it from then on hashes it first (loan.c, ahead.c). */
static void
copy(struct ww_region *region, uintptr_t at, size_t length, char *buffer)
{
  struct ww_tracker *tracker = region->tracker;
  size_t size = (size_t)1 << region->shift;
  if (!tracker || !region->hashes) {
    memcpy(buffer, (const void *)at, length);
    return;
  }
  lock_take(&tracker->lock);
  struct page_set *running = &region->set[atomic_load(&tracker->gate.epoch) & 1];
  for (size_t done = 0; done < length; done += size) {
    copy_page(buffer + done, (const void *)(at + done), size);
#if !defined(__SANITIZE_THREAD__)   /* does not know fences */
    atomic_thread_fence(memory_order_seq_cst);
#endif
    if (region->tracker && tracker->started)
      policy_rebase(region, running, (at + done - region->start) >> region->shift, buffer + done);
  }
  lock_give(&tracker->lock);
}

int
ww_dirty_copy(const struct ww_dirty *dirty, const void *address, size_t length, void *buffer)
{
  uintptr_t start = (uintptr_t)address;
  if (!dirty || !address || !buffer)
    return error_set(-EINVAL, "ww_dirty_copy: the dirty set, the address or the buffer is NULL");
  struct ww_region *region = dirty_region(dirty, start, start + length);
  if (!region)
    return error_set(-EINVAL, "ww_dirty_copy: %zu bytes from %p are not whole pages of one region of the "
                     "dirty set", length, address);
  /* Not all of a large range under one lock: collects wait meanwhile. */
  enum { PAGES_A_LOCK = 64 };
  size_t most = (size_t)PAGES_A_LOCK << region->shift;
  for (size_t done = 0, here; done < length; done += here) {
    here = length - done < most ? length - done : most;
    copy(region, start + done, here, (char *)buffer + done);
  }
  return 0;
}
