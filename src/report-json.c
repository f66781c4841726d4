/* report-json.c - one JSON object; writewatch-report(5) has its members.
 *
 * The values are made and written by jansson a piece at a time, so that a
 * report of millions of runs needs no tree of them all: only the brackets
 * around the pieces are written here. */
#include "config.h"
#include "report-name.h"
#include "report-object.h"
#include "report-summary.h"
#include "symbol.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static void
set_count(struct object *making, const struct report_count *count)
{
  unsigned i;

  object_set(making, "pages", object_number(count->pages));
  object_set(making, "bytes", object_number(count->bytes));
  for (i = 1; i < REPORT_KINDS; i++)
    object_set(making, report_evidence(i), object_number(count->by_evidence[i]));
  if (count->by_evidence[0])
    object_set(making, "other", object_number(count->by_evidence[0]));
}

static void
put_head(const ww_summary *summary, struct report_sink *sink)
{
  struct object notes = object_make(), totals = object_make();
  size_t i;

  for (i = 0; i < summary->notes_count; i++) {
    char *key = report_name_clean(summary->notes[i].key);
    if (key)
      object_set(&notes, key, object_text(summary->notes[i].value));
    else
      notes.failed = true;
    free(key);
  }
  object_set(&totals, "epochs", object_number(summary->epochs_count));
  object_set(&totals, "duration_ns", object_number(summary->duration));
  set_count(&totals, &summary->dirty);
  object_set(&totals, "written_pages", object_number(summary->written));
  report_puts(sink, "{\n\"format\": \"writewatch-report\",\n\"version\": 1,\n\"title\": ");
  object_dump(sink, object_text(summary->title));
  report_puts(sink, ",\n\"notes\": ");
  object_dump(sink, object_made(&notes));
  report_puts(sink, ",\n\"totals\": ");
  object_dump(sink, object_made(&totals));
}

static json_t *
region_object(const struct report_region *region, size_t position)
{
  struct object making = object_make(), dirty = object_make();

  object_set(&making, "region", object_number(position));
  object_set(&making, "name", object_text(region->name));
  object_set(&making, "address", object_address(region->address));
  object_set(&making, "bytes", object_number(region->length));
  object_set(&making, "page_size", object_number(region->page_size));
  object_set(&making, "pages", object_number(region->pages));
  object_set(&making, "epochs", object_number(region->epochs));
  object_set(&making, "first_epoch", object_number(region->first_epoch));
  object_set(&making, "last_epoch", object_number(region->last_epoch));
  object_set(&making, "duration_ns", object_number(region->duration));
  object_set(&making, "distinct_pages", object_number(region->ever.count));
  set_count(&dirty, &region->dirty);
  object_set(&making, "dirty", object_made(&dirty));
  return object_made(&making);
}

static json_t *
run_object(const ww_summary *summary, const struct report_run *run)
{
  const struct report_region *region = &summary->regions[run->region];
  struct object making = object_make();

  object_set(&making, "region", object_number(run->region));
  object_set(&making, "address", object_address(region->address + run->page * region->page_size));
  object_set(&making, "pages", object_number(run->pages));
  object_set(&making, "evidence", json_string(report_evidence(run->evidence)));
  object_set(&making, "first_thread", run->written ? json_integer(run->thread) : json_null());
  object_set(&making, "first_time_ns", run->written ? object_number(run->time) : json_null());
  return object_made(&making);
}

/* By hand but for the values: its runs may be too many for one object. */
static void
put_epoch(const ww_summary *summary, struct report_sink *sink, const struct report_epoch *epoch)
{
  struct report_cursor cursor = report_runs_cursor(epoch->at, epoch->begin);
  struct object dirty = object_make();
  size_t i;

  report_puts(sink, "{\"epoch\": ");
  object_dump(sink, object_number(epoch->epoch));
  report_puts(sink, ", \"begin_ns\": ");
  object_dump(sink, object_number(epoch->begin));
  report_puts(sink, ", \"end_ns\": ");
  object_dump(sink, object_number(epoch->end));
  report_puts(sink, ", \"written_pages\": ");
  object_dump(sink, object_number(epoch->written));
  set_count(&dirty, &epoch->dirty);
  report_puts(sink, ",\n    \"dirty\": ");
  object_dump(sink, object_made(&dirty));
  report_puts(sink, ",\n    \"runs\": [");
  for (i = 0; i < epoch->runs && !sink->error; i++) {
    struct report_run run;
    report_runs_next(&summary->runs, &cursor, &run);
    object_dump_next(sink, i, "      ", run_object(summary, &run));
  }
  report_puts(sink, "]}");
}

static json_t *
frame_object(struct symbols *symbols, uint64_t frame, bool is_return)
{
  struct symbol symbol = symbols_find(symbols, frame, is_return);
  struct object making = object_make();

  object_set(&making, "address", object_address(frame));
  object_set(&making, "function", object_text(symbol.function));
  object_set(&making, "inlined", object_text(symbol.inlined));
  object_set(&making, "file", object_text(symbol.file));
  object_set(&making, "line", symbol.line > 0 ? json_integer(symbol.line) : json_null());
  object_set(&making, "module", object_text(symbol.module));
  object_set(&making, "offset", symbol.module ? object_address(symbol.offset) : json_null());
  return object_made(&making);
}

static json_t *
writer_object(const ww_summary *summary, struct symbols *symbols, uint32_t position)
{
  const struct report_writers *writers = &summary->writers;
  const struct report_writer *writer = &writers->all[position];
  struct object making = object_make();
  json_t *threads = json_array(), *stack = json_array();
  uint32_t next, i;

  for (next = writer->first_thread; next != REPORT_NOWHERE; next = writers->threads[next].next) {
    struct object thread = object_make();
    object_set(&thread, "thread", json_integer(writers->threads[next].thread));
    object_set(&thread, "pages", object_number(writers->threads[next].pages));
    threads = object_append(threads, object_made(&thread));
  }
  for (i = 0; i < writer->depth; i++)
    stack = object_append(stack, frame_object(symbols, writers->pool[writer->frames + i], i > 0));
  object_set(&making, "pages", object_number(writer->pages));
  object_set(&making, "epochs", object_number(writer->epochs));
  object_set(&making, "first_epoch", object_number(writer->first_epoch));
  object_set(&making, "first_time_ns", object_number(writer->first_time));
  object_set(&making, "folded", json_boolean(position == 0));
  object_set(&making, "threads", threads);
  object_set(&making, "threads_complete", json_boolean(!writer->many));
  object_set(&making, "stack", stack);
  return object_made(&making);
}

static void
put_writers(const ww_summary *summary, struct report_sink *sink)
{
  struct symbols *symbols;
  uint32_t *ranked;
  size_t count, i;
  int error = report_writers_ranked(&summary->writers, &ranked, &count);

  if (error)
    goto failed;
  error = symbols_open(&symbols);
  if (error) {
    free(ranked);
    goto failed;
  }
  for (i = 0; i < count && !sink->error; i++)
    object_dump_next(sink, i, "  ", writer_object(summary, symbols, ranked[i]));
  if (summary->writers.all[0].pages > 0)
    object_dump_next(sink, i, "  ", writer_object(summary, symbols, 0));
  symbols_close(symbols);
  free(ranked);
  return;
failed:
  if (!sink->error)
    sink->error = error;
}

void
report_json(const ww_summary *summary, struct report_sink *sink)
{
  size_t i;

  put_head(summary, sink);
  report_puts(sink, ",\n\"regions\": [");
  for (i = 0; i < summary->regions_count && !sink->error; i++)
    object_dump_next(sink, i, "  ", region_object(&summary->regions[i], i));
  report_puts(sink, "],\n\"epochs\": [");
  for (i = 0; i < summary->epochs_count && !sink->error; i++) {
    report_puts(sink, i ? ",\n  " : "\n  ");
    put_epoch(summary, sink, &summary->epochs[i]);
  }
  report_puts(sink, "],\n\"writers\": [");
  put_writers(summary, sink);
  report_puts(sink, "]\n}\n");
}
