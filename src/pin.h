/* pin.h - async-signal-safe. Pages that the kernel may be writing to at this moment.
 *
 * A system call into watched memory needs its buffer writable from before the call until
 * it returns, however long that takes: the kernel raises no signal, it fails (EFAULT), or
 * comes back with a short count, or throws a datagram away. So the range is *pinned*
 * meanwhile, and who arms pages leaves pinned ones alone.
 *
 *   caller     P1  pin the range
 *              P2  wait until nobody is arming
 *              P3  through the gate: mark the pages of the range, make them writable
 *              P4  the system call
 *              P5  drop the pin
 *   collector  C1  C2                               (gate.h)
 *              A1  arming++
 *              A2  read the pins
 *              C3  make read-only what is marked and not pinned; a pinned page that is
 *                  marked in the ended epoch is marked in the running one as well
 *              A3  arming--
 *
 * Why no call finds its page read-only. Pin and count are sequentially consistent: if A2
 * did not see the pin, it came before P1, so A1 did, and P2 waits for A3; what P3 makes
 * writable stays so until the next A2, which sees the pin. If A2 saw it, C3 leaves the
 * page as it is: writable and marked in the ended epoch, and now in the running one too;
 * or not marked, then it is read-only still, and P3 is yet to come.
 *
 * Why no write is lost. A pinned page that is open is marked in every epoch until it is
 * armed again: by P3 in the first, at C3 in each later one. tests/model/pins.pml has all
 * of this in Promela, and the marks' hashes (loan.h).
 *
 * The short way. Armings are counted. A thread that went through P1 to P3 remembers the
 * range and the count that it found at P2 (lent.h), and for the same range it needs, as long
 * as nobody has armed since:
 *
 *              F1  pin the range, in a place of the thread's own
 *              F2  if the count of armings has moved, or somebody is arming now: drop the
 *                  pin, and the long way
 *              P4  P5
 *
 * What P3 marked and opened is open and marked until somebody arms, for nobody else makes a
 * page read-only or forgets a mark of the running epoch: who changes protections on the
 * program's behalf (shield/follow.h) counts as one who arms. If F2 found the count as it was,
 * F1 came before the next A1, so the next A2 sees the pin, and C3 does the rest. An epoch may
 * have ended already, without A1: then the page is marked in the ended one, and what is
 * written now is returned with that, or C3 marks the page in the running one as well.
 * Nothing is held here but the pin: a signal's handler may come in between at any point, or
 * jump out. It finds the place taken, and goes the long way; a place that was left behind is
 * known by its frame, like all pins. */
#ifndef WW_PIN_H
#define WW_PIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range { uintptr_t start, end; };

enum { PINS = 1024, PIN_NONE = -1 };

/* P1 and P2, and P5. Pins of one thread are a stack: each call's own frame tells which were
 * left behind by calls that a signal handler jumped out of; `frame` is any address in it, or
 * 0 if the call runs on an alternate stack. PIN_NONE if there is no place left: then nothing
 * at all is armed until pin_drop(PIN_NONE). */
int pin_add(struct range range, uintptr_t frame);
void pin_drop(int pin);
/* Wait for those who arm now; after the last pin_add() and before any page is opened. Returns
 * what pin_armings() says until somebody arms again. */
uint64_t pin_settle(void);
/* A number that moves whenever somebody arms. */
uint64_t pin_armings(void);
/* Has nobody been arming since it was that? */
bool pin_none_armed(uint64_t since);
/* F1: false if there is no place of the thread's own, or it is taken. */
bool pin_own(struct range range, uintptr_t frame);
void pin_drop_own(void);
/* Get this thread a place of its own, if it has none and there are enough. All signals but
 * SIGSEGV and SIGSYS are held off. */
void pin_get_own(void);
/* What was lent may not be open any more: before a protection is laid over it, or a mark
 * is taken out, in any way but arming. */
void pin_disturb(void);
/* A pin that belongs to no thread; PIN_NONE as above. */
int pin_hold(struct range range);
void pin_unhold(int pin);
/* A pin for good: of memory that the kernel may write at any time from now on. */
void pin_keep(struct range range);
/* Drop the pins of this thread's calls that are no more, if the stack is now at `frame`. */
void pin_reap(uintptr_t frame);
/* This thread ends, or has become a process of its own: its pins are dropped. */
void pin_forget_thread(void);
void pin_forget_others(void);

/* A1 and A2: the pins within [start, end), by ascending address and not overlapping, into
 * `pinned`, which has room for PINS. Returns how many. If all is pinned (no place was left)
 * that is one range. */
size_t pin_begin_arming(uintptr_t start, uintptr_t end, struct range *pinned);
/* A3 */
void pin_end_arming(void);

#endif
