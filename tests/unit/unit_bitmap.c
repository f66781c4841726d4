/* unit_bitmap.c - page sets against a plain array of bytes. */
#include "config.h"
#include "unit.h"
#include "bitmap.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t sizes[] = { 1, 2, 63, 64, 65, 127, 128, 4095, 4096, 4097, 262144, 300001 };

static uint64_t
draw(uint64_t *state)
{
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 20;
}

static size_t
plain_next(const char *plain, size_t bits, size_t from)
{
  while (from < bits && !plain[from])
    from++;
  return from < bits ? from : BITMAP_NONE;
}

static size_t
plain_previous(const char *plain, size_t from)
{
  for (size_t i = from + 1; i-- > 0;)
    if (plain[i])
      return i;
  return BITMAP_NONE;
}

/* Loop index _i: the size; sparse and dense fillings, all queries, then emptying. */
START_TEST(test_like_an_array)
{
  size_t bits = sizes[_i];
  uint64_t state = (uint64_t)_i + 1;
  for (unsigned density = 0; density < 4; density++) {
    struct bitmap map;
    void *memory = calloc(1, bitmap_size(bits));
    char *plain = calloc(1, bits);
    bitmap_init(&map, bits, memory);
    ck_assert_uint_eq(bitmap_next(&map, 0), BITMAP_NONE);
    ck_assert_uint_eq(bitmap_previous(&map, bits - 1), BITMAP_NONE);
    size_t sets = density == 0 ? 1 : density == 1 ? 5 : density == 2 ? bits / 3 + 1 : 3 * bits;
    for (size_t i = 0; i < sets; i++) {
      size_t bit = draw(&state) % bits;
      ck_assert_int_eq(bitmap_set(&map, bit), !plain[bit]);
      plain[bit] = 1;
    }
    for (size_t i = 0; i < (bits < 10000 ? 2000 : 100); i++) {   /* the array is searched bit by bit */
      size_t bit = i < bits && bits < 2000 ? i : draw(&state) % bits;
      ck_assert_int_eq(bitmap_test(&map, bit), plain[bit]);
      ck_assert_uint_eq(bitmap_next(&map, bit), plain_next(plain, bits, bit));
      ck_assert_uint_eq(bitmap_previous(&map, bit), plain_previous(plain, bit));
    }
    ck_assert_uint_eq(bitmap_next(&map, bits), BITMAP_NONE);
    for (size_t bit = 0; (bit = bitmap_next(&map, bit)) != BITMAP_NONE;) {
      bitmap_clear_word(&map, bit / 64);
      for (size_t i = bit / 64 * 64; i < bits && i < bit / 64 * 64 + 64; i++)
        plain[i] = 0;
      /* All before is empty in the array too: looking there again would be quadratic. */
      ck_assert_uint_eq(bitmap_next(&map, 0), plain_next(plain, bits, bit / 64 * 64));
    }
    /* Every word of every level is zero again, or emptying would leak into later epochs. */
    for (size_t i = 0; i < bitmap_size(bits) / 8; i++)
      ck_assert_uint_eq(((uint64_t *)memory)[i], 0);
    free(memory);
    free(plain);
  }
}
END_TEST

START_TEST(test_masks)
{
  ck_assert_uint_eq(bitmap_mask(0, 0, 64), ~(uint64_t)0);
  ck_assert_uint_eq(bitmap_mask(0, 3, 2), 0x18);
  ck_assert_uint_eq(bitmap_mask(0, 60, 10), (uint64_t)0xf << 60);
  ck_assert_uint_eq(bitmap_mask(1, 60, 10), 0x3f);
  ck_assert_uint_eq(bitmap_mask(2, 0, 1000), ~(uint64_t)0);
}
END_TEST

START_TEST(test_set_word_gives_the_old)
{
  struct bitmap map;
  uint64_t memory[8] = { 0 };
  bitmap_init(&map, 128, memory);
  ck_assert_uint_eq(bitmap_set_word(&map, 1, 0x6), 0);
  ck_assert_uint_eq(bitmap_set_word(&map, 1, 0xc), 0x6);
  ck_assert_uint_eq(bitmap_word(&map, 1), 0xe);
}
END_TEST

/* The summaries lie on a page that cannot be written: when a setter comes to them, how far
 * has it come? fork() may leave a bitmap like that in the child. */
static struct bitmap *half_set;
static uint64_t word_seen_half_set;

static void
on_summary(int signal, siginfo_t *info, void *context)
{
  (void)signal;
  (void)info;
  (void)context;
  word_seen_half_set = bitmap_word(half_set, 5);
  mprotect(half_set->level[1], (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE);
}

START_TEST(test_summaries_first)
{
  struct sigaction action = { .sa_sigaction = on_summary, .sa_flags = SA_SIGINFO }, found;
  struct bitmap map;
  uint64_t memory[80] = { 0 };
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  bitmap_init(&map, 4096, memory);
  map.level[1] = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(map.level[1], MAP_FAILED);
  half_set = &map;
  word_seen_half_set = 99;
  sigaction(SIGSEGV, &action, &found);
  bitmap_set(&map, 5 * 64 + 7);
  sigaction(SIGSEGV, &found, NULL);
  ck_assert_uint_eq(word_seen_half_set, 0);
  ck_assert_uint_eq(bitmap_next(&map, 0), 5 * 64 + 7);
  /* A summary whose word is empty misleads nobody. */
  bitmap_clear_word(&map, 5);
  atomic_store(map.level[1], 1 << 5 | 1 << 9);
  ck_assert_uint_eq(bitmap_next(&map, 0), BITMAP_NONE);
  ck_assert_uint_eq(bitmap_previous(&map, 4095), BITMAP_NONE);
  bitmap_set(&map, 9 * 64);
  ck_assert_uint_eq(bitmap_next(&map, 0), 9 * 64);
  ck_assert_uint_eq(bitmap_previous(&map, 4095), 9 * 64);
  munmap(map.level[1], page);
}
END_TEST

Suite *
suite_bitmap(void)
{
  Suite *suite = suite_create("bitmap");
  TCase *tests = tcase_create("bitmap");
  tcase_set_timeout(tests, 60);
  tcase_add_loop_test(tests, test_like_an_array, 0, sizeof sizes / sizeof *sizes);
  tcase_add_test(tests, test_masks);
  tcase_add_test(tests, test_set_word_gives_the_old);
  tcase_add_test(tests, test_summaries_first);
  suite_add_tcase(suite, tests);
  return suite;
}
