/* arena.c - memory of the tracker's own. Not for handlers. */
#include "config.h"
#include "arena.h"
#include "lock.h"
#include "os.h"

/* Each mapping begins with a node of the list of all; the caller gets what
 * follows it, aligned to a cache line pair. */
struct node {
  struct node *next, *previous;
  size_t length;
};

enum { HEAD = 128 };
_Static_assert(sizeof(struct node) <= HEAD, "the caller's part must stay aligned");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct node *first;

static size_t
whole(size_t length)
{
  size_t page = os_page_size();
  return (length + HEAD + page - 1) & ~(page - 1);
}

void *
arena_map(struct arena *arena, size_t length)
{
  if (length > SIZE_MAX / 2)
    return NULL;
  struct node *node = os_map(whole(length));
  if (!node)
    return NULL;
  node->length = whole(length);
  lock_take(&lock);
  node->next = first;
  if (first)
    first->previous = node;
  first = node;
  lock_give(&lock);
  if (arena)
    atomic_fetch_add(&arena->bytes, node->length);
  return (char *)node + HEAD;
}

void
arena_unmap(struct arena *arena, void *address)
{
  struct node *node = (void *)((char *)address - HEAD);
  lock_take(&lock);
  if (node->previous)
    node->previous->next = node->next;
  else
    first = node->next;
  if (node->next)
    node->next->previous = node->previous;
  lock_give(&lock);
  if (arena)
    atomic_fetch_sub(&arena->bytes, node->length);
  os_unmap(node, node->length);
}

bool
arena_overlaps(uintptr_t start, uintptr_t end)
{
  bool found = false;
  lock_take(&lock);
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
