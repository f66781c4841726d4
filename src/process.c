/* process.c - async-signal-safe (but for the start). In which process this code runs.
 *
 * The page that says who owns the memory is one that a fork() wipes (MADV_WIPEONFORK)
 * and that a guest shares: so 0 there means a child with a copy of its own, and another
 * process's id a guest. A lock in that page is free in the child whoever held it.
 *
 * A guest has its thread's variables too, so what it says is kept in a second place
 * under its process id; the thread itself, suspended meanwhile, goes on with the first. */
#include "config.h"
#include "process.h"
#include "os.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

struct page {
  _Atomic int32_t owner;
  _Atomic bool locked;
};

static struct page *_Atomic page;
static _Thread_local struct process_self own, guest;

int
process_start(void)
{
  if (atomic_load(&page))
    return 0;
  struct page *made = os_map_wiped(os_page_size());
  if (!made)
    return -ENOMEM;
  atomic_store(&made->owner, os_process_id());
  atomic_store(&page, made);
  return 0;
}

bool
process_overlaps(uintptr_t start, uintptr_t end)
{
  uintptr_t at = (uintptr_t)atomic_load(&page);
  return at && at < end && at + os_page_size() > start;
}

void
process_forked(void)
{
  struct page *at = atomic_load(&page);
  if (!at)
    return;
  if (atomic_load(&at->owner) && atomic_load(&at->owner) != os_process_id()) {
    /* The kernel wipes nothing. */
    atomic_store(&at->owner, os_process_id());
    atomic_store(&at->locked, false);
  }
  (void)process_self();
}

struct process_self *
process_self(void)
{
  struct page *at = atomic_load(&page);
  if (!at)
    return &own;
  int32_t process = os_process_id(), owner = atomic_load(&at->owner);
  if (owner == 0) {
    /* The first of a new child's threads to ask. */
    atomic_compare_exchange_strong(&at->owner, &owner, process);
    owner = atomic_load(&at->owner);
    /* Forked by a guest: what that had is what this one begins with. */
    if (guest.guest && guest.guest == os_parent_id())
      own.shadow = guest.shadow;
  }
  if (process == owner) {
    /* The guest is gone, and its id may come back as another's. */
    guest.guest = 0;
    return &own;
  }
  if (guest.guest != process) {
    guest = own;
    guest.guest = process;
  }
  return &guest;
}

void
process_lock(void)
{
  struct page *at = atomic_load(&page);
  if (!at)
    return;
  for (unsigned attempt = 0; atomic_exchange(&at->locked, true); attempt++)
    os_pause(attempt);
}

void
process_unlock(void)
{
  struct page *at = atomic_load(&page);
  if (at)
    atomic_store(&at->locked, false);
}
