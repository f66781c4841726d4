/* runs.c - runs of marked pages, which a collect arms. */
#include "config.h"
#include "runs.h"
#include "engine.h"
#include "loan.h"
#include "policy.h"

#include <errno.h>

/* The first page from `page` on, below `to`, that is marked and not kept, and how many follow. */
size_t
runs_next(const struct ww_region *region, const struct page_set *set, size_t page, size_t to, size_t *count)
{
  while ((page = bitmap_next(&set->dirty, page)) < to) {
    size_t word = page / 64;
    uint64_t bits = bitmap_word(&set->dirty, word) & ~policy_kept(region, word)
      & bitmap_mask(word, page, to - page);
    if (bits) {
      page = word * 64 + (unsigned)__builtin_ctzll(bits);
      uint64_t from = bits >> (page % 64);
      size_t length = ~from ? (size_t)__builtin_ctzll(~from) : 64 - page % 64;
      /* One that goes on in the next word. */
      while ((page + length) % 64 == 0 && page + length < to) {
        uint64_t more = bitmap_word(&set->dirty, (page + length) / 64)
          & ~policy_kept(region, (page + length) / 64) & bitmap_mask((page + length) / 64, page, to - page);
        size_t here = ~more ? (size_t)__builtin_ctzll(~more) : 64;
        length += here;
        if (here < 64)
          break;
      }
      *count = length;
      return page;
    }
    page = (word + 1) * 64;
  }
  return BITMAP_NONE;
}

/* None of [first, first + count) is kept. */
bool
runs_none_kept(const struct ww_region *region, size_t first, size_t count)
{
  size_t met = region->policy && count ? bitmap_next(&region->policy->kept, first) : BITMAP_NONE;
  return met >= first + count;
}

/* Between two runs so many pages are armed along with them: a look at each is less than a call.
 * They are armed already, or open and marked in the running epoch, and then trap once more. With
 * the pagemap engine such a page may have been written just now, which only its protection says: so
 * there it is armed in one with the look at that, and marked as well. */
static size_t
gap_allowed(const struct ww_region *region)
{
  enum { GAP = 16, GAP_SCANNED = 512 };
  return atomic_load(&region->engine) == WW_ENGINE_PAGEMAP ? GAP_SCANNED : GAP;
}

/* None of [first, first + count) is kept, nor, with the pagemap engine, open for another reason that a mark
 * of the running epoch knows: the kernel would say that it was written. */
static bool
may_be_armed_too(struct ww_region *region, const struct page_set *set, size_t first, size_t count)
{
  const struct page_set *running = set == &region->set[0] ? &region->set[1] : &region->set[0];
  if (count && atomic_load(&region->engine) == WW_ENGINE_PAGEMAP
      && bitmap_next(&running->dirty, first) < first + count)
    return false;
  return runs_none_kept(region, first, count);
}

static int
arm(struct ww_region *region, struct page_set *set, size_t first, size_t count)
{
  if (atomic_load(&region->engine) == WW_ENGINE_PAGEMAP)
    return engine_scan(region, set, first, count, true) ? 0 : -ESTALE;
  int error = engine_arm(region, first, count, true);
  return error == -ENOMEM || !error ? error : -ESTALE;
}

int
runs_arm(struct ww_region *region, struct page_set *set, size_t from, size_t to)
{
  size_t gap = gap_allowed(region), count, first = runs_next(region, set, from, to, &count);
  while (first != BITMAP_NONE) {
    size_t behind = first + count, next;
    while ((next = runs_next(region, set, behind, to, &count)) != BITMAP_NONE && next - behind <= gap
           && may_be_armed_too(region, set, behind, next - behind))
      behind = next + count;
    int error = arm(region, set, first, behind - first);
    if (error)
      return error;
    first = next;
  }
  return 0;
}

/* Runs of marked pages, up to a number. */
static size_t
count_runs(const struct bitmap *map, size_t most)
{
  size_t runs = 0, page = 0;
  while (runs < most && (page = bitmap_next(map, page)) != BITMAP_NONE) {
    uint64_t bits = bitmap_word(map, page / 64);
    runs += (size_t)__builtin_popcountll(bits & ~(bits << 1));
    page = (page / 64 + 1) * 64;
  }
  return runs;
}

/* Long stretches of what is kept, whole words at a time, nobody asks the kernel about: to look at a page that
 * is open takes it 10 ns, and a call more 1,200. */
static void
scan_others(struct ww_region *region, struct page_set *ended)
{
  enum { PAGES_WORTH_A_CALL = 256 };
  const struct bitmap *kept = &region->policy->kept;
  size_t from = 0, at = 0;
  while ((at = bitmap_next(kept, at)) != BITMAP_NONE) {
    size_t word = at / 64, behind = word;
    while (behind * 64 < region->pages && bitmap_word(kept, behind) == ~(uint64_t)0)
      behind++;
    if ((behind - word) * 64 >= PAGES_WORTH_A_CALL) {
      if (word * 64 > from)
        (void)engine_scan(region, ended, from, word * 64 - from, false);
      from = behind * 64;
    }
    at = (behind > word ? behind : word + 1) * 64;
  }
  if (from < region->pages)
    (void)engine_scan(region, ended, from, region->pages - from, false);
}

/* All but what is kept is armed in one with the look at it; what this collect decides to keep is armed once
 * too often then, and costs the kernel's fault once more. False if that failed somewhere. */
static bool
scan_between_kept(struct ww_region *region, struct page_set *ended)
{
  const struct bitmap *kept = &region->policy->kept;
  bool done = true;
  for (size_t at = 0; done && at < region->pages;) {
    size_t first = bitmap_next(kept, at), behind;
    first = first < region->pages ? first : region->pages;
    for (behind = first; behind < region->pages && bitmap_test(kept, behind);)
      behind += behind % 64 == 0 && bitmap_word(kept, behind / 64) == ~(uint64_t)0 ? 64 : 1;
    done = first == at || engine_scan(region, ended, at, first - at, true);
    at = behind;
  }
  return done;
}

/* Where nothing is kept one call does, if nothing is open for another reason (pin.h). What is marked already
 * stays what it is: the kernel only says so, too. */
static bool
scan_all(struct ww_region *region, struct page_set *ended, bool protect)
{
  return engine_scan(region, ended, 0, region->pages, protect) && protect;
}

int
runs_notice(struct ww_region *region, struct page_set *ended)
{
  enum { RUNS_MAX = 1024 };
  struct pages pinned[PINS];
  region->scanned = false;
  engine_check(region, ended);
  if (atomic_load(&region->engine) != WW_ENGINE_PAGEMAP)
    return 0;
  /* Of what is not there a scan says nothing. */
  if (!engine_is_whole(region))
    return region_unmapped(region);
  const struct policy *policy = region->policy;
  bool open = loan_arming(region, pinned) > 0;
  if (!policy || !policy->kept_pages)
    region->scanned = scan_all(region, ended, !open && !(policy && policy->expecting));
  else {
    /* Which pages are armed again is not known yet. To arm all the same takes a call for each run that is
     * kept; to wait for the choice takes one for each that was written, as many as last time, say. */
    size_t kept = count_runs(&policy->kept, RUNS_MAX);
    if (!open && kept <= region->runs)
      region->scanned = scan_between_kept(region, ended);
    else
      scan_others(region, ended);
    size_t all = count_runs(&ended->dirty, RUNS_MAX);
    region->runs = all > kept ? all - kept : 0;
  }
  loan_arming_done();
  return 0;
}
