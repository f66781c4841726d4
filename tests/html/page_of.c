/* page_of.c - TRACE: its page, on standard output, made as the command makes it. */
#include "config.h"
#include "html/html.h"

#include <fcntl.h>
#include <string.h>

int
main(int argc, char **argv)
{
  struct summary_options options = SUMMARY_OPTIONS_INIT;
  struct trace_summary *summary;
  const char *why = NULL;
  int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1, error;

  options.rows = HTML_ROWS;
  options.columns = HTML_COLUMNS;
  error = trace_summary_create(&summary, fd, &options, &why);
  if (error) {
    fprintf(stderr, "page_of: %s\n", why ? why : strerror(-error));
    return 1;
  }
  error = report_html(summary, stdout);
  trace_summary_free(summary);
  return error || fflush(stdout) ? 1 : 0;
}
