/* clones.c - bare clone() and clone3() that write to watched memory, while other threads write
 * and collect: the numbers arrive on both sides, the page is armed again, and the child finds
 * the tracker as after fork(): disarmed, clean, and its own to start. */
#include "../tap.h"
#include "shielded.h"

#include <pthread.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGES = 64, ROUNDS = 300, IDS = 8 };    /* the page with the numbers */

static ww_tracker *tracker;
static unsigned char *memory;
static size_t page;
static _Atomic bool end;

static void *
write_on(void *unused)
{
  for (unsigned i = 0; !atomic_load(&end); i++)
    ((volatile unsigned char *)memory)[(IDS + 1 + i % (PAGES - IDS - 1)) * page]++;
  return unused;
}

static void *
collect_on(void *unused)
{
  ww_dirty *dirty;
  while (!atomic_load(&end))
    if (!ww_collect(tracker, &dirty))
      ww_dirty_free(dirty);
  return unused;
}

static bool
returned(const ww_dirty *dirty, const void *at)
{
  size_t count;
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < count; i++)
    if ((uintptr_t)at - (uintptr_t)run[i].address < run[i].length)
      return true;
  return false;
}

/* 0, or which step was wrong. */
static int
child(const pid_t *ids, bool own_id)
{
  ww_dirty *dirty;
  if (own_id && ids[1] != (pid_t)syscall(SYS_gettid))
    return 1;
  if (ww_collect(tracker, &dirty) != -ENODATA)
    return 2;
  if (ww_start(tracker))
    return 3;
  memory[page] = 1;
  if (ww_collect(tracker, &dirty) || !returned(dirty, memory + page) || returned(dirty, ids))
    return 4;
  return 0;
}

static long
by_clone(pid_t *ids)
{
#if defined(__x86_64__)
  return syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &ids[0], &ids[1], 0);
#else
  return syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &ids[0], 0, &ids[1]);
#endif
}

static long
by_clone3(pid_t *ids)
{
  uint64_t given[8] = { CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, 0, (uintptr_t)&ids[1], (uintptr_t)&ids[0],
                        SIGCHLD, 0, 0, 0 };
  return syscall(435, given, sizeof given);
}

/* A lock that nobody gives back is waited for with signals held off, so an alarm will not do. */
static int
end_of(pid_t process)
{
  int status = 0;
  for (unsigned i = 0; i < 10000; i++) {
    pid_t ended = waitpid(process, &status, WNOHANG);
    if (ended)
      return ended == process ? status : -1;
    usleep(i < 100 ? 100 : 1000);
  }
  kill(process, SIGKILL);
  waitpid(process, &status, 0);
  return status;
}

static void
many(const char *name, long (*make)(pid_t *))
{
  pid_t *ids = (pid_t *)(memory + IDS * page);
  unsigned made = 0, wrong_ids = 0;
  int status = 0;
  for (unsigned i = 0; i < ROUNDS && !status; i++) {
    long process = make(ids);
    if (!process)
      _exit(child(ids, true));
    if (process < 0)
      break;
    made++;
    wrong_ids += ids[0] != process;
    status = end_of((pid_t)process);
  }
  if (!made && errno == ENOSYS) {
    skip(name, "the kernel has no such call");
    return;
  }
  ok(made == ROUNDS || status, "%s: %u processes were made", name, made);
  ok(wrong_ids == 0, "%s: each number arrived", name);
  ok(!status, "%s: each child had its own number and a tracker to start (status %#x)", name,
     (unsigned)status);
}

/* Quiet now: the page comes back once, and then no more. */
static void
armed_again(const char *name, long (*make)(pid_t *))
{
  pid_t *ids = (pid_t *)(memory + IDS * page);
  ww_dirty *dirty;
  bool first = false, second = true, third = false;
  long process = make(ids);
  if (!process)
    _exit(0);
  waitpid((pid_t)process, NULL, 0);
  for (unsigned i = 0; i < 3; i++) {
    if (i == 2)
      ids[0] = 0;
    if (ww_collect(tracker, &dirty))
      break;
    bool there = returned(dirty, ids);
    *(i == 0 ? &first : i == 1 ? &second : &third) = there;
    if (i == 2)
      third = there && ww_dirty_count(dirty, WW_TRAPPED) == 1;
    ww_dirty_free(dirty);
  }
  ok(process > 0 && first && !second && third, "%s: the page is returned, then armed again (%d %d %d)", name,
     first,
     second, third);
}

int
main(void)
{
  struct ww_options options = WW_OPTIONS_INIT;
  pthread_t writer, collector;
  const char *obstacle = shield_obstacle();
  if (obstacle) {
    skip("cloned processes", obstacle);
    return tap_done();
  }
  page = (size_t)sysconf(_SC_PAGESIZE);
  memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  options.flags = WW_SHIELD;
  if (memory == MAP_FAILED || ww_tracker_create(&tracker, &options)
      || ww_region_add(tracker, "cloned", memory, PAGES * page, NULL) || ww_start(tracker)) {
    printf("Bail out! %s\n", ww_last_error());
    return 1;
  }
  pthread_create(&writer, NULL, write_on, NULL);
  pthread_create(&collector, NULL, collect_on, NULL);
  many("clone()", by_clone);
  many("clone3()", by_clone3);
  atomic_store(&end, true);
  pthread_join(writer, NULL);
  pthread_join(collector, NULL);
  armed_again("clone()", by_clone);
  ww_tracker_destroy(tracker);
  return tap_done();
}
