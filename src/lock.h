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

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

/* A thread may hold several at once: signals are held off from the first to the last.
 * Not for handlers. */
void lock_take(pthread_mutex_t *lock);
void lock_give(pthread_mutex_t *lock);
/* Async-signal-safe: does the calling thread hold one? */
bool lock_is_held(void);
/* Async-signal-safe: if the calling thread holds one, `info` is kept and queued
 * again as `signal` when the last is given back. As in the kernel, there is room for one. */
bool lock_postpone(int signal, const siginfo_t *info);

#endif
