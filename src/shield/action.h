/* action.h - async-signal-safe (but for action_start). Signal actions as the program sets and sees
 * them, while the real ones are ours (SIGSEGV, SIGSYS, the stand-in of sigmask.h) or are without what
 * must stay open. */
#ifndef WW_ACTION_H
#define WW_ACTION_H

#include "os.h"

/* Masks are virtual from here on (sigmask_on): put our handlers anew with what that needs, install the
 * stand-in, and take SIGSEGV and SIGSYS out of the masks of all other actions; not for handlers. */
void action_start(void);
/* What rt_sigaction(2) does for the program, and its result. The pointers are the program's. */
long action_change(int signal, const struct os_action *action, struct os_action *old, size_t size);
/* Does the program ignore a signal whose real action is ours? */
bool action_ignores(void);
/* Is the program's action for SIGSEGV the default? */
bool action_kills(void);
/* Before an exec that will probably succeed: what the program ignores is ignored; returns a set of
 * signals for action_after_exec(), which undoes it when the exec has failed. All signals held off. */
uint64_t action_before_exec(void);
void action_after_exec(uint64_t changed);

#endif
