/* unit_loan.c - what was lent is returned if it differs; copies from and to what the program named. */
#include "config.h"
#include "unit.h"
#include "fault.h"
#include "loan.h"
#include "shield/shield.h"
#include "sigchain.h"
#include "tracker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t size;

static char *
make_memory(size_t pages)
{
  size = (size_t)sysconf(_SC_PAGESIZE);
  char *memory = mmap(NULL, pages * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(memory, MAP_FAILED);
  return memory;
}

static struct ww_region *
make_region(char *memory, size_t pages)
{
  struct ww_tracker *tracker = aligned_alloc(128, (sizeof *tracker + 127) / 128 * 128);
  memset(tracker, 0, sizeof *tracker);
  tracker->flags = WW_SHIELD;
  tracker->mappings_budget = 1000;
  struct ww_region *region = region_create(tracker, "lent", (uintptr_t)memory,
                                           (uintptr_t)memory + pages * size,
                                           (unsigned)__builtin_ctzl(size), 1);
  struct segment_table *table = atomic_load(&region->table);
  table->segment[0] = (struct segment){ .first = 0, .count = pages, .protection = PROT_READ | PROT_WRITE };
  table->count = 1;
  return region;
}

static void
free_region(struct ww_region *region)
{
  free(region->tracker);
  region_release(region);
}

/* 0 is lent and stays, 1 is lent and changes, 2 is trapped besides and stays, 3 was only written. */
START_TEST(test_verify)
{
  char *memory = make_memory(100);
  struct ww_region *region = make_region(memory, 100);
  struct page_set *ended = &region->set[0], *running = &region->set[1];
  loan_take_up(region, (struct pages){ 0, 3 });
  page_set_add(region, ended, 0, 1 << 3);
  memory[size] = 1;
  atomic_fetch_or(&ended->trapped[0], 1 << 2);
  ck_assert_uint_eq(loan_verify(region, ended, running), 1);
  ck_assert_uint_eq(bitmap_word(&ended->dirty, 0), 0xe);
  ck_assert_int_eq(page_set_evidence(ended, 1), WW_DECLARED);
  ck_assert_int_eq(page_set_evidence(ended, 2), WW_TRAPPED);
  free_region(region);
}
END_TEST

/* A, B at the carrying over, A at the judgement, and B again: one of the two epochs has it. */
START_TEST(test_chain)
{
  char *memory = make_memory(70);
  struct ww_region *region = make_region(memory, 70);
  struct page_set *ended = &region->set[0], *running = &region->set[1];
  loan_take_up(region, (struct pages){ 65, 3 });
  memory[66 * size] = 1;
  loan_carry_over(region, ended, running, (struct pages){ 65, 3 });
  ck_assert_uint_eq(bitmap_word(&running->dirty, 1), 0xe);
  memory[66 * size] = 0;
  memory[67 * size] = 1;          /* after the running epoch's mark: its business */
  ck_assert_uint_eq(loan_verify(region, ended, running), 2);
  ck_assert_uint_eq(bitmap_word(&ended->dirty, 1), 0x4);
  memory[66 * size] = 1;
  page_set_clear(ended);
  ck_assert_uint_eq(loan_verify(region, running, ended), 2);
  ck_assert_uint_eq(bitmap_word(&running->dirty, 1), 0x8);
  free_region(region);
}
END_TEST

START_TEST(test_ranges)
{
  struct ranges ranges = { .count = 0 };
  ranges_add(&ranges, 0x1000, 0);
  ranges_add(&ranges, 0, 10);
  ck_assert_uint_eq(ranges.count, 0);
  ranges_add(&ranges, UINTPTR_MAX - 5, 100);
  ck_assert_uint_eq(ranges.range[0].end, UINTPTR_MAX);
  ranges.count = 0;
  for (size_t i = 0; i < SHIELD_RANGES; i++)
    ranges_add(&ranges, 0x10000 * (i + 1), 16);
  ranges_add(&ranges, 0x50000 + 100, 16);       /* nearest: the fifth */
  ranges_add(&ranges, 0x80000 - 200, 16);       /* and the eighth, from below */
  ck_assert_uint_eq(ranges.count, SHIELD_RANGES);
  ck_assert_uint_eq(ranges.range[4].start, 0x50000);
  ck_assert_uint_eq(ranges.range[4].end, 0x50000 + 116);
  ck_assert_uint_eq(ranges.range[7].start, 0x80000 - 200);
  ck_assert_uint_eq(ranges.range[7].end, 0x80000 + 16);
}
END_TEST

/* Good memory, none, and half of it. */
START_TEST(test_safe)
{
  char buffer[64], *memory = make_memory(3);
  char *edge = memory + size;
  memset(memory, 7, size);
  mprotect(edge, size, PROT_NONE);
  sigchain_install(SIGSEGV, fault_handler);
  for (size_t unaligned = 0; unaligned < 8; unaligned += 7) {
    ck_assert_int_eq(safe_read(buffer, (uintptr_t)edge - 32 - unaligned, 32), 0);
    ck_assert_int_eq(buffer[31], 7);
    ck_assert_int_eq(safe_read(buffer, (uintptr_t)edge - 16 + unaligned, 32), -EFAULT);
    ck_assert_int_eq(safe_read(buffer, (uintptr_t)edge + unaligned, 32), -EFAULT);
    ck_assert_int_eq(safe_write((uintptr_t)edge - 32 - unaligned, buffer, 32), 0);
    ck_assert_int_eq(safe_write((uintptr_t)edge - 16 + unaligned, buffer, 32), -EFAULT);
    ck_assert_int_eq(safe_write((uintptr_t)edge + unaligned, buffer, 32), -EFAULT);
  }
  ck_assert_int_eq(safe_read(buffer, 8, 8), -EFAULT);
  ck_assert_int_eq(safe_read(buffer, (uintptr_t)edge, 0), 0);
  mprotect(edge, size, PROT_READ);
  ck_assert_int_eq(safe_write((uintptr_t)edge, buffer, 8), -EFAULT);
  ck_assert_int_eq(safe_read(buffer, (uintptr_t)edge, 8), 0);
}
END_TEST

Suite *
suite_loan(void)
{
  Suite *suite = suite_create("loan");
  TCase *tests = tcase_create("loan");
  tcase_add_test(tests, test_verify);
  tcase_add_test(tests, test_chain);
  tcase_add_test(tests, test_ranges);
  tcase_add_test(tests, test_safe);
  suite_add_tcase(suite, tests);
  return suite;
}
