/* dump.c - a trace as lines, for the tests: dump FILE, or dump --agrees FILE LIST.
 *
 * LIST has what a program says that it wrote: "LABEL first-address last-address" for each range of pages,
 * and "watch first last" for memory of which it tells all. With --agrees every page of it must be in the
 * epoch of that label, and no page of watched memory in it that the list has not. */
#include "config.h"
#include "trace.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REGIONS = 65536, RANGES = 1 << 20 };

struct range { uint64_t start, end; char label[32]; };
static struct { uint64_t address, shift; } region[REGIONS];
static struct range *said, *found, watched[64];
static size_t said_count, found_count, watched_count;

static void
print_epoch(const struct trace_epoch *epoch)
{
  printf("epoch %" PRIu64 " %s pages %" PRIu64 " faults %" PRIu64 " length %" PRIu64 " label %.*s\n",
         epoch->number, trace_cause_name(epoch->cause), epoch->pages, epoch->faults,
         epoch->end - epoch->begin,
         (int)epoch->label.length, epoch->label.bytes);
}

static void
read_runs(const struct trace_dirty *dirty, const char *label, bool print)
{
  struct trace_runs runs = dirty->runs;
  struct trace_run run;

  while (trace_runs_next(&runs, &run)) {
    uint64_t id = dirty->region < REGIONS ? dirty->region : 0;
    uint64_t start = region[id].address + (run.page << region[id].shift);
    if (print)
      printf("run region %" PRIu64 " page %" PRIu64 " pages %" PRIu64 " evidence %u thread %u stack %u\n",
             dirty->region, run.page, run.pages, run.evidence, run.tid, run.stack);
    if (found != NULL && found_count < RANGES) {
      found[found_count].start = start;
      found[found_count].end = start + (run.pages << region[id].shift);
      snprintf(found[found_count++].label, 32, "%s", label);
    }
  }
  if (runs.wrong != NULL)
    printf("damage in runs: %s\n", runs.wrong);
}

static void
print_record(const struct trace_record *record)
{
  switch (record->type) {
    case TRACE_DAMAGE:
      printf("damage %" PRIu64 " bytes: %s\n", record->damage.length, record->damage.reason);
      break;
    case TRACE_START:
      printf("start pid %" PRIu64 " interval %" PRIu64 " origin %s %.*s\n", record->start.pid,
             record->start.interval, trace_origin_name(record->start.origin),
             (int)record->start.executable.length, record->start.executable.bytes);
      break;
    case TRACE_MODULE:
      printf("module %" PRIu64 " build-id %zu %.*s\n", record->module.id, record->module.build_id.length,
             (int)record->module.path.length, record->module.path.bytes);
      break;
    case TRACE_REGION:
      printf("region %" PRIu64 " %s length %" PRIu64 " %.*s\n", record->region.id,
             trace_kind_name(record->region.kind), record->region.length, (int)record->region.name.length,
             record->region.name.bytes);
      break;
    case TRACE_REGION_END: printf("region-end %" PRIu64 "\n", record->region_end.id); break;
    case TRACE_EPOCH: print_epoch(&record->epoch); break;
    case TRACE_COVERAGE:
      printf("coverage writable %" PRIu64 " watched %" PRIu64 " threads %" PRIu64 " unshielded %" PRIu64 "\n",
             record->coverage.writable, record->coverage.watched, record->coverage.threads,
             record->coverage.unshielded);
      break;
    case TRACE_NOTE:
      printf("note %s %.*s\n", trace_note_name(record->note.kind), (int)record->note.text.length,
             record->note.text.bytes);
      break;
    case TRACE_CHILD:
      printf("child %" PRIu64 " %s %s %.*s\n", record->child.pid, trace_child_name(record->child.how),
             record->child.recorded ? "recorded" : "not recorded", (int)record->child.file.length,
             record->child.file.bytes);
      break;
    case TRACE_END:
      printf("end %s %" PRIu64 " epochs %" PRIu64 "\n", trace_end_name(record->end.how), record->end.status,
             record->end.epochs);
      break;
    default: break;
  }
}

static bool
read_list(const char *path)
{
  FILE *file = fopen(path, "r");
  struct range range;

  said = calloc(RANGES, sizeof *said);
  found = calloc(RANGES, sizeof *found);
  if (file == NULL || said == NULL || found == NULL)
    return false;
  while (fscanf(file, "%31s %" SCNx64 " %" SCNx64, range.label, &range.start, &range.end) == 3)
    if (strcmp(range.label, "watch") == 0 && watched_count < 64)
      watched[watched_count++] = range;
    else if (said_count < RANGES)
      said[said_count++] = range;
  fclose(file);
  return true;
}

/* Is the page in one of these, under the label? */
static bool
holds(const struct range *ranges, size_t count, const char *label, uint64_t page)
{
  for (size_t i = 0; i < count; i++)
    if (page >= ranges[i].start && page < ranges[i].end && strcmp(ranges[i].label, label) == 0)
      return true;
  return false;
}

static int
judge(void)
{
  uint64_t missed = 0, invented = 0, right = 0;

  for (size_t i = 0; i < said_count; i++)
    for (uint64_t page = said[i].start; page < said[i].end; page += 4096)
      if (holds(found, found_count, said[i].label, page))
        right++;
      else if (missed++ < 10)
        printf("missed %s %" PRIx64 "\n", said[i].label, page);
  for (size_t i = 0; i < found_count; i++)
    for (uint64_t page = found[i].start; page < found[i].end && *found[i].label; page += 4096)
      for (size_t w = 0; w < watched_count; w++)
        if (page >= watched[w].start && page < watched[w].end
            && !holds(said, said_count, found[i].label, page) && invented++ < 10)
          printf("invented %s %" PRIx64 "\n", found[i].label, page);
  printf("right %" PRIu64 " missed %" PRIu64 " invented %" PRIu64 "\n", right, missed, invented);
  return missed != 0 || invented != 0 || right == 0;
}

int
main(int argc, char **argv)
{
  bool agrees = argc == 4 && strcmp(argv[1], "--agrees") == 0;
  const char *why = "";
  struct trace_reader *reader;
  struct trace_record record;
  char label[32] = "";
  int fd = argc >= 2 ? open(argv[agrees ? 2 : 1], O_RDONLY) : -1;

  if (fd < 0 || trace_reader_open(&reader, fd, 0, &why) != 0) {
    printf("unreadable %s\n", why);
    return 1;
  }
  if (agrees && !read_list(argv[3]))
    return 2;
  while (trace_next(reader, &record) > 0) {
    if (record.type == TRACE_REGION && record.region.id < REGIONS) {
      region[record.region.id].address = record.region.address;
      region[record.region.id].shift = (uint64_t)__builtin_ctzll(record.region.page_size);
    } else if (record.type == TRACE_EPOCH)
      snprintf(label, sizeof label, "%.*s", (int)record.epoch.label.length, record.epoch.label.bytes);
    if (!agrees)
      print_record(&record);
    if (record.type == TRACE_DIRTY)
      read_runs(&record.dirty, label, !agrees);
  }
  if (!agrees)
    printf("tail %" PRIu64 "\n", trace_reader_tail(reader));
  trace_reader_close(reader);
  return agrees ? judge() : 0;
}
