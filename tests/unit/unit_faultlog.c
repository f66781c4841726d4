/* unit_faultlog.c - what goes into a log comes out of it. */
#include "config.h"
#include "unit.h"
#include "faultlog.h"

static void
round_trip(struct fault fault)
{
  struct fault out = faultlog_unpack(faultlog_pack(fault));
  ck_assert_uint_eq(out.page, fault.page);
  ck_assert_uint_eq(out.time, fault.time / FAULTLOG_TIME_UNIT * FAULTLOG_TIME_UNIT);
  ck_assert_int_eq(out.thread, fault.thread);
  ck_assert_uint_eq(out.stack, fault.stack);
}

START_TEST(test_packing)
{
  const uint64_t hours_39 = (((uint64_t)1 << 41) - 1) * FAULTLOG_TIME_UNIT;
  round_trip((struct fault){ 0, 0, 0, 0 });
  round_trip((struct fault){ 0x1000, 1, 1, 1 });
  round_trip((struct fault){ 0x7ffffffff000, 123456789012, 4194303, FAULTLOG_STACK_MAX });
  round_trip((struct fault){ ((uintptr_t)1 << 57) - 0x1000, hours_39, 4194303, 77 });
  struct fault late = faultlog_unpack(faultlog_pack((struct fault){ 0x2000, hours_39 * 3, 5, 6 }));
  ck_assert_uint_eq(late.time, hours_39);
  ck_assert_int_eq(late.thread, 5);
  ck_assert_uint_eq(late.page, 0x2000);
}
END_TEST

START_TEST(test_growing)
{
  struct arena arena = { 0 };
  struct faultlog log = { .arena = &arena };
  size_t next = 0;
  for (size_t room = 1; room < 100000; room += room / 3 + 1) {
    ck_assert_int_eq(faultlog_reserve(&log, room), 0);
    for (; next < room; next++)
      ck_assert(faultlog_append(&log, (struct fault){ .page = (next + 1) << 12, .thread = 7 }));
  }
  ck_assert_uint_eq(faultlog_count(&log), next);
  for (size_t i = 0; i < next; i++)
    ck_assert_uint_eq(faultlog_unpack(*faultlog_at(&log, i)).page, (i + 1) << 12);
  ck_assert_uint_gt(atomic_load(&arena.bytes), 0);
  faultlog_release(&log);
  ck_assert_uint_eq(atomic_load(&arena.bytes), 0);
}
END_TEST

START_TEST(test_full)
{
  struct faultlog log = { 0 };
  ck_assert(!faultlog_append(&log, (struct fault){ .page = 0x1000 }));
  ck_assert_uint_eq(faultlog_count(&log), 0);
  ck_assert_int_eq(faultlog_reserve(&log, 2), 0);
  atomic_store(&log.count, 0);
  size_t room = atomic_load(&log.capacity);
  for (size_t i = 0; i < room; i++)
    ck_assert(faultlog_append(&log, (struct fault){ .page = 0x1000 }));
  ck_assert(!faultlog_append(&log, (struct fault){ .page = 0x1000 }));
  ck_assert_uint_eq(faultlog_count(&log), room);
  faultlog_release(&log);
}
END_TEST

Suite *
suite_faultlog(void)
{
  Suite *suite = suite_create("faultlog");
  TCase *tests = tcase_create("faultlog");
  tcase_add_test(tests, test_packing);
  tcase_add_test(tests, test_growing);
  tcase_add_test(tests, test_full);
  suite_add_tcase(suite, tests);
  return suite;
}
