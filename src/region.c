/* region.c - which page is whose. The look-up (region_find and what it calls) is
 * async-signal-safe; making, publishing and freeing regions is not. */
#include "config.h"
#include "region.h"
#include "arena.h"
#include "audit.h"
#include "error.h"
#include "hold.h"
#include "lock.h"
#include "policy.h"
#include "tracker.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct gate region_gate;
_Atomic uint64_t region_armings;

static struct lock lock;
static struct region_table *_Atomic published;

/* ------------------------------------------------------------- the look-up */

const struct region_table *
region_table(void)
{
  return atomic_load(&published);
}

size_t
region_table_search(const struct region_table *table, uintptr_t address)
{
  size_t low = 0, high = table ? table->count : 0;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (table->region[middle]->end <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

struct ww_region *
region_find(const struct region_table *table, uintptr_t address)
{
  size_t at = region_table_search(table, address);
  if (!table || at == table->count || table->region[at]->start > address)
    return NULL;
  return table->region[at];
}

struct ww_region *
region_among(struct ww_region *const *regions, size_t count, uintptr_t start, uintptr_t end)
{
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (regions[middle]->end <= start)
      low = middle + 1;
    else
      high = middle;
  }
  struct ww_region *region = low < count ? regions[low] : NULL;
  return region && start <= end && region->start <= start && region->end >= end
    && !((start | end) & (((uintptr_t)1 << region->shift) - 1)) ? region : NULL;
}

static bool
is_changing(uintptr_t start, uintptr_t end)
{
  const struct region_table *table = region_table();
  for (size_t i = region_table_search(table, start); table && i < table->count; i++) {
    if (table->region[i]->start >= end)
      break;
    if (atomic_load(&table->region[i]->changing))
      return true;
  }
  return false;
}

struct gate_pass
region_enter(uintptr_t start, uintptr_t end)
{
  struct gate_pass pass = gate_enter(&region_gate);
  /* Whoever changes it waits for us to leave (shield/follow.h). */
  for (unsigned attempt = 0; is_changing(start, end); attempt++) {
    gate_leave(pass);
    os_pause(attempt);
    pass = gate_enter(&region_gate);
  }
  return pass;
}

/* ------------------------------------------------------------- publishing */

void
region_table_lock(void)
{
  lock_take(&lock);
}

void
region_table_unlock(void)
{
  lock_give(&lock);
}

void
region_gate_wait(void)
{
  region_table_lock();
  gate_advance(&region_gate);
  region_table_unlock();
}

/* Two tables of the same capacity take turns: the next one is made in the spare,
 * so that withdrawing a region needs no memory. */
static struct region_table *spare;
static size_t capacity;

/* Copy the published table to the spare, with the `skip`th region left out or a
 * place left free at `gap`. */
static struct region_table *
copy_to_spare(size_t skip, size_t gap)
{
  const struct region_table *old = region_table();
  size_t count = 0;
  for (size_t i = 0; i < (old ? old->count : 0); i++) {
    if (i == skip)
      continue;
    if (i == gap)
      count++;
    spare->region[count++] = old->region[i];
  }
  spare->count = count;
  return spare;
}

/* Publish the spare; the old table becomes the spare when nobody can be reading it. */
static void
publish_spare(void)
{
  spare = atomic_exchange(&published, spare);
  gate_advance(&region_gate);
}

static struct region_table *
table_create(size_t regions)
{
  struct region_table *table = arena_map(NULL, sizeof *table + regions * sizeof *table->region);
  return table;
}

/* Make both tables large enough for `count` regions. */
static int
reserve(size_t count)
{
  if (count <= capacity)
    return 0;
  size_t wanted = capacity ? 2 * capacity : 256;
  struct region_table *a = table_create(wanted), *b = table_create(wanted), *old = spare;
  if (!a || !b) {
    if (a)
      arena_unmap(NULL, a);
    if (b)
      arena_unmap(NULL, b);
    return -ENOMEM;
  }
  if (old)
    arena_unmap(NULL, old);
  spare = a;
  copy_to_spare(SIZE_MAX, SIZE_MAX);
  publish_spare();
  if (spare)
    arena_unmap(NULL, spare);
  spare = b;
  capacity = wanted;
  return 0;
}

int
region_publish(struct ww_region *region)
{
  int error = 0;
  region_table_lock();
  const struct region_table *old = region_table();
  size_t count = old ? old->count : 0, at = region_table_search(old, region->start);
  if (at < count && old->region[at]->start < region->end) {
    const struct ww_region *met = old->region[at];
    error = error_set(-EEXIST, "region \"%s\": %#lx-%#lx overlaps region \"%s\" at %#lx-%#lx", region->name,
                      (unsigned long)region->start, (unsigned long)region->end, met->name,
                      (unsigned long)met->start, (unsigned long)met->end);
  } else if ((error = reserve(count + 1)))
    error_set(error, "region \"%s\": no memory for a table of %zu regions", region->name, count + 1);
  if (!error) {
    struct region_table *table = copy_to_spare(SIZE_MAX, at);
    table->count = count + 1;
    table->region[at] = region;
    publish_spare();
  }
  region_table_unlock();
  return error;
}

void
region_withdraw(struct ww_region *region)
{
  region_table_lock();
  copy_to_spare(region_table_search(region_table(), region->start), SIZE_MAX);
  publish_spare();
  region_table_unlock();
}

struct ww_tracker *
region_owner(const struct ww_region *region)
{
  struct ww_tracker *owner = NULL;
  region_table_lock();
  const struct region_table *table = region_table();
  for (size_t i = 0; table && i < table->count && !owner; i++)
    if (table->region[i] == region)
      owner = region->tracker;
  region_table_unlock();
  return owner;
}

/* ------------------------------------------------------------------ making */

static void
free_hashes(struct ww_region *region)
{
  if (region->hashes)
    arena_unmap(NULL, region->hashes);
  if (region->policy)
    arena_unmap(NULL, region->policy);
}

struct ww_region *
region_create(struct ww_tracker *tracker, const char *name, uintptr_t start, uintptr_t end,
              unsigned shift, size_t segments)
{
  size_t pages = (end - start) >> shift, flat = bitmap_words(pages) * sizeof(uint64_t);
  size_t head = sizeof(struct ww_region) + sizeof(struct segment_table) + segments * sizeof(struct segment);
  head = (head + 63) & ~(size_t)63;
  size_t memory = head + 2 * (bitmap_size(pages) + 6 * flat);
  struct ww_region *region = arena_map(NULL, memory);
  if (!region)
    return NULL;
  bool adapts = tracker && tracker->policy == WW_POLICY_ADAPTIVE;
  if (adapts || (tracker && (tracker->flags & WW_SHIELD))) {
    size_t hashes = 2 * pages * sizeof *region->hashes;
    region->hashes = arena_map(NULL, hashes);
    region->policy = adapts ? arena_map(NULL, policy_size(pages)) : NULL;
    memory += hashes + (adapts ? policy_size(pages) : 0);
    if (!region->hashes || (adapts && !region->policy)) {
      free_hashes(region);
      arena_unmap(NULL, region);
      return NULL;
    }
    if (adapts)
      policy_init(region->policy, pages, region->policy + 1);
  }
  region->memory = memory;
  region->tracker = tracker;
  atomic_store(&region->references, 1);
  region->start = start;
  region->end = end;
  region->shift = shift;
  atomic_store(&region->engine, WW_ENGINE_MPROTECT);
  region->pages = pages;
  region->origin = region;
  struct segment_table *table = (void *)(region + 1);
  table->room = segments;
  atomic_store(&region->table, table);
  char *at = (char *)region + head;
  for (unsigned parity = 0; parity < 2; parity++) {
    struct page_set *set = &region->set[parity];
    bitmap_init(&set->dirty, pages, at);
    at += bitmap_size(pages);
    set->bulk = (void *)at;
    set->declared = (void *)(at + flat);
    set->trapped = (void *)(at + 2 * flat);
    set->provisional = (void *)(at + 3 * flat);
    set->hash = region->hashes ? region->hashes + parity * pages : NULL;
    set->verified = (void *)(at + 4 * flat);
    set->owed = (void *)(at + 5 * flat);
    at += 6 * flat;
  }
  if (name)
    strncpy(region->name, name, sizeof region->name - 1);
  return region;
}

int
region_unmapped(const struct ww_region *region)
{
  return error_set(-EFAULT, "region \"%s\": part of %#lx-%#lx is no longer mapped; remove a region "
                   "before its memory is unmapped", region->name, (unsigned long)region->start,
                   (unsigned long)region->end);
}

struct ww_region *
region_share(struct ww_region *region)
{
  atomic_fetch_add(&region->references, 1);
  return region;
}

void
region_release(struct ww_region *region)
{
  if (atomic_fetch_sub(&region->references, 1) == 1) {
    segment_free(region);
    audit_free(region->audit);
    hold_destroy(region->hold_memory);
    free_hashes(region);
    arena_unmap(NULL, region);
  }
}

/* --------------------------------------------------------------- page sets */

/* Where runs begin in a word, given whether the page before it is in the set. */
static int
run_starts(uint64_t word, bool before)
{
  return __builtin_popcountll(word & ~(word << 1 | before));
}

uint64_t
page_set_add(struct ww_region *region, struct page_set *set, size_t word, uint64_t mask)
{
  uint64_t old = bitmap_set_word(&set->dirty, word, mask), now = old | mask;
  if (now == old || atomic_load_explicit(&region->engine, memory_order_relaxed) != WW_ENGINE_MPROTECT)
    return now & ~old;
  bool before = word > 0 && bitmap_word(&set->dirty, word - 1) >> 63;
  long runs = run_starts(now, before) - run_starts(old, before);
  /* A run that begins the next word is one with ours if ours now reaches it. */
  if ((now & ~old) >> 63 && (word + 1) * 64 < region->pages)
    runs -= bitmap_word(&set->dirty, word + 1) & 1;
  if (runs) {
    atomic_fetch_add(&set->mappings, 2 * runs);
    atomic_fetch_add(&region->tracker->mappings, 2 * runs);
  }
  return now & ~old;
}

void
page_set_declare(struct ww_region *region, struct page_set *set, size_t word, uint64_t mask)
{
  uint64_t added = page_set_add(region, set, word, mask);
  /* Pages that were made writable in bulk are now known to be written. */
  if (atomic_load(&set->special))
    added |= atomic_load(&set->bulk[word]) & mask;
  if (added) {
    atomic_fetch_or(&set->declared[word], added);
    atomic_store(&set->special, true);
  }
  /* After they were declared: see make_provisional() of policy.c. */
  if (atomic_load(&set->special))
    atomic_fetch_and(&set->provisional[word], ~mask);
}

void
page_set_drop(struct ww_region *region, struct page_set *set, size_t first, size_t count)
{
  bool special = atomic_load(&set->special), owes = atomic_load(&set->owes);
  long runs = 0;
  for (size_t page = first; (page = bitmap_next(&set->dirty, page)) < first + count;) {
    size_t word = page / 64;
    uint64_t mask = bitmap_mask(word, first, count), old = bitmap_word(&set->dirty, word), now = old & ~mask;
    bool before = word > 0 && bitmap_word(&set->dirty, word - 1) >> 63;
    runs += run_starts(now, before) - run_starts(old, before);
    /* What begins the next word begins a run now, if it was one with our last page. */
    if ((old & mask) >> 63 && (word + 1) * 64 < region->pages)
      runs += bitmap_word(&set->dirty, word + 1) & 1;
    bitmap_unset_word(&set->dirty, word, mask);
    if (special) {
      atomic_fetch_and(&set->bulk[word], ~mask);
      atomic_fetch_and(&set->declared[word], ~mask);
      atomic_fetch_and(&set->trapped[word], ~mask);
      atomic_fetch_and(&set->provisional[word], ~mask);
      atomic_fetch_and(&set->verified[word], ~mask);
    }
    if (owes)
      atomic_fetch_and(&set->owed[word], ~mask);
    page = (word + 1) * 64;
  }
  if (atomic_load(&region->engine) == WW_ENGINE_MPROTECT) {
    atomic_fetch_add(&set->mappings, 2 * runs);
    atomic_fetch_add(&region->tracker->mappings, 2 * runs);
  }
}

void
page_set_remove(struct page_set *set, size_t word, uint64_t mask)
{
  uint64_t left = bitmap_word(&set->dirty, word) & ~mask;
  atomic_fetch_and(&set->bulk[word], ~mask);
  atomic_fetch_and(&set->declared[word], ~mask);
  atomic_fetch_and(&set->trapped[word], ~mask);
  atomic_fetch_and(&set->provisional[word], ~mask);
  bitmap_clear_word(&set->dirty, word);
  if (left)
    bitmap_set_word(&set->dirty, word, left);
}

uint64_t
page_set_with_evidence(const struct page_set *set, size_t word, enum ww_evidence evidence)
{
  uint64_t bulk = atomic_load(&set->bulk[word]), declared = atomic_load(&set->declared[word]);
  uint64_t verified = atomic_load(&set->verified[word]);
  uint64_t trapped = (~(bulk | declared) | atomic_load(&set->trapped[word])) & ~verified;
  switch (evidence) {
    case WW_VERIFIED:
      return verified;
    case WW_TRAPPED:
      return trapped;
    case WW_DECLARED:
      return declared & ~trapped & ~verified;
    default:
      return ~(declared | trapped | verified);
  }
}

enum ww_evidence
page_set_evidence(const struct page_set *set, size_t page)
{
  static const enum ww_evidence all[] = { WW_VERIFIED, WW_TRAPPED, WW_DECLARED };
  if (!atomic_load(&set->special))
    return WW_TRAPPED;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (page_set_with_evidence(set, page / 64, all[i]) >> (page % 64) & 1)
      return all[i];
  return WW_ASSUMED;
}

void
page_set_owe(struct page_set *set, size_t word, uint64_t mask)
{
  atomic_fetch_or(&set->owed[word], mask);
  atomic_store(&set->owes, true);
}

bool
page_set_add_hashed(struct ww_region *region, struct page_set *set, size_t page, uint64_t collects)
{
  uint64_t bit = (uint64_t)1 << (page % 64);
  if (bitmap_test(&set->dirty, page))
    return false;
  struct page_hash hash = region_page_hash(region, page);
  if (!page_set_add(region, set, page / 64, bit))
    return false;
  /* A fault that comes from here on is recorded as trapped beside it. */
  atomic_fetch_or(&set->bulk[page / 64], bit);
  if (atomic_load(&region->tracker->collects) != collects)
    page_set_owe(set, page / 64, bit);
  atomic_store(&set->special, true);
  set->hash[page] = hash;
  atomic_fetch_or(&set->provisional[page / 64], bit);
  atomic_store(&set->unverified, true);
  return true;
}

void
page_set_clear(struct page_set *set)
{
  bool special = atomic_exchange(&set->special, false), owes = atomic_exchange(&set->owes, false);
  for (size_t page = 0; (page = bitmap_next(&set->dirty, page)) != BITMAP_NONE;) {
    size_t word = page / 64;
    bitmap_clear_word(&set->dirty, word);
    if (special) {
      atomic_store(&set->bulk[word], 0);
      atomic_store(&set->declared[word], 0);
      atomic_store(&set->trapped[word], 0);
      atomic_store(&set->verified[word], 0);
      atomic_store(&set->provisional[word], 0);
    }
    if (owes)
      atomic_store(&set->owed[word], 0);
    page = (word + 1) * 64;
  }
  atomic_store(&set->unverified, false);
  atomic_store(&set->mappings, 0);
}
