/* top_model.c - what is known of a trace so far. */
#include "config.h"
#include "top.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report-index.h"
#include "report-name.h"

#define NAMED 300u   /* stacks that are given names in a refresh */
#define FADES 0.6    /* what a refresh leaves of the scores before */

int
top_model_open(struct top_model *model)
{
  memset(model, 0, sizeof *model);
  return names_open(&model->names);
}

static void
free_writers(struct top_model *model)
{
  for (size_t i = 0; i < model->writers_count; i++)
    free(model->writers[i].name);
  free(model->writers);
  model->writers = NULL;
  model->writers_count = 0;
}

void
top_model_close(struct top_model *model)
{
  free_writers(model);
  names_close(model->names);
  trace_index_free(&model->index);
  free(model->regions);
  free(model->stacks);
}

/* ------------------------------------------------------------------ reading */

static struct top_share *
share_of(struct top_share **shares, size_t *room, uint64_t id, uint64_t limit)
{
  size_t before = *room;

  if (id >= limit)
    return NULL;
  if (id >= before) {
    if (report_grow(shares, id + 1, room, sizeof(**shares)))
      return NULL;
    memset(*shares + before, 0, (*room - before) * sizeof(**shares));
  }
  return &(*shares)[id];
}

static void
add(struct top_share *share, uint64_t pages, uint64_t bytes)
{
  if (!share)
    return;
  share->pages += pages;
  share->bytes += bytes;
  share->total_pages += pages;
}

static void
take_dirty(struct top_model *model, const struct trace_dirty *dirty)
{
  const struct index_region *region = trace_index_region(&model->index, dirty->region);
  struct trace_runs runs = dirty->runs;
  struct trace_run run;
  uint64_t page_size = region && region->page_size ? region->page_size : 4096;

  while (trace_runs_next(&runs, &run)) {
    uint64_t bytes = run.pages * page_size, kind = run.evidence < TOP_KINDS ? run.evidence : 0;
    struct top_tally *tallies[] = { &model->current, &model->total };

    for (size_t i = 0; i < 2; i++) {
      tallies[i]->pages += run.pages;
      tallies[i]->bytes += bytes;
      tallies[i]->by_evidence[kind] += run.pages;
      tallies[i]->written += run.written ? run.pages : 0;
    }
    add(share_of(&model->regions, &model->regions_room, dirty->region, INDEX_REGIONS_MAX), run.pages, bytes);
    add(share_of(&model->stacks, &model->stacks_room, run.written ? run.stack : 0, INDEX_STACKS_MAX),
        run.pages, bytes);
  }
}

static void
take_epoch(struct top_model *model, const struct trace_epoch *epoch)
{
  struct top_tally *tallies[] = { &model->current, &model->total };

  for (size_t i = 0; i < 2; i++) {
    tallies[i]->epochs++;
    tallies[i]->duration += epoch->end > epoch->begin ? epoch->end - epoch->begin : 0;
    tallies[i]->faults += epoch->faults;
    tallies[i]->collect += epoch->collect;
  }
  model->last = *epoch;
  model->last.label = (struct trace_text){ NULL, 0 };
}

static int
take(struct top_model *model, const struct trace_record *record)
{
  size_t length;

  switch (record->type) {
    case TRACE_EPOCH:
      take_epoch(model, &record->epoch);
      return 0;
    case TRACE_DIRTY:
      take_dirty(model, &record->dirty);
      return 0;
    case TRACE_COVERAGE:
      model->coverage = record->coverage;
      model->covered = true;
      return 0;
    case TRACE_NOTE:
      if (record->note.kind == TRACE_STRETCHED && record->note.value > 0)
        model->interval = record->note.value;
      length = record->note.text.length;
      if (length >= sizeof model->note)
        length = sizeof model->note - 1;
      if (length)
        memcpy(model->note, record->note.text.bytes, length);
      model->note[length] = 0;
      return 0;
    case TRACE_CHILD:
      model->children++;
      model->unrecorded += !record->child.recorded && record->child.how != TRACE_EXEC;
      return 0;
    case TRACE_DAMAGE:
      model->damaged += record->damage.length;
      return 0;
    case TRACE_START:
      model->interval = record->start.interval;
      return trace_index_take(&model->index, record);
    default:
      return trace_index_take(&model->index, record);
  }
}

int
top_model_read(struct top_model *model, struct trace_reader *reader, uint64_t deadline)
{
  struct trace_record record;
  int got, error;

  for (unsigned taken = 0;; taken++) {
    if (taken % 64 == 63 && top_now() >= deadline)
      return 1;
    got = trace_next(reader, &record);
    if (got <= 0)
      return got;
    error = take(model, &record);
    if (error)
      return error;
  }
}

/* ---------------------------------------------------------------- refreshing */

static void
roll(struct top_share *shares, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    struct top_share *share = &shares[i];
    share->score = share->score * FADES + (double)share->pages;
    share->shown_pages = share->pages;
    share->shown_bytes = share->bytes;
    share->pages = share->bytes = 0;
  }
}

static void
remember(struct top_model *model)
{
  double rate = 0;

  if (model->shown.duration)
    rate = 1e9 / (1 << 20) * (double)model->shown.bytes / (double)model->shown.duration;

  if (model->past_count == TOP_PAST)
    memmove(model->past, model->past + 1, --model->past_count * sizeof model->past[0]);
  model->past[model->past_count++] = rate;
  if (rate > model->peak)
    model->peak = rate;
}

/* "memcpy", or "libc.so.6+0x1234". To be freed. */
static char *
frame_name(struct top_model *model, const struct index_stack *stack, uint32_t position)
{
  const struct trace_index *index = &model->index;
  const struct index_frame *frame = &index->frames[stack->first + position];
  const struct index_module *module;
  struct names_found found = { 0 };
  uint32_t file;
  char *name = NULL;
  int error;

  if (frame->module == REPORT_NOWHERE)
    return asprintf(&name, "0x%llx", (unsigned long long)frame->offset) < 0 ? NULL : name;
  module = &index->modules[frame->module];
  if (*module->path)
    error = names_module(model->names, module->path, strlen(module->path), module->build_id,
                         module->build_id_length, index->start.realtime, &file);
  else
    error = names_jit(model->names, index->start.pid, index->start.realtime, &file);
  if (!error)
    found = names_find(model->names, file, frame->offset, position > 0);
  if (found.count && found.places[0].function)
    return strdup(found.places[0].function);
  if (asprintf(&name, "%s+0x%llx", *module->path ? report_name_base(module->path) : "code made at run time",
               (unsigned long long)frame->offset) < 0)
    return NULL;
  return name;
}

static int
by_score(const void *a, const void *b)
{
  const struct top_writer *one = a, *other = b;

  if (one->score != other->score)
    return one->score > other->score ? -1 : 1;
  return strcmp(one->name, other->name);
}

/* The stacks with the highest scores; their number. */
static size_t
choose(const struct top_model *model, size_t chosen[NAMED])
{
  size_t count = 0, known = model->index.stacks_count < model->stacks_room ? model->index.stacks_count
                                                                           : model->stacks_room;

  for (size_t id = 1; id < known; id++) {
    double score = model->stacks[id].score;
    size_t at;

    if (score < 0.5 || !model->index.stacks[id].depth
        || (count == NAMED && score <= model->stacks[chosen[count - 1]].score))
      continue;
    if (count < NAMED)
      count++;
    for (at = count - 1; at > 0 && model->stacks[chosen[at - 1]].score < score; at--)
      chosen[at] = chosen[at - 1];
    chosen[at] = id;
  }
  return count;
}

static int
add_writer(struct top_model *model, size_t id, size_t *rooms)
{
  const struct index_stack *stack = &model->index.stacks[id];
  const struct top_share *share = &model->stacks[id];
  char *name = frame_name(model, stack, 0);
  size_t i;

  if (!name)
    return -ENOMEM;
  for (i = 0; i < model->writers_count; i++)
    if (strcmp(model->writers[i].name, name) == 0)
      break;
  if (i == model->writers_count) {
    if (report_grow(&model->writers, i + 1, rooms, sizeof(*model->writers))) {
      free(name);
      return -ENOMEM;
    }
    model->writers[model->writers_count++] = (struct top_writer){ .name = name };
  } else {
    free(name);
  }
  model->writers[i].pages += share->shown_pages;
  model->writers[i].bytes += share->shown_bytes;
  model->writers[i].total_pages += share->total_pages;
  model->writers[i].score += share->score;
  return 0;
}

static int
name_writers(struct top_model *model)
{
  size_t chosen[NAMED], count = choose(model, chosen), room = 0;
  int error = 0;

  free_writers(model);
  for (size_t i = 0; i < count && !error; i++)
    error = add_writer(model, chosen[i], &room);
  if (model->writers_count)
    qsort(model->writers, model->writers_count, sizeof(*model->writers), by_score);
  return error;
}

int
top_model_refresh(struct top_model *model)
{
  if (model->current.epochs == 0)
    return 0;
  model->shown = model->current;
  memset(&model->current, 0, sizeof model->current);
  roll(model->regions, model->regions_room);
  roll(model->stacks, model->stacks_room);
  remember(model);
  return name_writers(model);
}
