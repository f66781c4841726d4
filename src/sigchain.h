/* sigchain.h - async-signal-safe (but for install and restore). The signals whose real action is
 * ours, the actions that the program has set for them, and how those get what is not ours. */
#ifndef WW_SIGCHAIN_H
#define WW_SIGCHAIN_H

#include "os.h"

/* Put `handler` in front of what there is for `signal` (SIGSEGV; with the shield SIGSYS and the
 * stand-in of sigmask.h), if it is not there already; not for handlers. All but
 * SIGSEGV, and with the shield SIGSYS, is held off while it runs; SIGSYS's runs on the stack of
 * the interrupted code. */
void sigchain_install(int signal, void (*handler)(int, siginfo_t *, void *));
/* Take SIGSEGV's away again if it is still ours and no other thread may be on its way into
 * it; not for handlers. With the shield on it stays for good. */
void sigchain_restore(void);
/* The shield is on from here (sigmask_on): put ours anew, with what that needs, install the
 * stand-in, and take SIGSEGV and SIGSYS out of the masks of all other actions; not for handlers. */
void sigchain_shield(void);

/* Do with this signal what would have been done without us. May not return. SIGSYS: one that is
 * not the shield's. */
void sigchain_pass(int signal, siginfo_t *info, void *context);
/* Queue a signal that was sent while our handler is at work again, for when that has
 * returned: blocked until then in `context`, the handler's own. */
void sigchain_postpone(int signal, const siginfo_t *info, void *context);

/* What rt_sigaction(2) does for the program; its result. The pointers are the program's. */
long sigchain_action(int signal, const struct os_action *action, struct os_action *old, size_t size);
/* True if the stand-in's `info` stands for a signal that was sent while it was blocked, and is that
 * signal's from now on (si_signo too). */
bool sigchain_unwrap(siginfo_t *info);
/* Before an exec that will probably succeed: what the program ignores is ignored; returns a set of
 * signals for sigchain_after_exec(), which undoes it when the exec has failed. All signals held off. */
uint64_t sigchain_before_exec(void);
void sigchain_after_exec(uint64_t changed);
/* Is one of them ignored by the program? */
bool sigchain_ignores(void);

#endif
