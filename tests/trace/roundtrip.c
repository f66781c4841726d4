/* roundtrip.c - what is written is read: all records, at their extremes, through buffers of any size,
 * with disks that are full, files that end anywhere, and bytes that are not what they were. */
#include "config.h"
#include "tap.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "trace.h"
#include "trace_code.h"

/* ------------------------------------------------- a disk that fills up, and no memory */

static bool     disk_counts;
static uint64_t disk_left;       /* bytes that can still be written */
static int      disk_error = ENOSPC;
static unsigned allocations;
static bool     watch_allocations;

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

ssize_t
__wrap_write(int fd, const void *bytes, size_t size)
{
  if (disk_counts && disk_left < size) {
    if (disk_left == 0) {
      errno = disk_error;
      return -1;
    }
    size = (size_t)disk_left;
  }
  ssize_t written = __real_write(fd, bytes, size);
  if (disk_counts && written > 0)
    disk_left -= (uint64_t)written;
  return written;
}

void *
__wrap_malloc(size_t size)
{
  allocations += watch_allocations;
  return __real_malloc(size);
}

/* -------------------------------------------------------------------- a random trace */

static uint64_t
below(uint64_t *seed, uint64_t limit)
{
  return tap_random(seed) % limit;
}

/* Numbers of all lengths. */
static uint64_t
any_number(uint64_t *seed)
{
  return tap_random(seed) >> below(seed, 64);
}

enum { EPOCHS = 40, PER_EPOCH_MOST = 20000 };

struct kept_epoch {
  struct trace_epoch epoch;
  struct trace_run *runs;
  uint64_t *regions;
  size_t count;
};

static struct kept_epoch kept[EPOCHS];

static void
invent_epoch(uint64_t *seed, struct kept_epoch *kept_epoch, uint64_t number, size_t most)
{
  size_t count = below(seed, 4) == 0 ? 0 : (size_t)below(seed, most), i = 0;
  uint64_t page = below(seed, 100), region = 1;

  free(kept_epoch->runs);
  free(kept_epoch->regions);
  kept_epoch->runs = calloc(count + 1, sizeof(*kept_epoch->runs));
  kept_epoch->regions = calloc(count + 1, sizeof(*kept_epoch->regions));
  kept_epoch->epoch = (struct trace_epoch){ .number = number, .begin = number * 1000000, .end = (number + 1)
                                            * 1000000,
                                            .cause = number % 4, .collect = any_number(seed),
                                            .faults = any_number(seed),
                                            .label = trace_text_of(number % 3 ? NULL : "a marker") };
  for (; i < count; i++) {
    struct trace_run *run = &kept_epoch->runs[i];
    if (below(seed, 50) == 0) {
      region += 1 + below(seed, 3);
      page = below(seed, 1000);
    }
    /* Neighbours never have one kind: they would become one. */
    *run = (struct trace_run){ .page = page + 1 + below(seed, below(seed, 10) == 0 ? 1u << 20 : 3),
                               .pages = below(seed, 3) ? 1 : 1 + below(seed, 100),
                               .evidence = 1 + (unsigned)below(seed, 4) };
    run->written = run->evidence == 1 && below(seed, 20);
    if (run->written) {
      run->tid = (uint32_t)any_number(seed) & INT32_MAX;
      run->stack = (uint32_t)any_number(seed) & INT32_MAX;
      run->time = (any_number(seed) & 0xffffffffffff) / 1000 * 1000;
    }
    page = run->page + run->pages;
    kept_epoch->regions[i] = region;
    kept_epoch->epoch.pages += run->pages;
  }
  kept_epoch->count = count;
}

static int
put_epoch(struct trace_writer *writer, const struct kept_epoch *kept_epoch)
{
  trace_put_epoch(writer, &kept_epoch->epoch);
  for (size_t i = 0; i < kept_epoch->count; i++)
    trace_put_run(writer, kept_epoch->epoch.number, kept_epoch->regions[i], &kept_epoch->runs[i]);
  return trace_commit(writer);
}

/* Whether the epoch that was just read, and the DIRTY blocks behind it, are the kept ones. *record is
 * what follows. */
static bool
same_epoch(struct trace_reader *reader, struct trace_record *record, const struct kept_epoch *expected,
           int *result)
{
  size_t at = 0;
  bool same = record->epoch.number == expected->epoch.number && record->epoch.begin == expected->epoch.begin
              && record->epoch.end == expected->epoch.end && record->epoch.cause == expected->epoch.cause
              && record->epoch.collect == expected->epoch.collect && record->epoch.faults ==
                  expected->epoch.faults
              && record->epoch.pages == expected->epoch.pages
              && record->epoch.label.length == expected->epoch.label.length;

  while ((*result = trace_next(reader, record)) > 0 && record->type == TRACE_DIRTY) {
    struct trace_runs runs = record->dirty.runs;
    struct trace_run run;
    while (trace_runs_next(&runs, &run)) {
      const struct trace_run *wanted = &expected->runs[at];
      same = same && at < expected->count && record->dirty.region == expected->regions[at]
             && run.page == wanted->page && run.pages == wanted->pages && run.evidence == wanted->evidence
             && run.written == wanted->written && run.tid == wanted->tid && run.stack == wanted->stack
             && run.time == wanted->time;
      at += at < expected->count;
    }
    same = same && !runs.wrong;
  }
  return same && at == expected->count;
}

/* How many of the kept epochs the file has, whole and right; *wrong: one that is not. */
static unsigned
count_epochs(int fd, struct trace_reader **opened, bool *wrong, uint64_t *damaged)
{
  struct trace_reader *reader;
  struct trace_record record;
  unsigned right = 0;
  int result;

  *wrong = false;
  *damaged = 0;
  if (trace_reader_open(&reader, fd, 0, NULL))
    return 0;
  result = trace_next(reader, &record);
  while (result > 0) {
    if (record.type == TRACE_DAMAGE)
      ++*damaged;
    if (record.type != TRACE_EPOCH) {
      result = trace_next(reader, &record);
      continue;
    }
    if (record.epoch.number < 1 || record.epoch.number > EPOCHS) {
      *wrong = true;
      break;
    }
    if (same_epoch(reader, &record, &kept[record.epoch.number - 1], &result))
      right++;
    else
      *wrong = true;
  }
  if (opened)
    *opened = reader;
  else
    trace_reader_close(reader);
  return right;
}

static void
test_epochs(uint64_t *seed)
{
  static unsigned char buffer[1 << 20];
  static const size_t rooms[] = { TRACE_BUFFER_MIN, TRACE_BUFFER_MIN + 1, 100000, 1 << 20 };
  struct trace_writer writer;
  uint64_t damaged;
  bool wrong;

  for (size_t i = 0; i < sizeof(rooms) / sizeof(*rooms); i++) {
    int fd = scratch_file();
    trace_writer_open(&writer, fd, buffer, rooms[i], 0, 0);
    watch_allocations = true;
    allocations = 0;
    for (unsigned e = 0; e < EPOCHS; e++) {
      watch_allocations = false;
      invent_epoch(seed, &kept[e], e + 1, PER_EPOCH_MOST);
      watch_allocations = true;
      put_epoch(&writer, &kept[e]);
    }
    watch_allocations = false;
    ok(writer.error == 0 && allocations == 0,
       "%d epochs are written with %zu bytes of buffer and no allocation",
       EPOCHS, rooms[i]);
    ok(count_epochs(fd, NULL, &wrong, &damaged) == EPOCHS && !wrong && damaged == 0,
       "... and read as they were");
    ok(lseek(fd, 0, SEEK_END) == (off_t)writer.size, "... and the writer knows the file's size");
    close(fd);
  }
}

static void
test_merging(void)
{
  static unsigned char buffer[TRACE_BUFFER_MIN];
  struct trace_run page = { .pages = 1, .evidence = 1, .written = true, .tid = 5, .stack = 6 }, run;
  struct trace_epoch epoch = { .number = 1, .end = 1, .pages = 2000 };
  struct trace_writer writer;
  struct trace_reader *reader;
  struct trace_record record;
  int fd = scratch_file();

  trace_writer_open(&writer, fd, buffer, sizeof(buffer), 0, 0);
  trace_put_epoch(&writer, &epoch);
  for (page.page = 0; page.page < 2000; page.page++) {
    page.time = (page.page ^ 1000) * 1000;
    page.stack = page.page < 1500 ? 6 : 7;
    trace_put_run(&writer, 1, 3, &page);
  }
  trace_commit(&writer);
  ok(writer.size < 150, "2000 neighbours by two stacks are %u bytes", (unsigned)writer.size);
  trace_reader_open(&reader, fd, 0, NULL);
  trace_next(reader, &record);
  ok(trace_next(reader, &record) == 1 && record.type == TRACE_DIRTY
     && trace_runs_next(&record.dirty.runs, &run)
     && run.page == 0 && run.pages == 1500 && run.stack == 6 && run.time == 0
     && trace_runs_next(&record.dirty.runs, &run) && run.page == 1500 && run.pages == 500 && run.stack == 7
     && !trace_runs_next(&record.dirty.runs, &run), "... as two runs, with their earliest times");
  trace_reader_close(reader);
  close(fd);
}

/* The example of writewatch-trace(5), to the byte: what is documented is what is written. */
static void
test_bytes(void)
{
  static const unsigned char expected[] = {
    0x89, 0x57, 0x57, 0x54, 0x0d, 0x0a, 0x1a, 0x0a, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x04, 0x00, 0x00, 0x00, 0x12, 0x00, 0x00, 0x00, 0x3b, 0x6d, 0xaf, 0xd6, 0xd3, 0x2c, 0xc1, 0x03,
    0x01, 0x01, 0x80, 0x80, 0x04, 0x80, 0x80, 0x04, 0x80, 0x20, 0x01, 0x06, 0x5b, 0x68, 0x65, 0x61,
    0x70, 0x5d, 0x06, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00, 0x58, 0xc1, 0x38, 0xb7, 0x91, 0x3d,
    0x3f, 0xf7, 0x01, 0x01, 0xe8, 0xc8, 0x80, 0x04, 0x08, 0x00, 0x00, 0x00, 0x0b, 0x00, 0x00, 0x00,
    0xab, 0x4e, 0x2b, 0x7b, 0xdc, 0x9f, 0xf1, 0xe4, 0x01, 0x00, 0xc0, 0x84, 0x3d, 0x00, 0xe8, 0x07,
    0x03, 0x03, 0x00, 0x09, 0x00, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0xfb, 0x31, 0x33, 0x11, 0x14,
    0x4d, 0xf0, 0x60, 0x01, 0x01, 0x09, 0x02, 0x03, 0x9a, 0x01, 0x02, 0x0a
  };
  static unsigned char buffer[TRACE_BUFFER_MIN];
  struct trace_region region = { .id = 1, .kind = TRACE_HEAP, .address = 0x10000, .length = 16 * 4096,
                                 .page_size = 4096, .epoch = 1, .name = trace_text_of("[heap]") };
  uint64_t frames[] = { 0x401234 };
  struct trace_stack stack = { .id = 1, .depth = 1, .frames = frames };
  struct trace_epoch epoch = { .number = 1, .end = 1000000, .collect = 1000, .faults = 3, .pages = 3 };
  struct trace_run run = { .page = 2, .pages = 3, .evidence = 1, .written = true, .tid = 77, .stack = 1,
                           .time = 5000 };
  unsigned char written[sizeof(expected) + 1];
  struct trace_writer writer;
  int fd = scratch_file();

  trace_writer_open(&writer, fd, buffer, sizeof(buffer), 0, 0);
  trace_put_region(&writer, &region);
  trace_put_stack(&writer, &stack);
  trace_put_epoch(&writer, &epoch);
  trace_put_run(&writer, 1, 1, &run);
  trace_commit(&writer);
  ok(pread(fd, written, sizeof(written), 0) == (ssize_t)sizeof(expected)
     && memcmp(written, expected, sizeof(expected)) == 0, "the manual's example is written to the byte");
  close(fd);
}

/* --------------------------------------------------------------------- full disks */

static void
test_full_disk(uint64_t *seed)
{
  static unsigned char buffer[TRACE_BUFFER_MIN];
  unsigned cut_right = 0, rounds = 60, ended = 0;

  for (unsigned round = 0; round < rounds; round++) {
    struct trace_writer writer;
    struct trace_end end = { .how = TRACE_DISK_FULL };
    uint64_t damaged;
    bool wrong;
    int fd = scratch_file();
    unsigned committed = 0, read;
    trace_writer_open(&writer, fd, buffer, sizeof(buffer), 0, 0);
    disk_counts = true;
    disk_left = 1 + below(seed, 300000);
    disk_error = round % 2 ? ENOSPC : EDQUOT;
    for (unsigned e = 0; e < EPOCHS; e++) {
      disk_counts = false;
      invent_epoch(seed, &kept[e], e + 1, PER_EPOCH_MOST);
      disk_counts = true;
      if (put_epoch(&writer, &kept[e]) == 0)
        committed++;
      else
        break;
    }
    disk_counts = false;
    read = count_epochs(fd, NULL, &wrong, &damaged);
    cut_right += read == committed && !wrong && damaged == 0 && lseek(fd, 0, SEEK_END) == (off_t)writer.size;
    trace_writer_recover(&writer);
    trace_put_end(&writer, &end);
    ended += trace_commit(&writer) == 0;
    close(fd);
  }
  ok(cut_right == rounds, "a full disk leaves the epochs before it, and nothing else: %u of %u", cut_right,
     rounds);
  ok(ended == rounds, "... and once there is room again the END can be written");
}

static void
test_limit(uint64_t *seed)
{
  static unsigned char buffer[TRACE_BUFFER_MIN];
  unsigned kept_to = 0, ended = 0, rounds = 40;

  for (unsigned round = 0; round < rounds; round++) {
    struct trace_writer writer;
    struct trace_end end = { .how = TRACE_SIZE_CAP, .time = UINT64_MAX, .epochs = UINT64_MAX };
    uint64_t limit = 200 + below(seed, 200000);
    int fd = scratch_file(), error = 0;
    trace_writer_open(&writer, fd, buffer, sizeof(buffer), 0, limit);
    for (unsigned e = 0; e < EPOCHS && !error; e++) {
      invent_epoch(seed, &kept[e], e + 1, 5000);
      error = put_epoch(&writer, &kept[e]);
    }
    if (error == 0 || error == -EFBIG)
      kept_to++;
    trace_writer_recover(&writer);
    trace_put_end(&writer, &end);
    ended += trace_commit(&writer) == 0 && lseek(fd, 0, SEEK_END) <= (off_t)limit;
    close(fd);
  }
  ok(kept_to == rounds, "a trace that would be too large is refused (-EFBIG)");
  ok(ended == rounds, "... and has room for its END within the limit: %u of %u", ended, rounds);
}

/* Where the last epoch would leave no room for the END, it is left out. */
static void
test_tight_limit(uint64_t *seed)
{
  static unsigned char buffer[TRACE_BUFFER_MIN];
  struct trace_end end = { .how = TRACE_SIZE_CAP, .time = UINT64_MAX, .epochs = 1 };
  unsigned ended = 0, all = 0;
  uint64_t size = 0;

  do
    invent_epoch(seed, &kept[0], 1, 1000);
  while (kept[0].count < 100);   /* a limit that leaves no room for an END alone is not meant */
  for (unsigned spare = 0; spare <= 100; spare++) {
    struct trace_writer writer;
    int fd = scratch_file();
    trace_writer_open(&writer, fd, buffer, sizeof(buffer), 0, spare ? size + spare - 1 : 0);
    if (put_epoch(&writer, &kept[0]) != 0)
      trace_writer_recover(&writer);
    if (!spare) {
      size = writer.size;   /* that it takes */
    } else {
      trace_put_end(&writer, &end);
      ended += trace_commit(&writer) == 0;
      all++;
    }
    close(fd);
  }
  ok(ended == all, "an epoch that leaves no room for the END is left out: %u of %u", ended, all);
}

/* -------------------------------------------------------------------- cut and damaged */

static int
make_small(uint64_t *seed, uint64_t ends[EPOCHS])
{
  static unsigned char buffer[TRACE_BUFFER_MIN];
  struct trace_writer writer;
  int fd = scratch_file();

  trace_writer_open(&writer, fd, buffer, sizeof(buffer), 0, 0);
  for (unsigned e = 0; e < EPOCHS; e++) {
    invent_epoch(seed, &kept[e], e + 1, 12);
    put_epoch(&writer, &kept[e]);
    ends[e] = writer.size;
  }
  return fd;
}

static void
test_cuts(uint64_t *seed)
{
  static unsigned char buffer[TRACE_BUFFER_MIN];
  uint64_t ends[EPOCHS], size, damaged;
  int fd = make_small(seed, ends);
  unsigned read_right = 0, sealed = 0, all = 0;
  bool wrong;

  size = ends[EPOCHS - 1];
  unsigned char *whole = malloc(size);
  if (pread(fd, whole, size, 0) != (ssize_t)size)
    size = 0;
  for (uint64_t cut = TRACE_HEADER; cut < size; cut++) {
    struct trace_end end = { .how = TRACE_SIGNALLED, .status = 9 };
    struct trace_reader *reader = NULL;
    unsigned before = 0, read;
    int copy = scratch_file();
    while (ends[before] <= cut)
      before++;
    if (__real_write(copy, whole, cut) != (ssize_t)cut)
      continue;
    read = count_epochs(copy, &reader, &wrong, &damaged);
    /* The one that is cut may have come whole, when only blocks of none of its pages are missing. */
    read_right += (read == before || read == before + 1) && damaged == 0
                  && trace_reader_offset(reader) + trace_reader_tail(reader) == cut;
    trace_reader_close(reader);
    sealed += trace_seal(copy, buffer, sizeof(buffer), &end) == 0
              && count_epochs(copy, NULL, &wrong, &damaged) >= before && damaged == 0
              && trace_seal(copy, buffer, sizeof(buffer), &end) == -EEXIST;
    close(copy);
    all++;
  }
  ok(all > 100 && read_right == all, "cut at any of %u bytes: all epochs before are read", all);
  ok(sealed == all, "... and the END can be appended, once");
  free(whole);
  close(fd);
}

/* Read while it is written: what has come is returned, the beginning of a block is waited for. */
static void
test_growing(uint64_t *seed)
{
  uint64_t ends[EPOCHS], size, pages = 0, wanted = 0, epochs = 0, damaged = 0, at = 1000;
  int fd = make_small(seed, ends), copy = scratch_file(), result = 0;
  struct trace_reader *reader;
  struct trace_record record;
  unsigned char *whole;

  for (unsigned e = 0; e < EPOCHS; e++)
    wanted += kept[e].epoch.pages;
  size = ends[EPOCHS - 1];
  whole = malloc(size);
  if (pread(fd, whole, size, 0) != (ssize_t)size || __real_write(copy, whole, at) != (ssize_t)at
      || trace_reader_open(&reader, copy, 0, NULL) < 0)
    at = size + 1;   /* shows below */
  while (at <= size && result >= 0) {
    uint64_t more = 1 + below(seed, 60);
    while ((result = trace_next(reader, &record)) > 0) {
      struct trace_run run;
      epochs += record.type == TRACE_EPOCH;
      damaged += record.type == TRACE_DAMAGE;
      while (record.type == TRACE_DIRTY && trace_runs_next(&record.dirty.runs, &run))
        pages += run.pages;
    }
    if (at == size)
      break;
    more = more < size - at ? more : size - at;
    if (__real_write(copy, whole + at, more) != (ssize_t)more)
      break;
    at += more;
  }
  ok(result == 0 && epochs == EPOCHS && pages == wanted && damaged == 0, "a trace is read while it grows");
  trace_reader_close(reader);
  free(whole);
  close(copy);
  close(fd);
}

static void
test_damage(uint64_t *seed)
{
  uint64_t ends[EPOCHS], size, damaged;
  int fd = make_small(seed, ends);
  unsigned noticed = 0, others = 0, all = 0;
  bool wrong;

  size = ends[EPOCHS - 1];
  for (uint64_t at = TRACE_HEADER; at < size; at++) {
    unsigned char byte, other;
    struct trace_reader *reader = NULL;
    unsigned read;
    if (pread(fd, &byte, 1, (off_t)at) != 1)
      continue;
    other = (unsigned char)(byte ^ (1 + below(seed, 255)));
    if (pwrite(fd, &other, 1, (off_t)at) != 1)
      continue;
    read = count_epochs(fd, &reader, &wrong, &damaged);
    noticed += damaged > 0 || trace_reader_tail(reader) > 0;
    /* What is hit is one block: one epoch's head, or some of its pages. A length that points past the
     * file's end costs no more. */
    others += read >= EPOCHS - 1;
    trace_reader_close(reader);
    if (pwrite(fd, &byte, 1, (off_t)at) != 1)
      break;
    all++;
  }
  ok(all > 100 && noticed == all, "each of %u bytes changed is noticed: %u", all, noticed);
  ok(others == all, "... and costs the epoch that it is in: %u", others);
  close(fd);
}

int
main(int argc, char **argv)
{
  uint64_t seed = tap_seed(argc, argv, (uint64_t)time(NULL));

  test_epochs(&seed);
  test_merging();
  test_bytes();
  test_full_disk(&seed);
  test_limit(&seed);
  test_tight_limit(&seed);
  test_cuts(&seed);
  test_growing(&seed);
  test_damage(&seed);
  for (unsigned e = 0; e < EPOCHS; e++) {
    free(kept[e].runs);
    free(kept[e].regions);
  }
  return tap_done();
}
