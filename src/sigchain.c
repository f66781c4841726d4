/* sigchain.c - async-signal-safe (but for install and restore). A signal that is not
 * ours has the effect that it would have had without us.
 *
 * By default, SIGSEGV kills. Then the default action is put back and the handler
 * returns: the instruction faults again, with the same code and address, and the
 * kernel kills and dumps core as of the instruction itself. A signal that was
 * *sent* does not come again by itself, nor need one that the kernel sent because
 * it found no room for another signal's frame (SI_KERNEL); such a one is queued
 * again with its own siginfo and arrives when the handler has returned.
 *
 * An earlier handler is called with the mask and the flags that it asked for. Our
 * own SA_ONSTACK and SA_RESTART are chosen after it, so that it runs on the stack
 * on which it would have run, and system calls are restarted or interrupted as
 * they would have been. (Flags and masks: sigaction(2), signal(7).) */
#include "config.h"
#include "sigchain.h"
#include "fault.h"
#include "os.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

static struct sigaction previous;   /* what was found when we were last put in front */
static struct sigaction oldest;     /* what was found first */
static _Atomic bool was_reset;      /* SA_RESETHAND has been used up */
static bool installed;

static bool
is_function(const struct sigaction *action)
{
  return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

static bool
is_ours(const struct sigaction *action)
{
  return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == fault_handler;
}

/* Put our handler in front of `earlier`. */
static void
put_in_front(const struct sigaction *earlier)
{
  struct sigaction ours;
  memset(&ours, 0, sizeof ours);
  ours.sa_sigaction = fault_handler;
  /* SIGSEGV itself stays open: the unwinder may fault (stack_unwind.c). */
  ours.sa_flags = SA_SIGINFO | SA_NODEFER;
  if (!is_function(earlier) || (earlier->sa_flags & SA_ONSTACK))
    ours.sa_flags |= SA_ONSTACK;
  /* By default nothing is restarted: the process dies inside the call, and its core shows it there. */
  if (earlier->sa_handler == SIG_IGN || (is_function(earlier) && (earlier->sa_flags & SA_RESTART)))
    ours.sa_flags |= SA_RESTART;
  /* All of them, also those that sigfillset() spares for libc's own use: a thread
   * that is cancelled inside the handler would never leave the gate. */
  memset(&ours.sa_mask, 0xff, sizeof ours.sa_mask);
  sigdelset(&ours.sa_mask, SIGSEGV);
  sigaction(SIGSEGV, &ours, NULL);
}

void
sigchain_install(void)
{
  struct sigaction found;
  sigaction(SIGSEGV, NULL, &found);
  if (is_ours(&found))
    return;
  /* Known before the first signal can arrive through us. */
  previous = found;
  if (!installed)
    oldest = found;
  atomic_store(&was_reset, false);
  put_in_front(&previous);
  installed = true;
}

void
sigchain_restore(void)
{
  struct sigaction found;
  if (!installed)
    return;
  sigaction(SIGSEGV, NULL, &found);
  /* Another thread may have faulted a moment ago, and be anywhere between the
   * kernel's decision to send SIGSEGV and our handler: nothing tells. The default
   * action would kill it there; our handler finds the page writable and returns. */
  if (!is_ours(&found) || os_threads() != 1)
    return;
  struct sigaction action = previous;
  if (atomic_load(&was_reset))
    action.sa_handler = SIG_DFL;
  sigaction(SIGSEGV, &action, NULL);
  installed = false;
}

static void
set_default(int signal)
{
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, NULL);
}

/* SA_RESETHAND has been used up: from now on we stand in front of the default action. */
static void
stand_before_default(void)
{
  struct sigaction found, none;
  sigaction(SIGSEGV, NULL, &found);
  if (!is_ours(&found))
    return;
  memset(&none, 0, sizeof none);
  none.sa_handler = SIG_DFL;
  put_in_front(&none);
}

static uint64_t
mask_bits(const sigset_t *set)
{
  uint64_t bits;
  memcpy(&bits, set, sizeof bits);
  return bits;
}

static void
call(const struct sigaction *action, int signal, siginfo_t *info, ucontext_t *context)
{
  uint64_t mask = mask_bits(&context->uc_sigmask) | mask_bits(&action->sa_mask);
  if (!(action->sa_flags & SA_NODEFER))
    mask |= (uint64_t)1 << (signal - 1);
  os_set_signal_mask(mask);
  /* The kernel passes all three to every handler; one that takes fewer does not look. */
  action->sa_sigaction(signal, info, context);
}

/* A handler that was installed after us may pass on to us what we passed to it: it is
 * then asked about the same signal, deeper in the same stack. The oldest action is the
 * end of that ring. (What an abandoned pass, ended by siglongjmp(), left behind here is
 * at the same depth or higher up, so it does not look like that.) */
static bool
is_ring(const siginfo_t *info)
{
  static _Thread_local const siginfo_t *passed;
  static _Thread_local uintptr_t depth;
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  bool ring = passed == info && here < depth;
  passed = info;
  depth = here;
  return ring;
}

void
sigchain_pass(int signal, siginfo_t *info, void *context)
{
  struct sigaction action = is_ring(info) ? oldest : previous;
  /* Codes above 0 are the kernel's: they may be ignored by nobody. */
  bool sent = info->si_code <= 0;
  if (is_function(&action)) {
    if (!(action.sa_flags & SA_RESETHAND) || !atomic_exchange(&was_reset, true)) {
      if (action.sa_flags & (int)SA_RESETHAND)
        stand_before_default();
      call(&action, signal, info, context);
      return;
    }
    action.sa_handler = SIG_DFL;
  }
  if (action.sa_handler == SIG_IGN && sent)
    return;
  /* A fault that is ignored kills all the same: signal(7). */
  int saved = errno;
  os_set_signal_mask(~(uint64_t)0);
  set_default(signal);
  if (sent || info->si_code == SI_KERNEL)
    os_queue_self(signal, info);
  errno = saved;
}

void
sigchain_postpone(int signal, const siginfo_t *info, void *context)
{
  ucontext_t *handler = context;
  os_set_signal_mask(~(uint64_t)0);
  os_queue_self(signal, info);
  sigaddset(&handler->uc_sigmask, signal);
}
