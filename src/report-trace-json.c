/* report-trace-json.c - a trace as one JSON object; writewatch-report(5) has its members. */
#include "config.h"
#include "report-object.h"
#include "report-trace-part.h"
#include "writewatch.h"

#include <errno.h>
#include <stdlib.h>

#define NUMBER(object, structure, member) object_set(&(object), #member, object_number((structure)->member))

static json_t *
count_object(const struct summary_count *count)
{
  struct object object = object_make();

  NUMBER(object, count, pages);
  NUMBER(object, count, bytes);
  object_set(&object, "trapped", object_number(count->by_evidence[WW_TRAPPED]));
  object_set(&object, "verified", object_number(count->by_evidence[WW_VERIFIED]));
  object_set(&object, "declared", object_number(count->by_evidence[WW_DECLARED]));
  object_set(&object, "assumed", object_number(count->by_evidence[WW_ASSUMED]));
  if (count->by_evidence[0])
    object_set(&object, "other", object_number(count->by_evidence[0]));
  return object_made(&object);
}

static json_t *
start_object(const struct trace_index *index)
{
  const struct trace_start *start = &index->start;
  struct object object = object_make();

  if (!index->started) {
    json_decref(object_made(&object));
    return json_null();
  }
  NUMBER(object, start, page_size);
  NUMBER(object, start, pid);
  NUMBER(object, start, parent);
  object_set(&object, "realtime_ns", object_number(start->realtime));
  object_set(&object, "monotonic_ns", object_number(start->monotonic));
  object_set(&object, "interval_ns", object_number(start->interval));
  NUMBER(object, start, stack_depth);
  NUMBER(object, start, engine);
  NUMBER(object, start, policy);
  object_set(&object, "overhead_percent", object_number(start->overhead));
  object_set(&object, "origin", json_string(trace_origin_name(start->origin)));
  NUMBER(object, start, origin_pid);
  object_set(&object, "executable", object_text(index->executable));
  object_set(&object, "command", object_text(index->arguments));
  object_set(&object, "machine", object_text(index->machine));
  object_set(&object, "kernel", object_text(index->kernel));
  object_set(&object, "writewatch", object_text(index->writer));
  return object_made(&object);
}

static json_t *
end_object(const struct trace_index *index)
{
  struct object object;

  if (!index->ended)
    return json_null();
  object = object_make();
  object_set(&object, "time_ns", object_number(index->end.time));
  object_set(&object, "how", json_string(trace_end_name(index->end.how)));
  object_set(&object, "status", object_number(index->end.status));
  object_set(&object, "text", object_text(index->end_text));
  return object_made(&object);
}

static json_t *
damage_object(const struct trace_summary *summary)
{
  const struct trace_index *index = &summary->index;
  struct object object = object_make();
  json_t *places = json_array();
  size_t cut = 0;

  for (size_t i = 0; i < summary->epochs_count; i++)
    cut += !summary->epochs[i].whole;
  for (size_t i = 0; i < index->damages_count && i < INDEX_DAMAGES_KEPT; i++) {
    struct object place = object_make();
    object_set(&place, "offset", object_number(index->damages[i].offset));
    object_set(&place, "bytes", object_number(index->damages[i].length));
    object_set(&place, "reason", json_string(index->damages[i].reason));
    places = object_append(places, object_made(&place));
  }
  object_set(&object, "places", places);
  object_set(&object, "count", object_number(index->damages_count));
  object_set(&object, "bytes", object_number(index->damaged));
  object_set(&object, "tail_offset", index->tail ? object_number(index->tail_at) : json_null());
  object_set(&object, "tail_bytes", object_number(index->tail));
  object_set(&object, "incomplete_epochs", object_number(cut));
  object_set(&object, "unplaced_pages", object_number(summary->unplaced));
  return object_made(&object);
}

static json_t *
coverage_object(const struct trace_coverage *coverage)
{
  struct object object = object_make(), unwatched = object_make();

  NUMBER(object, coverage, epoch);
  object_set(&object, "writable_bytes", object_number(coverage->writable));
  object_set(&object, "watched_bytes", object_number(coverage->watched));
  for (unsigned i = 0; i <= TRACE_OTHER; i++)
    object_set(&unwatched, trace_unwatched_name(i), object_number(coverage->unwatched[i]));
  object_set(&object, "unwatched_bytes", object_made(&unwatched));
  NUMBER(object, coverage, threads);
  object_set(&object, "unshielded_threads", object_number(coverage->unshielded));
  return object_made(&object);
}

static json_t *
totals_object(const struct trace_summary *summary)
{
  struct object object = object_make();

  object_set(&object, "epochs", object_number(summary->epochs_count));
  object_set(&object, "duration_ns", object_number(summary->duration));
  object_set(&object, "watched_bytes", object_number(summary->watched));
  object_set(&object, "dirty", count_object(&summary->dirty));
  object_set(&object, "written_pages", object_number(summary->written));
  object_set(&object, "different_pages", object_number(summary->ever));
  object_set(&object, "different_bytes", object_number(summary->ever_bytes));
  object_set(&object, "once_pages", object_number(summary->once));
  return object_made(&object);
}

static json_t *
epoch_object(const struct summary_epoch *epoch)
{
  struct object object = object_make();

  object_set(&object, "epoch", object_number(epoch->epoch->number));
  object_set(&object, "begin_ns", object_number(epoch->epoch->begin));
  object_set(&object, "end_ns", object_number(epoch->epoch->end));
  object_set(&object, "cause", json_string(trace_cause_name(epoch->epoch->cause)));
  object_set(&object, "label", object_text(epoch->epoch->label));
  object_set(&object, "collect_ns", object_number(epoch->epoch->collect));
  object_set(&object, "faults", object_number(epoch->epoch->faults));
  object_set(&object, "dirty", count_object(&epoch->dirty));
  object_set(&object, "written_pages", object_number(epoch->written));
  object_set(&object, "new_pages", object_number(epoch->fresh));
  object_set(&object, "whole", json_boolean(epoch->whole));
  return object_made(&object);
}

static json_t *
region_object(const struct summary_region *region)
{
  const struct index_region *known = region->region;
  struct object object = object_make();

  object_set(&object, "region", object_number(known->id));
  object_set(&object, "kind", json_string(trace_kind_name(known->kind)));
  object_set(&object, "name", object_text(known->name));
  object_set(&object, "address", object_address(known->address));
  object_set(&object, "bytes", object_number(known->length));
  object_set(&object, "page_size", object_number(known->page_size));
  object_set(&object, "pages", object_number(known->pages));
  object_set(&object, "first_epoch", object_number(known->first_epoch));
  object_set(&object, "last_epoch", known->last_epoch == UINT64_MAX ? json_null()
             : object_number(known->last_epoch));
  object_set(&object, "moved_to", known->target ? object_number(known->target) : json_null());
  object_set(&object, "dirty", count_object(&region->dirty));
  object_set(&object, "written_pages", object_number(region->written));
  object_set(&object, "different_pages", object_number(region->ever));
  object_set(&object, "once_pages", object_number(region->once));
  object_set(&object, "epochs", object_number(region->epochs));
  return object_made(&object);
}

static json_t *
frame_object(const struct frame_found *frame)
{
  struct object object = object_make();
  json_t *places = json_array();

  object_set(&object, "module", object_text(frame->module));
  object_set(&object, "offset", object_address(frame->offset));
  for (size_t i = 0; i < frame->count; i++) {
    struct object place = object_make();
    if (!frame->places[i].function && !frame->places[i].file) {
      json_decref(object_made(&place));
      continue;
    }
    object_set(&place, "function", object_text(frame->places[i].function));
    object_set(&place, "file", object_text(frame->places[i].file));
    object_set(&place, "line", frame->places[i].line ? object_number(frame->places[i].line) : json_null());
    places = object_append(places, object_made(&place));
  }
  object_set(&object, "places", places);
  return object_made(&object);
}

static json_t *
writer_object(const struct trace_summary *summary, enum summary_by by, const struct summary_writer *writer)
{
  const struct index_stack *stack = trace_index_stack(&summary->index, writer->stack);
  struct object object = object_make();

  object_set(&object, "name", object_text(writer->name));
  object_set(&object, "detail", object_text(writer->detail));
  object_set(&object, "id", object_number(writer->key));
  NUMBER(object, writer, pages);
  NUMBER(object, writer, bytes);
  NUMBER(object, writer, epochs);
  object_set(&object, "first_epoch", object_number(writer->first_epoch));
  object_set(&object, "last_epoch", object_number(writer->last_epoch));
  if (by == SUMMARY_BY_STACK && stack) {
    json_t *frames = json_array();
    for (uint32_t i = 0; i < stack->depth; i++) {
      struct frame_found frame = trace_frames_find(summary->frames, stack, i);
      frames = object_append(frames, frame_object(&frame));
    }
    object_set(&object, "stack", frames);
  }
  return object_made(&object);
}

static void
put_writers(const struct report_part *part, struct report_sink *sink)
{
  const struct trace_summary *summary = part->summary;
  enum summary_by by = part->choice->by;
  size_t shown = 0;
  struct summary_writer *sorted = report_trace_sorted(part, by, &shown);

  report_puts(sink, ",\n\"writers_by\": ");
  object_dump(sink, json_string(summary_by_names[by]));
  report_puts(sink, ",\n\"writers_unknown_pages\": ");
  object_dump(sink, object_number(summary->writers[by].unknown));
  report_puts(sink, ",\n\"writers\": [");
  if (!sorted) {
    sink->error = sink->error ? sink->error : -ENOMEM;
    return;
  }
  for (size_t i = 0; by == SUMMARY_BY_STACK && i < shown; i++)
    trace_frames_want(summary->frames, trace_index_stack(&summary->index, sorted[i].stack), false);
  for (size_t i = 0; i < shown && !sink->error; i++)
    object_dump_next(sink, i, "  ", writer_object(summary, by, &sorted[i]));
  report_puts(sink, "]");
  free(sorted);
}

static json_t *
growth_object(const struct summary_growth *growth)
{
  struct object object = object_make();

  NUMBER(object, growth, epochs);
  NUMBER(object, growth, windows);
  object_set(&object, "pages", json_real(growth->pages));
  object_set(&object, "bytes", json_real(growth->bytes));
  object_set(&object, "pages_most", object_number(growth->pages_most));
  object_set(&object, "bytes_most", object_number(growth->bytes_most));
  object_set(&object, "duration_ns", json_real(growth->duration));
  return object_made(&object);
}

static json_t *
row_object(const struct summary_heat *heat, uint32_t row)
{
  struct object object = object_make();
  json_t *cells = json_array();

  for (uint32_t i = 0; i < heat->columns; i++)
    cells = object_append(cells, object_number(heat->cells[(size_t)row * heat->columns + i]));
  object_set(&object, "region", heat->row[row].region ? object_number(heat->row[row].region) : json_null());
  object_set(&object, "page", object_number(heat->row[row].page));
  object_set(&object, "pages", object_number(heat->row[row].pages));
  object_set(&object, "dirty", cells);
  return object_made(&object);
}

static void
put_heat(const struct trace_summary *summary, struct report_sink *sink)
{
  const struct summary_heat *heat = &summary->heat;
  json_t *columns = json_array();
  size_t written = 0;

  for (uint32_t i = 0; heat->cells && i < heat->columns; i++)
    columns = object_append(columns, object_number(summary->epochs[heat->epoch[i]].epoch->number));
  report_puts(sink, ",\n\"heat\": {\"columns\": ");
  object_dump(sink, columns);
  report_puts(sink, ",\n  \"rows\": [");
  for (uint32_t row = 0; heat->cells && row < heat->rows && !sink->error; row++)
    if (heat->row[row].pages)
      object_dump_next(sink, written++, "    ", row_object(heat, row));
  report_puts(sink, "]}");
}

static json_t *
note_object(const struct index_note *note)
{
  struct object object = object_make();

  object_set(&object, "time_ns", object_number(note->time));
  object_set(&object, "kind", json_string(trace_note_name(note->kind)));
  NUMBER(object, note, value);
  object_set(&object, "text", object_text(note->text));
  return object_made(&object);
}

static json_t *
child_object(const struct index_child *child)
{
  struct object object = object_make();

  object_set(&object, "time_ns", object_number(child->time));
  NUMBER(object, child, pid);
  object_set(&object, "how", json_string(trace_child_name(child->how)));
  object_set(&object, "recorded", json_boolean(child->recorded));
  object_set(&object, "file", object_text(child->file));
  object_set(&object, "reason", object_text(child->reason));
  return object_made(&object);
}

static void
put_lists(const struct trace_summary *summary, struct report_sink *sink)
{
  const struct trace_index *index = &summary->index;
  size_t i, written = 0;

  report_puts(sink, ",\n\"coverage\": [");
  for (i = 0; i < index->coverage_count && !sink->error; i++)
    object_dump_next(sink, i, "  ", coverage_object(&index->coverage[i]));
  report_puts(sink, "],\n\"children\": [");
  for (i = 0; i < index->children_count && !sink->error; i++)
    object_dump_next(sink, i, "  ", child_object(&index->children[i]));
  report_puts(sink, "],\n\"notes\": [");
  for (i = 0; i < index->notes_count && !sink->error; i++)
    object_dump_next(sink, i, "  ", note_object(&index->notes[i]));
  report_puts(sink, "],\n\"epochs\": [");
  for (i = 0; i < summary->epochs_count && !sink->error; i++)
    object_dump_next(sink, i, "  ", epoch_object(&summary->epochs[i]));
  report_puts(sink, "],\n\"regions\": [");
  for (i = 0; i < index->regions_count && !sink->error; i++)
    if (summary->regions[i].included)
      object_dump_next(sink, written++, "  ", region_object(&summary->regions[i]));
  report_puts(sink, "]");
}

int
report_trace_json(const struct trace_summary *summary, const struct report_choice *choice, int fd)
{
  struct report_sink sink;
  struct report_part part = { .summary = summary, .choice = choice };

  report_sink_open(&sink, fd);
  report_puts(&sink, "{\n\"format\": \"writewatch-trace-report\",\n\"version\": 1,\n\"file\": ");
  object_dump(&sink, object_text(choice->file));
  report_puts(&sink, ",\n\"file_bytes\": ");
  object_dump(&sink, object_number(summary->index.size));
  report_puts(&sink, ",\n\"filtered\": ");
  object_dump(&sink, json_boolean(choice->filtered));
  report_puts(&sink, ",\n\"start\": ");
  object_dump(&sink, start_object(&summary->index));
  report_puts(&sink, ",\n\"end\": ");
  object_dump(&sink, end_object(&summary->index));
  report_puts(&sink, ",\n\"damage\": ");
  object_dump(&sink, damage_object(summary));
  report_puts(&sink, ",\n\"totals\": ");
  object_dump(&sink, totals_object(summary));
  put_lists(summary, &sink);
  put_writers(&part, &sink);
  report_puts(&sink, ",\n\"growth\": [");
  for (size_t i = 0; i < summary->growth_count; i++)
    object_dump_next(&sink, i, "  ", growth_object(&summary->growth[i]));
  report_puts(&sink, "]");
  put_heat(summary, &sink);
  report_puts(&sink, "\n}\n");
  return report_sink_close(&sink);
}
