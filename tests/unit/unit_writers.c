/* unit_writers.c - each stack once, within bounds, from many threads. */
#include "config.h"
#include "unit.h"
#include "writers.h"

#include <pthread.h>
#include <string.h>

enum { DEPTH = 8, LIMIT = 1000, THREADS = 4 };

static struct writers *shared;

static unsigned
make_stack(void **frames, uintptr_t kind)
{
  unsigned depth = 1 + kind % DEPTH;
  for (unsigned i = 0; i < depth; i++)
    frames[i] = (void *)(0x400000 + kind * 16 + i);
  return depth;
}

static bool
is_stack(const struct writers *writers, uint32_t number, uintptr_t kind)
{
  void *frames[DEPTH];
  unsigned depth = make_stack(frames, kind), got;
  void *const *kept = writers_frames(writers, number, &got);
  return kept && got == depth && !memcmp(kept, frames, depth * sizeof *frames);
}

START_TEST(test_same_stack_same_number)
{
  struct writers *writers = writers_create(DEPTH, LIMIT);
  uint32_t number[LIMIT];
  void *frames[DEPTH];
  for (unsigned turn = 0; turn < 2; turn++)
    for (uintptr_t kind = 0; kind < 500; kind++) {
      unsigned depth = make_stack(frames, kind);
      uint32_t got = writers_intern(writers, frames, depth);
      ck_assert_uint_ne(got, 0);
      if (turn)
        ck_assert_uint_eq(got, number[kind]);
      number[kind] = got;
      ck_assert(is_stack(writers, got, kind));
    }
  ck_assert_uint_eq(atomic_load(&writers->count), 500);
  writers_release(writers);
}
END_TEST

START_TEST(test_full_table)
{
  struct writers *writers = writers_create(DEPTH, 10);
  void *frames[DEPTH];
  unsigned kept = 0;
  for (uintptr_t kind = 0; kind < 100; kind++)
    kept += writers_intern(writers, frames, make_stack(frames, kind)) != 0;
  ck_assert_uint_eq(kept, 10);
  ck_assert_uint_eq(atomic_load(&writers->dropped), 90);
  ck_assert_uint_eq(atomic_load(&writers->count), 10);
  /* Those that are in are still found. */
  ck_assert_uint_ne(writers_intern(writers, frames, make_stack(frames, 3)), 0);
  writers_release(writers);
}
END_TEST

START_TEST(test_no_stack)
{
  unsigned depth = 9;
  ck_assert_ptr_null(writers_frames(NULL, 1, &depth));
  ck_assert_uint_eq(depth, 0);
  ck_assert_ptr_null(writers_frames(shared, 0, &depth));
}
END_TEST

static void *
intern_all(void *first)
{
  void *frames[DEPTH];
  for (unsigned turn = 0; turn < 200; turn++)
    for (uintptr_t kind = 0; kind < 100; kind++) {
      uintptr_t which = (kind + (uintptr_t)first * 25) % 100;
      if (!is_stack(shared, writers_intern(shared, frames, make_stack(frames, which)), which))
        return (void *)1;
    }
  return NULL;
}

START_TEST(test_many_threads)
{
  pthread_t thread[THREADS];
  void *wrong;
  shared = writers_create(DEPTH, LIMIT);
  for (uintptr_t i = 0; i < THREADS; i++)
    pthread_create(&thread[i], NULL, intern_all, (void *)i);
  for (unsigned i = 0; i < THREADS; i++) {
    pthread_join(thread[i], &wrong);
    ck_assert_ptr_null(wrong);
  }
  /* Two threads may both have written the same new stack; in the table it is once. */
  ck_assert_uint_ge(atomic_load(&shared->count), 100);
  ck_assert_uint_le(atomic_load(&shared->count), 100 * THREADS);
  struct writers *second = writers_share(shared);
  writers_release(shared);
  void *frames[DEPTH];
  ck_assert(is_stack(second, writers_intern(second, frames, make_stack(frames, 42)), 42));
  writers_release(second);
}
END_TEST

Suite *
suite_writers(void)
{
  Suite *suite = suite_create("writers");
  TCase *tests = tcase_create("writers");
  tcase_set_timeout(tests, 60);
  tcase_add_test(tests, test_same_stack_same_number);
  tcase_add_test(tests, test_full_table);
  tcase_add_test(tests, test_no_stack);
  tcase_add_test(tests, test_many_threads);
  suite_add_tcase(suite, tests);
  return suite;
}
