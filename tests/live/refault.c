/* refault.c - faults that repeat themselves: one variable, written by one instruction in each of thousands
 * of epochs, is never taken for a fault that is the program's own, however fast another thread arms; and one
 * that is the program's own is still told to it while another thread arms without pause. Runs with the
 * engine that WRITEWATCH_ENGINE names. */
#include "config.h"
#include "../tap.h"
#include "writewatch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static size_t page;
static ww_tracker *tracker;

/* Memory of so many bytes, tracked. */
static void *
track(size_t length, int fd)
{
  void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED,
                      fd, 0);
  struct ww_options options = WW_OPTIONS_INIT;
  if (memory == MAP_FAILED || ww_tracker_create(&tracker, &options)
      || ww_region_add(tracker, "refault", memory, length, NULL) || ww_start(tracker)) {
    printf("Bail out! %s\n", ww_last_error());
    exit(1);
  }
  return memory;
}

static void
forget(volatile void *memory, size_t length)
{
  ww_tracker_destroy(tracker);
  munmap((void *)(uintptr_t)memory, length);
}

static size_t
collect(void)
{
  ww_dirty *dirty;
  if (ww_collect(tracker, &dirty))
    return 0;
  size_t pages = ww_dirty_pages(dirty);
  ww_dirty_free(dirty);
  return pages;
}

static void
try_one_variable(void)
{
  enum { EPOCHS = 3000 };
  volatile char *memory = track(page, -1);
  unsigned seen = 0;
  for (unsigned epoch = 0; epoch < EPOCHS; epoch++) {
    memory[7]++;
    seen += collect() == 1;
  }
  ok(seen == EPOCHS, "one variable: %u of %u epochs return its page", seen, EPOCHS);
  forget(memory, page);
}

static _Atomic bool end;

static uint64_t
milliseconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *
arm_all_the_time(void *unused)
{
  while (!atomic_load(&end))
    collect();
  return unused;
}

static void
try_storm(void)
{
  enum { MILLISECONDS = 1500 };
  volatile uint64_t *memory = track(page, -1);
  struct ww_stats stats = { .size = sizeof stats };
  pthread_t collector;
  atomic_store(&end, false);
  pthread_create(&collector, NULL, arm_all_the_time, NULL);
  uint64_t writes = 0;
  for (uint64_t until = milliseconds() + MILLISECONDS; milliseconds() < until;)
    for (unsigned i = 0; i < 100; i++, writes++)
      *memory += 1;
  atomic_store(&end, true);
  pthread_join(collector, NULL);
  ww_tracker_stats(tracker, &stats);
  ok(*memory == writes, "one variable, while another thread arms all the time: %llu faults",
     (unsigned long long)stats.faults);
  forget(memory, page);
}

static void
try_true_bus(void)
{
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    int fd = memfd_create("shorter", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)(4 * page)))
      _exit(2);
    pthread_t collector;
    signal(SIGBUS, SIG_DFL);
    alarm(60);
    volatile char *memory = track(4 * page, fd);
    if (ftruncate(fd, (off_t)page))
      _exit(3);
    pthread_create(&collector, NULL, arm_all_the_time, NULL);
    for (unsigned i = 0; i < 1000; i++)
      memory[9]++;
    memory[3 * page] = 1;
    _exit(0);
  }
  int status = 0;
  bool ended = child > 0 && waitpid(child, &status, 0) == child;
  ok(ended && WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS,
     "behind the end of a file SIGBUS kills, while another thread arms all the time (status %#x)",
     (unsigned)status);
}

int
main(void)
{
  page = (size_t)sysconf(_SC_PAGESIZE);
  try_one_variable();
  try_storm();
  atomic_store(&end, false);
  try_true_bus();
  return tap_done();
}
