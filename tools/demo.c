/* demo.c - `writewatch demo`: a workload, and what it wrote. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "demo_options.h"
#include "demo_run.h"
#include "message.h"
#include "output.h"
#include "report.h"

static enum status
write_report(ww_summary *summary, const struct demo_options *options, struct output *output)
{
  int error = ww_summary_write(summary, output->fd, options->format);

  if (error != 0) {
    complain("cannot write %s: %s", output->name, strerror(-error));
    return error == -ENOMEM ? STATUS_MEMORY : STATUS_OUTPUT;
  }
  return output_finish(output);
}

/* The output is opened first: who asked for a file that cannot be had should
 * not wait for the workload to hear of it. */
static enum status
run_and_report(const struct demo_options *options)
{
  struct output output;
  ww_summary *summary;
  enum status status = output_open(&output, options->output), written;
  char title[64];

  if (status != STATUS_OK)
    return status;
  snprintf(title, sizeof title, "writewatch demo %s", options->workload->name);
  if (ww_summary_create(&summary, title) != 0) {
    complain("out of memory");
    output_drop(&output);
    return STATUS_MEMORY;
  }
  status = demo_run(options, summary);
  if (status == STATUS_OK || status == STATUS_CHECK) {
    written = write_report(summary, options, &output);
    if (written != STATUS_OK)
      status = written;
  }
  output_drop(&output);
  ww_summary_free(summary);
  return status;
}

int
demo_main(int argc, char **argv)
{
  struct demo_options options;
  enum status status = demo_options_parse(&options, argc, argv);

  if (status != STATUS_OK)
    return status;
  switch (options.request) {
    case DEMO_LIST:
      demo_options_list();
      return STATUS_OK;
    case DEMO_HELP:
      demo_options_help();
      return STATUS_OK;
    default:
      return run_and_report(&options);
  }
}
