/* oracle.c - the figures of a summary against the same figures counted the long way: a table of all
 * pages by all epochs. */
#include "config.h"
#include "tap.h"
#include "scratch.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "trace_summary.h"

enum { EPOCHS = 45, REGIONS = 6, PAGES = 300, STACKS = 9, THREADS = 4 };

struct cell {
  unsigned evidence;      /* 0: not dirty */
  uint32_t stack, tid;    /* 0: not written */
  bool     written;
};

static struct cell dirty[EPOCHS][REGIONS][PAGES];
static uint64_t    page_sizes[REGIONS], begins[EPOCHS + 1];
static uint64_t    epochs;
/* What the options leave. */
static uint64_t    first, last;   /* epochs [first, last) */
static bool        included[REGIONS];

static uint64_t
below(uint64_t *seed, uint64_t limit)
{
  return tap_random(seed) % limit;
}

static void
invent(uint64_t *seed)
{
  memset(dirty, 0, sizeof(dirty));
  epochs = 1 + below(seed, EPOCHS);
  for (unsigned r = 0; r < REGIONS; r++)
    page_sizes[r] = r == 2 ? 2097152 : 4096;
  for (uint64_t e = 0; e < epochs; e++) {
    unsigned density = (unsigned)below(seed, 60);
    begins[e + 1] = begins[e] + 1000000 + below(seed, 500000);
    for (unsigned r = 0; r < REGIONS; r++) {
      bool quiet = r == 5 || below(seed, 4) == 0;
      for (unsigned p = 0; p < PAGES && !quiet; p++) {
        struct cell *cell = &dirty[e][r][p];
        if (below(seed, 100) >= (p < 20 ? 60 : density))
          continue;
        cell->evidence = 1 + (unsigned)below(seed, 4);
        cell->written = cell->evidence == 1 && below(seed, 10);
        if (cell->written) {
          cell->stack = (uint32_t)below(seed, STACKS);
          cell->tid = 100 + (uint32_t)below(seed, THREADS);
        }
      }
    }
  }
}

static void
put_blocks(struct trace_writer *writer)
{
  struct trace_start start = { .page_size = 4096, .interval = 1000000 };

  trace_put_start(writer, &start);
  for (unsigned r = 0; r < REGIONS; r++) {
    struct trace_region region = { .id = r + 1, .kind = 1 + r % 3, .address = 0x10000000000u * (r + 1),
                                   .length = PAGES * page_sizes[r], .page_size = page_sizes[r], .epoch = 1,
                                   .name = trace_text_of(r % 2 ? "odd" : "even") };
    trace_put_region(writer, &region);
  }
  for (unsigned s = 1; s < STACKS; s++) {
    uint64_t frames[] = { 0x1000 + s, 0x2000 };
    struct trace_stack stack = { .id = s, .depth = 2, .frames = frames };
    trace_put_stack(writer, &stack);
  }
  for (uint64_t e = 0; e < epochs; e++) {
    struct trace_epoch epoch = { .number = e + 1, .begin = begins[e], .end = begins[e + 1] };
    for (unsigned r = 0; r < REGIONS; r++)
      for (unsigned p = 0; p < PAGES; p++)
        epoch.pages += dirty[e][r][p].evidence != 0;
    trace_put_epoch(writer, &epoch);
    for (unsigned r = 0; r < REGIONS; r++)
      for (unsigned p = 0; p < PAGES; p++) {
        const struct cell *cell = &dirty[e][r][p];
        struct trace_run run = { .page = p, .pages = 1, .evidence = cell->evidence, .written = cell->written,
                                 .tid = cell->tid, .stack = cell->stack };
        if (cell->evidence)
          trace_put_run(writer, e + 1, r + 1, &run);
      }
    trace_commit(writer);
  }
}

/* Different pages of the epochs [from, to), by the included regions. */
static uint64_t
different(uint64_t from, uint64_t to, uint64_t *bytes)
{
  uint64_t pages = 0;

  *bytes = 0;
  for (unsigned r = 0; r < REGIONS; r++)
    for (unsigned p = 0; p < PAGES && included[r]; p++)
      for (uint64_t e = from; e < to; e++)
        if (dirty[e][r][p].evidence) {
          pages++;
          *bytes += page_sizes[r];
          break;
        }
  return pages;
}

static bool
same_growth(const struct trace_summary *summary)
{
  uint64_t count = last - first, at = 0;
  bool same = true;

  for (uint64_t k = 1; k <= count; k *= 2) {
    uint64_t windows = count / k, pages = 0, most = 0, bytes, bytes_sum = 0, bytes_most = 0;
    const struct summary_growth *growth = &summary->growth[at];
    if (k == count && k > 1)
      break;
    for (uint64_t w = 0; w < windows; w++) {
      uint64_t one = different(first + w * k, first + (w + 1) * k, &bytes);
      pages += one;
      bytes_sum += bytes;
      most = one > most ? one : most;
      bytes_most = bytes > bytes_most ? bytes : bytes_most;
    }
    same = same && at < summary->growth_count && growth->epochs == k && growth->windows == windows
           && growth->pages_most == most && growth->bytes_most == bytes_most
           && growth->pages * (double)windows > (double)pages - 0.5
           && growth->pages * (double)windows < (double)pages + 0.5
           && growth->bytes * (double)windows > (double)bytes_sum * 0.999999 - 1
           && growth->bytes * (double)windows < (double)bytes_sum * 1.000001 + 1;
    at++;
  }
  if (count > 1) {
    uint64_t bytes, pages = different(first, last, &bytes);
    same = same && at < summary->growth_count && summary->growth[at].epochs == count
           && summary->growth[at].pages_most == pages && summary->growth[at].bytes_most == bytes;
    at++;
  }
  return same && at == summary->growth_count;
}

static bool
same_totals(const struct trace_summary *summary)
{
  uint64_t pages = 0, bytes = 0, by_evidence[5] = { 0 }, written = 0, once = 0, ever, ever_bytes;

  for (unsigned r = 0; r < REGIONS; r++)
    for (unsigned p = 0; p < PAGES && included[r]; p++) {
      unsigned times = 0;
      for (uint64_t e = first; e < last; e++) {
        times += dirty[e][r][p].evidence != 0;
        by_evidence[dirty[e][r][p].evidence]++;
        written += dirty[e][r][p].written;
      }
      pages += times;
      bytes += times * page_sizes[r];
      once += times == 1;
    }
  ever = different(first, last, &ever_bytes);
  return summary->dirty.pages == pages && summary->dirty.bytes == bytes && summary->written == written
         && summary->ever == ever && summary->ever_bytes == ever_bytes && summary->once == once
         && summary->dirty.by_evidence[1] == by_evidence[1] && summary->dirty.by_evidence[2] == by_evidence[2]
         && summary->dirty.by_evidence[3] == by_evidence[3] && summary->dirty.by_evidence[4] == by_evidence[4]
         && summary->epochs_count == last - first && summary->duration == begins[last] - begins[first];
}

static bool
same_regions(const struct trace_summary *summary)
{
  bool same = true;

  for (unsigned r = 0; r < REGIONS; r++) {
    const struct summary_region *region = &summary->regions[r + 1];
    uint64_t pages = 0, ever = 0, in = 0, latest = 0;
    for (unsigned p = 0; p < PAGES; p++) {
      uint64_t before = pages;
      for (uint64_t e = first; e < last; e++)
        pages += dirty[e][r][p].evidence != 0;
      ever += pages > before;
    }
    for (uint64_t e = first; e < last; e++)
      for (unsigned p = 0; p < PAGES; p++)
        if (dirty[e][r][p].evidence && latest != e + 1) {
          in++;
          latest = e + 1;
        }
    same = same && region->included == included[r]
           && (!included[r] || (region->dirty.pages == pages && region->ever == ever && region->epochs ==
                                in));
  }
  return same;
}

/* By stack, or by thread. */
static bool
same_writers(const struct trace_summary *summary, enum summary_by by)
{
  const struct summary_writers *writers = &summary->writers[by];
  uint64_t total = 0, unknown = 0;
  bool same = true;

  for (size_t i = 0; i < writers->count; i++) {
    const struct summary_writer *writer = &writers->all[i];
    uint64_t pages = 0, in = 0, bytes = 0;
    for (uint64_t e = first; e < last; e++) {
      uint64_t before = pages;
      for (unsigned r = 0; r < REGIONS; r++)
        for (unsigned p = 0; p < PAGES && included[r]; p++) {
          const struct cell *cell = &dirty[e][r][p];
          if (cell->written && (by == SUMMARY_BY_STACK ? cell->stack : cell->tid) == writer->key) {
            pages++;
            bytes += page_sizes[r];
          }
        }
      in += pages > before;
    }
    same = same && writer->pages == pages && writer->bytes == bytes && writer->epochs == in && pages > 0
           && (i == 0 || writers->all[i - 1].pages >= pages);
    total += pages;
  }
  for (uint64_t e = first; e < last; e++)
    for (unsigned r = 0; r < REGIONS; r++)
      for (unsigned p = 0; p < PAGES && included[r]; p++)
        unknown += by == SUMMARY_BY_STACK && dirty[e][r][p].written && dirty[e][r][p].stack == 0;
  return same && writers->unknown == unknown && total + unknown == summary->written;
}

static bool
same_heat(const struct trace_summary *summary)
{
  const struct summary_heat *heat = &summary->heat;
  uint64_t total = 0;
  bool same = true;

  for (uint32_t row = 0; heat->cells && row < heat->rows; row++)
    for (uint32_t column = 0; column < heat->columns; column++) {
      uint64_t counted = 0, cell = heat->cells[(size_t)row * heat->columns + column];
      total += cell;
      if (heat->row[row].region == 0)
        continue;
      for (uint64_t e = first + heat->epoch[column]; e < first + heat->epoch[column + 1]; e++)
        for (uint64_t p = heat->row[row].page; p < heat->row[row].page + heat->row[row].pages; p++)
          counted += dirty[e][heat->row[row].region - 1][p].evidence != 0;
      same = same && counted == cell;
    }
  return same && (heat->cells ? total == summary->dirty.pages : summary->dirty.pages == 0);
}

static struct summary_options
choose(uint64_t *seed, unsigned round)
{
  static const char *const asked[][2] = { { "heap", NULL }, { "odd", NULL }, { "2", "even" }, { "data",
                                                                                                "6" } };
  struct summary_options options = SUMMARY_OPTIONS_INIT;
  unsigned which = round % 5;

  options.rows = 1 + (unsigned)below(seed, 60);
  options.columns = 1 + (unsigned)below(seed, 60);
  options.without_names = true;
  first = 0;
  last = epochs;
  if (round % 3 == 1) {
    first = below(seed, epochs);
    last = first + 1 + below(seed, epochs - first);
    options.since = begins[first] + below(seed, 2);
    options.until = begins[last] - below(seed, 2);
  }
  for (unsigned r = 0; r < REGIONS; r++)
    included[r] = which == 4 || (which == 0 && r % 3 == 0) || (which == 1 && r % 2)
        || (which == 2 && r % 2 == 0)
                  || (which == 2 && r == 1) || (which == 3 && (r % 3 == 2 || r == 5));
  if (which < 4) {
    options.regions = asked[which];
    options.regions_count = asked[which][1] ? 2 : 1;
  }
  return options;
}

/* Pages beyond their region, and of one that nobody named, are counted apart. */
static void
test_unplaced(void)
{
  static unsigned char buffer[TRACE_BUFFER_MIN];
  struct trace_region region = { .id = 1, .kind = 1, .address = 4096, .length = 10 * 4096, .page_size =
                                 4096 };
  struct trace_epoch epoch = { .number = 1, .end = 1000, .pages = 9 };
  struct trace_run inside = { .page = 8, .pages = 2, .evidence = 1 },
                   outside = { .page = 9, .pages = 3, .evidence = 2 };
  struct summary_options options = SUMMARY_OPTIONS_INIT;
  struct trace_summary *summary = NULL;
  struct trace_writer writer;
  const char *why;
  int fd = scratch_file();

  trace_writer_open(&writer, fd, buffer, sizeof(buffer), 0, 0);
  trace_put_region(&writer, &region);
  trace_put_epoch(&writer, &epoch);
  trace_put_run(&writer, 1, 1, &inside);
  trace_put_run(&writer, 1, 1, &outside);
  trace_put_run(&writer, 1, 7, &outside);
  trace_commit(&writer);
  options.without_names = true;
  ok(trace_summary_create(&summary, fd, &options, &why) == 0 && summary->unplaced == 6
     && summary->dirty.pages == 2
     && summary->ever == 2 && summary->epochs[0].whole == false,
         "pages in no region are counted, and left out");
  trace_summary_free(summary);
  close(fd);
}

int
main(int argc, char **argv)
{
  static unsigned char buffer[TRACE_BUFFER_MIN];
  uint64_t seed = tap_seed(argc, argv, (uint64_t)time(NULL));
  unsigned rounds = 40, made = 0, totals = 0, growth = 0, regions = 0, stacks = 0, threads = 0, heat = 0;

  for (unsigned round = 0; round < rounds; round++) {
    struct trace_writer writer;
    struct trace_summary *summary;
    struct summary_options options;
    const char *why;
    int fd = scratch_file();
    invent(&seed);
    trace_writer_open(&writer, fd, buffer, sizeof(buffer), 0, 0);
    put_blocks(&writer);
    options = choose(&seed, round);
    if (trace_summary_create(&summary, fd, &options, &why) == 0) {
      made += summary->index.damages_count == 0 && summary->unplaced == 0;
      totals += same_totals(summary);
      growth += same_growth(summary);
      regions += same_regions(summary);
      stacks += same_writers(summary, SUMMARY_BY_STACK);
      threads += same_writers(summary, SUMMARY_BY_THREAD);
      heat += same_heat(summary);
      trace_summary_free(summary);
    }
    close(fd);
  }
  ok(made == rounds, "%u traces are summarised", rounds);
  ok(totals == rounds, "totals, evidence, pages once and ever: %u", totals);
  ok(growth == rounds, "unions of 1, 2, 4, ... epochs, on average and at most: %u", growth);
  ok(regions == rounds, "regions: %u", regions);
  ok(stacks == rounds, "first writers by stack, and those without: %u", stacks);
  ok(threads == rounds, "first writers by thread: %u", threads);
  ok(heat == rounds, "each cell of the heat map: %u", heat);
  test_unplaced();
  return tap_done();
}
