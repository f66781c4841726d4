/* region.h - async-signal-safe. Which page is whose: regions, their page sets, and
 * the lock-free look-up for the handler. */
#ifndef WW_REGION_H
#define WW_REGION_H

#include "bitmap.h"
#include "gate.h"
#include "pagehash.h"
#include "segment.h"
#include "writewatch.h"

#include <stdatomic.h>
#include <stdbool.h>

/* The pages made writable in one epoch. A page that was first marked by a trap is
 * in `dirty` alone; how any other came in is in the sets beside it, which are
 * untouched memory as long as there is none (`special`). */
struct page_set {
  struct bitmap dirty;
  _Atomic uint64_t *bulk;       /* made writable because its neighbours were */
  _Atomic uint64_t *declared;   /* ww_touch() */
  _Atomic uint64_t *trapped;    /* faulted although it was in the set already */
  _Atomic uint64_t *provisional; /* declared, but returned only if it differs from its hash (loan.h) */
  _Atomic uint64_t *verified;   /* found by the audit: its content changed without a fault */
  _Atomic uint64_t *owed;       /* returned though their content may be what their hash says */
  struct page_hash *hash;       /* [pages] of the provisional ones; NULL: the tracker has no shield */
  _Atomic bool special;
  _Atomic bool unverified;      /* some are provisional */
  _Atomic bool owes;            /* some are owed */
  _Atomic long mappings;        /* that its writable runs add to the process */
};

struct hold;
struct policy;

struct ww_region {
  struct ww_tracker *tracker;
  _Atomic uint32_t references;  /* the tracker's, and one for each dirty set */
  uintptr_t start, end;
  unsigned shift;               /* log2 of its page size */
  size_t pages;
  _Atomic bool armed;           /* its faults are ours */
  /* What the program wants of it is being changed: handlers leave their gates and look
   * again; see shield/follow.h. */
  _Atomic bool changing;
  _Atomic(struct segment_table *) table;
  struct segment_table *spare;  /* the next table is made here */
  struct ww_region *origin;     /* itself, or the one that it came of by mremap(); compared, never followed */
  struct audit *audit;          /* NULL: none */
  struct policy *policy;        /* NULL: every first write of an epoch traps */
  _Atomic enum ww_engine engine; /* how its writes are noticed */
  uint64_t object;              /* the userfaultfd object that watches it; 0: none */
  bool scanned;                 /* what was marked last is armed already */
  bool frozen;                  /* likewise, what is kept included, and nothing is lent (snapshot.c) */
  _Atomic(struct hold *) hold;  /* NULL: no page is held for a snapshot */
  struct hold *hold_memory;     /* for the next one */
  size_t runs;                  /* that the last scan found, about */
  size_t calls;                 /* made to look for what was written and to arm it, since the last choice */
  _Atomic bool interim;         /* for the moment of a fork() it is the mprotect engine's */
  bool probed;                  /* some pages cannot be read, whatever the protection says */
  void *note;                   /* whoever watches keeps it here; not looked at */
  size_t memory;                /* bytes that this takes */
  struct page_hash *hashes;     /* for both sets; NULL: the tracker has no shield */
  struct page_set set[2];       /* by epoch & 1 */
  char name[64];
};

/* A region with its sets and room for its segments, not yet published; NULL if there is no memory. */
struct ww_region *region_create(struct ww_tracker *tracker, const char *name, uintptr_t start,
                                uintptr_t end, unsigned shift, size_t segments);
struct ww_region *region_share(struct ww_region *region);
void region_release(struct ww_region *region);

/* Of these, by ascending address, the one that holds all of [start, end), whole pages; NULL: none. */
struct ww_region *region_among(struct ww_region *const *region, size_t count, uintptr_t start, uintptr_t end);

/* -EFAULT, and the sentence that says what to do. */
int region_unmapped(const struct ww_region *region);

static inline uintptr_t
region_page_address(const struct ww_region *region, size_t page)
{
  return region->start + (page << region->shift);
}

static inline struct page_hash
region_page_hash(const struct ww_region *region, size_t page)
{
  return page_hash((const void *)region_page_address(region, page), (size_t)1 << region->shift);
}

/* Add pages of one word; returns those that were not in the set. Counts the mappings
 * that the set's runs cost if its pages alone are writable: two for each run. */
uint64_t page_set_add(struct ww_region *region, struct page_set *set, size_t word, uint64_t mask);
/* Take out pages of one word; nobody else may be in the set. */
void page_set_remove(struct page_set *set, size_t word, uint64_t mask);
enum ww_evidence page_set_evidence(const struct page_set *set, size_t page);
/* Those of the word whose evidence would be this, if they are in the set; `special` is true. */
uint64_t page_set_with_evidence(const struct page_set *set, size_t word, enum ww_evidence evidence);
/* Take the pages out, and give their mappings back; nobody else may be in it. */
void page_set_drop(struct ww_region *region, struct page_set *set, size_t first, size_t count);
/* Put in pages of one word whose write was announced; they need not be open. */
void page_set_declare(struct ww_region *region, struct page_set *set, size_t word, uint64_t mask);
/* These pages, which are in it, are returned whatever comes: also if somebody is about to make their
 * marks provisional. */
void page_set_owe(struct page_set *set, size_t word, uint64_t mask);
/* Hash a page that nobody has marked, and mark it as one that is opened unwritten (ahead.c says why in this
 * order); `collects`: the tracker's, before the first look. False if somebody was faster. */
bool page_set_add_hashed(struct ww_region *region, struct page_set *set, size_t page, uint64_t collects);
/* Empty; nobody else may be in it. */
void page_set_clear(struct page_set *set);

/* --- the table of all regions of the process: immutable once published */

struct region_table {
  size_t count;
  struct ww_region *region[];   /* by ascending address */
};

extern struct gate region_gate;
/* Counts armings: goes up after a region became `armed` and before it is read-only. */
extern _Atomic uint64_t region_armings;
/* Between gate_enter(&region_gate) and gate_leave() the result stays valid. */
const struct region_table *region_table(void);
/* The region that holds the address, or NULL. O(log regions). */
struct ww_region *region_find(const struct region_table *table, uintptr_t address);
/* The first region that ends behind the address. */
size_t region_table_search(const struct region_table *table, uintptr_t address);
/* Publish a table with this region: -EEXIST, -ENOMEM. */
int region_publish(struct ww_region *region);
/* Publish one without it and wait until nobody can be looking at it. */
void region_withdraw(struct ww_region *region);
/* The tracker of a published region; NULL if it is none. The pointer is not followed. */
struct ww_tracker *region_owner(const struct ww_region *region);
/* Enter the gate for those who mark or open pages of [start, end): outside of it, wait until
 * none of the range is `changing`. */
struct gate_pass region_enter(uintptr_t start, uintptr_t end);
/* Wait for all handlers that run now. */
void region_gate_wait(void);
/* Around fork(). */
void region_table_lock(void);
void region_table_unlock(void);

#endif
