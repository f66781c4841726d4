/* bench_content.c - trackers that need no write protection of their own: a copy to
 * compare with, a hash of every page, and fork() with what the kernel copies on write. */
#include "config.h"
#include "bench_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static unsigned char *copy;
static XXH128_hash_t *hashes;
static uint32_t      *found;      /* pages */
static size_t         found_count;

static void
tell_found(struct bench_ground *ground)
{
  for (size_t i = 0; i < found_count; i++)
    bench_mark(ground, found[i], 1);
}

/* Memory that is there already when it is first used on the clock. */
static void *
room(size_t bytes)
{
  void *memory = memory_map(bytes, MAP_POPULATE);

  if (memory)
    memset(memory, 0, bytes);
  return memory;
}

static int
copy_start(const struct bench_contestant *self, struct bench_ground *ground)
{
  (void)self;
  copy = room(ground->pages * ground->page_size);
  found = room(ground->pages * sizeof *found);
  if (!copy || !found)
    return bench_refuse(ground, -ENOTSUP, "no memory for a copy");
  memcpy(copy, ground->memory, ground->pages * ground->page_size);
  return 0;
}

static int
copy_collect(struct bench_ground *ground, struct bench_spent *spent)
{
  const double begin = now_wall();

  found_count = 0;
  for (size_t page = 0; page < ground->pages; page++) {
    const size_t at = page * ground->page_size;

    if (memcmp(copy + at, ground->memory + at, ground->page_size) != 0) {
      memcpy(copy + at, ground->memory + at, ground->page_size);
      found[found_count++] = (uint32_t)page;
    }
  }
  spent->hash = now_wall() - begin;
  return 0;
}

static int
hash_collect(struct bench_ground *ground, struct bench_spent *spent)
{
  const double begin = now_wall();

  found_count = 0;
  for (size_t page = 0; page < ground->pages; page++) {
    const XXH128_hash_t hash = XXH3_128bits(ground->memory + page * ground->page_size, ground->page_size);

    if (!XXH128_isEqual(hash, hashes[page])) {
      hashes[page] = hash;
      found[found_count++] = (uint32_t)page;
    }
  }
  spent->hash = now_wall() - begin;
  return 0;
}

static int
hash_start(const struct bench_contestant *self, struct bench_ground *ground)
{
  (void)self;
  hashes = room(ground->pages * sizeof *hashes);
  found = room(ground->pages * sizeof *found);
  if (!hashes || !found)
    return bench_refuse(ground, -ENOTSUP, "no memory for the hashes");
  return hash_collect(ground, &(struct bench_spent){ 0, 0 });
}

/* ------------------------------------------------------------------ fork() */

/* The child holds what the memory was; a page that was written since is no longer
 * shared with it, which /proc/self/pagemap tells (bit 56: mapped exclusively). */
#define EXCLUSIVE ((uint64_t)1 << 56)

static pid_t     snapshot = -1;
static int       fork_pagemap = -1;
static uint64_t *entries;

static int
take_snapshot(void)
{
  pid_t parent = getpid();
  snapshot = fork();
  if (snapshot < 0)
    return -errno;
  if (snapshot == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* The last one's parent may have ended before that. */
    while (getppid() == parent)
      pause();
    _exit(0);
  }
  return 0;
}

static int
fork_collect(struct bench_ground *ground, struct bench_spent *spent)
{
  const size_t wanted = ground->pages * sizeof *entries;
  const off_t at = (off_t)((uintptr_t)ground->memory / ground->page_size * sizeof *entries);
  double begin;
  int status, error;

  for (size_t got = 0; got < wanted; ) {
    ssize_t now = pread(fork_pagemap, (char *)entries + got, wanted - got, at + (off_t)got);

    if (now <= 0)
      return bench_refuse(ground, now < 0 ? -errno : -EIO, "/proc/self/pagemap: %s", strerror(errno));
    got += (size_t)now;
  }
  found_count = 0;
  for (size_t page = 0; page < ground->pages; page++)
    if (entries[page] & EXCLUSIVE)
      found[found_count++] = (uint32_t)page;
  begin = now_wall();
  kill(snapshot, SIGKILL);
  while (waitpid(snapshot, &status, 0) < 0 && errno == EINTR)
    ;
  error = take_snapshot();
  spent->arm = now_wall() - begin;
  return error == 0 ? 0 : bench_refuse(ground, error, "fork: %s", strerror(-error));
}

static int
fork_start(const struct bench_contestant *self, struct bench_ground *ground)
{
  int error;

  (void)self;
  fork_pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (fork_pagemap < 0)
    return bench_refuse(ground, -ENOTSUP, "/proc/self/pagemap: %s", strerror(errno));
  entries = room(ground->pages * sizeof *entries);
  found = room(ground->pages * sizeof *found);
  if (!entries || !found)
    return bench_refuse(ground, -ENOTSUP, "no memory for the page map");
  error = take_snapshot();
  return error == 0 ? 0 : bench_refuse(ground, -ENOTSUP, "fork: %s", strerror(-error));
}

const struct bench_contestant bench_untracked = {
  .name = "untracked", .about = "the workload alone: what the others are compared with",
  .sees = BENCH_NOTHING,
};

const struct bench_contestant bench_copy = {
  .name = "copy", .about = "a full copy, compared page by page",
  .sees = BENCH_CHANGES, .copies = 1.01, .start = copy_start, .collect = copy_collect, .tell = tell_found,
};

const struct bench_contestant bench_hash = {
  .name = "hash", .about = "XXH3-128 of every page",
  .sees = BENCH_CHANGES, .copies = 0.01, .start = hash_start, .collect = hash_collect, .tell = tell_found,
};

const struct bench_contestant bench_fork = {
  .name = "fork", .about = "fork() an epoch: a child keeps what was, the kernel copies what is written",
  .sees = BENCH_WRITES, .copies = 1.01, .start = fork_start, .collect = fork_collect, .tell = tell_found,
};
