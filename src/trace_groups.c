/* trace_groups.c - the first writers of a summary, put together.
 *
 * Pages are counted by stack and by thread as they come; the groups of stacks get what their members
 * have once an epoch, which is rare. */
#include "config.h"
#include "trace_groups.h"
#include "report-name.h"
#include "trace_frames.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACKED 3   /* groupings of stacks: function, line, library */

struct account {
  uint64_t pages, bytes;         /* of epochs that are over */
  uint64_t now_pages, now_bytes; /* of this one */
  uint64_t epochs, first_epoch, last_epoch;
  uint32_t latest;               /* the latest epoch, by position from 1 */
};

struct group {
  char    *name, *detail;        /* detail may be NULL */
  struct account account;
  uint64_t stack, stack_pages;
};

struct thread_account {
  uint64_t tid;
  struct account account;
};

struct groups {
  struct account *stacks;        /* by id */
  size_t    stacks_count;
  uint32_t *touched;             /* stacks in this epoch */
  size_t    touched_count;
  uint64_t  no_stack, no_thread;
  uint32_t *group_of[STACKED];   /* by stack */
  struct group *groups[STACKED];
  size_t    groups_count[STACKED], groups_room[STACKED];
  struct report_index by_name[STACKED];
  struct thread_account *threads;
  size_t    threads_count, threads_room;
  uint32_t  last_thread;
  struct report_index by_tid;
  bool     *is_known;            /* by stack */
};

/* ------------------------------------------------------------ who is with whom */

static bool
same_group(const void *table, uint32_t position, const void *key)
{
  const struct group *group = &((const struct group *)table)[position], *other = key;

  return strcmp(group->name, other->name) == 0
         && strcmp(group->detail ? group->detail : "", other->detail ? other->detail : "") == 0;
}

/* Takes over the texts. */
static int
find_group(struct groups *groups, unsigned how, char *name, char *detail, uint32_t *position)
{
  struct group group = { .name = name, .detail = detail };
  uint32_t hash;
  int error = -ENOMEM;

  if (!name)
    goto failed;
  hash = report_hash_text(report_hash_text(7, name), detail ? detail : "");
  *position = report_index_find(&groups->by_name[how], hash, same_group, groups->groups[how], &group);
  if (*position != REPORT_NOWHERE) {
    free(name);
    free(detail);
    return 0;
  }
  error = report_grow(&groups->groups[how], groups->groups_count[how] + 1, &groups->groups_room[how],
                      sizeof(group));
  *position = (uint32_t)groups->groups_count[how];
  if (!error)
    error = report_index_add(&groups->by_name[how], hash, *position);
  if (error)
    goto failed;
  groups->groups[how][groups->groups_count[how]++] = group;
  return 0;
failed:
  free(name);
  free(detail);
  return error;
}

static char *
library_name(const struct frame_found *frame)
{
  if (!frame->module)
    return strdup("(no library is known there)");
  return strdup(*frame->module ? report_name_base(frame->module) : "(made at run time)");
}

/* "libc.so.6+0x9d1b4" */
static char *
offset_name(const struct frame_found *frame)
{
  char *library = library_name(frame), *name;

  if (!library || asprintf(&name, "%s+0x%" PRIx64, library, frame->offset) < 0)
    name = NULL;
  free(library);
  return name;
}

static int
place_stack(struct groups *groups, const struct index_stack *stack, struct trace_frames *frames, size_t id)
{
  struct frame_found frame = trace_frames_find(frames, stack, 0);
  const struct names_place *place = &frame.places[0];
  char *name, *detail = NULL;
  int error;

  name = place->function ? strdup(place->function) : offset_name(&frame);
  if (place->function)
    detail = library_name(&frame);
  error = find_group(groups, 0, name, detail, &groups->group_of[0][id]);
  if (error)
    return error;
  detail = NULL;
  if (place->file) {
    if (asprintf(&name, "%s:%" PRIu32, report_name_base(place->file), place->line) < 0)
      name = NULL;
    detail = place->function ? strdup(place->function) : NULL;
  } else {
    name = offset_name(&frame);
    detail = place->function ? strdup(place->function) : NULL;
  }
  error = find_group(groups, 1, name, detail, &groups->group_of[1][id]);
  if (error)
    return error;
  return find_group(groups, 2, library_name(&frame), NULL, &groups->group_of[2][id]);
}

int
groups_open(struct groups **opened, const struct trace_index *index, struct trace_frames *frames)
{
  struct groups *groups = calloc(1, sizeof(*groups));
  size_t count = index->stacks_count, id;
  int error = -ENOMEM;

  if (!groups)
    return -ENOMEM;
  groups->stacks_count = count;
  groups->last_thread = REPORT_NOWHERE;
  groups->stacks = calloc(count + 1, sizeof(*groups->stacks));
  groups->touched = calloc(count + 1, sizeof(*groups->touched));
  groups->is_known = calloc(count + 1, sizeof(*groups->is_known));
  for (unsigned how = 0; how < STACKED; how++)
    groups->group_of[how] = calloc(count + 1, sizeof(**groups->group_of));
  if (!groups->stacks || !groups->touched || !groups->is_known || !groups->group_of[0] || !groups->group_of[1]
      || !groups->group_of[2])
    goto failed;
  for (id = 1; id < count; id++)
    if (index->stacks[id].depth > 0)
      trace_frames_want(frames, &index->stacks[id], true);
  for (id = 1; id < count; id++) {
    if (index->stacks[id].depth == 0)
      continue;
    groups->is_known[id] = true;
    error = place_stack(groups, &index->stacks[id], frames, id);
    if (error)
      goto failed;
  }
  *opened = groups;
  return 0;
failed:
  groups_free(groups);
  return error;
}

void
groups_free(struct groups *groups)
{
  if (!groups)
    return;
  for (unsigned how = 0; how < STACKED; how++) {
    for (size_t i = 0; i < groups->groups_count[how]; i++) {
      free(groups->groups[how][i].name);
      free(groups->groups[how][i].detail);
    }
    free(groups->groups[how]);
    free(groups->group_of[how]);
    report_index_free(&groups->by_name[how]);
  }
  report_index_free(&groups->by_tid);
  free(groups->threads);
  free(groups->stacks);
  free(groups->touched);
  free(groups->is_known);
  free(groups);
}

/* -------------------------------------------------------------------- counting */

/* Whether it is the first time in this epoch. */
static bool
count(struct account *account, uint32_t epoch, uint64_t number, uint64_t pages, uint64_t page_size)
{
  bool first = account->latest != epoch;

  account->now_pages += pages;
  account->now_bytes += pages * page_size;
  if (first) {
    account->latest = epoch;
    account->epochs++;
    account->first_epoch = account->first_epoch ? account->first_epoch : number;
    account->last_epoch = number;
  }
  return first;
}

static bool
same_tid(const void *table, uint32_t position, const void *key)
{
  return ((const struct thread_account *)table)[position].tid == *(const uint64_t *)key;
}

static int
find_thread(struct groups *groups, uint64_t tid)
{
  uint32_t hash, at = groups->last_thread;
  int error;

  if (at != REPORT_NOWHERE && groups->threads[at].tid == tid)
    return 0;
  hash = report_hash(3, &tid, 1);
  at = report_index_find(&groups->by_tid, hash, same_tid, groups->threads, &tid);
  if (at == REPORT_NOWHERE) {
    at = (uint32_t)groups->threads_count;
    error = report_grow(&groups->threads, groups->threads_count + 1, &groups->threads_room,
                        sizeof(*groups->threads));
    if (!error)
      error = report_index_add(&groups->by_tid, hash, at);
    if (error)
      return error;
    groups->threads[groups->threads_count++] = (struct thread_account){ .tid = tid };
  }
  groups->last_thread = at;
  return 0;
}

int
groups_add(struct groups *groups, uint32_t epoch, uint64_t number, const struct trace_run *run,
           uint64_t page_size)
{
  uint32_t stack = run->stack < groups->stacks_count && groups->is_known[run->stack] ? run->stack : 0;
  int error;

  if (stack && count(&groups->stacks[stack], epoch, number, run->pages, page_size))
    groups->touched[groups->touched_count++] = stack;
  if (!stack)
    groups->no_stack += run->pages;
  if (run->tid == 0) {
    groups->no_thread += run->pages;
    return 0;
  }
  error = find_thread(groups, run->tid);
  if (!error)
    count(&groups->threads[groups->last_thread].account, epoch, number, run->pages, page_size);
  return error;
}

void
groups_epoch(struct groups *groups, uint64_t number)
{
  for (size_t i = 0; i < groups->touched_count; i++) {
    uint32_t id = groups->touched[i];
    struct account *account = &groups->stacks[id];
    for (unsigned how = 0; how < STACKED; how++) {
      struct group *group = &groups->groups[how][groups->group_of[how][id]];
      count(&group->account, account->latest, number, account->now_pages, 0);
      group->account.now_bytes += account->now_bytes;
    }
    account->pages += account->now_pages;
    account->bytes += account->now_bytes;
    account->now_pages = account->now_bytes = 0;
  }
  groups->touched_count = 0;
}

/* --------------------------------------------------------------------- tables */

static int
by_pages(const void *left, const void *right)
{
  const struct summary_writer *a = left, *b = right;

  if (a->pages != b->pages)
    return a->pages > b->pages ? -1 : 1;
  return (a->key > b->key) - (a->key < b->key);
}

void
summary_rank(struct summary_writers *writers)
{
  qsort(writers->all, writers->count, sizeof(*writers->all), by_pages);
}

static void
append(struct summary_writers *writers, struct summary_writer writer, const struct account *account)
{
  writer.pages = account->pages + account->now_pages;
  writer.bytes = account->bytes + account->now_bytes;
  writer.epochs = account->epochs;
  writer.first_epoch = account->first_epoch;
  writer.last_epoch = account->last_epoch;
  if (writer.pages > 0)
    writers->all[writers->count++] = writer;
}

/* The stack that has most of each group's pages stands for it. */
static void
find_typical(const struct groups *groups, unsigned how)
{
  for (size_t id = 1; id < groups->stacks_count; id++) {
    struct group *group = &groups->groups[how][groups->group_of[how][id]];
    if (groups->is_known[id] && groups->stacks[id].pages > group->stack_pages) {
      group->stack = id;
      group->stack_pages = groups->stacks[id].pages;
    }
  }
}

int
groups_finish(const struct groups *groups, const struct trace_index *index,
              struct summary_writers writers[SUMMARY_BYS])
{
  static const enum summary_by stacked[STACKED] =
      { SUMMARY_BY_FUNCTION, SUMMARY_BY_LINE, SUMMARY_BY_LIBRARY };
  size_t room[SUMMARY_BYS] = { groups->stacks_count, groups->groups_count[0], groups->groups_count[1],
                               groups->groups_count[2], groups->threads_count };
  unsigned by;

  for (by = 0; by < SUMMARY_BY_REGION; by++) {
    writers[by].all = calloc(room[by] + 1, sizeof(*writers[by].all));
    if (!writers[by].all)
      return -ENOMEM;
    writers[by].unknown = by == SUMMARY_BY_THREAD ? groups->no_thread : groups->no_stack;
  }
  for (size_t id = 1; id < groups->stacks_count; id++)
    append(&writers[SUMMARY_BY_STACK], (struct summary_writer){ .key = id, .stack = id },
           &groups->stacks[id]);
  for (unsigned how = 0; how < STACKED; how++) {
    find_typical(groups, how);
    for (size_t i = 0; i < groups->groups_count[how]; i++) {
      const struct group *group = &groups->groups[how][i];
      append(&writers[stacked[how]], (struct summary_writer){ .name = group->name, .detail = group->detail,
                                                             .key = i, .stack = group->stack },
                                                                 &group->account);
    }
  }
  for (size_t i = 0; i < groups->threads_count; i++) {
    const struct index_thread *thread = trace_index_thread(index, groups->threads[i].tid);
    append(&writers[SUMMARY_BY_THREAD],
           (struct summary_writer){ .name = thread ? thread->name : NULL, .key = groups->threads[i].tid },
           &groups->threads[i].account);
  }
  for (by = 0; by < SUMMARY_BY_REGION; by++)
    summary_rank(&writers[by]);
  return 0;
}
