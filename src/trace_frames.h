/* trace_frames.h - what the frames of a trace are called. */
#ifndef WW_TRACE_FRAMES_H
#define WW_TRACE_FRAMES_H

#include "names/names.h"
#include "trace_index.h"

struct frame_found {
  const char *module;           /* path; "": code made at run time; NULL: in no module */
  uint64_t    offset;           /* in the module's own terms, else the address */
  size_t      count;            /* at least 1; the innermost function first */
  const struct names_place *places;
};

struct trace_frames;

/* -ENOMEM. `named`: look into the files; else there are modules and offsets only. */
int  trace_frames_open(struct trace_frames **frames, const struct trace_index *index, bool named);
/* This stack's frames, or (leaf_only) the first one, will be asked for: many at once cost much less. */
void trace_frames_want(struct trace_frames *frames, const struct index_stack *stack, bool leaf_only);
/* Frame `position` of the stack, from 0. Lives until trace_frames_close(). */
struct frame_found trace_frames_find(struct trace_frames *frames, const struct index_stack *stack,
                                     uint32_t position);
/* Why there are fewer names than one would expect of a module, a phrase; or NULL. */
const char *trace_frames_trouble(const struct trace_frames *frames, uint32_t module);
void trace_frames_close(struct trace_frames *frames);   /* NULL is allowed */

#endif
