/* unit_maps.c - /proc/self/maps as it is read. */
#include "config.h"
#include "unit.h"
#include "maps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

START_TEST(test_protections)
{
  static const int kinds[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_WRITE };
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *memory = mmap(NULL, 4 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (unsigned i = 0; i < 4; i++)
    ck_assert_int_eq(mprotect(memory + i * page, page, kinds[i]), 0);
  for (unsigned i = 0; i < 4; i++) {
    ck_assert_int_eq(maps_protection((uintptr_t)memory + i * page), kinds[i]);
    ck_assert_int_eq(maps_protection((uintptr_t)memory + i * page + page - 1), kinds[i]);
  }
  munmap(memory, 4 * page);
  ck_assert_int_eq(maps_protection((uintptr_t)memory), 0);
  ck_assert_int_eq(maps_protection(0), 0);
}
END_TEST

/* The same list as a plain reading with stdio, whatever the buffer's size. */
START_TEST(test_whole_list)
{
  static const size_t sizes[] = { 1, 2, 7, 64, 4096 };
  char buffer[4096], line[1024], path[512];
  struct maps_reader reader;
  struct mapping mapping;
  size_t count = 0;
  FILE *file = fopen("/proc/self/maps", "re");
  ck_assert_ptr_nonnull(file);
  ck_assert_int_eq(maps_open(&reader, buffer, sizes[_i]), 0);
  while (fgets(line, sizeof line, file)) {
    unsigned long start, end;
    char kind[5];
    path[0] = '\0';
    ck_assert_int_ge(sscanf(line, "%lx-%lx %4s %*s %*s %*s %511[^\n]", &start, &end, kind, path), 3);
    ck_assert_int_eq(maps_next(&reader, &mapping), 1);
    ck_assert_uint_eq(mapping.start, start);
    ck_assert_uint_eq(mapping.end, end);
    ck_assert_int_eq(!!(mapping.protection & PROT_WRITE), kind[1] == 'w');
    ck_assert_int_eq(!!(mapping.protection & PROT_EXEC), kind[2] == 'x');
    ck_assert_int_eq(mapping.shared, kind[3] == 's');
    ck_assert_int_eq(strncmp(mapping.path, path, sizeof mapping.path - 1), 0);
    count++;
  }
  ck_assert_int_eq(maps_next(&reader, &mapping), 0);
  maps_close(&reader);
  fclose(file);
  ck_assert_int_ge(maps_count(), (long)count - 2);
  ck_assert_int_le(maps_count(), (long)count + 2);
}
END_TEST

START_TEST(test_page_size)
{
  char buffer[512];
  struct maps_reader reader;
  struct mapping mapping;
  ck_assert_int_eq(maps_open(&reader, buffer, sizeof buffer), 0);
  for (unsigned i = 0; i < 20 && maps_next(&reader, &mapping) > 0; i++)
    ck_assert_uint_eq(maps_page_size(&mapping), (size_t)sysconf(_SC_PAGESIZE));
  maps_close(&reader);
}
END_TEST

Suite *
suite_maps(void)
{
  Suite *suite = suite_create("maps");
  TCase *tests = tcase_create("maps");
  tcase_add_test(tests, test_protections);
  tcase_add_loop_test(tests, test_whole_list, 0, 5);
  tcase_add_test(tests, test_page_size);
  suite_add_tcase(suite, tests);
  return suite;
}
