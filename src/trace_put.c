/* trace_put.c - async-signal-safe. Records as the bytes of a trace: writewatch-trace(5). */
#include "config.h"
#include "trace.h"
#include "trace_code.h"
#include "trace_write.h"

#include <errno.h>

#define NUMBERS(n)     ((n) * (size_t)TRACE_NUMBER_MAX)
#define TEXT_MOST      4096u                     /* bytes of a text that is kept: a path's length */
#define ARGUMENTS_MOST 16384u
#define DIRTY_MOST     60000u                    /* of a DIRTY block, before another is begun */
#define RUN_MOST       (1 + NUMBERS(5))
#define MICROSECOND    1000u

static int
finish(struct trace_writer *writer)
{
  trace_block_end(writer);
  return writer->error;
}

/* What every record begins with: earlier runs are done, and there is room. */
static int
begin(struct trace_writer *writer, enum trace_type type, size_t numbers, size_t bytes)
{
  trace_run_flush(writer);
  return trace_block_begin(writer, type, NUMBERS(numbers) + bytes);
}

static void
put_numbers(struct trace_writer *writer, const uint64_t *numbers, size_t count)
{
  for (size_t i = 0; i < count; i++)
    trace_block_number(writer, numbers[i]);
}

#define PUT(writer, ...) \
  put_numbers(writer, (const uint64_t[]){ __VA_ARGS__ }, \
              sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

int
trace_put_start(struct trace_writer *writer, const struct trace_start *start)
{
  if (begin(writer, TRACE_START, 17, 4 * TEXT_MOST + ARGUMENTS_MOST) < 0)
    return writer->error;
  PUT(writer, start->page_size, start->pid, start->parent, start->realtime, start->monotonic, start->interval,
      start->stack_depth, start->engine, start->policy, start->overhead, start->origin, start->origin_pid);
  trace_block_bytes(writer, start->executable, TEXT_MOST);
  trace_block_bytes(writer, start->arguments, ARGUMENTS_MOST);
  trace_block_bytes(writer, start->machine, TEXT_MOST);
  trace_block_bytes(writer, start->kernel, TEXT_MOST);
  trace_block_bytes(writer, start->writer, TEXT_MOST);
  return finish(writer);
}

int
trace_put_module(struct trace_writer *writer, const struct trace_module *module)
{
  size_t ranges = module->ranges < TRACE_RANGES_MAX ? module->ranges : TRACE_RANGES_MAX;

  if (begin(writer, TRACE_MODULE, 5 + 3 * ranges, 2 * TEXT_MOST) < 0)
    return writer->error;
  PUT(writer, module->id, module->bias);
  trace_block_bytes(writer, module->path, TEXT_MOST);
  trace_block_bytes(writer, module->build_id, TEXT_MOST);
  PUT(writer, ranges);
  for (size_t i = 0; i < ranges; i++)
    PUT(writer, module->range[i].address, module->range[i].length, module->range[i].offset);
  return finish(writer);
}

int
trace_put_module_end(struct trace_writer *writer, const struct trace_module_end *end)
{
  if (begin(writer, TRACE_MODULE_END, 2, 0) < 0)
    return writer->error;
  PUT(writer, end->id, end->epoch);
  return finish(writer);
}

int
trace_put_region(struct trace_writer *writer, const struct trace_region *region)
{
  if (begin(writer, TRACE_REGION, 7, TEXT_MOST) < 0)
    return writer->error;
  PUT(writer, region->id, region->kind, region->address, region->length, region->page_size, region->epoch);
  trace_block_bytes(writer, region->name, TEXT_MOST);
  return finish(writer);
}

int
trace_put_region_end(struct trace_writer *writer, const struct trace_region_end *end)
{
  if (begin(writer, TRACE_REGION_END, 4, 0) < 0)
    return writer->error;
  PUT(writer, end->id, end->epoch, end->how, end->target);
  return finish(writer);
}

int
trace_put_stack(struct trace_writer *writer, const struct trace_stack *stack)
{
  size_t depth = stack->depth < TRACE_FRAMES_MAX ? stack->depth : TRACE_FRAMES_MAX;
  uint64_t last = 0;

  if (begin(writer, TRACE_STACK, 2 + depth, 0) < 0)
    return writer->error;
  PUT(writer, stack->id, depth);
  for (size_t i = 0; i < depth; i++) {
    trace_block_number(writer, trace_fold(stack->frames[i] - last));
    last = stack->frames[i];
  }
  return finish(writer);
}

int
trace_put_thread(struct trace_writer *writer, const struct trace_thread *thread)
{
  if (begin(writer, TRACE_THREAD, 3, TEXT_MOST) < 0)
    return writer->error;
  PUT(writer, thread->tid, thread->time);
  trace_block_bytes(writer, thread->name, TEXT_MOST);
  return finish(writer);
}

int
trace_put_epoch(struct trace_writer *writer, const struct trace_epoch *epoch)
{
  if (begin(writer, TRACE_EPOCH, 8, TEXT_MOST) < 0)
    return writer->error;
  PUT(writer, epoch->number, epoch->begin, epoch->end, epoch->cause, epoch->collect, epoch->faults,
      epoch->pages);
  trace_block_bytes(writer, epoch->label, TEXT_MOST);
  return finish(writer);
}

int
trace_put_coverage(struct trace_writer *writer, const struct trace_coverage *coverage)
{
  if (begin(writer, TRACE_COVERAGE, 6 + TRACE_REASONS, 0) < 0)
    return writer->error;
  PUT(writer, coverage->epoch, coverage->writable, coverage->watched, coverage->threads, coverage->unshielded,
      TRACE_REASONS);
  put_numbers(writer, coverage->unwatched, TRACE_REASONS);
  return finish(writer);
}

int
trace_put_note(struct trace_writer *writer, const struct trace_note *note)
{
  if (begin(writer, TRACE_NOTE, 4, TEXT_MOST) < 0)
    return writer->error;
  PUT(writer, note->time, note->kind, note->value);
  trace_block_bytes(writer, note->text, TEXT_MOST);
  return finish(writer);
}

int
trace_put_child(struct trace_writer *writer, const struct trace_child *child)
{
  if (begin(writer, TRACE_CHILD, 6, 2 * TEXT_MOST) < 0)
    return writer->error;
  PUT(writer, child->time, child->pid, child->how, child->recorded);
  trace_block_bytes(writer, child->file, TEXT_MOST);
  trace_block_bytes(writer, child->reason, TEXT_MOST);
  return finish(writer);
}

int
trace_put_end(struct trace_writer *writer, const struct trace_end *end)
{
  if (begin(writer, TRACE_END, 6, TEXT_MOST) < 0)
    return writer->error;
  PUT(writer, end->time, end->how, end->status, end->epochs, end->pages);
  trace_block_bytes(writer, end->text, TEXT_MOST);
  return finish(writer);
}

/* ---------------------------------------------------------------------- runs */

static void
begin_dirty(struct trace_writer *writer, uint64_t epoch, uint64_t region)
{
  trace_block_begin(writer, TRACE_DIRTY, NUMBERS(2) + DIRTY_MOST);
  PUT(writer, epoch, region);
  writer->epoch = epoch;
  writer->region = region;
  writer->last = (struct trace_runs){ 0 };
}

static void
encode(struct trace_writer *writer, const struct trace_run *run)
{
  struct trace_runs *last = &writer->last;
  uint64_t time = run->time / MICROSECOND;
  unsigned tag = run->evidence & TRACE_TAG_EVIDENCE;

  if (writer->block != SIZE_MAX && writer->used - writer->block + RUN_MOST > DIRTY_MOST)
    trace_block_end(writer);
  if (writer->block == SIZE_MAX)
    begin_dirty(writer, writer->epoch, writer->region);
  if (writer->error)
    return;
  tag |= run->page == last->page ? TRACE_TAG_NEXT : 0;
  tag |= run->pages == 1 ? TRACE_TAG_ONE : 0;
  if (run->written) {
    tag |= TRACE_TAG_WRITTEN;
    tag |= run->tid == last->tid ? TRACE_TAG_THREAD : 0;
    tag |= run->stack == last->stack ? TRACE_TAG_STACK : 0;
  }
  writer->buffer[writer->used++] = (unsigned char)tag;
  if (!(tag & TRACE_TAG_NEXT))
    trace_block_number(writer, run->page - last->page);
  if (!(tag & TRACE_TAG_ONE))
    trace_block_number(writer, run->pages);
  last->page = run->page + run->pages;
  if (!run->written)
    return;
  if (!(tag & TRACE_TAG_THREAD))
    trace_block_number(writer, trace_fold(run->tid - last->tid));
  if (!(tag & TRACE_TAG_STACK))
    trace_block_number(writer, trace_fold(run->stack - last->stack));
  trace_block_number(writer, trace_fold(time - last->time));
  last->tid = run->tid;
  last->stack = run->stack;
  last->time = time;
}

void
trace_run_flush(struct trace_writer *writer)
{
  if (writer->pending.pages)
    encode(writer, &writer->pending);
  writer->pending.pages = 0;
  trace_block_end(writer);
}

int
trace_put_run(struct trace_writer *writer, uint64_t epoch, uint64_t region, const struct trace_run *run)
{
  struct trace_run *pending = &writer->pending;

  if (writer->error || run->pages == 0)
    return writer->error;
  if (epoch != writer->epoch || region != writer->region)
    trace_run_flush(writer);
  if (pending->pages && run->page == pending->page + pending->pages && run->evidence == pending->evidence
      && run->written == pending->written
      && (!run->written || (run->tid == pending->tid && run->stack == pending->stack))) {
    pending->pages += run->pages;
    if (run->time < pending->time)
      pending->time = run->time;
    return 0;
  }
  if (pending->pages) {
    encode(writer, pending);
    /* A reader takes ascending pages only. */
    if (run->page < pending->page + pending->pages)
      trace_block_end(writer);
  }
  writer->epoch = epoch;
  writer->region = region;
  *pending = *run;
  return writer->error;
}
