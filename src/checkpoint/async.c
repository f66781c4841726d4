/* async.c - a checkpoint that is written while the program goes on: ww_checkpoint_begin() and
 * ww_checkpoint_wait().
 *
 * What the memory held is the tracker's affair (ww_snapshot_begin()); here is the thread that saves it. All
 * pages of all regions are held at first, for what a checkpoint looks at is known only when the collect is
 * done: what an earlier one could not save is pending still, and a new region is looked at as a whole. The
 * rest is let go of first of all.
 *
 * `busy' keeps all other calls away from the chain until ww_checkpoint_wait() has returned; the lock is held
 * by the thread only while it commits, so that they can say so at once. */
#include "config.h"
#include "chain.h"

#include "disk.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct async {
  struct job   job;
  ww_snapshot *snapshot;
  size_t       pool;
  pthread_t    thread;
  unsigned     copies;          /* since the figures were looked at */
  int          error;
  char         text[512];       /* what it was about */
  struct ww_checkpoint_info info;
};

enum { POOL_LEAST = 16 << 20, POOL_SHARE = 8 };

static int
collect(void *context, ww_tracker *tracker, ww_dirty **dirty)
{
  struct async *async = context;
  struct ww_snapshot_options options = WW_SNAPSHOT_OPTIONS_INIT;
  options.flags = WW_SNAPSHOT_FULL;
  options.pool = async->pool;
  return ww_snapshot_begin(tracker, &options, dirty, &async->snapshot);
}

static void
look_at_figures(struct async *async)
{
  struct ww_snapshot_stats stats = { .size = sizeof stats };
  ww_chain *chain = async->job.chain;
  async->copies = 0;
  if (ww_snapshot_stats(async->snapshot, &stats))
    return;
  atomic_store(&chain->progress.copied_pages, stats.copied_pages);
  atomic_store(&chain->progress.waited_pages, stats.waits);
}

static int
copy(void *context, const ww_dirty *dirty, const void *address, size_t length, void *buffer)
{
  enum { LOOK = 16 };
  struct async *async = context;
  (void)dirty;
  if (++async->copies == LOOK)
    look_at_figures(async);
  return ww_snapshot_copy(async->snapshot, address, length, buffer);
}

/* Of what nobody looks at nothing need be copied. */
static void
let_go(const struct async *async)
{
  const struct slots *slots = &async->job.chain->slots;
  for (size_t i = 0; i < slots->count; i++) {
    const struct slot *slot = slots->slot[i];
    for (uint64_t unit = 0, next, end; unit < slot->units; unit = end) {
      next = slot_next(slot, unit, &end);
      if (next > unit)
        (void)ww_snapshot_copy(async->snapshot, (const void *)(slot->address + unit * UNIT),
                               (next - unit) * UNIT, NULL);
    }
  }
}

static void *
write_checkpoint(void *argument)
{
  struct async *async = argument;
  ww_chain *chain = async->job.chain;
  struct page_source source = { collect, copy, async };
  let_go(async);
  int error = job_write(&async->job, &source);
  look_at_figures(async);
  /* Was the image whole? If not it must not be committed. */
  int unsound = ww_snapshot_end(async->snapshot);
  if (!error && unsound)
    error = chain_error(unsound, "the image is not that of one moment: %s", ww_last_error());
  chain_lock(chain);
  async->info.size = sizeof async->info;
  async->error = job_end(&async->job, error, &async->info);
  chain_unlock(chain);
  if (async->error)
    strncpy(async->text, ww_chain_error(), sizeof async->text - 1);
  return NULL;
}

/* A thread that no signal of the program's comes to: but what an instruction raises stays open, for that is
 * how writes are noticed. */
static int
begin_thread(struct async *async)
{
  static const int open[] = { SIGSEGV, SIGBUS, SIGSYS, SIGTRAP, SIGILL, SIGFPE };
  sigset_t all, before;
  sigfillset(&all);
  for (size_t i = 0; i < sizeof open / sizeof *open; i++)
    sigdelset(&all, open[i]);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = -pthread_create(&async->thread, NULL, write_checkpoint, async);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error ? chain_error(error, "no thread to write a checkpoint: %s", strerror(-error)) : 0;
}

static size_t
choose_pool(const ww_chain *chain, ww_tracker *tracker)
{
  struct ww_stats stats = { .size = sizeof stats };
  if (chain->options.pool)
    return chain->options.pool;
  if (ww_tracker_stats(tracker, &stats) || stats.bytes / POOL_SHARE < POOL_LEAST)
    return POOL_LEAST;
  return stats.bytes / POOL_SHARE;
}

/* Its outcome: 0, or why it failed. */
static int
finish(ww_chain *chain, struct async *async, struct ww_checkpoint_info *info)
{
  pthread_join(async->thread, NULL);
  int error = async->error;
  if (error)
    chain_error(error, "%s", async->text);
  else if (info) {
    size_t size = info->size;
    memcpy(info, &async->info, size < sizeof *info ? size : sizeof *info);
    info->size = size;
  }
  free(async);
  chain_lock(chain);
  chain->busy = false;
  chain->settle = NULL;
  chain_unlock(chain);
  return error;
}

static void
settle(ww_chain *chain)
{
  struct async *async = chain->async;
  chain->async = NULL;
  if (async)
    (void)finish(chain, async, NULL);
}

static int
begin(ww_chain *chain, ww_tracker *tracker)
{
  struct async *async = calloc(1, sizeof *async);
  if (!async)
    return chain_error(-ENOMEM, "no memory for a checkpoint");
  struct page_source source = { collect, copy, async };
  async->pool = choose_pool(chain, tracker);
  int error = job_begin(&async->job, chain, tracker, &source);
  if (error) {
    (void)ww_snapshot_end(async->snapshot);
    free(async);
    return error;
  }
  async->job.pause = disk_now() - async->job.began;
  chain->busy = true;
  chain->settle = settle;
  chain->async = async;
  error = begin_thread(async);
  if (error) {
    chain->busy = false;
    chain->settle = NULL;
    chain->async = NULL;
    (void)ww_snapshot_end(async->snapshot);
    error = job_end(&async->job, error, NULL);
    free(async);
  }
  return error;
}

int
ww_checkpoint_begin(ww_chain *chain, ww_tracker *tracker)
{
  if (!chain)
    return chain_error(-EINVAL, "ww_checkpoint_begin: no chain");
  chain_lock(chain);
  int error = chain_may_save(chain, tracker, NULL);
  if (!error)
    error = begin(chain, tracker);
  chain_unlock(chain);
  return error;
}

int
ww_checkpoint_wait(ww_chain *chain, struct ww_checkpoint_info *info)
{
  if (!chain)
    return chain_error(-EINVAL, "ww_checkpoint_wait: no chain");
  if (info && info->size < sizeof *info)
    return chain_error(-EINVAL, "ww_checkpoint_info.size is %zu, less than the %zu of any version",
                       info->size, sizeof *info);
  if (chain->process != getpid())
    return chain_error(-EPERM, "%s: the chain belongs to process %d, which opened it", chain->path,
                       chain->process);
  chain_lock(chain);
  struct async *async = chain->async;
  chain->async = NULL;
  chain_unlock(chain);
  return async ? finish(chain, async, info)
    : chain_error(-ENODATA, "%s: no checkpoint was begun: ww_checkpoint_begin() first", chain->path);
}
