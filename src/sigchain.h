/* sigchain.h - async-signal-safe (but for install and restore). The signals whose real action is
 * ours, and how what is not ours gets to the actions that the program has for them. */
#ifndef WW_SIGCHAIN_H
#define WW_SIGCHAIN_H

#include "os.h"

#include <ucontext.h>

/* Put `handler` in front of what there is for `signal` (SIGSEGV; SIGBUS; with the shield SIGSYS and the
 * stand-in of sigmask.h), if it is not there already; not for handlers. All but
 * SIGSEGV, and with the shield SIGSYS, is held off while it runs; SIGSYS's runs on the stack of
 * the interrupted code. */
void sigchain_install(int signal, void (*handler)(int, siginfo_t *, void *));
/* Take SIGSEGV's and SIGBUS's away again if they are still ours and no other thread may be on its way into
 * it; not for handlers. With the shield on it stays for good. */
void sigchain_restore(void);
/* The shield's: the stand-in's handler is ours alone; not for handlers. */
void sigchain_install_stand_in(void);

/* Do with this signal what would have been done without us. May not return. SIGSYS: one that is
 * not the shield's. */
void sigchain_pass(int signal, siginfo_t *info, void *context);
/* Queue a signal that was sent while our handler is at work again, for when that has
 * returned: blocked until then in `context`, the handler's own. */
void sigchain_postpone(int signal, const siginfo_t *info, void *context);

/* True if the stand-in's `info` stands for a signal that was sent while it was blocked, and is that
 * signal's from now on (si_signo too). */
bool sigchain_unwrap(siginfo_t *info);

/* Send SIGSEGV or SIGSYS, with a code of 0 or below, as the stand-in: to a thread of this process, or
 * to all of it (0), where those take it that do not block it. The shield's. The kernel's result. */
long sigchain_send(int signal, int32_t thread, const siginfo_t *info);
/* The last thing that a handler of ours does whose return may open SIGSEGV: one that is pending as the
 * stand-in shall come before all others, as the kernel has it come. All signals are held off from then
 * on, until the return. */
void sigchain_in_turn(const ucontext_t *context);

#endif
