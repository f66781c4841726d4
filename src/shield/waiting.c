/* waiting.c - async-signal-safe. System calls that had begun before they could be trapped.
 *
 * /proc/self/task/N/syscall (proc(5)) has number, arguments, stack and instruction pointer
 * of a thread that waits in a call, "running" of one that does not. A thread that runs is
 * in the program, where its next call is trapped, or on its way through a call that was
 * let pass: for those we look again a few times. Where the kernel has no such file, a call
 * that waits already fails with EFAULT, as it would without the shield. */
#include "config.h"
#include "shield/waiting.h"
#include "shield/shield.h"
#include "os.h"
#include "threads.h"

#include <stdatomic.h>
#include <string.h>

/* What the file said, and the pins that came of it. */
struct waiting { int32_t thread; char line[160]; int pin[4]; unsigned pins; };

enum { WAITING_MAX = 64, LOOKS = 10 };
static struct waiting waiting[WAITING_MAX];    /* under the lock of the filters, or of a collect: */
static unsigned waits;
static _Atomic bool busy;                      /* ... the two exclude each other by this */

static void
take(void)
{
  for (unsigned attempt = 0; atomic_exchange(&busy, true); attempt++)
    os_pause(attempt);
}

static void
give(void)
{
  atomic_store(&busy, false);
}

static const char *
read_number(const char *at, long *value)
{
  bool hexadecimal = at[0] == '0' && at[1] == 'x';
  unsigned long number = 0;
  for (at += hexadecimal ? 2 : 0; *at && *at != ' ' && *at != '\n'; at++) {
    int digit = *at <= '9' ? *at - '0' : (*at | 0x20) - 'a' + 10;
    number = number * (hexadecimal ? 16 : 10) + (unsigned long)digit;
  }
  *value = (long)number;
  return *at == ' ' ? at + 1 : at;
}

static void
pin_call(int32_t thread, const char *line, struct range window)
{
  struct call call = { .number = -1 };
  struct ranges ranges = { .count = 0 };
  if (*line < '0' || *line > '9' || waits == WAITING_MAX)
    return;
  const char *at = read_number(line, &call.number);
  for (unsigned i = 0; i < 6; i++)
    at = read_number(at, &call.argument[i]);
  const struct row *row = table_find(call.number);
  for (unsigned i = 0; row && i < ROW_OUTS; i++)
    ranges_add_out(&ranges, &call, &row->out[i]);
  struct waiting *here = &waiting[waits];
  here->pins = 0;
  for (size_t i = 0; i < ranges.count && here->pins < 4; i++)
    if (ranges.range[i].start < window.end && ranges.range[i].end > window.start)
      here->pin[here->pins++] = pin_hold(ranges.range[i]);
  if (here->pins) {
    here->thread = thread;
    memcpy(here->line, line, sizeof here->line);
    waits++;
  }
}

static void
look_at(int32_t thread, struct range window)
{
  char line[160] = "";
  for (unsigned look = 0; look < LOOKS; look++) {
    if (!threads_read(thread, "syscall", line, sizeof line) || *line != 'r')
      break;
    os_pause(96);     /* 20 us */
  }
  pin_call(thread, line, window);
}

void
waiting_find(struct range window)
{
  struct threads_reader reader;
  int32_t thread;
  if (os_threads() == 1)
    return;
  take();
  if (!threads_open(&reader)) {
    while ((thread = threads_next(&reader)) > 0)
      if (thread != os_thread_id())
        look_at(thread, window);
    threads_close(&reader);
  }
  give();
}

void
waiting_refresh(void)
{
  char line[160];
  take();
  for (unsigned i = 0; i < waits;) {
    if (threads_read(waiting[i].thread, "syscall", line, sizeof line) && !strcmp(line, waiting[i].line)) {
      i++;
      continue;
    }
    while (waiting[i].pins)
      pin_unhold(waiting[i].pin[--waiting[i].pins]);
    waiting[i] = waiting[--waits];
  }
  give();
}

void
waiting_forget(void)
{
  waits = 0;
  atomic_store(&busy, false);
}
