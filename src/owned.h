/* owned.h - async-signal-safe (but for learning). The signals whose real action is ours, and the
 * actions that the program has for them. */
#ifndef WW_OWNED_H
#define WW_OWNED_H

#include "disposition.h"
#include "sigmask.h"

typedef void handler_function(int, siginfo_t *, void *);

struct owned {
  int signal;
  handler_function *_Atomic handler;  /* NULL: not installed */
  struct disposition program;         /* what the program has set, or what was found */
  struct os_action oldest;            /* what was found first */
};

enum { OWNED_SEGV, OWNED_SYS, OWNED_STAND_IN, OWNED_BUS, OWNED };
extern struct owned owned_signals[OWNED];
#define OWNED_RESTORER 0x04000000ul   /* the kernel's SA_RESTORER */

/* Not for handlers. Learn libc's return from a handler: unwinders know it, and x86-64 has no other. */
void owned_learn(void);
/* NULL if it is not ours. */
struct owned *owned_find(int signal);
/* Put our handler in front of `earlier`. */
void owned_put_in_front(const struct owned *owned, const struct os_action *earlier);
/* As the program's action for it wants it; nothing if it is not installed. */
void owned_renew(struct owned *owned);
/* Exclude other threads from what is set; a guest (process.h) has nobody to exclude. All signals are
 * held off between the two; the mask that was. */
uint64_t owned_hold(bool guest);
void owned_release(bool guest, uint64_t mask);

static inline bool
owned_is_function(const struct os_action *action)
{
  return action->handler != DISPOSITION_DEFAULT && action->handler != DISPOSITION_IGNORE;
}

#endif
