/* copy.c - pages copied so that the next collect can be trusted with the copy. */
#include "config.h"
#include "dirtyset.h"
#include "error.h"
#include "lock.h"
#include "os.h"
#include "policy.h"
#include "shield/call.h"
#include "tracker.h"

#include <errno.h>
#include <string.h>

/* Of a region that was removed, or never kept a page open: mere copies. */
static int
copy_plainly(uintptr_t at, size_t length, size_t size, char *buffer)
{
  for (size_t done = 0; done < length; done += size) {
    if (!os_is_readable(at + done))
      return -EFAULT;
    memcpy(buffer + done, (const void *)(at + done), size);
  }
  return 0;
}

/* Page by page: copied, then looked at. A page that is not open after it was copied held the same
 * all the while, and whoever opens it from then on hashes it first (loan.c, ahead.c). What the program
 * makes PROT_NONE meanwhile raises SIGSEGV here, with the lock held, and is left by safe_escape(), out of
 * the handler and so with its mask. What lies behind the end of a file by now raises SIGBUS, which is not
 * always ours: there the kernel is asked first. */
static int
copy(struct ww_region *region, uintptr_t at, size_t length, char *buffer)
{
  struct ww_tracker *tracker = region->tracker;
  size_t size = (size_t)1 << region->shift;
  if (!tracker || !region->hashes)
    return copy_plainly(at, length, size, buffer);
  int error = 0;
  lock_take(&tracker->lock);
  uint64_t mask = os_block_signals(0);
  struct page_set *running = &region->set[atomic_load(&tracker->gate.epoch) & 1];
  for (size_t done = 0; done < length && !error; done += size) {
    size_t page = (at + done - region->start) >> region->shift;
    if (!segment_is_steady(region_segment(region, page)) && !os_is_readable(at + done))
      error = -EFAULT;
    else
      error = safe_copy(buffer + done, at + done, size);
#if !defined(__SANITIZE_THREAD__)   /* does not know fences */
    atomic_thread_fence(memory_order_seq_cst);
#endif
    if (!error && region->tracker && tracker->started)
      policy_rebase(region, running, page, buffer + done);
  }
  if (error)
    os_unblock_signals(~mask);
  lock_give(&tracker->lock);
  return error;
}

int
ww_dirty_copy(const struct ww_dirty *dirty, const void *address, size_t length, void *buffer)
{
  uintptr_t start = (uintptr_t)address;
  if (!dirty || !address || !buffer)
    return error_set(-EINVAL, "ww_dirty_copy: the dirty set, the address or the buffer is NULL");
  struct ww_region *region = region_among(dirty->region, dirty->regions, start, start + length);
  if (!region)
    return error_set(-EINVAL, "ww_dirty_copy: %zu bytes from %p are not whole pages of one region of the "
                     "dirty set", length, address);
  /* Not all of a large range under one lock: collects wait meanwhile. */
  enum { PAGES_A_LOCK = 64 };
  size_t most = (size_t)PAGES_A_LOCK << region->shift;
  for (size_t done = 0, here; done < length; done += here) {
    here = length - done < most ? length - done : most;
    int error = copy(region, start + done, here, (char *)buffer + done);
    if (error)
      return error_set(error, "ww_dirty_copy: region \"%s\": part of %#lx-%#lx cannot be read: made "
                       "PROT_NONE, unmapped, or behind the end of its file since the collect", region->name,
                       (unsigned long)(start + done), (unsigned long)(start + done + here));
  }
  return 0;
}

int
ww_dirty_give_back(struct ww_tracker *tracker, const struct ww_dirty *dirty)
{
  if (!tracker || !dirty)
    return error_set(-EINVAL, "ww_dirty_give_back: the tracker or the dirty set is NULL");
  lock_take(&tracker->lock);
  bool started = tracker->started;
  if (started)
    dirty_give_back(dirty, tracker);
  lock_give(&tracker->lock);
  return started ? 0 : error_set(-ENODATA, "the tracker is not started");
}
