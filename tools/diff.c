/* diff.c - `writewatch diff`: what changed between two traces. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "commands.h"
#include "message.h"
#include "output.h"
#include "report-diff.h"
#include "report_options.h"
#include "trace_reading.h"

static const struct report_command diff = {
  .files = 2, .formats = { "text", "json", NULL }, .by = SUMMARY_BY_FUNCTION,
  .help = "Usage: writewatch diff [OPTIONS] A B\n"
          "Compares two traces of `writewatch record`: what is written in a second, by region\n"
          "and by first writer, the largest change first.\n\n"
          "  --format FORMAT  text or json (default text)\n"
          "  --by WHAT        writers by stack, function, line, library, thread (its name) or\n"
          "                   region (default function)\n"
          "  --top N          writers and regions shown; 0: all (default 10; json: all)\n"
};

static enum status
compare(const struct report_options *options, struct trace_summary *const summaries[2], struct output *output)
{
  const struct trace_summary *const both[2] = { summaries[0], summaries[1] };
  int error = options->format == REPORT_JSON
              ? report_diff_json(both, options->files, &options->choice, output->fd)
              : report_diff_text(both, options->files, &options->choice, output->fd);

  if (!error)
    return output_finish(output);
  complain("cannot write %s: %s", output->name, strerror(-error));
  return error == -ENOMEM ? STATUS_MEMORY : STATUS_OUTPUT;
}

int
diff_main(int argc, char **argv)
{
  struct report_options options;
  struct trace_summary *summaries[2] = { NULL, NULL };
  struct output output;
  enum status status;
  bool done;

  status = report_options_parse(&options, &diff, argc, argv, &done);
  if (status != STATUS_OK || done)
    return status;
  status = output_open(&output, options.output);
  for (unsigned i = 0; i < 2 && status == STATUS_OK; i++)
    status = trace_reading(options.files[i], &options.summary, &summaries[i]);
  if (status == STATUS_OK)
    status = compare(&options, summaries, &output);
  for (unsigned i = 0; i < 2 && summaries[i]; i++)
    if (trace_reading_complain(options.files[i], summaries[i]) && status == STATUS_OK)
      status = STATUS_CHECK;
  output_drop(&output);
  for (unsigned i = 0; i < 2; i++)
    trace_summary_free(summaries[i]);
  report_options_free(&options);
  return status;
}
