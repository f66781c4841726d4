/* shield.c - async-signal-safe (but for prepare and cover). The SIGSYS handler: a call
 * that may write to watched memory is made in the program's stead, with the memory lent
 * to the kernel (loan.h).
 *
 * All signals but SIGSEGV and SIGSYS are held off in here, except while a call is made
 * that may wait: then the program's own mask holds, and its handlers run, and may jump
 * out, as if they had interrupted the program's own call. At that moment nothing is held
 * but pins, which the thread's next call finds and drops. A call that is restarted, or
 * interrupted, or cancelled (pthread_cancel(3)), is so by the kernel in raw_call(). */
#include "config.h"
#include "shield/shield.h"
#include "arena.h"
#include "error.h"
#include "fault.h"
#include "os.h"
#include "region.h"
#include "shield/fast.h"
#include "shield/filter.h"
#include "shield/mask.h"
#include "shield/program.h"
#include "sigchain.h"
#include "sigmask.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

enum { TRAPPED_CALL = 1 };   /* si_code SYS_SECCOMP (asm-generic/siginfo.h) */

static _Atomic uint64_t calls, unknown_calls;

int
shield_prepare(void)
{
  int saved = errno;   /* libseccomp tries out what the kernel has */
  arena_reserve();
  table_prepare();
  int error = filter_prepare();
  errno = saved;
  return error;
}

/* From the first filter on, SIGSYS must have its handler and be blocked nowhere. */
static int
turn_on(void)
{
  /* Not one that holds signals off (lock.h): the thread's mask is read. */
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static _Atomic bool on;
  int error = 0;
  if (atomic_load(&on))
    return 0;
  pthread_mutex_lock(&lock);
  if (!on) {
    int32_t thread = 0;
    sigchain_install(SIGSYS, shield_handler);
    error = mask_start(&thread);
    if (error == -EBUSY)
      error = filter_blocked(thread);
    else if (error)
      error_set(error, "no memory for the shield");
    else
      error = filter_first();
    if (!error)
      fast_start();
    atomic_store(&on, !error);
  }
  pthread_mutex_unlock(&lock);
  return error;
}

int
shield_cover(const struct ww_region *region)
{
  const struct segment_table *table = atomic_load(&region->table);
  bool files = false;
  for (size_t i = 0; i < table->count; i++)
    files |= table->segment[i].file;
  int error = turn_on();
  return error ? error : filter_cover(region->start, region->end, files);
}

void
shield_prepare_apart(void)
{
  filter_prepare_apart();
}

int
shield_cover_range(uintptr_t start, uintptr_t end, bool files)
{
  int error = turn_on();
  return error ? error : filter_cover(start, end, files);
}

bool
shield_covers(uintptr_t start, uintptr_t end)
{
  return filter_covers(start, end);
}

uint64_t
shield_calls(void)
{
  return atomic_load(&calls);
}

uint64_t
shield_unknown_calls(void)
{
  return atomic_load(&unknown_calls);
}

void
shield_open_signals(const struct call *call)
{
  os_set_signal_mask(sigmask_of(call->context));
}

long
shield_lend(struct call *call, const struct ranges *ranges, bool prompt, long (*serve)(struct call *))
{
  struct loan loan;
  loan_begin(&loan, ranges->range, ranges->count, call->frame);
  if (!prompt)
    shield_open_signals(call);
  long result = serve ? serve(call) : call_make(call);
  loan_end(&loan);
  return result;
}

/* A number that the table does not know. What its arguments mean is not known either: if one
 * points to watched memory, its page and the next are lent, and the call is counted. */
static long
serve_unknown(struct call *call)
{
  struct ranges ranges = { .count = 0 };
  bool watched = false;
  struct gate_pass pass = gate_enter(&region_gate);
  for (unsigned i = 0; i < 6; i++)
    if (region_find(region_table(), (uintptr_t)call->argument[i])) {
      watched = true;
      ranges_add(&ranges, (uintptr_t)call->argument[i], os_page_size());
    }
  gate_leave(pass);
  if (watched)
    atomic_fetch_add(&unknown_calls, 1);
  return shield_lend(call, &ranges, false, NULL);
}

CALL_LEAVES static long
serve(struct call *call)
{
  const struct row *row = table_find(call->number);
  struct ranges ranges = { .count = 0 };
  if (!row)
    return serve_unknown(call);
  if (row->alone)
    return row->serve(call);
  for (unsigned i = 0; i < ROW_OUTS; i++)
    ranges_add_out(&ranges, call, &row->out[i]);
  return shield_lend(call, &ranges, row->prompt, row->serve);
}

/* On an alternate stack frames say nothing about the order of calls. */
void
shield_keep_open(uintptr_t start, uintptr_t end)
{
  loan_forever((struct range){ start, end });
}

static uintptr_t
frame_of(const ucontext_t *context)
{
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  uintptr_t low = (uintptr_t)context->uc_stack.ss_sp;
  bool alternate = !(context->uc_stack.ss_flags & SS_DISABLE) && here - low < context->uc_stack.ss_size;
  return alternate ? 0 : here;
}

CALL_LEAVES void
shield_handler(int signal, siginfo_t *info, void *context)
{
  int saved = errno;
  if (info->si_code != TRAPPED_CALL || info->si_errno != SHIELD_TRAP_DATA) {
    if (info->si_code <= 0)
      os_hold_signals();    /* a flood of them must not fill the stack */
    sigchain_pass(signal, info, context);
    return;
  }
  struct call call;
  call_read(&call, context);
  call.frame = frame_of(context);
  call.elsewhere = false;
  atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
  pin_reap(call.frame);
  /* Of the unwinder inside the SIGSEGV handler: it stands in a gate, and nothing that it
   * writes to is watched. */
  long result = fault_is_inside() && call.number != SYS_rt_sigprocmask ? call_make(&call) : serve(&call);
  if (!call.elsewhere)
    call_return(context, result);
  errno = saved;
}
