/* send.c - async-signal-safe. SIGSEGV, as the program sends it.
 *
 * What goes to this process is sent as the stand-in at once (sigmask.h): so the kernel itself keeps
 * it pending where it is blocked, finds the thread that does not block it, and interrupts no call of
 * one that does. What others send comes as SIGSEGV and is only then sent on.
 *
 * A signal for the whole process goes to the first thread if that is open to it, and one that kills
 * arrives before the call returns. While we are in here this thread is not open: so it is sent to
 * this thread by its id where the kernel would choose it. */
#include "config.h"
#include "shield/send.h"
#include "os.h"
#include "process.h"
#include "shield/action.h"
#include "sigchain.h"
#include "sigmask.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct order { int32_t process, thread; int code; long info; };   /* info: the program's, 0 if none */

static struct order
order_of(const struct call *call)
{
  const long *a = call->argument;
  switch (call->number) {
  case SYS_kill: return (struct order){ (int32_t)a[0], 0, SI_USER, 0 };
  case SYS_tkill: return (struct order){ os_process_id(), (int32_t)a[0], SI_TKILL, 0 };
  case SYS_tgkill: return (struct order){ (int32_t)a[0], (int32_t)a[1], SI_TKILL, 0 };
  case SYS_rt_sigqueueinfo: return (struct order){ (int32_t)a[0], 0, SI_QUEUE, a[2] };
  default: return (struct order){ (int32_t)a[0], (int32_t)a[1], SI_QUEUE, a[3] };
  }
}

/* What the receiver is told. False: that is for the kernel to say. */
static bool
describe(const struct order *order, siginfo_t *info)
{
  enum { CODE_LOWEST = -0x8000 };     /* what the stand-in can carry (sigchain.c) */
  memset(info, 0, sizeof *info);
  if (order->code == SI_QUEUE) {
    if (safe_read(info, (uintptr_t)order->info, sizeof *info) != 0)
      return false;
  } else {
    info->si_code = order->code;
    info->si_pid = os_process_id();
    info->si_uid = (uid_t)raw_call(SYS_getuid, 0, 0, 0, 0, 0, 0);
  }
  info->si_signo = SIGSEGV;
  return info->si_code <= 0 && info->si_code >= CODE_LOWEST;
}

long
send_signal(struct call *call)
{
  struct order order = order_of(call);
  int32_t process = os_process_id(), self = (int32_t)raw_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
  bool open = !(sigmask_of(call->context) & sigmask_bit(SIGMASK_STAND_IN));
  bool whole = call->number == SYS_kill || call->number == SYS_rt_sigqueueinfo;
  siginfo_t info;
  if (!atomic_load(&sigmask_on) || order.process != process || (!whole && order.thread <= 0)
      || !describe(&order, &info))
    return call_make(call);
  if (whole && open && (self == process || action_kills()))
    order.thread = self;
  long result = sigchain_send(SIGSEGV, order.thread, &info);
  /* It may be a thread of another process. */
  return result && call->number == SYS_tkill ? call_make(call) : result;
}
