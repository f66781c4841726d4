/* mask.c - async-signal-safe (but for the first three). The program's calls about signal masks, made in
 * its stead. */
#include "config.h"
#include "shield/mask.h"
#include "os.h"
#include "process.h"
#include "raw.h"
#include "shield/action.h"
#include "shield/call.h"
#include "sigchain.h"
#include "sigmask.h"
#include "threads.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Atomic bool sigmask_on;
long (*_Atomic mask_exec_hook)(long number, const long argument[6]);
/* Only what begins to block is trapped yet. */
static _Atomic bool settling;

/* The number that follows blanks. */
static uint64_t
read_number(const char *at, unsigned base)
{
  uint64_t number = 0;
  while (*at == ' ' || *at == '\t')
    at++;
  for (; (*at >= '0' && *at <= '9') || (base == 16 && *at >= 'a' && *at <= 'f'); at++)
    number = number * base + (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
  return number;
}

/* Is it a thread of the kernel's, that works for io_uring? Such a one blocks all signals and
 * runs nothing of the program. The flags are the 9th column (proc_pid_stat(5)). */
static bool
of_the_kernel(int32_t thread)
{
  /* PF_IO_WORKER, PF_USER_WORKER, PF_KTHREAD */
  const uint64_t worker = 0x00000010 | 0x00004000 | 0x00200000;
  char text[1024];
  if (!threads_read(thread, "stat", text, sizeof text))
    return true;
  const char *at = strrchr(text, ')');
  for (unsigned column = 2; at && column < 9; column++)
    at = strchr(at + 1, ' ');
  return at && (read_number(at, 10) & worker);
}

/* A mask of another thread of the process; 0 if that has ended. */
static uint64_t
mask_of_thread(int32_t thread)
{
  char text[4096];
  threads_read(thread, "status", text, sizeof text);
  const char *blocked = strstr(text, "\nSigBlk:");
  return blocked ? read_number(blocked + sizeof "\nSigBlk:" - 1, 16) : 0;
}

/* libc blocks everything for a moment, when it makes a thread for example. On a busy machine that
 * thread may not run for long. */
static const uint64_t PATIENCE = 2000000000;   /* ns */

static bool
is_blocking(int32_t thread)
{
  return thread != os_thread_id() && (mask_of_thread(thread) & SIGMASK_OPEN) && !of_the_kernel(thread);
}

/* A thread, not the calling one, that blocks what must be open, and does so for as long; 0: none. */
static int32_t
blocking_thread(uint64_t patience)
{
  struct threads_reader reader;
  int32_t thread = 0, found = 0;
  if (threads_open(&reader))
    return 0;
  while (!found && (thread = threads_next(&reader)) > 0) {
    uint64_t begin = os_now();
    for (unsigned attempt = 0; !found && is_blocking(thread); attempt++)
      if (os_now() - begin >= patience)
        found = thread;
      else
        os_pause(attempt);
  }
  threads_close(&reader);
  return found;
}

int
mask_start(int32_t *thread)
{
  int error = process_start();
  if (error)
    return error;
  uint64_t mask = os_hold_signals();
  atomic_store(&settling, true);
  atomic_store(&sigmask_on, true);
  process_self()->shadow = mask & SIGMASK_SHADOWED;
  action_start();
  os_set_signal_mask(sigmask_to_kernel(mask));
  *thread = blocking_thread(PATIENCE);
  return *thread ? -EBUSY : 0;
}

/* Twice: who was made by one that blocked, while the list was read, is in the second list. */
int
mask_settle(int32_t *thread)
{
  unsigned open = 0;
  uint64_t begin = os_now();
  for (unsigned attempt = 0; open < 2; attempt++) {
    *thread = blocking_thread(0);
    open = *thread ? 0 : open + 1;
    if (*thread && os_now() - begin >= PATIENCE)
      return -EBUSY;
    if (*thread)
      os_pause(attempt);
  }
  return 0;
}

void
mask_settled(void)
{
  atomic_store(&settling, false);
}

/* The kernel's order: size, reading, `how` and doing it, writing. */
long
mask_change(int how, const uint64_t *set, uint64_t *old, size_t size, ucontext_t *context)
{
  struct process_self *self = process_self();
  uint64_t before = sigmask_to_program(sigmask_of(context), self->shadow), given, after;
  if (size != sizeof before)
    return -EINVAL;
  if (set) {
    if (safe_read(&given, (uintptr_t)set, sizeof given) != 0)
      return -EFAULT;
    given &= ~(sigmask_bit(SIGKILL) | sigmask_bit(SIGSTOP));
    /* What is not trapped will undo it, and knows of no stand-in. */
    if (how == SIG_BLOCK && atomic_load(&settling))
      given &= ~(SIGMASK_OPEN | SIGMASK_SHADOWED);
    switch (how) {
    case SIG_BLOCK: after = before | given; break;
    case SIG_UNBLOCK: after = before & ~given; break;
    case SIG_SETMASK: after = given; break;
    default: return -EINVAL;
    }
    /* Done in a handler that has interrupted a wait, or has jumped out of it. */
    self->wait = 0;
    self->shadow = after & SIGMASK_SHADOWED;
    sigmask_put(context, sigmask_to_kernel(after));
  }
  long result = old ? safe_write((uintptr_t)old, &before, sizeof before) : 0;
  if (set && (before & sigmask_bit(SIGSEGV)))
    sigchain_in_turn(context);
  return result;
}

long
mask_pending(uint64_t *set, size_t size)
{
  uint64_t pending = 0;
  if (size > sizeof pending)
    return -EINVAL;
  long result = raw_call(SYS_rt_sigpending, (long)&pending, sizeof pending, 0, 0, 0, 0);
  if (result)
    return result;
  pending = sigmask_to_program(pending, 0);
  return safe_write((uintptr_t)set, &pending, size);
}

static long
make(long number, const long argument[6])
{
  return raw_call(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
}

/* Read the program's mask; false: leave the call, and its error, to the kernel. */
static bool
read_mask(long from, long size, uint64_t *mask)
{
  return from && size == sizeof *mask && safe_read(mask, (uintptr_t)from, sizeof *mask) == 0;
}

/* During the call `wanted` is the thread's mask. A signal's handler is told by that (sigchain.c). */
static long
make_with(uint64_t wanted, long number, const long argument[6])
{
  struct process_self *self = process_self();
  uintptr_t outer = self->wait;
  uint64_t outer_mask = self->wait_mask;
  self->wait_mask = wanted;
  self->wait = (uintptr_t)__builtin_frame_address(0);
  long result = make(number, argument);
  self->wait = outer;
  self->wait_mask = outer_mask;
  return result;
}

static long
wait_with_mask(long number, const long argument[6], unsigned at)
{
  long changed[6];
  uint64_t wanted, mask;
  if (!read_mask(argument[at], argument[at + 1], &wanted))
    return make(number, argument);
  mask = sigmask_to_kernel(wanted);
  memcpy(changed, argument, sizeof changed);
  changed[at] = (long)&mask;
  return make_with(wanted, number, changed);
}

/* pselect6 and io_pgetevents point to the mask and its size. */
static long
wait_with_pair(long number, const long argument[6])
{
  long changed[6], pair[2];
  uint64_t wanted, mask;
  if (!argument[5] || safe_read(pair, (uintptr_t)argument[5], sizeof pair) != 0)
    return make(number, argument);
  memcpy(changed, argument, sizeof changed);
  changed[5] = (long)pair;
  if (!read_mask(pair[0], pair[1], &wanted))
    return make(number, changed);
  mask = sigmask_to_kernel(wanted);
  pair[0] = (long)&mask;
  return make_with(wanted, number, changed);
}

/* Waits for the stand-in as well: a SIGSEGV that came before is pending as that. */
static long
take_signal(const long argument[6])
{
  long changed[6];
  uint64_t set;
  siginfo_t info;
  if (!read_mask(argument[0], argument[3], &set))
    return make(SYS_rt_sigtimedwait, argument);
  if (set & SIGMASK_OPEN)
    set |= sigmask_bit(SIGMASK_STAND_IN);
  memcpy(changed, argument, sizeof changed);
  changed[0] = (long)&set;
  changed[1] = (long)&info;
  long result = make(SYS_rt_sigtimedwait, changed);
  if (result <= 0)
    return result;
  if (result == SIGMASK_STAND_IN && sigchain_unwrap(&info))
    result = info.si_signo;
  if (argument[1] && safe_write((uintptr_t)argument[1], &info, sizeof info) != 0)
    return -EFAULT;
  return result;
}

/* What is sent on as the stand-in is not to be read as that. */
static long
open_signalfd(long number, const long argument[6])
{
  long changed[6];
  uint64_t set;
  if (!read_mask(argument[1], argument[2], &set))
    return make(number, argument);
  set &= ~sigmask_bit(SIGMASK_STAND_IN);
  memcpy(changed, argument, sizeof changed);
  changed[1] = (long)&set;
  return make(number, changed);
}

long
mask_wait(long number, const long argument[6])
{
  switch (number) {
  case SYS_rt_sigsuspend: return wait_with_mask(number, argument, 0);
  case SYS_ppoll: return wait_with_mask(number, argument, 3);
  case SYS_epoll_pwait: return wait_with_mask(number, argument, 4);
#ifdef SYS_epoll_pwait2
  case SYS_epoll_pwait2: return wait_with_mask(number, argument, 4);
#endif
  case SYS_pselect6: return wait_with_pair(number, argument);
#ifdef SYS_io_pgetevents
  case SYS_io_pgetevents: return wait_with_pair(number, argument);
#endif
  case SYS_rt_sigtimedwait: return take_signal(argument);
#ifdef SYS_signalfd
  case SYS_signalfd: return open_signalfd(number, argument);
#endif
  case SYS_signalfd4: return open_signalfd(number, argument);
  default: return make(number, argument);
  }
}

/* Ignoring SIGSEGV kills every other thread that faults meanwhile. If the exec succeeds they
 * end anyway; so it is only done for one that will, as far as can be told. */
static bool
will_succeed(long number, const long argument[6])
{
  if (process_self()->guest)
    return true;   /* its signal table is its own */
  long folder = AT_FDCWD, path = argument[0];
  if (number == SYS_execveat) {
    folder = argument[0];
    path = argument[1];
    if (argument[4] & AT_EMPTY_PATH)
      return true;
  }
  return raw_call(SYS_faccessat, folder, path, X_OK, 0, 0, 0) == 0;
}

/* What is pending as the stand-in is pending as itself in the new image. All signals held off. */
static void
pending_as_itself(void)
{
  siginfo_t info;
  if (os_take_pending(sigmask_bit(SIGMASK_STAND_IN), &info) > 0)
    os_queue_self(sigchain_unwrap(&info) ? info.si_signo : SIGMASK_STAND_IN, &info);
}

CALL_LEAVES long
mask_exec(long number, const long argument[6])
{
  const unsigned long ask = 0xffffffff;
  uint64_t mask = os_hold_signals();
  pending_as_itself();
  uint64_t ignored = action_ignores() && will_succeed(number, argument) ? action_before_exec() : 0;
  /* The filter knows this image by its addresses: a new one at the same would be taken for it. */
  long persona = raw_call(SYS_personality, (long)ask, 0, 0, 0, 0, 0);
  bool fixed = persona >= 0 && (persona & ADDR_NO_RANDOMIZE);
  if (fixed)
    raw_call(SYS_personality, persona & ~ADDR_NO_RANDOMIZE, 0, 0, 0, 0, 0);
  /* Who blocks SIGSEGV or SIGSYS blocks, by all that is usual, what could run a handler here. */
  os_set_signal_mask(sigmask_to_program(mask, process_self()->shadow));
  long (*hook)(long, const long *) = atomic_load(&mask_exec_hook);
  long result = hook ? hook(number, argument) : make(number, argument);
  os_hold_signals();
  if (fixed)
    raw_call(SYS_personality, persona, 0, 0, 0, 0, 0);
  action_after_exec(ignored);
  /* What is pending as itself now comes to our handler, which sends it on again. */
  os_set_signal_mask(mask);
  return result;
}

/* The return from the handler puts back the stack that the context names. If that one was to be
 * given up for the time of a handler (SS_AUTODISARM), ours has disarmed it: not the program's doing. */
long
mask_altstack(const stack_t *stack, stack_t *old, ucontext_t *context)
{
  const int disarms = (int)(1u << 31);      /* SS_AUTODISARM */
  stack_t wanted, found;
  if (stack && safe_read(&wanted, (uintptr_t)stack, sizeof wanted) != 0)
    return -EFAULT;
  if (context->uc_stack.ss_flags & disarms)
    raw_call(SYS_sigaltstack, (long)&context->uc_stack, 0, 0, 0, 0, 0);
  long result = raw_call(SYS_sigaltstack, stack ? (long)&wanted : 0, (long)&found, 0, 0, 0, 0);
  if (result)
    return result;
  if (stack) {
    bool none = (wanted.ss_flags & ~disarms) == SS_DISABLE;
    context->uc_stack.ss_sp = none ? NULL : wanted.ss_sp;
    context->uc_stack.ss_size = none ? 0 : wanted.ss_size;
    context->uc_stack.ss_flags = wanted.ss_flags;
    if (!none)
      shield_keep_open((uintptr_t)wanted.ss_sp, (uintptr_t)wanted.ss_sp + wanted.ss_size);
  }
  return old ? safe_write((uintptr_t)old, &found, sizeof found) : 0;
}
