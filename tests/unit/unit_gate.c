/* unit_gate.c - nobody is inside an epoch once it has been ended. */
#include "config.h"
#include "unit.h"
#include "gate.h"

#include <pthread.h>

enum { THREADS = 3, ADVANCES = 20000 };

static struct gate gate;
static _Atomic uint64_t inside[2], wrong;
static _Atomic bool end;

static void *
pass_on(void *unused)
{
  (void)unused;
  while (!atomic_load(&end)) {
    struct gate_pass pass = gate_enter(&gate);
    atomic_fetch_add(&inside[pass.epoch & 1], 1);
    /* The epoch that stamped us may have been left, but never the one after it. */
    uint64_t now = atomic_load(&gate.epoch);
    if (now != pass.epoch && now != pass.epoch + 1)
      atomic_fetch_add(&wrong, 1);
    atomic_fetch_sub(&inside[pass.epoch & 1], 1);
    gate_leave(pass);
  }
  return NULL;
}

START_TEST(test_advance_waits)
{
  pthread_t thread[THREADS];
  for (unsigned i = 0; i < THREADS; i++)
    pthread_create(&thread[i], NULL, pass_on, NULL);
  for (unsigned i = 0; i < ADVANCES; i++) {
    uint64_t ended = gate_advance(&gate);
    if (atomic_load(&inside[ended & 1]))
      atomic_fetch_add(&wrong, 1);
  }
  atomic_store(&end, true);
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join(thread[i], NULL);
  ck_assert_uint_eq(atomic_load(&wrong), 0);
  ck_assert_uint_eq(atomic_load(&gate.epoch), ADVANCES);
}
END_TEST

START_TEST(test_reset_forgets_those_inside)
{
  static struct gate own;
  (void)gate_enter(&own);
  gate_reset(&own);
  ck_assert_uint_eq(gate_advance(&own), 0);   /* would wait for ever */
}
END_TEST

Suite *
suite_gate(void)
{
  Suite *suite = suite_create("gate");
  TCase *tests = tcase_create("gate");
  tcase_set_timeout(tests, 120);
  tcase_add_test(tests, test_advance_waits);
  tcase_add_test(tests, test_reset_forgets_those_inside);
  suite_add_tcase(suite, tests);
  return suite;
}
