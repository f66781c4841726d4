/* serve_thread.c - async-signal-safe. Calls that begin and end threads: what the kernel
 * writes for a thread, unasked, must never be protected. */
#include "config.h"
#include "shield/serve.h"
#include "shield/shield.h"
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

static void
keep_thread(unsigned long flags, uintptr_t stack_low, uintptr_t stack_high, uintptr_t thread_pointer,
            uintptr_t parent_id, uintptr_t child_id, uintptr_t process_fd)
{
  if (stack_high)
    keep(stack_low, stack_high);
  if (flags & CLONE_SETTLS)
    keep(thread_pointer - AROUND_THREAD_POINTER, thread_pointer + AROUND_THREAD_POINTER);
  if (flags & CLONE_PARENT_SETTID)
    keep(parent_id, parent_id + sizeof(int));
  if (flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))
    keep(child_id, child_id + sizeof(int));
  if (flags & CLONE_PIDFD)
    keep(process_fd, process_fd + sizeof(int));
}

/* The child begins on another stack, or on ours while we are suspended: neither can return
 * from a handler. So the call is made where it stands, outside of it. */
long
serve_clone(struct call *call)
{
  const long *a = call->argument;
  unsigned long flags = (unsigned long)a[0];
  uintptr_t stack = (uintptr_t)a[1];
#if defined(__x86_64__)
  uintptr_t child_id = (uintptr_t)a[3], thread_pointer = (uintptr_t)a[4];
#else
  uintptr_t thread_pointer = (uintptr_t)a[3], child_id = (uintptr_t)a[4];
#endif
  keep_thread(flags, stack > STACK_SIZE ? stack - STACK_SIZE : 0, stack, thread_pointer, (uintptr_t)a[2],
              child_id, (uintptr_t)a[2]);
  return call_elsewhere(call) ? 0 : -EAGAIN;
}

long
serve_clone3(struct call *call)
{
  /* struct clone_args of linux/sched.h, as of Linux 5.3 */
  struct { uint64_t flags, process_fd, child_id, parent_id, exit_signal, stack, stack_size, thread_pointer; }
    given;
  if ((size_t)call->argument[1] >= sizeof given
      && !safe_read(&given, (uintptr_t)call->argument[0], sizeof given))
    keep_thread(given.flags, given.stack, given.stack + given.stack_size, given.thread_pointer,
                given.parent_id, given.child_id, given.process_fd);
  /* Without a place to make it, libc tries clone(). */
  return call_elsewhere(call) ? 0 : -ENOSYS;
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
