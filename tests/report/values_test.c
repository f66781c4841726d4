/* values_test.c - what JSON and CSV say is what the dirty sets held: random
 * sets are written, parsed back and compared. REPORT_SEED=N repeats a run. */
#include "config.h"
#include "sample.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <time.h>

#define REGIONS 5
#define EPOCHS  6
#define ROWS    4096

/* A run as it was put in. */
struct row {
  uint64_t epoch, begin, end, address, pages, bytes, time;
  unsigned region, evidence;
  int32_t  thread;
  bool     written;
};

static const char *const evidences[] = { "", "trapped", "verified", "declared", "assumed" };
static const char *const names[REGIONS] = {
  "quote\"", "", "with, comma", "\"quoted\"\r\nlines", "caf\xc3\xa9"
};
static const uint64_t page_sizes[REGIONS] = { 4096, 4096, 2097152, 16384, 4096 };
static void *const stacks[][2] = {
  { FRAME(0x10), FRAME(0x20) }, { FRAME(0x11), FRAME(0x20) }, { FRAME(0x12), FRAME(0x20) }
};

static uint64_t   state;
static ww_region *regions[REGIONS];
static struct row rows[ROWS];
static size_t     rows_count;
static uint64_t   pages_by_stack[3], pages_by_evidence[5], distinct[REGIONS];
static bool       ever[REGIONS][2048];

static uint64_t
some(uint64_t below)
{
  state += 0x9e3779b97f4a7c15u;
  uint64_t z = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9u;
  z ^= z >> 27;
  return z % below;
}

static void
one_epoch(ww_summary *summary, unsigned epoch, uint64_t begin, uint64_t end)
{
  ww_dirty *dirty = fake_dirty(epoch, begin, end);
  uint64_t time = begin;
  unsigned i;

  for (i = 0; i < REGIONS; i++)
    fake_watch(dirty, regions[i]);
  for (i = 0; i < REGIONS; i++) {
    uint64_t page = some(300);
    while (page < 2000) {
      struct row *row = &rows[rows_count++];
      uint64_t p;
      ck_assert_uint_lt(rows_count, ROWS);
      memset(row, 0, sizeof(*row));
      row->epoch = epoch;
      row->begin = begin;
      row->end = end;
      row->region = i;
      row->pages = 1 + some(40);
      row->bytes = row->pages * page_sizes[i];
      row->address = (uint64_t)(uintptr_t)ww_region_address(regions[i]) + page * page_sizes[i];
      row->evidence = 1 + (unsigned)some(4);
      fake_run(dirty, regions[i], page, row->pages, (int)row->evidence);
      pages_by_evidence[row->evidence] += row->pages;
      for (p = page; p < page + row->pages; p++) {
        distinct[i] += !ever[i][p];
        ever[i][p] = true;
      }
      if (row->evidence == WW_TRAPPED)
        for (p = row->pages; p-- > 0;) {
          unsigned stack = (unsigned)some(3);
          int32_t thread = (int32_t)some(INT32_MAX);
          time += some(1000) * 64;
          if (!row->written) {
            row->written = true;
            row->thread = thread;
            row->time = time;
          }
          fake_fault(dirty, regions[i], page + p, thread, time, stacks[stack], 2);
          pages_by_stack[stack]++;
        }
      page += row->pages + some(300);
    }
  }
  ck_assert_int_eq(ww_summary_add(summary, dirty), 0);
}

static ww_summary *
random_summary(void)
{
  const char *seed = getenv("REPORT_SEED");
  ww_summary *summary;
  unsigned i;
  uint64_t now = 0;

  state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
  printf("# REPORT_SEED=%" PRIu64 "\n", state);
  fflush(stdout);
  for (i = 0; i < REGIONS; i++)
    regions[i] = fake_region(names[i], (i + 1) * UINT64_C(0x100000000), 2048, page_sizes[i]);
  ck_assert_int_eq(ww_summary_create(&summary, "random"), 0);
  for (i = 1; i <= EPOCHS; i++) {
    uint64_t begin = now;
    now += some(1000000000);
    one_epoch(summary, i, begin, now);
  }
  fake_free();
  return summary;
}

static uint64_t
integer(json_t *object, const char *key)
{
  json_t *value = json_object_get(object, key);

  ck_assert_msg(json_is_integer(value), "%s is no integer", key);
  return (uint64_t)json_integer_value(value);
}

static uint64_t
hex(json_t *object, const char *key)
{
  const char *text = json_string_value(json_object_get(object, key));
  char *end;
  uint64_t value;

  ck_assert_ptr_nonnull(text);
  ck_assert_int_eq(strncmp(text, "0x", 2), 0);
  value = strtoull(text, &end, 16);
  ck_assert_int_eq(*end, 0);
  return value;
}

static json_t *
parsed(ww_summary *summary)
{
  char *text = report_of(summary, WW_FORMAT_JSON);
  json_error_t error;
  json_t *report = json_loads(text, JSON_REJECT_DUPLICATES, &error);

  ck_assert_msg(report != NULL, "line %d: %s", error.line, error.text);
  free(text);
  ck_assert_str_eq(json_string_value(json_object_get(report, "format")), "writewatch-report");
  ck_assert_uint_eq(integer(report, "version"), 1);
  return report;
}

START_TEST(json)
{
  ww_summary *summary = random_summary();
  json_t *report = parsed(summary), *epoch, *run, *region, *writer, *totals;
  size_t e, r, at = 0, i;
  uint64_t all = 0, folded = 0;

  json_array_foreach(json_object_get(report, "epochs"), e, epoch) {
    json_array_foreach(json_object_get(epoch, "runs"), r, run) {
      const struct row *row = &rows[at++];
      ck_assert_uint_le(at, rows_count);
      ck_assert_uint_eq(integer(epoch, "epoch"), row->epoch);
      ck_assert_uint_eq(integer(epoch, "begin_ns"), row->begin);
      ck_assert_uint_eq(integer(epoch, "end_ns"), row->end);
      ck_assert_uint_eq(integer(run, "region"), row->region);
      ck_assert_uint_eq(hex(run, "address"), row->address);
      ck_assert_uint_eq(integer(run, "pages"), row->pages);
      ck_assert_str_eq(json_string_value(json_object_get(run, "evidence")), evidences[row->evidence]);
      if (row->written) {
        ck_assert_uint_eq(integer(run, "first_thread"), (uint64_t)row->thread);
        ck_assert_uint_eq(integer(run, "first_time_ns"), row->time);
      } else {
        ck_assert(json_is_null(json_object_get(run, "first_thread")));
        ck_assert(json_is_null(json_object_get(run, "first_time_ns")));
      }
      all += row->pages;
    }
  }
  ck_assert_uint_eq(e, EPOCHS);
  ck_assert_uint_eq(at, rows_count);
  totals = json_object_get(report, "totals");
  ck_assert_uint_eq(integer(totals, "pages"), all);
  for (i = 1; i < 5; i++)
    ck_assert_uint_eq(integer(totals, evidences[i]), pages_by_evidence[i]);
  ck_assert_uint_eq(integer(totals, "written_pages"), pages_by_evidence[WW_TRAPPED]);
  json_array_foreach(json_object_get(report, "regions"), i, region) {
    ck_assert_str_eq(json_string_value(json_object_get(region, "name")), names[i]);
    ck_assert_uint_eq(integer(region, "distinct_pages"), distinct[i]);
    ck_assert_uint_eq(integer(region, "page_size"), page_sizes[i]);
  }
  ck_assert_uint_eq(i, REGIONS);
  all = UINT64_MAX;
  json_array_foreach(json_object_get(report, "writers"), i, writer) {
    json_t *frame = json_array_get(json_object_get(writer, "stack"), 0), *thread;
    uint64_t by_thread = 0;
    size_t t;
    ck_assert_uint_eq(integer(writer, "pages"), pages_by_stack[hex(frame, "address") - 0x10]);
    ck_assert_uint_le(integer(writer, "pages"), all);
    all = integer(writer, "pages");
    folded += all;
    json_array_foreach(json_object_get(writer, "threads"), t, thread)
      by_thread += integer(thread, "pages");
    ck_assert_uint_eq(by_thread, all);
  }
  ck_assert_uint_eq(folded, pages_by_evidence[WW_TRAPPED]);
  json_decref(report);
  ww_summary_free(summary);
}
END_TEST

/* A field of a record, as RFC 4180 has it; what ended it in *end. */
static const char *
field(const char *at, char *to, size_t room, char *end)
{
  size_t used = 0;

  if (*at == '"') {
    for (at++; *at != '"' || at[1] == '"'; at++) {
      ck_assert_msg(*at != 0, "a quote is not closed");
      at += *at == '"';
      ck_assert_uint_lt(used + 1, room);
      to[used++] = *at;
    }
    at++;
  } else {
    for (; *at != ',' && *at != '\n'; at++) {
      ck_assert_msg(*at != 0 && *at != '"' && *at != '\r', "a bare field holds what needs quotes");
      ck_assert_uint_lt(used + 1, room);
      to[used++] = *at;
    }
  }
  to[used] = 0;
  ck_assert(*at == ',' || *at == '\n');
  *end = *at;
  return at + 1;
}

START_TEST(csv)
{
  static const char *const columns[] = {
    "epoch", "begin_ns", "end_ns", "region", "address", "pages", "bytes", "evidence", "first_thread",
    "first_time_ns", "title", "note_a\"b,c"
  };
  ww_summary *summary = random_summary();
  char *text, fields[12][64], wanted[64], end;
  const char *at;
  size_t line, i;

  ck_assert_int_eq(ww_summary_note(summary, "a\"b,c", "x\ny"), 0);
  text = report_of(summary, WW_FORMAT_CSV);
  at = text;
  for (line = 0; *at; line++) {
    const struct row *row = &rows[line - 1];
    for (i = 0; i < 12; i++) {
      at = field(at, fields[i], sizeof(fields[i]), &end);
      ck_assert_msg(end == (i < 11 ? ',' : '\n'), "record %zu has not 12 fields", line);
    }
    if (line == 0) {
      for (i = 0; i < 12; i++)
        ck_assert_str_eq(fields[i], columns[i]);
      continue;
    }
    ck_assert_uint_le(line, rows_count);
    ck_assert_uint_eq(strtoull(fields[0], NULL, 10), row->epoch);
    ck_assert_uint_eq(strtoull(fields[1], NULL, 10), row->begin);
    ck_assert_uint_eq(strtoull(fields[2], NULL, 10), row->end);
    ck_assert_str_eq(fields[3], names[row->region]);
    snprintf(wanted, sizeof(wanted), "0x%" PRIx64, row->address);
    ck_assert_str_eq(fields[4], wanted);
    ck_assert_uint_eq(strtoull(fields[5], NULL, 10), row->pages);
    ck_assert_uint_eq(strtoull(fields[6], NULL, 10), row->bytes);
    ck_assert_str_eq(fields[7], evidences[row->evidence]);
    snprintf(wanted, sizeof(wanted), "%" PRId32, row->thread);
    ck_assert_str_eq(fields[8], row->written ? wanted : "");
    snprintf(wanted, sizeof(wanted), "%" PRIu64, row->time);
    ck_assert_str_eq(fields[9], row->written ? wanted : "");
    ck_assert_str_eq(fields[10], "random");
    ck_assert_str_eq(fields[11], "x\ny");
  }
  ck_assert_uint_eq(line, rows_count + 1);
  free(text);
  ww_summary_free(summary);
}
END_TEST

/* The ends of every range: a region of 2^32 - 1 pages at the top of memory. */
START_TEST(huge)
{
  const uint64_t pages = UINT32_MAX, size = 1 << 21;
  ww_region *region = fake_region("huge", -(pages * size), pages, size);
  ww_dirty *dirty = fake_dirty(UINT64_MAX, UINT64_MAX - 1, UINT64_MAX);
  ww_summary *summary;
  json_t *report, *epoch, *run;
  char *text;

  fake_watch(dirty, region);
  fake_run(dirty, region, 0, 1, WW_TRAPPED);
  fake_run(dirty, region, 1, pages - 1, WW_ASSUMED);
  fake_fault(dirty, region, 0, INT32_MIN, 0, stacks[0], 2);   /* earlier than the epoch */
  ck_assert_int_eq(ww_summary_create(&summary, NULL), 0);
  ck_assert_int_eq(ww_summary_add(summary, dirty), 0);
  fake_free();
  report = parsed(summary);
  region = NULL;
  ck_assert_uint_eq(integer(json_array_get(json_object_get(report, "regions"), 0), "distinct_pages"), pages);
  epoch = json_array_get(json_object_get(report, "epochs"), 0);
  ck_assert_uint_eq(integer(epoch, "epoch"), INT64_MAX);   /* where JSON's integers end */
  run = json_array_get(json_object_get(epoch, "runs"), 0);
  ck_assert_uint_eq(integer(run, "first_time_ns"), 0);
  ck_assert_int_eq(json_integer_value(json_object_get(run, "first_thread")), INT32_MIN);
  run = json_array_get(json_object_get(epoch, "runs"), 1);
  ck_assert_uint_eq(integer(run, "pages"), pages - 1);
  ck_assert_uint_eq(hex(run, "address"), -(pages * size) + size);
  json_decref(report);
  text = report_of(summary, WW_FORMAT_CSV);
  ck_assert_ptr_nonnull(strstr(text, "\n18446744073709551615,18446744073709551614,"
                                     "18446744073709551615,huge,"));
  free(text);
  free(report_of(summary, WW_FORMAT_TEXT));
  ww_summary_free(summary);
}
END_TEST

/* More stacks than are kept apart: the rest is counted together, none is lost. */
START_TEST(many_writers)
{
  enum { STACKS = 70000 };
  static void *frames[STACKS];
  ww_region *region = fake_region("wide", 0x100000000, STACKS, 4096);
  ww_dirty *dirty = fake_dirty(1, 0, 1000);
  ww_summary *summary;
  json_t *report, *writer;
  uint64_t pages = 0;
  size_t i;

  fake_watch(dirty, region);
  fake_run(dirty, region, 0, STACKS, WW_TRAPPED);
  for (i = 0; i < STACKS; i++) {
    frames[i] = FRAME(i % 4096 + 1 + (i / 4096 << 48));
    fake_fault(dirty, region, i, 1, i, &frames[i], 1);
  }
  ck_assert_int_eq(ww_summary_create(&summary, NULL), 0);
  ck_assert_int_eq(ww_summary_add(summary, dirty), 0);
  report = parsed(summary);
  json_array_foreach(json_object_get(report, "writers"), i, writer) {
    pages += integer(writer, "pages");
    ck_assert_int_eq(json_is_true(json_object_get(writer, "folded")), i == 65536);
  }
  ck_assert_uint_eq(i, 65537);
  ck_assert_uint_eq(pages, STACKS);
  json_decref(report);
  ww_summary_free(summary);
  fake_free();
}
END_TEST

int
main(void)
{
  Suite *suite = suite_create("values");
  TCase *cases = tcase_create("reports");

  tcase_set_timeout(cases, 120);
  tcase_add_test(cases, json);
  tcase_add_test(cases, csv);
  tcase_add_test(cases, huge);
  tcase_add_test(cases, many_writers);
  suite_add_tcase(suite, cases);
  return run_suite(suite);
}
