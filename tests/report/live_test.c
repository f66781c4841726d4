/* live_test.c - reports of real dirty sets, from the shared library's own
 * ww_report() and from a summary linked beside it, as the tool has it. */
#include "config.h"
#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGES 64
#define SHARE 10   /* pages written */

static int count;
static int writing_line;

static void
result(int good, const char *what)
{
  printf("%s %d - %s\n", good ? "ok" : "not ok", ++count, what);
}

__attribute__((noinline)) static void
write_pages(volatile char *memory, size_t page_size, char value)
{
  size_t i;

  writing_line = __LINE__ + 2;
  for (i = 0; i < SHARE; i++)
    memory[2 * i * page_size + 17] = value;
}

static char *
text_of(int fd)
{
  off_t size = lseek(fd, 0, SEEK_END);
  char *text = calloc(1, (size_t)size + 1);

  if (!text || pread(fd, text, (size_t)size, 0) != size) {
    perror("live_test");
    exit(99);
  }
  return text;
}

static void
empty(int fd)
{
  if (ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
    perror("live_test");
    exit(99);
  }
}

static long long
number(json_t *object, const char *key)
{
  return (long long)json_integer_value(json_object_get(object, key));
}

static void
check_json(const char *text, long long epochs)
{
  json_t *report = json_loads(text, 0, NULL);
  json_t *totals = json_object_get(report, "totals");
  json_t *writer = json_array_get(json_object_get(report, "writers"), 0);
  json_t *frame = json_array_get(json_object_get(writer, "stack"), 0);
  json_t *thread = json_array_get(json_object_get(writer, "threads"), 0);
  json_t *run = json_array_get(json_object_get(json_array_get(json_object_get(report, "epochs"), 0),
                                               "runs"), 0);
  const char *function = json_string_value(json_object_get(frame, "function"));
  const char *file = json_string_value(json_object_get(frame, "file"));

  result(report != NULL, "JSON that can be read");
  result(number(totals, "epochs") == epochs, "as many epochs as were collected");
  result(number(totals, "pages") == epochs * SHARE && number(totals, "trapped") == epochs * SHARE,
         "the pages that were written, trapped");
  result(number(run, "first_thread") == syscall(SYS_gettid) && number(run, "pages") == 1,
         "a run's first thread");
  result(number(writer, "pages") == epochs * SHARE && number(writer, "epochs") == epochs,
         "one writer of them all");
  result(number(thread, "thread") == syscall(SYS_gettid), "its thread");
  if (ww_has_stacks()) {
    result(function && strcmp(function, "write_pages") == 0, "its function");
    result(file && strstr(file, "live_test.c") && number(frame, "line") == writing_line,
           "the line that wrote");
  } else {
    result(!frame, "no frames # SKIP built without libunwind");
    result(1, "the line that wrote # SKIP built without libunwind");
  }
  if (function && strcmp(function, "write_pages") != 0)
    printf("# the function is %s\n", function);
  if (file)
    printf("# the line is %s:%lld, should be %d\n", file, number(frame, "line"), writing_line);
  json_decref(report);
}

int
main(void)
{
  struct ww_options options = WW_OPTIONS_INIT;
  size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
  char *memory = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ww_tracker *tracker;
  ww_summary *summary;
  ww_dirty *dirty;
  int error, epoch, fd;
  char *text;

  printf("1..20\n");
  fflush(stdout);
  options.stack_depth = ww_has_stacks() ? 16 : 0;
  error = ww_tracker_create(&tracker, &options);
  if (!error)
    error = ww_region_add(tracker, "live", memory, PAGES * page_size, NULL);
  if (!error)
    error = ww_start(tracker);
  if (!error)
    error = ww_summary_create(&summary, "live");
  if (error) {
    printf("Bail out! %s: %s\n", ww_strerror(error), ww_last_error());
    return 99;
  }
  for (epoch = 1; epoch <= 3; epoch++) {
    write_pages(memory, page_size, (char)epoch);
    if (ww_collect(tracker, &dirty) != 0 || ww_summary_add(summary, dirty) != 0) {
      printf("Bail out! %s\n", ww_last_error());
      return 99;
    }
    if (epoch < 3)
      ww_dirty_free(dirty);
  }
  /* The tracker goes first: both outlive it. */
  ww_tracker_destroy(tracker);

  fd = memfd_create("report", MFD_CLOEXEC);
  result(ww_report(dirty, fd, WW_FORMAT_JSON) == 0, "ww_report() in JSON");
  text = text_of(fd);
  check_json(text, 1);
  free(text);
  empty(fd);
  ww_dirty_free(dirty);

  result(ww_summary_write(summary, fd, WW_FORMAT_JSON) == 0, "a summary in JSON");
  text = text_of(fd);
  check_json(text, 3);
  free(text);
  empty(fd);

  error = ww_summary_write(summary, fd, WW_FORMAT_TEXT);
  text = text_of(fd);
  result(error == 0 && strstr(text, "live: 64 pages") && strstr(text, "30 trapped")
         && (!ww_has_stacks() || strstr(text, "write_pages (live_test.c:")), "a summary as text");
  fprintf(stderr, "%s", text);
  free(text);
  empty(fd);

  error = ww_summary_write(summary, fd, WW_FORMAT_CSV);
  text = text_of(fd);
  for (epoch = 0, fd = 0; text[fd]; fd++)
    epoch += text[fd] == '\n';
  result(error == 0 && epoch == 1 + 3 * SHARE, "a summary in CSV");
  free(text);
  ww_summary_free(summary);
  return 0;
}
