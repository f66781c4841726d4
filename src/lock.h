/* lock.h - a lock that holds signals off, so that nothing of the program runs in a
 * thread that holds it.
 *
 * A handler of the program that interrupts ww_collect() may call fork(), and fork() takes
 * all our locks (fork.c): in the thread that holds one it would wait for itself. The
 * kernel's mask is used, not libc's: a cancellation (a signal of libc's own) would leave
 * the lock behind for good.
 *
 * What an instruction raises stays open: SIGSEGV, SIGBUS and SIGSYS are how writes are
 * noticed, SIGTRAP is a debugger's; blocked, they kill. A SIGSEGV that is *sent* meanwhile
 * is put off until the lock is given back (fault.c). */
#ifndef WW_LOCK_H
#define WW_LOCK_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Not libc's mutex: that one is not atomic in a process that libc takes for one of a single thread,
 * and the recorder's companion (record/companion.c), which takes locks beside it, is not known to libc. */
struct lock {
  _Atomic uint32_t state;      /* 0: free */
  _Atomic bool companions;     /* its holder is the companion */
};

/* 0 when the companion has ended, or there is none: then the locks that it held are free. The kernel puts it
 * there (CLONE_CHILD_CLEARTID). */
extern _Atomic int32_t lock_companion;

/* A thread may hold several at once: signals are held off from the first to the last.
 * Not for handlers. */
void lock_take(struct lock *lock);
void lock_give(struct lock *lock);
/* Async-signal-safe: does the calling thread hold one? */
bool lock_is_held(void);
/* Async-signal-safe: if the calling thread holds one, `info` is kept and queued
 * again as `signal` when the last is given back. As in the kernel, there is room for one. */
bool lock_postpone(int signal, const siginfo_t *info);

#endif
