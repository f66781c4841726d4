/* target.c - everything that reads a trace, on bytes that may be anything: the reader, the summary, all
 * reports, the diff with itself, and the sealing.
 *
 * Checksums keep a fuzzer out. So every input is read twice: as it is, and with all checksums put right. */
#include "config.h"
#include "target.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "report-diff.h"
#include "report-trace.h"
#include "trace.h"
#include "trace_code.h"

#define HOLDS(condition) \
  do { \
    if (!(condition)) { \
      fprintf(stderr, "target.c:%d: %s does not hold\n", __LINE__, #condition); \
      abort(); \
    } \
  } while (0)

#define SIZE_MOST (1u << 20)

static void
repair(unsigned char *bytes, size_t size)
{
  size_t at = TRACE_HEADER;

  if (size < TRACE_HEADER)
    return;
  memcpy(bytes, trace_magic, sizeof(trace_magic));
  trace_store32(bytes + 8, TRACE_VERSION);
  trace_store32(bytes + 12, 0);
  while (size - at >= TRACE_BLOCK_HEAD) {
    uint32_t type = trace_load32(bytes + at), length = trace_load32(bytes + at + 4);
    if (length > TRACE_PAYLOAD_MAX || length > size - at - TRACE_BLOCK_HEAD) {
      length = (uint32_t)(size - at - TRACE_BLOCK_HEAD);
      length = length > 64 ? 64 : length;
      trace_store32(bytes + at + 4, length);
    }
    trace_store64(bytes + at + 8, trace_sum(type, bytes + at + TRACE_BLOCK_HEAD, length));
    at += TRACE_BLOCK_HEAD + length;
  }
}

/* Each record is behind the one before, and inside the file. */
static void
read_all(int fd, uint64_t size)
{
  struct trace_reader *reader;
  struct trace_record record;
  uint64_t offset = 0, pages = 0;
  int result;

  if (trace_reader_open(&reader, fd, 0, NULL) < 0)
    return;
  while ((result = trace_next(reader, &record)) > 0) {
    HOLDS(record.offset >= offset && trace_reader_offset(reader) > record.offset);
    HOLDS(trace_reader_offset(reader) <= size);
    offset = trace_reader_offset(reader);
    if (record.type == TRACE_DIRTY) {
      struct trace_run run;
      while (trace_runs_next(&record.dirty.runs, &run)) {
        HOLDS(run.pages > 0 && run.page + run.pages > run.page);
        pages += run.pages;
      }
    }
  }
  HOLDS(result == 0);
  HOLDS(trace_reader_offset(reader) + trace_reader_tail(reader) == size);
  HOLDS(trace_next(reader, &record) == 0);
  trace_reader_close(reader);
}

static void
check_summary(const struct trace_summary *summary)
{
  uint64_t pages = 0, ever = 0, by_evidence = 0;

  for (size_t i = 0; i < summary->index.regions_count; i++) {
    pages += summary->regions[i].dirty.pages;
    ever += summary->regions[i].ever;
    HOLDS(summary->regions[i].ever <= summary->regions[i].dirty.pages);
    HOLDS(summary->regions[i].once <= summary->regions[i].ever);
  }
  for (unsigned kind = 0; kind < SUMMARY_KINDS; kind++)
    by_evidence += summary->dirty.by_evidence[kind];
  HOLDS(pages == summary->dirty.pages && by_evidence == pages);
  HOLDS(ever == summary->ever && summary->written <= pages);
  for (unsigned by = 0; by < SUMMARY_BY_REGION; by++) {
    uint64_t total = summary->writers[by].unknown;
    for (size_t i = 0; i < summary->writers[by].count; i++)
      total += summary->writers[by].all[i].pages;
    HOLDS(total == summary->written);
  }
}

static void
report_all(struct trace_summary *summary)
{
  static const char *const files[2] = { "a", "b" };
  const struct trace_summary *both[2] = { summary, summary };
  int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
  FILE *page = fopen("/dev/null", "w");

  HOLDS(out != -1 && page);
  for (unsigned by = 0; by < SUMMARY_BYS; by++) {
    struct report_choice choice =
        { .file = "x", .by = (enum summary_by)by, .sort = (enum report_sort)(by % 4),
                                    .top = by % 3 };
    HOLDS(report_trace_text(summary, &choice, out) == 0);
    HOLDS(report_trace_json(summary, &choice, out) == 0);
    HOLDS(report_trace_csv(summary, &choice, out) == 0);
    HOLDS(report_trace_folded(summary, &choice, out) == 0);
    HOLDS(report_diff_text(both, files, &choice, out) == 0);
    HOLDS(report_diff_json(both, files, &choice, out) == 0);
  }
  HOLDS(report_html(summary, page) == 0);
  fclose(page);
  close(out);
}

static void
try(const unsigned char *bytes, size_t size)
{
  static unsigned char buffer[TRACE_BUFFER_MIN];
  struct summary_options options = { .until = UINT64_MAX, .rows = 20, .columns = 30, .without_names = true,
                                     .memory_max = 1 << 20 };
  struct trace_end end = { .how = TRACE_SIGNALLED };
  struct trace_summary *summary;
  const char *why;
  int fd = memfd_create("fuzzed", MFD_CLOEXEC);

  HOLDS(fd != -1);
  if (write(fd, bytes, size) == (ssize_t)size) {
    read_all(fd, size);
    if (trace_summary_create(&summary, fd, &options, &why) == 0) {
      check_summary(summary);
      report_all(summary);
      trace_summary_free(summary);
    }
    trace_seal(fd, buffer, sizeof(buffer), &end);
  }
  close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  unsigned char *copy;

  if (size > SIZE_MOST)
    return 0;
  copy = malloc(size + 1);
  HOLDS(copy);
  memcpy(copy, data, size);
  try(copy, size);
  repair(copy, size);
  try(copy, size);
  free(copy);
  return 0;
}
