/* pin.c - async-signal-safe. Pages that the kernel may be writing to at this moment. */
#include "config.h"
#include "pin.h"
#include "os.h"

#include <stdatomic.h>

struct pin {
  _Alignas(64) _Atomic uintptr_t start, end;   /* end 0: nothing */
  _Atomic uintptr_t frame;   /* of its thread's own concern */
  int below;                 /* the pin that its thread made before it */
  _Atomic bool kept;         /* for good */
};

/* A bit for each place that is taken. The lowest free one is taken first, so that few
 * words need be looked at. */
static _Atomic uint64_t taken[PINS / 64];
static struct pin pins[PINS];
static _Atomic uint32_t without_place;
/* ARMING for each arming that has begun, and 1 for each of them that has not ended. */
static _Atomic uint64_t armings;
#define ARMING ((uint64_t)1 << 16)
#define ARMING_NOW (ARMING - 1)
static _Thread_local int top = PIN_NONE;
/* Of this thread's calls: how many have no place, and the frame of the outermost. */
static _Thread_local uint32_t own_without_place;
static _Thread_local uintptr_t outermost;

/* The place that this thread keeps between its calls; `frame` 0: it pins nothing. */
static _Thread_local struct pin *_Atomic own;
enum { OWN_MAX = PINS / 2 };
static _Atomic uint32_t owned;

static int
take_place(void)
{
  for (unsigned word = 0; word < PINS / 64; word++) {
    uint64_t now = atomic_load(&taken[word]);
    while (~now) {
      unsigned bit = (unsigned)__builtin_ctzll(~now);
      if (atomic_compare_exchange_weak(&taken[word], &now, now | (uint64_t)1 << bit))
        return (int)(word * 64 + bit);
    }
  }
  return PIN_NONE;
}

static void
leave_place(int pin)
{
  atomic_store(&pins[pin].end, 0);
  atomic_fetch_and(&taken[pin / 64], ~((uint64_t)1 << (pin % 64)));
}

static int
place(struct range range)
{
  int pin = take_place();
  if (pin == PIN_NONE)
    atomic_fetch_add(&without_place, 1);
  else {
    atomic_store(&pins[pin].start, range.start);
    atomic_store(&pins[pin].end, range.end);
  }
  return pin;
}

static void
forget_without_place(void)
{
  atomic_fetch_sub(&without_place, own_without_place);
  own_without_place = 0;
}

/* Stacks grow down: a pin whose frame lies below ours is of a call that is no more. Of those
 * without a place only the outermost one's is known. */
void
pin_reap(uintptr_t frame)
{
  const struct pin *mine = own;
  if (frame && mine && mine->frame && mine->frame <= frame)
    pin_drop_own();
  while (frame && top != PIN_NONE && pins[top].frame && pins[top].frame <= frame)
    pin_drop(top);
  if (frame && own_without_place && outermost <= frame)
    forget_without_place();
}

int
pin_add(struct range range, uintptr_t frame)
{
  int pin = place(range);
  if (pin == PIN_NONE) {
    if (!own_without_place++)
      outermost = frame ? frame : UINTPTR_MAX;
  } else {
    pins[pin].frame = frame;
    pins[pin].below = top;
    top = pin;
  }
  return pin;
}

void
pin_drop(int pin)
{
  if (pin == PIN_NONE) {
    if (own_without_place) {
      own_without_place--;
      atomic_fetch_sub(&without_place, 1);
    }
    return;
  }
  while (top != PIN_NONE) {
    int dropped = top;
    top = pins[dropped].below;
    leave_place(dropped);
    if (dropped == pin)
      break;
  }
}

uint64_t
pin_armings(void)
{
  return atomic_load(&armings);
}

bool
pin_none_armed(uint64_t since)
{
  return !(since & ARMING_NOW) && pin_armings() == since;
}

uint64_t
pin_settle(void)
{
  uint64_t now;
  for (unsigned attempt = 0; (now = pin_armings()) & ARMING_NOW; attempt++)
    os_pause(attempt);
  return now;
}

void
pin_disturb(void)
{
  atomic_fetch_add(&armings, ARMING);
}

void
pin_get_own(void)
{
  if (own)
    return;
  int place = atomic_fetch_add(&owned, 1) < OWN_MAX ? take_place() : PIN_NONE;
  if (place == PIN_NONE) {
    atomic_fetch_sub(&owned, 1);
    return;
  }
  atomic_store(&pins[place].frame, 0);
  own = &pins[place];
}

/* A handler may come in before the frame is put down, and use the place: then it has done with
 * it when it returns. Two calls that have not ended never have the same frame: what lies there
 * with ours was left behind. */
bool
pin_own(struct range range, uintptr_t frame)
{
  struct pin *pin = own;
  if (!pin)
    return false;
  uintptr_t before = atomic_load_explicit(&pin->frame, memory_order_relaxed);
  if (before && before != frame)
    return false;
  atomic_store_explicit(&pin->frame, frame, memory_order_relaxed);
  atomic_store_explicit(&pin->start, range.start, memory_order_release);
  atomic_store(&pin->end, range.end);
  return true;
}

void
pin_drop_own(void)
{
  struct pin *pin = own;
  atomic_store_explicit(&pin->end, 0, memory_order_release);
  atomic_store_explicit(&pin->frame, 0, memory_order_release);
}

int
pin_hold(struct range range)
{
  return place(range);
}

void
pin_unhold(int pin)
{
  if (pin == PIN_NONE)
    atomic_fetch_sub(&without_place, 1);
  else
    leave_place(pin);
}

/* One that holds it already will do: places are few. */
void
pin_keep(struct range range)
{
  for (int pin = 0; pin < PINS; pin++)
    if (atomic_load(&pins[pin].kept)
        && atomic_load(&pins[pin].start) <= range.start && atomic_load(&pins[pin].end) >= range.end)
      return;
  int pin = place(range);
  if (pin != PIN_NONE)
    atomic_store(&pins[pin].kept, true);
}

void
pin_forget_thread(void)
{
  if (top != PIN_NONE) {
    int last = top;
    while (pins[last].below != PIN_NONE)
      last = pins[last].below;
    pin_drop(last);
  }
  forget_without_place();
  if (own) {
    leave_place((int)(own - pins));
    own = NULL;
    atomic_fetch_sub(&owned, 1);
  }
}

void
pin_forget_others(void)
{
  uint64_t left[PINS / 64] = { 0 };
  for (int pin = top; pin != PIN_NONE; pin = pins[pin].below)
    left[pin / 64] |= (uint64_t)1 << (pin % 64);
  if (own)
    left[(own - pins) / 64] |= (uint64_t)1 << ((own - pins) % 64);
  atomic_store(&owned, own ? 1 : 0);
  for (int pin = 0; pin < PINS; pin++)
    if (atomic_load(&pins[pin].kept))
      left[pin / 64] |= (uint64_t)1 << (pin % 64);
    else if (!(left[pin / 64] >> (pin % 64) & 1))
      atomic_store(&pins[pin].end, 0);
  for (unsigned word = 0; word < PINS / 64; word++)
    atomic_store(&taken[word], left[word]);
  atomic_store(&without_place, own_without_place);
  atomic_store(&armings, (atomic_load(&armings) | ARMING_NOW) + 1);
}

/* Put a range in its place among those before it, joined with what it meets. */
static size_t
insert(struct range *pinned, size_t count, struct range range)
{
  size_t at = count;
  while (at > 0 && pinned[at - 1].start > range.start)
    at--;
  if (at > 0 && pinned[at - 1].end >= range.start)
    at--;
  size_t behind = at;
  while (behind < count && pinned[behind].start <= range.end) {
    range.start = pinned[behind].start < range.start ? pinned[behind].start : range.start;
    range.end = pinned[behind].end > range.end ? pinned[behind].end : range.end;
    behind++;
  }
  size_t moved = count - behind;
  if (behind <= at)
    for (size_t i = moved; i-- > 0;)
      pinned[at + 1 + i] = pinned[behind + i];
  else
    for (size_t i = 0; i < moved; i++)
      pinned[at + 1 + i] = pinned[behind + i];
  pinned[at] = range;
  return at + 1 + moved;
}

size_t
pin_begin_arming(uintptr_t start, uintptr_t end, struct range *pinned)
{
  size_t count = 0;
  atomic_fetch_add(&armings, ARMING + 1);
  if (atomic_load(&without_place)) {
    pinned[0] = (struct range){ start, end };
    return 1;
  }
  for (unsigned word = 0; word < PINS / 64; word++)
    for (uint64_t rest = atomic_load(&taken[word]); rest; rest &= rest - 1) {
      const struct pin *pin = &pins[word * 64 + (unsigned)__builtin_ctzll(rest)];
      /* The end first: if it is the new one, so is the start. If it is not, the new pin came
       * after A1, and whoever made it knows; then what is read here may be no range at all. */
      struct range range = { .end = atomic_load(&pin->end) };
      range.start = atomic_load(&pin->start);
      if (range.start < range.end && range.start < end && range.end > start)
        count = insert(pinned, count, range);
    }
  return count;
}

void
pin_end_arming(void)
{
  atomic_fetch_sub(&armings, 1);
}
