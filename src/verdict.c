/* verdict.c - what became of the pages that are kept: each is hashed, and returned if it differs. */
#include "config.h"
#include "hashing.h"
#include "hold.h"
#include "odds.h"
#include "tracker.h"

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

/* The processor looks ahead by itself, but not into a page further on: its first lines are on their way
 * while the page before is hashed. From memory, pages far from each other took 720 ns without and 560 with
 * this, and neighbours 200 and 220 (Zen 4). */
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
    if (others && !(others & mask << 1))
      fetch(region, word * 64 + (unsigned)__builtin_ctzll(others));
    struct page_hash now = hold_page_hash(region, page);
    if (fresh & mask ? (provisional & mask) && !page_hash_equal(now, looking->ended->hash[page])
        : !page_hash_equal(now, policy->baseline[page]))
      changed |= mask;
    policy->baseline[page] = now;
  }
  policy->changed[word] = changed;
}

static void
judge_page(struct policy *policy, size_t page, bool changed)
{
  struct patience *patience = &policy->patience[page];
  if (patience->neighbour)
    odds_learn(&policy->neighbours, changed, 1, TRIES_KEPT);
  if (changed) {
    unsigned granted = 2u * patience->granted + 1, most = patience_most(policy);
    policy->bank += trap_cost(policy) - policy->cost.verify;
    granted = granted < most ? granted : most;
    *patience = (struct patience){ .left = (uint8_t)granted, .granted = granted & 63, .neighbour = 0 };
    return;
  }
  policy->bank -= policy->cost.verify;
  patience->left--;
  /* To give up many pages that were tried before it was known that their kind is good would cost as much
   * again as to trap them. */
  bool good = patience->neighbour ? are_neighbours_good(policy) : is_good(policy, &policy->history.odds[0]);
  if (!patience->left && patience->granted == PATIENCE_TRIAL && good) {
    patience->left = (uint8_t)patience_most(policy);
    patience->granted = patience->left & 63;
    patience->neighbour = 0;
  }
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
    /* Opened ahead: if it was not written, nothing speaks for it but those around it. */
    if (fresh & mask)
      tired |= are_neighbours_good(policy) ? 0 : ~changed & mask;
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
    policy_make_provisional(policy, running, word, tired);
  return (size_t)__builtin_popcountll(unchanged);
}

size_t
policy_verify(struct ww_region *region, struct page_set *ended, struct page_set *running,
              enum policy_pass pass)
{
  struct policy *policy = region->policy;
  size_t words = 0, pages = 0, unchanged = 0;
  if (!policy)
    return 0;
  if (pass == POLICY_KEPT_BEFORE)
    policy->looked = policy->changed_pages = 0;
  if (!policy->kept_pages)
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
  if (pass == POLICY_KEPT_BEFORE) {
    policy->looked = pages;
    policy->changed_pages = pages > unchanged ? pages - unchanged : 0;
  }
  return unchanged;
}
