/* fork.c - the list of all trackers, and what fork() does to them.
 *
 * A child has the parent's pages with the parent's protections, and none of the
 * parent's other threads. It starts disarmed and clean: every page of every
 * region writable again, nothing marked, the trackers as they were before
 * ww_start(), and it may start them as its own.
 *
 * A tracker with WW_FOLLOW_FORK goes on instead: armed, in the same epoch, with the
 * marks of the parent's. So the child's first collect returns what changed since the
 * parent's last one. Only the log of the epoch's faults is dropped. That no write is
 * lost takes that every page which is writable in the child is marked there, in the
 * running epoch (the invariant of gate.h). The epoch is the parent's: its lock is held,
 * so no collect is under way, and the marks of the epoch before are empty. But threads
 * may be anywhere in a handler, and are cut off there:
 *   - before the mark, or in the middle of it: the page is still read-only. What there
 *     is of the mark does no harm: the summaries are set before the page's bit (bitmap.h),
 *     so whatever bit there is can be found, returned and cleared; at worst a page is
 *     returned that was *about to be* written.
 *   - marked, not yet open, logged or not: likewise. The child's own first write to it
 *     traps, finds the mark, and opens the page; nobody is named as its writer, which is
 *     said of all pages that come from the parent.
 *   - open: mprotect() and fork() exclude each other (both take the kernel's lock of the
 *     address space for writing), so it was done before fork() began to copy, and the
 *     mark, which the same thread made before, is in the copy.
 *   - counted by a gate: gate_reset() forgets it; nobody is inside in the child.
 * fork() does not copy at one instant, but what a thread writes to a part that has been
 * copied is either in the child as well (its processor has not heard yet) or waits until
 * the copy is done, as do then all its later writes: of each thread the child sees the
 * writes up to one point, in their order. That is all that the above needs.
 *
 * No lock may be held across fork() by a thread that the child does not have: so
 * before it, all our locks are taken (and given back on both sides), and
 * handlers stop asking the unwinder, whose lock is not ours to take: those in
 * flight are waited for, and faults during the fork are logged without a stack.
 * vfork(), posix_spawn() and a bare clone() do not come through here: such a
 * child shares or copies the memory and the handler, and its faults are taken
 * like a thread's. Of bare clones that copy the memory only those do which the shield
 * makes, because they write to watched memory (shield/serve_thread.c). */
#include "config.h"
#include "fork.h"
#include "engine.h"
#include "fault.h"
#include "lock.h"
#include "pin.h"
#include "process.h"
#include "region.h"
#include "shield/filter.h"
#include "shield/waiting.h"
#include "sigchain.h"
#include "stack.h"

#include <errno.h>
#include <pthread.h>

static struct lock lock;
static struct ww_tracker *first;

void (*_Atomic fork_child_hook)(void);

void
fork_hold(void)
{
  lock_take(&lock);
  for (struct ww_tracker *tracker = first; tracker; tracker = tracker->next)
    lock_take(&tracker->lock);
}

void
fork_release(void)
{
  for (struct ww_tracker *tracker = first; tracker; tracker = tracker->next)
    lock_give(&tracker->lock);
  lock_give(&lock);
}

struct ww_tracker *
fork_first(void)
{
  return first;
}

void
fork_before(void)
{
  fork_hold();
  for (struct ww_tracker *tracker = first; tracker; tracker = tracker->next)
    for (size_t i = 0; i < tracker->regions && (tracker->flags & WW_FOLLOW_FORK); i++)
      engine_before_fork(tracker->region[i]);
  engine_lock();
  filter_lock();
  region_table_lock();
  arena_lock();
  stack_suspend();
  gate_advance(&region_gate);
}

static void
unlock(void)
{
  stack_resume();
  arena_unlock();
  region_table_unlock();
  filter_unlock();
  fork_release();
}

void
fork_in_parent(void)
{
  engine_unlock();
  for (struct ww_tracker *tracker = first; tracker; tracker = tracker->next)
    for (size_t i = 0; i < tracker->regions; i++)
      engine_in_parent(tracker->region[i]);
  unlock();
}

void
fork_in_bare_child(void)
{
  process_forked();
  os_thread_id_forget();
  pin_forget_others();
  waiting_forget();
  gate_reset(&region_gate);
  engine_unlock();
  engine_in_child();
  for (struct ww_tracker *tracker = first; tracker; tracker = tracker->next) {
    gate_reset(&tracker->gate);
    if (tracker->flags & WW_FOLLOW_FORK)
      tracker_follow(tracker);
    else
      tracker_forget(tracker);
  }
  unlock();
}

void
fork_in_child(void)
{
  fork_in_bare_child();
  void (*hook)(void) = atomic_load(&fork_child_hook);
  if (hook)
    hook();
}

static void
install_handlers(void)
{
  bool bus = false;
  sigchain_install(SIGSEGV, fault_handler);
  for (struct ww_tracker *tracker = first; tracker; tracker = tracker->next)
    bus |= tracker->engine == WW_ENGINE_USERFAULTFD;
  if (bus)
    sigchain_install(SIGBUS, fault_handler);
}

int
fork_enlist(struct ww_tracker *tracker)
{
  static bool hooked;
  int error = 0;
  lock_take(&lock);
  if (!hooked)
    error = -pthread_atfork(fork_before, fork_in_parent, fork_in_child);
  if (!error) {
    hooked = true;
    tracker->next = first;
    first = tracker;
    arena_keep_spares(true);
    install_handlers();
  }
  lock_give(&lock);
  return error;
}

void
fork_delist(struct ww_tracker *tracker)
{
  lock_take(&lock);
  struct ww_tracker **at = &first;
  while (*at != tracker)
    at = &(*at)->next;
  *at = tracker->next;
  if (!first) {
    sigchain_restore();
    arena_keep_spares(false);
  }
  lock_give(&lock);
}

void
fork_refront(void)
{
  lock_take(&lock);
  install_handlers();
  lock_give(&lock);
}

long
fork_mappings_promised(void)
{
  long promised = 0;
  lock_take(&lock);
  for (struct ww_tracker *tracker = first; tracker; tracker = tracker->next) {
    long left = atomic_load(&tracker->mappings_budget) - atomic_load(&tracker->mappings);
    if (left > 0)
      promised += left;
  }
  lock_give(&lock);
  return promised;
}
