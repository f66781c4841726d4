/* report-json.c - one JSON object; writewatch-report(5) has its members.
 *
 * The values are made and written by jansson a piece at a time, so that a
 * report of millions of runs needs no tree of them all: only the brackets
 * around the pieces are written here. */
#include "config.h"
#include "report-name.h"
#include "report-summary.h"
#include "symbol.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* An object in the making; a failure sticks, and shows in made(). */
struct making {
  json_t *object;
  bool    failed;
};

static struct making
make(void)
{
  struct making making = { .object = json_object() };

  making.failed = !making.object;
  return making;
}

/* Takes `value` over; NULL is a failure to make it. */
static void
set(struct making *making, const char *key, json_t *value)
{
  if (making->failed)
    json_decref(value);
  else if (json_object_set_new(making->object, key, value) != 0)
    making->failed = true;
}

static json_t *
made(struct making *making)
{
  if (!making->failed)
    return making->object;
  json_decref(making->object);
  return NULL;
}

/* JSON's numbers are as long as the reader's: larger ones than a signed 64-bit
 * integer stop there, which no time or count of a real process reaches. */
static json_t *
number(uint64_t value)
{
  return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *
text(const char *value)
{
  char *clean;
  json_t *string;

  if (!value)
    return json_null();
  clean = report_name_clean(value);
  string = clean ? json_string(clean) : NULL;
  free(clean);
  return string;
}

static json_t *
address(uint64_t value)
{
  char digits[20];

  snprintf(digits, sizeof(digits), "0x%" PRIx64, value);
  return json_string(digits);
}

static int
pour(const char *bytes, size_t size, void *data)
{
  struct report_sink *sink = data;

  report_put(sink, bytes, size);
  return sink->error ? -1 : 0;
}

/* Writes `value` and frees it; NULL is a failure to make it. */
static void
dump(struct report_sink *sink, json_t *value)
{
  if (!sink->error && (!value || json_dump_callback(value, pour, sink, JSON_ENCODE_ANY | JSON_PRESERVE_ORDER))
      && !sink->error)
    sink->error = -ENOMEM;
  json_decref(value);
}

/* A piece of an array: the first, or one behind another. */
static void
dump_next(struct report_sink *sink, size_t before, const char *indent, json_t *value)
{
  report_puts(sink, before ? ",\n" : "\n");
  report_puts(sink, indent);
  dump(sink, value);
}

static void
set_count(struct making *making, const struct report_count *count)
{
  unsigned i;

  set(making, "pages", number(count->pages));
  set(making, "bytes", number(count->bytes));
  for (i = 1; i < REPORT_KINDS; i++)
    set(making, report_evidence(i), number(count->by_evidence[i]));
  if (count->by_evidence[0])
    set(making, "other", number(count->by_evidence[0]));
}

static void
put_head(const ww_summary *summary, struct report_sink *sink)
{
  struct making notes = make(), totals = make();
  size_t i;

  for (i = 0; i < summary->notes_count; i++) {
    char *key = report_name_clean(summary->notes[i].key);
    if (key)
      set(&notes, key, text(summary->notes[i].value));
    else
      notes.failed = true;
    free(key);
  }
  set(&totals, "epochs", number(summary->epochs_count));
  set(&totals, "duration_ns", number(summary->duration));
  set_count(&totals, &summary->dirty);
  set(&totals, "written_pages", number(summary->written));
  report_puts(sink, "{\n\"format\": \"writewatch-report\",\n\"version\": 1,\n\"title\": ");
  dump(sink, text(summary->title));
  report_puts(sink, ",\n\"notes\": ");
  dump(sink, made(&notes));
  report_puts(sink, ",\n\"totals\": ");
  dump(sink, made(&totals));
}

static json_t *
region_object(const struct report_region *region, size_t position)
{
  struct making making = make(), dirty = make();

  set(&making, "region", number(position));
  set(&making, "name", text(region->name));
  set(&making, "address", address(region->address));
  set(&making, "bytes", number(region->length));
  set(&making, "page_size", number(region->page_size));
  set(&making, "pages", number(region->pages));
  set(&making, "epochs", number(region->epochs));
  set(&making, "first_epoch", number(region->first_epoch));
  set(&making, "last_epoch", number(region->last_epoch));
  set(&making, "duration_ns", number(region->duration));
  set(&making, "distinct_pages", number(region->ever.count));
  set_count(&dirty, &region->dirty);
  set(&making, "dirty", made(&dirty));
  return made(&making);
}

static json_t *
run_object(const ww_summary *summary, const struct report_run *run)
{
  const struct report_region *region = &summary->regions[run->region];
  struct making making = make();

  set(&making, "region", number(run->region));
  set(&making, "address", address(region->address + run->page * region->page_size));
  set(&making, "pages", number(run->pages));
  set(&making, "evidence", json_string(report_evidence(run->evidence)));
  set(&making, "first_thread", run->written ? json_integer(run->thread) : json_null());
  set(&making, "first_time_ns", run->written ? number(run->time) : json_null());
  return made(&making);
}

/* By hand but for the values: its runs may be too many for one object. */
static void
put_epoch(const ww_summary *summary, struct report_sink *sink, const struct report_epoch *epoch)
{
  struct report_cursor cursor = report_runs_cursor(epoch->at, epoch->begin);
  struct making dirty = make();
  size_t i;

  report_puts(sink, "{\"epoch\": ");
  dump(sink, number(epoch->epoch));
  report_puts(sink, ", \"begin_ns\": ");
  dump(sink, number(epoch->begin));
  report_puts(sink, ", \"end_ns\": ");
  dump(sink, number(epoch->end));
  report_puts(sink, ", \"written_pages\": ");
  dump(sink, number(epoch->written));
  set_count(&dirty, &epoch->dirty);
  report_puts(sink, ",\n    \"dirty\": ");
  dump(sink, made(&dirty));
  report_puts(sink, ",\n    \"runs\": [");
  for (i = 0; i < epoch->runs && !sink->error; i++) {
    struct report_run run;
    report_runs_next(&summary->runs, &cursor, &run);
    dump_next(sink, i, "      ", run_object(summary, &run));
  }
  report_puts(sink, "]}");
}

static json_t *
frame_object(struct symbols *symbols, uint64_t frame, bool is_return)
{
  struct symbol symbol = symbols_find(symbols, frame, is_return);
  struct making making = make();

  set(&making, "address", address(frame));
  set(&making, "function", text(symbol.function));
  set(&making, "inlined", text(symbol.inlined));
  set(&making, "file", text(symbol.file));
  set(&making, "line", symbol.line > 0 ? json_integer(symbol.line) : json_null());
  set(&making, "module", text(symbol.module));
  set(&making, "offset", symbol.module ? address(symbol.offset) : json_null());
  return made(&making);
}

static json_t *
append(json_t *array, json_t *value)
{
  if (array && json_array_append_new(array, value) == 0)
    return array;
  if (!array)
    json_decref(value);
  json_decref(array);
  return NULL;
}

static json_t *
writer_object(const ww_summary *summary, struct symbols *symbols, uint32_t position)
{
  const struct report_writers *writers = &summary->writers;
  const struct report_writer *writer = &writers->all[position];
  struct making making = make();
  json_t *threads = json_array(), *stack = json_array();
  uint32_t next, i;

  for (next = writer->first_thread; next != REPORT_NOWHERE; next = writers->threads[next].next) {
    struct making thread = make();
    set(&thread, "thread", json_integer(writers->threads[next].thread));
    set(&thread, "pages", number(writers->threads[next].pages));
    threads = append(threads, made(&thread));
  }
  for (i = 0; i < writer->depth; i++)
    stack = append(stack, frame_object(symbols, writers->pool[writer->frames + i], i > 0));
  set(&making, "pages", number(writer->pages));
  set(&making, "epochs", number(writer->epochs));
  set(&making, "first_epoch", number(writer->first_epoch));
  set(&making, "first_time_ns", number(writer->first_time));
  set(&making, "folded", json_boolean(position == 0));
  set(&making, "threads", threads);
  set(&making, "threads_complete", json_boolean(!writer->many));
  set(&making, "stack", stack);
  return made(&making);
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
    dump_next(sink, i, "  ", writer_object(summary, symbols, ranked[i]));
  if (summary->writers.all[0].pages > 0)
    dump_next(sink, i, "  ", writer_object(summary, symbols, 0));
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
    dump_next(sink, i, "  ", region_object(&summary->regions[i], i));
  report_puts(sink, "],\n\"epochs\": [");
  for (i = 0; i < summary->epochs_count && !sink->error; i++) {
    report_puts(sink, i ? ",\n  " : "\n  ");
    put_epoch(summary, sink, &summary->epochs[i]);
  }
  report_puts(sink, "],\n\"writers\": [");
  put_writers(summary, sink);
  report_puts(sink, "]\n}\n");
}
