/* arena.c - memory of the tracker's own. Not for handlers. */
#include "config.h"
#include "arena.h"
#include "lock.h"
#include "os.h"

#include <string.h>

/* Each mapping begins with a node; the caller gets what follows it, aligned to a cache
 * line pair. */
struct node {
  struct node *next, *previous;
  size_t length;
};

enum { HEAD = 128 };
_Static_assert(sizeof(struct node) <= HEAD, "the caller's part must stay aligned");

static struct lock lock;
static struct node *first;              /* of those that are somewhere */

/* The reserve: see arena_reserve(). Its nodes are listed by ascending address; the next one is
 * made behind `rover`, the one that was made last, if there is room, else in the first gap. */
static char *reserve, *reserve_end;
static struct node *reserve_first, *rover;

/* A few small mappings that were given back, for the next who asks: a dirty set lives for one epoch,
 * and to map, touch and unmap it took 10 us, more than the rest of a small collect. They stay
 * in their list, so that they are known to be ours. The oldest makes way: sizes that nobody asks for any
 * more would keep the places for good. */
enum { SPARE = 4, SPARE_LENGTH = 256 * 1024 };
static struct node *spare[SPARE];       /* the oldest first; NULL: none from here on */
static _Atomic bool spares_kept;
/* One that was given back since somebody had the lock: to let go of a dirty set takes no lock then, and so no
 * system calls to hold signals off. */
static struct node *_Atomic returned;

static void take_in_returned(void);

static void
drop_spare(unsigned at)
{
  for (; at + 1 < SPARE; at++)
    spare[at] = spare[at + 1];
  spare[SPARE - 1] = NULL;
}

static struct node *
take_spare(size_t length, size_t used)
{
  take_in_returned();
  for (unsigned i = 0; i < SPARE && spare[i]; i++) {
    struct node *node = spare[i];
    if (node->length >= length && node->length <= 4 * length) {
      drop_spare(i);
      memset((char *)node + HEAD, 0, used);
      return node;
    }
  }
  return NULL;
}

/* What is to be unmapped now: this one, the oldest in its stead, or nothing. */
static struct node *
put_aside(struct node *node)
{
  struct node *oldest = spare[SPARE - 1] ? spare[0] : NULL;
  if (!spares_kept || node->length > SPARE_LENGTH)
    return node;
  if (oldest)
    drop_spare(0);
  for (unsigned i = 0; i < SPARE; i++)
    if (!spare[i]) {
      spare[i] = node;
      break;
    }
  return oldest;
}

static size_t
whole(size_t length)
{
  size_t page = os_page_size();
  return (length + HEAD + page - 1) & ~(page - 1);
}

void
arena_reserve(void)
{
  lock_take(&lock);
  for (size_t size = (size_t)1 << 35; !reserve && size >= (size_t)1 << 26; size >>= 3)
    if ((reserve = os_reserve(size)))
      reserve_end = reserve + size;
  lock_give(&lock);
}

static void
link_behind(struct node **head, struct node *before, struct node *node)
{
  node->previous = before;
  node->next = before ? before->next : *head;
  if (node->next)
    node->next->previous = node;
  if (before)
    before->next = node;
  else
    *head = node;
}

static void
unlink_from(struct node **head, struct node *node)
{
  if (node->previous)
    node->previous->next = node->next;
  else
    *head = node->next;
  if (node->next)
    node->next->previous = node->previous;
}

/* The room behind a node of the reserve (NULL: before the first). */
static char *
gap_behind(const struct node *node, size_t *room)
{
  char *begin = node ? (char *)(uintptr_t)node + node->length : reserve;
  const struct node *next = node ? node->next : reserve_first;
  *room = (size_t)((next ? (const char *)next : reserve_end) - begin);
  return begin;
}

static struct node *
map_in_reserve(size_t length)
{
  size_t room = 0;
  struct node *before = rover;
  char *at = reserve ? gap_behind(before, &room) : NULL;
  if (reserve && room < length)
    for (before = NULL; (at = gap_behind(before, &room)), room < length;)
      if (!(before = before ? before->next : reserve_first))
        return NULL;
  if (!at || !os_fill(at, length))
    return NULL;
  struct node *node = (void *)at;
  node->length = length;
  link_behind(&reserve_first, before, node);
  rover = node;
  return node;
}

static bool
is_reserved(const struct node *node)
{
  return (const char *)node >= reserve && (const char *)node < reserve_end;
}

void *
arena_map(struct arena *arena, size_t length)
{
  if (length > SIZE_MAX / 2)
    return NULL;
  lock_take(&lock);
  struct node *node = take_spare(whole(length), length);
  if (!node)
    node = map_in_reserve(whole(length));
  if (!node && (node = os_map(whole(length)))) {
    node->length = whole(length);
    link_behind(&first, NULL, node);
  }
  lock_give(&lock);
  if (!node)
    return NULL;
  if (arena)
    atomic_fetch_add(&arena->bytes, node->length);
  return (char *)node + HEAD;
}

static void
unmap(struct node *node)
{
  bool reserved = is_reserved(node);
  if (reserved && rover == node)
    rover = node->previous;
  unlink_from(reserved ? &reserve_first : &first, node);
  if (reserved)
    os_vacate(node, node->length);
  else
    os_unmap(node, node->length);
}

static void
take_in_returned(void)
{
  struct node *node = atomic_load(&returned) ? atomic_exchange(&returned, NULL) : NULL;
  struct node *unwanted = node ? put_aside(node) : NULL;
  if (unwanted)
    unmap(unwanted);
}

void
arena_keep_spares(bool keep)
{
  lock_take(&lock);
  spares_kept = keep;
  take_in_returned();
  while (!keep && spare[0]) {
    unmap(spare[0]);
    drop_spare(0);
  }
  lock_give(&lock);
}

void
arena_unmap(struct arena *arena, void *address)
{
  struct node *node = (void *)((char *)address - HEAD);
  if (arena)
    atomic_fetch_sub(&arena->bytes, node->length);
  struct node *before = NULL;
  if (spares_kept && node->length <= SPARE_LENGTH && atomic_compare_exchange_strong(&returned, &before, node))
    return;
  lock_take(&lock);
  take_in_returned();
  struct node *unwanted = put_aside(node);
  if (unwanted)
    unmap(unwanted);
  lock_give(&lock);
}

bool
arena_overlaps(uintptr_t start, uintptr_t end)
{
  lock_take(&lock);
  bool found = reserve && (uintptr_t)reserve < end && (uintptr_t)reserve_end > start;
  for (struct node *node = first; node && !found; node = node->next)
    found = (uintptr_t)node < end && (uintptr_t)node + node->length > start;
  lock_give(&lock);
  return found;
}

void
arena_lock(void)
{
  lock_take(&lock);
}

void
arena_unlock(void)
{
  lock_give(&lock);
}
