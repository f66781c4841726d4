/* gc.c - a bump allocator with a copying collector, and a program that makes lists
 * and trees, ties them together and drops them.
 *
 * Between collections an epoch writes one stream of new objects and the table of
 * roots; a collection writes the other half of the memory, as far as objects live,
 * and a forwarding address into each object that it copies out of the old half.
 *
 * Objects are not changed once they are made, but share parts: a new list may go on
 * as another root's list. What each root must look like is kept as one checksum,
 * made from the values at the time of making, which the check compares with the
 * graph as it lies in memory. */
#include "config.h"
#include "workload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MINIMUM_PAGES = 3, LEAST_ROOTS = 8, MOST_WORDS = 4, MOST_POINTERS = 2 };
enum { LARGEST = 8 * (1 + MOST_POINTERS + MOST_WORDS), WEIGHT = 16384 };

struct object {
  uint64_t header;  /* 1 | pointers << 8 | words << 16; copied: its new address (even) */
  uint64_t slot[];  /* the pointers, then the words */
};

/* What must be found behind a root. */
struct promise {
  uint64_t sum;
  size_t   weight;  /* bytes, shared parts counted as often as they are reached */
};

struct gc {
  unsigned char   *space[2];     /* tracked */
  struct object  **root;         /* tracked */
  struct promise  *promise;      /* one a root */
  size_t   roots, room;          /* room: bytes a space */
  size_t   weight;               /* the most a root may have: all together half a space */
  size_t   used;                 /* bytes of the present space */
  unsigned present;              /* space */
  unsigned collections;
  uint64_t allocated, copied;    /* bytes, ever */
  uint64_t random;
};

struct made {
  struct object *object;         /* NULL: nothing, sum 0 */
  uint64_t       sum;
};

static unsigned
pointers_of(uint64_t header)
{
  return header >> 8 & 0xff;
}

static unsigned
words_of(uint64_t header)
{
  return header >> 16 & 0xff;
}

static size_t
size_of(uint64_t header)
{
  return sizeof(struct object) + (pointers_of(header) + words_of(header)) * sizeof(uint64_t);
}

/* ------------------------------------------------------------- the collector */

/* Where the object is in the new space; copies it there if it is not yet. */
static struct object *
forward(struct gc *gc, struct object *object, unsigned char **end)
{
  if (!object)
    return NULL;
  if (object->header & 1) {
    size_t size = size_of(object->header);

    memcpy(*end, object, size);
    object->header = (uintptr_t)*end;
    *end += size;
    gc->copied += size;
  }
  return (struct object *)(uintptr_t)object->header;
}

/* Cheney's: the objects copied and not yet looked through are the queue. */
static void
collect(struct gc *gc)
{
  unsigned char *to = gc->space[!gc->present], *end = to, *scan = to;

  for (size_t i = 0; i < gc->roots; i++)
    if (gc->root[i])
      gc->root[i] = forward(gc, gc->root[i], &end);
  while (scan < end) {
    struct object *object = (struct object *)(void *)scan;

    for (unsigned p = 0; p < pointers_of(object->header); p++)
      object->slot[p] = (uintptr_t)forward(gc, (struct object *)(uintptr_t)object->slot[p], &end);
    scan += size_of(object->header);
  }
  gc->present = !gc->present;
  gc->used = (size_t)(end - to);
  gc->collections++;
}

/* ------------------------------------------------------------- the program */

static uint64_t
mix(uint64_t sum, uint64_t value)
{
  uint64_t state = sum ^ value;

  return workload_random(&state) + 3 * sum;
}

/* A new object with these children and random words. There is room: make() saw to it,
 * so no collection moves what the caller holds. */
static struct made
new_object(struct gc *gc, unsigned pointers, const struct made *child)
{
  unsigned words = 1 + (unsigned)(workload_random(&gc->random) % MOST_WORDS);
  uint64_t header = 1 | pointers << 8 | words << 16;
  struct object *object = (struct object *)(void *)(gc->space[gc->present] + gc->used);
  struct made made = { object, mix(0, header) };

  gc->used += size_of(header);
  gc->allocated += size_of(header);
  object->header = header;
  for (unsigned p = 0; p < pointers; p++) {
    object->slot[p] = (uintptr_t)child[p].object;
    made.sum = mix(made.sum, child[p].sum);
  }
  for (unsigned w = 0; w < words; w++) {
    uint64_t value = workload_random(&gc->random);

    object->slot[pointers + w] = value;
    made.sum = mix(made.sum, value);
  }
  return made;
}

/* A full tree of `depth` levels; its first empty end becomes *graft. */
static struct made
new_tree(struct gc *gc, unsigned depth, struct made *graft)
{
  struct made child[2] = { { NULL, 0 }, { NULL, 0 } };

  if (depth == 0) {
    child[0] = *graft;
    *graft = child[1];
    return child[0];
  }
  child[0] = new_tree(gc, depth - 1, graft);
  child[1] = new_tree(gc, depth - 1, graft);
  return new_object(gc, 2, child);
}

static struct made
new_list(struct gc *gc, size_t length, struct made rest)
{
  while (length--)
    rest = new_object(gc, 1, &rest);
  return rest;
}

/* Give one root a new list or tree, which may end in what another root has; or drop
 * what it has. */
static void
make(struct gc *gc)
{
  size_t root = workload_random(&gc->random) % gc->roots, other = workload_random(&gc->random) % gc->roots;
  uint64_t what = workload_random(&gc->random);
  size_t length = 1 + (what >> 32) % (gc->weight / 2 / LARGEST);
  struct made graft = { NULL, 0 }, made;
  size_t before, grafted = 0;
  unsigned depth = 1;

  if (what % 8 == 0) {
    gc->root[root] = NULL;
    gc->promise[root] = (struct promise){ 0, 0 };
    return;
  }
  while (((size_t)2 << depth) - 1 <= length)
    depth++;
  if (gc->room - gc->used < length * LARGEST)
    collect(gc);
  if (what % 8 < 4 && gc->promise[other].weight + length * LARGEST <= gc->weight) {
    graft = (struct made){ gc->root[other], gc->promise[other].sum };
    grafted = gc->promise[other].weight;
  }
  before = gc->used;
  made = what % 2 ? new_list(gc, length, graft) : new_tree(gc, depth, &graft);
  gc->root[root] = made.object;
  gc->promise[root] = (struct promise){ made.sum, gc->used - before + grafted };
}

static void
gc_teardown(struct workload_run *run)
{
  struct gc *gc = run->state;

  if (gc)
    free(gc->promise);
  free(gc);
  run->state = NULL;
}

static int
gc_setup(struct workload_run *run)
{
  struct gc *gc;
  size_t table = 1 + run->pages / 8192;  /* pages for the roots */

  if (run->pages < MINIMUM_PAGES)
    return workload_fail(run, -EINVAL, "needs at least %d pages (--pages), not %zu",
                         MINIMUM_PAGES, run->pages);
  gc = run->state = calloc(1, sizeof *gc);
  if (!gc)
    return workload_fail(run, -ENOMEM, "no memory for the state of gc");
  gc->random = run->seed;
  gc->room = (run->pages - table) / 2 * run->page_size;
  gc->roots = gc->room / 2 / WEIGHT > LEAST_ROOTS ? gc->room / 2 / WEIGHT : LEAST_ROOTS;
  gc->weight = gc->room / 2 / gc->roots;
  gc->promise = calloc(gc->roots, sizeof *gc->promise);
  if (!gc->promise) {
    gc_teardown(run);
    return workload_fail(run, -ENOMEM, "no memory for the roots' checksums");
  }
  if (!(gc->space[0] = workload_memory(run, "space 0", gc->room))
      || !(gc->space[1] = workload_memory(run, "space 1", gc->room))
      || !(gc->root = workload_memory(run, "roots", gc->roots * sizeof *gc->root))) {
    gc_teardown(run);
    return -ENOMEM;
  }
  return 0;
}

static int
gc_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  struct gc *gc = run->state;
  uint64_t goal = gc->allocated + gc->room / 4;

  (void)epoch;
  (void)thread;
  while (gc->allocated < goal)
    make(gc);
  return 0;
}

static void
gc_keeps(struct workload_run *run, workload_keep *keep, void *context)
{
  struct gc *gc = run->state;

  keep(context, gc->promise, gc->roots * sizeof *gc->promise);
  keep(context, &gc->used, sizeof gc->used);
  keep(context, &gc->present, sizeof gc->present);
  keep(context, &gc->collections, sizeof gc->collections);
  keep(context, &gc->allocated, sizeof gc->allocated);
  keep(context, &gc->copied, sizeof gc->copied);
  keep(context, &gc->random, sizeof gc->random);
}

/* ------------------------------------------------------------- the check */

/* The checksum of what hangs on `at`, for which `budget` bytes are left (a cycle would
 * use them up). Touches nothing outside the present space, whatever it finds. */
static int
sum_up(struct workload_run *run, uint64_t at, size_t *budget, uint64_t *sum)
{
  struct gc *gc = run->state;
  uint64_t base = (uintptr_t)gc->space[gc->present], off = at - base, total;
  const struct object *object;

  *sum = 0;
  if (!at)
    return 0;
  if (off >= gc->used || off % sizeof(uint64_t))
    return workload_fail(run, -EBADMSG, "a pointer leads to %#llx, outside the living space",
                         (unsigned long long)at);
  object = (const struct object *)(uintptr_t)at;
  total = size_of(object->header);
  if ((object->header & ~(uint64_t)0xffff00) != 1 || total > gc->used - off || total > *budget)
    return workload_fail(run, -EBADMSG, "there is no object at %#llx", (unsigned long long)at);
  *budget -= total;
  total = mix(0, object->header);
  for (unsigned p = 0; p < pointers_of(object->header); p++) {
    uint64_t child;
    int error = sum_up(run, object->slot[p], budget, &child);

    if (error)
      return error;
    total = mix(total, child);
  }
  for (unsigned w = 0; w < words_of(object->header); w++)
    total = mix(total, object->slot[pointers_of(object->header) + w]);
  *sum = total;
  return 0;
}

static int
gc_check(struct workload_run *run)
{
  struct gc *gc = run->state;
  size_t living = 0;

  for (size_t i = 0; i < gc->roots; i++) {
    size_t budget = gc->promise[i].weight;
    uint64_t sum;
    int error = sum_up(run, (uintptr_t)gc->root[i], &budget, &sum);

    if (error)
      return error;
    if (sum != gc->promise[i].sum || budget)
      return workload_fail(run, -EBADMSG, "what hangs on root %zu is not what was made", i);
    living += gc->root[i] != NULL;
  }
  fprintf(run->talk, "gc: what hangs on %zu living roots is what was made; %u collections, %llu bytes "
          "allocated, %llu copied\n", living, gc->collections, (unsigned long long)gc->allocated,
          (unsigned long long)gc->copied);
  return 0;
}

const struct workload workload_gc = {
  .name = "gc",
  .summary = "a bump allocator with a copying collector: streams into one half, then the other",
  .source = "Cheney, A nonrecursive list compacting algorithm, CACM 13(11), 1970",
  .pages = 2048,
  .epochs = 24,
  .max_threads = 1,
  .loud = false,  /* an object may be copied to where its copy lay before */
  .setup = gc_setup,
  .epoch = gc_epoch,
  .keeps = gc_keeps,
  .check = gc_check,
  .teardown = gc_teardown,
};
