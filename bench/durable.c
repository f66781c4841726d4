/* durable.c - a checkpoint made at once, beside write() and fsync() of the same bytes, and a restore beside
 * read(). */
#define _GNU_SOURCE
#include "config.h"
#include "bench.h"
#include "writewatch-checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOTAL ((size_t)256 << 20)
#define PIECE ((size_t)1 << 20)

enum { ROUNDS_MOST = 7 };

struct durable {
  char           directory[64], chain_path[80], file_path[80];
  unsigned char *memory, *target;
  ww_tracker    *tracker;
  ww_chain      *chain;
};

/* On a true disk, not in memory: the current directory's. */
static int
set_up(struct durable *durable)
{
  uint64_t state = 1;
  int error;

  strcpy(durable->directory, "./ww-durable.XXXXXX");
  if (mkdtemp(durable->directory) == NULL)
    return bench_fail("%s: %s", durable->directory, strerror(errno));
  snprintf(durable->chain_path, sizeof durable->chain_path, "%s/chain", durable->directory);
  snprintf(durable->file_path, sizeof durable->file_path, "%s/file", durable->directory);
  durable->memory = memory_map(TOTAL, 0);
  durable->target = memory_map(TOTAL, 0);
  if (durable->memory == NULL || durable->target == NULL)
    return 1;
  for (size_t i = 0; i < TOTAL / 8; i++)
    ((uint64_t *)(void *)durable->memory)[i] = next_random(&state);
  memory_populate(durable->target, TOTAL);
  if ((error = ww_tracker_create(&durable->tracker, NULL)) != 0
      || (error = ww_region_add(durable->tracker, "memory", durable->memory, TOTAL, NULL)) != 0
      || (error = ww_start(durable->tracker)) != 0)
    return bench_fail_call("ww_start", error);
  return 0;
}

static void
remove_chain(const struct durable *durable)
{
  char path[128];

  for (unsigned i = 1; i < 16; i++) {
    snprintf(path, sizeof path, "%s/%012u.ww", durable->chain_path, i);
    unlink(path);
  }
  snprintf(path, sizeof path, "%s/lock", durable->chain_path);
  unlink(path);
  rmdir(durable->chain_path);
}

static void
tear_down(struct durable *durable)
{
  ww_chain_close(durable->chain);
  ww_tracker_destroy(durable->tracker);
  remove_chain(durable);
  unlink(durable->file_path);
  rmdir(durable->directory);
}

/* ------------------------------------------------------------------- writing */

static int
write_plainly(const struct durable *durable, double *time)
{
  unlink(durable->file_path);
  sync();
  const double begin = now_wall();
  const int file = open(durable->file_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  bool good = file >= 0;

  for (size_t done = 0; done < TOTAL && good; done += PIECE)
    good = write(file, durable->memory + done, PIECE) == (ssize_t)PIECE;
  good = good && fsync(file) == 0 && close(file) == 0;
  *time = now_wall() - begin;
  return good ? 0 : bench_fail("%s: %s", durable->file_path, strerror(errno));
}

static int
write_checkpoint(struct durable *durable, unsigned flags, double *time)
{
  struct ww_chain_options options = WW_CHAIN_OPTIONS_INIT;
  struct ww_checkpoint_info info = { .size = sizeof info };

  ww_chain_close(durable->chain);
  durable->chain = NULL;
  remove_chain(durable);
  options.flags = flags;
  sync();
  if (ww_chain_open(&durable->chain, durable->chain_path, &options) != 0)
    return bench_fail("%s", ww_chain_error());
  const double begin = now_wall();
  const int error = ww_checkpoint(durable->chain, durable->tracker, &info);
  *time = now_wall() - begin;
  if (error || info.whole_pages * 4096 != TOTAL)
    return bench_fail("%s", error ? ww_chain_error() : "not all pages were saved");
  return 0;
}

/* ------------------------------------------------------------------- reading */

static void
forget_file(const char *path)
{
  const int file = open(path, O_RDONLY);

  if (file >= 0) {
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    close(file);
  }
}

static int
read_plainly(const struct durable *durable, bool cold, bool fresh, double *time)
{
  unsigned char *target = durable->target;

  if (cold)
    forget_file(durable->file_path);
  const double begin = now_wall();
  const int file = open(durable->file_path, O_RDONLY);
  bool good = file >= 0;

  if (fresh)
    target = mmap(NULL, TOTAL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (size_t done = 0; done < TOTAL && good; done += PIECE)
    good = read(file, target + done, PIECE) == (ssize_t)PIECE;
  *time = now_wall() - begin;
  if (file >= 0)
    close(file);
  if (fresh)
    munmap(target, TOTAL);
  return good ? 0 : bench_fail("%s: %s", durable->file_path, strerror(errno));
}

static void *
to_target(void *context, const struct ww_chain_region *region)
{
  (void)region;
  return ((struct durable *)context)->target;
}

static void
away(void *context, const struct ww_chain_region *region, void *address)
{
  *(double *)context = now_wall() - *(double *)context;
  munmap(address, region->length);
}

static int
restore(const struct durable *durable, bool cold, bool fresh, double *time)
{
  struct ww_chain_options reading = WW_CHAIN_OPTIONS_INIT;
  struct ww_restore_options options = WW_RESTORE_OPTIONS_INIT;
  char path[128];
  ww_chain *chain;

  snprintf(path, sizeof path, "%s/%012u.ww", durable->chain_path, 1u);
  if (cold)
    forget_file(path);
  reading.flags = WW_CHAIN_READ_ONLY;
  if (ww_chain_open(&chain, durable->chain_path, &reading) != 0)
    return bench_fail("%s", ww_chain_error());
  double begin = now_wall();
  if (fresh) {
    options.flags = WW_RESTORE_FRESH;
    options.placed = away;
    options.context = &begin;
  } else {
    options.place = to_target;
    options.context = (void *)(uintptr_t)durable;
  }
  const int error = ww_chain_restore(chain, &options, NULL);
  /* What is taken away again does not count. */
  *time = fresh ? begin : now_wall() - begin;
  ww_chain_close(chain);
  if (error)
    return bench_fail("%s", ww_chain_error());
  return !fresh && memcmp(durable->target, durable->memory, TOTAL) != 0 ? bench_fail("other bytes came back")
    : 0;
}

/* --------------------------------------------------------------------- rounds */

enum { PLAIN, CHECKPOINT, CHECKPOINT_DIRECT, READ_WARM, RESTORE_WARM, READ_FRESH, RESTORE_FRESH, READ_COLD,
       RESTORE_COLD, READ_COLD_FRESH, RESTORE_COLD_FRESH, TIMES };
static const char *const names[TIMES] = {
  "write-and-fsync", "checkpoint", "checkpoint-direct", "read-cached", "restore-cached", "read-cached-fresh",
  "restore-cached-fresh", "read-cold", "restore-cold", "read-cold-fresh", "restore-cold-fresh",
};

static int
measure_once(struct durable *durable, int what, double *time)
{
  switch (what) {
    case PLAIN:
      return write_plainly(durable, time);
    case CHECKPOINT:
      return write_checkpoint(durable, 0, time);
    case CHECKPOINT_DIRECT:
      return write_checkpoint(durable, WW_CHAIN_DIRECT, time);
    default:
      what -= READ_WARM;
      return (what & 1) ? restore(durable, what >= 4, what & 2, time)
        : read_plainly(durable, what >= 4, what & 2, time);
  }
}

int
durable(const struct bench_run *run)
{
  struct durable durable = { .memory = NULL };
  const unsigned rounds = run->quick ? 3 : ROUNDS_MOST;
  double times[TIMES][ROUNDS_MOST];
  int status = set_up(&durable);

  for (unsigned i = 0; i < rounds && status == 0; i++)
    for (int what = 0; what < TIMES && status == 0; what++) {
      status = measure_once(&durable, what, &times[what][i]);
      /* Read once: what is cached is cached for both. */
      if (status == 0 && what == CHECKPOINT_DIRECT)
        status = restore(&durable, false, false, &(double){ 0 });
    }
  for (int what = 0; what < TIMES && status == 0; what++)
    bench_metric(names[what], "ms", median_of(times[what], rounds) / 1e6);
  tear_down(&durable);
  return status;
}
