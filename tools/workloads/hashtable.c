/* hashtable.c - an open-addressing hash table with linear probing and deletion.
 *
 * An epoch puts, adds to and removes keys at random, a hot tenth of them more
 * often; hashing scatters even those over all pages. The table is cut into shards,
 * each with its own keys and its own stream of operations; threads take shards in
 * turn, so the result does not depend on how many threads there are. Shards do not
 * end at page boundaries: two threads may write one page.
 *
 * The check replays the streams on a plain array, in which a key is its index. */
#include "config.h"
#include "workload.h"

#include <errno.h>
#include <stdlib.h>

enum { MINIMUM_PAGES = 1, SHARDS = 16 };

struct slot {
  uint64_t key;    /* 0: free */
  uint64_t value;
};

/* A shard's own: padded, so that threads do not share its cache line. */
struct shard {
  _Alignas(128) struct slot *slot;  /* tracked */
  unsigned epochs;                  /* done */
};

struct hashtable {
  size_t       slots;    /* a shard */
  size_t       keys;     /* different ones that a shard may hold: fewer */
  size_t       updates;  /* of a shard in an epoch */
  struct shard shard[SHARDS];
};

struct operation {
  size_t   index;        /* of the key, 0 .. keys - 1 */
  uint64_t add;          /* to its value; 0: remove it */
};

static uint64_t
stream(uint64_t seed, size_t shard, unsigned epoch)
{
  uint64_t state = seed ^ shard << 40 ^ epoch;

  return workload_random(&state);
}

static struct operation
draw(const struct hashtable *table, uint64_t *state)
{
  uint64_t what = workload_random(state);
  size_t range = what % 4 == 0 ? table->keys / 10 + 1 : table->keys;
  struct operation operation = { workload_random(state) % range, 0 };

  if (what >> 32 & 3)
    operation.add = workload_random(state) | 1;
  return operation;
}

static uint64_t
key_of(size_t shard, size_t index)
{
  return (uint64_t)index << 8 | shard << 1 | 1;
}

static size_t
home(const struct hashtable *table, uint64_t key)
{
  return workload_random(&key) % table->slots;
}

/* Where the key is, or the free slot where it would be. */
static size_t
find(const struct hashtable *table, const struct slot *slot, uint64_t key)
{
  size_t i = home(table, key), probes = 0;

  while (slot[i].key && slot[i].key != key && probes++ < table->slots)
    i = i + 1 < table->slots ? i + 1 : 0;
  return i;
}

/* Free slot i, and move up what linear probing would no longer find. */
static void
remove_slot(const struct hashtable *table, struct slot *slot, size_t i)
{
  for (size_t k = i;;) {
    size_t want;

    k = k + 1 < table->slots ? k + 1 : 0;
    if (!slot[k].key)
      break;
    want = home(table, slot[k].key);
    /* It stays if its home lies, going round, behind i and not behind k. */
    if (i <= k ? i < want && want <= k : i < want || want <= k)
      continue;
    slot[i] = slot[k];
    i = k;
  }
  slot[i] = (struct slot){ 0, 0 };
}

static void
run_shard(struct workload_run *run, size_t number, unsigned epoch, size_t updates)
{
  struct hashtable *table = run->state;
  struct slot *slot = table->shard[number].slot;
  uint64_t state = stream(run->seed, number, epoch);

  for (size_t u = 0; u < updates; u++) {
    struct operation operation = draw(table, &state);
    uint64_t key = key_of(number, operation.index);
    size_t i = find(table, slot, key);

    if (operation.add) {
      slot[i].key = key;
      slot[i].value += operation.add;
    } else if (slot[i].key) {
      remove_slot(table, slot, i);
    }
  }
}

static void
hashtable_teardown(struct workload_run *run)
{
  free(run->state);
  run->state = NULL;
}

static int
hashtable_setup(struct workload_run *run)
{
  struct hashtable *table;
  struct slot *slots;

  if (run->pages < MINIMUM_PAGES)
    return workload_fail(run, -EINVAL, "needs at least %d page (--pages), not %zu",
                         MINIMUM_PAGES, run->pages);
  table = run->state = aligned_alloc(_Alignof(struct hashtable), sizeof *table);
  if (!table)
    return workload_fail(run, -ENOMEM, "no memory for the state of hashtable");
  /* One slot fewer than there is room: shards begin anywhere in a page. */
  table->slots = run->pages * run->page_size / sizeof(struct slot) / SHARDS;
  table->slots -= table->slots > 16;
  table->keys = table->slots * 3 / 4;
  table->updates = run->pages / (2 * SHARDS) + 4;
  slots = workload_memory(run, "table", table->slots * SHARDS * sizeof *slots);
  if (!slots) {
    hashtable_teardown(run);
    return -ENOMEM;
  }
  for (size_t s = 0; s < SHARDS; s++) {
    table->shard[s] = (struct shard){ .slot = slots + s * table->slots };
    run_shard(run, s, 0, table->slots);
  }
  return 0;
}

static int
hashtable_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  struct hashtable *table = run->state;

  for (size_t s = thread; s < SHARDS; s += run->threads) {
    run_shard(run, s, epoch, table->updates);
    table->shard[s].epochs = epoch;
  }
  return 0;
}

static void
hashtable_keeps(struct workload_run *run, workload_keep *keep, void *context)
{
  struct hashtable *table = run->state;

  for (size_t s = 0; s < SHARDS; s++)
    keep(context, &table->shard[s].epochs, sizeof table->shard[s].epochs);
}

static int
check_shard(struct workload_run *run, size_t number, uint64_t *expected, size_t *kept)
{
  struct hashtable *table = run->state;
  const struct shard *shard = &table->shard[number];
  size_t have = 0, want = 0;

  for (size_t i = 0; i < table->keys; i++)
    expected[i] = 0;
  /* A value is 0 only for a key that is not there: sums of 64 random bits. */
  for (unsigned epoch = 0; epoch <= shard->epochs; epoch++) {
    uint64_t state = stream(run->seed, number, epoch);

    for (size_t u = epoch ? table->updates : table->slots; u > 0; u--) {
      struct operation operation = draw(table, &state);

      expected[operation.index] = operation.add ? expected[operation.index] + operation.add : 0;
    }
  }
  for (size_t i = 0; i < table->keys; i++) {
    uint64_t key = key_of(number, i);
    const struct slot *slot = &shard->slot[find(table, shard->slot, key)];

    if (expected[i] ? slot->key != key || slot->value != expected[i] : slot->key == key)
      return workload_fail(run, -EBADMSG, "key %llx is %s, %llx, and must be %llx", (unsigned long long)key,
                           slot->key == key ? "there" : "not there", (unsigned long long)slot->value,
                           (unsigned long long)expected[i]);
    want += expected[i] != 0;
  }
  for (size_t i = 0; i < table->slots; i++)
    if (shard->slot[i].key)
      have++;
    else if (shard->slot[i].value)
      return workload_fail(run, -EBADMSG, "free slot %zu of shard %zu is not empty", i, number);
  if (have != want)
    return workload_fail(run, -EBADMSG, "shard %zu holds %zu keys, not %zu", number, have, want);
  *kept += have;
  return 0;
}

static int
hashtable_check(struct workload_run *run)
{
  struct hashtable *table = run->state;
  uint64_t *expected = malloc(table->keys * sizeof *expected);
  size_t kept = 0;
  int error = 0;

  if (!expected)
    return workload_fail(run, -ENOMEM, "no memory to replay the operations");
  for (size_t s = 0; s < SHARDS && !error; s++)
    error = check_shard(run, s, expected, &kept);
  free(expected);
  if (!error)
    fprintf(run->talk, "hashtable: %zu keys in %zu slots, all and only those that a replay on an array "
            "gives\n", kept, table->slots * SHARDS);
  return error;
}

const struct workload workload_hashtable = {
  .name = "hashtable",
  .summary = "open addressing: puts and removes scattered over all pages",
  .source = "Knuth, The Art of Computer Programming 3, 2nd ed., section 6.4, algorithms L and R",
  .pages = 4096,
  .epochs = 20,
  .max_threads = 0,
  .loud = false,  /* a key put and removed leaves no trace */
  .setup = hashtable_setup,
  .epoch = hashtable_epoch,
  .keeps = hashtable_keeps,
  .check = hashtable_check,
  .teardown = hashtable_teardown,
};
