/* trace_decode.h - the bytes of a block as a record. */
#ifndef WW_TRACE_DECODE_H
#define WW_TRACE_DECODE_H

#include "trace.h"
#include "trace_code.h"

#define TRACE_PAGES_MOST ((uint64_t)1 << 48)   /* of a region: more than an address has room for */

/* The record of a block whose checksum is right; texts point into the payload, frames into
 * `frames`. NULL, or what is wrong with it. The type is one that is known. */
const char *trace_decode(struct trace_record *record, const unsigned char *payload, size_t length,
                         uint64_t frames[static TRACE_FRAMES_MAX]);

/* trace_runs_next(), for who reads hundreds of millions of runs. */
static inline bool
trace_run_wrong(struct trace_runs *runs, const char *wrong)
{
  runs->wrong = wrong;
  runs->at = runs->end;
  return false;
}

/* The first writer, as a difference from the one before. */
static inline const unsigned char *
trace_run_writer(struct trace_runs *runs, const unsigned char *at, unsigned tag)
{
  uint64_t number;

  if (!(tag & TRACE_TAG_THREAD)) {
    if (!(at = trace_number_get(at, runs->end, &number)))
      return NULL;
    runs->tid += trace_unfold(number);
  }
  if (!(tag & TRACE_TAG_STACK)) {
    if (!(at = trace_number_get(at, runs->end, &number)))
      return NULL;
    runs->stack += trace_unfold(number);
  }
  if (!(at = trace_number_get(at, runs->end, &number)))
    return NULL;
  runs->time += trace_unfold(number);
  return at;
}

static inline bool
trace_runs_step(struct trace_runs *runs, struct trace_run *run)
{
  const unsigned char *at = runs->at;
  uint64_t gap = 0, pages = 1;
  unsigned tag;

  if (at >= runs->end)
    return false;
  tag = *at++;
  if (!(tag & TRACE_TAG_NEXT) && !(at = trace_number_get(at, runs->end, &gap)))
    return trace_run_wrong(runs, "a run of pages ends in the midst of its numbers");
  if (!(tag & TRACE_TAG_ONE) && !(at = trace_number_get(at, runs->end, &pages)))
    return trace_run_wrong(runs, "a run of pages ends in the midst of its numbers");
  if (pages == 0 || pages > TRACE_PAGES_MOST || gap > TRACE_PAGES_MOST
      || runs->page + gap + pages > TRACE_PAGES_MOST)
    return trace_run_wrong(runs, "a run of pages lies in no possible region");
  run->page = runs->page + gap;
  run->pages = pages;
  run->evidence = tag & TRACE_TAG_EVIDENCE;
  run->written = (tag & TRACE_TAG_WRITTEN) != 0;
  run->tid = run->stack = 0;
  run->time = 0;
  if (run->written) {
    if (!(at = trace_run_writer(runs, at, tag)))
      return trace_run_wrong(runs, "a run of pages ends in the midst of its writer");
    if (runs->tid > INT32_MAX || runs->stack > INT32_MAX || runs->time > INT64_MAX / 1000)
      return trace_run_wrong(runs, "a run of pages has an impossible writer");
    run->tid = (uint32_t)runs->tid;
    run->stack = (uint32_t)runs->stack;
    run->time = runs->time * 1000;
  }
  runs->page = run->page + pages;
  runs->at = at;
  return true;
}

#endif
