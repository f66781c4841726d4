/* engines.c - what holds for each engine that this machine has: every kind of memory, evidence,
 * mappings, writers, threads, errors. What the process does besides is in engines-process.c. */
#include "config.h"
#include "../tap.h"
#include "memory.h"
#include "tracked.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* How many mappings there are in a range. */
static size_t
mappings(const char *memory, size_t length)
{
  unsigned long start, end, from = (unsigned long)memory;
  size_t count = 0;
  char line[512];
  FILE *maps = fopen("/proc/self/maps", "re");
  while (maps && fgets(line, sizeof line, maps))
    count += sscanf(line, "%lx-%lx", &start, &end) == 2 && start < from + length && end > from;
  if (maps)
    fclose(maps);
  return count;
}

/* ------------------------------------------------------------------- memory */

static void
try_memory(const char *what, char *memory)
{
  ww_tracker *tracker = track(memory, 64, 0, 0);
  if (!ok(tracker != NULL, "%s: %s: started", name, what))
    return;
  bool right = holds(tracker, memory, NULL, 0, 0);
  for (unsigned turn = 0; turn < 3; turn++) {
    for (size_t i = 0; i < 64; i++)
      right &= ((volatile char *)memory)[i * page] == (turn && (i == 3 || i == 4 || i == 40) ? (char)turn : 0)
        || turn == 0;
    memory[3 * page] = memory[4 * page] = memory[40 * page + 7] = memory[40 * page] = (char)(turn + 1);
    right &= holds(tracker, memory, PAGES(3, 4, 40), WW_TRAPPED);
  }
  memory[63 * page] = 1;
  right &= holds(tracker, memory, PAGES(63), WW_TRAPPED) && holds(tracker, memory, NULL, 0, 0);
  ok(right, "%s: %s: what is written is returned, nothing else", name, what);
  ww_touch(tracker, memory + 5 * page, 2 * page);
  ok(holds(tracker, memory, PAGES(5, 6), WW_DECLARED) && holds(tracker, memory, NULL, 0, 0),
     "%s: %s: what is declared too, once", name, what);
  memory[6 * page]++;
  ok(holds(tracker, memory, PAGES(6), WW_TRAPPED), "%s: %s: and is watched again", name, what);
  ok(!ww_stop(tracker), "%s: %s: stopped", name, what);
  memset(memory, 1, 64 * page);
  ok(!ww_start(tracker) && holds(tracker, memory, NULL, 0, 0), "%s: %s: started again", name, what);
  ww_tracker_destroy(tracker);
  memset(memory, 2, 64 * page);
}

static void
try_file(const char *what, int flags)
{
  char path[] = "/tmp/writewatch-engines-XXXXXX";
  int fd = mkstemp(path);
  ww_tracker *tracker;
  if (fd < 0 || unlink(path) || ftruncate(fd, (off_t)(64 * page))) {
    skip(what, "no temporary file can be made");
    return;
  }
  char *memory = mmap(NULL, 64 * page, PROT_READ | PROT_WRITE, flags, fd, 0);
  close(fd);
  tracker = create(0, 0);
  int error = ww_region_add(tracker, "a file", memory, 64 * page, NULL);
  /* /tmp may be a tmpfs. */
  if (engine == WW_ENGINE_USERFAULTFD && error) {
    ok(error == -ENOTSUP && strstr(ww_last_error(), "userfaultfd") && strstr(ww_last_error(), "a file"),
       "%s: %s: refused by name: %s", name, what, ww_last_error());
    ww_tracker_destroy(tracker);
  } else {
    ww_tracker_destroy(tracker);
    try_memory(what, memory);
  }
  munmap(memory, 64 * page);
}

static void
try_kinds(void)
{
  size_t length = 64 * page, huge = (size_t)2 << 20;
  char *memory = map(64);
  try_memory("never touched", memory);
  munmap(memory, length);
  memory = map(64);
  memset(memory, 0, length);
  try_memory("private", memory);
  munmap(memory, length);
  memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  try_memory("shared", memory);
  munmap(memory, length);
  memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  try_memory("MAP_NORESERVE", memory);
  munmap(memory, length);
  for (int flags = MAP_SHARED; flags; flags = flags == MAP_SHARED ? MAP_PRIVATE : 0) {
    int fd = memfd_create("engines", MFD_CLOEXEC);
    if (ftruncate(fd, (off_t)length))
      ok(false, "a file in memory");
    memory = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, fd, 0);
    close(fd);
    try_memory(flags == MAP_SHARED ? "memfd, shared" : "memfd, private", memory);
    munmap(memory, length);
  }
  try_file("file, shared", MAP_SHARED);
  try_file("file, private", MAP_PRIVATE);
  /* Huge pages that come by themselves: exact to the small page all the same. */
  char *area = mmap(NULL, 4 * huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memory = (char *)(((uintptr_t)area + huge - 1) & ~(uintptr_t)(huge - 1));
  madvise(memory, 2 * huge, MADV_HUGEPAGE);
  memset(memory, 0, 2 * huge);
  ww_tracker *tracker = track(memory, 2 * huge / page, 0, 0);
  memory[page] = 1;
  memory[huge + 9 * page] = 1;
  ok(tracker && holds(tracker, memory, PAGES(1, huge / page + 9), WW_TRAPPED), "%s: huge pages, advised",
     name);
  memory[0] = 1;
  ok(tracker && holds(tracker, memory, PAGES(0), WW_TRAPPED), "%s: and again", name);
  memset(memory, 3, 2 * huge);
  ww_dirty *dirty;
  ok(!ww_collect(tracker, &dirty) && ww_dirty_pages(dirty) == 2 * huge / page, "%s: and all of them", name);
  ww_dirty_free(dirty);
  memory[5 * page] = 1;
  ok(holds(tracker, memory, PAGES(5), WW_TRAPPED), "%s: and one again", name);
  ww_tracker_destroy(tracker);
  munmap(area, 4 * huge);
  const char *reason;
  length = page;
  memory = memory_map(MEMORY_HUGETLB, &length, &reason);
  if (!memory) {
    skip("hugetlb", reason);
    return;
  }
  tracker = create(0, 0);
  bool started = !ww_region_add(tracker, "hugetlb", memory, length, NULL) && !ww_start(tracker);
  memory[5] = 1;
  ok(started && !ww_collect(tracker, &dirty) && ww_dirty_pages(dirty) == 1, "%s: hugetlb", name);
  ww_dirty_free(dirty);
  ww_tracker_destroy(tracker);
  munmap(memory, length);
}

/* Every second page of 1 GiB. */
static void
try_mappings(void)
{
  enum { ALL = 262144 };
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  char *memory = mmap(NULL, ALL * page, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED || engine == WW_ENGINE_MPROTECT) {
    skip("every second page of 1 GiB",
         memory == MAP_FAILED ? "it cannot be mapped" : "mprotect splits mappings");
    if (memory != MAP_FAILED)
      munmap(memory, ALL * page);
    return;
  }
  ww_dirty *dirty;
  struct ww_stats stats = { .size = sizeof stats };
  ww_tracker *tracker = track(memory, ALL, 0, 0);
  size_t before = mappings(memory, ALL * page);
  for (size_t i = 0; i < ALL; i += 2)
    memory[i * page] = 1;
  ww_tracker_stats(tracker, &stats);
  ok(mappings(memory, ALL * page) == before && before <= 1 && stats.mappings_used <= 2,
     "%s: every second page of 1 GiB is written: %zu mappings", name, before);
  size_t count;
  ok(!ww_collect(tracker, &dirty) && ww_dirty_count(dirty, WW_TRAPPED) == ALL / 2
     && ww_dirty_pages(dirty) == ALL / 2 && ww_dirty_runs(dirty, &count) && count == ALL / 2,
     "%s: and returned", name);
  ww_dirty_free(dirty);
  ok(holds(tracker, memory, NULL, 0, 0), "%s: once", name);
  ww_tracker_destroy(tracker);
  munmap(memory, ALL * page);
}

/* ------------------------------------------------------------------- writers */

static void __attribute__((noinline))
write_byte(volatile char *at)
{
  *at = 1;
  __asm__ volatile("" ::: "memory");
}

static void
try_writers(void)
{
  char *memory = map(16);
  struct ww_writer writer;
  ww_dirty *dirty;
  if (engine == WW_ENGINE_PAGEMAP) {
    struct ww_options options = WW_OPTIONS_INIT;
    ww_tracker *none = (void *)&none;
    options.engine = engine;
    options.stack_depth = 8;
    ok(ww_tracker_create(&none, &options) == -ENOTSUP && none == (void *)&none
       && (strstr(ww_last_error(), "pagemap") || !ww_has_stacks()),
       "%s: no stacks: %s", name, ww_last_error());
  }
  ww_tracker *tracker = track(memory, 16, 0, engine != WW_ENGINE_PAGEMAP && ww_has_stacks() ? 8 : 0);
  write_byte(memory + 3 * page);
  ww_collect(tracker, &dirty);
  int error = ww_dirty_writer(dirty, memory + 3 * page, &writer);
  if (engine == WW_ENGINE_PAGEMAP)
    ok(error == -ENOENT && ww_dirty_writers(dirty) == 0, "%s: nobody is named", name);
  else
    ok(!error && writer.thread == getpid() && (!ww_has_stacks() || (writer.depth >= 2
       && (uintptr_t)writer.frames[0] - (uintptr_t)&write_byte < 64)),
       "%s: the writer is named, with its stack", name);
  ww_dirty_free(dirty);
  ww_tracker_destroy(tracker);
  munmap(memory, 16 * page);
}

struct pair { char *memory; unsigned number; _Atomic int *ready; };

static void *
write_shared(void *argument)
{
  struct pair *own = argument;
  for (size_t i = 0; i < 2000; i++) {
    atomic_fetch_add(own->ready, 1);
    while (atomic_load(own->ready) < (int)(2 * (i + 1)))
      ;
    ((volatile char *)own->memory)[i % 64 * page + own->number] = (char)i;
  }
  return NULL;
}

static void
try_threads(void)
{
  char *memory = map(64);
  _Atomic int ready = 0;
  pthread_t thread[2];
  ww_tracker *tracker = track(memory, 64, 0, 0);
  struct pair pair[2] = { { memory, 0, &ready }, { memory, 1, &ready } };
  for (unsigned i = 0; i < 2; i++)
    pthread_create(&thread[i], NULL, write_shared, &pair[i]);
  for (unsigned i = 0; i < 200; i++) {
    ww_dirty *dirty;
    if (!ww_collect(tracker, &dirty))
      ww_dirty_free(dirty);
  }
  for (unsigned i = 0; i < 2; i++)
    pthread_join(thread[i], NULL);
  ww_dirty *dirty;
  ww_collect(tracker, &dirty);
  ww_dirty_free(dirty);
  memory[9 * page] = 1;
  ok(holds(tracker, memory, PAGES(9), WW_TRAPPED), "%s: two threads on one page, with collects", name);
  ww_tracker_destroy(tracker);
  munmap(memory, 64 * page);
}

/* -------------------------------------------------------------------- errors */

static void
try_errors(void)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *tracker = NULL;
  struct ww_stats stats = { .size = sizeof stats };
  options.engine = engine;
  options.flags = WW_SHIELD;
  if (engine != WW_ENGINE_MPROTECT)
    ok(ww_tracker_create(&tracker, &options) == -ENOTSUP && strstr(ww_last_error(), name),
       "%s: no shield: %s",
       name, ww_last_error());
  options = (struct ww_options)WW_OPTIONS_INIT;
  setenv("WRITEWATCH_ENGINE", name, 1);
  ok(!ww_tracker_create(&tracker, &options) && !ww_tracker_stats(tracker, &stats) && stats.engine == engine,
     "%s: by the environment", name);
  ww_tracker_destroy(tracker);
  options.engine = WW_ENGINE_MPROTECT;
  ok(!ww_tracker_create(&tracker, &options) && !ww_tracker_stats(tracker, &stats)
     && stats.engine == WW_ENGINE_MPROTECT, "%s: the option goes before the environment", name);
  ww_tracker_destroy(tracker);
  options.engine = WW_ENGINE_AUTO;
  setenv("WRITEWATCH_ENGINE", "none such", 1);
  ok(ww_tracker_create(&tracker, &options) == -EINVAL && strstr(ww_last_error(), "WRITEWATCH_ENGINE"),
     "an engine that there is not: %s", ww_last_error());
  setenv("WRITEWATCH_ENGINE", "auto", 1);
  ok(!ww_tracker_create(&tracker, &options) && !ww_tracker_stats(tracker, &stats)
     && stats.engine == WW_ENGINE_MPROTECT, "auto traps with mprotect");
  ww_tracker_destroy(tracker);
  unsetenv("WRITEWATCH_ENGINE");
  ww_region *region;
  char *memory = map(16);
  tracker = create(0, 0);
  ok(!ww_region_add(tracker, "x", memory, 16 * page, &region) && !ww_start(tracker)
     && ww_region_engine(region) == engine, "%s: a region says what it is watched by", name);
  munmap(memory + 4 * page, page);
  ok(ww_stop(tracker) == -EFAULT, "%s: a part that is gone is said so", name);
  ok(ww_start(tracker) == -EFAULT, "%s: and is not watched", name);
  ww_tracker_destroy(tracker);
  munmap(memory, 16 * page);
}

static void
try_all(void)
{
  try_kinds();
  try_mappings();
  try_writers();
  try_threads();
  try_errors();
}

int
main(void)
{
  alarm(100);
  each_engine(try_all);
  return tap_done();
}
