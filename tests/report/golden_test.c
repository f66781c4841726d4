/* golden_test.c - reports, byte for byte. What a report should look like lies in
 * tests/report/golden; a different one is left as report-NAME.got. */
#include "config.h"
#include "sample.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <fcntl.h>

static void
settings(const char *columns, const char *locale)
{
  setenv("LC_ALL", locale, 1);
  setenv("COLUMNS", columns, 1);
}

static char *
golden(const char *name)
{
  const char *top = getenv("top_srcdir");
  char path[4096], *text;
  FILE *file;
  size_t size;

  snprintf(path, sizeof(path), "%s/tests/report/golden/%s", top ? top : ".", name);
  file = fopen(path, "r");
  ck_assert_msg(file != NULL, "%s cannot be read", path);
  text = malloc(1 << 20);
  ck_assert_ptr_nonnull(text);
  size = fread(text, 1, (1 << 20) - 1, file);
  text[size] = 0;
  fclose(file);
  return text;
}

static void
compare(const char *name, const char *got)
{
  char *wanted = golden(name), path[256];

  if (strcmp(wanted, got) != 0) {
    FILE *file;
    snprintf(path, sizeof(path), "report-%s.got", name);
    file = fopen(path, "w");
    if (file) {
      fputs(got, file);
      fclose(file);
    }
    ck_abort_msg("differs from golden/%s: compare it with %s", name, path);
  }
  free(wanted);
}

static void
check_sample(const char *name, const char *title, enum ww_format format)
{
  ww_summary *summary = sample_summary(title);
  char *got;

  ck_assert_ptr_nonnull(summary);
  ck_assert_int_eq(ww_summary_note(summary, "seed", "6"), 0);
  ck_assert_int_eq(ww_summary_note(summary, "workload", "sweep, \"mostly\""), 0);
  ck_assert_int_eq(ww_summary_note(summary, "seed", "7"), 0);
  fake_free();   /* a summary has copied all that it needs */
  got = report_of(summary, format);
  ww_summary_free(summary);
  compare(name, got);
  free(got);
}

static const struct {
  const char *name, *columns, *locale;
} texts[] = {
  { "text-utf8-60", "60", "C.UTF-8" }, { "text-utf8-80", "80", "C.UTF-8" },
  { "text-utf8-200", "200", "en_US.utf8" }, { "text-ascii-60", "60", "C" },
  { "text-ascii-80", "", "C" }, { "text-ascii-200", "200", "POSIX" }
};

START_TEST(text)
{
  settings(texts[_i].columns, texts[_i].locale);
  check_sample(texts[_i].name, "demo sweep", WW_FORMAT_TEXT);
}
END_TEST

/* Whatever the width, no line passes it, not by a comma either. */
START_TEST(fits)
{
  ww_summary *summary = sample_summary("demo sweep");
  char columns[8], *got, *rest = NULL, *line;
  unsigned width;

  ck_assert_int_eq(ww_summary_note(summary, "about", "a note of words of many lengths, which nobody "
                                   "wrote for a line of this width or for one of any other"), 0);
  fake_free();
  for (width = 60; width <= 200; width++) {
    snprintf(columns, sizeof(columns), "%u", width);
    settings(columns, "C");
    got = report_of(summary, WW_FORMAT_TEXT);
    for (line = strtok_r(got, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
      ck_assert_msg(strlen(line) <= width, "%zu of %u columns: %s", strlen(line), width, line);
    free(got);
  }
  ww_summary_free(summary);
}
END_TEST

START_TEST(json)
{
  check_sample("sample.json", "demo sweep", WW_FORMAT_JSON);
}
END_TEST

START_TEST(csv)
{
  check_sample("sample.csv", "demo, \"sweep\"", WW_FORMAT_CSV);
}
END_TEST

/* What an embedding program sees: one dirty set, no title, no notes. */
START_TEST(one_set)
{
  static const char *const names[] = { "one-text", "one.json", "one.csv" };
  ww_region *region = fake_region("field", 0x10000000, 640, 4096);
  ww_dirty *dirty = fake_dirty(7, 1000000, 1500000);
  int fd = scratch();
  char *got;

  settings("80", "C.UTF-8");
  fake_watch(dirty, region);
  fake_run(dirty, region, 100, 200, WW_TRAPPED);
  fake_fault(dirty, region, 100, 42, 1000064, stack_fill, 2);
  ck_assert_int_eq(ww_report(dirty, fd, (enum ww_format)_i), 0);
  fake_free();
  got = written(fd, NULL);
  close(fd);
  compare(names[_i], got);
  free(got);
}
END_TEST

/* More epochs, regions and writers than a person wants to see. */
START_TEST(much)
{
  static void *frames[40];
  ww_region *regions[40];
  ww_summary *summary;
  unsigned epoch, i;
  char name[32], *got;

  settings("100", "C.UTF-8");
  for (i = 0; i < 40; i++) {
    snprintf(name, sizeof(name), "region %u", i);
    regions[i] = fake_region(name, 0x10000000 + i * UINT64_C(0x100000), 128, 4096);
    frames[i] = FRAME(0x100 + i);
  }
  ck_assert_int_eq(ww_summary_create(&summary, "much of everything"), 0);
  for (epoch = 1; epoch <= 100; epoch++) {
    ww_dirty *dirty = fake_dirty(epoch, epoch * 1000000,
                                 epoch * 1000000 + (epoch == 50 ? 0 : 250000 * epoch));
    for (i = 0; i < 40; i++)
      fake_watch(dirty, regions[i]);
    for (i = 0; i < 40; i++) {
      uint64_t pages = 1 + (epoch * (i + 3)) % 60;
      if (i == 4)
        continue;
      fake_run(dirty, regions[i], (epoch + i) % 60, pages, WW_TRAPPED);
      fake_fault(dirty, regions[i], (epoch + i) % 60, 10 + (int)(epoch % (i + 1)), epoch * 1000000,
                 &frames[i], 1);
    }
    ck_assert_int_eq(ww_summary_add(summary, dirty), 0);
  }
  fake_free();
  got = report_of(summary, WW_FORMAT_TEXT);
  ww_summary_free(summary);
  compare("much-text", got);
  free(got);
}
END_TEST

/* Names that would break a format or take a terminal over. */
START_TEST(hostile)
{
  static const char *const names[] = { "hostile-text", "hostile.json", "hostile.csv" };
  ww_region *quotes = fake_region("\"q\", 'r'\r\n\t\\", 0x10000000, 4, 4096);
  ww_region *cursor = fake_region("\x1b[2J\x9b" "31m\x7f", 0x10010000, 4, 4096);
  ww_region *broken = fake_region("\xc3(\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82", 0x10020000, 4, 4096);
  ww_region *proper = fake_region("\xc3\xa9\xe2\x80\xae\xf0\x9f\x98\x80", 0x10030000, 4, 4096);
  ww_dirty *dirty = fake_dirty(1, 0, 1000);
  ww_summary *summary;
  char *got;

  settings("80", "C.UTF-8");
  fake_watch(dirty, quotes);
  fake_watch(dirty, cursor);
  fake_watch(dirty, broken);
  fake_watch(dirty, proper);
  fake_run(dirty, quotes, 0, 1, WW_TRAPPED);
  fake_run(dirty, cursor, 1, 1, WW_TRAPPED);
  fake_run(dirty, broken, 2, 1, 77);   /* a kind of evidence that is not known yet */
  fake_run(dirty, proper, 3, 1, WW_TRAPPED);
  ck_assert_int_eq(ww_summary_create(&summary, "a \xff title\n"), 0);
  ck_assert_int_eq(ww_summary_note(summary, "ke\"y,\xff", "va\"lue\n\xfe"), 0);
  ck_assert_int_eq(ww_summary_add(summary, dirty), 0);
  fake_free();
  got = report_of(summary, (enum ww_format)_i);
  ww_summary_free(summary);
  compare(names[_i], got);
  free(got);
}
END_TEST

START_TEST(nothing)
{
  static const char *const names[] = { "nothing-text", "nothing.json", "nothing.csv" };
  ww_summary *summary;
  char *got;

  settings("80", "C");
  ck_assert_int_eq(ww_summary_create(&summary, NULL), 0);
  got = report_of(summary, (enum ww_format)_i);
  compare(names[_i], got);
  free(got);
  /* and an epoch without a region */
  ck_assert_int_eq(ww_summary_add(summary, fake_dirty(1, 0, 0)), 0);
  fake_free();
  got = report_of(summary, (enum ww_format)_i);
  ck_assert_int_gt(strlen(got), 0);
  free(got);
  ww_summary_free(summary);
}
END_TEST

/* A terminal's own width beats COLUMNS. */
START_TEST(terminal)
{
  struct winsize size = { .ws_row = 24, .ws_col = 60 };
  int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
  ww_summary *summary;
  char got[16384], plain[16384], *wanted = golden("text-utf8-60");
  size_t used = 0, i, k = 0;
  ssize_t part;

  ck_assert_int_ge(master, 0);
  ck_assert_int_eq(grantpt(master) | unlockpt(master), 0);
  slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  ck_assert_int_ge(slave, 0);
  ck_assert_int_eq(ioctl(slave, TIOCSWINSZ, &size), 0);
  settings("200", "C.UTF-8");
  summary = sample_summary("demo sweep");
  ck_assert_int_eq(ww_summary_note(summary, "seed", "7"), 0);
  ck_assert_int_eq(ww_summary_note(summary, "workload", "sweep, \"mostly\""), 0);
  if (fork() == 0)   /* a terminal holds 4 KiB until it is read */
    _exit(ww_summary_write(summary, slave, WW_FORMAT_TEXT) != 0);
  close(slave);
  while ((part = read(master, got + used, sizeof(got) - 1 - used)) > 0)
    used += (size_t)part;
  for (i = 0; i < used; i++)
    if (got[i] != '\r')
      plain[k++] = got[i];
  plain[k] = 0;
  ck_assert_str_eq(plain, wanted);
  ww_summary_free(summary);
  fake_free();
  free(wanted);
  close(master);
}
END_TEST

/* Every member of `value` has its entry in the manual page. */
static void
check_documented(json_t *value, const char *manual)
{
  const char *key;
  json_t *member;
  size_t i;

  json_array_foreach(value, i, member)
    check_documented(member, manual);
  json_object_foreach(value, key, member) {
    const char *found = manual;
    size_t length = strlen(key);
    bool documented = false;
    while (!documented && (found = strstr(found, key))) {
      documented = found > manual && strchr(" \n", found[-1]) && strchr(" \n", found[length]);
      found++;
    }
    ck_assert_msg(documented, "writewatch-report(5) says nothing of \"%s\"", key);
    if (strcmp(key, "notes") != 0)
      check_documented(member, manual);
  }
}

START_TEST(manual)
{
  char *page = golden("../../../man/writewatch-report.5"), *columns = golden("one.csv"), *column, *rest;
  json_t *report;
  char *sample = golden("hostile.json"), *more = golden("sample.json");

  report = json_loads(sample, 0, NULL);
  ck_assert_ptr_nonnull(report);
  check_documented(report, page);
  json_decref(report);
  report = json_loads(more, 0, NULL);
  ck_assert_ptr_nonnull(report);
  check_documented(report, page);
  json_decref(report);
  columns[strcspn(columns, "\n")] = 0;
  for (column = strtok_r(columns, ",", &rest); column; column = strtok_r(NULL, ",", &rest))
    ck_assert_msg(strstr(page, column) != NULL, "writewatch-report(5) says nothing of column %s", column);
  free(page);
  free(columns);
  free(sample);
  free(more);
}
END_TEST

int
main(void)
{
  Suite *suite = suite_create("golden");
  TCase *cases = tcase_create("reports");

  tcase_set_timeout(cases, 60);
  tcase_add_loop_test(cases, text, 0, 6);
  tcase_add_test(cases, fits);
  tcase_add_test(cases, json);
  tcase_add_test(cases, csv);
  tcase_add_loop_test(cases, one_set, 0, 3);
  tcase_add_test(cases, much);
  tcase_add_loop_test(cases, hostile, 0, 3);
  tcase_add_loop_test(cases, nothing, 0, 3);
  tcase_add_test(cases, terminal);
  tcase_add_test(cases, manual);
  suite_add_tcase(suite, cases);
  return run_suite(suite);
}
