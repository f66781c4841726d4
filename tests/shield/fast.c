/* fast.c - calls that are known to go right are not trapped: reads into memory that the thread
 * has lent before in the epoch. That they are the same calls all the same: data, errors,
 * signals, jumps, cancellation, threads, collects in between; and what is reported. */
#include "config.h"
#include "shielded.h"
#include "../tap.h"
#include "shield/shield.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

enum { PAGES = 64, LENGTH = 3000 };

static ww_tracker *tracker;
static char *memory;       /* PAGES of them, all watched */
static size_t page;
static int zero, ends[2], file;

static void
nap(long milliseconds)
{
  struct timespec moment = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
  while (nanosleep(&moment, &moment))
    ;
}

static bool
collect(unsigned char *reported)
{
  ww_dirty *dirty;
  size_t count;
  if (ww_collect(tracker, &dirty))
    abort();
  const struct ww_run *runs = ww_dirty_runs(dirty, &count);
  if (reported)
    memset(reported, 0, PAGES);
  for (size_t i = 0; i < count; i++)
    for (size_t at = 0; at < runs[i].length && reported; at += page)
      reported[((char *)runs[i].address + at - memory) / page] = 1;
  ww_dirty_free(dirty);
  return count > 0;
}

static bool
reports(const char *address)
{
  unsigned char reported[PAGES];
  collect(reported);
  return reported[(address - memory) / page];
}

/* ------------------------------------------------------- each of the functions */

static char *buffer;

static bool use_read(void) { return read(file, buffer, LENGTH) == LENGTH && !lseek(file, 0, SEEK_SET); }
static bool use_pread(void) { return pread(file, buffer, LENGTH, 0) == LENGTH; }
static bool
use_recv(void)
{
  return send(ends[1], "datagram", 8, 0) == 8 && recv(ends[0], buffer, LENGTH, 0) == 8
    && !memcmp(buffer, "datagram", 8);
}
static bool
use_recvfrom(void)
{
  return send(ends[1], "datagram", 8, 0) == 8 && recvfrom(ends[0], buffer, LENGTH, 0, NULL, NULL) == 8
    && !memcmp(buffer, "datagram", 8);
}
static bool
use_poll(void)
{
  struct pollfd *files = (struct pollfd *)buffer;
  *files = (struct pollfd){ .fd = zero, .events = POLLIN };
  return poll(files, 1, 0) == 1 && files->revents == POLLIN;
}
static bool
use_epoll(void)
{
  int set = epoll_create1(0);
  struct epoll_event event = { .events = EPOLLOUT, .data.u32 = 77 }, *events = (struct epoll_event *)buffer;
  memset(events, 0, sizeof *events);
  bool good = !epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event) && epoll_wait(set, events, 4, 0) == 1
    && events->data.u32 == 77;
  return !close(set) && good;
}

static const struct { const char *name; bool (*use)(void); } functions[] = {
  { "read", use_read }, { "pread", use_pread }, { "recv", use_recv }, { "recvfrom", use_recvfrom },
#ifdef SYS_poll
  { "poll", use_poll }, { "epoll_wait", use_epoll },
#endif
};

static void
test_functions(void)
{
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    buffer = memory + 4 * i * page + page - 16;
    collect(NULL);
    bool good = true, reported;
    uint64_t before = shield_calls();
    good &= functions[i].use();
    uint64_t first = shield_calls() - before;
    for (unsigned n = 0; n < 100; n++)
      good &= functions[i].use();
    uint64_t more = shield_calls() - before - first;
    reported = reports(buffer);
    memset(buffer, 0, 16);
    collect(NULL);
    good &= functions[i].use();
    reported &= reports(buffer);
    ok(good && reported, "%s() into watched memory does what it should", functions[i].name);
    ok(first && !more,
       "%s() is trapped for the first call of an epoch (%u times) and not for another hundred (%u)",
       functions[i].name, (unsigned)first, (unsigned)more);
  }
}

/* Change by change: what a call that was not trapped has written is returned. */
static void
test_reports(void)
{
  char data[LENGTH];
  unsigned missed = 0, invented = 0, wrong = 0;
  buffer = memory + 5 * page + 100;
  use_pread();
  collect(NULL);
  for (unsigned epoch = 0; epoch < 50; epoch++) {
    bool write_any = epoch % 3;
    if (use_pread() && write_any) {      /* the first is trapped; the next are not */
      memset(data, (int)epoch + 1, sizeof data);
      wrong += pwrite(file, data, sizeof data, 0) != LENGTH || !use_pread() || memcmp(buffer, data, LENGTH);
    }
    bool seen = reports(buffer);
    missed += write_any && !seen;
    invented += !write_any && seen;
  }
  ok(!missed && !invented && !wrong, "of 50 epochs each is right: %u pages missed, %u invented, %u wrong",
     missed, invented, wrong);
}

static void
test_errors(void)
{
  uint64_t before;
  buffer = memory + 9 * page;
  use_pread();
  before = shield_calls();
  errno = 0;
  bool bad_file = read(-1, buffer, LENGTH) == -1 && errno == EBADF;
  errno = 77;
  bool kept = use_pread() && errno == 77;
  bool at_end = pread(file, buffer, LENGTH, 1 << 20) == 0;
  ok(bad_file && kept && at_end && shield_calls() == before,
     "errors, errno and the end of a file are the kernel's");

  bool refused = !mprotect(buffer, page, PROT_READ) && pread(file, buffer, 100, 0) == -1 && errno == EFAULT;
  bool again = !mprotect(buffer, page, PROT_READ | PROT_WRITE) && use_pread();
  collect(NULL);
  memset(buffer, 0, page);
  ok(refused && again && use_pread() && reports(buffer),
     "a page that the program makes read-only, and writable again");
}

/* --------------------------------------------------------------- interruptions */

static volatile sig_atomic_t alarms;
static sigjmp_buf escape;
static volatile bool jumps;

static void
on_alarm(int signal)
{
  (void)signal;
  alarms++;
  /* A call of the handler's own, into the same page, while the other's pin is held. */
  if (pread(file, memory + 12 * page + 2000, 8, 0) != 8)
    abort();
  if (jumps)
    siglongjmp(escape, 1);
}

static void
alarm_soon(int flags, long microseconds)
{
  struct sigaction action = { .sa_handler = on_alarm, .sa_flags = flags };
  struct itimerval soon = { .it_value.tv_usec = microseconds };
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &soon, NULL);
}

static void *
send_later(void *unused)
{
  (void)unused;
  for (sig_atomic_t before = alarms; alarms == before;)
    nap(1);
  nap(10);
  if (send(ends[1], "late", 4, 0) != 4)
    abort();
  return NULL;
}

static void
test_signals(void)
{
  pthread_t sender;
  sigset_t alarm;
  buffer = memory + 12 * page;
  collect(NULL);
  use_pread();
  uint64_t before = shield_calls();
  alarm_soon(0, 20000);
  errno = 0;
  bool interrupted = recv(ends[0], buffer, LENGTH, 0) == -1 && errno == EINTR && alarms == 1;
  ok(interrupted && shield_calls() > before, "a handler interrupts a call, and is served itself, by a trap");

  use_pread();
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &alarm, NULL);
  if (pthread_create(&sender, NULL, send_later, NULL))
    abort();
  pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
  alarm_soon(SA_RESTART, 20000);
  bool restarted = recv(ends[0], buffer, LENGTH, 0) == 4 && !memcmp(buffer, "late", 4);
  pthread_join(sender, NULL);
  ok(restarted && alarms == 2, "with SA_RESTART the call goes on");
}

static void
test_jumps(void)
{
  enum { JUMPS = 200 };
  volatile unsigned jumped = 0, well = 0;
  buffer = memory + 12 * page;
  jumps = true;
  for (volatile unsigned i = 0; i < JUMPS; i++) {
    if (use_pread() && !sigsetjmp(escape, 1)) {
      alarm_soon(0, 300 + (long)i);
      for (;;)
        if (i % 2)
          use_pread();
        else if (recv(ends[0], buffer, LENGTH, 0) >= 0)
          abort();
    }
    jumped++;
  }
  jumps = false;
  for (unsigned i = 0; i < 3; i++) {
    use_pread();
    uint64_t before = shield_calls();
    well += use_pread() && shield_calls() == before;
  }
  ok(jumped == JUMPS && well == 3,
     "handlers jump out of %u calls, and those that follow are as fast (%u of 3)", jumped,
     well);
  /* Nothing stays pinned: what is open in one epoch is not in the next. */
  collect(NULL);
  collect(NULL);
  struct ww_stats stats = { .size = sizeof stats }, now = { .size = sizeof now };
  ww_tracker_stats(tracker, &stats);
  buffer[1]++;
  ww_tracker_stats(tracker, &now);
  ok(now.faults == stats.faults + 1, "the page that was jumped from is armed again");
}

/* --------------------------------------------------------------- cancellation */

struct waiter { char *address; bool disabled, cleaned, ready; ssize_t result; _Atomic bool begun, go, done; };

static void
clean(void *waiter)
{
  ((struct waiter *)waiter)->cleaned = true;
}

static void *
wait_in_recv(void *argument)
{
  struct waiter *waiter = argument;
  char *at = waiter->address;
  if (waiter->disabled)
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  pthread_cleanup_push(clean, waiter);
  waiter->ready = pread(file, at, LENGTH, 0) == LENGTH;
  atomic_store(&waiter->begun, true);
  while (!atomic_load(&waiter->go))
    nap(1);
  uint64_t before = shield_calls();
  waiter->result = recv(ends[0], at, LENGTH, 0);
  waiter->ready &= shield_calls() == before;
  atomic_store(&waiter->done, true);
  pthread_cleanup_pop(0);
  return NULL;
}

static void
begin_waiter(pthread_t *thread, struct waiter *waiter)
{
  if (pthread_create(thread, NULL, wait_in_recv, waiter))
    abort();
  while (!atomic_load(&waiter->begun))
    nap(1);
  atomic_store(&waiter->go, true);
  nap(20);
}

/* Calls are counted for the whole process, and waiting for a thread is one of them. */
static void
end_waiter(pthread_t thread, const struct waiter *waiter, void **result)
{
  while (!atomic_load(&waiter->done))
    nap(1);
  pthread_join(thread, result);
}

static void
test_cancellation(void)
{
  pthread_t thread;
  void *result;
  struct waiter one = { .address = memory + 20 * page },
                two = { .address = memory + 24 * page, .disabled = true };
  begin_waiter(&thread, &one);
  pthread_cancel(thread);
  pthread_join(thread, &result);
  ok(result == PTHREAD_CANCELED && one.cleaned, "a thread that waits in a call is cancelled there");

  begin_waiter(&thread, &two);
  pthread_cancel(thread);
  nap(20);
  if (send(ends[1], "here", 4, 0) != 4)
    abort();
  end_waiter(thread, &two, &result);
  ok(!result && two.result == 4 && two.ready && !memcmp(two.address,
     "here", 4), "and is not, where it has forbidden that");

  collect(NULL);
  collect(NULL);
  one.address[0]++;
  two.address[0]++;
  ok(reports(one.address), "the page that it waited for is armed and watched on");
}

static void
test_collects_meanwhile(void)
{
  pthread_t thread;
  struct waiter waiter = { .address = memory + 28 * page };
  begin_waiter(&thread, &waiter);
  bool early = false;
  collect(NULL);
  for (unsigned i = 0; i < 5; i++)
    early |= reports(waiter.address);
  if (send(ends[1], "overtaken", 9, 0) != 9)
    abort();
  end_waiter(thread, &waiter, NULL);
  bool data = waiter.result == 9 && !memcmp(waiter.address, "overtaken", 9);
  ok(data && waiter.ready && !early && reports(waiter.address),
     "epochs end while a call waits: the one that it ends in reports it, and no other");
}

/* ------------------------------------------------------- threads and an oracle */

enum { READERS = 4, READER_PAGES = 8 };
static _Atomic bool stop;
static _Atomic unsigned failures, reads;

static void *
read_and_read(void *argument)
{
  char *own = argument;
  uint64_t random = (uint64_t)(uintptr_t)own;
  int noise = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  while (!atomic_load(&stop)) {
    size_t at = tap_random(&random) % (READER_PAGES * page - 600), length = 1 + tap_random(&random) % 600;
    if (read(noise, own + at, length) != (ssize_t)length)
      atomic_fetch_add(&failures, 1);
    atomic_fetch_add(&reads, 1);
  }
  close(noise);
  return NULL;
}

/* A copy that is made from what collects return is like the memory when all is quiet. */
static void
test_oracle(void)
{
  pthread_t threads[READERS];
  unsigned char reported[PAGES];
  char *copy = malloc(PAGES * page);
  unsigned bad = 0, epochs = 0;
  if (!copy)
    abort();
  collect(NULL);
  memcpy(copy, memory, PAGES * page);
  uint64_t before = shield_calls();
  for (unsigned round = 0; round < 10; round++) {
    atomic_store(&stop, false);
    for (unsigned i = 0; i < READERS; i++)
      if (pthread_create(&threads[i], NULL, read_and_read, memory + (32 + READER_PAGES * i) * page))
        abort();
    for (unsigned i = 0; i < 60; i++, epochs++) {
      collect(reported);
      for (size_t n = 0; n < PAGES; n++)
        if (reported[n])
          memcpy(copy + n * page, memory + n * page, page);
      if (i % 8 == 0)
        nap(1);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < READERS; i++)
      pthread_join(threads[i], NULL);
    collect(reported);
    for (size_t n = 0; n < PAGES; n++) {
      if (reported[n])
        memcpy(copy + n * page, memory + n * page, page);
      bad += memcmp(copy + n * page, memory + n * page, page) != 0;
    }
  }
  uint64_t trapped = shield_calls() - before;
  ok(!bad && !failures,
     "%u reads of %d threads in %u epochs: %u pages lost, %u reads failed", reads, READERS, epochs,
     bad, failures);
  ok(trapped < reads, "%u of them were trapped", (unsigned)trapped);
  free(copy);
}

static void
test_fork(void)
{
  int status = -1;
  buffer = memory + 30 * page;
  use_pread();
  pid_t child = fork();
  if (!child)
    _exit(!(use_pread() && use_pread()));
  ok(child > 0 && waitpid(child, &status, 0) == child && status == 0 && use_pread(),
     "the child of a fork reads as well");
}

static void
set_up(void)
{
  struct ww_options options = WW_OPTIONS_INIT;
  char name[] = "/tmp/writewatch-fast-XXXXXX", *data = calloc(1, LENGTH);
  page = (size_t)sysconf(_SC_PAGESIZE);
  zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  file = mkstemp(name);
  memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (zero < 0 || file < 0 || unlink(name) || !data || write(file, memset(data, 'x', LENGTH), LENGTH) !=
     LENGTH
      || lseek(file, 0, SEEK_SET) || memory == MAP_FAILED || socketpair(AF_UNIX, SOCK_DGRAM, 0, ends))
    abort();
  free(data);
  options.flags = WW_SHIELD;
  if (ww_tracker_create(&tracker, &options) || ww_region_add(tracker, "memory", memory, PAGES * page, NULL)
      || ww_start(tracker)) {
    printf("# %s\n", ww_last_error());
    abort();
  }
}

int
main(void)
{
  const char *obstacle = shield_obstacle();
#ifdef __SANITIZE_ADDRESS__
  obstacle = "AddressSanitizer stands in front of libc's read(), which is left to it";
#endif
  if (obstacle) {
    skip("calls that are not trapped", obstacle);
    return tap_done();
  }
  set_up();
  test_functions();
  test_reports();
  test_errors();
  test_signals();
  test_jumps();
  test_cancellation();
  test_collects_meanwhile();
  test_oracle();
  test_fork();
  uint64_t calls = shield_calls();
  ww_tracker_destroy(tracker);
  buffer = memory;
  ok(use_pread() && use_read() && shield_calls() <= calls + 4, "with the tracker gone all goes on");
  return tap_done();
}
