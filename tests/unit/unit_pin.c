/* unit_pin.c - pages that the kernel may be writing to: places, nesting, what is read of them. */
#include "config.h"
#include "unit.h"
#include "../tap.h"
#include "pin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

static struct range found[PINS];

static size_t
look(uintptr_t start, uintptr_t end)
{
  size_t count = pin_begin_arming(start, end, found);
  pin_end_arming();
  return count;
}

START_TEST(test_nesting)
{
  int outer = pin_add((struct range){ 0x1000, 0x2000 }, 900);
  int inner = pin_add((struct range){ 0x5000, 0x6000 }, 500);
  ck_assert_uint_eq(look(0, 0x10000), 2);
  ck_assert_uint_eq(look(0x2000, 0x5000), 0);
  ck_assert_uint_eq(look(0x1fff, 0x5001), 2);
  pin_drop(inner);
  ck_assert_uint_eq(look(0, 0x10000), 1);
  inner = pin_add((struct range){ 0x5000, 0x6000 }, 500);
  pin_drop(outer);                      /* and with it what was made after it */
  ck_assert_uint_eq(look(0, 0x10000), 0);
}
END_TEST

START_TEST(test_reaping)
{
  (void)pin_add((struct range){ 0x1000, 0x2000 }, 900);
  (void)pin_add((struct range){ 0x3000, 0x4000 }, 700);
  (void)pin_add((struct range){ 0x5000, 0x6000 }, 500);
  pin_reap(0);                          /* an alternate stack says nothing */
  pin_reap(400);                        /* a call made from a handler that interrupted all three */
  ck_assert_uint_eq(look(0, 0x10000), 3);
  pin_reap(600);
  ck_assert_uint_eq(look(0, 0x10000), 2);
  pin_reap(900);
  ck_assert_uint_eq(look(0, 0x10000), 0);
  (void)pin_add((struct range){ 0x1000, 0x2000 }, 0);
  pin_reap(1000);
  ck_assert_uint_eq(look(0, 0x10000), 1);
}
END_TEST

/* Without a place for a pin all is pinned, until that call is over: or was jumped out of. */
START_TEST(test_no_place)
{
  static int pins[PINS];
  for (size_t i = 0; i < PINS; i++)
    ck_assert_int_ne(pins[i] = pin_hold((struct range){ 0x1000 * i, 0x1000 * i + 1 }), PIN_NONE);
  for (unsigned way = 0; way < 4; way++) {
    ck_assert_int_eq(pin_add((struct range){ 0x900000, 0x900001 }, 500), PIN_NONE);
    ck_assert_int_eq(pin_add((struct range){ 0x900000, 0x900001 }, 400), PIN_NONE);
    ck_assert_uint_eq(look(0x10000000, 0x20000000), 1);
    ck_assert_uint_eq(found[0].start, 0x10000000);
    ck_assert_uint_eq(found[0].end, 0x20000000);
    switch (way) {
      case 0: pin_drop(PIN_NONE); pin_drop(PIN_NONE); break;
      case 1:
        pin_reap(450);                  /* the outer one is not over */
        ck_assert_uint_eq(look(0x10000000, 0x20000000), 1);
        pin_reap(600);
        break;
      case 2: pin_forget_thread(); break;
      case 3:                           /* a fork in the middle of such calls, which go on in the child */
        pin_forget_others();
        ck_assert_uint_eq(look(0x10000000, 0x20000000), 1);
        pin_drop(PIN_NONE);
        pin_drop(PIN_NONE);
        break;
    }
    ck_assert_uint_eq(look(0x10000000, 0x20000000), 0);
  }
  pin_drop(PIN_NONE);                   /* one too many does no harm */
  ck_assert_uint_eq(look(0x10000000, 0x20000000), 0);
}
END_TEST

START_TEST(test_kept)
{
  pin_keep((struct range){ 0x1000, 0x3000 });
  pin_keep((struct range){ 0x1800, 0x2000 });
  (void)pin_add((struct range){ 0x5000, 0x6000 }, 500);
  (void)pin_hold((struct range){ 0x8000, 0x9000 });
  ck_assert_uint_eq(look(0, 0x10000), 3);
  pin_forget_others();                  /* this thread's own calls go on */
  ck_assert_uint_eq(look(0, 0x10000), 2);
  ck_assert_uint_eq(found[1].start, 0x5000);
  pin_forget_thread();
  ck_assert_uint_eq(look(0, 0x10000), 1);
  ck_assert_uint_eq(found[0].end, 0x3000);
}
END_TEST

/* Ranges that meet are one; against a byte for each address. */
START_TEST(test_joining)
{
  enum { SPACE = 400, ROUNDS = 3000 };
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  uint64_t state = tap_seed(0, NULL, (uint64_t)now.tv_nsec);
  for (unsigned round = 0; round < ROUNDS; round++) {
    unsigned char plain[SPACE + 2] = { 0 };
    unsigned pins = 1 + (unsigned)(tap_random(&state) % (round % 10 ? 12 : 100));
    int first = PIN_NONE;
    for (unsigned i = 0; i < pins; i++) {
      uintptr_t start = 1 + tap_random(&state) % (SPACE - 40), end = start + 1 + tap_random(&state) % 30;
      int pin = pin_add((struct range){ start, end }, 500);
      first = i ? first : pin;
      memset(plain + start, 1, end - start);
    }
    size_t count = look(0, SPACE + 2), bytes = 0;
    for (size_t i = 0; i < count; i++) {
      ck_assert_uint_lt(found[i].start, found[i].end);
      ck_assert(i == 0 || found[i - 1].end < found[i].start);
      for (uintptr_t at = found[i].start; at < found[i].end; at++)
        bytes += plain[at];
      ck_assert(!plain[found[i].start - 1] && !plain[found[i].end]);
    }
    for (size_t i = 0; i < SPACE; i++)
      bytes -= plain[i];
    ck_assert_uint_eq(bytes, 0);
    pin_drop(first);
    ck_assert_uint_eq(look(0, SPACE + 2), 0);
  }
}
END_TEST

static _Atomic bool end;

/* Places change hands between ranges far apart. */
static void *
pin_and_drop(void *unused)
{
  for (unsigned i = 0; !atomic_load(&end); i++)
    pin_drop(pin_add(i % 2 ? (struct range){ 0x1000, 0x2000 } : (struct range){ 0x900000, 0x901000 }, 500));
  return unused;
}

/* What is read while it is being changed is a list of ranges all the same, and has all that stays. */
START_TEST(test_torn)
{
  pthread_t thread;
  int stays = pin_hold((struct range){ 0x500000, 0x501000 });
  pthread_create(&thread, NULL, pin_and_drop, NULL);
  for (unsigned i = 0; i < 300000; i++) {
    size_t count = look(0, 0x1000000);
    bool there = false;
    for (size_t j = 0; j < count; j++) {
      ck_assert_uint_lt(found[j].start, found[j].end);
      ck_assert(j == 0 || found[j - 1].end < found[j].start);
      there |= found[j].start <= 0x500000 && found[j].end >= 0x501000;
    }
    ck_assert(there);
  }
  atomic_store(&end, true);
  pthread_join(thread, NULL);
  pin_unhold(stays);
}
END_TEST

Suite *
suite_pin(void)
{
  Suite *suite = suite_create("pin");
  TCase *tests = tcase_create("pin");
  tcase_set_timeout(tests, 120);
  tcase_add_test(tests, test_nesting);
  tcase_add_test(tests, test_reaping);
  tcase_add_test(tests, test_no_place);
  tcase_add_test(tests, test_kept);
  tcase_add_test(tests, test_joining);
  tcase_add_test(tests, test_torn);
  suite_add_tcase(suite, tests);
  return suite;
}
