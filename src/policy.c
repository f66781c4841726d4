/* policy.c - trap or verify, a page at a time: which pages are left writable from one epoch to
 * the next ("kept"), and compared by a hash of what they hold.
 *
 * The cost model. In an epoch in which it is written, a page that is trapped costs T; in any
 * epoch, a page that is kept costs V (cost.c measures both; T / V is 5 to 60). Whether it will
 * be written is not known. It is ski rental: to keep a page while it is idle for T / V
 * epochs costs as much as one trap, and who gives up then has paid at most twice what the best
 * choice would have (Karlin et al., Competitive snoopy caching, 1988). Twice is too much for us:
 * on no workload may the policy cost more than 1.15 of trapping. So it may only risk what it has
 * saved: there is a *bank* a region, which gets T - V for each kept page that was found changed
 * (a trap that did not happen) and a share of T (RISK) for each that trapped, and pays V for each kept
 * page that did not change. When it is empty no page is kept that was not before. A page that is
 * kept for the first time is on *trial*, for two idle epochs; each time it proves right
 * its patience doubles, up to T / V. How often pages are written again is learnt without a trial, from
 * what every epoch tells of every page, for four kinds of history (history.c). Of a kind of which p T < V
 * no page is kept; one of which p T > V gets all the patience at once, for then a page is worth keeping
 * that is idle for long. Pages that were not written, among many that were, are one kind more. Trials are
 * made of kinds of which nothing is known yet, where T is large. What is left is RISK, more of it in the
 * first epoch (RISK_FIRST, LESSONS), and hashing what is given up once more. Where the kernel notices by
 * itself T is small, and the calls count (choice.c).
 *
 * Why no write is lost. A page that is kept is open, and marked (as bulk) in the running epoch
 * like every page that is open (gate.h); the mark of the next epoch is made before that begins.
 * Its `baseline` is the hash of what the last collect found there, so content that
 * differs at the next collect is found to have changed, whoever wrote it; then that is the
 * baseline. Hash and baseline are one reading, so from collect to collect there is no gap; a
 * write that falls into the reading is on one side of it for each byte. A page is kept first
 * when it was marked in the ended epoch, so what it held before is returned anyhow; or (a
 * neighbour) while it is read-only and unmarked: it is hashed, marked, and only then opened, and
 * if the mark was there already, by a fault, it is not kept. A page that is not kept any more
 * has a provisional mark with its baseline, and the next collect arms it before it looks (loan.c).
 * What changes and changes back is another matter: see ww_dirty_copy(). tests/model/kept.pml is
 * the model.
 *
 * Pages that the kernel may be writing (pin.h) are left as they are: neither kept nor given up. */
#include "config.h"
#include "odds.h"
#include "tracker.h"

static size_t
flat(size_t pages)
{
  return bitmap_words(pages) * sizeof(uint64_t);
}

size_t
policy_size(size_t pages)
{
  return sizeof(struct policy) + bitmap_size(pages) + history_size(pages) + 2 * flat(pages)
    + pages * (sizeof(struct page_hash) + sizeof(struct patience)) + bitmap_words(pages) * sizeof(uint32_t);
}

void
policy_init(struct policy *policy, size_t pages, void *zeroed)
{
  char *at = zeroed;
  bitmap_init(&policy->kept, pages, at);
  at += bitmap_size(pages);
  history_init(&policy->history, pages, at);
  at += history_size(pages);
  policy->fresh = (void *)at;
  policy->changed = (void *)(at + flat(pages));
  at += 2 * flat(pages);
  policy->baseline = (void *)at;
  policy->list = (void *)(policy->baseline + pages);
  policy->patience = (void *)(policy->list + bitmap_words(pages));
}

void
policy_mark(struct ww_region *region, struct page_set *set, size_t word, uint64_t mask)
{
  uint64_t added = page_set_add(region, set, word, mask);
  atomic_fetch_or(&set->bulk[word], added);
  atomic_store(&set->special, true);
}

bool
policy_may_be_aliased(const struct ww_tracker *tracker)
{
  unsigned found = 0;
  for (size_t i = 0; i < tracker->regions; i++) {
    const struct segment_table *table = atomic_load(&tracker->region[i]->table);
    for (size_t s = 0; s < table->count; s++)
      found += table->segment[s].shared && table->segment[s].inode;
  }
  return found > 1;
}

void
policy_instruct(struct ww_region *region)
{
  enum { AHEAD_AT_LEAST = 1024, AHEAD_AT_MOST = 1 << 24, GAP_AT_MOST = 32 };
  struct policy *policy = region->policy;
  policy->cost = cost_of(region->engine);
  double gap = policy->cost.split / (2 * policy->cost.verify);
  double ahead = policy->bank / (2 * policy->cost.verify);
  if (policy->bank >= 0 && ahead < AHEAD_AT_LEAST)
    ahead = AHEAD_AT_LEAST;
  policy->aliased = policy_may_be_aliased(region->tracker);
  if (policy->aliased)
    ahead = 0;              /* the marks would be spread (alias.c), as if they were writes */
  atomic_store(&policy->ahead_left, ahead < AHEAD_AT_MOST ? (long)ahead : AHEAD_AT_MOST);
  gap = gap < GAP_AT_MOST ? gap : GAP_AT_MOST;
  atomic_store(&policy->gap_max, region->engine == WW_ENGINE_MPROTECT ? (unsigned)gap : 0);
}

void
policy_begin(struct ww_region *region)
{
  if (region->policy)
    policy_instruct(region);
}

void
policy_mark_kept(struct ww_region *region, struct page_set *next)
{
  struct policy *policy = region->policy;
  if (!policy)
    return;
  for (size_t page = 0; (page = bitmap_next(&policy->kept, page)) != BITMAP_NONE; page = next_word(page))
    policy_mark(region, next, page / 64, bitmap_word(&policy->kept, page / 64));
}

static void
give_up(struct policy *policy, size_t word, uint64_t mask)
{
  policy->kept_pages -= (size_t)__builtin_popcountll(bitmap_word(&policy->kept, word) & mask);
  bitmap_unset_word(&policy->kept, word, mask);
}

void
policy_forget(struct ww_region *region)
{
  struct policy *policy = region->policy;
  if (!policy)
    return;
  for (size_t page = 0; (page = bitmap_next(&policy->kept, page)) != BITMAP_NONE; page = next_word(page))
    give_up(policy, page / 64, ~(uint64_t)0);
}

void
policy_make_provisional(struct policy *policy, struct page_set *running, size_t word, uint64_t mask)
{
  for (uint64_t rest = mask; rest; rest &= rest - 1) {
    size_t page = word * 64 + (unsigned)__builtin_ctzll(rest);
    running->hash[page] = policy->baseline[page];
    policy->patience[page] = GIVEN_UP;
  }
  atomic_fetch_or(&running->provisional[word], mask);
  /* One that was announced is returned whatever it holds. */
  atomic_fetch_and(&running->provisional[word], ~(mask & atomic_load(&running->declared[word])));
  atomic_store(&running->unverified, true);
  give_up(policy, word, mask);
}

void
policy_learn_ahead(struct ww_region *region, size_t changed, size_t unchanged)
{
  struct policy *policy = region->policy;
  if (!policy)
    return;
  const struct cost *cost = &policy->cost;
  policy->bank += (double)changed * (trap_cost(policy) - 2 * cost->verify)
    - (double)unchanged * 2 * cost->verify;
}

void
policy_release(struct ww_region *region, struct page_set *running, size_t first, size_t count)
{
  struct policy *policy = region->policy;
  if (!policy)
    return;
  for (size_t page = first; (page = bitmap_next(&policy->kept, page)) < first + count;
       page = next_word(page))
    policy_make_provisional(policy, running, page / 64,
                            bitmap_word(&policy->kept, page / 64) & bitmap_mask(page / 64, first, count));
}

void
policy_give_back(struct ww_region *region, const struct page_set *ended)
{
  struct policy *policy = region->policy;
  if (!policy)
    return;
  for (size_t page = 0; (page = bitmap_next(&ended->dirty, page)) != BITMAP_NONE; page = next_word(page)) {
    give_up(policy, page / 64, bitmap_word(&ended->dirty, page / 64));
    policy->fresh[page / 64] = 0;
  }
}

/* A page that is marked and not provisional may be on its way to it: another's fault has opened it
 * between the mark and the hash (mark_ahead()), so what was copied need not be what was hashed. */
void
policy_rebase(struct ww_region *region, struct page_set *running, size_t page, const void *copy)
{
  size_t word = page / 64;
  uint64_t bit = (uint64_t)1 << (page % 64);
  if (!bitmap_test(&running->dirty, page))
    return;
  bool kept = policy_kept(region, word) & bit;
  bool provisional = !kept && (atomic_load(&running->provisional[word]) & bit);
  struct page_hash hash = { 0, 0 };
  if (kept || provisional)
    hash = page_hash(copy, (size_t)1 << region->shift);
  if (kept)
    region->policy->baseline[page] = hash;
  else if (!provisional || !page_hash_equal(hash, running->hash[page]))
    page_set_owe(running, word, bit);
}
