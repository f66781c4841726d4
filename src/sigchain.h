/* sigchain.h - async-signal-safe (but for install and restore). The SIGSEGV action
 * that was there before ours, and how it gets the faults that are not ours. */
#ifndef WW_SIGCHAIN_H
#define WW_SIGCHAIN_H

#include <signal.h>
#include <stdbool.h>

/* Put our handler in front, if it is not there already; not for handlers. */
void sigchain_install(void);
/* Take it away again if it is still ours and no other thread may be on its way into
 * it; not for handlers. */
void sigchain_restore(void);
/* Do with this signal what would have been done without us. May not return. */
void sigchain_pass(int signal, siginfo_t *info, void *context);

/* Queue a signal that was sent while our handler is at work again, for when that has
 * returned: blocked until then in `context`, the handler's own. */
void sigchain_postpone(int signal, const siginfo_t *info, void *context);

#endif
