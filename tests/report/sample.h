/* sample.h - the dirty sets that the tests of reports write about, and a place
 * to write to. Include once. */
#include "fake_dirty.h"
#include "report.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* No module is ever mapped in the first page: such frames have no names. */
#define FRAME(number) ((void *)(uintptr_t)(number))
static void *const stack_sweep[] = { FRAME(0x100), FRAME(0x200), FRAME(0x300) };
static void *const stack_fill[] = { FRAME(0x110), FRAME(0x300) };
static void *const stack_deep[] = {
  FRAME(0x101), FRAME(0x102), FRAME(0x103), FRAME(0x104), FRAME(0x105), FRAME(0x106), FRAME(0x107),
  FRAME(0x108), FRAME(0x109), FRAME(0x10a), FRAME(0x10b), FRAME(0x10c), FRAME(0x10d), FRAME(0x10e)
};

/* Three epochs over three regions, every kind of evidence, stacks, a writer
 * without one, and a page that faulted twice. */
static inline ww_summary *
sample_summary(const char *title)
{
  ww_region *heap = fake_region("heap", 0x10000000, 4096, 4096);
  ww_region *odd = fake_region("a,b \"c\"\nd", 0x20000000, 100, 4096);
  ww_region *huge = fake_region("", 0x40000000, 8, 2097152);
  ww_region *idle = fake_region("idle", 0x7fffffff0000, 16, 4096);
  ww_summary *summary = NULL;
  unsigned epoch, i;

  if (ww_summary_create(&summary, title) != 0)
    return NULL;
  for (epoch = 1; epoch <= 3; epoch++) {
    uint64_t begin = (epoch - 1) * 2000000;
    ww_dirty *dirty = fake_dirty(epoch, begin, begin + 2000000);
    fake_watch(dirty, heap);
    fake_watch(dirty, odd);
    if (epoch > 1)
      fake_watch(dirty, huge);
    fake_watch(dirty, idle);
    fake_run(dirty, heap, 0, 1024, WW_TRAPPED);
    fake_run(dirty, heap, 1024 * epoch, 512, WW_VERIFIED);
    fake_run(dirty, heap, 4000, 64, WW_ASSUMED);
    fake_run(dirty, odd, 10 * epoch, 5, WW_TRAPPED);
    fake_run(dirty, odd, 90, 1, WW_DECLARED);
    if (epoch > 1)
      fake_run(dirty, huge, 7, 1, WW_TRAPPED);
    for (i = 0; i < 1024; i++)
      fake_fault(dirty, heap, 1023 - i, 100 + (int)(i % 2), begin + 64 * i, stack_sweep, 3);
    fake_fault(dirty, heap, 5, 999, begin + 70000, stack_fill, 2);   /* again: does not count */
    for (i = 0; i < 5; i++)
      fake_fault(dirty, odd, 10 * epoch + i, 100, begin + 80000 + 64 * i, stack_fill, 2);
    if (epoch == 2)
      fake_fault(dirty, huge, 7, 102, begin + 90048, stack_deep, 14);
    if (epoch == 3)
      fake_fault(dirty, huge, 7, 103, begin + 90112, NULL, 0);
    if (ww_summary_add(summary, dirty) != 0) {
      ww_summary_free(summary);
      return NULL;
    }
  }
  return summary;
}

/* What a report wrote; the caller frees it. */
static char *
written(int fd, size_t *size)
{
  off_t end = lseek(fd, 0, SEEK_END);
  char *text = malloc((size_t)end + 1);

  ck_assert_ptr_nonnull(text);
  ck_assert_int_eq(pread(fd, text, (size_t)end, 0), end);
  text[end] = 0;
  if (size)
    *size = (size_t)end;
  return text;
}

static int
scratch(void)
{
  int fd = memfd_create("report", MFD_CLOEXEC);

  ck_assert_int_ge(fd, 0);
  return fd;
}

static inline char *
report_of(ww_summary *summary, enum ww_format format)
{
  int fd = scratch();
  char *text;

  ck_assert_int_eq(ww_summary_write(summary, fd, format), 0);
  text = written(fd, NULL);
  close(fd);
  return text;
}

/* Run a suite and say TAP. (Check would open /dev/stdout anew, which cuts off
 * what a file already holds: it writes to a scratch file instead.) */
static inline int
run_suite(Suite *suite)
{
  SRunner *runner = srunner_create(suite);
  int fd = memfd_create("tap", MFD_CLOEXEC);
  char path[64], *text;
  off_t size;

  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  srunner_set_tap(runner, path);
  srunner_run_all(runner, CK_SILENT);
  srunner_free(runner);
  size = lseek(fd, 0, SEEK_END);
  text = size > 0 ? calloc(1, (size_t)size + 1) : NULL;
  if (!text || pread(fd, text, (size_t)size, 0) != size) {
    printf("Bail out! no results\n");
    return 99;
  }
  fputs(text, stdout);
  free(text);
  close(fd);
  return 0;   /* TAP says the rest */
}
