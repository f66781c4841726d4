/* unit_sigmask.c - masks there and back, actions that are set while they are read, and whose memory it is. */
#include "config.h"
#include "unit.h"
#include "disposition.h"
#include "process.h"
#include "sigmask.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(test_off_changes_nothing)
{
  for (int signal = 1; signal <= 64; signal++) {
    ck_assert_uint_eq(sigmask_to_kernel(sigmask_bit(signal)), sigmask_bit(signal));
    ck_assert_uint_eq(sigmask_to_program(sigmask_bit(signal), ~(uint64_t)0), sigmask_bit(signal));
  }
}
END_TEST

/* Any mask comes back, with the shadow that goes with it; what must be open is. */
START_TEST(test_there_and_back)
{
  uint64_t mask = 0;
  atomic_store(&sigmask_on, true);
  for (unsigned i = 0; i < 100000; i++) {
    uint64_t kernel = sigmask_to_kernel(mask);
    ck_assert_uint_eq(kernel & (sigmask_bit(SIGSEGV) | sigmask_bit(SIGSYS)), 0);
    ck_assert_uint_eq(!(kernel & sigmask_bit(SIGSTKFLT)), !(mask & sigmask_bit(SIGSEGV)));
    ck_assert_uint_eq(sigmask_to_program(kernel, mask & SIGMASK_SHADOWED), mask);
    mask = mask * 6364136223846793005u + 1442695040888963407u;
    mask ^= mask >> 31;
  }
  atomic_store(&sigmask_on, false);
}
END_TEST

static struct disposition shared;
static _Atomic bool end;

static void *
set_actions(void *unused)
{
  for (uint64_t i = 2; !atomic_load(&end); i++) {
    struct os_action action = { .flags = i, .mask = i };
    action.handler = (void (*)(int, siginfo_t *, void *))(uintptr_t)i;
    disposition_set(&shared, &action);
  }
  return unused;
}

START_TEST(test_action_is_whole)
{
  pthread_t thread;
  struct os_action action;
  uint64_t last = 0;
  pthread_create(&thread, NULL, set_actions, NULL);
  for (unsigned i = 0; i < 300000; i++) {
    uint64_t version = disposition_get(&shared, &action);
    ck_assert_uint_ge(version, last);
    ck_assert_uint_eq((uintptr_t)action.handler, action.flags);
    ck_assert_uint_eq(action.mask, action.flags);
    last = version;
  }
  atomic_store(&end, true);
  pthread_join(thread, NULL);
}
END_TEST

START_TEST(test_used_up_once)
{
  static struct disposition once;
  struct os_action action = { .flags = 1, .mask = 7 };
  action.handler = (void (*)(int, siginfo_t *, void *))(uintptr_t)64;
  disposition_set(&once, &action);
  uint64_t version = disposition_get(&once, &action);
  ck_assert(disposition_use_up(&once, version));
  ck_assert(!disposition_use_up(&once, version));
  disposition_get(&once, &action);
  ck_assert(action.handler == DISPOSITION_DEFAULT);
  ck_assert_uint_eq(action.mask, 7);
  action.handler = (void (*)(int, siginfo_t *, void *))(uintptr_t)64;
  disposition_set(&once, &action);
  ck_assert(!disposition_use_up(&once, version));
  ck_assert(disposition_use_up(&once, version + 1));
}
END_TEST

/* A child with memory of its own owns it, lock and all; one in ours is a guest and leaves nothing. */
START_TEST(test_whose_memory)
{
  int status;
  ck_assert_int_eq(process_start(), 0);
  process_self()->shadow = 5;
  ck_assert_int_eq(process_self()->guest, 0);
  process_lock();
  pid_t child = fork();
  if (child == 0) {
    process_lock();
    bool good = process_self()->guest == 0 && process_self()->shadow == 5;
    process_unlock();
    _exit(good ? 0 : 1);
  }
  waitpid(child, &status, 0);
  ck_assert_int_eq(status, 0);
  process_unlock();
#if !defined(__SANITIZE_THREAD__)   /* makes a fork() of it */
  child = vfork();
  if (child == 0) {
    struct process_self *self = process_self();
    bool good = self->guest == getpid() && self->shadow == 5;
    self->shadow = 6;
    _exit(good && process_self()->shadow == 6 ? 0 : 1);
  }
  waitpid(child, &status, 0);
  ck_assert_int_eq(status, 0);
#endif
  ck_assert_int_eq(process_self()->guest, 0);
  ck_assert_uint_eq(process_self()->shadow, 5);
}
END_TEST

Suite *
suite_sigmask(void)
{
  Suite *suite = suite_create("sigmask");
  TCase *tests = tcase_create("sigmask");
  tcase_set_timeout(tests, 120);
  tcase_add_test(tests, test_off_changes_nothing);
  tcase_add_test(tests, test_there_and_back);
  tcase_add_test(tests, test_action_is_whole);
  tcase_add_test(tests, test_used_up_once);
  tcase_add_test(tests, test_whose_memory);
  suite_add_tcase(suite, tests);
  return suite;
}
