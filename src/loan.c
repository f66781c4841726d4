/* loan.c - async-signal-safe. Memory that is lent to the kernel for the time of a call. */
#include "config.h"
#include "loan.h"
#include "engine.h"
#include "lent.h"
#include "policy.h"
#include "tracker.h"

/* Of one loan at most so much is hashed; what goes beyond is marked like pages that were made
 * writable in bulk, which say so. */
enum { HASHED_MAX = 16 * 1024 * 1024 };

/* Mark the pages of `mask` in a word, where they are not marked yet, as provisional: hashed
 * first, for once a page is marked another thread's fault may make it writable. Only who
 * marked the page has its hash, and whoever sees that it is provisional may read the hash.
 * Called inside the tracker's gate. */
static void
mark_provisional(struct ww_region *region, struct page_set *set, size_t word, uint64_t mask)
{
  struct page_hash hash[64];
  uint64_t missing = mask & ~bitmap_word(&set->dirty, word);
  for (uint64_t rest = missing; rest; rest &= rest - 1) {
    unsigned bit = (unsigned)__builtin_ctzll(rest);
    hash[bit] = region_page_hash(region, word * 64 + bit);
  }
  uint64_t added = missing ? page_set_add(region, set, word, missing) : 0;
  if (!added)
    return;
  /* A fault that comes from here on is recorded as trapped beside it. */
  atomic_fetch_or(&set->declared[word], added);
  atomic_store(&set->special, true);
  for (uint64_t rest = added; rest; rest &= rest - 1) {
    unsigned bit = (unsigned)__builtin_ctzll(rest);
    set->hash[word * 64 + bit] = hash[bit];
  }
  atomic_fetch_or(&set->provisional[word], added);
  atomic_store(&set->unverified, true);
}

/* Those of the pages that cannot be read, whatever their protection says: behind the end of a
 * file. */
static uint64_t
unreadable(const struct ww_region *region, const struct segment *segment, size_t word, uint64_t mask)
{
  uint64_t found = 0;
  if (!region->probed && !segment->inode)
    return 0;
  for (uint64_t rest = mask; rest; rest &= rest - 1) {
    unsigned bit = (unsigned)__builtin_ctzll(rest);
    if (!os_is_readable(region_page_address(region, word * 64 + bit)))
      found |= (uint64_t)1 << bit;
  }
  return found;
}

/* Pages of one segment, which the program may read and write. False if they cannot be opened. */
static bool
lend_pages(struct ww_region *region, const struct segment *segment, size_t first, size_t count,
           size_t *hashed)
{
  struct gate_pass pass = gate_enter(&region->tracker->gate);
  struct page_set *set = &region->set[pass.epoch & 1];
  for (size_t word = first / 64; word <= (first + count - 1) / 64; word++) {
    uint64_t mask = bitmap_mask(word, first, count);
    /* A hash tells nothing of what only the kernel knows was written before (engine_pagemap.c). */
    if (set->hash && *hashed < HASHED_MAX && region->tracker->engine != WW_ENGINE_PAGEMAP) {
      uint64_t closed = unreadable(region, segment, word, mask);
      mark_provisional(region, set, word, mask & ~closed);
      if (closed)
        page_set_declare(region, set, word, closed);
      *hashed += (size_t)__builtin_popcountll(mask) << region->shift;
    } else {
      uint64_t added = page_set_add(region, set, word, mask);
      if (added) {
        atomic_fetch_or(&set->bulk[word], added);
        atomic_store(&set->special, true);
      }
    }
  }
  int error = engine_open(region, set, first, count);
  gate_leave(pass);
  return !error;
}

/* What the program cannot write itself is left alone: the call says EFAULT, as it should. */
static bool
lend_region(struct ww_region *region, uintptr_t start, uintptr_t end, size_t *hashed)
{
  uintptr_t from = start > region->start ? start : region->start;
  uintptr_t to = end < region->end ? end : region->end;
  size_t first = (from - region->start) >> region->shift;
  size_t behind = ((to - 1 - region->start) >> region->shift) + 1;
  bool open = true;
  while (first < behind) {
    const struct segment *segment = region_segment(region, first);
    size_t next = segment->first + segment->count < behind ? segment->first + segment->count : behind;
    if (segment_is_tracked(segment))
      open &= lend_pages(region, segment, first, next - first, hashed);
    first = next;
  }
  return open;
}

/* False if something of it that should be is not open. */
static bool
lend(struct range range, size_t *hashed)
{
  bool open = true;
  struct gate_pass pass = region_enter(range.start, range.end);
  const struct region_table *table = region_table();
  for (size_t i = region_table_search(table, range.start); table && i < table->count; i++) {
    struct ww_region *region = table->region[i];
    if (region->start >= range.end)
      break;
    if (atomic_load(&region->armed))
      open &= lend_region(region, range.start, range.end, hashed);
  }
  gate_leave(pass);
  return open;
}

void
loan_begin(struct loan *loan, const struct range *range, size_t count, uintptr_t frame)
{
  size_t hashed = 0;
  *loan = (struct loan){ .pins = 0 };
  pin_get_own();
  for (size_t i = 0; i < count; i++) {
    struct range pinned = range[i];
    /* One pin for all that there are no more places for. */
    if (loan->pins == LOAN_PINS - 1)
      for (; i + 1 < count; i++) {
        pinned.start = range[i + 1].start < pinned.start ? range[i + 1].start : pinned.start;
        pinned.end = range[i + 1].end > pinned.end ? range[i + 1].end : pinned.end;
      }
    loan->pin[loan->pins++] = pin_add(pinned, frame);
  }
  uint64_t armings = pin_settle();
  for (size_t i = 0; i < count; i++)
    if (!lent_is_known(range[i], armings) && lend(range[i], &hashed))
      lent_remember(range[i], armings);
}

bool
loan_again(struct range range, uintptr_t frame)
{
  uint64_t armings = pin_armings();
  if (!lent_is_known(range, armings) || !pin_own(range, frame))
    return false;
  if (pin_armings() == armings)
    return true;
  pin_drop_own();
  return false;
}

void
loan_again_end(void)
{
  pin_drop_own();
}

void
loan_end(struct loan *loan)
{
  while (loan->pins > 0)
    pin_drop(loan->pin[--loan->pins]);
}

void
loan_forever(struct range range)
{
  size_t hashed = 0;
  pin_keep(range);
  pin_settle();
  (void)lend(range, &hashed);
}

/* ------------------------------------------------------------ for whoever arms */

size_t
loan_arming(const struct ww_region *region, struct pages *pinned)
{
  struct range range[PINS];
  size_t count = pin_begin_arming(region->start, region->end, range);
  for (size_t i = 0; i < count; i++) {
    uintptr_t from = range[i].start > region->start ? range[i].start : region->start;
    uintptr_t to = range[i].end < region->end ? range[i].end : region->end;
    size_t first = (from - region->start) >> region->shift;
    pinned[i] = (struct pages){ first, ((to - 1 - region->start) >> region->shift) + 1 - first };
  }
  return count;
}

void
loan_arming_done(void)
{
  pin_end_arming();
}

void
loan_take_up(struct ww_region *region, struct pages pinned)
{
  size_t hashed = 0;
  (void)lend_region(region, region_page_address(region, pinned.first),
                    region_page_address(region, pinned.first + pinned.count), &hashed);
}

/* A mark that holds its page's content from now on. Nobody but the collector, under the
 * tracker's lock, and handlers that stand in the running epoch are here. */
void
loan_carry_over(struct ww_region *region, struct page_set *ended, struct page_set *running,
                struct pages pinned)
{
  size_t behind = pinned.first + pinned.count;
  for (size_t page = pinned.first; (page = bitmap_next(&ended->dirty, page)) < behind; page++) {
    uint64_t bit = (uint64_t)1 << (page % 64);
    if (running->hash)
      mark_provisional(region, running, page / 64, bit);
    else if (page_set_add(region, running, page / 64, bit)) {
      atomic_fetch_or(&running->bulk[page / 64], bit);
      atomic_store(&running->special, true);
    }
  }
}

/* Is the page what it was when its provisional mark was made?
 *
 * The answer must not leave a gap before the next epoch's mark of the same page, which has a
 * hash of its own: content that goes A, B, A, B would be found unchanged twice, from A to A and
 * from B to B. So if there is such a mark, the hashes say what happened between the two, and
 * what came after is the next epoch's. Of a page that is marked there otherwise no more is
 * known: it is returned. The look at the mark comes after the content was read, for the page
 * is not written before it is marked. */
static bool
is_unchanged(const struct ww_region *region, const struct page_set *ended, const struct page_set *running,
             size_t page)
{
  if (!bitmap_test(&running->dirty, page)) {
    struct page_hash now = region_page_hash(region, page);
#if !defined(__SANITIZE_THREAD__)   /* does not know fences, and needs none */
    atomic_thread_fence(memory_order_seq_cst);
#endif
    if (!bitmap_test(&running->dirty, page))
      return page_hash_equal(ended->hash[page], now);
  }
  return (atomic_load(&running->provisional[page / 64]) >> (page % 64) & 1)
    && page_hash_equal(ended->hash[page], running->hash[page]);
}

size_t
loan_verify(struct ww_region *region, struct page_set *ended, const struct page_set *running)
{
  size_t unchanged = 0, looked = 0, ahead = 0, wasted = 0;
  if (!atomic_load(&ended->unverified))
    return 0;
  for (size_t page = 0; (page = bitmap_next(&ended->dirty, page)) != BITMAP_NONE;) {
    size_t word = page / 64;
    uint64_t same = 0;
    uint64_t check = atomic_load(&ended->provisional[word]) & ~atomic_load(&ended->trapped[word])
      & ~policy_kept(region, word);
    for (uint64_t rest = check; rest; rest &= rest - 1) {
      unsigned bit = (unsigned)__builtin_ctzll(rest);
      if (is_unchanged(region, ended, running, word * 64 + bit))
        same |= (uint64_t)1 << bit;
    }
    /* What is owed is returned all the same. */
    uint64_t gone = same & ~atomic_load(&ended->owed[word]);
    /* What was not lent was opened ahead, or is kept no more (policy.h). */
    uint64_t opened = check & ~atomic_load(&ended->declared[word]);
    if (opened & ~same)
      atomic_fetch_or(&ended->verified[word], opened & ~same);
    if (gone)
      page_set_remove(ended, word, gone);
    unchanged += (size_t)__builtin_popcountll(gone);
    looked += (size_t)__builtin_popcountll(check);
    ahead += (size_t)__builtin_popcountll(opened & ~same);
    wasted += (size_t)__builtin_popcountll(opened & same);
    page = (word + 1) * 64;
  }
  if (ahead + wasted)
    policy_learn_ahead(region, ahead, wasted);
  region->tracker->verified_pages += looked;
  return unchanged;
}

int
loan_arm_page(struct ww_region *region, size_t page)
{
  struct range pinned[PINS];
  uintptr_t at = region_page_address(region, page);
  int error = 0;
  if (!pin_begin_arming(at, at + ((uintptr_t)1 << region->shift), pinned))
    error = engine_arm(region, page, 1, true);
  pin_end_arming();
  return error;
}
