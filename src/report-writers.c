/* report-writers.c - who dirtied pages first. */
#include "config.h"
#include "report-writers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
report_writers_init(struct report_writers *writers)
{
  memset(writers, 0, sizeof(*writers));
  if (report_grow(&writers->all, 1, &writers->room, sizeof(*writers->all)) < 0)
    return -ENOMEM;
  memset(writers->all, 0, sizeof(*writers->all));
  writers->all[0].first_thread = REPORT_NOWHERE;
  writers->all[0].last_thread = REPORT_NOWHERE;
  writers->count = 1;
  return 0;
}

void
report_writers_free(struct report_writers *writers)
{
  free(writers->all);
  free(writers->pool);
  free(writers->threads);
  report_index_free(&writers->by_stack);
  report_index_free(&writers->by_thread);
  memset(writers, 0, sizeof(*writers));
}

static bool
same_stack(const void *table, uint32_t position, const void *key)
{
  const struct report_writers *writers = table;
  const struct report_writer *writer = &writers->all[position];
  const struct ww_writer *seen = key;
  unsigned i;

  if (writer->depth != seen->depth)
    return false;
  if (writer->depth == 0)
    return writer->thread == seen->thread;
  for (i = 0; i < writer->depth; i++)
    if (writers->pool[writer->frames + i] != (uint64_t)(uintptr_t)seen->frames[i])
      return false;
  return true;
}

static bool
same_thread(const void *table, uint32_t position, const void *key)
{
  const struct report_writers *writers = table;
  const struct report_thread *wanted = key;

  return writers->threads[position].writer == wanted->writer
         && writers->threads[position].thread == wanted->thread;
}

static uint32_t
stack_hash(const struct ww_writer *seen)
{
  uint64_t words[WW_STACK_MAX];
  uint32_t hash;
  unsigned i, part;

  if (seen->depth == 0) {
    words[0] = (uint32_t)seen->thread;
    return report_hash(1, words, 1);
  }
  for (hash = 2, i = 0; i < seen->depth; i += part) {
    for (part = 0; part < WW_STACK_MAX && i + part < seen->depth; part++)
      words[part] = (uint64_t)(uintptr_t)seen->frames[i + part];
    hash = report_hash(hash, words, part);
  }
  return hash;
}

static int
add_writer(struct report_writers *writers, const struct ww_writer *seen, uint32_t hash, uint32_t *position)
{
  struct report_writer *writer;
  unsigned i;

  if (report_grow(&writers->all, writers->count + 1, &writers->room, sizeof(*writers->all)) < 0
      || report_grow(&writers->pool, writers->pool_used + seen->depth, &writers->pool_room,
                     sizeof(*writers->pool)) < 0
      || report_index_add(&writers->by_stack, hash, (uint32_t)writers->count) < 0)
    return -ENOMEM;
  writer = &writers->all[writers->count];
  memset(writer, 0, sizeof(*writer));
  writer->first_thread = REPORT_NOWHERE;
  writer->last_thread = REPORT_NOWHERE;
  writer->thread = seen->thread;
  writer->depth = seen->depth;
  writer->frames = writers->pool_used;
  for (i = 0; i < seen->depth; i++)
    writers->pool[writers->pool_used++] = (uint64_t)(uintptr_t)seen->frames[i];
  *position = (uint32_t)writers->count++;
  return 0;
}

static int
add_thread(struct report_writers *writers, const struct report_thread *wanted, uint32_t hash,
           uint32_t *position)
{
  if (report_grow(&writers->threads, writers->threads_count + 1, &writers->threads_room,
                  sizeof(*writers->threads)) < 0
      || report_index_add(&writers->by_thread, hash, (uint32_t)writers->threads_count) < 0)
    return -ENOMEM;
  writers->threads[writers->threads_count] = *wanted;
  *position = (uint32_t)writers->threads_count++;
  return 0;
}

int
report_writers_find(struct report_writers *writers, const struct ww_writer *seen,
                    uint32_t *writer, uint32_t *thread)
{
  struct report_thread wanted = { .thread = seen->thread, .next = REPORT_NOWHERE };
  uint32_t hash = stack_hash(seen);
  uint64_t words[2];

  *writer = report_index_find(&writers->by_stack, hash, same_stack, writers, seen);
  if (*writer == REPORT_NOWHERE) {
    if (writers->count > REPORT_WRITERS_MAX)
      *writer = 0;
    else if (add_writer(writers, seen, hash, writer) < 0)
      return -ENOMEM;
  }
  wanted.writer = *writer;
  words[0] = *writer;
  words[1] = (uint32_t)seen->thread;
  hash = report_hash(3, words, 2);
  *thread = report_index_find(&writers->by_thread, hash, same_thread, writers, &wanted);
  if (*thread == REPORT_NOWHERE && writers->threads_count < REPORT_THREADS_MAX)
    return add_thread(writers, &wanted, hash, thread);
  return 0;
}

void
report_writers_count(struct report_writers *writers, uint32_t position, uint32_t thread,
                     uint64_t sequence, uint64_t epoch, uint64_t time)
{
  struct report_writer *writer = &writers->all[position];

  if (writer->pages++ == 0) {
    writer->first_epoch = epoch;
    writer->first_time = time;
  }
  if (writer->latest != sequence + 1) {
    writer->latest = sequence + 1;
    writer->epochs++;
  }
  if (thread == REPORT_NOWHERE) {
    writer->many = true;
  } else if (writers->threads[thread].pages++ == 0) {
    if (writer->last_thread == REPORT_NOWHERE)
      writer->first_thread = thread;
    else
      writers->threads[writer->last_thread].next = thread;
    writer->last_thread = thread;
    writer->threads++;
  }
}

/* What qsort() has no argument for: ranks are sorted with their pages. */
struct rank {
  uint64_t pages;
  uint32_t position;
};

static int
by_pages(const void *left, const void *right)
{
  const struct rank *a = left, *b = right;

  if (a->pages != b->pages)
    return a->pages < b->pages ? 1 : -1;
  return a->position < b->position ? -1 : 1;
}

int
report_writers_ranked(const struct report_writers *writers, uint32_t **ranked, size_t *count)
{
  struct rank *ranks = malloc(writers->count * sizeof(*ranks));
  size_t i, found = 0;

  *ranked = malloc(writers->count * sizeof(**ranked));
  if (!ranks || !*ranked) {
    free(ranks);
    free(*ranked);
    *ranked = NULL;
    return -ENOMEM;
  }
  /* The first place is no one writer's: it never ranks. */
  for (i = 1; i < writers->count; i++)
    if (writers->all[i].pages > 0) {
      ranks[found].pages = writers->all[i].pages;
      ranks[found++].position = (uint32_t)i;
    }
  qsort(ranks, found, sizeof(*ranks), by_pages);
  for (i = 0; i < found; i++)
    (*ranked)[i] = ranks[i].position;
  *count = found;
  free(ranks);
  return 0;
}
