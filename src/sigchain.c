/* sigchain.c - async-signal-safe (but for install and restore). A signal that is not
 * ours has the effect that it would have had without us.
 *
 * By default, SIGSEGV kills. Then the default action is put back and the handler
 * returns: the instruction faults again, with the same code and address, and the
 * kernel kills and dumps core as of the instruction itself. A signal that was
 * *sent* does not come again by itself, nor need one that the kernel sent because
 * it found no room for another signal's frame (SI_KERNEL), nor another filter's SIGSYS;
 * such a one is queued again with its own siginfo and arrives when the handler has
 * returned.
 *
 * An earlier handler is called with the mask and the flags that it asked for. Our
 * own SA_ONSTACK and SA_RESTART are chosen after it, so that it runs on the stack
 * on which it would have run, and system calls are restarted or interrupted as
 * they would have been. (Flags and masks: sigaction(2), signal(7).) */
#include "config.h"
#include "sigchain.h"
#include "context.h"
#include "fault.h"
#include "owned.h"
#include "process.h"
#include "raw.h"

#include <sys/syscall.h>

void
sigchain_install(int signal, handler_function *handler)
{
  struct os_action found;
  struct owned *owned = owned_signals;
  while (owned->signal != signal)
    owned++;
  os_signal_action(signal, NULL, &found);
  if (found.handler == handler)
    return;
  owned_learn();
  if (!atomic_load(&owned->handler))
    owned->oldest = found;
  /* Known before the first signal can arrive through us. */
  uint64_t mask = owned_hold(false);
  disposition_set(&owned->program, &found);
  atomic_store(&owned->handler, handler);
  owned_put_in_front(owned, &found);
  owned_release(false, mask);
}

static void
restore(int signal)
{
  struct os_action found, action;
  struct owned *owned = owned_find(signal);
  if (!owned || atomic_load(&sigmask_on))
    return;
  os_signal_action(signal, NULL, &found);
  /* Another thread may have faulted a moment ago, and be anywhere between the
   * kernel's decision to send SIGSEGV and our handler: nothing tells. The default
   * action would kill it there; our handler finds the page writable and returns. */
  if (found.handler != owned->handler || os_threads() != 1)
    return;
  disposition_get(&owned->program, &action);
  os_signal_action(signal, &action, NULL);
  atomic_store(&owned->handler, NULL);
}

void
sigchain_restore(void)
{
  restore(SIGSEGV);
  restore(SIGBUS);
}

static void
set_default(int signal)
{
  struct os_action action = { .handler = DISPOSITION_DEFAULT };
  os_signal_action(signal, &action, NULL);
}

/* SA_RESETHAND has been used up: from now on we stand in front of the default action,
 * unless another has been set meanwhile. */
static void
stand_before_default(struct owned *owned, uint64_t version)
{
  struct os_action found, none = { .handler = DISPOSITION_DEFAULT };
  os_signal_action(owned->signal, NULL, &found);
  if (found.handler != owned->handler)
    return;
  uint64_t mask = owned_hold(false);
  if (atomic_load(&owned->program.version) == version) {
    owned_put_in_front(owned, &none);
    if (owned->signal == SIGSEGV)
      owned_renew(&owned_signals[OWNED_STAND_IN]);
  }
  owned_release(false, mask);
}

/* Was it a wait that was interrupted? A frame has the mask that is put back, not the wait's own.
 * (A wait that a handler has jumped out of may be left behind: hence the look at the stack.) */
static bool
is_in_wait(const struct process_self *self, const ucontext_t *context)
{
  enum { FRAMES = 1024 };
  uintptr_t at = context_instruction(context), stack = context_stack(context);
  return stack < self->wait && self->wait - stack < FRAMES
    && at >= (uintptr_t)raw_begin && at < (uintptr_t)raw_end;
}

/* What the program blocks where it was interrupted. */
static uint64_t
blocked_at(const struct process_self *self, const ucontext_t *context)
{
  return is_in_wait(self, context) ? self->wait_mask : sigmask_to_program(sigmask_of(context), self->shadow);
}

/* The handler sees, in its context too, the masks that there would be without us, and may
 * change the one that it returns to. */
static void
call(const struct os_action *action, int signal, siginfo_t *info, ucontext_t *context)
{
  struct process_self *self = process_self();
  uint64_t returns_to = sigmask_to_program(sigmask_of(context), self->shadow);
  uint64_t mask = blocked_at(self, context) | action->mask;
  if (!(action->flags & SA_NODEFER))
    mask |= sigmask_bit(signal);
  sigmask_put(context, returns_to);
  self->shadow = mask & SIGMASK_SHADOWED;
  os_set_signal_mask(sigmask_to_kernel(mask));
  /* The kernel passes all three to every handler; one that takes fewer does not look. */
  action->handler(signal, info, context);
  returns_to = sigmask_of(context);
  process_self()->shadow = returns_to & SIGMASK_SHADOWED;
  sigmask_put(context, sigmask_to_kernel(returns_to));
  sigchain_in_turn(context);
}

/* A handler that was installed after us may pass on to us what we passed to it: it is
 * then asked about the same signal, deeper in the same stack. The oldest action is the
 * end of that ring. What an abandoned pass, ended by siglongjmp(), left behind here is
 * at the same depth or higher up if it was for the same signal, so it does not look
 * like that; one that returned leaves nothing. */
static _Thread_local struct { const siginfo_t *info; int signal; uintptr_t depth; } passed;

static bool
is_ring(int signal, const siginfo_t *info)
{
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  bool ring = passed.info == info && passed.signal == signal && here < passed.depth;
  passed.info = info;
  passed.signal = signal;
  passed.depth = here;
  return ring;
}

/* A signal that is sent on as the stand-in says so, and for whom, in its code: there the
 * kernel keeps process, user and value whatever the code, if only it is negative. */
enum { CODE_LOWEST = -0x8000, WRAPPED_SEGV = -0x20000, WRAPPED_SYS = -0x40000 };

bool
sigchain_unwrap(siginfo_t *info)
{
  int from[] = { WRAPPED_SEGV, WRAPPED_SYS };
  for (size_t i = 0; i < 2; i++)
    if (info->si_code <= from[i] && info->si_code >= from[i] + CODE_LOWEST) {
      info->si_code -= from[i];
      info->si_signo = i ? SIGSYS : SIGSEGV;
      return true;
    }
  return false;
}

long
sigchain_send(int signal, int32_t thread, const siginfo_t *info)
{
  siginfo_t wrapped = *info;
  if (wrapped.si_code < CODE_LOWEST || wrapped.si_code > 0)
    wrapped.si_code = SI_QUEUE;
  wrapped.si_code += signal == SIGSEGV ? WRAPPED_SEGV : WRAPPED_SYS;
  return thread ? os_queue_thread(thread, SIGMASK_STAND_IN, &wrapped)
    : os_queue_process(SIGMASK_STAND_IN, &wrapped);
}

/* Keep a sent signal pending for as long as the stand-in is blocked: in this thread if it was sent
 * to this thread, else wherever there is one that does not block it. */
static void
send_on(int signal, const siginfo_t *info)
{
  /* os_thread_id() remembers, and a guest (process.h) is another thread. */
  int32_t self = (int32_t)raw_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
  (void)sigchain_send(signal, info->si_code == SI_TKILL ? self : 0, info);
}

void
sigchain_in_turn(const ucontext_t *context)
{
  siginfo_t info;
  if (!atomic_load(&sigmask_on) || (sigmask_of(context) & sigmask_bit(SIGMASK_STAND_IN))
      || os_take_pending(sigmask_bit(SIGMASK_STAND_IN), &info) <= 0)
    return;
  os_hold_signals();
  os_queue_self(sigchain_unwrap(&info) ? info.si_signo : SIGMASK_STAND_IN, &info);
}

/* The program's action for a signal that arrived; its version, 0 if it is not the process's own. */
static uint64_t
action_now(struct owned *owned, const siginfo_t *info, struct os_action *action)
{
  struct process_self *self = process_self();
  uint64_t version = disposition_get(&owned->program, action);
  if (self->has[owned - owned_signals]) {
    *action = self->action[owned - owned_signals];
    return 0;
  }
  if (!is_ring(owned->signal, info))
    return version;
  *action = owned->oldest;
  return 0;
}

/* SA_RESETHAND: may this one have the handler? */
static bool
use_up(struct owned *owned, uint64_t version, const struct os_action *action)
{
  struct process_self *self = process_self();
  if (self->guest) {
    self->action[owned - owned_signals] = *action;
    self->action[owned - owned_signals].handler = DISPOSITION_DEFAULT;
    self->has[owned - owned_signals] = true;
  } else if (version) {
    if (!disposition_use_up(&owned->program, version))
      return false;
    stand_before_default(owned, version);
  }
  return true;
}

/* `blocked`: where the program was interrupted. */
static void
pass(int signal, siginfo_t *info, void *context, bool blocked)
{
  struct owned *owned = owned_find(signal);
  struct os_action action;
  uint64_t version = action_now(owned, info, &action);
  /* Codes above 0 are the kernel's: they may be ignored by nobody. */
  bool sent = info->si_code <= 0;
  if (blocked && !sent)
    /* What the kernel does with a fault that is blocked. */
    action.handler = DISPOSITION_DEFAULT;
  if (owned_is_function(&action)) {
    if (!(action.flags & SA_RESETHAND) || use_up(owned, version, &action)) {
      call(&action, signal, info, context);
      passed.info = NULL;
      return;
    }
    action.handler = DISPOSITION_DEFAULT;
  }
  if (action.handler == DISPOSITION_IGNORE && sent)
    return;
  /* A fault that is ignored kills all the same: signal(7). */
  os_hold_signals();
  set_default(signal);
  /* Nor is a broken page that was found by chance (BUS_MCEERR_AO) met again. */
  if (sent || info->si_code == SI_KERNEL || signal == SIGSYS || (signal == SIGBUS && info->si_code == 5))
    os_queue_self(signal, info);
}

void
sigchain_pass(int signal, siginfo_t *info, void *context)
{
  uint64_t mask = blocked_at(process_self(), context);
  if (signal == SIGBUS) {
    /* It arrived, so it was open. */
    pass(signal, info, context, false);
    return;
  }
  bool blocked = atomic_load(&sigmask_on) && (mask & sigmask_bit(signal));
  /* A SIGSYS is kept only where SIGSEGV would be: nothing else would bring it back. */
  bool kept = blocked && (mask & sigmask_bit(SIGSEGV));
  if (info->si_code <= 0 && atomic_load(&sigmask_on) && (kept || fault_is_inside()))
    send_on(signal, info);
  else
    pass(signal, info, context, blocked);
}

/* It arrived, so it was open. */
static void
stand_in_handler(int signal, siginfo_t *info, void *context)
{
  pass(sigchain_unwrap(info) ? info->si_signo : signal, info, context, false);
}

void
sigchain_postpone(int signal, const siginfo_t *info, void *context)
{
  ucontext_t *handler = context;
  if (atomic_load(&sigmask_on) && signal != SIGBUS) {
    /* Our handlers block the stand-in, and must not block SIGSEGV. */
    send_on(signal, info);
    return;
  }
  os_hold_signals();
  os_queue_self(signal, info);
  sigmask_put(handler, sigmask_of(handler) | sigmask_bit(signal));
}

void
sigchain_install_stand_in(void)
{
  sigchain_install(SIGMASK_STAND_IN, stand_in_handler);
}
