/* blocking.c - calls that wait: interrupted, cancelled, overtaken by collects, begun before tracking. */
#include "matrix.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 8, LENGTH = 5000, OFFSET = 100 };     /* from page 2 into page 3 */
enum { FIRST = 2, LAST = 4 };

static struct watched watched;
static int ends[2];
static volatile sig_atomic_t signals;

struct reader {
  pthread_t thread;
  char *address;
  size_t length;
  int file;
  _Atomic pid_t number;
  ssize_t result;
  int error;
  bool cleaned;
};

static void
nap(long milliseconds)
{
  struct timespec moment = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
  while (nanosleep(&moment, &moment))
    ;
}

static void
cleaned(void *reader)
{
  ((struct reader *)reader)->cleaned = true;
}

static void *
read_on(void *argument)
{
  struct reader *reader = argument;
  pthread_cleanup_push(cleaned, reader);
  atomic_store(&reader->number, (pid_t)syscall(SYS_gettid));
  reader->result = read(reader->file, reader->address, reader->length);
  reader->error = errno;
  pthread_cleanup_pop(0);
  return NULL;
}

/* Sleeping in the kernel: said by /proc, and still so a little later. */
static void
await_sleep(struct reader *reader)
{
  char path[64], state = 0;
  for (int asleep = 0, tries = 0; asleep < 3 && tries < 5000; tries++) {
    nap(1);
    if (!atomic_load(&reader->number))
      continue;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)atomic_load(&reader->number));
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
      state = 0;
    if (file)
      fclose(file);
    asleep = state == 'S' ? asleep + 1 : 0;
  }
  check(state == 'S', "the reader waits in read()");
}

static struct reader *
reader_start(char *address, size_t length, int file)
{
  struct reader *reader = calloc(1, sizeof *reader);
  if (!reader)
    abort();
  reader->address = address;
  reader->length = length;
  reader->file = file;
  if (pthread_create(&reader->thread, NULL, read_on, reader))
    abort();
  await_sleep(reader);
  return reader;
}

static void
reader_end(struct reader *reader, const char *what)
{
  pthread_join(reader->thread, NULL);
  check(reader->result == (ssize_t)reader->length, "%s: read() returned %zd (%s), not %zu", what,
        reader->result, strerror(reader->result < 0 ? reader->error : 0), reader->length);
}

static void
send_data(int file)
{
  char data[LENGTH];
  data_fill(data, sizeof data);
  check(write(file, data, sizeof data) == LENGTH, "write to the pipe");
}

static void
expect_data(const char *what)
{
  char data[LENGTH];
  data_fill(data, sizeof data);
  check(!memcmp(watched.memory + FIRST * page_size() + OFFSET, data, sizeof data), "%s: the data", what);
}

static char *
target(void)
{
  return watched.memory + FIRST * page_size() + OFFSET;
}

static void
begin(void)
{
  if (pipe(ends))
    abort();
  watched = watched_make(PAGES);
}

/* A read that has its data at once goes right after all of it; pages and arming too. */
static void
expect_all_well(void)
{
  unsigned char evidence[PAGES];
  memset(target(), 0, LENGTH);           /* what comes is not what is there */
  watched_collect(&watched, evidence);
  send_data(ends[1]);
  watched_announce(&watched, target(), LENGTH);
  ssize_t result = read(ends[0], target(), LENGTH);
  check(result == LENGTH, "in the end read() returned %zd (%s)", result, strerror(result < 0 ? errno : 0));
  expect_data("in the end");
  watched_expect(&watched, FIRST, LAST);
  watched_expect_armed(&watched, FIRST, LAST);
  watched_end(&watched);
}

static void
on_alarm(int signal)
{
  (void)signal;
  signals++;
}

static void
tick(int flags, void (*handler)(int))
{
  struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
  struct itimerval ticks = { { 0, 20000 }, { 0, 20000 } };
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, handler == SIG_IGN ? &(struct itimerval) { { 0, 0 }, { 0, 0 } } : &ticks, NULL);
}

static void
trial_interrupted(void)
{
  begin();
  watched_start(&watched);
  tick(0, on_alarm);
  watched_announce(&watched, target(), LENGTH);
  ssize_t result = read(ends[0], target(), LENGTH);
  int error = errno;
  tick(0, SIG_IGN);
  check(result == -1 && error == EINTR, "read() returned %zd, errno %d (%s), not EINTR", result, error,
        strerror(error));
  check(signals > 0, "the program's handler ran");
  if (mode == SHIELDED)
    watched_expect(&watched, 0, 0);
  expect_all_well();
}

static void *
send_later(void *unused)
{
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, NULL);
  nap(150);
  send_data(ends[1]);
  return unused;
}

static void
trial_restarted(void)
{
  pthread_t sender;
  begin();
  watched_start(&watched);
  watched_announce(&watched, target(), LENGTH);
  pthread_create(&sender, NULL, send_later, NULL);
  tick(SA_RESTART, on_alarm);
  ssize_t result = read(ends[0], target(), LENGTH);
  int error = errno;
  tick(0, SIG_IGN);
  pthread_join(sender, NULL);
  check(result == LENGTH, "read() returned %zd (%s)", result, strerror(result < 0 ? error : 0));
  check(signals > 0, "the program's handler ran");
  expect_data("restarted");
  watched_expect(&watched, FIRST, LAST);
  expect_all_well();
}

/* The handler makes calls of its own into the same page. */
static void
on_alarm_call(int signal)
{
  int error = errno;
  on_alarm(signal);
  long result = syscall(SYS_clock_gettime, CLOCK_MONOTONIC, target() + LENGTH);
  check(!result, "clock_gettime in a handler: %s", strerror(errno));
  errno = error;
}

static void
trial_in_handler(void)
{
  pthread_t sender;
  begin();
  watched_start(&watched);
  watched_announce(&watched, target(), LENGTH + 100);
  pthread_create(&sender, NULL, send_later, NULL);
  tick(SA_RESTART, on_alarm_call);
  ssize_t result = read(ends[0], target(), LENGTH);
  int error = errno;
  tick(0, SIG_IGN);
  pthread_join(sender, NULL);
  check(result == LENGTH, "read() returned %zd (%s)", result, strerror(result < 0 ? error : 0));
  expect_data("with calls in a handler");
  watched_expect(&watched, FIRST, LAST);
  expect_all_well();
}

static sigjmp_buf away;

static void
on_alarm_jump(int signal)
{
  on_alarm(signal);
  siglongjmp(away, 1);
}

static void
trial_jumped(void)
{
  begin();
  watched_start(&watched);
  for (volatile int round = 0; round < 3; round++) {
    if (!sigsetjmp(away, 1)) {
      tick(0, on_alarm_jump);
      watched_announce(&watched, target(), LENGTH);
      ssize_t result = read(ends[0], target(), LENGTH);
      tick(0, SIG_IGN);
      fail("read() returned %zd", result);
    }
    tick(0, SIG_IGN);
  }
  expect_all_well();
}

static void
trial_cancelled(void)
{
  void *status;
  begin();
  watched_start(&watched);
  watched_announce(&watched, target(), LENGTH);
  struct reader *reader = reader_start(target(), LENGTH, ends[0]);
  check(!pthread_cancel(reader->thread), "pthread_cancel");
  pthread_join(reader->thread, &status);
  check(status == PTHREAD_CANCELED, "the thread was cancelled");
  check(reader->cleaned, "its clean-up ran");
  if (mode == SHIELDED)
    watched_expect(&watched, 0, 0);
  expect_all_well();
}

static void
trial_overtaken(void)
{
  unsigned char evidence[PAGES];
  if (mode == ANNOUNCED)
    not_here("a call that a collect overtakes cannot be announced");
  begin();
  watched_start(&watched);
  struct reader *reader = reader_start(target(), LENGTH, ends[0]);
  for (int i = 0; i < 2; i++) {
    watched.memory[5 * page_size()] = 1;
    watched_collect(&watched, evidence);
    check(evidence[5] == WW_TRAPPED && !evidence[0] && !evidence[FIRST - 1] && !evidence[LAST],
          "collect %d while it waits", i);
  }
  send_data(ends[1]);
  reader_end(reader, "after two collects");
  expect_data("after two collects");
  watched_expect(&watched, FIRST, LAST);
  watched_expect(&watched, 0, 0);
  expect_all_well();
}

/* Two wait for the same page; a collect comes between. */
static void
trial_two(void)
{
  int others[2];
  unsigned char evidence[PAGES];
  if (mode == ANNOUNCED)
    not_here("a call that a collect overtakes cannot be announced");
  begin();
  if (pipe(others))
    abort();
  watched_start(&watched);
  struct reader *one = reader_start(target(), LENGTH, ends[0]);
  struct reader *other = reader_start(target() + LENGTH, 6, others[0]);
  send_data(ends[1]);
  reader_end(one, "the first of two");
  expect_data("the first of two");
  watched_collect(&watched, evidence);
  check(evidence[FIRST] && evidence[LAST - 1], "the first one's pages are returned");
  check(write(others[1], "second", 6) == 6, "write to the second pipe");
  reader_end(other, "the second of two");
  check(!memcmp(target() + LENGTH, "second", 6), "the second one's data");
  watched_expect(&watched, LAST - 1, LAST);
  expect_all_well();
}

static void
trial_before(void)
{
  if (mode == ANNOUNCED)
    not_here("a call that is under way cannot be announced");
  begin();
  struct reader *reader = reader_start(target(), LENGTH, ends[0]);
  watched_start(&watched);
  send_data(ends[1]);
  reader_end(reader, "begun before");
  expect_data("begun before");
  watched_expect(&watched, FIRST, LAST);
  expect_all_well();
}

/* ------------------------------------------------- collects all the while */

static _Atomic bool over;

static void *
receive_on(void *files)
{
  enum { ROUNDS = 3000 };
  uint64_t lost = 0;
  for (uint64_t i = 0; i < ROUNDS; i++) {
    uint64_t *here = (uint64_t *)(void *)(watched.memory + i % PAGES * page_size() + 64), next = i;
    if (write(((int *)files)[1], &i, sizeof i) != sizeof i
        || read(((int *)files)[0], here, sizeof *here) != sizeof *here || *here != i)
      lost++;
    /* The program writes there as well. */
    next = *here + 1;
    *here = next;
  }
  atomic_store(&over, true);
  return (void *)(uintptr_t)lost;
}

static void
trial_collects(void)
{
  pthread_t receiver;
  void *lost;
  unsigned char evidence[PAGES], all[PAGES] = { 0 };
  if (mode == ANNOUNCED)
    not_here("a collect may come between announcement and call");
  begin();
  watched_start(&watched);
  pthread_create(&receiver, NULL, receive_on, ends);
  while (!atomic_load(&over)) {
    watched_collect(&watched, evidence);
    for (int i = 0; i < PAGES; i++)
      all[i] |= evidence[i];
  }
  pthread_join(receiver, &lost);
  /* A receiver that is fast may do all of it between two collects. */
  watched_collect(&watched, evidence);
  for (int i = 0; i < PAGES; i++)
    all[i] |= evidence[i];
  check(!lost, "%lu of the messages were lost", (unsigned long)(uintptr_t)lost);
  for (int i = 0; i < PAGES; i++)
    check(all[i], "page %d was returned", i);
  expect_all_well();
}

const struct trial trials_blocking[] = {
  { "a read is interrupted", trial_interrupted, false },
  { "a read is restarted", trial_restarted, false },
  { "a read is restarted, the handler makes calls", trial_in_handler, false },
  { "a read is left by siglongjmp()", trial_jumped, false },
  { "a read is cancelled", trial_cancelled, false },
  { "a read is overtaken by two collects", trial_overtaken, false },
  { "two reads wait for one page", trial_two, false },
  { "a read began before tracking did", trial_before, false },
  { "reads while collects go on", trial_collects, false },
  { NULL, NULL, false }
};
