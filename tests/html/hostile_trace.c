/* hostile_trace.c - FILE: a small trace, all of whose texts try to be more than text. */
#include "config.h"
#include "trace.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "writewatch.h"

static unsigned char buffer[TRACE_BUFFER_MIN];

int
main(int argc, char **argv)
{
  static const char name[] =
    "</script><script>window.pwned=1</script><!--<img src=x onerror=\"window.pwned=2\">'\"`\\"
    "\n\x01\x1b[31m\xe2\x80\xae" "gnp\xe2\x80\xa8\xff\xc0\x80&lt;&#x3c;${window.pwned=3}";
  struct trace_text text = { name, sizeof name - 1 };
  struct trace_start start = { .page_size = 4096, .pid = 7, .realtime = 1, .interval = 1000000,
                               .stack_depth = 4, .executable = text, .arguments = text,
                               .machine = text, .kernel = text, .writer = text };
  struct trace_module module = { .id = 1, .bias = 0x1000, .path = text, .build_id = text, .ranges = 1,
                                 .range = { { 0x1000, 0x10000, 0 } } };
  struct trace_region region = { .id = 1, .kind = TRACE_ANONYMOUS, .address = 0x7fff12340000,
                                 .length = 64 * 4096, .page_size = 4096, .epoch = 1, .name = text };
  uint64_t frames[] = { 0x1234, 0x5678 };
  struct trace_stack stack = { .id = 1, .depth = 2, .frames = frames };
  struct trace_thread thread = { .tid = 8, .name = text };
  struct trace_note note = { .time = 5, .kind = TRACE_WARNING, .text = text };
  struct trace_child child = { .time = 6, .pid = 9, .recorded = true, .file = text, .reason = text };
  struct trace_end end = { .time = 9000000, .how = TRACE_FAILED, .text = text };
  struct trace_writer writer;
  int fd = argc == 2 ? open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;

  if (fd < 0 || trace_writer_open(&writer, fd, buffer, sizeof buffer, 0, 0))
    return 1;
  trace_put_start(&writer, &start);
  trace_put_module(&writer, &module);
  trace_put_region(&writer, &region);
  trace_put_stack(&writer, &stack);
  trace_put_thread(&writer, &thread);
  trace_put_note(&writer, &note);
  trace_put_child(&writer, &child);
  for (uint64_t number = 1; number <= 8; number++) {
    struct trace_epoch epoch = { .number = number, .begin = (number - 1) * 1000000, .end = number * 1000000,
                                 .cause = TRACE_MARKER, .pages = 8, .faults = 8, .label = text };
    struct trace_run run = { .page = number * 4, .pages = 8, .evidence = WW_TRAPPED, .written = true,
                             .tid = 8, .stack = 1 };

    trace_put_epoch(&writer, &epoch);
    trace_put_run(&writer, number, 1, &run);
    trace_commit(&writer);
  }
  trace_put_end(&writer, &end);
  return trace_commit(&writer) != 0;
}
