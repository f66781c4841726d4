/* fault.h - async-signal-safe. The SIGSEGV handler. */
#ifndef WW_FAULT_H
#define WW_FAULT_H

#include <signal.h>

void fault_handler(int signal, siginfo_t *info, void *context);

#endif
