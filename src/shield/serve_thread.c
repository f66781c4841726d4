/* serve_thread.c - async-signal-safe. Calls that begin and end threads: what the kernel
 * writes for a thread, unasked, must never be protected. */
#include "config.h"
#include "shield/serve.h"
#include "shield/shield.h"
#include "fork.h"
#include "lock.h"
#include "os.h"
#include "process.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>

/* What lies around a thread pointer: static thread-local storage below (x86-64) or behind it
 * (aarch64), the descriptor with the robust list and the rseq area; and how far down a stack
 * of unknown size may reach. All of it within the region, if any (loan.c). */
enum { AROUND_THREAD_POINTER = 16384, STACK_SIZE = 8 * 1024 * 1024 };

static void
keep(uintptr_t start, uintptr_t end)
{
  if (start < end)
    shield_keep_open(start, end);
}

/* What of a clone's arguments says where its child begins and what the kernel writes. */
struct birth {
  unsigned long flags;
  uintptr_t stack_low, stack_high, thread_pointer, parent_id, child_id, process_fd;
};

static void
keep_thread(const struct birth *birth)
{
  if (birth->stack_high)
    keep(birth->stack_low, birth->stack_high);
  if (birth->flags & CLONE_SETTLS)
    keep(birth->thread_pointer - AROUND_THREAD_POINTER, birth->thread_pointer + AROUND_THREAD_POINTER);
  if (birth->flags & CLONE_PARENT_SETTID)
    keep(birth->parent_id, birth->parent_id + sizeof(int));
  if (birth->flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))
    keep(birth->child_id, birth->child_id + sizeof(int));
  if (birth->flags & CLONE_PIDFD)
    keep(birth->process_fd, birth->process_fd + sizeof(int));
}

void (*_Atomic serve_born_hook)(int32_t process, bool bare);

static void
tell_born(long process, bool bare)
{
  void (*hook)(int32_t, bool) = atomic_load(&serve_born_hook);
  if (hook && process > 0)
    hook((int32_t)process, bare);
}

/* Nobody of the program's threads may be in the middle of our data when it is copied, as
 * with fork(). Who holds a lock of ours is inside libc's fork(), which has seen to that. */
static long
make_copy(struct call *call)
{
  if (lock_is_held()) {
    long made = call_make(call);
    tell_born(made, false);
    return made;
  }
  fork_before();
  long result = call_make(call);
  if (result)
    fork_in_parent();
  else
    fork_in_bare_child();
  tell_born(result, true);
  return result;
}

/* A child with a copy of the memory returns from its own copy of the handler: such a call is
 * made here. One with our memory begins on another stack, or on ours while we are suspended,
 * and with another thread pointer it has none of our variables: neither can return from
 * a handler. So such a call is made where it stands, outside of the handler, and what it
 * writes to stays open. So is one that suspends us: others would wait for our locks
 * meanwhile. */
static long
bear(struct call *call, const struct birth *birth, long failure)
{
  if (!(birth->flags & (CLONE_VM | CLONE_VFORK | CLONE_SETTLS)) && !birth->stack_high) {
    struct ranges ranges = { .count = 0 };
    if (birth->flags & CLONE_PARENT_SETTID)
      ranges_add(&ranges, birth->parent_id, sizeof(int));
    if (birth->flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))
      ranges_add(&ranges, birth->child_id, sizeof(int));
    if (birth->flags & CLONE_PIDFD)
      ranges_add(&ranges, birth->process_fd, sizeof(int));
    return shield_lend(call, &ranges, true, make_copy);
  }
  keep_thread(birth);
  return call_elsewhere(call) ? 0 : failure;
}

long
serve_clone(struct call *call)
{
  const long *a = call->argument;
  uintptr_t stack = (uintptr_t)a[1];
  struct birth birth = { .flags = (unsigned long)a[0], .stack_high = stack, .parent_id = (uintptr_t)a[2],
                         .process_fd = (uintptr_t)a[2] };
  birth.stack_low = stack > STACK_SIZE ? stack - STACK_SIZE : 0;
#if defined(__x86_64__)
  birth.child_id = (uintptr_t)a[3];
  birth.thread_pointer = (uintptr_t)a[4];
#else
  birth.thread_pointer = (uintptr_t)a[3];
  birth.child_id = (uintptr_t)a[4];
#endif
  return bear(call, &birth, -EAGAIN);
}

long
serve_clone3(struct call *call)
{
  /* struct clone_args of linux/sched.h, as of Linux 5.3 */
  struct { uint64_t flags, process_fd, child_id, parent_id, exit_signal, stack, stack_size, thread_pointer; }
    given;
  /* What cannot be read the kernel refuses. */
  if ((size_t)call->argument[1] < sizeof given
      || safe_read(&given, (uintptr_t)call->argument[0], sizeof given))
    return call_make(call);
  struct birth birth = { given.flags, given.stack, given.stack + given.stack_size, given.thread_pointer,
                         given.parent_id, given.child_id, given.process_fd };
  /* Without a place to make it, libc tries clone(). */
  return bear(call, &birth, -ENOSYS);
}

static void
keep_futex(uintptr_t entry, long offset)
{
  uintptr_t word = (entry & ~(uintptr_t)1) + (uintptr_t)offset;
  if (entry)
    keep(word, word + sizeof(int));
}

/* Robust mutexes that the thread dies with: the kernel marks each of them (futex(2)), and
 * says nothing if it cannot. */
static void
keep_robust_list(void)
{
  enum { ENTRIES_MAX = 2048 };   /* the kernel's own bound: ROBUST_LIST_LIMIT */
  struct robust_list_head *at = NULL, head;
  size_t length = 0;
  if (raw_call(SYS_get_robust_list, 0, (long)&at, (long)&length, 0, 0, 0) || !at
      || safe_read(&head, (uintptr_t)at, sizeof head))
    return;
  struct robust_list entry = head.list;
  for (unsigned i = 0; i < ENTRIES_MAX && (uintptr_t)entry.next != (uintptr_t)at; i++) {
    keep_futex((uintptr_t)entry.next, head.futex_offset);
    if (safe_read(&entry, (uintptr_t)entry.next & ~(uintptr_t)1, sizeof entry))
      break;
  }
  keep_futex((uintptr_t)head.list_op_pending, head.futex_offset);
}

CALL_LEAVES long
serve_exit(struct call *call)
{
  keep_robust_list();
  /* A child in our memory ends nobody's calls but its own: the thread's below it go on. */
  if (!process_self()->guest)
    pin_forget_thread();
  return call_make(call);
}

/* The kernel is told an address that it will write to later. */
long
serve_keep(struct call *call)
{
  uintptr_t at = (uintptr_t)call->argument[0];
  if (at)
    keep(at, at + (call->number == SYS_rseq ? (size_t)call->argument[1] : sizeof(int)));
  return call_make(call);
}
