/* meanwhile.c - a checkpoint that is written while the program goes on, beside fork(): for how long does the
 * program stand still, and how much slower is it until all is saved?
 *
 * 1 GiB is watched, a tenth of it written since the last checkpoint: in stretches of 64 pages, or page by
 * page at random. The rival's child writes the same pages to a file, or all of the memory, as one who
 * tracks nothing has to. Nobody flushes to the disk. What the writer loses is its own processor time, so
 * that what else runs on the machine does not count: calls, traps, copies, and the memory's bandwidth. */
#include "config.h"
#include "bench.h"
#include "writewatch-checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOTAL ((size_t)1 << 30)
#define SHARE 10
#define STRETCH 64

struct setting {
  enum ww_engine engine;
  enum ww_policy policy;
  bool           scattered;
};

struct ground {
  unsigned char *memory;
  uint32_t      *hot;          /* page numbers, ascending */
  size_t         count;
  ww_tracker    *tracker;
  ww_chain      *chain;
  char           directory[256];
};

static int
choose_hot(struct ground *ground, bool scattered)
{
  const size_t pages = TOTAL / page_bytes(), unit = scattered ? 1 : STRETCH;
  uint32_t *order = page_order(pages / unit, true, 0x9e3779b97f4a7c15u);
  bool *is_hot = calloc(pages, sizeof *is_hot);

  ground->hot = malloc(pages * sizeof *ground->hot);
  if (!order || !is_hot || !ground->hot)
    return bench_fail("no memory for %zu pages' numbers", pages);
  for (size_t i = 0; i < pages / unit / SHARE; i++)
    memset(is_hot + order[i] * unit, 1, unit);
  for (size_t i = 0; i < pages; i++)
    if (is_hot[i])
      ground->hot[ground->count++] = (uint32_t)i;
  free(order);
  free(is_hot);
  return 0;
}

/* A cache line of each page. */
static void
sweep(const struct ground *ground, uint64_t value)
{
  const size_t page = page_bytes();

  for (size_t i = 0; i < ground->count; i++) {
    volatile uint64_t *at = (void *)(ground->memory + (size_t)ground->hot[i] * page);

    for (unsigned k = 0; k < 8; k++)
      at[k] = value + i + k;
  }
}

static int
set_up(struct ground *ground, const struct setting *setting)
{
  struct ww_options options = WW_OPTIONS_INIT;
  struct ww_chain_options chain = WW_CHAIN_OPTIONS_INIT;
  const char *place = getenv("TMPDIR");
  int error;

  if (proc_bytes("/proc/meminfo", "MemAvailable:") < 4.0 * (double)TOTAL) {
    fputs("bench: less than 4 GiB of memory are free: checkpoints beside fork() are left out\n", stderr);
    return -1;
  }
  pin(0);
  ground->memory = memory_map(TOTAL, 0);
  if (!ground->memory || choose_hot(ground, setting->scattered))
    return 1;
  for (size_t i = 0; i < TOTAL / sizeof(uint64_t); i++)
    ((uint64_t *)ground->memory)[i] = i * 0x9e3779b97f4a7c15u;
  snprintf(ground->directory, sizeof ground->directory, "%s/ww-bench.XXXXXX", place ? place : "/tmp");
  if (!mkdtemp(ground->directory))
    return bench_fail("%s: %s", ground->directory, strerror(errno));
  options.engine = setting->engine;
  options.policy = setting->policy;
  chain.flags = WW_CHAIN_NO_SYNC;
  chain.pool = TOTAL / SHARE;
  error = ww_tracker_create(&ground->tracker, &options);
  if (error == -ENOTSUP) {
    fprintf(stderr, "bench: left out: %s\n", ww_last_error());
    return -1;
  }
  if (error || (error = ww_region_add(ground->tracker, "bench", ground->memory, TOTAL, NULL))
      || (error = ww_start(ground->tracker)))
    return bench_fail_call("setting up a tracker", error);
  if ((error = ww_chain_open(&ground->chain, ground->directory, &chain)))
    return bench_fail("%s", ww_chain_error());
  return 0;
}

static void
tear_down(struct ground *ground)
{
  char command[300];

  ww_chain_close(ground->chain);
  ww_tracker_destroy(ground->tracker);
  if (ground->memory)
    munmap(ground->memory, TOTAL);
  free(ground->hot);
  snprintf(command, sizeof command, "rm -rf '%s'", ground->directory);
  if (ground->directory[0] && system(command))
    fprintf(stderr, "bench: %s is left\n", ground->directory);
}

static int
save(const struct ground *ground, double *pause)
{
  struct ww_checkpoint_info info = { .size = sizeof info };
  const double begin = now_wall();

  if (ww_checkpoint_begin(ground->chain, ground->tracker))
    return bench_fail("%s", ww_chain_error());
  *pause = now_wall() - begin;
  return ww_checkpoint_wait(ground->chain, &info) ? bench_fail("%s", ww_chain_error()) : 0;
}

/* Without what anybody has asked to be done at a fork: the kernel's alone. */
static int
fork_pause(double *pause)
{
  const double begin = now_wall();
  const pid_t child = _Fork();
  int status;

  if (child == 0)
    _exit(0);
  *pause = now_wall() - begin;
  return child < 0 || waitpid(child, &status, 0) != child ? bench_fail("fork: %s", strerror(errno)) : 0;
}

static int
measure_pauses(const struct ground *ground, const struct bench_run *run)
{
  const size_t warm = 4, count = run->quick ? 3 : 7;
  double ours[16], forks[16];
  int status = 0;

  for (size_t i = 0; i < warm + count && !status; i++) {
    const size_t at = i < warm ? 0 : i - warm;

    sweep(ground, i);
    status = fork_pause(&forks[at]);
    if (!status)
      status = save(ground, &ours[at]);
  }
  if (!status) {
    bench_metric("pause-begin", "ms", median_of(ours, count) / 1e6);
    bench_metric("pause-fork", "ms", median_of(forks, count) / 1e6);
  }
  return status;
}

/* The rival's child: everything, or the dirty set's pages. */
static void
child_saves(const struct ground *ground, const ww_dirty *dirty)
{
  char path[300];
  size_t count = 1;
  const struct ww_run all = { NULL, ground->memory, TOTAL, WW_TRAPPED };
  const struct ww_run *runs = dirty ? ww_dirty_runs(dirty, &count) : &all;

  snprintf(path, sizeof path, "%s/rival", ground->directory);
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  bool good = file >= 0;
  for (size_t i = 0; i < count && good; i++)
    for (size_t done = 0; done < runs[i].length && good;) {
      const size_t most = (size_t)1 << 20, left = runs[i].length - done;
      const ssize_t written = write(file, (const char *)runs[i].address + done, left < most ? left : most);

      good = written > 0;
      done += good ? (size_t)written : 0;
    }
  _exit(!good);
}

enum way { NOTHING, OURS, FORK_SAME, FORK_ALL };

/* The writer's processor time for so many sweeps, with a checkpoint begun before the first. */
static int
timed_sweeps(const struct ground *ground, enum way way, unsigned sweeps, double *time)
{
  ww_dirty *dirty = NULL;
  pid_t child = -1;
  int error = 0, status = 0;
  const double begin = now_cpu();

  if (way == OURS && (error = ww_checkpoint_begin(ground->chain, ground->tracker)))
    return bench_fail("%s", ww_chain_error());
  if (way == FORK_SAME && (error = ww_collect(ground->tracker, &dirty)))
    return bench_fail_call("ww_collect", error);
  if (way == FORK_SAME || way == FORK_ALL) {
    child = _Fork();
    if (child == 0)
      child_saves(ground, dirty);
    if (child < 0)
      return bench_fail("fork: %s", strerror(errno));
  }
  for (unsigned i = 0; i < sweeps; i++)
    sweep(ground, i);
  *time = now_cpu() - begin;
  if (way == OURS && ww_checkpoint_wait(ground->chain, NULL))
    return bench_fail("%s", ww_chain_error());
  if (child > 0 && (waitpid(child, &status, 0) != child || status))
    return bench_fail("the child that saves failed");
  /* Hence the chain's next one does not follow on ours: made here, where nobody measures. */
  if (dirty) {
    ww_dirty_give_back(ground->tracker, dirty);
    ww_dirty_free(dirty);
  }
  return 0;
}

static int
measure_losses(const struct ground *ground, const struct bench_run *run)
{
  static const char *const names[] = {
    "", "lost-beside-ours", "lost-beside-fork-of-same", "lost-beside-fork-of-all"
  };
  const unsigned sweeps = run->quick ? 100 : 200, rounds = run->quick ? 3 : 5;
  double lost[4][8], pause;
  int status = 0;

  for (unsigned i = 0; i < rounds && !status; i++)
    for (unsigned way = OURS; way <= FORK_ALL && !status; way++) {
      double without = 0, with = 0;

      /* Each from the same state: the last checkpoint is ours, and was followed by a sweep. */
      sweep(ground, i);
      status = save(ground, &pause);
      sweep(ground, i);
      if (!status)
        status = timed_sweeps(ground, NOTHING, sweeps, &without);
      if (!status)
        status = timed_sweeps(ground, (enum way)way, sweeps, &with);
      lost[way][i] = with - without;
    }
  for (unsigned way = OURS; way <= FORK_ALL && !status; way++)
    bench_metric(names[way], "ms", median_of(lost[way], rounds) / 1e6);
  return status;
}

static int
measure(const struct bench_run *run, const struct setting *setting)
{
  struct ground ground = { .memory = NULL };
  int status = set_up(&ground, setting);

  if (status == 0)
    status = measure_pauses(&ground, run);
  if (status == 0)
    status = measure_losses(&ground, run);
  tear_down(&ground);
  return status > 0;
}

int
meanwhile_trap(const struct bench_run *run)
{
  return measure(run, &(struct setting){ WW_ENGINE_MPROTECT, WW_POLICY_TRAP, false });
}

int
meanwhile_adaptive(const struct bench_run *run)
{
  return measure(run, &(struct setting){ WW_ENGINE_MPROTECT, WW_POLICY_ADAPTIVE, false });
}

int
meanwhile_scattered(const struct bench_run *run)
{
  return measure(run, &(struct setting){ WW_ENGINE_USERFAULTFD, WW_POLICY_TRAP, true });
}

int
meanwhile_scattered_adaptive(const struct bench_run *run)
{
  return measure(run, &(struct setting){ WW_ENGINE_USERFAULTFD, WW_POLICY_ADAPTIVE, true });
}
