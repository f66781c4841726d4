/* list.c - a circular linked list whose nodes lie in memory in random order.
 *
 * An epoch walks on from where the last one stopped: each node's value changes,
 * and at every sixteenth the two nodes behind it change places. Neighbours in the
 * list are strangers in memory, so almost every step meets another page.
 *
 * The check makes the same journey over an array of node numbers. */
#include "config.h"
#include "workload.h"

#include <errno.h>
#include <stdlib.h>

enum { MINIMUM_PAGES = 1, SWAP_EVERY = 16, WORDS = 6 };

struct node {                 /* a cache line */
  struct node *next;
  uint64_t     visits;
  uint64_t     words[WORDS];  /* what the list is about: each visit changes one */
};

struct list {
  struct node *nodes;         /* tracked */
  size_t       n;
  size_t       steps;         /* an epoch; fewer than n */
  struct node *at;            /* where the walk goes on */
  uint64_t     done;          /* steps so far */
};

static uint64_t
word_of(uint64_t seed, size_t node, unsigned word)
{
  uint64_t state = seed ^ (uint64_t)node << 8 ^ word;

  return workload_random(&state);
}

/* What the visit in step `step` adds to a word: never 0. */
static uint64_t
gift(uint64_t seed, uint64_t step)
{
  uint64_t state = ~seed + step;

  return workload_random(&state) | 1;
}

/* A random cyclic order (Sattolo): next[i] follows i. */
static void
draw_cycle(uint64_t seed, uint32_t *next, size_t n)
{
  uint64_t state = seed;

  for (size_t i = 0; i < n; i++)
    next[i] = (uint32_t)i;
  for (size_t i = n - 1; i > 0; i--) {
    size_t k = workload_random(&state) % i;
    uint32_t value = next[i];

    next[i] = next[k];
    next[k] = value;
  }
}

static void
list_teardown(struct workload_run *run)
{
  free(run->state);
  run->state = NULL;
}

static int
list_setup(struct workload_run *run)
{
  struct list *list;
  uint32_t *next;

  if (run->pages < MINIMUM_PAGES)
    return workload_fail(run, -EINVAL, "needs at least %d page (--pages), not %zu",
                         MINIMUM_PAGES, run->pages);
  list = run->state = calloc(1, sizeof *list);
  if (!list)
    return workload_fail(run, -ENOMEM, "no memory for the state of list");
  list->n = run->pages * run->page_size / sizeof(struct node);
  list->steps = run->pages < list->n / 2 ? run->pages : list->n / 2;
  next = list->n <= UINT32_MAX ? malloc(list->n * sizeof *next) : NULL;
  if (!next) {
    list_teardown(run);
    return workload_fail(run, -ENOMEM, "no memory to shuffle a list of %zu pages (--pages)", run->pages);
  }
  list->nodes = workload_memory(run, "nodes", list->n * sizeof(struct node));
  if (!list->nodes) {
    free(next);
    list_teardown(run);
    return -ENOMEM;
  }
  draw_cycle(run->seed, next, list->n);
  for (size_t i = 0; i < list->n; i++) {
    list->nodes[i].next = &list->nodes[next[i]];
    for (unsigned w = 0; w < WORDS; w++)
      list->nodes[i].words[w] = word_of(run->seed, i, w);
  }
  free(next);
  list->at = list->nodes;
  return 0;
}

static int
list_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  struct list *list = run->state;
  struct node *node = list->at;

  (void)epoch;
  (void)thread;
  for (size_t i = 0; i < list->steps; i++, list->done++) {
    node->words[node->visits++ % WORDS] += gift(run->seed, list->done);
    if (list->done % SWAP_EVERY == 0) {
      struct node *first = node->next, *second = first->next;

      first->next = second->next;
      second->next = first;
      node->next = second;
    }
    node = node->next;
  }
  list->at = node;
  return 0;
}

static void
list_keeps(struct workload_run *run, workload_keep *keep, void *context)
{
  struct list *list = run->state;

  keep(context, &list->at, sizeof list->at);
  keep(context, &list->done, sizeof list->done);
}

/* The number of the node at `pointer`; n if there is none. */
static size_t
number_of(const struct list *list, const struct node *pointer)
{
  uintptr_t off = (uintptr_t)pointer - (uintptr_t)list->nodes;

  return off < list->n * sizeof(struct node) && off % sizeof(struct node) == 0 ? off / sizeof(struct node)
    : list->n;
}

/* `order` holds the nodes in their first order, and then in the order they must have now.
 * Returns the place in it where the walk stands. */
static size_t
replay(struct workload_run *run, size_t *order, uint64_t (*words)[WORDS], uint64_t *visits)
{
  struct list *list = run->state;
  size_t n = list->n, place = 0;

  for (uint64_t step = 0; step < list->done; step++, place = place + 1 < n ? place + 1 : 0) {
    size_t node = order[place];

    words[node][visits[node]++ % WORDS] += gift(run->seed, step);
    if (step % SWAP_EVERY == 0) {
      size_t *first = &order[(place + 1) % n], *second = &order[(place + 2) % n], value = *first;

      *first = *second;
      *second = value;
    }
  }
  return place;
}

static int
list_check(struct workload_run *run)
{
  struct list *list = run->state;
  size_t n = list->n, place = 0;
  uint64_t (*words)[WORDS] = calloc(n, sizeof *words), *visits = calloc(n, sizeof *visits);
  uint32_t *next = malloc(n * sizeof *next);
  size_t *order = calloc(n, sizeof *order);
  int error = 0;

  if (!words || !visits || !next || !order) {
    error = workload_fail(run, -ENOMEM, "no memory to check the list");
    goto out;
  }
  draw_cycle(run->seed, next, n);
  for (size_t i = 0, node = 0; i < n; i++, node = next[node]) {
    order[i] = node;
    for (unsigned w = 0; w < WORDS; w++)
      words[i][w] = word_of(run->seed, i, w);
  }
  place = replay(run, order, words, visits);
  if (number_of(list, list->at) != order[place])
    error = workload_fail(run, -EBADMSG, "the walk stands at node %zu, not at %zu", number_of(list, list->at),
                          order[place]);
  for (size_t i = 0; i < n && !error; i++) {
    const struct node *node = &list->nodes[order[i]];

    if (number_of(list, node->next) != order[i + 1 < n ? i + 1 : 0])
      error = workload_fail(run, -EBADMSG, "node %zu is followed by %zu, not by %zu", order[i],
                            number_of(list, node->next), order[i + 1 < n ? i + 1 : 0]);
    else if (node->visits != visits[order[i]])
      error = workload_fail(run, -EBADMSG, "node %zu counts %llu visits, not %llu", order[i],
                            (unsigned long long)node->visits, (unsigned long long)visits[order[i]]);
    for (unsigned w = 0; w < WORDS && !error; w++)
      if (node->words[w] != words[order[i]][w])
        error = workload_fail(run, -EBADMSG, "word %u of node %zu is not what its visits made it", w,
                              order[i]);
  }
  if (!error)
    fprintf(run->talk, "list: %zu nodes, after %llu steps their order, visits and words are a replay's\n", n,
            (unsigned long long)list->done);
out:
  free(words);
  free(visits);
  free(next);
  free(order);
  return error;
}

const struct workload workload_list = {
  .name = "list",
  .summary = "a shuffled linked list, walked, changed and re-linked: a new page almost every step",
  .source = "circular lists: Knuth, The Art of Computer Programming 1, 3rd ed., section 2.2.4; the shuffle: "
            "Sattolo, Inf. Process. Lett. 22, 1986",
  .pages = 4096,
  .epochs = 20,
  .max_threads = 1,
  .loud = true,
  .setup = list_setup,
  .epoch = list_epoch,
  .keeps = list_keeps,
  .check = list_check,
  .teardown = list_teardown,
};
