/* house.c - all of a process's own memory under one tracker.
 *
 * What the tracker's thread itself needs lies in one mapping that is left out: its
 * stack (so that a collect needs no fault), the figures, and the text of
 * /proc/self/maps. Every other writable mapping is offered to the library, which
 * refuses stacks, thread-local storage and its own; what it refuses goes on record. */
#include "config.h"
#include "shielded.h"
#include "tenant.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { NOTES = 16384, TEXT = 1 << 18, STACK = 1 << 18, COLLECT_EVERY = 200000 /* ns */ };

static struct house {
  _Atomic bool go, end;
  ww_tracker *tracker;
  pthread_t thread;
  size_t page_size;
  _Atomic uint64_t collects;
  pid_t process;
  uint64_t regions, pages, dirty, faults, declared, missed;
  int error;               /* of a collect */
  size_t noted;
  char notes[NOTES];
  char text[TEXT];
  char stack[STACK] __attribute__((aligned(4096)));
} *house;

static void
note(const char *what, const char *where, const char *why)
{
  int length = snprintf(house->notes + house->noted, NOTES - house->noted, "%s %s: %s\n", what, where, why);
  if (length > 0 && house->noted + (size_t)length < NOTES)
    house->noted += (size_t)length;
}

/* ------------------------------------------------------------ the collecting */

static void
collect(void)
{
  ww_dirty *dirty;
  size_t count;
  int error = ww_collect(house->tracker, &dirty);
  if (error) {
    house->error = error;
    note("failed", "ww_collect", ww_last_error());
    return;
  }
  house->collects++;
  house->dirty += ww_dirty_pages(dirty);
  house->faults += ww_dirty_writers(dirty);
  house->declared += ww_dirty_count(dirty, WW_DECLARED);
  const struct ww_run *runs = missed_runs(dirty, &count);
  for (size_t i = 0; i < count; i++) {
    char offset[32];
    snprintf(offset, sizeof offset, "offset %#zx",
             (size_t)((char *)runs[i].address - (char *)ww_region_address(runs[i].region)));
    house->missed += runs[i].length / house->page_size;
    note("missed-page", ww_region_name(runs[i].region), offset);
  }
  ww_dirty_free(dirty);
}

static void *
collect_on(void *unused)
{
  while (!atomic_load(&house->go))
    nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
  while (!atomic_load(&house->end) && !house->error) {
    nanosleep(&(struct timespec){ .tv_nsec = COLLECT_EVERY }, NULL);
    collect();
  }
  return unused;
}

void
house_settle(void)
{
  int saved = errno;
  if (!house || house->process != getpid())
    return;
  /* One that runs just now may have armed the page in question before it was written. */
  for (uint64_t until = atomic_load(&house->collects) + 2;
       atomic_load(&house->go) && atomic_load(&house->collects) < until && !house->error;)
    nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
  errno = saved;
}

/* ----------------------------------------------------------- the registering */

static bool
build_house(void)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE), length = (sizeof *house + page - 1) & ~(page - 1);
  /* Pages without access keep the neighbours from joining it. */
  char *memory = mmap(NULL, length + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory + page, length, PROT_READ | PROT_WRITE))
    return false;
  house = (void *)(memory + page);
  house->page_size = page;
  return true;
}

static bool
read_maps(void)
{
  int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  size_t length = 0;
  ssize_t got = 0;
  while (fd >= 0 && length < TEXT - 1 && (got = read(fd, house->text + length, TEXT - 1 - length)) > 0)
    length += (size_t)got;
  if (fd >= 0)
    close(fd);
  house->text[length] = '\0';
  return fd >= 0 && got == 0;
}

static void
offer(uintptr_t start, uintptr_t end, const char *path)
{
  const char *base = strrchr(path, '/');
  char name[64];
  snprintf(name, sizeof name, "%s", base ? base + 1 : path[0] ? path : "anonymous");
  if ((uintptr_t)house >= start && (uintptr_t)house < end)
    return;
  int error = ww_region_add(house->tracker, name, (void *)start, end - start, NULL);
  if (error)
    note("refused", name, ww_last_error());
  else
    house->regions++;
}

static void
offer_all(void)
{
  for (char *line = house->text, *next; *line; line = next) {
    unsigned long start, end;
    char rights[8];
    int path = 0;
    next = line + strcspn(line, "\n");
    if (*next)
      *next++ = '\0';
    if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %n", &start, &end, rights, &path) == 3 && rights[1] == 'w')
      offer(start, end, path ? line + path : "");
  }
}

int
house_watch(unsigned flags)
{
  struct ww_options options = WW_OPTIONS_INIT;
  struct ww_stats stats = { .size = sizeof stats };
  pthread_attr_t attributes;
  sigset_t all, before;
  if (!build_house())
    return -ENOMEM;
  options.flags = flags;
  house->process = getpid();
  int error = ww_tracker_create(&house->tracker, &options);
  if (!error) {
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, house->stack, STACK);
    /* What is sent to the process shall find the threads that it would find without us. */
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGSYS);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = -pthread_create(&house->thread, &attributes, collect_on, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
  }
  if (!error)
    error = read_maps() ? 0 : -EIO;
  if (!error) {
    offer_all();
    error = ww_start(house->tracker);
  }
  if (error) {
    fprintf(stderr, "tenant: %s (%s)\n", ww_strerror(error), ww_last_error());
    return error;
  }
  ww_tracker_stats(house->tracker, &stats);
  house->pages = stats.pages;
  atomic_store(&house->go, true);
  return 0;
}

void
house_adopt(void *memory, size_t length)
{
  if (house && ww_region_add(house->tracker, "adopted", memory, length, NULL))
    note("refused", "adopted", ww_last_error());
}

bool
house_leave(const char *path)
{
  atomic_store(&house->end, true);
  pthread_join(house->thread, NULL);
  if (!house->error)
    collect();
  ww_tracker_destroy(house->tracker);
  FILE *file = fopen(path, "we");
  if (!file)
    return false;
  fprintf(file,
          "regions %llu\npages %llu\ncollects %llu\ndirty %llu\nfaults %llu\ndeclared %llu\nmissed %llu\n",
          (unsigned long long)house->regions, (unsigned long long)house->pages,
          (unsigned long long)house->collects, (unsigned long long)house->dirty,
          (unsigned long long)house->faults, (unsigned long long)house->declared,
          (unsigned long long)house->missed);
  fputs(house->notes, file);
  return fclose(file) == 0 && !house->error;
}
