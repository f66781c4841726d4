/* interrupted.c - a signal handler of the program that interrupts the library in the middle
 * of a call, and forks, or looks into a tracker of its own: fork() takes all of the library's
 * locks, so the interrupted call must not hold one. crash-interrupted [SEED] */
#include "config.h"
#include "storm.h"
#include "../engine.h"
#include "../tap.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIME_LIMIT 50    /* seconds: a deadlock ends here */
#define FORKS 300

static struct storm storm;
static volatile sig_atomic_t forks, good, received;
static timer_t timer;
static uint64_t delays;

/* Once, and soon: a timer that goes on would have expired again by the end of the handler,
 * which would then run over and over in the same place. */
static void
set_timer(void)
{
  struct itimerspec once = { .it_value = { .tv_nsec = 2000 + (long)(tap_random(&delays) % 100000) } };

  timer_settime(timer, 0, &once, NULL);
}

/* fork() from here is what glibc allows: nothing below allocates. */
static void
fork_now(int signal)
{
  int status = -1, saved = errno;
  pid_t child;

  if (forks >= FORKS)
    return;
  child = fork();
  if (child == 0) {
    storm_write(&storm, 3, 0);
    _exit(0);
  }
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  good = good + (child > 0 && status == 0);
  forks = forks + 1;
  if (signal == SIGALRM)
    set_timer();
  errno = saved;
}

static void
fork_when_sent(int signal, siginfo_t *info, void *context)
{
  (void)context;
  received = received + 1;
  if (info->si_code == SI_TKILL)
    fork_now(signal);
}

/* In a thread, which the timer's signal is not for: signals of the other test. */
static void *
send_on(void *argument)
{
  pthread_t *to = argument;

  while (forks < FORKS) {
    pthread_kill(*to, SIGSEGV);
    nanosleep(&(struct timespec){ .tv_nsec = 30000 }, NULL);
  }
  return NULL;
}

/* Nothing but calls of the library, until there were enough forks. */
static bool
call_on(void)
{
  struct ww_stats stats = { .size = sizeof stats };
  ww_region *region;
  ww_dirty *dirty;
  char *more = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  bool well = more != MAP_FAILED;

  for (size_t i = 0; well && forks < FORKS; i++) {
    storm_write(&storm, i % STORM_PAGES, 1);
    well = ww_collect(storm.tracker, &dirty) == 0;
    if (!well)
      break;
    ww_dirty_free(dirty);
    well = ww_tracker_stats(storm.tracker, &stats) == 0
           && ww_region_add(storm.tracker, "more", more, 1 << 16, &region) == 0
           && ww_region_remove(region) == 0;
  }
  munmap(more, 1 << 16);
  return well;
}

static void
test_timer(uint64_t seed)
{
  struct sigaction action = { .sa_handler = fork_now, .sa_flags = SA_RESTART };
  struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
  struct sigaction found;
  sigset_t mask;

  if (!ok(storm_begin(&storm, seed, engine_has_writers() ? 16 : 0), "a tracker is started"))
    return;
  forks = good = 0;
  sigaction(SIGALRM, &action, &found);
  timer_create(CLOCK_MONOTONIC, &event, &timer);
  delays = seed;
  set_timer();
  ok(call_on(), "calls of the library that a handler interrupts to fork");
  timer_delete(timer);
  sigaction(SIGALRM, &found, NULL);
  ok(good == forks && forks >= FORKS, "%d forks, %d children ended well", (int)forks, (int)good);
  sigprocmask(SIG_BLOCK, NULL, &mask);
  ok(!sigismember(&mask, SIGALRM) && !sigismember(&mask, SIGTERM), "no signal is left blocked");
  ok(storm_tracks(&storm, (size_t[]){ 4, 6, 63 }, 3), "tracking is exact afterwards");
  storm_end(&storm);
}

static void
test_sent(uint64_t seed)
{
  struct sigaction action = { .sa_sigaction = fork_when_sent, .sa_flags = SA_SIGINFO | SA_RESTART }, found;
  pthread_t self = pthread_self(), sender;
  sigset_t mask;

  sigaction(SIGSEGV, &action, &found);
  if (!ok(storm_begin(&storm, seed, engine_has_writers() ? 16 : 0),
          "a tracker is started, in front of a handler of the program"))
    return;
  forks = good = received = 0;
  if (pthread_create(&sender, NULL, send_on, &self) == 0) {
    ok(call_on(), "calls of the library while SIGSEGV is sent, whose handler forks");
    pthread_join(sender, NULL);
  }
  ok(good == forks && forks >= FORKS, "%d signals received, %d forks, %d children ended well", (int)received,
     (int)forks, (int)good);
  sigprocmask(SIG_BLOCK, NULL, &mask);
  ok(!sigismember(&mask, SIGSEGV) && !sigismember(&mask, SIGTERM), "no signal is left blocked");
  ok(storm_tracks(&storm, (size_t[]){ 4, 6, 63 }, 3), "tracking is exact afterwards");
  storm_end(&storm);
  sigaction(SIGSEGV, &found, NULL);
}

/* What the program does to its mask between the two sides of a fork stays done. */
static bool opening;

static void
open_usr1(void)
{
  sigset_t set;

  if (!opening)
    return;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void
test_mask(uint64_t seed)
{
  sigset_t mask, set;
  int status = -1;
  pid_t child;

  if (!ok(storm_begin(&storm, seed, engine_has_writers() ? 16 : 0), "a tracker is started"))
    return;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_SETMASK, &set, NULL);
  fflush(stdout);
  opening = true;
  child = fork();
  opening = false;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  bool kept = !sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGUSR2) && !sigismember(&mask, SIGTERM);
  if (child == 0)
    _exit(kept ? 0 : 1);
  waitpid(child, &status, 0);
  ok(kept, "the mask is as the program's own handlers of fork left it, in the parent");
  ok(status == 0, "and in the child");
  sigemptyset(&set);
  sigprocmask(SIG_SETMASK, &set, NULL);
  storm_end(&storm);
}

int
main(int argc, char **argv)
{
  uint64_t seed = tap_seed(argc, argv, (uint64_t)time(NULL));
  struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
  struct itimerspec limit = { .it_value = { TIME_LIMIT, 0 } };
  timer_t kill_timer;

  timer_create(CLOCK_MONOTONIC, &event, &kill_timer);
  timer_settime(kill_timer, 0, &limit, NULL);
#ifdef __SANITIZE_THREAD__
  /* It puts signals off by itself, to run them later inside a lock's taking. */
  (void)(void (*[])(uint64_t)){ test_timer, test_sent, test_mask };
  (void)seed;
  (void)open_usr1;
  skip("a handler that interrupts a call and forks", "ThreadSanitizer delivers signals at times of its own");
  return tap_done();
#endif
  /* Before the library's own: so they run between its two sides. */
  pthread_atfork(NULL, open_usr1, open_usr1);
  test_timer(seed);
  test_sent(seed + 1);
  test_mask(seed + 2);
  return tap_done();
}
