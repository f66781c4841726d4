/* doctor_tracking.c - does tracking work here, and what does a fault cost? Both
 * are found by doing it, through the library, for a moment. */
#include "config.h"
#include "delivery.h"
#include "doctor.h"
#include "writewatch.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGES 256
#define WARM_EPOCHS 2
#define EPOCHS 21
#define FRAMES 16
#define CHILD_SECONDS 20  /* longer means that it hangs */

const char *
doctor_in_child(void (*probe)(void *result), void *result, size_t size)
{
  static char words[160];
  const char *failed = NULL;
  void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int status;
  pid_t child;

  if (shared == MAP_FAILED) {
    snprintf(words, sizeof words, "mmap: %s", strerror(errno));
    return words;
  }
  memcpy(shared, result, size);
  fflush(NULL);
  child = fork();
  if (child == 0) {
    alarm(CHILD_SECONDS);
    probe(shared);
    _exit(0);
  }
  if (child < 0) {
    snprintf(words, sizeof words, "fork: %s", strerror(errno));
    failed = words;
  } else {
    pid_t ended;

    while ((ended = waitpid(child, &status, 0)) < 0 && errno == EINTR)
      ;
    if (ended < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      if (ended >= 0 && WIFSIGNALED(status))
        snprintf(words, sizeof words, "the trial was ended by signal %d (%s)", WTERMSIG(status),
                 WTERMSIG(status) == SIGALRM ? "it hung" : strsignal(WTERMSIG(status)));
      else
        snprintf(words, sizeof words, "the trial ended in a way that is not known");
      failed = words;
    }
    memcpy(result, shared, size);
  }
  munmap(shared, size);
  return failed;
}

static double
now(void)
{
  struct timespec time;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int
compare_doubles(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

static double
median(double *values, size_t count)
{
  qsort(values, count, sizeof *values, compare_doubles);
  return values[count / 2];
}

static bool __attribute__((format(printf, 2, 3)))
fail(struct doctor_tracking *tracking, const char *format, ...)
{
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(tracking->reason, sizeof tracking->reason, format, arguments);
  va_end(arguments);
  return false;
}

static bool
fail_call(struct doctor_tracking *tracking, const char *call, int error)
{
  const char *about = ww_last_error();

  return fail(tracking, "%s: %s%s%s", call, ww_strerror(error), *about ? ": " : "", about);
}

struct trial {
  struct doctor_tracking *tracking;
  ww_tracker             *tracker;
  unsigned char          *memory;
  size_t                  page_size;
  unsigned short          order[PAGES];
};

/* At least FRAMES calls deep, so that a stack of that many frames is there to
 * be walked. The empty asm keeps the call from becoming a jump. */
static void __attribute__((noinline))
write_deep(volatile unsigned char *byte, unsigned depth)
{
  if (depth == 0)
    *byte = (unsigned char)(*byte + 1);
  else
    write_deep(byte, depth - 1);
  __asm__ volatile("" ::: "memory");
}

static double
write_all(const struct trial *trial)
{
  const double begin = now();

  for (size_t i = 0; i < PAGES; i++)
    write_deep(trial->memory + trial->order[i] * trial->page_size, FRAMES);
  return now() - begin;
}

/* Nanoseconds a fault: what the first pass of an epoch takes longer than a second one. */
static bool
measure(struct trial *trial, double *cost)
{
  double costs[EPOCHS];

  for (int epoch = -WARM_EPOCHS; epoch < EPOCHS; epoch++) {
    const double faulting = write_all(trial), plain = write_all(trial);
    ww_dirty *dirty;
    size_t trapped;
    int error;

    if (epoch >= 0)
      costs[epoch] = (faulting - plain) / PAGES;
    if ((error = ww_collect(trial->tracker, &dirty)) != 0)
      return fail_call(trial->tracking, "ww_collect", error);
    trapped = ww_dirty_count(dirty, WW_TRAPPED);
    ww_dirty_free(dirty);
    if (trapped != PAGES)
      return fail(trial->tracking, "%d pages were written, %zu were seen", PAGES, trapped);
  }
  *cost = median(costs, EPOCHS);
  return true;
}

static void
put_in_order(struct trial *trial, bool shuffled)
{
  for (size_t i = 0; i < PAGES; i++)
    /* 101 and 256 have no common factor: each page once. */
    trial->order[i] = (unsigned short)(shuffled ? (i * 101 + 17) % PAGES : i);
}

static bool
try(struct trial *trial, unsigned stack_depth, double *ascending, double *shuffled)
{
  struct doctor_tracking *tracking = trial->tracking;
  struct ww_options options = WW_OPTIONS_INIT;
  struct ww_stats stats = { .size = sizeof stats };
  bool done = false;
  double begin;
  int error;

  options.engine = WW_ENGINE_MPROTECT;
  options.stack_depth = stack_depth;
  if ((error = ww_tracker_create(&trial->tracker, &options)) != 0)
    return fail_call(tracking, "ww_tracker_create", error);
  if ((error = ww_region_add(trial->tracker, "doctor", trial->memory, PAGES * trial->page_size, NULL)) != 0) {
    fail_call(tracking, "ww_region_add", error);
  } else {
    begin = now();
    if ((error = ww_start(trial->tracker)) != 0) {
      fail_call(tracking, "ww_start", error);
    } else {
      tracking->start = now() - begin;
      if (ww_tracker_stats(trial->tracker, &stats) == 0)
        tracking->mappings_budget = stats.mappings_budget;
      put_in_order(trial, false);
      done = measure(trial, ascending);
      put_in_order(trial, true);
      done = done && (!shuffled || measure(trial, shuffled));
    }
  }
  ww_tracker_destroy(trial->tracker);
  return done;
}

static void
probe(void *result)
{
  struct trial trial = { .tracking = result, .page_size = (size_t)sysconf(_SC_PAGESIZE) };
  struct doctor_tracking *tracking = result;
  sigset_t mask;

  /* A blocked SIGSEGV kills at the first fault; the advice speaks of it. */
  sigemptyset(&mask);
  sigaddset(&mask, SIGSEGV);
  sigprocmask(SIG_UNBLOCK, &mask, NULL);
  trial.memory = mmap(NULL, PAGES * trial.page_size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (trial.memory == MAP_FAILED) {
    fail(tracking, "mmap: %s", strerror(errno));
    return;
  }
  memset(trial.memory, 1, PAGES * trial.page_size);
  tracking->signal = delivery_cost(11, 500);
  if (!try(&trial, 0, &tracking->ascending, &tracking->shuffled))
    return;
  tracking->pages = PAGES;
  if (tracking->stacks) {
    if (!try(&trial, FRAMES, &tracking->with_stacks, NULL))
      return;
  }
  tracking->works = true;
}

void
doctor_tracking_probe(struct doctor_tracking *tracking)
{
  const char *failed;

  memset(tracking, 0, sizeof *tracking);
  tracking->stacks = ww_has_stacks() != 0;
  tracking->signal = tracking->ascending = tracking->shuffled = tracking->with_stacks = tracking->start = -1;
  failed = doctor_in_child(probe, tracking, sizeof *tracking);
  if (failed) {
    tracking->works = false;
    snprintf(tracking->reason, sizeof tracking->reason, "%s", failed);
  }
}
