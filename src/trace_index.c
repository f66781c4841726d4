/* trace_index.c - all that a trace says but for the dirty pages. */
#include "config.h"
#include "trace_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

char *
trace_text_copy(struct trace_text text)
{
  return text.length ? strndup(text.bytes, text.length) : calloc(1, 1);
}

/* Arguments, each ended by a NUL, parted by blanks; those that a reader could not tell apart then
 * are put in quotes. */
static char *
copy_arguments(struct trace_text text)
{
  char *copy = malloc(3 * text.length + 3), *to = copy;
  size_t at = 0;

  if (!copy)
    return NULL;
  while (at < text.length) {
    size_t length = strnlen(text.bytes + at, text.length - at);
    bool plain = length > 0 && !memchr(text.bytes + at, ' ', length);
    if (to > copy)
      *to++ = ' ';
    if (!plain)
      *to++ = '\'';
    memcpy(to, text.bytes + at, length);
    to += length;
    if (!plain)
      *to++ = '\'';
    at += length + 1;
  }
  *to = 0;
  return copy;
}

void
trace_index_damage(struct trace_index *index, uint64_t offset, uint64_t length, const char *reason)
{
  if (index->damages_count < INDEX_DAMAGES_KEPT)
    index->damages[index->damages_count] = (struct index_damage){ offset, length, reason };
  index->damages_count++;
  index->damaged += length;
}

/* Room for one more in a table; the table's pointer, count and room have names alike. */
#define ROOM(index, table, need) \
  report_grow(&(index)->table, (need), &(index)->table##_room, sizeof(*(index)->table))

static int
take_start(struct trace_index *index, const struct trace_record *record)
{
  const struct trace_start *start = &record->start;

  if (index->started) {
    trace_index_damage(index, record->offset, 0, "a second START");
    return 0;
  }
  index->started = true;
  index->start = *start;
  index->executable = trace_text_copy(start->executable);
  index->arguments = copy_arguments(start->arguments);
  index->machine = trace_text_copy(start->machine);
  index->kernel = trace_text_copy(start->kernel);
  index->writer = trace_text_copy(start->writer);
  if (!index->executable || !index->arguments || !index->machine || !index->kernel || !index->writer)
    return -ENOMEM;
  return 0;
}

/* Where the newest module of this number is, or REPORT_NOWHERE. */
static uint32_t
find_module(const struct trace_index *index, uint64_t id)
{
  for (size_t i = index->modules_count; i-- > 0;)
    if (index->modules[i].id == id && !index->modules[i].gone)
      return (uint32_t)i;
  return REPORT_NOWHERE;
}

static int
take_module(struct trace_index *index, const struct trace_record *record)
{
  const struct trace_module *said = &record->module;
  uint32_t before = find_module(index, said->id);
  struct index_module module = { .id = said->id, .bias = said->bias };

  if (index->modules_count >= 1u << 20) {
    trace_index_damage(index, record->offset, 0, "more modules than there can be");
    return 0;
  }
  if (ROOM(index, modules, index->modules_count + 1))
    return -ENOMEM;
  module.path = trace_text_copy(said->path);
  module.build_id = malloc(said->build_id.length + 1);
  module.ranges = calloc(said->ranges + 1, sizeof(*module.ranges));
  if (!module.path || !module.build_id || !module.ranges) {
    free(module.path);
    free(module.build_id);
    free(module.ranges);
    return -ENOMEM;
  }
  if (said->build_id.length)
    memcpy(module.build_id, said->build_id.bytes, said->build_id.length);
  module.build_id_length = said->build_id.length;
  memcpy(module.ranges, said->range, said->ranges * sizeof(*module.ranges));
  module.ranges_count = said->ranges;
  /* Frames that were placed in the old one keep it. */
  if (before != REPORT_NOWHERE)
    index->modules[before].gone = true;
  index->modules[index->modules_count++] = module;
  return 0;
}

static int
take_region(struct trace_index *index, const struct trace_record *record)
{
  const struct trace_region *said = &record->region;
  struct index_region *region;
  size_t id = (size_t)said->id;

  if (said->id >= INDEX_REGIONS_MAX) {
    trace_index_damage(index, record->offset, 0, "a region's number is too large");
    return 0;
  }
  if (ROOM(index, regions, id + 1))
    return -ENOMEM;
  if (id >= index->regions_count) {
    memset(index->regions + index->regions_count, 0, (id + 1 - index->regions_count)
           * sizeof(*index->regions));
    index->regions_count = id + 1;
  }
  region = &index->regions[id];
  if (!region->id) {
    region->name = trace_text_copy(said->name);
    if (!region->name)
      return -ENOMEM;
    region->id = said->id;
    region->first_epoch = said->epoch;
    region->page_size = said->page_size;
  } else if (region->page_size != said->page_size) {
    trace_index_damage(index, record->offset, 0, "a region's pages change their size");
    return 0;
  }
  region->kind = said->kind;
  region->address = said->address;
  region->length = said->length;
  region->last_epoch = UINT64_MAX;
  if (said->length / said->page_size > region->pages)
    region->pages = said->length / said->page_size;
  return 0;
}

static void
take_region_end(struct trace_index *index, const struct trace_record *record)
{
  const struct trace_region_end *end = &record->region_end;

  if (!trace_index_region(index, end->id)) {
    trace_index_damage(index, record->offset, 0, "the end of a region that is not known");
    return;
  }
  index->regions[end->id].last_epoch = end->epoch;
  index->regions[end->id].ended = end->how;
  index->regions[end->id].target = end->target;
}

/* In which module `address` is; its offset there. The newest comes first: an address may have been
 * used again. */
static struct index_frame
place(const struct trace_index *index, uint64_t address)
{
  struct index_frame frame = { .address = address, .offset = address, .module = REPORT_NOWHERE };

  for (size_t i = index->modules_count; i-- > 0;) {
    const struct index_module *module = &index->modules[i];
    if (module->gone)
      continue;
    for (size_t k = 0; k < module->ranges_count; k++)
      if (address - module->ranges[k].address < module->ranges[k].length) {
        frame.module = (uint32_t)i;
        frame.offset = *module->path ? address - module->bias : address;
        return frame;
      }
  }
  return frame;
}

static int
take_stack(struct trace_index *index, const struct trace_record *record)
{
  const struct trace_stack *said = &record->stack;
  size_t id = (size_t)said->id;

  if (said->id >= INDEX_STACKS_MAX) {
    trace_index_damage(index, record->offset, 0, "a stack's number is too large");
    return 0;
  }
  if (ROOM(index, stacks, id + 1) || ROOM(index, frames, index->frames_count + said->depth))
    return -ENOMEM;
  if (id >= index->stacks_count) {
    memset(index->stacks + index->stacks_count, 0, (id + 1 - index->stacks_count) * sizeof(*index->stacks));
    index->stacks_count = id + 1;
  }
  if (index->stacks[id].known) {
    trace_index_damage(index, record->offset, 0, "a stack's number is used twice");
    return 0;
  }
  index->stacks[id] = (struct index_stack){ index->frames_count, (uint32_t)said->depth, true };
  for (size_t i = 0; i < said->depth; i++) {
    /* A return address may lie behind the end of what made the call. */
    struct index_frame frame = place(index, said->frames[i] - (i > 0 && said->frames[i] > 0));
    frame.offset += said->frames[i] - frame.address;
    frame.address = said->frames[i];
    index->frames[index->frames_count++] = frame;
  }
  return 0;
}

static bool
same_tid(const void *table, uint32_t position, const void *key)
{
  return ((const struct index_thread *)table)[position].tid == *(const uint64_t *)key;
}

static int
take_thread(struct trace_index *index, const struct trace_record *record)
{
  const struct trace_thread *said = &record->thread;
  uint32_t hash = report_hash(3, &said->tid, 1);
  uint32_t at = report_index_find(&index->by_tid, hash, same_tid, index->threads, &said->tid);
  char *name = trace_text_copy(said->name);

  if (!name)
    return -ENOMEM;
  if (at != REPORT_NOWHERE) {
    free(index->threads[at].name);
    index->threads[at].name = name;
    return 0;
  }
  if (ROOM(index, threads, index->threads_count + 1)
      || report_index_add(&index->by_tid, hash, (uint32_t)index->threads_count)) {
    free(name);
    return -ENOMEM;
  }
  index->threads[index->threads_count++] = (struct index_thread){ said->tid, name };
  return 0;
}

static int
take_epoch(struct trace_index *index, const struct trace_record *record)
{
  const struct trace_epoch *said = &record->epoch;
  struct index_epoch *last = index->epochs_count ? &index->epochs[index->epochs_count - 1] : NULL;
  struct index_epoch epoch = { said->number, said->begin, said->end, said->cause, said->collect, said->faults,
                               said->pages, NULL };

  if (last && (said->number <= last->number || said->begin < last->begin)) {
    trace_index_damage(index, record->offset, 0, "an epoch that comes before the one before it");
    return 0;
  }
  if (index->epochs_count >= INDEX_EPOCHS_MAX) {
    trace_index_damage(index, record->offset, 0, "more epochs than can be counted");
    return 0;
  }
  if (ROOM(index, epochs, index->epochs_count + 1))
    return -ENOMEM;
  if (said->label.length && !(epoch.label = trace_text_copy(said->label)))
    return -ENOMEM;
  index->epochs[index->epochs_count++] = epoch;
  return 0;
}

/* Whether one more of a kind that nothing else bounds is kept. */
static bool
keeps(struct trace_index *index, size_t count)
{
  if (count < INDEX_KEPT)
    return true;
  index->dropped++;
  return false;
}

static int
take_note(struct trace_index *index, const struct trace_note *said)
{
  if (!keeps(index, index->notes_count))
    return 0;
  char *text = trace_text_copy(said->text);
  if (!text || ROOM(index, notes, index->notes_count + 1)) {
    free(text);
    return -ENOMEM;
  }
  index->notes[index->notes_count++] = (struct index_note){ said->time, said->kind, said->value, text };
  return 0;
}

static int
take_child(struct trace_index *index, const struct trace_child *said)
{
  if (!keeps(index, index->children_count))
    return 0;
  char *file = trace_text_copy(said->file), *reason = trace_text_copy(said->reason);
  if (!file || !reason || ROOM(index, children, index->children_count + 1)) {
    free(file);
    free(reason);
    return -ENOMEM;
  }
  index->children[index->children_count++] =
    (struct index_child){ said->time, said->pid, said->how, said->recorded, file, reason };
  return 0;
}

static int
take_end(struct trace_index *index, const struct trace_end *said)
{
  char *text = trace_text_copy(said->text);

  if (!text)
    return -ENOMEM;
  free(index->end_text);
  index->end_text = text;
  index->end = *said;
  index->ended = true;
  return 0;
}

int
trace_index_take(struct trace_index *index, const struct trace_record *record)
{
  uint32_t module;

  switch (record->type) {
    case TRACE_START:      return take_start(index, record);
    case TRACE_MODULE:     return take_module(index, record);
    case TRACE_REGION:     return take_region(index, record);
    case TRACE_STACK:      return take_stack(index, record);
    case TRACE_THREAD:     return take_thread(index, record);
    case TRACE_EPOCH:      return take_epoch(index, record);
    case TRACE_NOTE:       return take_note(index, &record->note);
    case TRACE_CHILD:      return take_child(index, &record->child);
    case TRACE_END:        return take_end(index, &record->end);
    case TRACE_REGION_END: take_region_end(index, record); return 0;
    case TRACE_DAMAGE:
      trace_index_damage(index, record->offset, record->damage.length, record->damage.reason);
      return 0;
    case TRACE_MODULE_END:
      module = find_module(index, record->module_end.id);
      if (module != REPORT_NOWHERE)
        index->modules[module].gone = true;
      return 0;
    case TRACE_DIRTY:
      if (trace_index_region(index, record->dirty.region))
        index->regions[record->dirty.region].dirty = true;
      return 0;
    case TRACE_COVERAGE:
      if (!keeps(index, index->coverage_count))
        return 0;
      if (ROOM(index, coverage, index->coverage_count + 1))
        return -ENOMEM;
      index->coverage[index->coverage_count++] = record->coverage;
      return 0;
    default:
      return 0;
  }
}

const struct index_region *
trace_index_region(const struct trace_index *index, uint64_t id)
{
  return id < index->regions_count && index->regions[id].id ? &index->regions[id] : NULL;
}

const struct index_stack *
trace_index_stack(const struct trace_index *index, uint64_t id)
{
  return id < index->stacks_count && index->stacks[id].known ? &index->stacks[id] : NULL;
}

const struct index_thread *
trace_index_thread(const struct trace_index *index, uint64_t tid)
{
  uint32_t at = report_index_find(&index->by_tid, report_hash(3, &tid, 1), same_tid, index->threads, &tid);

  return at == REPORT_NOWHERE ? NULL : &index->threads[at];
}

void
trace_index_free(struct trace_index *index)
{
  size_t i;

  for (i = 0; i < index->regions_count; i++)
    free(index->regions[i].name);
  for (i = 0; i < index->epochs_count; i++)
    free(index->epochs[i].label);
  for (i = 0; i < index->modules_count; i++) {
    free(index->modules[i].path);
    free(index->modules[i].build_id);
    free(index->modules[i].ranges);
  }
  for (i = 0; i < index->threads_count; i++)
    free(index->threads[i].name);
  for (i = 0; i < index->notes_count; i++)
    free(index->notes[i].text);
  for (i = 0; i < index->children_count; i++) {
    free(index->children[i].file);
    free(index->children[i].reason);
  }
  report_index_free(&index->by_tid);
  free(index->regions);
  free(index->epochs);
  free(index->modules);
  free(index->stacks);
  free(index->frames);
  free(index->threads);
  free(index->coverage);
  free(index->notes);
  free(index->children);
  free(index->executable);
  free(index->arguments);
  free(index->machine);
  free(index->kernel);
  free(index->writer);
  free(index->end_text);
  memset(index, 0, sizeof(*index));
}
