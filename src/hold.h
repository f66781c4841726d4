/* hold.h - async-signal-safe. Pages that are held: what they contained at one moment can be had until it
 * has been saved, whoever writes to them meanwhile.
 *
 * The protocol. A snapshot (snapshot.c) makes every page that is open read-only, at a moment when nobody can
 * open one, and says which pages it holds. From then on each page has one word, `copy', which leaves
 * IN_PLACE once and for all:
 *
 *   who opens   N1  if the page is held and its copy is IN_PLACE: copy it to a slot of the pool;
 *   the page        copy: IN_PLACE -> the slot, by one compare-and-exchange. Who loses gives the slot back
 *               N2  open the page (H4 of gate.h)
 *   who saves   S1  if the copy is IN_PLACE: copy the page;
 *                   copy: IN_PLACE -> SAVED, by one compare-and-exchange. If that succeeds, it is done
 *               S2  else copy the slot that the word names; copy: the slot -> SAVED; give the slot back
 *   who ends    E1  nothing is held any more
 *               E2  wait until nobody is between N1 and N2
 *               E3  give back what slots are left
 *
 * Why what is saved is what the page held at that moment. It was read-only then. It is opened at N2 alone,
 * by somebody who has seen, or made, a copy that is not IN_PLACE. So as long as the word says IN_PLACE the
 * page is as it was, and a copy of it which is complete before the exchange succeeds was made while it did.
 * N1 and S1 differ in nothing but where they copy to; neither waits for the other, and there may be any
 * number of both at once.
 *
 * Why it need not be a handler that copies: engine_open() does it for all that come through there: faults,
 * pages opened ahead or in bulk, ww_touch(), loans to the kernel. Who changes a mapping on the program's
 * behalf (shield/change.c) does it for the whole range first.
 *
 * Why nothing waits for ever. N1 to E3 wait for nothing but E2, for those between N1 and N2, who do
 * not wait. A writer whose page would go beyond the pool is held back *before* N1, outside of all gates,
 * like one that finds `changing' (fault.c), as long as slots are being given back, PATIENCE at least.
 * Then it goes on, beyond the pool's bound: who saves may be waiting for something that this very
 * thread holds, a lock of malloc() for example. Who saves, and who holds a lock of ours, is not held back
 * at all. And if there is no memory the page is LOST, which the snapshot says: a program never
 * stands still, nor fails, because somebody makes an image of it.
 *
 * tests/model/held.pml has this in Promela, with each step left out in turn. */
#ifndef WW_HOLD_H
#define WW_HOLD_H

#include "pool.h"
#include "region.h"

/* What a page's word may be; any other value is the address of its copy. */
enum { HOLD_IN_PLACE = 0, HOLD_SAVED = 1, HOLD_LOST = 2, HOLD_UNREADABLE = 3, HOLD_STATES };

struct hold {
  _Atomic uint64_t *held;       /* a bit a page */
  uint64_t *open;               /* a bit a page: lent to the kernel at that moment, so it is open */
  _Atomic uintptr_t *copy;      /* [pages] */
  struct pool *pool;
  enum ww_engine engine;        /* the region's at that moment */
  bool aliased;                 /* memory may be shown twice: a write here changes what is held there */
  bool fresh;                   /* the collect that goes with it is not done yet */
  _Atomic uint64_t copied;      /* pages, because somebody opened them */
  _Atomic uint64_t waits;       /* writers that were held back */
  _Atomic uint64_t lost;        /* pages */
};

/* A region's own, made with the first snapshot; nothing is held. NULL: no memory. Not for handlers. */
struct hold *hold_create(size_t pages);
void hold_destroy(struct hold *hold);

/* N1, for those of the pages that are held. */
void hold_copy_pages(struct ww_region *region, size_t first, size_t count);
static inline void
hold_before_open(struct ww_region *region, size_t first, size_t count)
{
  if (atomic_load_explicit(&region->hold, memory_order_acquire))
    hold_copy_pages(region, first, count);
}

/* A writer's fault: is it to be held back for a while? Outside of the gates, look again then. */
struct hold_patience { uint64_t since, given; };
bool hold_is_patient(struct ww_region *region, size_t page, struct hold_patience *patience);
/* The calling thread saves what makes room in this pool: it is never held back. */
void hold_never_me(const struct pool *pool);

/* Can it be read just now? */
bool hold_is_readable(const struct ww_region *region, size_t page);
/* Is the page one of those whose content can still be had? */
bool hold_has(const struct hold *hold, size_t page);
/* S1 and S2: 0, -ENODATA (not held, or saved before), -ENOBUFS (lost), -EFAULT (cannot be read). *in_place:
 * nobody had opened it. */
int hold_save(struct ww_region *region, struct hold *hold, size_t page, void *buffer, bool *in_place);
/* Its content is not wanted any more. */
void hold_let_go(const struct ww_region *region, struct hold *hold, size_t word, uint64_t mask);
/* What the page held at that moment, while the collect is under way; else what it holds. */
struct page_hash hold_page_hash(struct ww_region *region, size_t page);
/* Before anything is held: copy the pages that are open, or copy those again that are not what their copy
 * is. Returns how many those were; what there is no memory for is lost. */
size_t hold_copy_open(struct ww_region *region, struct hold *hold);
/* Widen [*first, *first + *count), a page that a fault opens, to its neighbours that stay open from epoch to
 * epoch (policy.h) and are held still. */
void hold_widen(const struct ww_region *region, const struct page_set *set, size_t *first, size_t *count);

#endif
