/* action.c - async-signal-safe (but for action_start). Signal actions as the program sets and sees them. */
#include "config.h"
#include "shield/action.h"
#include "owned.h"
#include "process.h"
#include "shield/call.h"
#include "sigchain.h"

#include <errno.h>

enum { SIGNALS = 64 };

/* By signal: what was asked for in sa_mask and only we remember. */
static _Atomic uint64_t shadow_mask[SIGNALS + 1];

/* What the kernel keeps of the flags, and of the mask. */
static struct os_action
as_kept(const struct os_action *action)
{
  const unsigned long known = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER
    | (unsigned)SA_RESETHAND | 0x800 /* SA_EXPOSE_TAGBITS */ | OWNED_RESTORER;
  struct os_action kept = *action;
  kept.flags &= known;
  kept.mask &= ~(sigmask_bit(SIGKILL) | sigmask_bit(SIGSTOP));
  return kept;
}

static void
owned_action(struct owned *owned, const struct os_action *action, struct os_action *old)
{
  struct process_self *self = process_self();
  bool guest = self->guest;
  uint64_t mask = owned_hold(guest);
  disposition_get(&owned->program, old);
  size_t at = (size_t)(owned - owned_signals);
  if (self->has[at])
    *old = self->action[at];
  if (action && guest) {
    self->action[at] = as_kept(action);
    self->has[at] = true;
  } else if (action) {
    struct os_action kept = as_kept(action), none = { .handler = DISPOSITION_IGNORE };
    disposition_set(&owned->program, &kept);
    if (kept.handler == DISPOSITION_IGNORE && atomic_load(&sigmask_on))
      /* Whatever is pending is discarded, in all threads. */
      os_signal_action(SIGMASK_STAND_IN, &none, NULL);
    owned_renew(owned);
    owned_renew(&owned_signals[OWNED_STAND_IN]);
  }
  owned_release(guest, mask);
}

static long
other_action(int signal, const struct os_action *action, struct os_action *old)
{
  struct os_action open;
  bool guest = process_self()->guest, valid = signal >= 1 && signal <= SIGNALS;
  if (action) {
    open = *action;
    open.mask = sigmask_to_kernel(action->mask);
  }
  uint64_t mask = owned_hold(guest);
  long result = os_signal_action(signal, action ? &open : NULL, old);
  uint64_t shadow = valid ? atomic_load(&shadow_mask[signal]) : 0;
  if (!result && action && !guest)
    atomic_store(&shadow_mask[signal], action->mask & SIGMASK_SHADOWED);
  owned_release(guest, mask);
  if (!result)
    old->mask = sigmask_to_program(old->mask, shadow);
  return result;
}

/* The kernel's order: size, reading, signal and doing it, writing. */
long
action_change(int signal, const struct os_action *action, struct os_action *old, size_t size)
{
  struct os_action wanted, found;
  long result = 0;
  if (size != sizeof wanted.mask)
    return -EINVAL;
  if (action && safe_read(&wanted, (uintptr_t)action, sizeof wanted) != 0)
    return -EFAULT;
  struct owned *owned = owned_find(signal);
  if (owned)
    owned_action(owned, action ? &wanted : NULL, &found);
  else
    result = other_action(signal, action ? &wanted : NULL, &found);
  if (!result && old)
    result = safe_write((uintptr_t)old, &found, sizeof found);
  return result;
}

static struct os_action
action_now(struct owned *owned)
{
  struct os_action action;
  struct process_self *self = process_self();
  disposition_get(&owned->program, &action);
  return self->has[owned - owned_signals] ? self->action[owned - owned_signals] : action;
}

static bool
is_ignored(struct owned *owned)
{
  return atomic_load(&owned->handler) && action_now(owned).handler == DISPOSITION_IGNORE;
}

bool
action_kills(void)
{
  return action_now(&owned_signals[OWNED_SEGV]).handler == DISPOSITION_DEFAULT;
}

bool
action_ignores(void)
{
  for (size_t i = 0; i < OWNED; i++)
    if (is_ignored(&owned_signals[i]))
      return true;
  return false;
}

uint64_t
action_before_exec(void)
{
  struct os_action ignore = { .handler = DISPOSITION_IGNORE };
  uint64_t changed = 0;
  for (size_t i = 0; i < OWNED; i++)
    if (is_ignored(&owned_signals[i])) {
      os_signal_action(owned_signals[i].signal, &ignore, NULL);
      changed |= sigmask_bit(owned_signals[i].signal);
    }
  return changed;
}

void
action_after_exec(uint64_t changed)
{
  struct os_action ignore = { .handler = DISPOSITION_IGNORE };
  for (size_t i = 0; i < OWNED; i++)
    if (changed & sigmask_bit(owned_signals[i].signal))
      owned_put_in_front(&owned_signals[i], &ignore);
}

void
action_start(void)
{
  struct os_action action;
  sigchain_install_stand_in();
  uint64_t mask = owned_hold(false);
  for (size_t i = 0; i < OWNED; i++)
    owned_renew(&owned_signals[i]);
  for (int signal = 1; signal <= SIGNALS; signal++) {
    if (owned_find(signal) || os_signal_action(signal, NULL, &action) != 0)
      continue;
    uint64_t asked = action.mask;
    atomic_store(&shadow_mask[signal], asked & SIGMASK_SHADOWED);
    action.mask = sigmask_to_kernel(asked);
    if (action.mask != asked)
      os_signal_action(signal, &action, NULL);
  }
  owned_release(false, mask);
}
