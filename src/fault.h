/* fault.h - async-signal-safe. The SIGSEGV handler. */
#ifndef WW_FAULT_H
#define WW_FAULT_H

#include <signal.h>
#include <stdbool.h>

/* Is the calling thread between the handler's begin and its verdict? Nothing of the program may run then. */
bool fault_is_inside(void);
void fault_handler(int signal, siginfo_t *info, void *context);

#endif
