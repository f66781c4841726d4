/* owned.c - async-signal-safe (but for learning). The signals whose real action is ours.
 *
 * The kernel is asked directly: libc's sigaction() is among the calls that the shield
 * traps, and sanitizers put their own in its place. */
#include "config.h"
#include "owned.h"
#include "process.h"

#include <string.h>

_Static_assert((int)OWNED <= (int)PROCESS_ACTIONS, "a guest needs room for its own");

struct owned owned_signals[OWNED] = {
  [OWNED_SEGV] = { .signal = SIGSEGV },
  [OWNED_SYS] = { .signal = SIGSYS },
  [OWNED_STAND_IN] = { .signal = SIGMASK_STAND_IN },
  [OWNED_BUS] = { .signal = SIGBUS },   /* the userfaultfd engine's */
};

static void (*restorer)(void);
static unsigned long restorer_flag;

struct owned *
owned_find(int signal)
{
  for (size_t i = 0; i < OWNED; i++)
    if (owned_signals[i].signal == signal && atomic_load(&owned_signals[i].handler))
      return &owned_signals[i];
  return NULL;
}

/* It is in any action that went through libc. */
void
owned_learn(void)
{
  struct os_action found;
  if (restorer_flag)
    return;
  os_signal_action(SIGSEGV, NULL, &found);
  if (!(found.flags & OWNED_RESTORER) && !owned_is_function(&found)) {
    /* Nothing was ever set. The same once more, by way of libc, and back to the bit. */
    struct os_action before = found;
    struct sigaction same;
    memset(&same, 0, sizeof same);
    same.sa_handler = found.handler == DISPOSITION_IGNORE ? SIG_IGN : SIG_DFL;
    sigaction(SIGSEGV, &same, NULL);
    os_signal_action(SIGSEGV, &before, &found);
  }
  restorer_flag = found.flags & OWNED_RESTORER;
  restorer = found.restorer;
}

void
owned_put_in_front(const struct owned *owned, const struct os_action *earlier)
{
  struct os_action ours = { .handler = owned->handler, .restorer = restorer };
  /* SIGSEGV itself stays open: the unwinder may fault (stack_unwind.c). */
  ours.flags = SA_SIGINFO | SA_NODEFER | restorer_flag;
  /* By default nothing is restarted: the process dies inside the call, and its core shows it there. */
  if (earlier->handler == DISPOSITION_IGNORE || (owned_is_function(earlier) && (earlier->flags & SA_RESTART)))
    ours.flags |= SA_RESTART;
  /* SIGSYS's runs on the stack of the moment, where the program's own handlers would run that interrupt the
   * call; but not if the program says that it makes calls on stacks that no handler has room on (Go). */
  bool elsewhere = owned->signal == SIGSYS ? owned_is_function(earlier) : true;
  if (elsewhere && (!owned_is_function(earlier) || (earlier->flags & SA_ONSTACK)))
    ours.flags |= SA_ONSTACK;
  /* All of them, also those that sigfillset() spares for libc's own use: a thread
   * that is cancelled inside the handler would never leave the gate. What the unwinder
   * calls may be trapped. */
  ours.mask = ~(atomic_load(&sigmask_on) || owned->signal == SIGSYS ? SIGMASK_OPEN : sigmask_bit(SIGSEGV));
  if (owned->signal == SIGBUS)
    ours.mask &= ~sigmask_bit(SIGBUS);
  os_signal_action(owned->signal, &ours, NULL);
}

void
owned_renew(struct owned *owned)
{
  struct os_action action;
  if (!atomic_load(&owned->handler))
    return;
  /* The stand-in's handler calls SIGSEGV's. */
  bool stands_in = owned == &owned_signals[OWNED_STAND_IN];
  disposition_get(stands_in ? &owned_signals[OWNED_SEGV].program : &owned->program, &action);
  owned_put_in_front(owned, &action);
}

uint64_t
owned_hold(bool guest)
{
  uint64_t mask = os_hold_signals();
  if (!guest)
    process_lock();
  return mask;
}

void
owned_release(bool guest, uint64_t mask)
{
  if (!guest)
    process_unlock();
  os_set_signal_mask(mask);
}
