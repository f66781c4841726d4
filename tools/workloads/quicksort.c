/* quicksort.c - quicksort in place, as much of it an epoch as handles every key
 * once; sorted, the array is filled anew.
 *
 * The first epoch partitions the whole array; later ones work on ever smaller
 * pieces of it, from the smaller side of each partition on. The pieces still to
 * sort are kept on a stack of our own instead of by recursion, which is what lets
 * an epoch end anywhere.
 *
 * Why it is loud: all keys differ. A key exchanged in a partition never comes back
 * to its place: from then on only keys on the other side of the pivot do. The final
 * insertion sort moves a key only away from where the sorted piece has another. */
#include "config.h"
#include "workload.h"

#include <errno.h>
#include <stdlib.h>

enum { MINIMUM_PAGES = 1, SMALL = 16, DEPTH = 64 };

struct piece { size_t first, end; };

struct quicksort {
  uint64_t    *keys;          /* tracked */
  size_t       n;
  unsigned     array;         /* arrays drawn before this one */
  unsigned     depth;
  uint64_t     random;        /* draws the pivots */
  struct piece stack[DEPTH];  /* to sort, the smallest on top: halving bounds the depth */
};

/* The first state of the generator that draws array `array`. It is a bijection of
 * a counter, so no key comes twice in an array. */
static uint64_t
first_state(uint64_t seed, unsigned array)
{
  uint64_t state = seed + array;

  return workload_random(&state);
}

static void
draw_keys(struct workload_run *run)
{
  struct quicksort *sort = run->state;
  uint64_t state = first_state(run->seed, sort->array);

  for (size_t i = 0; i < sort->n; i++)
    sort->keys[i] = workload_random(&state);
  sort->stack[0] = (struct piece){ 0, sort->n };
  sort->depth = 1;
}

static void
insertion_sort(uint64_t *keys, struct piece piece)
{
  for (size_t i = piece.first + 1; i < piece.end; i++) {
    uint64_t key = keys[i];
    size_t k = i;

    for (; k > piece.first && keys[k - 1] > key; k--)
      keys[k] = keys[k - 1];
    if (k != i)
      keys[k] = key;
  }
}

/* Hoare's partition: where the right part begins; neither part is empty. */
static size_t
partition(struct quicksort *sort, struct piece piece)
{
  uint64_t *keys = sort->keys;
  /* Not the last key: were it the greatest, the right part would be empty. */
  uint64_t pivot = keys[piece.first + workload_random(&sort->random) % (piece.end - piece.first - 1)];
  size_t i = piece.first, j = piece.end - 1;

  for (;;) {
    while (keys[i] < pivot)
      i++;
    while (keys[j] > pivot)
      j--;
    if (i >= j)
      return j + 1;
    uint64_t key = keys[i];
    keys[i++] = keys[j];
    keys[j--] = key;
  }
}

static void
quicksort_keeps(struct workload_run *run, workload_keep *keep, void *context)
{
  struct quicksort *sort = run->state;

  keep(context, &sort->array, sizeof sort->array);
  keep(context, &sort->depth, sizeof sort->depth);
  keep(context, &sort->random, sizeof sort->random);
  keep(context, sort->stack, sizeof sort->stack);
}

static void
quicksort_teardown(struct workload_run *run)
{
  free(run->state);
  run->state = NULL;
}

static int
quicksort_setup(struct workload_run *run)
{
  struct quicksort *sort;

  if (run->pages < MINIMUM_PAGES)
    return workload_fail(run, -EINVAL, "needs at least %d page (--pages), not %zu",
                         MINIMUM_PAGES, run->pages);
  sort = run->state = calloc(1, sizeof *sort);
  if (!sort)
    return workload_fail(run, -ENOMEM, "no memory for the state of quicksort");
  sort->random = ~run->seed;
  sort->n = run->pages * run->page_size / sizeof(uint64_t);
  sort->keys = workload_memory(run, "keys", sort->n * sizeof(uint64_t));
  if (!sort->keys) {
    quicksort_teardown(run);
    return -ENOMEM;
  }
  draw_keys(run);
  return 0;
}

static int
quicksort_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  struct quicksort *sort = run->state;
  size_t handled = 0;

  (void)epoch;
  (void)thread;
  if (sort->depth == 0) {
    sort->array++;
    draw_keys(run);
    return 0;
  }
  while (sort->depth && handled < sort->n) {
    struct piece piece = sort->stack[--sort->depth], left, right;

    handled += piece.end - piece.first;
    if (piece.end - piece.first <= SMALL) {
      insertion_sort(sort->keys, piece);
      continue;
    }
    left = right = piece;
    left.end = right.first = partition(sort, piece);
    if (left.end - left.first < right.end - right.first) {
      struct piece other = left;

      left = right;
      right = other;
    }
    sort->stack[sort->depth++] = left;
    sort->stack[sort->depth++] = right;
  }
  return 0;
}

static int
by_place(const void *a, const void *b)
{
  const struct piece *p = a, *q = b;

  return (p->first > q->first) - (p->first < q->first);
}

/* Sorted but for the pieces still on the stack, which no key has to leave; and
 * the same keys as were drawn, by the sums of two functions of them. */
static int
quicksort_check(struct workload_run *run)
{
  struct quicksort *sort = run->state;
  struct piece piece[DEPTH + 1];
  uint64_t state = first_state(run->seed, sort->array), sum[2] = { 0 }, mix[2] = { 0 };
  uint64_t below = 0, top = 0;
  unsigned at = 0;

  for (unsigned i = 0; i < sort->depth; i++)
    piece[i] = sort->stack[i];
  qsort(piece, sort->depth, sizeof *piece, by_place);
  piece[sort->depth] = (struct piece){ sort->n, sort->n };
  for (size_t i = 0; i < sort->n; i++) {
    uint64_t key = sort->keys[i], drawn = workload_random(&state), copy = key;

    while (i >= piece[at].end && at < sort->depth)
      at++;
    /* A piece, or a key outside all of them, has everything before it below it. */
    if (i <= piece[at].first || at == sort->depth)
      below = top;
    if (key < below)
      return workload_fail(run, -EBADMSG, "key %zu, %016llx, stands behind %016llx", i,
                           (unsigned long long)key, (unsigned long long)below);
    top = key > top ? key : top;
    sum[0] += key;
    mix[0] += workload_random(&copy);
    sum[1] += drawn;
    mix[1] += workload_random(&drawn);
  }
  if (sum[0] != sum[1] || mix[0] != mix[1])
    return workload_fail(run, -EBADMSG, "the keys are not those that were drawn");
  fprintf(run->talk, "quicksort: %zu keys, all there, in order but for %u pieces still to sort\n",
          sort->n, sort->depth);
  return 0;
}

const struct workload workload_quicksort = {
  .name = "quicksort",
  .summary = "quicksort in place: the whole array at first, then ever smaller pieces",
  .source = "Hoare, Quicksort, The Computer Journal 5(1), 1962",
  .pages = 2048,
  .epochs = 24,
  .max_threads = 1,
  .loud = true,
  .setup = quicksort_setup,
  .epoch = quicksort_epoch,
  .keeps = quicksort_keeps,
  .check = quicksort_check,
  .teardown = quicksort_teardown,
};
