/* loan.h - async-signal-safe. Memory that is lent to the kernel for the time of a system
 * call: pinned (pin.h), marked, and writable before the call is made.
 *
 * A call may write less than it might: a page that nobody has marked in this epoch is
 * hashed before it is made writable, and its mark is *provisional*: the collect that ends
 * the epoch arms the page, hashes it again and returns it (WW_DECLARED) only if it
 * differs. While it is open the program may write there too, unseen: that is found by the
 * same comparison. What changes and changes back between the mark and the collect counts as
 * unchanged: a copy that is made while an open page is being written has to be compared by
 * its own bytes. */
#ifndef WW_LOAN_H
#define WW_LOAN_H

#include "pin.h"
#include "region.h"

enum { LOAN_PINS = 8 };

struct loan { int pin[LOAN_PINS]; unsigned pins; };

/* Lend out what of the ranges is watched. All signals but SIGSEGV and SIGSYS are held off.
 * `frame`: as for pin_add(). Pages that cannot be made writable stay as they are: the call
 * will say EFAULT. */
void loan_begin(struct loan *loan, const struct range *range, size_t count, uintptr_t frame);
void loan_end(struct loan *loan);
/* The short way of pin.h, for a range that this thread has lent before: with any signal open. True
 * if the memory is lent until loan_again_end(). */
bool loan_again(struct range range, uintptr_t frame);
void loan_again_end(void);
/* Lent for good: for memory that the kernel writes at times of its own. */
void loan_forever(struct range range);

/* --- for whoever arms (epoch.c); the tracker's lock is held */

/* The pinned pages of a region, first .. first + count - 1 each. Ends with loan_arming_done(). */
struct pages { size_t first, count; };
size_t loan_arming(const struct ww_region *region, struct pages *pinned);
void loan_arming_done(void);
/* Of a region that is armed for the first time: pinned pages are marked in the running epoch. */
void loan_take_up(struct ww_region *region, struct pages pinned);
/* Of the ended epoch's marks: a pinned page is marked in the running epoch too. */
void loan_carry_over(struct ww_region *region, struct page_set *ended, struct page_set *running,
                     struct pages pinned);
/* Of the ended epoch's provisional marks: what did not change is taken out of the set, the rest
 * is declared, or, if it was opened by ourselves, verified. Returns how many pages were taken out. */
size_t loan_verify(struct ww_region *region, struct page_set *ended, const struct page_set *running);
/* Make one page read-only unless it is pinned. */
int loan_arm_page(struct ww_region *region, size_t page);

#endif
