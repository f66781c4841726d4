/* writers.c - who was first to write, and the stacks of those that are shown. */
#include "config.h"
#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Stacks by number, and frames by where they are: each is written once. */
struct cast {
  struct json *json;
  const struct trace_summary *summary;
  unsigned char *wanted;        /* [stacks_count] */
  uint64_t *frames;             /* module and offset of each, three words with is_return */
  size_t    frames_count, frames_room;
  struct report_index by_frame;
  size_t   *of;                 /* [frames_count]: a frame of a stack that is it: stack, position */
  size_t    of_count, of_room;
};

static bool
same_frame(const void *table, uint32_t position, const void *key)
{
  return memcmp((const uint64_t *)table + 3 * (size_t)position, key, 3 * sizeof(uint64_t)) == 0;
}

/* Its number; REPORT_NOWHERE: there are too many. */
static uint32_t
frame_number(struct cast *cast, uint32_t stack, uint32_t position)
{
  const struct trace_index *index = &cast->summary->index;
  const struct index_frame *frame = &index->frames[index->stacks[stack].first + position];
  uint64_t key[3] = { frame->module, frame->offset, position > 0 };
  uint32_t hash = report_hash(9, key, 3);
  uint32_t number = report_index_find(&cast->by_frame, hash, same_frame, cast->frames, key);

  if (number != REPORT_NOWHERE || cast->frames_count >= PAGE_FRAMES)
    return number;
  number = (uint32_t)cast->frames_count;
  if (report_grow(&cast->frames, 3 * (cast->frames_count + 1), &cast->frames_room, sizeof(*cast->frames))
      || report_grow(&cast->of, 2 * (cast->frames_count + 1), &cast->of_room, sizeof(*cast->of))
      || report_index_add(&cast->by_frame, hash, number)) {
    cast->json->error = -ENOMEM;
    return REPORT_NOWHERE;
  }
  memcpy(cast->frames + 3 * cast->frames_count, key, sizeof key);
  cast->of[2 * cast->frames_count] = stack;
  cast->of[2 * cast->frames_count + 1] = position;
  cast->frames_count++;
  return number;
}

static void
write_group(struct cast *cast, const struct summary_writers *writers)
{
  struct json *json = cast->json;
  size_t shown = writers->count < PAGE_WRITERS ? writers->count : PAGE_WRITERS;

  json_begin(json, '{');
  json_key(json, "rows");
  json_begin(json, '[');
  for (size_t i = 0; i < shown; i++) {
    const struct summary_writer *writer = &writers->all[i];

    json_begin(json, '[');
    json_text(json, writer->name);
    json_text(json, writer->detail);
    json_number(json, writer->key);
    json_number(json, writer->stack);
    json_number(json, writer->pages);
    json_number(json, writer->bytes);
    json_number(json, writer->epochs);
    json_number(json, writer->first_epoch);
    json_number(json, writer->last_epoch);
    json_end(json, ']');
    if (writer->stack < cast->summary->index.stacks_count)
      cast->wanted[writer->stack] = 1;
  }
  json_end(json, ']');
  json_key(json, "left");
  json_number(json, writers->count - shown);
  json_key(json, "unknown");
  json_number(json, writers->unknown);
  json_end(json, '}');
}

static void
write_stacks(struct cast *cast)
{
  const struct trace_index *index = &cast->summary->index;
  struct json *json = cast->json;

  for (size_t i = 0; i < index->stacks_count; i++)
    if (cast->wanted[i] && cast->summary->frames)
      trace_frames_want(cast->summary->frames, &index->stacks[i], false);
  json_key(json, "stacks");
  json_begin(json, '[');
  for (size_t i = 0; i < index->stacks_count; i++) {
    if (!cast->wanted[i] || index->stacks[i].depth == 0)
      continue;
    json_begin(json, '[');
    json_number(json, i);
    for (uint32_t position = 0; position < index->stacks[i].depth; position++) {
      uint32_t number = frame_number(cast, (uint32_t)i, position);
      if (number != REPORT_NOWHERE)
        json_number(json, number);
    }
    json_end(json, ']');
  }
  json_end(json, ']');
}

static void
write_frames(struct cast *cast)
{
  const struct trace_index *index = &cast->summary->index;
  struct json *json = cast->json;

  json_key(json, "frames");
  json_begin(json, '[');
  for (size_t i = 0; i < cast->frames_count; i++) {
    const struct index_stack *stack = &index->stacks[cast->of[2 * i]];
    struct frame_found found = { 0 };

    if (cast->summary->frames)
      found = trace_frames_find(cast->summary->frames, stack, (uint32_t)cast->of[2 * i + 1]);
    json_begin(json, '[');
    json_text(json, found.module && *found.module ? found.module : NULL);
    json_hex(json, found.offset);
    for (size_t place = 0; place < found.count; place++) {
      json_text(json, found.places[place].function);
      json_text(json, found.places[place].file);
      json_number(json, found.places[place].line);
    }
    json_end(json, ']');
  }
  json_end(json, ']');
}

static void
write_troubles(struct cast *cast)
{
  const struct trace_index *index = &cast->summary->index;
  struct json *json = cast->json;
  size_t told = 0;

  json_key(json, "troubles");
  json_begin(json, '[');
  for (size_t i = 0; i < index->modules_count && told < PAGE_REMARKS; i++) {
    const char *trouble = NULL;

    if (cast->summary->frames)
      trouble = trace_frames_trouble(cast->summary->frames, (uint32_t)i);

    if (!trouble)
      continue;
    told++;
    json_begin(json, '[');
    json_text(json, index->modules[i].path);
    json_text(json, trouble);
    json_end(json, ']');
  }
  json_end(json, ']');
}

void
page_writers(struct json *json, const struct trace_summary *summary)
{
  struct cast cast = { .json = json, .summary = summary };

  cast.wanted = calloc(summary->index.stacks_count + 1, 1);
  if (!cast.wanted) {
    json->error = -ENOMEM;
    return;
  }
  json_key(json, "writers");
  json_begin(json, '{');
  for (unsigned by = 0; by < SUMMARY_BYS; by++) {
    json_key(json, summary_by_names[by]);
    write_group(&cast, &summary->writers[by]);
  }
  json_end(json, '}');
  write_stacks(&cast);
  write_frames(&cast);
  write_troubles(&cast);
  free(cast.wanted);
  free(cast.frames);
  free(cast.of);
  report_index_free(&cast.by_frame);
}
