/* lock.c - a lock that holds signals off. Not for handlers, but for lock_postpone(). */
#include "config.h"
#include "lock.h"
#include "os.h"

/* All volatile: a signal handler of this very thread reads and writes them. */
static _Thread_local volatile unsigned held;
static _Thread_local volatile uint64_t blocked;     /* by us: what was open before */
static _Thread_local volatile int postponed;        /* a signal's number, 0 if none */
static _Thread_local siginfo_t postponed_info;

enum { FREE, HELD, WAITED_FOR };

_Atomic int32_t lock_companion;

static void
acquire(struct lock *lock)
{
  uint32_t state = FREE;
  if (atomic_compare_exchange_strong(&lock->state, &state, HELD))
    return;
  /* From here on whoever gives it back wakes somebody, perhaps nobody. */
  while (atomic_exchange(&lock->state, WAITED_FOR) != FREE) {
    if (!os_wait(&lock->state, WAITED_FOR))
      return;
    /* Was it killed with the lock in its hand? One of those who wait gets it. */
    if (atomic_load(&lock->companions) && !atomic_load(&lock_companion)
        && atomic_exchange(&lock->companions, false))
      return;
  }
}

static uint64_t
held_off(void)
{
  static const int open[] = { SIGSEGV, SIGBUS, SIGSYS, SIGTRAP };
  uint64_t mask = ~(uint64_t)0;
  for (unsigned i = 0; i < sizeof open / sizeof *open; i++)
    mask &= ~((uint64_t)1 << (open[i] - 1));
  return mask;
}

void
lock_take(struct lock *lock)
{
  if (!held) {
    uint64_t mask = held_off(), before = os_block_signals(mask);
    held = 1;
    /* From here on also a SIGSEGV that is sent is put off: nothing comes in between. */
    blocked = mask & ~before;
  } else
    held++;
  acquire(lock);
  if (os_forsaken)
    atomic_store(&lock->companions, true);
}

void
lock_give(struct lock *lock)
{
  uint64_t mask = blocked;
  if (os_forsaken)
    atomic_store(&lock->companions, false);
  if (atomic_exchange(&lock->state, FREE) == WAITED_FOR)
    os_wake(&lock->state);
  if (--held)
    return;
  /* Nothing is held: a handler that runs from here on may take locks, and jump out. Only
   * what we have blocked is opened: between the two sides of fork() the program's own
   * handlers run, and may have changed the mask for good. */
  int signal = postponed;
  if (!signal) {
    os_unblock_signals(mask);
    return;
  }
  siginfo_t info = postponed_info;
  postponed = 0;
  os_unblock_signals(mask);
  os_queue_self(signal, &info);
}

bool
lock_is_held(void)
{
  return held;
}

bool
lock_postpone(int signal, const siginfo_t *info)
{
  if (!held)
    return false;
  if (!postponed)
    postponed_info = *info;
  postponed = signal;
  return true;
}
