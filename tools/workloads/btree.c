/* btree.c - a B-tree whose nodes are 4 KiB each.
 *
 * An epoch inserts keys and changes values of keys that are there, both at random:
 * single leaves all over the tree, and now and then, where nodes split, their
 * parents and a fresh node. A tree that has used up its memory begins anew.
 *
 * The check walks the tree (order, depth, fill), and looks for every key that was
 * inserted, with its value as a replay on an array has it. */
#include "config.h"
#include "workload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MINIMUM_PAGES = 4, NODE = 4096, DEGREE = 102, FULL = 2 * DEGREE - 1 };

struct node {
  _Alignas(NODE) uint32_t count;    /* keys */
  uint32_t leaf;
  uint64_t keys[FULL], values[FULL];
  uint32_t children[FULL + 1];      /* numbers of nodes */
};
_Static_assert(sizeof(struct node) == NODE, "a node fills its page");

struct btree {
  struct node *nodes;   /* tracked */
  size_t    room;       /* nodes in all */
  uint32_t  used, root;
  unsigned  height;     /* levels */
  size_t    n;          /* keys in the tree */
  size_t    share;      /* inserts, and changes, an epoch */
  unsigned  tree;       /* trees before this one */
  unsigned  begin, end; /* the epochs [begin, end) worked on this tree, */
  size_t    begin_n;    /* which had so many keys before them */
};

/* Key number i of a tree: a bijection of a counter, so none comes twice. */
static uint64_t
key_of(uint64_t seed, unsigned tree, size_t i)
{
  uint64_t state = seed + tree;

  state = workload_random(&state) + i * 0x9e3779b97f4a7c15u;
  return workload_random(&state);
}

static uint64_t
first_change(uint64_t seed, unsigned epoch)
{
  uint64_t state = ~seed ^ epoch;

  return workload_random(&state);
}

static uint32_t
new_node(struct btree *tree, uint32_t leaf)
{
  struct node *node = &tree->nodes[tree->used];

  node->count = 0;
  node->leaf = leaf;
  return tree->used++;
}

static void
begin_tree(struct btree *tree)
{
  tree->used = 0;
  tree->n = 0;
  tree->height = 1;
  tree->root = new_node(tree, 1);
}

/* An insertion may split a node on each level and add a root. */
static bool
has_room(const struct btree *tree)
{
  return tree->room - tree->used > tree->height + 1;
}

/* The first place in `node` whose key is not below `key`. */
static uint32_t
place_of(const struct node *node, uint64_t key)
{
  uint32_t low = 0, high = node->count;

  while (low < high) {
    uint32_t middle = (low + high) / 2;

    if (node->keys[middle] < key)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void
open_gap(struct node *node, uint32_t i)
{
  memmove(node->keys + i + 1, node->keys + i, (node->count - i) * sizeof *node->keys);
  memmove(node->values + i + 1, node->values + i, (node->count - i) * sizeof *node->values);
  if (!node->leaf)
    memmove(node->children + i + 2, node->children + i + 1, (node->count - i) * sizeof *node->children);
  node->count++;
}

/* Split the full child `i` of `parent`, which is not full. */
static void
split_child(struct btree *tree, struct node *parent, uint32_t i)
{
  struct node *child = &tree->nodes[parent->children[i]];
  uint32_t number = new_node(tree, child->leaf);
  struct node *right = &tree->nodes[number];

  right->count = DEGREE - 1;
  memcpy(right->keys, child->keys + DEGREE, (DEGREE - 1) * sizeof *right->keys);
  memcpy(right->values, child->values + DEGREE, (DEGREE - 1) * sizeof *right->values);
  if (!child->leaf)
    memcpy(right->children, child->children + DEGREE, DEGREE * sizeof *right->children);
  open_gap(parent, i);
  parent->keys[i] = child->keys[DEGREE - 1];
  parent->values[i] = child->values[DEGREE - 1];
  parent->children[i + 1] = number;
  child->count = DEGREE - 1;
}

static void
insert(struct btree *tree, uint64_t key, uint64_t value)
{
  struct node *node = &tree->nodes[tree->root];
  uint32_t i;

  if (node->count == FULL) {
    uint32_t root = new_node(tree, 0);

    tree->nodes[root].children[0] = tree->root;
    tree->root = root;
    tree->height++;
    node = &tree->nodes[root];
    split_child(tree, node, 0);
  }
  while (i = place_of(node, key), !node->leaf) {
    if (tree->nodes[node->children[i]].count == FULL) {
      split_child(tree, node, i);
      i += node->keys[i] < key;
    }
    node = &tree->nodes[node->children[i]];
  }
  open_gap(node, i);
  node->keys[i] = key;
  node->values[i] = value;
  tree->n++;
}

/* The key's value, NULL if it is not there. Also safe in a damaged tree. */
static uint64_t *
find(struct btree *tree, uint64_t key)
{
  uint32_t number = tree->root;

  for (unsigned level = 0; level < tree->height && number < tree->used; level++) {
    struct node *node = &tree->nodes[number];
    uint32_t i = node->count <= FULL ? place_of(node, key) : FULL;

    if (i < node->count && i < FULL && node->keys[i] == key)
      return &node->values[i];
    if (node->leaf)
      break;
    number = node->children[i];
  }
  return NULL;
}

static void
btree_keeps(struct workload_run *run, workload_keep *keep, void *context)
{
  struct btree *tree = run->state;

  keep(context, &tree->used, sizeof tree->used);
  keep(context, &tree->root, sizeof tree->root);
  keep(context, &tree->height, sizeof tree->height);
  keep(context, &tree->n, sizeof tree->n);
  keep(context, &tree->tree, sizeof tree->tree);
  keep(context, &tree->begin, sizeof tree->begin);
  keep(context, &tree->end, sizeof tree->end);
  keep(context, &tree->begin_n, sizeof tree->begin_n);
}

static void
btree_teardown(struct workload_run *run)
{
  free(run->state);
  run->state = NULL;
}

static void
insert_next(struct workload_run *run)
{
  struct btree *tree = run->state;
  uint64_t key = key_of(run->seed, tree->tree, tree->n);

  insert(tree, key, ~key);
}

static int
btree_setup(struct workload_run *run)
{
  struct btree *tree;

  if (run->pages < MINIMUM_PAGES)
    return workload_fail(run, -EINVAL, "needs at least %d pages (--pages), not %zu",
                         MINIMUM_PAGES, run->pages);
  if (run->pages > UINT32_MAX / (run->page_size / NODE))
    return workload_fail(run, -EFBIG, "btree numbers its nodes in 32 bits: %zu pages (--pages) are too many",
                         run->pages);
  tree = run->state = calloc(1, sizeof *tree);
  if (!tree)
    return workload_fail(run, -ENOMEM, "no memory for the state of btree");
  tree->room = run->pages * (run->page_size / NODE);
  tree->share = tree->room / 4 + 1;
  tree->nodes = workload_memory(run, "nodes", tree->room * sizeof *tree->nodes);
  if (!tree->nodes) {
    btree_teardown(run);
    return -ENOMEM;
  }
  begin_tree(tree);
  while (tree->used < tree->room / 2 && has_room(tree))
    insert_next(run);
  tree->begin = tree->end = 1;
  tree->begin_n = tree->n;
  return 0;
}

static int
btree_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  struct btree *tree = run->state;
  uint64_t state = first_change(run->seed, epoch);

  (void)thread;
  if (!has_room(tree)) {
    tree->tree++;
    tree->begin = epoch;
    tree->begin_n = 0;
    begin_tree(tree);
  }
  for (size_t i = 0; i < tree->share && has_room(tree); i++)
    insert_next(run);
  for (size_t i = 0; i < tree->share; i++) {
    uint64_t *value = find(tree, key_of(run->seed, tree->tree, workload_random(&state) % tree->n));

    if (!value)
      return workload_fail(run, -EBADMSG, "the tree has lost a key");
    *value += workload_random(&state) | 1;
  }
  tree->end = epoch + 1;
  return 0;
}

/* What hangs on node `number` at `level` (the root's is 1) has keys in [low, high];
 * counts nodes and keys. */
static int
check_node(struct workload_run *run, uint32_t number, unsigned level, uint64_t low, uint64_t high,
           size_t *nodes, size_t *keys)
{
  struct btree *tree = run->state;
  const struct node *node = &tree->nodes[number];
  int error = 0;

  if (number >= tree->used)
    return workload_fail(run, -EBADMSG, "a child is node %u, the tree has %u", number, tree->used);
  if (++*nodes > tree->used)
    return workload_fail(run, -EBADMSG, "a node hangs in the tree twice");
  if (node->count > FULL || (level > 1 && node->count < DEGREE - 1))
    return workload_fail(run, -EBADMSG, "node %u has %u keys, allowed are %d to %d", number, node->count,
                         DEGREE - 1, FULL);
  if (node->leaf != (level == tree->height))
    return workload_fail(run, -EBADMSG, "node %u, a %s, lies on level %u of %u", number,
                         node->leaf ? "leaf" : "branch", level, tree->height);
  for (uint32_t i = 0; i < node->count; i++)
    if (node->keys[i] < (i ? node->keys[i - 1] + 1 : low) || node->keys[i] > high)
      return workload_fail(run, -EBADMSG, "key %u of node %u is out of order", i, number);
  *keys += node->count;
  for (uint32_t i = 0; !node->leaf && i <= node->count && !error; i++)
    error = check_node(run, node->children[i], level + 1, i ? node->keys[i - 1] + 1 : low,
                       i < node->count ? node->keys[i] - 1 : high, nodes, keys);
  return error;
}

static void
replay(struct workload_run *run, uint64_t *value)
{
  struct btree *tree = run->state;
  size_t n = tree->begin_n;

  for (size_t i = 0; i < tree->n; i++)
    value[i] = ~key_of(run->seed, tree->tree, i);
  for (unsigned epoch = tree->begin; epoch < tree->end; epoch++) {
    uint64_t state = first_change(run->seed, epoch);

    /* Only the last epoch of a tree may have run out of room before its share was in. */
    n = n + tree->share < tree->n ? n + tree->share : tree->n;
    for (size_t i = 0; i < tree->share; i++) {
      size_t which = workload_random(&state) % n;

      value[which] += workload_random(&state) | 1;
    }
  }
}

static int
btree_check(struct workload_run *run)
{
  struct btree *tree = run->state;
  uint64_t *value = malloc((tree->n + 1) * sizeof *value);
  size_t nodes = 0, keys = 0;
  int error;

  if (!value)
    return workload_fail(run, -ENOMEM, "no memory to replay the changes");
  error = check_node(run, tree->root, 1, 0, UINT64_MAX, &nodes, &keys);
  if (!error && (keys != tree->n || nodes != tree->used))
    error = workload_fail(run, -EBADMSG, "the tree holds %zu keys in %zu nodes, not %zu in %u", keys, nodes,
                          tree->n, tree->used);
  if (!error)
    replay(run, value);
  for (size_t i = 0; i < tree->n && !error; i++) {
    uint64_t key = key_of(run->seed, tree->tree, i);
    const uint64_t *have = find(tree, key);

    if (!have || *have != value[i])
      error = workload_fail(run, -EBADMSG, "key %016llx is %s", (unsigned long long)key,
                            have ? "there with another value" : "not there");
  }
  free(value);
  if (!error)
    fprintf(run->talk, "btree: %zu keys in %zu nodes on %u levels, in order and filled as a B-tree must be, "
            "all found with their values\n", keys, nodes, tree->height);
  return error;
}

const struct workload workload_btree = {
  .name = "btree",
  .summary = "a B-tree of 4 KiB nodes: single leaves all over it, splits now and then",
  .source = "Bayer & McCreight, Organization and maintenance of large ordered indexes, Acta Informatica "
            "1, 1972; insertion as in Cormen, Leiserson, Rivest & Stein, Introduction to Algorithms, ch. 18",
  .pages = 2048,
  .epochs = 20,
  .max_threads = 1,
  .loud = true,
  .setup = btree_setup,
  .epoch = btree_epoch,
  .keeps = btree_keeps,
  .check = btree_check,
  .teardown = btree_teardown,
};
