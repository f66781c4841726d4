/* engine_userfault.c - async-signal-safe (but for objects). Write-protection by userfaultfd(2),
 * which marks pages instead of mappings: nothing is split, and no budget is needed. Both engines
 * that use it arm and open like this; they differ in what a write to a protected page does
 * (features): raise SIGBUS in the writer, or be remembered by the kernel.
 *
 * A range belongs to one object and is released with it. So there is one for each engine for all
 * trackers, which a fork() or the program's own close() ends: each has a number, and a region
 * says of which it is. Protecting pages that were never touched takes a marker of 8 bytes each
 * in the kernel's page tables. */
#include "config.h"
#include "engine_ways.h"
#include "hold.h"
#include "lock.h"
#include "userfault.h"

#include <errno.h>

struct object {
  uint64_t features;
  _Atomic int fd;               /* -1: none */
  _Atomic uint64_t number;      /* 0: there was none yet */
  _Atomic uint64_t device, inode;
};

static struct object objects[] = {
  [WW_ENGINE_USERFAULTFD] = {
    .features = USERFAULT_SIGBUS | USERFAULT_FLAG_WP | USERFAULT_WP_UNPOPULATED | USERFAULT_HUGETLBFS_SHMEM,
    .fd = -1
  },
  [WW_ENGINE_PAGEMAP] = {
    .features = USERFAULT_WP_ASYNC | USERFAULT_FLAG_WP | USERFAULT_WP_UNPOPULATED | USERFAULT_HUGETLBFS_SHMEM,
    .fd = -1
  }
};

static struct lock lock;

/* Is the descriptor still the object's? The program may have closed it, and opened another file that
 * got its number. */
static bool
is_there(const struct object *object)
{
  uint64_t device, inode;
  int fd = atomic_load(&object->fd);
  return fd >= 0 && !os_file_identity(fd, &device, &inode) && device == atomic_load(&object->device)
    && inode == atomic_load(&object->inode);
}

int
userfault_open(enum ww_engine engine)
{
  struct object *object = &objects[engine];
  int error = 0;
  lock_take(&lock);
  if (!is_there(object)) {
    atomic_store(&object->fd, -1);
    uint64_t device = 0, inode = 0;
    int fd = os_userfault_open(object->features);
    error = fd < 0 ? fd : os_file_identity(fd, &device, &inode);
    if (!error) {
      atomic_store(&object->device, device);
      atomic_store(&object->inode, inode);
      atomic_fetch_add(&object->number, 1);
      atomic_store(&object->fd, fd);
    }
  }
  lock_give(&lock);
  return error;
}

int
userfault_attach(struct ww_region *region)
{
  struct object *object = &objects[atomic_load(&region->engine)];
  int error = os_userfault_register(atomic_load(&object->fd), region->start, region->end - region->start);
  region->object = error ? 0 : atomic_load(&object->number);
  return error;
}

bool
userfault_is_same(const struct ww_region *region)
{
  return region->object && region->object == atomic_load(&objects[atomic_load(&region->engine)].number);
}

bool
userfault_is_attached(const struct ww_region *region)
{
  return userfault_is_same(region) && is_there(&objects[atomic_load(&region->engine)]);
}

void
userfault_detach(struct ww_region *region)
{
  /* An object that is gone has let go of everything. Of a range that is no longer whole the rest must
   * be let go of in parts, and the kernel goes on from hole to hole by itself. */
  if (userfault_is_attached(region))
    (void)os_userfault_unregister(atomic_load(&objects[atomic_load(&region->engine)].fd), region->start,
                                  region->end - region->start);
  region->object = 0;
}

/* What is to be done, for the segments of the range that are ours. */
static int
protect(struct ww_region *region, size_t first, size_t count, bool arm)
{
  int fd = atomic_load(&objects[atomic_load(&region->engine)].fd), error = 0;
  while (count && !error) {
    const struct segment *segment = region_segment(region, first);
    size_t here = segment->first + segment->count - first, next = first + here;
    /* Neighbours that are ours too by the same call: nothing depends on their protection. */
    while (here < count && segment_is_tracked(segment) && segment_is_tracked(region_segment(region, next))) {
      here += region_segment(region, next)->count;
      next = first + here;
    }
    if (here > count)
      here = count;
    if (segment_is_tracked(segment) && !arm)
      hold_before_open(region, first, here);
    if (segment_is_tracked(segment))
      error = os_userfault_protect(fd, region_page_address(region, first), here << region->shift, arm);
    first += here;
    count -= here;
  }
  return error;
}

int
userfault_arm(struct ww_region *region, size_t first, size_t count)
{
  return protect(region, first, count, true);
}

int
userfault_open_pages(struct ww_region *region, size_t first, size_t count)
{
  int error = protect(region, first, count, false);
  /* What is not registered any more is not protected either: the region was removed meanwhile, or
   * unmapped, or the program has closed our descriptor. The write is tried again, and tells. */
  return error == -ENOMEM ? error : 0;
}

/* The child has the parent's descriptors. They are about the parent's memory; and while one is open
 * anywhere, its object lives. */
void
userfault_forget(void)
{
  for (size_t i = WW_ENGINE_USERFAULTFD; i < sizeof objects / sizeof objects[0]; i++) {
    if (is_there(&objects[i]))
      os_close(atomic_load(&objects[i].fd));
    atomic_store(&objects[i].fd, -1);
    atomic_fetch_add(&objects[i].number, 1);
  }
}

void
userfault_lock(void)
{
  lock_take(&lock);
}

void
userfault_unlock(void)
{
  lock_give(&lock);
}
