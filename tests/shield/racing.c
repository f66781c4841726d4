/* racing.c - the shield is turned on while other threads make threads and block signals in a
 * tight loop: whoever has everything blocked at that moment must live. Each time in a process
 * of its own, for a filter is for good. */
#include "../tap.h"
#include "shielded.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { PROCESSES = 200, MAKERS = 2, BLOCKERS = 2, REFUSED = 7, BROKEN = 8 };

static _Atomic bool end;
static _Atomic unsigned wrong;

static void *
nothing(void *argument)
{
  return argument;
}

static void *
make_threads(void *argument)
{
  while (!atomic_load(&end)) {
    pthread_t thread;
    if (!pthread_create(&thread, NULL, nothing, NULL))
      pthread_join(thread, NULL);
  }
  return argument;
}

/* What is seen must be what was there: with nothing blocked, nothing. */
static void *
block_signals(void *argument)
{
  sigset_t all, before, now;
  sigfillset(&all);
  while (!atomic_load(&end)) {
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    for (int signal = 1; signal < SIGRTMIN; signal++)
      if (sigismember(&now, signal)) {
        atomic_fetch_add(&wrong, 1);
        break;
      }
  }
  return argument;
}

static int
process(uint64_t delay)
{
  struct ww_options options = WW_OPTIONS_INIT;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  pthread_t thread[MAKERS + BLOCKERS];
  ww_tracker *tracker;
  char *memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  options.flags = WW_SHIELD;
  alarm(60);
  for (unsigned i = 0; i < MAKERS + BLOCKERS; i++)
    pthread_create(&thread[i], NULL, i < MAKERS ? make_threads : block_signals, NULL);
  usleep((useconds_t)(delay % 2000));
  int error = ww_tracker_create(&tracker, &options);
  if (!error)
    error = ww_region_add(tracker, "racing", memory, page, NULL);
  if (!error)
    error = ww_start(tracker);
  usleep(2000);
  atomic_store(&end, true);
  for (unsigned i = 0; i < MAKERS + BLOCKERS; i++)
    pthread_join(thread[i], NULL);
  if (error == -EBUSY)
    return REFUSED;
  /* And it is on. */
  int ends[2];
  if (error || pipe(ends) || write(ends[1], "x", 1) != 1 || read(ends[0], memory, 1) != 1)
    return BROKEN;
  return atomic_load(&wrong) != 0;
}

int
main(int argc, char **argv)
{
  struct timespec now;
  unsigned killed = 0, refused = 0, broken = 0, seen = 0, other = 0;
  const char *obstacle = shield_obstacle();
  if (obstacle) {
    skip("turned on beside busy threads", obstacle);
    return tap_done();
  }
  clock_gettime(CLOCK_REALTIME, &now);
  uint64_t state = tap_seed(argc, argv, (uint64_t)now.tv_nsec);
  for (unsigned i = 0; i < PROCESSES; i++) {
    int status = 0;
    uint64_t delay = tap_random(&state);
    pid_t child = fork();
    if (child == 0)
      _exit(process(delay));
    if (child < 0 || waitpid(child, &status, 0) != child)
      other++;
    else if (WIFSIGNALED(status))
      killed += WTERMSIG(status) == SIGSYS, other += WTERMSIG(status) != SIGSYS;
    else {
      int code = WEXITSTATUS(status);
      refused += code == REFUSED;
      broken += code == BROKEN;
      seen += code == 1;
    }
  }
  ok(!killed, "none of %u processes was killed by SIGSYS (%u were)", PROCESSES, killed);
  ok(!refused, "none was refused for what is blocked for a moment (%u were)", refused);
  ok(!broken && !other, "the shield was on in all others (not in %u), and they ended by themselves (%u not)",
     broken,
     other);
  ok(!seen, "no thread saw signals blocked that were not (%u processes)", seen);
  return tap_done();
}
