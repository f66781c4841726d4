/* copy.c - pages copied so that the next collect can be trusted with the copy. */
#include "config.h"
#include "dirtyset.h"
#include "error.h"

#include <errno.h>
#include <string.h>

/* The region of the dirty set that holds the whole range. */
static struct ww_region *
find_region(const struct ww_dirty *dirty, uintptr_t start, uintptr_t end)
{
  size_t low = 0, high = dirty->regions;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (dirty->region[middle]->end <= start)
      low = middle + 1;
    else
      high = middle;
  }
  return low < dirty->regions && dirty->region[low]->start <= start && dirty->region[low]->end >= end
    ? dirty->region[low] : NULL;
}

int
ww_dirty_copy(const struct ww_dirty *dirty, const void *address, size_t length, void *buffer)
{
  uintptr_t start = (uintptr_t)address;
  if (!dirty || !address || !buffer)
    return error_set(-EINVAL, "ww_dirty_copy: the dirty set, the address or the buffer is NULL");
  struct ww_region *region = start + length < start ? NULL : find_region(dirty, start, start + length);
  if (!region || (start | length) & (((uintptr_t)1 << region->shift) - 1))
    return error_set(-EINVAL, "ww_dirty_copy: %zu bytes from %p are not whole pages of one region of the "
                     "dirty set", length, address);
  memcpy(buffer, address, length);
  return 0;
}
