/* unit_api.c - every documented error of the public face, with a sentence, outputs untouched. */
#include "config.h"
#include "unit.h"
#include "../engine.h"
#include "region.h"
#include "writewatch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CK_FAILS(call, error, about) do { \
    ck_assert_int_eq((call), (error)); \
    ck_assert_msg(strstr(ww_last_error(), (about)), "\"%s\" does not say \"%s\"", ww_last_error(), (about)); \
  } while (0)

static ww_tracker *tracker;
static char *memory;
static size_t page;

static void
setup(void)
{
  page = (size_t)sysconf(_SC_PAGESIZE);
  memory = mmap(NULL, 16 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert_int_eq(ww_tracker_create(&tracker, NULL), 0);
}

static void
teardown(void)
{
  ww_tracker_destroy(tracker);
  munmap(memory, 16 * page);
}

START_TEST(test_options)
{
  ww_tracker *untouched = (ww_tracker *)0x10, *out = untouched;
  struct ww_options options = WW_OPTIONS_INIT;
  CK_FAILS(ww_tracker_create(NULL, NULL), -EINVAL, "no place");
  options.size = 4;
  CK_FAILS(ww_tracker_create(&out, &options), -EINVAL, "size");
  options.size = sizeof options;
  options.engine = (enum ww_engine)99;
  CK_FAILS(ww_tracker_create(&out, &options), -EINVAL, "engine");
  options.engine = WW_ENGINE_AUTO;
  options.policy = (enum ww_policy)99;
  CK_FAILS(ww_tracker_create(&out, &options), -EINVAL, "policy");
  options.policy = WW_POLICY_TRAP;
  options.flags = 1u << 31;
  CK_FAILS(ww_tracker_create(&out, &options), -EINVAL, "flags");
  options.flags = 0;
  options.stack_depth = WW_STACK_MAX + 1;
  CK_FAILS(ww_tracker_create(&out, &options), -EINVAL, "stack_depth");
  options.stack_depth = 0;
  options.stack_limit = 1 << 20;
  CK_FAILS(ww_tracker_create(&out, &options), -EINVAL, "stack_limit");
  options.stack_limit = 0;
  ck_assert_ptr_eq(out, untouched);
  struct { struct ww_options known; char more[16]; } newer = { options, { 0 } };
  newer.known.size = sizeof newer;
  ck_assert_int_eq(ww_tracker_create(&out, &newer.known), 0);
  ww_tracker_destroy(out);
  newer.more[9] = 1;
  CK_FAILS(ww_tracker_create(&out, &newer.known), -E2BIG, "version");
  options.stack_depth = 4;
  int error = ww_tracker_create(&out, &options);
  ck_assert_int_eq(error, ww_has_stacks() && engine_has_writers() ? 0 : -ENOTSUP);
  if (!error)
    ww_tracker_destroy(out);
  ww_tracker_destroy(NULL);
}
END_TEST

START_TEST(test_ranges)
{
  ww_region *untouched = (ww_region *)0x10, *out = untouched;
  char range[64];
  int local = 0;
  CK_FAILS(ww_region_add(NULL, "x", memory, page, &out), -EINVAL, "tracker");
  CK_FAILS(ww_region_add(tracker, "x", NULL, page, &out), -EINVAL, "address");
  CK_FAILS(ww_region_add(tracker, "x", memory, 0, &out), -EINVAL, "length");
  CK_FAILS(ww_region_add(tracker, "wrap", memory, SIZE_MAX - 10, &out), -EOVERFLOW, "wrap");
  CK_FAILS(ww_region_add(tracker, "wrap", (void *)(UINTPTR_MAX - 100), 50, &out), -EOVERFLOW, "wrap");
  ck_assert_int_eq(munmap(memory + 4 * page, page), 0);
  ck_assert_int_eq(mprotect(memory + 8 * page, 2 * page, PROT_READ), 0);
  snprintf(range, sizeof range, "%#lx-%#lx is not mapped", (unsigned long)(memory + 4 * page),
           (unsigned long)(memory + 5 * page));
  CK_FAILS(ww_region_add(tracker, "hole", memory, 6 * page, &out), -EFAULT, range);
  snprintf(range, sizeof range, "%#lx-%#lx is not writable", (unsigned long)(memory + 8 * page),
           (unsigned long)(memory + 10 * page));
  CK_FAILS(ww_region_add(tracker, "read-only", memory + 6 * page, 10 * page, &out), -EACCES, range);
  CK_FAILS(ww_region_add(tracker, "nothing", (void *)page, page, &out), -EFAULT, "not mapped");
  CK_FAILS(ww_region_add(tracker, "stack", &local, sizeof local, &out), -EBUSY, "stack");
  CK_FAILS(ww_region_add(tracker, "thread", &errno, sizeof errno, &out), -EBUSY, "thread-local");
  CK_FAILS(ww_region_add(tracker, "own", tracker, 1, &out), -EBUSY, "Writewatch");
  /* The variables that the handler writes to. */
  CK_FAILS(ww_region_add(tracker, "own", &region_gate, 1, &out), -EBUSY, "Writewatch");
  ck_assert_ptr_eq(out, untouched);
  /* None of these left anything behind. */
  struct ww_stats stats = { .size = sizeof stats };
  ck_assert_int_eq(ww_tracker_stats(tracker, &stats), 0);
  ck_assert_uint_eq(stats.regions, 0);
}
END_TEST

START_TEST(test_overlap)
{
  ww_region *region, *out = NULL;
  ww_tracker *other;
  ck_assert_int_eq(ww_tracker_create(&other, NULL), 0);
  ck_assert_int_eq(ww_region_add(tracker, "first", memory + 2 * page + 100, 2 * page, &region), 0);
  ck_assert_ptr_eq(ww_region_address(region), memory + 2 * page);
  ck_assert_uint_eq(ww_region_length(region), 3 * page);
  CK_FAILS(ww_region_add(tracker, "second", memory, 16 * page, &out), -EEXIST, "\"first\"");
  CK_FAILS(ww_region_add(other, "second", memory + 4 * page, 1, &out), -EEXIST, "\"first\"");
  ck_assert_int_eq(ww_region_add(other, "second", memory + 5 * page, 1, &out), 0);
  ck_assert_int_eq(ww_region_remove(region), 0);
  ck_assert_int_eq(ww_region_add(other, "third", memory + 4 * page, 1, NULL), 0);
  CK_FAILS(ww_region_remove(NULL), -EINVAL, "NULL");
  ww_tracker_destroy(other);
}
END_TEST

/* A handle that ended is an argument that is not valid, not memory to look into. */
START_TEST(test_removed_twice)
{
  ww_region *region, *other;
  struct ww_stats stats = { .size = sizeof stats };
  ck_assert_int_eq(ww_region_add(tracker, "stays", memory + 8 * page, page, &other), 0);
  ck_assert_int_eq(ww_region_add(tracker, "goes", memory, page, &region), 0);
  ck_assert_int_eq(ww_region_remove(region), 0);
  CK_FAILS(ww_region_remove(region), -EINVAL, "removed before");
  ck_assert_int_eq(ww_start(tracker), 0);
  CK_FAILS(ww_region_remove(region), -EINVAL, "removed before");
  ck_assert_int_eq(ww_tracker_stats(tracker, &stats), 0);
  ck_assert_uint_eq(stats.regions, 1);
}
END_TEST

START_TEST(test_states)
{
  ww_dirty *untouched = (ww_dirty *)0x10, *out = untouched;
  CK_FAILS(ww_start(NULL), -EINVAL, "NULL");
  CK_FAILS(ww_stop(NULL), -EINVAL, "NULL");
  CK_FAILS(ww_collect(NULL, &out), -EINVAL, "NULL");
  CK_FAILS(ww_collect(tracker, NULL), -EINVAL, "NULL");
  CK_FAILS(ww_stop(tracker), -EALREADY, "not started");
  CK_FAILS(ww_collect(tracker, &out), -ENODATA, "ww_start");
  ck_assert_ptr_eq(out, untouched);
  ck_assert_int_eq(ww_start(tracker), 0);
  CK_FAILS(ww_start(tracker), -EALREADY, "started");
  ck_assert_int_eq(ww_stop(tracker), 0);
  ck_assert_int_eq(ww_start(tracker), 0);
}
END_TEST

START_TEST(test_touch)
{
  ck_assert_int_eq(ww_touch(NULL, memory, 1), -EINVAL);
  ck_assert_int_eq(ww_touch(tracker, memory + 10, SIZE_MAX), -EINVAL);
  ck_assert_int_eq(ww_touch(tracker, memory, 0), 0);
  ck_assert_int_eq(ww_touch(tracker, memory, 100 * page), 0);   /* in no region */
}
END_TEST

START_TEST(test_unmapped_region)
{
  ww_dirty *out;
  ww_region *gone;
  ck_assert_int_eq(ww_region_add(tracker, "stays", memory, page, NULL), 0);
  ck_assert_int_eq(ww_region_add(tracker, "goes", memory + 8 * page, 4 * page, &gone), 0);
  ck_assert_int_eq(ww_start(tracker), 0);
  memory[0] = 1;
  memory[8 * page] = 1;
  munmap(memory + 8 * page, 4 * page);
  CK_FAILS(ww_collect(tracker, &out), -EFAULT, "\"goes\"");
  CK_FAILS(ww_region_remove(gone), -EFAULT, "\"goes\"");
  /* Nothing of the other region is lost. */
  ck_assert_int_eq(ww_collect(tracker, &out), 0);
  ck_assert_uint_eq(ww_dirty_pages(out), 1);
  ww_dirty_free(out);
}
END_TEST

START_TEST(test_stats)
{
  struct ww_stats stats = { .size = sizeof stats };
  CK_FAILS(ww_tracker_stats(NULL, &stats), -EINVAL, "NULL");
  CK_FAILS(ww_tracker_stats(tracker, NULL), -EINVAL, "NULL");
  stats.size = 3;
  CK_FAILS(ww_tracker_stats(tracker, &stats), -EINVAL, "size");
  stats.size = sizeof stats;
  ck_assert_int_eq(ww_region_add(tracker, "x", memory, 16 * page, NULL), 0);
  ck_assert_int_eq(ww_start(tracker), 0);
  memory[0] = memory[5 * page] = 1;
  ck_assert_int_eq(ww_tracker_stats(tracker, &stats), 0);
  ck_assert_uint_eq(stats.size, sizeof stats);
  ck_assert_uint_eq(stats.epoch, 1);
  ck_assert_uint_eq(stats.regions, 1);
  ck_assert_uint_eq(stats.pages, 16);
  ck_assert_uint_eq(stats.bytes, 16 * page);
  ck_assert_uint_eq(stats.faults, engine_has_writers() ? 2 : 0);
  ck_assert_uint_eq(stats.mappings_used, engine_has_protections() ? 2 + 2 * 2 : 2);
  ck_assert_uint_ge(stats.mappings_budget, stats.mappings_used);
  ck_assert_int_eq(ww_stop(tracker), 0);
  ck_assert_int_eq(ww_tracker_stats(tracker, &stats), 0);
  ck_assert_uint_eq(stats.epoch, 0);
  ck_assert_uint_eq(stats.faults, engine_has_writers() ? 2 : 0);
  ck_assert_uint_eq(stats.mappings_used, 0);
}
END_TEST

/* A dirty set and the region that it names outlive the region and the tracker. */
START_TEST(test_dirty_outlives)
{
  ww_tracker *own;
  ww_region *region;
  ww_dirty *dirty;
  struct ww_writer writer;
  size_t count;
  ck_assert_int_eq(ww_tracker_create(&own, NULL), 0);
  ck_assert_int_eq(ww_region_add(own, "short-lived", memory, 4 * page, &region), 0);
  ck_assert_int_eq(ww_start(own), 0);
  ((volatile char *)memory)[page] = 1;
  ((volatile char *)memory)[2 * page] = 1;
  ck_assert_int_eq(ww_collect(own, &dirty), 0);
  ck_assert_int_eq(ww_region_remove(region), 0);
  CK_FAILS(ww_region_remove(region), -EINVAL, "removed before");   /* alive: the set names it */
  ww_tracker_destroy(own);
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  ck_assert_uint_eq(count, 1);
  ck_assert_str_eq(ww_region_name(run->region), "short-lived");
  ck_assert_uint_eq(ww_dirty_writers(dirty), engine_has_writers() ? 2 : 0);
  ck_assert_int_eq(ww_dirty_writer(dirty, memory + 2 * page + 17, &writer), engine_has_writers()
                   ? 0 : -ENOENT);
  if (engine_has_writers())
    ck_assert_uint_eq(writer.order, 1);
  CK_FAILS(ww_dirty_writer(dirty, memory, &writer), -ENOENT, "epoch 1");
  CK_FAILS(ww_dirty_writer(NULL, memory, &writer), -EINVAL, "NULL");
  CK_FAILS(ww_dirty_writer_at(dirty, 2, NULL, &writer), -EINVAL, engine_has_writers() ? "2 of 2" : "2 of 0");
  ww_dirty_free(dirty);
  ww_dirty_free(NULL);
}
END_TEST

START_TEST(test_copy)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *own;
  ww_region *region;
  ww_dirty *dirty;
  char *buffer = malloc(2 * page);
  options.policy = WW_POLICY_ADAPTIVE;
  ck_assert_int_eq(ww_tracker_create(&own, &options), 0);
  ck_assert_int_eq(ww_region_add(own, "copied", memory, 2 * page, &region), 0);
  ck_assert_int_eq(ww_region_add(own, "next", memory + 2 * page, page, NULL), 0);
  ck_assert_int_eq(ww_start(own), 0);
  ((volatile char *)memory)[page] = 'x';
  ck_assert_int_eq(ww_collect(own, &dirty), 0);
  ck_assert_int_eq(ww_dirty_copy(dirty, memory, 2 * page, buffer), 0);
  ck_assert_int_eq(buffer[page], 'x');
  CK_FAILS(ww_dirty_copy(NULL, memory, page, buffer), -EINVAL, "NULL");
  CK_FAILS(ww_dirty_copy(dirty, NULL, page, buffer), -EINVAL, "NULL");
  CK_FAILS(ww_dirty_copy(dirty, memory, page, NULL), -EINVAL, "NULL");
  CK_FAILS(ww_dirty_copy(dirty, memory + 1, page, buffer), -EINVAL, "whole pages");
  CK_FAILS(ww_dirty_copy(dirty, memory, page - 1, buffer), -EINVAL, "whole pages");
  CK_FAILS(ww_dirty_copy(dirty, memory + page, 2 * page, buffer), -EINVAL, "one region");
  CK_FAILS(ww_dirty_copy(dirty, memory + 3 * page, page, buffer), -EINVAL, "one region");
  CK_FAILS(ww_dirty_copy(dirty, memory, (size_t)0 - page, buffer), -EINVAL, "one region");
  ck_assert_int_eq(ww_stop(own), 0);
  ck_assert_int_eq(ww_dirty_copy(dirty, memory, 2 * page, buffer), 0);
  ck_assert_int_eq(ww_region_remove(region), 0);
  ((volatile char *)memory)[page] = 'y';
  ck_assert_int_eq(ww_dirty_copy(dirty, memory, 2 * page, buffer), 0);   /* merely copied */
  ck_assert_int_eq(buffer[page], 'y');
  ww_tracker_destroy(own);
  ww_dirty_free(dirty);
  free(buffer);
}
END_TEST

/* What the program has taken away since the collect is an error, and leaves nothing behind: not the
 * tracker's lock, nor signals held off. */
START_TEST(test_copy_unreadable)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *own;
  ww_region *region[2];
  ww_dirty *dirty;
  sigset_t before, after;
  char *buffer = malloc(4 * page);
  int fd = memfd_create("shorter", MFD_CLOEXEC);
  ck_assert_int_eq(ftruncate(fd, (off_t)(4 * page)), 0);
  char *file = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  options.policy = WW_POLICY_ADAPTIVE;
  options.engine = WW_ENGINE_MPROTECT;
  ck_assert_int_eq(ww_tracker_create(&own, &options), 0);
  ck_assert_int_eq(ww_region_add(own, "hidden", memory, 4 * page, &region[0]), 0);
  ck_assert_int_eq(ww_region_add(own, "shorter", file, 4 * page, &region[1]), 0);
  ck_assert_int_eq(ww_start(own), 0);
  memset(memory, 'h', 4 * page);
  memset(file, 's', 4 * page);
  ck_assert_int_eq(ww_collect(own, &dirty), 0);
  ck_assert_int_eq(mprotect(memory + 2 * page, page, PROT_NONE), 0);
  ck_assert_int_eq(ftruncate(fd, (off_t)page), 0);
  sigprocmask(SIG_BLOCK, NULL, &before);
  for (int removed = 0; removed < 2; removed++) {
    CK_FAILS(ww_dirty_copy(dirty, memory, 4 * page, buffer), -EFAULT, "hidden");
    CK_FAILS(ww_dirty_copy(dirty, file, 4 * page, buffer), -EFAULT, "shorter");
    sigprocmask(SIG_BLOCK, NULL, &after);
    ck_assert_mem_eq(&before, &after, 8);
    ck_assert_int_eq(ww_dirty_copy(dirty, memory, 2 * page, buffer), 0);
    ck_assert_int_eq(buffer[page], 'h');
    ck_assert_int_eq(ww_dirty_copy(dirty, file, page, buffer), 0);
    ck_assert_int_eq(buffer[page - 1], 's');
    ck_assert_int_eq(mprotect(memory + 2 * page, page, PROT_READ | PROT_WRITE), 0);
    if (!removed) {
      ck_assert_int_eq(ww_region_remove(region[0]), 0);
      ck_assert_int_eq(ww_region_remove(region[1]), 0);
      ck_assert_int_eq(mprotect(memory + 2 * page, page, PROT_NONE), 0);
    }
  }
  ww_tracker_destroy(own);
  ww_dirty_free(dirty);
  munmap(file, 4 * page);
  close(fd);
  free(buffer);
}
END_TEST

START_TEST(test_words)
{
  static const int errors[] = { 0, -EINVAL, -E2BIG, -ENOTSUP, -ENOMEM, -EALREADY, -ENODATA, -EFAULT, -EACCES,
                                -EOVERFLOW, -EFBIG, -EEXIST, -EBUSY, -EIO, -ENOENT };
  const char *other = ww_strerror(-12345);
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    ck_assert_str_ne(ww_strerror(errors[i]), other);
    for (size_t j = 0; j < i; j++)
      ck_assert_str_ne(ww_strerror(errors[i]), ww_strerror(errors[j]));
  }
  ck_assert_str_eq(ww_version(), PACKAGE_VERSION);
}
END_TEST

Suite *
suite_api(void)
{
  Suite *suite = suite_create("api");
  TCase *tests = tcase_create("api");
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, test_options);
  tcase_add_test(tests, test_ranges);
  tcase_add_test(tests, test_overlap);
  tcase_add_test(tests, test_removed_twice);
  tcase_add_test(tests, test_states);
  tcase_add_test(tests, test_touch);
  tcase_add_test(tests, test_unmapped_region);
  tcase_add_test(tests, test_stats);
  tcase_add_test(tests, test_dirty_outlives);
  tcase_add_test(tests, test_copy);
  tcase_add_test(tests, test_copy_unreadable);
  tcase_add_test(tests, test_words);
  suite_add_tcase(suite, tests);
  return suite;
}
