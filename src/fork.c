/* fork.c - the list of all trackers, and what fork() does to them.
 *
 * A child has the parent's pages with the parent's protections, and none of the
 * parent's other threads. It starts disarmed and clean: every page of every
 * region writable again, nothing marked, the trackers as they were before
 * ww_start(), and it may start them as its own.
 *
 * No lock may be held across fork() by a thread that the child does not have: so
 * before it, all our locks are taken (and given back on both sides), and
 * handlers stop asking the unwinder, whose lock is not ours to take: those in
 * flight are waited for, and faults during the fork are logged without a stack.
 * vfork(), posix_spawn() and a bare clone() do not come through here: such a
 * child shares or copies the memory and the handler, and its faults are taken
 * like a thread's. */
#include "config.h"
#include "fork.h"
#include "fault.h"
#include "process.h"
#include "region.h"
#include "sigchain.h"
#include "stack.h"

#include <errno.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ww_tracker *first;

static void
before(void)
{
  pthread_mutex_lock(&lock);
  for (struct ww_tracker *tracker = first; tracker; tracker = tracker->next)
    pthread_mutex_lock(&tracker->lock);
  region_table_lock();
  arena_lock();
  stack_suspend();
  gate_advance(&region_gate);
}

static void
unlock_all(void)
{
  stack_resume();
  arena_unlock();
  region_table_unlock();
  for (struct ww_tracker *tracker = first; tracker; tracker = tracker->next)
    pthread_mutex_unlock(&tracker->lock);
  pthread_mutex_unlock(&lock);
}

static void
in_child(void)
{
  process_forked();
  os_thread_id_forget();
  gate_reset(&region_gate);
  for (struct ww_tracker *tracker = first; tracker; tracker = tracker->next) {
    gate_reset(&tracker->gate);
    tracker_forget(tracker);
  }
  unlock_all();
}

int
fork_enlist(struct ww_tracker *tracker)
{
  static bool hooked;
  int error = 0;
  pthread_mutex_lock(&lock);
  if (!hooked)
    error = -pthread_atfork(before, unlock_all, in_child);
  if (!error) {
    hooked = true;
    sigchain_install(SIGSEGV, fault_handler);
    tracker->next = first;
    first = tracker;
  }
  pthread_mutex_unlock(&lock);
  return error;
}

void
fork_delist(struct ww_tracker *tracker)
{
  pthread_mutex_lock(&lock);
  struct ww_tracker **at = &first;
  while (*at != tracker)
    at = &(*at)->next;
  *at = tracker->next;
  if (!first)
    sigchain_restore();
  pthread_mutex_unlock(&lock);
}

void
fork_refront(void)
{
  pthread_mutex_lock(&lock);
  sigchain_install(SIGSEGV, fault_handler);
  pthread_mutex_unlock(&lock);
}

long
fork_mappings_promised(void)
{
  long promised = 0;
  pthread_mutex_lock(&lock);
  for (struct ww_tracker *tracker = first; tracker; tracker = tracker->next) {
    long left = atomic_load(&tracker->mappings_budget) - atomic_load(&tracker->mappings);
    if (left > 0)
      promised += left;
  }
  pthread_mutex_unlock(&lock);
  return promised;
}
