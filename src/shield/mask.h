/* mask.h - async-signal-safe (but for mask_start). The program's calls about signal masks, made in
 * its stead: it blocks and sees what it would without us, and SIGSEGV and SIGSYS stay open
 * (sigmask.h says how). All but the first run inside the SIGSYS handler, whose context they are
 * given; pointers are the program's, and writable by now if they lie on watched pages. Results are
 * the kernel's. */
#ifndef WW_MASK_H
#define WW_MASK_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

/* From here on masks are the program's own matter. Call it when SIGSYS has its handler
 * (sigchain_install()) and before the filter is there; not for handlers. The calling
 * thread's mask and all actions are put right; other threads' masks cannot be:
 * -EBUSY if one of them blocks SIGSEGV or SIGSYS for longer than a moment; *thread is which. -ENOMEM. */
int mask_start(int32_t *thread);

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
/* sigaltstack(2). Watched pages that it names are never protected again. */
long mask_altstack(const stack_t *stack, stack_t *old, ucontext_t *context);

#endif
