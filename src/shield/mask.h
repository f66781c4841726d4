/* mask.h - async-signal-safe (but for the first three). The program's calls about signal masks, made in
 * its stead: it blocks and sees what it would without us, and SIGSEGV and SIGSYS stay open
 * (sigmask.h says how). All but those run inside the SIGSYS handler, whose context they are
 * given; pointers are the program's, and writable by now if they lie on watched pages. Results are
 * the kernel's. */
#ifndef WW_MASK_H
#define WW_MASK_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

/* How masks become ours while other threads run. From the filter on, a thread that has SIGSYS blocked
 * is killed by its next trapped call, and nobody but the thread itself can unblock it. So
 *
 *   1  actions and the calling thread's mask are put right (mask_start()), and each thread is seen
 *      with SIGSEGV and SIGSYS open once: those that block them for good are refused
 *   2  a first filter traps only what begins to block, SIG_BLOCK: it is made in the thread's stead,
 *      without the two (program_make_first()). Who has them blocked unblocks by SIG_SETMASK or
 *      SIG_UNBLOCK, which are not trapped yet
 *   3  who has them blocked is waited for; nobody begins to, so soon there is none (mask_settle())
 *   4  the filter itself; from now on masks are shown as the program makes them (mask_settled())
 *
 * libc blocks by SIG_BLOCK, and not twice. What is left is a thread that blocks once more, by
 * SIG_BLOCK, what it has blocked already, in the moment of 2; and one that blocks by SIG_SETMASK
 * between the last look of 3 and 4, some ten microseconds. A filter cannot see the set that a
 * pointer points to, and a signal to stop the threads with would be seen: as EINTR.
 *
 * mask_start(): call it when SIGSYS has its handler (sigchain_install()). -ENOMEM; both: -EBUSY if a
 * thread blocks SIGSEGV or SIGSYS for longer than a moment; *thread is which. */
int mask_start(int32_t *thread);
int mask_settle(int32_t *thread);
void mask_settled(void);

/* rt_sigprocmask(2). What it changes is the mask that the handler's return puts back. */
long mask_change(int how, const uint64_t *set, uint64_t *old, size_t size, ucontext_t *context);
/* rt_sigpending(2). */
long mask_pending(uint64_t *set, size_t size);
/* A call that blocks with a mask of its own, or takes signals: rt_sigsuspend, ppoll, pselect6,
 * epoll_pwait, epoll_pwait2, io_pgetevents, rt_sigtimedwait, signalfd, signalfd4. */
long mask_wait(long number, const long argument[6]);
/* execve(2), execveat(2): with the mask and the ignored signals that the new image is to inherit, and
 * at addresses of its own. Returns only if it failed, all being as before. */
long mask_exec(long number, const long argument[6]);
/* Makes the call in its place, if it is set: with another environment, say. */
extern long (*_Atomic mask_exec_hook)(long number, const long argument[6]);
/* sigaltstack(2). Watched pages that it names are never protected again. */
long mask_altstack(const stack_t *stack, stack_t *old, ucontext_t *context);

#endif
