/* send.h - async-signal-safe. SIGSEGV, as the program sends it. */
#ifndef WW_SEND_H
#define WW_SEND_H

#include "shield/call.h"

/* kill, tkill, tgkill, rt_sigqueueinfo or rt_tgsigqueueinfo with SIGSEGV. */
long send_signal(struct call *call);

#endif
