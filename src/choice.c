/* choice.c - which pages of an epoch that has ended are kept; policy.c says what for, and why nothing
 * is lost. */
#include "config.h"
#include "engine.h"
#include "odds.h"
#include "tracker.h"

static const double RISK = 0.06;          /* of what traps cost */
/* In the first epoch that has any, where a trap costs much: nothing is known, and most is to be won. */
static const double RISK_FIRST = 0.3, MUCH = 15;
/* Trials that are always paid for, to learn from. */
static const double LESSONS = 32;

struct choice {
  struct ww_region *region;
  struct policy *policy;
  struct page_set *ended, *running;
  const struct pages *pinned;
  size_t pins;
  double budget[HISTORIES], neighbours;  /* pages of each kind that may be kept */
  double risk;                  /* the share of what traps cost that may be risked */
  bool keeps;                   /* any */
  size_t traps, alone;          /* met; with no neighbour */
  unsigned dense;               /* traps in a word from which on its other pages are tried */
  size_t first, behind;         /* pages that are still to be opened, none of which may stay closed */
};

/* What a page on trial may cost: it is hashed when it is kept and when it is idle. */
static double
trial_cost(const struct policy *policy)
{
  return (PATIENCE_TRIAL + 1) * policy->cost.verify;
}

/* What a page is kept for that was written in the epochs before, too, it is kept for without a trial. */
static bool
is_good_kind(const struct policy *policy, unsigned kind)
{
  const struct odds *odds = policy->history.odds;
  return is_good(policy, is_known(&odds[kind]) ? &odds[kind] : &odds[0]);
}

/* By trials is learnt where a trap costs much. Where the kernel notices by itself a trial costs as much as
 * it: there it is waited until the history tells. */
static bool
may_try(const struct choice *choice)
{
  return choice->region->engine != WW_ENGINE_PAGEMAP;
}

/* `bank`: what is in it, or what has come. */
static void
add_budgets(struct choice *choice, double bank)
{
  struct policy *policy = choice->policy;
  if (!may_try(choice) || bank <= 0)
    return;
  for (unsigned kind = 0; kind < HISTORIES; kind++)
    if (!is_known(&policy->history.odds[kind]))
      choice->budget[kind] += bank / trial_cost(policy);
  /* Of neighbours there may be thirty for each trap: also if they are good, no more is laid out for them than
   * has been saved. */
  if (!is_known(&policy->neighbours))
    choice->neighbours += bank / trial_cost(policy);
  else if (are_neighbours_good(policy))
    choice->neighbours += bank / (2 * policy->cost.verify);
}

static void
set_budgets(struct choice *choice)
{
  struct policy *policy = choice->policy;
  for (unsigned kind = 0; kind < HISTORIES; kind++)
    choice->budget[kind] = policy->bank > 0 && is_good_kind(policy, kind) ? (double)SIZE_MAX : 0;
  add_budgets(choice, policy->bank);
}

/* Those of a word that were written in the epoch that has ended. What is open for another reason and has not
 * been looked at yet is not among them. */
static uint64_t
written_now(const void *of, size_t word)
{
  const struct choice *choice = of;
  const struct page_set *ended = choice->ended;
  uint64_t dirty = bitmap_word(&ended->dirty, word);
  if (dirty && atomic_load(&ended->special))
    dirty &= atomic_load(&ended->trapped[word]) | policy_kept(choice->region, word)
      | ~(atomic_load(&ended->bulk[word]) | atomic_load(&ended->declared[word]));
  return dirty;
}

/* What the epoch tells of pages that were not written in the last ones, among many that were in the last. */
static void
learn_neighbours(struct choice *choice)
{
  struct policy *policy = choice->policy;
  const struct bitmap *written = policy->history.written;
  size_t hits = 0, tries = 0;
  for (size_t page = 0; (page = bitmap_next(&written[0], page)) != BITMAP_NONE; page = next_word(page)) {
    size_t word = page / 64;
    uint64_t last = bitmap_word(&written[0], word);
    if ((unsigned)__builtin_popcountll(last) < choice->dense)
      continue;
    uint64_t others = ~(last | bitmap_word(&written[1], word) | bitmap_word(&written[2], word)
                        | policy_kept(choice->region, word))
      & bitmap_mask(word, 0, choice->region->pages);
    tries += (size_t)__builtin_popcountll(others);
    hits += (size_t)__builtin_popcountll(others & written_now(choice, word));
  }
  odds_learn(&policy->neighbours, (double)hits, (double)tries, TRIES_KEPT);
}

/* ------------------------------------------------------ where the kernel notices
 *
 * There a trap costs no more than three or four hashes, and a call to arm a run of pages, or to look for
 * them, as much as a trap. The pages that are kept cut the others into runs: each of them may cost a
 * call. So nothing is kept unless what the history says of the pages pays for the calls too; and
 * when it has not paid in two epochs, all is given up for a while, and one call a collect does. */

static size_t
runs_in(uint64_t mask)
{
  return (size_t)__builtin_popcountll(mask & ~(mask << 1));
}

/* What keeping pages would save in an epoch like this one. */
static double
forecast(const struct choice *choice, size_t *written)
{
  const struct policy *policy = choice->policy;
  const struct odds *odds = policy->history.odds;
  double saved = 0, trap = trap_cost(policy);
  size_t good_runs = 0, bad_runs = 0;
  for (size_t page = 0; (page = bitmap_next(&choice->ended->dirty, page)) != BITMAP_NONE;
       page = next_word(page)) {
    uint64_t now = written_now(choice, page / 64), good = 0;
    for (unsigned kind = 0; kind < HISTORIES; kind++)
      if (is_good_kind(policy, kind)) {
        uint64_t these = now & history_of(&policy->history, page / 64, kind);
        const struct odds *known = is_known(&odds[kind]) ? &odds[kind] : &odds[0];
        saved += (known->rate * trap - policy->cost.verify) * __builtin_popcountll(these);
        good |= these;
      }
    good_runs += runs_in(good);
    bad_runs += runs_in(now & ~good);
    *written += (size_t)__builtin_popcountll(now);
  }
  return saved - policy->cost.call * (double)(good_runs < bad_runs ? good_runs : bad_runs);
}

static bool
pays(struct choice *choice)
{
  enum { FEW = 8, LOSSES = 2, REST_LEAST = 4, REST_MOST = 64 };
  const double MARGIN = 0.1;
  struct policy *policy = choice->policy;
  struct ww_region *region = choice->region;
  size_t calls = region->calls, written = 0;
  region->calls = 0;
  if (policy->kept_pages) {
    double saved = trap_cost(policy) * (double)policy->changed_pages
      - policy->cost.verify * (double)policy->looked - policy->cost.call * (calls ? (double)(calls - 1) : 0);
    policy->gain += (saved - policy->gain) / 3;
    policy->losses = saved < 0 ? policy->losses + 1 : 0;
    if (policy->losses < LOSSES || policy->gain >= 0)
      return true;
    policy_release(region, choice->running, 0, region->pages);
    policy->rest = policy->next_rest;
    policy->next_rest = policy->rest < REST_MOST ? 2 * policy->rest : REST_MOST;
    return false;
  }
  if (policy->rest) {
    policy->rest--;
    return false;
  }
  double saved = forecast(choice, &written);
  bool begins = !policy->has_begun && written > FEW;
  bool paying = saved > MARGIN * trap_cost(policy) * (double)written && written > 0;
  if (!paying || (region->scanned && !policy->expecting)) {
    /* What is armed already traps once more, if it is kept or not. */
    policy->expecting = paying || begins;
    return false;
  }
  policy->expecting = false;
  policy->gain = saved;
  policy->losses = 0;
  if (!policy->next_rest)
    policy->next_rest = REST_LEAST;
  return true;
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

/* As many of `mask` as the budget allows. */
static uint64_t
try_pages(struct policy *policy, size_t word, uint64_t mask, double *budget, bool good, bool neighbour)
{
  uint64_t taken = 0;
  unsigned granted = good ? patience_most(policy) : PATIENCE_TRIAL;
  for (; mask && *budget >= 1; mask &= mask - 1) {
    unsigned bit = (unsigned)__builtin_ctzll(mask);
    taken |= (uint64_t)1 << bit;
    *budget -= 1;
    policy->patience[word * 64 + bit] = (struct patience){ .left = (uint8_t)granted, .granted = granted & 63,
                                                           .neighbour = neighbour };
  }
  return taken;
}

static void
keep(struct policy *policy, size_t word, uint64_t mask)
{
  policy->kept_pages += (size_t)__builtin_popcountll(mask);
  (void)bitmap_set_word(&policy->kept, word, mask);
}

/* Where there are no mappings left for it they stay closed, and trap once more: opened with all up to the
 * next open page (engine_mprotect.c) they would drag others along. */
static void
open_pending(struct choice *choice)
{
  const struct ww_tracker *tracker = choice->region->tracker;
  if (choice->behind > choice->first && atomic_load(&tracker->mappings) <= tracker->mappings_budget)
    (void)engine_open(choice->region, choice->running, choice->first, choice->behind - choice->first);
  choice->first = choice->behind = 0;
}

/* Run by run it would take as many calls as there were traps; so it is done in one for all that lies between
 * pages that are kept, which are open. */
static void
open_soon(struct choice *choice, size_t word, uint64_t mask)
{
  const struct bitmap *kept = &choice->policy->kept;
  for (; mask; mask &= mask - 1) {
    size_t page = word * 64 + (unsigned)__builtin_ctzll(mask);
    while (choice->behind > choice->first && choice->behind < page && bitmap_test(kept, choice->behind))
      choice->behind++;
    if (choice->behind != page) {
      open_pending(choice);
      choice->first = page;
    }
    choice->behind = page + 1;
  }
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
  open_soon(choice, word, added);
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
  history_add(&policy->history, word, candidates | written_now(choice, word));
  if (!candidates)
    return;
  unsigned traps = (unsigned)__builtin_popcountll(trapped);
  policy->bank += choice->risk * trap_cost(policy) * traps;
  choice->traps += traps;
  choice->alone += (unsigned)__builtin_popcountll(trapped & ~(trapped << 1) & ~(trapped >> 1));
  if (!choice->keeps)
    return;
  uint64_t may = eligible(choice, word), taken = 0;
  candidates &= may;
  for (unsigned kind = 0; kind < HISTORIES; kind++)
    taken |= try_pages(policy, word, candidates & history_of(&policy->history, word, kind),
                       &choice->budget[kind], is_good_kind(policy, kind), false);
  if (taken) {
    policy->fresh[word] |= taken;
    keep(policy, word, taken);
    policy_mark(choice->region, choice->running, word, taken);
  }
  uint64_t counted = are_neighbours_good(policy) ? trapped | written_now(choice, word) : trapped;
  if ((unsigned)__builtin_popcountll(counted) >= choice->dense) {
    uint64_t others = may & ~dirty & ~kept & ~bitmap_word(&choice->running->dirty, word);
    others = try_pages(policy, word, others, &choice->neighbours, are_neighbours_good(policy), true);
    if (others)
      keep_neighbours(choice, word, others);
  }
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
  policy->aliased = policy_may_be_aliased(region->tracker);
  double dense = 64 * worth(policy);
  choice.dense = dense < 2 ? 2 : (unsigned)dense;
  if (may_try(&choice))
    learn_neighbours(&choice);
  history_learn(&policy->history, written_now, &choice);
  choice.keeps = region->engine != WW_ENGINE_PAGEMAP || pays(&choice);
  bool bold = !policy->has_begun && trap_cost(policy) > MUCH * policy->cost.verify;
  choice.risk = bold ? RISK_FIRST : RISK;
  if (!policy->has_begun)
    policy->bank += LESSONS * trial_cost(policy);
  if (choice.keeps)
    set_budgets(&choice);
  for (size_t page = 0; (page = bitmap_next(&ended->dirty, page)) != BITMAP_NONE; page = next_word(page)) {
    double before = policy->bank;
    choose_word(&choice, page / 64);
    /* What this word's traps have put into the bank may be risked at once. */
    if (policy->bank > 0 && choice.keeps)
      add_budgets(&choice, policy->bank - before);
  }
  open_pending(&choice);
  bool began = policy->has_begun;
  policy->has_begun |= choice.traps > 0;
  if (choice.traps)
    policy->alone += ((double)choice.alone / (double)choice.traps - policy->alone) / (began ? 4 : 1);
  policy_instruct(region);
}
