/* policy.h - which pages are left writable from one epoch to the next, and verified. The
 * collector's, under the tracker's lock, but for what says otherwise. */
#ifndef WW_POLICY_H
#define WW_POLICY_H

#include "cost.h"
#include "history.h"
#include "loan.h"
#include "region.h"

struct policy {
  struct bitmap kept;           /* open since the last collect or longer, marked in the running epoch */
  struct page_hash *baseline;   /* [pages] of those that are kept: what the last collect found, or
                                   ww_dirty_copy() copied */
  struct patience {             /* [pages], likewise */
    uint8_t left, granted : 6, neighbour : 1;
  } *patience;
  uint32_t *list;               /* [words] those that this collect looks at */
  uint64_t *fresh;              /* a bit a page: kept by this collect */
  uint64_t *changed;            /* a bit a page: what this collect has found */
  bool has_begun;               /* there were traps */
  double bank;                  /* nanoseconds: what was saved, and may be risked */
  double alone;                 /* the share of traps with no open page beside theirs */
  struct history history;       /* of all pages */
  struct odds neighbours;       /* pages on trial that were not written, among many that were */
  size_t kept_pages;
  size_t looked, changed_pages; /* of those, by this collect */
  double gain;                  /* nanoseconds an epoch that keeping pages saves, lately */
  unsigned losses;              /* epochs in which it saved nothing, running */
  unsigned rest, next_rest;     /* epochs in which nothing is kept, because it did not pay */
  bool expecting;               /* it is likely to pay from the next epoch on */
  bool aliased;                 /* other mappings may show what shared memory holds */
  struct cost cost;
  _Atomic long ahead_left;      /* pages that handlers may open unwritten in this epoch */
  _Atomic unsigned gap_max;     /* so many pages may be opened rather than split a mapping */
};

/* Bytes that policy_init() wants, zeroed; only what is used of them is touched. */
size_t policy_size(size_t pages);
void policy_init(struct policy *policy, size_t pages, void *zeroed);

/* The region is about to be armed. */
void policy_begin(struct ww_region *region);
/* Before the epoch ends: what is kept is marked in the set of the next. */
void policy_mark_kept(struct ww_region *region, struct page_set *next);
/* The epoch has ended, none of its marks is armed yet, and who arms is known to those who pin:
 * decide what of it is kept. `pinned` pages stay as they are. */
void policy_choose(struct ww_region *region, struct page_set *ended, struct page_set *running,
                   const struct pages *pinned, size_t pins);
/* Look at what is kept: what did not change is taken out of the ended set. Returns how many. First, so that
 * the choice knows what came of the last one, what was kept before; then what was chosen. */
enum policy_pass { POLICY_KEPT_BEFORE, POLICY_KEPT_NOW };
size_t policy_verify(struct ww_region *region, struct page_set *ended, struct page_set *running,
                     enum policy_pass pass);
/* What provisional marks came to (loan.c): pages that handlers opened ahead. */
void policy_learn_ahead(struct ww_region *region, size_t changed, size_t unchanged);
/* These pages are not kept any more: their marks in the running epoch are provisional. */
void policy_release(struct ww_region *region, struct page_set *running, size_t first, size_t count);
/* The collect failed, and its marks go to the running epoch: what is in them is not kept. */
void policy_give_back(struct ww_region *region, const struct page_set *ended);
/* Nothing is kept: the region is disarmed. */
void policy_forget(struct ww_region *region);
/* A page that ww_dirty_copy() copied is compared with this copy, if it is kept; if it is otherwise open it is
 * returned by the next collect, unless it still held what its provisional mark says. */
void policy_rebase(struct ww_region *region, struct page_set *running, size_t page, const void *copy);

/* --- for choice.c and verdict.c
 *
 * Mark as what is open without having been written. What a fault has marked already stays trapped:
 * its write may be older than what the page is compared with. */
void policy_mark(struct ww_region *region, struct page_set *set, size_t word, uint64_t mask);
/* Not kept any more: the mark in the running epoch becomes a provisional one, and the next collect arms
 * the page. */
void policy_make_provisional(struct policy *policy, struct page_set *running, size_t word, uint64_t mask);
/* Several of the tracker's segments are shared, so that one may be the other (alias.c). */
bool policy_may_be_aliased(const struct ww_tracker *tracker);
/* What the running epoch's handlers go by. */
void policy_instruct(struct ww_region *region);

/* Async-signal-safe. Those of a word that are kept. */
static inline uint64_t
policy_kept(const struct ww_region *region, size_t word)
{
  return region->policy ? bitmap_word(&region->policy->kept, word) : 0;
}

/* ahead.c, async-signal-safe, between gate_enter() and gate_leave(): the page has just been
 * marked by a fault. Widen [*first, *first + *count) by pages that are likely to be written
 * next; they are marked in `set`, provisionally. */
void policy_ahead(struct ww_region *region, struct page_set *set, size_t *first, size_t *count);

#endif
