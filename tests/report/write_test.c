/* write_test.c - descriptors that fail, stall or take a byte at a time, and
 * arguments that are wrong. */
#include "config.h"
#include "sample.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>

/* The linker puts __wrap_write() in the place of write() (see local.mk). */
ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
static bool     stingy;
static unsigned calls;

ssize_t
__wrap_write(int fd, const void *bytes, size_t size)
{
  if (stingy)
    switch (++calls % 3) {
    case 0:  errno = EINTR; return -1;
    case 1:  size = size > 7 ? 7 : size; break;
    default: errno = EAGAIN; return -1;
    }
  return __real_write(fd, bytes, size);
}

START_TEST(full_disk)
{
  ww_summary *summary = sample_summary(NULL);
  int fd = open("/dev/full", O_WRONLY);

  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(ww_summary_write(summary, fd, (enum ww_format)_i), -ENOSPC);
  close(fd);
  ck_assert_int_eq(ww_summary_write(summary, fd, (enum ww_format)_i), -EBADF);
  ww_summary_free(summary);
  fake_free();
}
END_TEST

START_TEST(broken_pipe)
{
  ww_summary *summary = sample_summary(NULL);
  int ends[2];

  signal(SIGPIPE, SIG_IGN);
  ck_assert_int_eq(pipe(ends), 0);
  close(ends[0]);
  ck_assert_int_eq(ww_summary_write(summary, ends[1], (enum ww_format)_i), -EPIPE);
  close(ends[1]);
  ww_summary_free(summary);
  fake_free();
}
END_TEST

/* Short counts, interruptions, and "not now" lose and repeat nothing. */
START_TEST(grudging)
{
  ww_summary *summary = sample_summary(NULL);
  char *wanted, *got;

  setenv("COLUMNS", "80", 1);
  wanted = report_of(summary, (enum ww_format)_i);
  stingy = true;
  got = report_of(summary, (enum ww_format)_i);
  stingy = false;
  ck_assert_uint_gt(calls, 30);
  ck_assert_str_eq(got, wanted);
  free(got);
  free(wanted);
  ww_summary_free(summary);
  fake_free();
}
END_TEST

/* A full pipe that does not block is waited for. */
START_TEST(full_pipe)
{
  ww_summary *summary = sample_summary(NULL);
  char *wanted, *got;
  size_t used = 0, size;
  ssize_t part;
  int ends[2];

  setenv("COLUMNS", "80", 1);
  wanted = report_of(summary, WW_FORMAT_JSON);
  size = strlen(wanted);
  ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
  ck_assert_int_gt(fcntl(ends[1], F_SETPIPE_SZ, 4096), 0);
  if (fork() == 0)
    _exit(-ww_summary_write(summary, ends[1], WW_FORMAT_JSON));
  close(ends[1]);
  got = calloc(1, size + 2);
  ck_assert_ptr_nonnull(got);
  fcntl(ends[0], F_SETFL, 0);
  while ((part = read(ends[0], got + used, size + 1 - used > 512 ? 512 : size + 1 - used)) > 0) {
    used += (size_t)part;
    usleep(1000);
  }
  ck_assert_str_eq(got, wanted);
  close(ends[0]);
  free(got);
  free(wanted);
  ww_summary_free(summary);
  fake_free();
}
END_TEST

START_TEST(arguments)
{
  ww_region *region = fake_region("r", 0x10000, 4, 4096);
  ww_dirty *dirty = fake_dirty(1, 0, 1), *outside = fake_dirty(2, 1, 2);
  ww_summary *summary;
  char *before, *after;

  setenv("COLUMNS", "80", 1);
  ck_assert_int_eq(ww_summary_create(NULL, "x"), -EINVAL);
  ck_assert_int_eq(ww_summary_create(&summary, NULL), 0);
  ck_assert_int_eq(ww_summary_add(summary, NULL), -EINVAL);
  ck_assert_int_eq(ww_summary_add(NULL, dirty), -EINVAL);
  ck_assert_int_eq(ww_summary_note(summary, NULL, "x"), -EINVAL);
  ck_assert_int_eq(ww_summary_note(summary, "x", NULL), -EINVAL);
  ck_assert_int_eq(ww_summary_note(NULL, "x", "x"), -EINVAL);
  ck_assert_int_eq(ww_summary_write(NULL, 1, WW_FORMAT_TEXT), -EINVAL);
  ck_assert_int_eq(ww_summary_write(summary, 1, (enum ww_format)3), -EINVAL);
  ck_assert_int_eq(ww_report(NULL, 1, WW_FORMAT_TEXT), -EINVAL);
  ck_assert_int_eq(ww_report(dirty, 1, (enum ww_format)-1), -EINVAL);
  ck_assert_int_eq(ww_report(dirty, -1, WW_FORMAT_CSV), -EBADF);
  ww_summary_free(NULL);
  /* A set that contradicts itself is refused whole. */
  fake_watch(dirty, region);
  fake_run(dirty, region, 0, 4, WW_TRAPPED);
  fake_watch(outside, region);
  fake_run(outside, region, 0, 1, WW_TRAPPED);
  fake_run(outside, region, 3, 2, WW_TRAPPED);
  ck_assert_int_eq(ww_summary_add(summary, dirty), 0);
  before = report_of(summary, WW_FORMAT_JSON);
  ck_assert_int_eq(ww_summary_add(summary, outside), -EINVAL);
  after = report_of(summary, WW_FORMAT_JSON);
  ck_assert_str_eq(before, after);
  free(before);
  free(after);
  ww_summary_free(summary);
  fake_free();
}
END_TEST

int
main(void)
{
  Suite *suite = suite_create("write");
  TCase *cases = tcase_create("reports");

  tcase_set_timeout(cases, 60);
  tcase_add_loop_test(cases, full_disk, 0, 3);
  tcase_add_loop_test(cases, broken_pipe, 0, 3);
  tcase_add_loop_test(cases, grudging, 0, 3);
  tcase_add_test(cases, full_pipe);
  tcase_add_test(cases, arguments);
  suite_add_tcase(suite, cases);
  return run_suite(suite);
}
