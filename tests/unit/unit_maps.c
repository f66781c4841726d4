/* unit_maps.c - /proc/self/maps as it is read. */
#include "config.h"
#include "unit.h"
#include "maps.h"
#include "os.h"

#include <errno.h>
#include <fcntl.h>
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

/* The file as it is, without a call that could map memory on the way. */
static size_t
read_plainly(char *text, size_t size)
{
  size_t used = 0;
  ssize_t got = 0;
  int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  ck_assert_int_ge(fd, 0);
  while (used < size - 1 && (got = read(fd, text + used, size - 1 - used)) > 0)
    used += (size_t)got;
  close(fd);
  ck_assert_int_eq(got, 0);
  text[used] = '\0';
  return used;
}

enum { TEXT_SIZE = 1 << 20, MAPPINGS = 4096 };
static char before[TEXT_SIZE], after[TEXT_SIZE];
static struct mapping found[MAPPINGS];

/* The same list as a plain reading, whatever the buffer's size. A sanitizer maps memory
 * when it likes: only what was read between two equal readings is compared. */
START_TEST(test_whole_list)
{
  static const size_t sizes[] = { 1, 2, 7, 64, 4096 };
  char buffer[4096], path[512], *rest = NULL;
  struct maps_reader reader;
  long count = 0, counted, at = 0;
  unsigned tries = 0;
  int more = 0;
  do {
    ck_assert_uint_lt(tries++, 100);
    read_plainly(before, sizeof before);
    ck_assert_int_eq(maps_open(&reader, buffer, sizes[_i]), 0);
    for (count = 0; count < MAPPINGS && (more = maps_next(&reader, &found[count])) > 0; count++)
      ;
    maps_close(&reader);
    counted = maps_count();
    read_plainly(after, sizeof after);
  } while (strcmp(before, after) != 0);
  ck_assert_int_eq(more, 0);
  ck_assert_int_eq(counted, count);
  for (char *line = strtok_r(before, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    const struct mapping *mapping = &found[at++];
    unsigned long start, end;
    char kind[5];
    path[0] = '\0';
    ck_assert_int_le(at, count);
    ck_assert_int_ge(sscanf(line, "%lx-%lx %4s %*s %*s %*s %511[^\n]", &start, &end, kind, path), 3);
    ck_assert_uint_eq(mapping->start, start);
    ck_assert_uint_eq(mapping->end, end);
    ck_assert_int_eq(!!(mapping->protection & PROT_WRITE), kind[1] == 'w');
    ck_assert_int_eq(!!(mapping->protection & PROT_EXEC), kind[2] == 'x');
    ck_assert_int_eq(mapping->shared, kind[3] == 's');
    ck_assert_int_eq(strncmp(mapping->path, path, sizeof mapping->path - 1), 0);
  }
  ck_assert_int_eq(at, count);
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

/* The program may take the right to write away while its memory is added. */
START_TEST(test_populate_read_only)
{
  size_t page = os_page_size();
  char *memory = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(memory, MAP_FAILED);
  os_populate_write((uintptr_t)memory, page, true);
  ck_assert_int_eq(*memory, 0);
  munmap(memory, page);
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
  tcase_add_test(tests, test_populate_read_only);
  suite_add_tcase(suite, tests);
  return suite;
}
