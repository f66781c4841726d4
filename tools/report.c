/* report.c - `writewatch report`: what a trace says. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "html/html.h"
#include "message.h"
#include "output.h"
#include "report-trace.h"
#include "report_options.h"
#include "trace_reading.h"

/* HTML goes through stdio. */
static int
write_html(struct trace_summary *summary, int fd)
{
  int copy = dup(fd), error;
  FILE *out = copy == -1 ? NULL : fdopen(copy, "w");

  if (!out) {
    error = -errno;
    if (copy != -1)
      close(copy);
    return error;
  }
  error = report_html(summary, out);
  if (fclose(out) != 0 && !error)
    error = -errno;
  return error;
}

static int
write_report(const struct report_options *options, struct trace_summary *summary, int fd)
{
  switch (options->format) {
    case REPORT_JSON:   return report_trace_json(summary, &options->choice, fd);
    case REPORT_CSV:    return report_trace_csv(summary, &options->choice, fd);
    case REPORT_FOLDED: return report_trace_folded(summary, &options->choice, fd);
    case REPORT_HTML:   return write_html(summary, fd);
    default:            return report_trace_text(summary, &options->choice, fd);
  }
}

static const struct report_command report = {
  .files = 1, .formats = { "text", "json", "csv", "folded", "html", NULL }, .by = SUMMARY_BY_STACK,
  .help = "Usage: writewatch report [OPTIONS] TRACE\n"
          "Says what a trace of `writewatch record` holds: which pages the program wrote in\n"
          "each epoch, who was first to write them, and how much a checkpoint would have to\n"
          "save at which interval.\n\n"
          "  --format FORMAT  text, json, csv, folded (stacks for a flame graph) or html\n"
          "                   (default text)\n"
          "  --by WHAT        writers by stack, function, line, library, thread or region\n"
          "                   (default stack)\n"
          "  --sort KEY       pages, bytes, epochs or name (default pages)\n"
          "  --top N          writers and regions shown; 0: all (default 10; but for text: all)\n"
};

int
report_main(int argc, char **argv)
{
  struct report_options options;
  struct trace_summary *summary = NULL;
  struct output output;
  enum status status;
  bool done;
  int error;

  status = report_options_parse(&options, &report, argc, argv, &done);
  if (status != STATUS_OK || done)
    return status;
  status = output_open(&output, options.output);
  if (status != STATUS_OK) {
    report_options_free(&options);
    return status;
  }
  if (options.format == REPORT_TEXT)
    report_trace_text_heat(output.fd, &options.summary.rows, &options.summary.columns);
  else if (options.format == REPORT_HTML || options.format == REPORT_JSON) {
    options.summary.rows = options.format == REPORT_HTML ? HTML_ROWS : 64;
    options.summary.columns = options.format == REPORT_HTML ? HTML_COLUMNS : 256;
  }
  status = trace_reading(options.files[0], &options.summary, &summary);
  if (status == STATUS_OK) {
    error = write_report(&options, summary, output.fd);
    if (error) {
      complain("cannot write %s: %s", output.name, strerror(-error));
      status = error == -ENOMEM ? STATUS_MEMORY : STATUS_OUTPUT;
    } else {
      status = output_finish(&output);
    }
  }
  if (status == STATUS_OK && trace_reading_complain(options.files[0], summary))
    status = STATUS_CHECK;
  output_drop(&output);
  trace_summary_free(summary);
  report_options_free(&options);
  return status;
}
