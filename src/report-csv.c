/* report-csv.c - one row a run of pages; writewatch-report(5) has the columns. */
#include "config.h"
#include "report-summary.h"

#include <inttypes.h>
#include <string.h>

/* As RFC 4180 has it: in quotes if it holds a comma, a quote or a line's end,
 * quotes doubled. The bytes are the name's own. */
static void
put_field(struct report_sink *sink, const char *text)
{
  const char *quote;

  if (!strpbrk(text, ",\"\r\n")) {
    report_puts(sink, text);
    return;
  }
  report_put(sink, "\"", 1);
  while ((quote = strchr(text, '"'))) {
    report_put(sink, text, (size_t)(quote - text) + 1);
    report_put(sink, "\"", 1);
    text = quote + 1;
  }
  report_puts(sink, text);
  report_put(sink, "\"", 1);
}

static void
put_header(const ww_summary *summary, struct report_sink *sink)
{
  size_t i;

  report_puts(sink, "epoch,begin_ns,end_ns,region,address,pages,bytes,evidence,first_thread,first_time_ns");
  if (summary->title)
    report_puts(sink, ",title");
  for (i = 0; i < summary->notes_count; i++) {
    /* A key that needs quotes needs them around the whole name. */
    bool plain = !strpbrk(summary->notes[i].key, ",\"\r\n");
    report_puts(sink, plain ? ",note_" : ",\"note_");
    if (plain) {
      report_puts(sink, summary->notes[i].key);
    } else {
      const char *key;
      for (key = summary->notes[i].key; *key; key++)
        report_put(sink, *key == '"' ? "\"\"" : key, *key == '"' ? 2 : 1);
      report_put(sink, "\"", 1);
    }
  }
  report_put(sink, "\n", 1);
}

static void
put_run(const ww_summary *summary, struct report_sink *sink, const struct report_epoch *epoch,
        const struct report_run *run)
{
  const struct report_region *region = &summary->regions[run->region];
  size_t i;

  report_printf(sink, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", epoch->epoch, epoch->begin, epoch->end);
  put_field(sink, region->name);
  report_printf(sink, ",0x%" PRIx64 ",%" PRIu64 ",%" PRIu64 ",%s,",
                region->address + run->page * region->page_size, run->pages,
                run->pages * region->page_size, report_evidence(run->evidence));
  if (run->written)
    report_printf(sink, "%" PRId32 ",%" PRIu64, run->thread, run->time);
  else
    report_put(sink, ",", 1);
  if (summary->title) {
    report_put(sink, ",", 1);
    put_field(sink, summary->title);
  }
  for (i = 0; i < summary->notes_count; i++) {
    report_put(sink, ",", 1);
    put_field(sink, summary->notes[i].value);
  }
  report_put(sink, "\n", 1);
}

void
report_csv(const ww_summary *summary, struct report_sink *sink)
{
  size_t i, left;

  put_header(summary, sink);
  for (i = 0; i < summary->epochs_count && !sink->error; i++) {
    const struct report_epoch *epoch = &summary->epochs[i];
    struct report_cursor cursor = report_runs_cursor(epoch->at, epoch->begin);
    for (left = epoch->runs; left > 0 && !sink->error; left--) {
      struct report_run run;
      report_runs_next(&summary->runs, &cursor, &run);
      put_run(summary, sink, epoch, &run);
    }
  }
}
