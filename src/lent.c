/* lent.c - async-signal-safe. What this thread has lent lately. */
#include "config.h"
#include "lent.h"
#include "os.h"

#include <stdatomic.h>

/* A program reads into a handful of buffers, over and over. */
enum { LENT = 4 };

static _Thread_local struct {
  _Atomic unsigned changes;      /* a handler has been here in between */
  unsigned next;                 /* to be forgotten */
  struct { _Atomic uintptr_t start, end; _Atomic uint64_t armings; } entry[LENT];
} lent;

#define GET(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define PUT(field, value) atomic_store_explicit(&(field), value, memory_order_relaxed)

/* Whole pages are lent. What meets a range of the same time joins it. */
void
lent_remember(struct range range, uint64_t armings)
{
  uintptr_t page = os_page_size();
  range.start &= ~(page - 1);
  range.end = (range.end + page - 1) & ~(page - 1);
  if (range.end <= range.start)
    return;
  unsigned at = LENT;
  for (unsigned i = 0; i < LENT && at == LENT; i++)
    if (GET(lent.entry[i].armings) == armings && GET(lent.entry[i].start) <= range.end
        && GET(lent.entry[i].end) >= range.start) {
      uintptr_t start = GET(lent.entry[i].start), end = GET(lent.entry[i].end);
      range.start = start < range.start ? start : range.start;
      range.end = end > range.end ? end : range.end;
      at = i;
    }
  for (unsigned i = 0; i < LENT && at == LENT; i++)
    if (GET(lent.entry[i].armings) != armings)
      at = i;
  if (at == LENT)
    at = lent.next++ % LENT;
  PUT(lent.changes, GET(lent.changes) + 1);
  PUT(lent.entry[at].start, range.start);
  PUT(lent.entry[at].end, range.end);
  PUT(lent.entry[at].armings, armings);
}

bool
lent_is_known(struct range range, uint64_t armings)
{
  unsigned changes = GET(lent.changes);
  atomic_signal_fence(memory_order_acquire);
  for (unsigned i = 0; i < LENT; i++)
    if (GET(lent.entry[i].start) <= range.start && GET(lent.entry[i].end) >= range.end
        && GET(lent.entry[i].armings) == armings) {
      atomic_signal_fence(memory_order_acquire);
      return GET(lent.changes) == changes;
    }
  return false;
}
