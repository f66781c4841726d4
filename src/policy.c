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
 * its patience doubles, up to T / V. How often pages on trial are written, an epoch, is known for
 * three kinds: trapped again after a short while, trapped for the first time, not trapped but
 * among many that were. A kind of which p T < V is tried only now and then; one of which p T > V
 * gets all the patience at once, for then a page is worth keeping that is idle for long. What is
 * left is RISK, more of it in the first epoch (RISK_FIRST, LESSONS), and hashing what is given up
 * once more.
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
#include "policy.h"
#include "engine.h"
#include "hashing.h"
#include "tracker.h"

#include <string.h>

enum { PATIENCE_TRIAL = 2, PATIENCE_MAX = 63, RECENT_EPOCHS = 4 };

/* Left open until the next collect, which is not to take it for one that was opened ahead. */
static const struct patience GIVEN_UP = { .left = 0, .granted = 1 };

static const double RISK = 0.06;          /* of what traps cost */
/* In the first epoch that has any, where a trap costs much: nothing is known, and most is to be won. */
static const double RISK_FIRST = 0.3, MUCH = 15;
/* Trials that are always paid for, to learn from. */
static const double LESSONS = 32;
static const double EXPLORE = 1.0 / 32;   /* of that, for kinds of page that have disappointed */
static const double TRIES_KNOWN = 32, TRIES_KEPT = 4096;

static size_t
next_word(size_t page)
{
  return (page / 64 + 1) * 64;
}

static size_t
flat(size_t pages)
{
  return bitmap_words(pages) * sizeof(uint64_t);
}

size_t
policy_size(size_t pages)
{
  return sizeof(struct policy) + bitmap_size(pages) + 4 * flat(pages)
    + pages * (sizeof(struct page_hash) + sizeof(struct patience)) + bitmap_words(pages) * sizeof(uint32_t);
}

void
policy_init(struct policy *policy, size_t pages, void *zeroed)
{
  char *at = zeroed;
  bitmap_init(&policy->kept, pages, at);
  at += bitmap_size(pages);
  policy->fresh = (void *)at;
  policy->changed = (void *)(at + flat(pages));
  policy->recent[0] = (void *)(at + 2 * flat(pages));
  policy->recent[1] = (void *)(at + 3 * flat(pages));
  at += 4 * flat(pages);
  policy->baseline = (void *)at;
  policy->list = (void *)(policy->baseline + pages);
  policy->patience = (void *)(policy->list + bitmap_words(pages));
}

/* Mark as what is open without having been written. What a fault has marked already stays trapped:
 * its write may be older than what the page is compared with. */
static void
mark(struct ww_region *region, struct page_set *set, size_t word, uint64_t mask)
{
  uint64_t added = page_set_add(region, set, word, mask);
  atomic_fetch_or(&set->bulk[word], added);
  atomic_store(&set->special, true);
}

/* Several of the tracker's segments are shared, so that one may be the other (alias.c). */
static bool
may_be_aliased(const struct ww_tracker *tracker)
{
  unsigned found = 0;
  for (size_t i = 0; i < tracker->regions; i++) {
    const struct segment_table *table = atomic_load(&tracker->region[i]->table);
    for (size_t s = 0; s < table->count; s++)
      found += table->segment[s].shared && table->segment[s].inode;
  }
  return found > 1;
}

/* What an epoch's handlers go by. */
static void
instruct(struct ww_region *region)
{
  enum { AHEAD_AT_LEAST = 1024, AHEAD_AT_MOST = 1 << 24, GAP_AT_MOST = 32 };
  struct policy *policy = region->policy;
  policy->cost = cost_of(region->engine);
  double gap = policy->cost.split / (2 * policy->cost.verify);
  double ahead = policy->bank / (2 * policy->cost.verify);
  if (policy->bank >= 0 && ahead < AHEAD_AT_LEAST)
    ahead = AHEAD_AT_LEAST;
  policy->aliased = may_be_aliased(region->tracker);
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
    instruct(region);
}

void
policy_mark_kept(struct ww_region *region, struct page_set *next)
{
  struct policy *policy = region->policy;
  if (!policy)
    return;
  for (size_t page = 0; (page = bitmap_next(&policy->kept, page)) != BITMAP_NONE; page = next_word(page))
    mark(region, next, page / 64, bitmap_word(&policy->kept, page / 64));
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

/* -------------------------------------------------------------- the choice */

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

/* What a trap costs in this region, where more or fewer of them split mappings. */
static double
trap_cost(const struct policy *policy)
{
  return policy->cost.trap + policy->cost.split * policy->alone;
}

/* A page that is written in more than this share of the epochs is worth keeping, with a margin for what
 * is not known. */
static double
worth(const struct policy *policy)
{
  return 1.2 * policy->cost.verify / trap_cost(policy);
}

/* Epochs in which keeping costs one trap. */
static unsigned
patience_most(const struct policy *policy)
{
  double most = trap_cost(policy) / policy->cost.verify;
  return most < PATIENCE_TRIAL ? PATIENCE_TRIAL : most < PATIENCE_MAX ? (unsigned)most : PATIENCE_MAX;
}

static bool
is_known(const struct policy *policy, int kind)
{
  return policy->odds[kind].tries >= TRIES_KNOWN;
}

static bool
is_good(const struct policy *policy, int kind)
{
  return is_known(policy, kind) && policy->odds[kind].rate > worth(policy);
}

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
    mark(choice->region, choice->running, word, taken);
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
  if (!policy || atomic_load(&region->tracker->trapping))
    return;
  struct choice choice = { .region = region, .policy = policy, .ended = ended, .running = running,
                           .pinned = pinned, .pins = pins };
  policy->aliased = may_be_aliased(region->tracker);
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
  instruct(region);
}

/* ------------------------------------------------------------- the verdict */

struct looking {
  struct ww_region *region;
  const struct page_set *ended;
  const uint32_t *word;         /* [count] */
  enum policy_pass pass;
};

/* Which pages of a word are looked at. */
static uint64_t
to_look_at(const struct policy *policy, const struct page_set *ended, size_t word, enum policy_pass pass)
{
  uint64_t fresh = policy->fresh[word];
  return bitmap_word(&policy->kept, word) & bitmap_word(&ended->dirty, word)
    & (pass == POLICY_KEPT_NOW ? fresh : ~fresh);
}

/* The processor looks ahead by itself, but not into the next page: its first lines are on their way while
 * the page before is hashed. Pages far from each other took 530 ns without and 450 with this (Zen 4). */
static void
fetch(const struct ww_region *region, size_t page)
{
  enum { LINES = 16, LINE = 64 };
  const char *at = (const char *)region_page_address(region, page);
  for (unsigned i = 0; i < LINES; i++)
    __builtin_prefetch(at + i * LINE);
}

/* May run in several threads at once, for different words. */
static void
look(void *argument, size_t index)
{
  const struct looking *looking = argument;
  struct ww_region *region = looking->region;
  struct policy *policy = region->policy;
  size_t word = looking->word[index];
  uint64_t fresh = policy->fresh[word], changed = 0;
  uint64_t provisional = atomic_load(&looking->ended->provisional[word]);
  for (uint64_t rest = to_look_at(policy, looking->ended, word, looking->pass); rest; rest &= rest - 1) {
    unsigned bit = (unsigned)__builtin_ctzll(rest);
    uint64_t mask = (uint64_t)1 << bit;
    size_t page = word * 64 + bit;
    uint64_t others = rest & (rest - 1);
    if (others)
      fetch(region, word * 64 + (unsigned)__builtin_ctzll(others));
    struct page_hash now = region_page_hash(region, page);
    if (fresh & mask ? (provisional & mask) && !page_hash_equal(now, looking->ended->hash[page])
        : !page_hash_equal(now, policy->baseline[page]))
      changed |= mask;
    policy->baseline[page] = now;
  }
  policy->changed[word] = changed;
}

static void
learn(struct odds *odds, bool success)
{
  odds->tries++;
  double weight = odds->tries < TRIES_KEPT ? odds->tries : TRIES_KEPT;
  odds->rate += ((double)success - odds->rate) / weight;
}

static void
judge_page(struct policy *policy, size_t page, bool changed)
{
  struct patience *patience = &policy->patience[page];
  if (patience->trial)
    learn(&policy->odds[patience->trial], changed);
  if (changed) {
    unsigned granted = 2u * patience->granted + 1, most = patience_most(policy);
    policy->bank += trap_cost(policy) - policy->cost.verify;
    granted = granted < most ? granted : most;
    *patience = (struct patience){ .left = (uint8_t)granted, .granted = granted & 63, .trial = 0 };
    return;
  }
  policy->bank -= policy->cost.verify;
  /* To give up many pages that were tried before it was known that their kind is good would cost as much
   * again as to trap them. */
  if (--patience->left == 0 && patience->trial && is_good(policy, patience->trial)) {
    patience->left = (uint8_t)patience_most(policy);
    patience->granted = patience->left & 63;
    patience->trial = TRIAL_NONE;
  }
}

/* The mark in the running epoch becomes a provisional one: the page is armed by the next collect. */
static void
make_provisional(struct policy *policy, struct page_set *running, size_t word, uint64_t mask)
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

static size_t
apply(struct ww_region *region, struct page_set *ended, struct page_set *running, size_t word,
      enum policy_pass pass)
{
  struct policy *policy = region->policy;
  uint64_t looked = to_look_at(policy, ended, word, pass);
  uint64_t changed = policy->changed[word], fresh = policy->fresh[word], tired = 0;
  uint64_t provisional = atomic_load(&ended->provisional[word]);
  uint64_t trapped = fresh & ~provisional;
  for (uint64_t rest = looked & ~trapped; rest; rest &= rest - 1) {
    unsigned bit = (unsigned)__builtin_ctzll(rest);
    uint64_t mask = (uint64_t)1 << bit;
    /* Opened ahead: if it was not written, nothing speaks for it. */
    if (fresh & mask)
      tired |= ~changed & mask;
    else {
      judge_page(policy, word * 64 + bit, changed & mask);
      tired |= policy->patience[word * 64 + bit].left ? 0 : mask;
    }
    if (policy->aliased && region_segment(region, word * 64 + bit)->shared)
      tired |= mask;
  }
  if (fresh & provisional)
    policy_learn_ahead(region, (size_t)__builtin_popcountll(fresh & provisional & changed),
                       (size_t)__builtin_popcountll(fresh & provisional & ~changed));
  policy->bank -= policy->cost.verify * __builtin_popcountll(fresh);
  policy->fresh[word] = 0;
  uint64_t known = atomic_load(&ended->declared[word]) | atomic_load(&ended->trapped[word]) | trapped
    | ~atomic_load(&ended->bulk[word]);
  uint64_t unchanged = looked & ~changed & ~known;
  atomic_fetch_or(&ended->verified[word], changed & ~known);
  atomic_fetch_and(&ended->provisional[word], ~looked);
  if (unchanged)
    page_set_remove(ended, word, unchanged);
  if (tired)
    make_provisional(policy, running, word, tired);
  return (size_t)__builtin_popcountll(unchanged);
}

size_t
policy_verify(struct ww_region *region, struct page_set *ended, struct page_set *running,
              enum policy_pass pass)
{
  struct policy *policy = region->policy;
  size_t words = 0, pages = 0, unchanged = 0;
  if (!policy || !policy->kept_pages)
    return 0;
  uint32_t *list = policy->list;
  struct looking looking = { region, ended, list, pass };
  for (size_t page = 0; (page = bitmap_next(&policy->kept, page)) != BITMAP_NONE; page = next_word(page)) {
    uint64_t looked = to_look_at(policy, ended, page / 64, pass);
    if (looked)
      list[words++] = (uint32_t)(page / 64);
    pages += (size_t)__builtin_popcountll(looked);
  }
  uint64_t begin = os_now();
  hashing_run(look, &looking, words, pages);
  uint64_t time = os_now() - begin;
  region->tracker->hash_time += time;
  cost_learn_verify(region->engine, pages, (double)time);
  for (size_t i = 0; i < words; i++)
    unchanged += apply(region, ended, running, list[i], pass);
  region->tracker->verified_pages += pages;
  return unchanged;
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

/* ------------------------------------------------------------- other ends */

void
policy_release(struct ww_region *region, struct page_set *running, size_t first, size_t count)
{
  struct policy *policy = region->policy;
  if (!policy)
    return;
  for (size_t page = first; (page = bitmap_next(&policy->kept, page)) < first + count;
       page = next_word(page))
    make_provisional(policy, running, page / 64,
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
