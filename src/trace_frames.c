/* trace_frames.c - what the frames of a trace are called: each file is opened when it is first asked
 * for. */
#include "config.h"
#include "trace_frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNOPENED UINT32_MAX

struct trace_frames {
  const struct trace_index *index;
  struct names *names;          /* NULL: not asked for */
  uint32_t     *file;           /* by module: its number in `names` */
};

static const struct names_place nowhere;

int
trace_frames_open(struct trace_frames **opened, const struct trace_index *index, bool named)
{
  struct trace_frames *frames = calloc(1, sizeof(*frames));

  if (!frames)
    return -ENOMEM;
  frames->index = index;
  frames->file = malloc((index->modules_count + 1) * sizeof(*frames->file));
  if (!frames->file || (named && names_open(&frames->names))) {
    trace_frames_close(frames);
    return -ENOMEM;
  }
  for (size_t i = 0; i < index->modules_count; i++)
    frames->file[i] = UNOPENED;
  *opened = frames;
  return 0;
}

void
trace_frames_close(struct trace_frames *frames)
{
  if (!frames)
    return;
  names_close(frames->names);
  free(frames->file);
  free(frames);
}

/* The module's number among the names; false: it has none, for want of memory. */
static bool
open_module(struct trace_frames *frames, uint32_t position)
{
  const struct index_module *module = &frames->index->modules[position];
  uint64_t since = frames->index->started ? frames->index->start.realtime : 0;
  int error = 0;

  if (frames->file[position] != UNOPENED)
    return true;
  if (*module->path)
    error = names_module(frames->names, module->path, strlen(module->path), module->build_id,
                         module->build_id_length, since, &frames->file[position]);
  else
    error = names_jit(frames->names, frames->index->start.pid, since, &frames->file[position]);
  return error == 0;
}

void
trace_frames_want(struct trace_frames *frames, const struct index_stack *stack, bool leaf_only)
{
  for (uint32_t i = 0; frames->names && i < (leaf_only && stack->depth ? 1 : stack->depth); i++) {
    const struct index_frame *frame = &frames->index->frames[stack->first + i];
    if (frame->module != REPORT_NOWHERE && open_module(frames, frame->module))
      names_want(frames->names, frames->file[frame->module], frame->offset, i > 0);
  }
}

struct frame_found
trace_frames_find(struct trace_frames *frames, const struct index_stack *stack, uint32_t position)
{
  const struct index_frame *frame = &frames->index->frames[stack->first + position];
  struct frame_found found = { .offset = frame->offset, .count = 1, .places = &nowhere };

  if (frame->module == REPORT_NOWHERE)
    return found;
  found.module = frames->index->modules[frame->module].path;
  if (frames->names && open_module(frames, frame->module)) {
    struct names_found named = names_find(frames->names, frames->file[frame->module], frame->offset,
                                          position > 0);
    found.count = named.count;
    found.places = named.places;
  }
  return found;
}

const char *
trace_frames_trouble(const struct trace_frames *frames, uint32_t module)
{
  if (!frames->names || frames->file[module] == UNOPENED)
    return NULL;
  return names_trouble(frames->names, frames->file[module]);
}
