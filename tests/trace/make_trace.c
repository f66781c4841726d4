/* make_trace.c - an invented trace, of any size: for tests, benches and pages that have to be looked at.
 *
 * The same options and seed give the same bytes, but with --real, which takes modules of this machine. */
#include "config.h"
#include "make_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "writewatch.h"

static void
usage(FILE *out)
{
  fputs("Usage: make_trace [OPTIONS] FILE\n"
        "  --epochs N     (20)\n"
        "  --pages N      watched, in all (4096)\n"
        "  --dirty N      pages written an epoch, about (--pages / 8)\n"
        "  --regions N    anonymous regions beside heap, data and bss (4)\n"
        "  --threads N    (3)\n"
        "  --stacks N     (200)\n"
        "  --interval N   ns (100000000)\n"
        "  --bytes N      end when the file has so many bytes, whatever --epochs says\n"
        "  --adaptive     pages that are always written are verified, and have no writer then\n"
        "  --real         modules of this machine: libc, libm, this program and more\n"
        "  --no-end       as if the program had been killed\n"
        "  --seed N       (1)\n", out);
}

static uint64_t
number(const char *text)
{
  char *end;
  errno = 0;
  uint64_t value = strtoull(text, &end, 10);
  if (errno || *end || end == text) {
    fprintf(stderr, "make_trace: '%s' is no number\n", text);
    exit(2);
  }
  return value;
}

static void
check(int error, const char *doing)
{
  if (error >= 0)
    return;
  fprintf(stderr, "make_trace: %s: %s\n", doing, strerror(-error));
  exit(1);
}

static uint64_t
random_next(struct invention *invention)
{
  uint64_t z = (invention->random += 0x9e3779b97f4a7c15u);   /* splitmix64 */
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint64_t
invention_below(struct invention *invention, uint64_t limit)
{
  return limit ? (uint64_t)((unsigned __int128)random_next(invention) * limit >> 64) : 0;
}

static void
put_start(struct trace_writer *writer, const struct invention *invention)
{
  static const char arguments[] = "solver\0--grid\0" "4096";
  struct trace_start start = {
    .page_size = 4096, .pid = 4711, .parent = 4700, .realtime = 1700000000000000000u,
    .monotonic = 123456789000u, .interval = invention->interval, .stack_depth = 16,
    .engine = WW_ENGINE_MPROTECT, .policy = invention->adaptive ? WW_POLICY_ADAPTIVE : WW_POLICY_TRAP,
    .overhead = 30, .executable = trace_text_of("/opt/demo/bin/solver"),
    .arguments = { arguments, sizeof(arguments) },
    .machine = trace_text_of("x86_64"), .kernel = trace_text_of("6.1.0"), .writer = trace_text_of("0.1.0")
  };
  check(trace_put_start(writer, &start), "start");
}

/* Heap, data and bss, and as many anonymous regions as were asked for. */
static void
put_regions(struct trace_writer *writer, struct invention *invention)
{
  static const struct { enum trace_kind kind; const char *name; uint64_t address, share; } fixed[] = {
    { TRACE_DATA, "/opt/demo/bin/solver", 0x5555555d0000, 1 },
    { TRACE_BSS, "/opt/demo/bin/solver", 0x5555556d0000, 3 },
    { TRACE_HEAP, "[heap]", 0x555600000000, 40 },
  };
  uint64_t left = invention->pages, anonymous = 0x7f1000000000;

  for (size_t i = 0; i < invention->regions_count; i++) {
    struct trace_region *region = &invention->regions[i];
    uint64_t pages = i < 3 ? invention->pages * fixed[i].share / 100
                           : left / (invention->regions_count - i);
    char name[32];
    if (pages == 0)
      pages = 1;
    if (pages > left && left > 0)
      pages = left;
    left -= pages < left ? pages : left;
    snprintf(name, sizeof(name), "arena %zu", i - 2);
    *region = (struct trace_region){
      .id = i + 1, .kind = i < 3 ? fixed[i].kind : TRACE_ANONYMOUS, .length = pages * 4096, .page_size = 4096,
      .address = i < 3 ? fixed[i].address : anonymous, .epoch = 1,
      .name = trace_text_of(i < 3 ? fixed[i].name : name)
    };
    if (i >= 3)
      anonymous += pages * 4096 + 65536;
    check(trace_put_region(writer, region), "region");
    region->name = (struct trace_text){ NULL, 0 };
  }
}

static void
put_threads(struct trace_writer *writer, const struct invention *invention)
{
  for (uint64_t i = 0; i < invention->threads; i++) {
    char name[32];
    snprintf(name, sizeof(name), i ? "worker-%" PRIu64 : "solver", i);
    struct trace_thread thread = { .tid = 4711 + i, .time = i * 1000, .name = trace_text_of(name) };
    check(trace_put_thread(writer, &thread), "thread");
  }
}

/* What of a region an epoch writes: a hot beginning, a window that wanders, and some anywhere. */
static bool
is_written(const struct invention *invention, uint64_t epoch, uint64_t page, uint64_t pages)
{
  uint64_t share = invention->pages ? (invention->dirty << 16) / invention->pages : 0;   /* of 65536 */
  uint64_t hash = (page * 0x9e3779b97f4a7c15u) ^ (epoch * 0xd1b54a32d192ed03u) ^ invention->seed;
  uint64_t window = pages / 16 + 1, begin = epoch * (window / 4 + 1) % pages;

  hash = (hash ^ (hash >> 31)) * 0x94d049bb133111ebu;
  hash = (hash >> 40) & 0xffff;
  if (page < pages / 32)
    return hash < share * 6;
  if ((page + pages - begin) % pages < window)
    return hash < share * 5;
  return hash < share / 2;
}

static unsigned
evidence_of(const struct invention *invention, uint64_t page, uint64_t pages)
{
  if (invention->adaptive && page < pages / 32)
    return WW_VERIFIED;
  if (page % 97 == 0)
    return WW_DECLARED;
  return WW_TRAPPED;
}

/* Put the pages, or only count them. */
static uint64_t
write_pages(struct trace_writer *writer, struct invention *invention, uint64_t epoch, bool count_only)
{
  uint64_t total = 0;

  for (size_t i = 0; i < invention->regions_count; i++) {
    uint64_t pages = invention->regions[i].length / 4096, time = 1000000;
    uint32_t stack = 0, tid = 0;
    for (uint64_t page = 0; page < pages; page++) {
      struct trace_run run = { .page = page, .pages = 1 };
      if (!is_written(invention, epoch, page, pages))
        continue;
      total++;
      if (count_only)
        continue;
      run.evidence = evidence_of(invention, page, pages);
      run.written = run.evidence == WW_TRAPPED;
      if (!stack || invention_below(invention, 8) == 0) {
        uint64_t of_region = invention->stacks / invention->regions_count + 1;
        uint64_t first = i * of_region % (invention->stacks + 1);
        stack = (uint32_t)(first + invention_below(invention, invention_below(invention, of_region) + 1));
        if (stack > invention->stacks)
          stack = (uint32_t)invention->stacks;
        tid = 4711 + (uint32_t)((i + invention_below(invention, 2)) % (invention->threads
                                                                       ? invention->threads : 1));
      }
      time += 2000 + invention_below(invention, 4000);
      run.time = time;
      run.stack = run.written ? stack : 0;
      run.tid = run.written ? tid : 0;
      check(trace_put_run(writer, epoch, i + 1, &run), "run");
    }
  }
  return total;
}

static void
put_epoch(struct trace_writer *writer, struct invention *invention, uint64_t epoch, struct trace_end *end)
{
  uint64_t slack = invention_below(invention, invention->interval / 50 + 1);
  struct trace_epoch record = {
    .number = epoch, .begin = end->time, .end = end->time + invention->interval + slack,
    .collect = 200000 + slack, .cause = epoch % 10 == 0 ? TRACE_MARKER : TRACE_TIMER,
    .label = trace_text_of(epoch % 10 == 0 ? "step" : NULL)
  };

  record.pages = write_pages(writer, invention, epoch, true);
  record.faults = record.pages * 9 / 10;
  check(trace_put_epoch(writer, &record), "epoch");
  write_pages(writer, invention, epoch, false);
  if (epoch == 1 || epoch % 100 == 0) {
    uint64_t watched = invention->pages * 4096;
    struct trace_coverage coverage = {
      .epoch = epoch, .writable = watched + watched / 8, .watched = watched, .threads = invention->threads,
      .unshielded = epoch == 1 ? 0 : 1, .unwatched = { watched / 16, 4096, watched / 16 - 4096 }
    };
    check(trace_put_coverage(writer, &coverage), "coverage");
  }
  end->time = record.end;
  end->epochs++;
  end->pages += record.pages;
}

static void
invent(struct trace_writer *writer, struct invention *invention, uint64_t bytes, bool with_end)
{
  struct trace_end end = { .how = TRACE_EXITED };

  put_start(writer, invention);
  invention_modules(writer, invention);
  put_regions(writer, invention);
  put_threads(writer, invention);
  invention_stacks(writer, invention);
  check(trace_commit(writer), "commit");
  for (uint64_t epoch = 1; bytes ? writer->size < bytes : epoch <= invention->epochs; epoch++) {
    put_epoch(writer, invention, epoch, &end);
    if (epoch == 5) {
      struct trace_note note = { .time = end.time, .kind = TRACE_STRETCHED, .value = invention->interval * 2,
                                 .text =
                                     trace_text_of("the interval was stretched: 41 % of the time went into "
                                                       "faults, 30 % were allowed") };
      struct trace_child child = { .time = end.time, .pid = 4800, .how = TRACE_FORK,
                                   .reason = trace_text_of("--follow-fork was not given") };
      check(trace_put_note(writer, &note), "note");
      check(trace_put_child(writer, &child), "child");
    }
    check(trace_commit(writer), "commit");
  }
  if (with_end) {
    check(trace_put_end(writer, &end), "end");
    check(trace_commit(writer), "commit");
  }
}

int
main(int argc, char **argv)
{
  static const struct option options[] = {
    { "epochs", required_argument, NULL, 'e' }, { "pages", required_argument, NULL, 'p' },
    { "dirty", required_argument, NULL, 'd' }, { "regions", required_argument, NULL, 'r' },
    { "threads", required_argument, NULL, 't' }, { "stacks", required_argument, NULL, 's' },
    { "interval", required_argument, NULL, 'i' }, { "bytes", required_argument, NULL, 'b' },
    { "adaptive", no_argument, NULL, 'a' }, { "real", no_argument, NULL, 'R' },
    { "no-end", no_argument, NULL, 'n' }, { "seed", required_argument, NULL, 'S' },
    { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
  };
  struct invention invention = { .epochs = 20, .pages = 4096, .regions_count = 4, .threads = 3, .stacks = 200,
                                 .interval = 100000000, .seed = 1 };
  struct trace_writer writer;
  uint64_t bytes = 0;
  bool with_end = true;
  int option;

  while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
    switch (option) {
      case 'e': invention.epochs = number(optarg); break;
      case 'p': invention.pages = number(optarg); break;
      case 'd': invention.dirty = number(optarg); break;
      case 'r': invention.regions_count = (size_t)number(optarg); break;
      case 't': invention.threads = number(optarg); break;
      case 's': invention.stacks = number(optarg); break;
      case 'i': invention.interval = number(optarg); break;
      case 'b': bytes = number(optarg); break;
      case 'a': invention.adaptive = true; break;
      case 'R': invention.real = true; break;
      case 'n': with_end = false; break;
      case 'S': invention.seed = number(optarg); break;
      case 'h': usage(stdout); return 0;
      default:  usage(stderr); return 2;
    }
  }
  if (optind + 1 != argc) {
    usage(stderr);
    return 2;
  }
  invention.regions_count += 3;
  invention.random = invention.seed;
  if (!invention.dirty)
    invention.dirty = invention.pages / 8;
  invention.regions = calloc(invention.regions_count, sizeof(*invention.regions));
  void *buffer = malloc(1 << 20);
  int fd = open(argv[optind], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  check(fd == -1 || !buffer || !invention.regions ? -errno : 0, argv[optind]);
  check(trace_writer_open(&writer, fd, buffer, 1 << 20, 0, 0), "open");
  invent(&writer, &invention, bytes, with_end);
  check(close(fd) == -1 ? -errno : 0, "close");
  free(buffer);
  free(invention.regions);
  return 0;
}
