/* keep.c - the companion's: closes epochs and writes the trace. */
#include "config.h"
#include "record/recorder.h"
#include "record/companion.h"
#include "record/discover.h"
#include "record/journal.h"
#include "dirtyset.h"
#include "os.h"
#include "raw.h"
#include "region.h"

#include <errno.h>
#include <linux/futex.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum {
  FAULT_COST = 10000,          /* ns, about: delivery, mprotect(), a stack */
  STRETCH_MAX = 4, PATIENCE = 2, LEAST_SHARE = 5
};
#define INTERVAL_MAX ((uint64_t)60 * 1000000000)

static struct {
  uint64_t interval;           /* as it is now */
  uint64_t begin, next;        /* os_now(): when the epoch began, and is to end */
  uint32_t signals;            /* that were answered */
  uint32_t request;            /* as it was when the last look was taken */
  uint64_t processor;          /* the program's time, when the last epoch ended */
  unsigned dear;               /* epochs in a row that took too long */
  bool full_told;
} keep;

static void
wake_all(_Atomic uint32_t *word)
{
  RAW_CALL(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void
recorder_wake(void)
{
  atomic_fetch_add(&recorder.control->request, 1);
  wake_all(&recorder.control->request);
}

/* Threads that were killed, in handlers of ours or with locks, are not waited for. */
static bool
forsaken(void)
{
  if (!companion_is_alone())
    return false;
  const struct region_table *table = region_table();
  gate_reset(&region_gate);
  gate_reset(&recorder.tracker->gate);
  for (size_t i = 0; table && i < table->count; i++)
    atomic_store(&table->region[i]->changing, false);
  return true;
}

/* Wait for the epoch's end. */
static enum trace_cause
wait_for_end(void)
{
  struct control *control = recorder.control;
  for (;;) {
    keep.request = atomic_load(&control->request);
    if (atomic_load(&control->asked) != atomic_load(&control->done))
      return TRACE_MARKER;
    if (atomic_load(&control->signals) != keep.signals)
      return TRACE_SIGNAL;
    if (companion_is_alone())
      return TRACE_LAST;
    uint64_t now = os_now();
    if (now >= keep.next)
      return TRACE_TIMER;
    companion_wait(&control->request, keep.request, keep.next);
  }
}

/* ------------------------------------------------------------------- overhead */

static void
tell_interval(uint64_t before, unsigned percent)
{
  char text[160];
  snprintf(text, sizeof text, "the interval is %s from %.1f ms to %.1f ms: tracking took %u %% of the "
           "program's time", keep.interval > before ? "stretched" : "shortened", (double)before / 1e6,
           (double)keep.interval / 1e6, percent);
  (void)journal_note(TRACE_STRETCHED, keep.interval, text);
}

/* Processor time of the program's process, ns; 0 if it cannot be told. */
static uint64_t
processor_time(void)
{
  struct timespec time = { 0, 0 };
  /* A process's clock: CPUCLOCK_SCHED of the kernel's posix-timers.h. */
  clockid_t clock = (clockid_t)(~(unsigned)companion_of() << 3 | 2);
  RAW_CALL(SYS_clock_gettime, clock, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* What the epoch cost, in percent of what the program would have run without us; of a part of the
 * time, if it waits mostly, for then nobody waits for it. */
static unsigned
price(uint64_t length, uint64_t collect, uint64_t faults)
{
  uint64_t now = processor_time(), spent = now - keep.processor, trapped = faults * FAULT_COST;
  uint64_t own = spent > trapped ? spent - trapped : 0, least = length / LEAST_SHARE;
  keep.processor = now;
  own = own > least ? own : least;
  return (unsigned)((collect + trapped) * 100 / (own ? own : 1));
}

/* First by verifying what is written in most epochs, then by a longer interval: what keeps below what was
 * asked for. */
static void
adapt(uint64_t length, uint64_t collect, uint64_t faults)
{
  uint64_t before = keep.interval;
  unsigned asked = recorder.settings.overhead, percent = price(length, collect, faults);
  if (!asked || !recorder.settings.interval)
    return;
  keep.dear = percent > asked ? keep.dear + 1 : 0;
  if (keep.dear >= PATIENCE && atomic_exchange(&recorder.tracker->trapping, false)) {
    (void)journal_note(TRACE_POLICY, WW_POLICY_ADAPTIVE, "tracking takes too long: pages that are written in "
                       "most epochs are verified from now on, and their writers are not seen");
    keep.dear = 0;
    return;
  }
  if (percent > asked) {
    uint64_t wanted = before * percent / asked;
    keep.interval = wanted < before * STRETCH_MAX ? wanted : before * STRETCH_MAX;
    keep.interval = keep.interval < INTERVAL_MAX ? keep.interval : INTERVAL_MAX;
  } else if (percent < asked / 2 && before > recorder.settings.interval) {
    keep.interval = before * 2 / 3;
    if (keep.interval < recorder.settings.interval)
      keep.interval = recorder.settings.interval;
  }
  if (keep.interval != before)
    tell_interval(before, percent);
}

/* -------------------------------------------------------------------- epochs */

/* The audit's: writes that nobody had noticed. */
static void
tell_missed(const struct ww_dirty *dirty)
{
  char text[160];
  for (size_t i = 0; i < dirty->missed_runs; i++) {
    const struct ww_run *run = &dirty->missed[i];
    const struct ww_region *region = run->region;
    size_t page = ((uintptr_t)run->address - region->start) >> region->shift;
    snprintf(text, sizeof text, "missed: %zu pages of %.63s from page %zu", run->length >> region->shift,
             region->name, page);
    (void)journal_note(TRACE_LOST, run->length >> region->shift, text);
  }
}

/* False: the recording ends here, and has been told why. */
static bool
close_epoch(enum trace_cause cause)
{
  struct control *control = recorder.control;
  uint32_t marker = atomic_load(&control->asked);
  char label[CONTROL_LABEL] = "";
  struct ww_dirty *dirty;
  uint64_t before = os_now();
  if (cause == TRACE_MARKER)
    memcpy(label, control->label, sizeof label);
  int error = tracker_collect(recorder.tracker, &dirty);
  uint64_t after = os_now();
  if (error) {
    char text[256];
    snprintf(text, sizeof text, "an epoch could not be closed: %s", strerror(-error));
    (void)journal_note(TRACE_WARNING, 0, text);
  }
  /* The program goes on from its marker as soon as the epoch is closed. */
  if (cause != TRACE_LAST) {
    discover_again();
    if (discovered.full && !keep.full_told) {
      keep.full_told = true;
      (void)journal_note(TRACE_WARNING, 0, "there are more separate mappings than can be watched");
    }
  }
  children_tell();
  if (cause == TRACE_SIGNAL)
    keep.signals++;
  if (!error) {
    uint64_t length = before - keep.begin, faults = dirty->log.count, pages = dirty->pages;
    tell_missed(dirty);
    error = journal_epoch(dirty, cause, label, after - before);
    ww_dirty_free(dirty);
    adapt(length, after - before, faults);
    if (!error) {
      atomic_fetch_add(&control->epochs, 1);
      atomic_fetch_add(&control->pages, pages);
    }
  }
  if (cause == TRACE_MARKER) {
    atomic_store(&control->done, marker);
    wake_all(&control->done);
  }
  keep.begin = before;
  keep.next = keep.interval ? before + keep.interval : UINT64_MAX;
  if (os_now() > keep.next)
    keep.next = os_now() + keep.interval / 2;
  return error != -ENOSPC && error != -EFBIG && error != -EIO && error != -EDQUOT && error != -EBADF;
}

static void
end_by_death(void)
{
  int status = 0;
  if (companion_was_replaced())
    journal_end(TRACE_REPLACED, 0, "");
  else if (recorder_is_first() && os_parent_id() == recorder.settings.command)
    return;                     /* the command knows how, if it lives */
  else if (!companion_status(&status))
    journal_end(TRACE_EXITED, 0, "the status is not known");
  else if (WIFSIGNALED(status))
    journal_end(TRACE_SIGNALLED, (uint64_t)WTERMSIG(status), "");
  else
    journal_end(TRACE_EXITED, (uint64_t)WEXITSTATUS(status), "");
}

static void
finish(void)
{
  /* What was exec'ed may have begun by now. */
  if (atomic_load(&recorder.control->companion) != (int32_t)RAW_CALL(SYS_getpid))
    return;
  atomic_store(&recorder.control->state, CONTROL_FINISHED);
  wake_all(&recorder.control->state);
  wake_all(&recorder.control->done);
}

void
recorder_keep(void)
{
  const struct settings *settings = &recorder.settings;
  enum trace_cause cause;
  while (!atomic_load(&recorder.go)) {
    struct timespec moment = { 0, 20000000 };
    RAW_CALL(SYS_futex, &recorder.go, FUTEX_WAIT, 0, &moment, NULL, 0);
    if (!atomic_load(&recorder.go) && companion_is_alone())
      return;
  }
  os_forsaken = forsaken;
  memset(&keep, 0, sizeof keep);
  keep.interval = settings->interval;
  keep.signals = atomic_load(&recorder.control->signals);
  if (journal_begin(recorder.trace, settings, recorder.tracker)) {
    (void)tracker_stop(recorder.tracker);
    finish();
    return;
  }
  keep.begin = recorder.tracker->start_time;
  keep.next = keep.interval ? keep.begin + keep.interval : UINT64_MAX;
  uint64_t last = settings->duration ? keep.begin + settings->duration : UINT64_MAX;
  for (;;) {
    if (keep.next > last)
      keep.next = last;
    cause = wait_for_end();
    bool over = os_now() >= last;
    if (cause == TRACE_LAST)
      (void)forsaken();
    bool good = close_epoch(over && cause == TRACE_TIMER ? TRACE_LAST : cause);
    if (cause == TRACE_LAST) {
      end_by_death();
      break;
    }
    if (good && !over)
      continue;
    (void)tracker_stop(recorder.tracker);
    if (good)
      journal_end(TRACE_DURATION, 0, "");
    else
      journal_give_up();
    break;
  }
  finish();
}
