/* wordcount.c - an index of the words of any text, built in tracked memory: a
 * hash table with chains, its entries from an arena that only grows. The table
 * doubles when it is full, into new memory: whoever watches sees it. */
#include "config.h"
#include "wordcount.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 256
#define TOP_WORDS     10

struct entry {
  struct entry *next;
  uint64_t      hash;
  uint64_t      count;
  size_t        length;
  char          bytes[];
};

struct index {             /* lies at the begin of the tracked memory */
  struct entry **buckets;
  size_t         bucket_count;
  size_t         entries;
  uint64_t       words;
  size_t         used;     /* bytes of the arena, this included */
};

struct wordcount {
  struct wordcount_text   text;
  struct wordcount_totals totals;
  struct index           *index;   /* tracked */
  size_t                  capacity;
  size_t                  position; /* in the text */
};

#define ROUNDED(bytes) (((bytes) + 15) & ~(size_t)15)

/* FNV-1a (Fowler, Noll, Vo), 64 bits. */
static uint64_t
hash_of(const struct wordcount_word *word)
{
  uint64_t hash = 0xcbf29ce484222325u;

  for (size_t i = 0; i < word->length; i++)
    hash = (hash ^ (unsigned char)word->bytes[i]) * 0x100000001b3u;
  return hash;
}

static void *
allocate(struct workload_run *run, size_t bytes)
{
  struct wordcount *wordcount = run->state;
  struct index *index = wordcount->index;
  char *place = (char *)index + index->used;

  bytes = ROUNDED(bytes);
  if (bytes > wordcount->capacity - index->used) {
    workload_fail(run, -ERANGE, "the index of %zu words does not fit into %zu bytes: try more --pages, or "
                  "none to have as many as it takes", index->entries, wordcount->capacity);
    return NULL;
  }
  index->used += bytes;
  return place;
}

static int
make_buckets(struct workload_run *run, size_t count)
{
  struct index *index = ((struct wordcount *)run->state)->index;
  struct entry **buckets = allocate(run, count * sizeof buckets[0]), *entry, *next;

  if (buckets == NULL)
    return -ERANGE;
  for (size_t i = 0; i < index->bucket_count; i++)
    for (entry = index->buckets[i]; entry != NULL; entry = next) {
      next = entry->next;
      entry->next = buckets[entry->hash & (count - 1)];
      buckets[entry->hash & (count - 1)] = entry;
    }
  index->buckets = buckets;
  index->bucket_count = count;
  return 0;
}

/* The bytes that the whole index will take: so that it fits exactly, however
 * many words are new. */
static size_t
size_needed(const struct wordcount_totals *totals)
{
  size_t bytes = ROUNDED(sizeof(struct index)), buckets = BUCKETS_FIRST;

  for (size_t i = 0; i < totals->count; i++)
    bytes += ROUNDED(sizeof(struct entry) + totals->totals[i].word.length);
  bytes += buckets * sizeof(struct entry *);
  for (; buckets < totals->count; buckets *= 2)
    bytes += 2 * buckets * sizeof(struct entry *);
  return bytes;
}

static int
setup(struct workload_run *run)
{
  struct wordcount *wordcount = calloc(1, sizeof *wordcount);
  int error;

  if (wordcount == NULL)
    return workload_fail(run, -ENOMEM, "out of memory");
  run->state = wordcount;
  error = wordcount_read(run, &wordcount->text);
  if (error == 0)
    error = wordcount_sort(run, &wordcount->text, &wordcount->totals);
  if (error != 0)
    return error;
  wordcount->capacity = run->pages != 0 ? run->pages * run->page_size : size_needed(&wordcount->totals);
  wordcount->index = workload_memory(run, "index", wordcount->capacity);
  if (wordcount->index == NULL)
    return -ENOMEM;
  wordcount->index->used = ROUNDED(sizeof(struct index));
  return make_buckets(run, BUCKETS_FIRST);
}

static int
add_word(struct workload_run *run, const struct wordcount_word *word)
{
  struct index *index = ((struct wordcount *)run->state)->index;
  uint64_t hash = hash_of(word);
  struct entry **bucket, *entry;
  int error;

  index->words++;
  for (entry = index->buckets[hash & (index->bucket_count - 1)]; entry != NULL; entry = entry->next)
    if (entry->hash == hash && entry->length == word->length
        && memcmp(entry->bytes, word->bytes, word->length) == 0) {
      entry->count++;
      return 0;
    }
  if (index->entries == index->bucket_count) {
    error = make_buckets(run, 2 * index->bucket_count);
    if (error != 0)
      return error;
  }
  entry = allocate(run, sizeof *entry + word->length);
  if (entry == NULL)
    return -ERANGE;
  bucket = &index->buckets[hash & (index->bucket_count - 1)];
  entry->hash = hash;
  entry->count = 1;
  entry->length = word->length;
  memcpy(entry->bytes, word->bytes, word->length);
  entry->next = *bucket;
  *bucket = entry;
  index->entries++;
  return 0;
}

/* An equal share of the text; behind its end (more epochs than planned, which
 * does not happen here) there is nothing left to do. */
static int
epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  struct wordcount *wordcount = run->state;
  size_t length = wordcount->text.length, end = length;
  struct wordcount_word word;
  int error = 0;

  (void)thread;
  if (epoch < run->epochs)
    end = length / run->epochs * epoch + length % run->epochs * epoch / run->epochs;
  while (error == 0 && wordcount_next(&wordcount->text, &wordcount->position, end, &word))
    error = add_word(run, &word);
  return error;
}

static const struct entry *
find(const struct index *index, const struct wordcount_word *word)
{
  uint64_t hash = hash_of(word);
  const struct entry *entry = index->buckets[hash & (index->bucket_count - 1)];

  while (entry != NULL
         && (entry->length != word->length || memcmp(entry->bytes, word->bytes, word->length) != 0))
    entry = entry->next;
  return entry;
}

static int
most_frequent_first(const void *left, const void *right)
{
  const struct wordcount_total *a = left, *b = right;

  if (a->count != b->count)
    return a->count < b->count ? 1 : -1;
  return (a->word.bytes > b->word.bytes) - (a->word.bytes < b->word.bytes);
}

static int
check(struct workload_run *run)
{
  struct wordcount *wordcount = run->state;
  const struct index *index = wordcount->index;
  struct wordcount_totals *totals = &wordcount->totals;
  const struct entry *entry;

  if (index->entries != totals->count || index->words != totals->words)
    return workload_fail(run, -EBADMSG, "the index has %zu different words of %" PRIu64 ", the text %zu of %"
                         PRIu64, index->entries, index->words, totals->count, totals->words);
  for (size_t i = 0; i < totals->count; i++) {
    entry = find(index, &totals->totals[i].word);
    if (entry == NULL || entry->count != totals->totals[i].count)
      return workload_fail(run, -EBADMSG, "the index counts '%.*s' %" PRIu64 " times, the text has it %"
                           PRIu64, (int)totals->totals[i].word.length, totals->totals[i].word.bytes,
                           entry != NULL ? entry->count : 0, totals->totals[i].count);
  }
  qsort(totals->totals, totals->count, sizeof totals->totals[0], most_frequent_first);
  fprintf(run->talk, "wordcount: %" PRIu64 " words, %zu different, counted twice and equal; the most "
          "frequent:\n", totals->words, totals->count);
  for (size_t i = 0; i < totals->count && i < TOP_WORDS; i++)
    fprintf(run->talk, "%9" PRIu64 " %.*s\n", totals->totals[i].count, (int)totals->totals[i].word.length,
            totals->totals[i].word.bytes);
  return 0;
}

static void
keeps(struct workload_run *run, workload_keep *keep, void *context)
{
  struct wordcount *wordcount = run->state;

  keep(context, &wordcount->position, sizeof wordcount->position);
}

static void
teardown(struct workload_run *run)
{
  struct wordcount *wordcount = run->state;

  free(wordcount->text.bytes);
  free(wordcount->totals.totals);
  free(wordcount);
}

const struct workload workload_wordcount = {
  .name = "wordcount", .summary = "an index of the words of any text, a hash table that grows",
  .operands = "FILE...", .pages = 0, .epochs = 16, .max_threads = 1,
  .setup = setup, .epoch = epoch, .check = check, .keeps = keeps, .teardown = teardown,
};
