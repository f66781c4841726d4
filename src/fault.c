/* fault.c - async-signal-safe. The handler of SIGSEGV and SIGBUS, and the decision whose fault it is.
 *
 * The law of this file: no allocation, no lock, no stdio; errno is kept; nothing
 * is written but the tracker's own mappings, this thread's stack and its
 * initial-exec thread-local data, none of which is ever tracked. All signals but
 * SIGSEGV, and the shield's SIGSYS, are held off (sigchain.c), and one that is sent meanwhile
 * is put off, so nothing of the program runs in here, and nothing jumps out while a gate
 * counts us. */
#include "config.h"
#include "fault.h"
#include "context.h"
#include "engine.h"
#include "hold.h"
#include "lock.h"
#include "maps.h"
#include "pin.h"
#include "policy.h"
#include "region.h"
#include "shield/call.h"
#include "sigchain.h"
#include "stack.h"
#include "tracker.h"

#include <errno.h>
#include <sys/mman.h>

/* Log who wrote the page. */
static void
record(struct ww_tracker *tracker, uint64_t epoch, uintptr_t page, const ucontext_t *context)
{
  struct faultlog *log = &tracker->log[epoch & 1];
  struct fault fault = { .page = page, .time = os_now() - log->begin, .thread = os_thread_id() };
  if (tracker->writers) {
    void *frames[WW_STACK_MAX];
    unsigned depth = stack_capture(context, frames, tracker->stack_depth);
    if (depth)
      fault.stack = writers_intern(tracker->writers, frames, depth);
    else
      atomic_fetch_add(&tracker->stackless, 1);
  }
  faultlog_append(log, fault);
}

/* A write fault on an armed region: H1 to H5 of gate.h. */
static int
take(struct ww_region *region, uintptr_t address, const ucontext_t *context)
{
  struct ww_tracker *tracker = region->tracker;
  size_t page = (address - region->start) >> region->shift;
  uint64_t bit = (uint64_t)1 << (page % 64);
  struct gate_pass pass = gate_enter(&tracker->gate);
  struct page_set *set = &region->set[pass.epoch & 1];
  bool first = page_set_add(region, set, page / 64, bit);
  /* In the set already: another thread's fault was faster, and this one is stale; or
   * the page was made writable in bulk and a collect that ran meanwhile armed it. */
  if (!first) {
    if (atomic_load(&set->special)
        && ((atomic_load(&set->bulk[page / 64]) | atomic_load(&set->declared[page / 64])) & bit))
      first = !(atomic_fetch_or(&set->trapped[page / 64], bit) & bit);
    else
      atomic_fetch_add_explicit(&tracker->stale_faults, 1, memory_order_relaxed);
  }
  if (first)
    record(tracker, pass.epoch, region_page_address(region, page), context);
  size_t count = 1;
  /* With the pagemap engine (around fork()) a page may have been written before, unmarked. */
  if (first && region->policy && tracker->engine != WW_ENGINE_PAGEMAP)
    policy_ahead(region, set, &page, &count);
  if (region->policy)
    hold_widen(region, set, &page, &count);
  int error = engine_open(region, set, page, count);
  gate_leave(pass);
  return error;
}

/* Whether an instruction has faulted at the same address as this thread's last fault that was asked about,
 * and how often so with nobody arming in between: a page that was opened, or given back just now, does that
 * no second time, but one variable that is written by one instruction faults there in each epoch. */
static bool
is_again(uintptr_t address, uintptr_t instruction, unsigned *repeats)
{
  static _Thread_local struct { uintptr_t address, instruction; uint64_t armings; unsigned repeats; } last;
  bool again = address == last.address && instruction == last.instruction;
  last.repeats = again && pin_none_armed(last.armings) ? last.repeats + 1 : 0;
  last.address = address;
  last.instruction = instruction;
  last.armings = pin_armings();
  *repeats = last.repeats;
  return again;
}

enum { REPEATS_MAX = 1000 };

/* SIGBUS is raised for a page that the userfaultfd engine protects, and for one that is not there
 * (behind the end of its file, say). The kernel tells the two apart by nothing, and shows the first as
 * writable. So the instruction is tried again, with the page open or not ours any more. If it faults once
 * more at the same place, somebody may have armed it meanwhile: then, when it is open, the kernel is asked
 * for the page, which fails if it is not there, or if it was armed since. */
enum presence { THERE, NOT_THERE, ARMED_SINCE };

static enum presence
presence(uintptr_t address, uint64_t armings)
{
  if (os_is_there(address))
    return THERE;
  return pin_none_armed(armings) ? NOT_THERE : ARMED_SINCE;
}

/* True if the fault was ours and the instruction can be tried again. */
static bool
ours(int signal, const siginfo_t *info, const ucontext_t *context)
{
  uintptr_t address = (uintptr_t)info->si_addr;
  bool bus = signal == SIGBUS;
  if (info->si_code != (bus ? BUS_ADRERR : SEGV_ACCERR) || !context_is_write(context))
    return false;
  struct hold_patience patience = { 0, 0 };
  unsigned repeats, asked = 0;
  bool again = bus && is_again(address, context_instruction(context), &repeats);
  for (unsigned attempt = 0;;) {
    uint64_t armings = atomic_load(&region_armings), pins = pin_armings();
    struct gate_pass pass = gate_enter(&region_gate);
    struct ww_region *region = region_find(region_table(), address);
    if (region && (atomic_load(&region->changing)
                   || hold_is_patient(region, (address - region->start) >> region->shift, &patience))) {
      /* Whoever changes it waits for us to leave (shield/follow.h), or there is no room for what the
       * page holds (hold.h): out, and look again. */
      gate_leave(pass);
      os_pause(attempt++);
      continue;
    }
    bool armed = region && atomic_load(&region->armed)
      && (atomic_load(&region->engine) == (bus ? WW_ENGINE_USERFAULTFD : WW_ENGINE_MPROTECT))
      && segment_is_tracked(region_segment(region, (address - region->start) >> region->shift));
    int error = armed ? take(region, address, context) : 0;
    gate_leave(pass);
    if (error)
      os_write_error("writewatch: the kernel refuses to make a watched page writable again (out of "
                     "memory, or unmapped while it was watched: remove a region first); the write fails\n");
    if (armed && (error || !bus))
      return !error;
    if (bus) {
      enum presence found = again ? presence(address, pins) : THERE;
      /* The bounds are for a program that arms all the time, and for memory that is like no other. */
      if (found == ARMED_SINCE && asked++ < REPEATS_MAX)
        continue;
      return found == THERE && (!again || repeats < REPEATS_MAX);
    }
    /* A write that faulted just before its page was given back (ww_stop(),
     * ww_region_remove()) arrives here with the page writable, and need only be tried
     * again. If the page is read-only, it may have been armed again since we looked. */
    int protection = maps_protection(address);
    if (protection > 0 && (protection & PROT_WRITE))
      return !is_again(address, context_instruction(context), &repeats) || repeats < REPEATS_MAX;
    if (atomic_load(&region_armings) == armings)
      return false;
  }
}

/* This thread is being counted by a gate. */
static _Thread_local volatile bool inside;

bool
fault_is_inside(void)
{
  return inside;
}

/* By somebody just now: it is no fault of ours, nor of what would escape. Held off at once, or
 * each of a flood of them would begin inside the one before, until the stack is full. */
static void
on_sent(int signal, siginfo_t *info, void *context)
{
  os_hold_signals();
  if (inside)
    /* The program's handler might jump out of ours. */
    sigchain_postpone(signal, info, context);
  else if (!lock_postpone(signal, info))   /* likewise while this thread holds a lock of ours */
    sigchain_pass(signal, info, context);
}

void
fault_handler(int signal, siginfo_t *info, void *context)
{
  int saved = errno;
  if (info->si_code <= 0) {
    on_sent(signal, info, context);
    return;
  }
  bool nested = inside;
  inside = true;
  bool taken = ours(signal, info, context);
  inside = nested;
  errno = saved;
  if (!taken) {
    stack_escape();
    safe_escape();
    sigchain_pass(signal, info, context);
  }
}
