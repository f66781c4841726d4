/* follow.c - children that go on tracked (WW_FOLLOW_FORK), and programs that a tracked
 * process turns into. crash-follow [SEED] */
#include "config.h"
#include "storm.h"
#include "../engine.h"
#include "../tap.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIME_LIMIT 50    /* seconds: a deadlock ends here */
#define MANY_FORKS 150

extern char **environ;
static uint64_t seed;

/* What a child found; its exit status. */
enum finding {
  CHILD_IS_FINE = 0,
  CHILD_COLLECT_FAILED = 10,
  CHILD_EPOCH_DIFFERS,        /* the number does not go on */
  CHILD_PAGES_DIFFER,         /* not the parent's and its own */
  CHILD_EVIDENCE_DIFFERS,
  CHILD_WRITER_DIFFERS,       /* the parent's writers are named, or the child's are not */
  CHILD_STATS_DIFFER,
  CHILD_LOST_WRITES,          /* its copy differs from its memory */
  CHILD_TRACKS_WRONG,
  CHILD_NOT_FORGOTTEN,        /* the tracker that does not follow is not as before its start */
  CHILD_STOP_FAILED,
  GRANDCHILD_FAILED
};

static int
await(pid_t child)
{
  int status;

  if (child < 0)
    return -1;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return -1;
  if (WIFSIGNALED(status))
    printf("# the child was killed by signal %d\n", WTERMSIG(status));
  else if (WEXITSTATUS(status))
    printf("# the child's exit status is %d\n", WEXITSTATUS(status));
  return status;
}

static bool
fork_and(struct storm *storm, enum finding (*examine)(struct storm *))
{
  pid_t child;

  fflush(stdout);
  child = fork();
  if (child == 0) {
    alarm(TIME_LIMIT / 2);   /* a child does not inherit it */
    int finding = (int)examine(storm);
    fflush(stdout);
    _exit(finding);
  }
  return await(child) == 0;
}

/* ------------------------------------------------------------------ exactness */

static const size_t parents[] = { 3, 4, 5, 40 }, childs[] = { 5, 6, 63 };
static uint64_t parents_epoch;

static bool
is_among(size_t page, const size_t *pages, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (pages[i] == page)
      return true;
  return false;
}

static enum finding
examine_first_collect(struct storm *storm)
{
  enum { PARENTS = sizeof parents / sizeof *parents, CHILDS = sizeof childs / sizeof *childs };
  struct ww_stats stats = { .size = sizeof stats };
  struct ww_writer writer;
  const struct ww_run *runs;
  ww_dirty *dirty;
  size_t count, seen = 0;

  for (size_t i = 0; i < CHILDS; i++)
    storm_write(storm, childs[i], 1);
  if (ww_tracker_stats(storm->tracker, &stats) != 0 || stats.epoch != parents_epoch
      || (stats.faults < PARENTS && engine_has_writers()) || stats.mappings_used < 2
        || stats.mappings_used > stats.mappings_budget)
    return CHILD_STATS_DIFFER;
  if (ww_collect(storm->tracker, &dirty) != 0)
    return CHILD_COLLECT_FAILED;
  if (ww_dirty_epoch(dirty) != parents_epoch)
    return CHILD_EPOCH_DIFFERS;
  if (ww_dirty_count(dirty, WW_TRAPPED) != ww_dirty_pages(dirty))
    return CHILD_EVIDENCE_DIFFERS;
  runs = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < STORM_PAGES; i++) {
    bool of_parent = is_among(i, parents, PARENTS), of_child = is_among(i, childs, CHILDS), found = false;
    uint64_t *page = storm->memory + i * storm->words;
    for (size_t j = 0; j < count; j++)
      found |= (uintptr_t)page - (uintptr_t)runs[j].address < runs[j].length;
    seen += found;
    if (found != (of_parent || of_child))
      return CHILD_PAGES_DIFFER;
    int error = found ? ww_dirty_writer(dirty, page, &writer) : -ENOENT;
    if (of_parent || !of_child || !engine_has_writers() ? error != -ENOENT : error
        || writer.thread != getpid())
      return CHILD_WRITER_DIFFERS;
  }
  if (seen != ww_dirty_pages(dirty) || ww_dirty_writers(dirty) != (engine_has_writers() ? CHILDS - 1 : 0))
    return CHILD_WRITER_DIFFERS;
  ww_dirty_free(dirty);
  return CHILD_IS_FINE;
}

static enum finding
examine_child(struct storm *storm)
{
  enum finding finding = examine_first_collect(storm);

  if (finding != CHILD_IS_FINE)
    return finding;
  if (!storm_tracks(storm, (size_t[]){ 0, 7, 8, STORM_PAGES - 1 }, 4) || !storm_tracks(storm, NULL, 0))
    return CHILD_TRACKS_WRONG;
  if (ww_stop(storm->tracker) != 0 || !storm_is_writable(storm) || ww_start(storm->tracker) != 0
      || !storm_tracks(storm, (size_t[]){ 1, 2 }, 2))
    return CHILD_STOP_FAILED;
  storm_end(storm);
  return CHILD_IS_FINE;
}

/* Children of children, each with what its forefathers have written since the collect. */
static enum finding
examine_generations(struct storm *storm)
{
  static size_t generation = 1;
  struct ww_stats stats = { .size = sizeof stats };

  storm_write(storm, generation, 2);
  if (generation < 5) {
    generation++;
    if (!fork_and(storm, examine_generations))
      return GRANDCHILD_FAILED;
    generation--;
  }
  if (ww_tracker_stats(storm->tracker, &stats) != 0 || stats.epoch != parents_epoch)
    return CHILD_STATS_DIFFER;
  uint64_t before = storm->collected;
  if (!storm_agrees(storm))
    return CHILD_LOST_WRITES;
  /* The four of the parent, and one of each generation down to this one: 3, 4, 5 are both. */
  size_t expected = 4;
  for (size_t i = 1; i <= generation; i++)
    expected += !is_among(i, parents, 4);
  return storm->collected - before == expected ? CHILD_IS_FINE : CHILD_PAGES_DIFFER;
}

static void
test_exact(unsigned depth)
{
  struct storm storm;
  struct ww_stats stats = { .size = sizeof stats };
  uint64_t before;

  if (!ok(storm_begin_with(&storm, seed, depth, WW_FOLLOW_FORK)
          && storm_tracks(&storm, (size_t[]){ 9, 10 }, 2), "a tracker that children go on with is started"))
    return;
  for (size_t i = 0; i < sizeof parents / sizeof *parents; i++)
    storm_write(&storm, parents[i], 0);
  if (ww_tracker_stats(storm.tracker, &stats) == 0)
    parents_epoch = stats.epoch;
  ok(fork_and(&storm, examine_child), "a child's first collect has the parent's pages and its own");
  ok(fork_and(&storm, examine_generations), "and so has that of each of five generations");
  before = storm.collected;
  ok(storm_agrees(&storm) && storm.collected - before == sizeof parents / sizeof *parents,
     "the parent has its own pages only");
  ok(storm_tracks(&storm, (size_t[]){ 4, 6, 63 }, 3), "and is exact afterwards");
  storm_end(&storm);
}

static ww_tracker *other;
static char *others_memory;

static enum finding
examine_both(struct storm *storm)
{
  struct ww_stats stats = { .size = sizeof stats };
  ww_dirty *dirty;

  if (ww_tracker_stats(other, &stats) != 0 || stats.epoch != 0 || stats.faults != 0
      || ww_collect(other, &dirty) != -ENODATA)
    return CHILD_NOT_FORGOTTEN;
  others_memory[0] = 2;
  if (!storm_tracks(storm, (size_t[]){ 1, 2 }, 2))
    return CHILD_TRACKS_WRONG;
  if (ww_start(other) != 0)
    return CHILD_NOT_FORGOTTEN;
  others_memory[1] = 3;
  if (ww_collect(other, &dirty) != 0 || ww_dirty_pages(dirty) != 1)
    return CHILD_NOT_FORGOTTEN;
  ww_dirty_free(dirty);
  return CHILD_IS_FINE;
}

static void
test_both(void)
{
  struct storm storm;
  size_t size = 1 << 16;

  others_memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!ok(storm_begin_with(&storm, seed, 0, WW_FOLLOW_FORK) && !ww_tracker_create(&other, NULL)
          && !ww_region_add(other, "other", others_memory, size, NULL) && !ww_start(other),
          "a tracker that children go on with, and one that they do not"))
    return;
  others_memory[0] = 1;
  ok(fork_and(&storm, examine_both), "each is in the child as it was asked for");
  ww_tracker_destroy(other);
  munmap(others_memory, size);
  storm_end(&storm);
}

/* ---------------------------------------------------------------- in a storm */

/* The fork was made between a collect and the next, the copy is whole: whatever other
 * threads were in the middle of, what is not returned now must be as in the copy. */
static enum finding
examine_copy(struct storm *storm)
{
  for (size_t i = 0; i < 4; i++)
    storm_write(storm, (size_t)getpid() * 7 % STORM_PAGES, i);
  if (!storm_agrees(storm))
    return CHILD_LOST_WRITES;
  return storm_tracks(storm, (size_t[]){ 0, 31, 32 }, 3) ? CHILD_IS_FINE : CHILD_TRACKS_WRONG;
}

/* The fork was made at any time, also while the parent was collecting. */
static enum finding
examine_any(struct storm *storm)
{
  size_t page = storm->words * sizeof(uint64_t);

  memcpy(storm->copy, storm->memory, STORM_PAGES * page);
  for (size_t i = 0; i < STORM_PAGES; i += 3)
    storm_write(storm, i, 1);
  if (!storm_agrees(storm))
    return CHILD_LOST_WRITES;
  return storm_tracks(storm, (size_t[]){ 0, 31, 32 }, 3) ? CHILD_IS_FINE : CHILD_TRACKS_WRONG;
}

static void
test_storm(unsigned depth)
{
  struct storm storm;
  int between = 0, any = 0;

  if (!ok(storm_begin_with(&storm, seed + 1, depth, WW_FOLLOW_FORK) && storm_blow(&storm), "a storm begins, "
          "stacks of %u frames", depth))
    return;
  for (int i = 0; i < MANY_FORKS; i++) {
    pthread_mutex_lock(&storm.taking);
    between += fork_and(&storm, examine_copy);
    pthread_mutex_unlock(&storm.taking);
    any += fork_and(&storm, examine_any);
  }
  ok(between == MANY_FORKS, "%d forks while threads fault: no child lost a write of theirs, and all go on "
     "exactly", MANY_FORKS);
  ok(any == MANY_FORKS, "%d forks while a collect may be under way: likewise", MANY_FORKS);
  ok(storm_rest(&storm), "the parent's tracking lost nothing");
  storm_end(&storm);
}

/* --------------------------------------------------------- other ways to part */

static enum finding
examine_daemon(struct storm *storm)
{
  int told[2];
  char finding = (char)GRANDCHILD_FAILED;

  if (pipe(told) != 0)
    return GRANDCHILD_FAILED;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    close(told[0]);
    alarm(TIME_LIMIT / 2);
    storm_write(storm, 20, 1);
    if (daemon(1, 1) == 0) {
      alarm(TIME_LIMIT / 2);
      storm_write(storm, 21, 1);
      finding = storm_agrees(storm) ? (char)CHILD_IS_FINE : (char)CHILD_LOST_WRITES;
      if (!finding && !storm_tracks(storm, (size_t[]){ 1, 2, 50 }, 3))
        finding = (char)CHILD_TRACKS_WRONG;
    }
    fflush(stdout);
    (void)!write(told[1], &finding, 1);
    _exit(0);
  }
  close(told[1]);
  if (await(child) != 0 || read(told[0], &finding, 1) != 1)
    finding = (char)GRANDCHILD_FAILED;
  close(told[0]);
  return (enum finding)finding;
}

static struct storm *shared_storm;

/* Shares the memory and the tracker: what it writes is the parent's writing. */
static int
write_and_exec(void *unused)
{
  (void)unused;
  storm_write(shared_storm, 30, 1);
  execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
  _exit(127);
}

static bool
run_clone(struct storm *storm)
{
  enum { SIZE = 1 << 17 };
  char *stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  bool well;

  shared_storm = storm;
  well = stack != MAP_FAILED
         && await(clone(write_and_exec, stack + SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL)) == 0;
  munmap(stack, SIZE);
  return well;
}

static bool
run_vfork(struct storm *storm)
{
  pid_t child;

  shared_storm = storm;
  child = vfork();
  if (child == 0) {
    storm_write(shared_storm, 31, 1);
    execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
    _exit(127);
  }
  return await(child) == 0;
}

static bool
run_popen(void)
{
  char text[16] = "";
  FILE *pipe = popen("echo said", "r");

  if (!pipe)
    return false;
  if (!fgets(text, sizeof text, pipe))
    text[0] = '\0';
  return pclose(pipe) == 0 && strcmp(text, "said\n") == 0;
}

/* Signals that are ignored, and that are blocked: what a program is begun with. */
struct begin { unsigned long ignored, blocked; };

static struct begin begun;

static struct begin
look_at_signals(void)
{
  struct begin found = { 0, 0 };
  struct sigaction action;
  sigset_t mask;

  sigprocmask(SIG_BLOCK, NULL, &mask);
  for (int signal = 1; signal < 32; signal++) {
    if (sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
      found.ignored |= 1ul << signal;
    if (sigismember(&mask, signal))
      found.blocked |= 1ul << signal;
  }
  return found;
}

/* Become this program again, which then says what it finds: see inspect(). */
static enum finding
examine_exec(struct storm *storm)
{
  char ignored[32], blocked[32];

  snprintf(ignored, sizeof ignored, "%lx", begun.ignored);
  snprintf(blocked, sizeof blocked, "%lx", begun.blocked);
  storm_write(storm, 1, 1);
  execl("/proc/self/exe", "follow", "--inspect", ignored, blocked, (char *)NULL);
  return CHILD_TRACKS_WRONG;
}

/* In the new image: does it begin as the tracked one did? */
static int
inspect(char **expected)
{
  volatile char *memory = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  memory[0] = 1;
  if (begun.ignored != strtoul(expected[0], NULL, 16) || begun.blocked != strtoul(expected[1], NULL, 16)) {
    printf("# ignored %lx, not %s; blocked %lx, not %s\n", begun.ignored, expected[0], begun.blocked,
           expected[1]);
    return CHILD_TRACKS_WRONG;
  }
  return CHILD_IS_FINE;
}

static void
test_parting(void)
{
  enum { TIMES = 10 };
  struct storm storm;
  int daemons = 0, clones = 0, vforks = 0, systems = 0, popens = 0, execs = 0;

  if (!ok(storm_begin_with(&storm, seed + 2, engine_has_writers() ? 16 : 0, WW_FOLLOW_FORK)
          && storm_blow(&storm), "a storm begins"))
    return;
  fflush(stdout);
  for (int i = 0; i < TIMES; i++) {
    clones += run_clone(&storm);
    vforks += run_vfork(&storm);
    systems += system("exit 0") == 0;
    popens += run_popen();
    execs += fork_and(&storm, examine_exec);
  }
  ok(clones == TIMES, "clone(CLONE_VM | CLONE_VFORK), a write and exec, %d times", TIMES);
  ok(vforks == TIMES, "vfork, a write and exec, %d times", TIMES);
  ok(systems == TIMES, "system, %d times", TIMES);
  ok(popens == TIMES, "popen, %d times", TIMES);
  ok(execs == TIMES, "fork and exec: the new program begins as any does, %d times", TIMES);
  ok(storm_rest(&storm), "the parent lost nothing, nor what its sharers wrote");
  for (int i = 0; i < TIMES; i++)
    daemons += fork_and(&storm, examine_daemon);
  ok(daemons == TIMES, "a child that calls daemon goes on tracked, %d times", TIMES);
  ok(storm_tracks(&storm, (size_t[]){ 10, 11 }, 2), "and the parent is exact afterwards");
  storm_end(&storm);
}

/* libc writes the process id with all signals blocked: only the shield can help. */
static void
test_spawn(void)
{
  struct storm storm;
  char *arguments[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char[]){ "exit 0" }, NULL };
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *probe;
  const char *what = "posix_spawn with its process id on a tracked page";
  pid_t *child;

  options.flags = WW_SHIELD;
  if (ww_tracker_create(&probe, &options) != 0) {
    skip(what, "no shield in this version");
    return;
  }
  ww_tracker_destroy(probe);
#if defined(__SANITIZE_THREAD__)
  skip(what, "ThreadSanitizer has a thread of its own with all signals blocked, which the shield refuses");
  return;
#endif
  if (!ok(storm_begin_with(&storm, seed + 3, 0, WW_SHIELD), "a shielded tracker is started"))
    return;
  child = (pid_t *)(void *)storm.memory;
  ok(posix_spawn(child, "/bin/sh", NULL, NULL, arguments, environ) == 0 && *child > 0 && await(*child) == 0,
     "%s", what);
  ok(storm_agrees(&storm), "and the page is returned");
  storm_end(&storm);
}

int
main(int argc, char **argv)
{
  begun = look_at_signals();
  if (argc > 3 && !strcmp(argv[1], "--inspect"))
    return inspect(argv + 2);
  seed = tap_seed(argc, argv, (uint64_t)time(NULL));
  alarm(TIME_LIMIT);
  test_exact(0);
  if (engine_has_writers())
    test_exact(16);
  else
    skip("a child that goes on, stacks of 16 frames", ENGINE_NO_WRITERS);
  test_both();
  test_storm(0);
  if (engine_has_writers())
    test_storm(16);
  else
    skip("forks in a storm, stacks of 16 frames", ENGINE_NO_WRITERS);
  test_parting();
  test_spawn();
  return tap_done();
}
