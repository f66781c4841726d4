/* hold.c - async-signal-safe (but for making and ending one). Pages that are held for a snapshot: hold.h
 * has the protocol. */
#include "config.h"
#include "hold.h"
#include "arena.h"
#include "lock.h"
#include "policy.h"
#include "tracker.h"

#include <errno.h>
#include <string.h>

struct hold *
hold_create(size_t pages)
{
  size_t flat = bitmap_words(pages) * sizeof(uint64_t);
  struct hold *hold = arena_map(NULL, sizeof *hold + 2 * flat + pages * sizeof *hold->copy);
  if (!hold)
    return NULL;
  char *at = (char *)(hold + 1);
  hold->held = (void *)at;
  hold->open = (void *)(at + flat);
  hold->copy = (void *)(at + 2 * flat);
  return hold;
}

void
hold_destroy(struct hold *hold)
{
  if (hold)
    arena_unmap(NULL, hold);
}

/* ThreadSanitizer does not know that nobody can write to a page that is read-only, nor that the word is
 * looked at again before the copy is believed; AddressSanitizer objects to what lies between objects. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
__attribute__((no_sanitize("thread", "address")))
static void
copy_bytes(void *to, const void *from, size_t length)
{
  volatile uint64_t *target = to;
  const volatile uint64_t *source = from;
  for (size_t i = 0; i < length / sizeof *target; i++)
    target[i] = source[i];
}
#else
static void
copy_bytes(void *to, const void *from, size_t length)
{
  memcpy(to, from, length);
}
#endif

bool
hold_has(const struct hold *hold, size_t page)
{
  return atomic_load(&hold->held[page / 64]) >> (page % 64) & 1;
}

bool
hold_is_readable(const struct ww_region *region, size_t page)
{
  const struct segment *segment = region_segment(region, page);
  return segment_is_readable(segment)
    && (segment_is_steady(segment) || os_is_readable(region_page_address(region, page)));
}

static bool
leave_place(struct hold *hold, size_t page, uintptr_t now)
{
  uintptr_t expected = HOLD_IN_PLACE;
  return atomic_compare_exchange_strong(&hold->copy[page], &expected, now);
}

static bool
is_in_place(const struct hold *hold, size_t page)
{
  return hold_has(hold, page) && atomic_load(&hold->copy[page]) == HOLD_IN_PLACE;
}

static void *
take_room(struct pool *pool, size_t size)
{
  void *room = pool_take(pool, size);
  return room ? room : pool_take_beyond(pool, size);
}

/* N1 */
static void
copy_page(struct ww_region *region, struct hold *hold, size_t page)
{
  size_t size = (size_t)1 << region->shift;
  if (!is_in_place(hold, page))
    return;
  bool readable = hold_is_readable(region, page);
  void *room = readable ? take_room(hold->pool, size) : NULL;
  if (!room) {
    if (leave_place(hold, page, readable ? HOLD_LOST : HOLD_UNREADABLE) && readable)
      atomic_fetch_add(&hold->lost, 1);
    return;
  }
  copy_bytes(room, (const void *)region_page_address(region, page), size);
  /* The exchange is a release: what was read before it cannot be read after it. */
  if (leave_place(hold, page, (uintptr_t)room))
    atomic_fetch_add_explicit(&hold->copied, 1, memory_order_relaxed);
  else
    pool_give(hold->pool, room, size);
}

/* What other pages of the tracker's show the same bytes of shared memory? */
static void
copy_aliases(struct ww_region *region, size_t page)
{
  const struct segment *segment = region_segment(region, page);
  if (segment->state != SEGMENT_WATCHED || !segment->shared || !segment->inode)
    return;
  uint64_t from = segment->offset + ((uint64_t)(page - segment->first) << region->shift);
  uint64_t to = from + ((uint64_t)1 << region->shift);
  const struct region_table *regions = region_table();
  for (size_t i = 0; regions && i < regions->count; i++) {
    struct ww_region *there = regions->region[i];
    struct hold *hold = there->tracker == region->tracker ? atomic_load(&there->hold) : NULL;
    const struct segment_table *table = hold ? atomic_load(&there->table) : NULL;
    for (size_t s = 0; table && s < table->count; s++) {
      const struct segment *other = &table->segment[s];
      uint64_t begin = other->offset, end = begin + ((uint64_t)other->count << there->shift);
      if (other == segment || other->state != SEGMENT_WATCHED || !other->shared
          || other->inode != segment->inode || other->device != segment->device || from >= end || to <= begin)
        continue;
      size_t first = other->first + (from > begin ? (from - begin) >> there->shift : 0);
      size_t behind = other->first + (((to < end ? to : end) - 1 - begin) >> there->shift) + 1;
      for (size_t at = first; at < behind; at++)
        copy_page(there, hold, at);
    }
  }
}

void
hold_copy_pages(struct ww_region *region, size_t first, size_t count)
{
  struct hold *hold = atomic_load(&region->hold);
  if (!hold || !count)
    return;
  for (size_t word = first / 64; word <= (first + count - 1) / 64; word++) {
    uint64_t mask = bitmap_mask(word, first, count);
    for (uint64_t rest = mask & atomic_load(&hold->held[word]); rest; rest &= rest - 1)
      copy_page(region, hold, word * 64 + (unsigned)__builtin_ctzll(rest));
    for (uint64_t rest = hold->aliased ? mask : 0; rest; rest &= rest - 1)
      copy_aliases(region, word * 64 + (unsigned)__builtin_ctzll(rest));
  }
}

/* ------------------------------------------------------------ a full pool */

/* The number of the pool that this thread makes room in. */
static _Thread_local uint64_t saves;

void
hold_never_me(const struct pool *pool)
{
  saves = pool->number;
}

bool
hold_is_patient(struct ww_region *region, size_t page, struct hold_patience *patience)
{
  static const uint64_t PATIENCE = 50 * 1000 * 1000;    /* nanoseconds in which nothing was given back */
  struct hold *hold = atomic_load(&region->hold);
  if (!hold || !is_in_place(hold, page) || saves == hold->pool->number || lock_is_held()
      || !pool_is_full(hold->pool, (size_t)1 << region->shift))
    return false;
  uint64_t now = os_now(), given = atomic_load(&hold->pool->given);
  if (!patience->since)
    atomic_fetch_add_explicit(&hold->waits, 1, memory_order_relaxed);
  if (!patience->since || given != patience->given)
    *patience = (struct hold_patience){ now, given };
  return now - patience->since < PATIENCE;
}

/* ----------------------------------------------------------------- saving */

int
hold_save(struct ww_region *region, struct hold *hold, size_t page, void *buffer, bool *in_place)
{
  size_t size = (size_t)1 << region->shift;
  uintptr_t copy = atomic_load(&hold->copy[page]);
  *in_place = false;
  if (!hold_has(hold, page) || copy == HOLD_SAVED)
    return -ENODATA;
  if (copy == HOLD_IN_PLACE) {
    bool readable = hold_is_readable(region, page);
    if (readable)
      copy_bytes(buffer, (const void *)region_page_address(region, page), size);
    if (leave_place(hold, page, readable ? HOLD_SAVED : HOLD_UNREADABLE)) {
      *in_place = readable;
      return readable ? 0 : -EFAULT;
    }
    copy = atomic_load(&hold->copy[page]);
  }
  if (copy == HOLD_LOST)
    return -ENOBUFS;
  if (copy == HOLD_UNREADABLE)
    return -EFAULT;
  if (copy == HOLD_SAVED || !atomic_compare_exchange_strong(&hold->copy[page], &copy, HOLD_SAVED))
    return -ENODATA;
  memcpy(buffer, (const void *)copy, size);
  pool_give(hold->pool, (void *)copy, size);
  return 0;
}

void
hold_let_go(const struct ww_region *region, struct hold *hold, size_t word, uint64_t mask)
{
  uint64_t held = atomic_fetch_and(&hold->held[word], ~mask) & mask;
  /* Who saw it held may be copying it still, and finds that he was too late. */
  for (; held; held &= held - 1) {
    uintptr_t copy = atomic_exchange(&hold->copy[word * 64 + (unsigned)__builtin_ctzll(held)], HOLD_SAVED);
    if (copy >= HOLD_STATES)
      pool_give(hold->pool, (void *)copy, (size_t)1 << region->shift);
  }
}

size_t
hold_copy_open(struct ww_region *region, struct hold *hold)
{
  size_t size = (size_t)1 << region->shift, different = 0;
  for (size_t word = 0; word < bitmap_words(region->pages); word++)
    for (uint64_t rest = hold->open[word] & atomic_load(&hold->held[word]); rest; rest &= rest - 1) {
      size_t page = word * 64 + (unsigned)__builtin_ctzll(rest);
      uintptr_t copy = atomic_load(&hold->copy[page]);
      const void *at = (const void *)region_page_address(region, page);
      if (copy == HOLD_IN_PLACE) {
        copy_page(region, hold, page);
        different++;
      } else if (copy >= HOLD_STATES && hold_is_readable(region, page)) {
        struct page_hash was = page_hash((const void *)copy, size);
        copy_bytes((void *)copy, at, size);
        different += !page_hash_equal(was, page_hash((const void *)copy, size));
      }
    }
  return different;
}

/* -------------------------------------------------------------- for policy.c */

struct page_hash
hold_page_hash(struct ww_region *region, size_t page)
{
  struct hold *hold = atomic_load(&region->hold);
  if (!hold || !hold->fresh || !hold_has(hold, page))
    return region_page_hash(region, page);
  if (is_in_place(hold, page)) {
    struct page_hash hash = region_page_hash(region, page);
#if !defined(__SANITIZE_THREAD__)   /* does not know fences */
    atomic_thread_fence(memory_order_seq_cst);
#endif
    if (is_in_place(hold, page))
      return hash;
  }
  uintptr_t copy = atomic_load(&hold->copy[page]);
  return copy >= HOLD_STATES ? page_hash((const void *)copy, (size_t)1 << region->shift)
    : region_page_hash(region, page);
}

void
hold_widen(const struct ww_region *region, const struct page_set *set, size_t *first, size_t *count)
{
  enum { WIDE = 32 };
  struct hold *hold = atomic_load(&region->hold);
  size_t word = *first / 64, page = *first;
  if (!hold || *count != 1 || pool_is_full(hold->pool, (size_t)WIDE << region->shift))
    return;
  uint64_t may = policy_kept(region, word) & bitmap_word(&set->dirty, word);
  size_t low = page & ~(size_t)(WIDE - 1), high = low + WIDE < region->pages ? low + WIDE : region->pages;
  size_t from = page, to = page + 1;
  while (from > low && may >> ((from - 1) % 64) & 1 && is_in_place(hold, from - 1))
    from--;
  while (to < high && may >> (to % 64) & 1 && is_in_place(hold, to))
    to++;
  *first = from;
  *count = to - from;
}
