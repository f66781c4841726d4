/* choice.c - which pages of an epoch that has ended are kept; policy.c says what for, and why nothing
 * is lost. */
#include "config.h"
#include "engine.h"
#include "odds.h"
#include "tracker.h"

enum { RECENT_EPOCHS = 4 };

static const double RISK = 0.06;          /* of what traps cost */
/* In the first epoch that has any, where a trap costs much: nothing is known, and most is to be won. */
static const double RISK_FIRST = 0.3, MUCH = 15;
/* Trials that are always paid for, to learn from. */
static const double LESSONS = 32;
static const double EXPLORE = 1.0 / 32;   /* of that, for kinds of page that have disappointed */

struct choice {
  struct ww_region *region;
  struct policy *policy;
  struct page_set *ended, *running;
  const struct pages *pinned;
  size_t pins;
  double budget[TRIALS];        /* pages of each kind that may be tried */
  double risk;                  /* the share of what traps cost that may be risked */
  size_t traps, alone;          /* met; with no neighbour */
  unsigned dense;               /* traps in a word from which on its other pages are tried */
};

/* What a page on trial may cost: it is hashed when it is kept and when it is idle; of a kind that has
 * disappointed it is also in the way when others are armed, where it lies alone. */
static double
trial_cost(const struct policy *policy, int kind)
{
  bool bad = is_known(policy, kind) && !is_good(policy, kind);
  return (PATIENCE_TRIAL + 1) * policy->cost.verify + (bad ? policy->cost.split * policy->alone : 0);
}

static void
set_budgets(struct choice *choice)
{
  struct policy *policy = choice->policy;
  for (int kind = TRIAL_AGAIN; kind < TRIALS; kind++)
    choice->budget[kind] = policy->bank <= 0 ? 0 : is_good(policy, kind) ? (double)SIZE_MAX
      : policy->bank / trial_cost(policy, kind) * (is_known(policy, kind) ? EXPLORE : 1);
}

/* Pages of a word whose content may be read at any time, and which may stay open: not those that
 * the kernel may be writing, nor such as another mapping shows, nor behind the end of a file. */
static uint64_t
eligible(const struct choice *choice, size_t word)
{
  const struct ww_region *region = choice->region;
  uint64_t mask = 0;
  size_t end = (word + 1) * 64 < region->pages ? (word + 1) * 64 : region->pages;
  if (region->probed)
    return 0;
  for (size_t page = word * 64; page < end;) {
    const struct segment *segment = region_segment(region, page);
    size_t behind = segment->first + segment->count < end ? segment->first + segment->count : end;
    if (segment_is_steady(segment) && !(choice->policy->aliased && segment->shared))
      mask |= bitmap_mask(word, page, behind - page);
    page = behind;
  }
  for (size_t i = 0; i < choice->pins; i++) {
    const struct pages *pinned = &choice->pinned[i];
    if (pinned->first < end && pinned->first + pinned->count > word * 64)
      mask &= ~bitmap_mask(word, pinned->first, pinned->count);
  }
  return mask;
}

/* As many of `mask` as the budget allows, each on trial. */
static uint64_t
try_pages(struct choice *choice, size_t word, uint64_t mask, enum trial kind)
{
  struct policy *policy = choice->policy;
  uint64_t taken = 0;
  unsigned granted = is_good(policy, kind) ? patience_most(policy) : PATIENCE_TRIAL;
  for (; mask && choice->budget[kind] >= 1; mask &= mask - 1) {
    unsigned bit = (unsigned)__builtin_ctzll(mask);
    taken |= (uint64_t)1 << bit;
    choice->budget[kind] -= 1;
    policy->patience[word * 64 + bit] = (struct patience){ (uint8_t)granted, granted & 63, kind & 3 };
  }
  return taken;
}

static void
keep(struct policy *policy, size_t word, uint64_t mask)
{
  policy->kept_pages += (size_t)__builtin_popcountll(mask);
  (void)bitmap_set_word(&policy->kept, word, mask);
}

/* Pages that nobody has written, among many that were: hashed, then marked, then opened. */
static void
keep_neighbours(struct choice *choice, size_t word, uint64_t mask)
{
  struct policy *policy = choice->policy;
  struct ww_region *region = choice->region;
  for (uint64_t rest = mask; rest; rest &= rest - 1) {
    size_t page = word * 64 + (unsigned)__builtin_ctzll(rest);
    policy->baseline[page] = region_page_hash(region, page);
  }
  /* What was marked meanwhile was opened by a fault, and may have been written before it was hashed. */
  uint64_t added = page_set_add(region, choice->running, word, mask);
  /* Or the kernel alone has seen that it was: what it sees from here on is compared with the hash. Such a
   * page is not kept, and stays marked. */
  uint64_t written = added ? engine_written(region, word) & added : 0;
  added &= ~written;
  atomic_fetch_or(&choice->running->bulk[word], added);
  atomic_store(&choice->running->special, true);
  keep(policy, word, added);
  while (added) {
    unsigned first = (unsigned)__builtin_ctzll(added);
    uint64_t from = added >> first;
    unsigned length = ~from ? (unsigned)__builtin_ctzll(~from) : 64 - first;
    (void)engine_open(region, choice->running, word * 64 + first, length);
    added = first + length < 64 ? added & ~(uint64_t)0 << (first + length) : 0;
  }
}

/* Those of `mask` that the last collect has given up; it is remembered once. */
static uint64_t
forget_given_up(struct policy *policy, size_t word, uint64_t mask)
{
  uint64_t found = 0;
  for (uint64_t rest = mask; rest; rest &= rest - 1) {
    unsigned bit = (unsigned)__builtin_ctzll(rest);
    struct patience *patience = &policy->patience[word * 64 + bit];
    if (patience->left == GIVEN_UP.left && patience->granted == GIVEN_UP.granted) {
      *patience = (struct patience){ 0 };
      found |= (uint64_t)1 << bit;
    }
  }
  return found;
}

static void
choose_word(struct choice *choice, size_t word)
{
  struct policy *policy = choice->policy;
  struct page_set *ended = choice->ended;
  uint64_t dirty = bitmap_word(&ended->dirty, word), kept = bitmap_word(&policy->kept, word);
  uint64_t bulk = 0, declared = 0, ahead = 0;
  if (atomic_load(&ended->special)) {
    bulk = atomic_load(&ended->bulk[word]) & ~atomic_load(&ended->trapped[word]);
    declared = atomic_load(&ended->declared[word]) & ~atomic_load(&ended->trapped[word]);
    ahead = bulk & ~kept & atomic_load(&ended->provisional[word]) & ~atomic_load(&ended->owed[word]);
    ahead &= ~forget_given_up(policy, word, ahead);
  }
  uint64_t trapped = dirty & ~kept & ~declared & ~bulk;
  uint64_t candidates = trapped | (dirty & ~kept & ~declared & ahead);
  if (!candidates)
    return;
  unsigned traps = (unsigned)__builtin_popcountll(trapped);
  policy->bank += choice->risk * trap_cost(policy) * traps;
  choice->traps += traps;
  choice->alone += (unsigned)__builtin_popcountll(trapped & ~(trapped << 1) & ~(trapped >> 1));
  uint64_t recent = policy->recent[0][word] | policy->recent[1][word];
  policy->recent[0][word] |= candidates;
  uint64_t may = eligible(choice, word);
  candidates &= may;
  uint64_t taken = try_pages(choice, word, candidates & recent, TRIAL_AGAIN)
    | try_pages(choice, word, candidates & ~recent, TRIAL_FIRST);
  if (taken) {
    policy->fresh[word] |= taken;
    keep(policy, word, taken);
    policy_mark(choice->region, choice->running, word, taken);
  }
  if (traps >= choice->dense) {
    uint64_t others = may & ~dirty & ~kept & ~bitmap_word(&choice->running->dirty, word);
    others = try_pages(choice, word, others, TRIAL_NEIGHBOUR);
    if (others)
      keep_neighbours(choice, word, others);
  }
}

static void
grow_old(struct policy *policy, size_t pages)
{
  uint64_t *older = policy->recent[1];
  if (++policy->age < RECENT_EPOCHS)
    return;
  policy->age = 0;
  policy->recent[1] = policy->recent[0];
  policy->recent[0] = older;
  /* Reading what was never written costs no memory of its own. */
  for (size_t word = 0; word < bitmap_words(pages); word++)
    if (older[word])
      older[word] = 0;
}

void
policy_choose(struct ww_region *region, struct page_set *ended, struct page_set *running,
              const struct pages *pinned, size_t pins)
{
  struct policy *policy = region->policy;
  if (!policy)
    return;
  struct choice choice = { .region = region, .policy = policy, .ended = ended, .running = running,
                           .pinned = pinned, .pins = pins };
    policy->aliased = policy_may_be_aliased(region->tracker);
  bool bold = !policy->has_begun && trap_cost(policy) > MUCH * policy->cost.verify;
  choice.risk = bold ? RISK_FIRST : RISK;
  if (!policy->has_begun)
    policy->bank += LESSONS * trial_cost(policy, TRIAL_FIRST);
  double dense = 64 * worth(policy);
  choice.dense = dense < 2 ? 2 : (unsigned)dense;
  set_budgets(&choice);
  for (size_t page = 0; (page = bitmap_next(&ended->dirty, page)) != BITMAP_NONE; page = next_word(page)) {
    double before = policy->bank;
    choose_word(&choice, page / 64);
    /* What this word's traps have put into the bank may be risked at once. */
    double more = policy->bank > 0 ? policy->bank - before : 0;
    for (int kind = TRIAL_AGAIN; kind < TRIALS; kind++)
      choice.budget[kind] += more / trial_cost(policy, kind) * (is_known(policy, kind) ? EXPLORE : 1);
  }
  policy->has_begun |= choice.traps > 0;
  if (choice.traps)
    policy->alone += ((double)choice.alone / (double)choice.traps - policy->alone) / 4;
  grow_old(policy, region->pages);
  policy_instruct(region);
}
