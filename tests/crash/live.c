/* live.c - a small program that lives by tracking, to be run in narrow places.
 * crash-live: two threads write, a third collects, a child is made; nothing may be lost.
 * crash-live narrow: the same with ever less address space (RLIMIT_AS) left. */
#include "config.h"
#include "storm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Exit statuses. */
enum {
  LIVE_FINE = 0,
  LIVE_WRONG = 1,       /* something was lost or invented, or failed for no good reason */
  LIVE_NO_MEMORY = 3    /* the library said -ENOMEM, and that in words too */
};

static size_t
address_space(void)
{
  FILE *file = fopen("/proc/self/statm", "re");
  unsigned long pages = 0;

  if (!file || fscanf(file, "%lu", &pages) != 1)
    pages = 0;
  if (file)
    fclose(file);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

#define UNLIMITED ((size_t)-1)

/* With `spare` bytes of address space beyond what the program itself has mapped by
 * now: what runs out is the library's. */
static int
live_small(size_t spare)
{
  enum { PAGES = 2048 };
  struct ww_options options = WW_OPTIONS_INIT;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ww_tracker *tracker;
  ww_dirty *dirty;
  int error, result = LIVE_FINE;

  if (memory == MAP_FAILED)
    return LIVE_NO_MEMORY;
  if (spare != UNLIMITED) {
    struct rlimit limit = { address_space() + spare, address_space() + spare };
    setrlimit(RLIMIT_AS, &limit);
  }
  options.stack_depth = ww_has_stacks() ? 16 : 0;
  error = ww_tracker_create(&tracker, &options);
  if (error) {
    tracker = NULL;
    goto out;
  }
  if ((error = ww_region_add(tracker, "small", memory, PAGES * page, NULL)) != 0
      || (error = ww_start(tracker)) != 0)
    goto out;
  for (int round = 0; round < 3; round++) {
    for (size_t i = (size_t)round; i < PAGES; i += 3)
      memory[i * page]++;
    error = ww_collect(tracker, &dirty);
    if (error)
      goto out;
    if (ww_dirty_pages(dirty) != (PAGES - (size_t)round + 2) / 3)
      result = LIVE_WRONG;
    ww_dirty_free(dirty);
  }
out:
  if (error == -ENOMEM && ww_last_error()[0] != '\0' && ww_strerror(error)[0] != '\0')
    result = LIVE_NO_MEMORY;
  else if (error) {
    fprintf(stderr, "crash-live: %s (%s)\n", ww_strerror(error), ww_last_error());
    result = LIVE_WRONG;
  }
  /* Whatever failed, the memory is the program's own again. */
  ww_tracker_destroy(tracker);
  memset(memory, 1, PAGES * page);
  munmap(memory, PAGES * page);
  return result;
}

/* One child for each limit, from nothing to plenty. Both ends must be reached. */
static int
live_narrow(void)
{
  unsigned fine = 0, refused = 0, wrong = 0;

  for (size_t spare = 0; spare < (size_t)1 << 31; spare += spare / 8 + 4096) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
      alarm(20);
      _exit(live_small(spare));
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
      ;
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == LIVE_FINE)
      fine++;
    else if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == LIVE_NO_MEMORY)
      refused++;
    else {
      wrong++;
      fprintf(stderr, "crash-live: with %zu KiB to spare: wait status %#x\n", spare / 1024, (unsigned)status);
    }
  }
  fprintf(stderr, "crash-live: %u limits were enough, %u were refused, %u went wrong\n",
          fine, refused, wrong);
  return wrong || !fine || !refused ? LIVE_WRONG : LIVE_FINE;
}

static int
live_storm(void)
{
  struct storm storm;
  struct timespec wait = { .tv_nsec = 100000000 };
  int status = -1;
  pid_t child;

  if (!storm_begin(&storm, (uint64_t)getpid(), 16) || !storm_blow(&storm))
    return LIVE_WRONG;
  nanosleep(&wait, NULL);
  fflush(stdout);
  child = fork();
  if (child == 0)
    _exit(storm_is_writable(&storm) && storm_tracks(&storm, (size_t[]){ 3, 9 }, 2) ? LIVE_FINE : LIVE_WRONG);
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  if (!storm_rest(&storm) || !storm_tracks(&storm, (size_t[]){ 5 }, 1))
    status = -1;
  storm_end(&storm);
  return status == 0 ? LIVE_FINE : LIVE_WRONG;
}

int
main(int argc, char **argv)
{
  if (argc == 1)
    return live_storm();
  if (argc == 2 && strcmp(argv[1], "small") == 0)
    return live_small(UNLIMITED);
  if (argc == 2 && strcmp(argv[1], "narrow") == 0)
    return live_narrow();
  fprintf(stderr, "crash-live: usage: crash-live [small|narrow]\n");
  return 2;
}
