/* trace_decode.c - the bytes of a block as a record. Nothing in them is believed: every length and
 * every number that somebody would compute with is checked. */
#include "config.h"
#include "trace_decode.h"
#include "trace_code.h"

/* What is left of a payload. The first failure sticks. */
struct payload {
  const unsigned char *at, *end;
  const char *wrong;
};

static uint64_t
number(struct payload *payload)
{
  uint64_t value = 0;
  const unsigned char *next = payload->wrong ? NULL : trace_number_get(payload->at, payload->end, &value);

  if (!next) {
    payload->wrong = "a block ends in the midst of its numbers";
    return 0;
  }
  payload->at = next;
  return value;
}

static struct trace_text
bytes(struct payload *payload)
{
  uint64_t length = number(payload);
  struct trace_text text = { NULL, 0 };

  if (payload->wrong)
    return text;
  if (length > (uint64_t)(payload->end - payload->at)) {
    payload->wrong = "a text is longer than its block";
    return text;
  }
  text.bytes = (const char *)payload->at;
  text.length = (size_t)length;
  payload->at += length;
  return text;
}

static void
require(struct payload *payload, bool good, const char *otherwise)
{
  if (!payload->wrong && !good)
    payload->wrong = otherwise;
}

static bool
is_page_size(uint64_t size)
{
  return size >= 256 && size <= (uint64_t)1 << 40 && (size & (size - 1)) == 0;
}

static void
decode_start(struct payload *payload, struct trace_start *start)
{
  start->page_size = number(payload);
  start->pid = number(payload);
  start->parent = number(payload);
  start->realtime = number(payload);
  start->monotonic = number(payload);
  start->interval = number(payload);
  start->stack_depth = number(payload);
  start->engine = number(payload);
  start->policy = number(payload);
  start->overhead = number(payload);
  start->origin = number(payload);
  start->origin_pid = number(payload);
  start->executable = bytes(payload);
  start->arguments = bytes(payload);
  start->machine = bytes(payload);
  start->kernel = bytes(payload);
  start->writer = bytes(payload);
  require(payload, is_page_size(start->page_size), "the machine's pages are of no possible size");
}

static void
decode_module(struct payload *payload, struct trace_module *module)
{
  uint64_t ranges;

  module->id = number(payload);
  module->bias = number(payload);
  module->path = bytes(payload);
  module->build_id = bytes(payload);
  ranges = number(payload);
  require(payload, ranges <= TRACE_RANGES_MAX, "a module has too many parts");
  module->ranges = payload->wrong ? 0 : (size_t)ranges;
  for (size_t i = 0; i < module->ranges; i++) {
    struct trace_range *range = &module->range[i];
    range->address = number(payload);
    range->length = number(payload);
    range->offset = number(payload);
    require(payload, range->address <= UINT64_MAX - range->length, "a module wraps around");
  }
  require(payload, module->id != 0, "a module has no number");
}

static void
decode_region(struct payload *payload, struct trace_region *region)
{
  region->id = number(payload);
  region->kind = number(payload);
  region->address = number(payload);
  region->length = number(payload);
  region->page_size = number(payload);
  region->epoch = number(payload);
  region->name = bytes(payload);
  require(payload, region->id != 0, "a region has no number");
  require(payload, is_page_size(region->page_size), "a region's pages are of no possible size");
  require(payload, payload->wrong || (region->length != 0 && region->length % region->page_size == 0
                                      && region->address % region->page_size == 0),
          "a region is not made of whole pages");
  require(payload, region->address <= UINT64_MAX - region->length, "a region wraps around");
}

static void
decode_stack(struct payload *payload, struct trace_stack *stack, uint64_t *frames)
{
  uint64_t depth, last = 0;

  stack->id = number(payload);
  depth = number(payload);
  require(payload, stack->id != 0, "a stack has no number");
  require(payload, depth <= TRACE_FRAMES_MAX, "a stack is too deep");
  stack->depth = payload->wrong ? 0 : (size_t)depth;
  for (size_t i = 0; i < stack->depth; i++)
    frames[i] = last += trace_unfold(number(payload));
  stack->frames = frames;
}

static void
decode_epoch(struct payload *payload, struct trace_epoch *epoch)
{
  epoch->number = number(payload);
  epoch->begin = number(payload);
  epoch->end = number(payload);
  epoch->cause = number(payload);
  epoch->collect = number(payload);
  epoch->faults = number(payload);
  epoch->pages = number(payload);
  epoch->label = bytes(payload);
  require(payload, epoch->number != 0, "an epoch has no number");
  require(payload, epoch->begin <= epoch->end && epoch->end <= INT64_MAX, "an epoch ends before it begins");
}

static void
decode_coverage(struct payload *payload, struct trace_coverage *coverage)
{
  uint64_t reasons;

  memset(coverage->unwatched, 0, sizeof(coverage->unwatched));
  coverage->epoch = number(payload);
  coverage->writable = number(payload);
  coverage->watched = number(payload);
  coverage->threads = number(payload);
  coverage->unshielded = number(payload);
  reasons = number(payload);
  for (uint64_t i = 0; i < reasons && !payload->wrong; i++)
    coverage->unwatched[i < TRACE_OTHER ? i : TRACE_OTHER] += number(payload);
}

static void
decode_child(struct payload *payload, struct trace_child *child)
{
  child->time = number(payload);
  child->pid = number(payload);
  child->how = number(payload);
  child->recorded = number(payload) != 0;
  child->file = bytes(payload);
  child->reason = bytes(payload);
}

static void
decode_end(struct payload *payload, struct trace_end *end)
{
  end->time = number(payload);
  end->how = number(payload);
  end->status = number(payload);
  end->epochs = number(payload);
  end->pages = number(payload);
  end->text = bytes(payload);
}

static void
decode_dirty(struct payload *payload, struct trace_dirty *dirty)
{
  dirty->epoch = number(payload);
  dirty->region = number(payload);
  dirty->runs = (struct trace_runs){ .at = payload->at, .end = payload->end };
}

const char *
trace_decode(struct trace_record *record, const unsigned char *at, size_t length,
             uint64_t frames[static TRACE_FRAMES_MAX])
{
  struct payload payload = { at, at + length, NULL };

  switch (record->type) {
    case TRACE_START:    decode_start(&payload, &record->start); break;
    case TRACE_MODULE:   decode_module(&payload, &record->module); break;
    case TRACE_REGION:   decode_region(&payload, &record->region); break;
    case TRACE_STACK:    decode_stack(&payload, &record->stack, frames); break;
    case TRACE_EPOCH:    decode_epoch(&payload, &record->epoch); break;
    case TRACE_DIRTY:    decode_dirty(&payload, &record->dirty); break;
    case TRACE_COVERAGE: decode_coverage(&payload, &record->coverage); break;
    case TRACE_CHILD:    decode_child(&payload, &record->child); break;
    case TRACE_END:      decode_end(&payload, &record->end); break;
    case TRACE_MODULE_END:
      record->module_end.id = number(&payload);
      record->module_end.epoch = number(&payload);
      break;
    case TRACE_REGION_END:
      record->region_end.id = number(&payload);
      record->region_end.epoch = number(&payload);
      record->region_end.how = number(&payload);
      record->region_end.target = number(&payload);
      break;
    case TRACE_THREAD:
      record->thread.tid = number(&payload);
      record->thread.time = number(&payload);
      record->thread.name = bytes(&payload);
      break;
    case TRACE_NOTE:
      record->note.time = number(&payload);
      record->note.kind = number(&payload);
      record->note.value = number(&payload);
      record->note.text = bytes(&payload);
      break;
    default:
      payload.wrong = "a block of an unknown type";
      break;
  }
  return payload.wrong;
}

bool
trace_runs_next(struct trace_runs *runs, struct trace_run *run)
{
  return trace_runs_step(runs, run);
}
