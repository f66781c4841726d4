/* chain.h - a chain that is open, and a checkpoint on its way into it.
 *
 * A checkpoint has three steps, and so has the seam between those who make one at once and those who
 * make it while the program goes on:
 *
 *     job_begin()   collects; from then on the slots' `pending' units are what must be looked at
 *     job_write()   looks at them through a *page source*, writes the file aside
 *     job_end()     commits it, or keeps all as pending for the next one; frees the job
 *
 * ww_checkpoint() does all three with the source that is ww_dirty_copy(). */
#ifndef WW_CHECKPOINT_CHAIN_H
#define WW_CHECKPOINT_CHAIN_H

#include "writewatch-checkpoint.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "slot.h"

struct ww_chain {
  pthread_mutex_t lock;              /* held by each call for as long as it lasts, but for progress */
  struct ww_chain_options options;
  char *command;                     /* options.on_commit_command */
  char *path;                        /* of the directory, for messages and hooks: as given, made absolute */
  int directory;                     /* descriptor of it */
  int lock_file;                     /* -1: read only */
  struct writing *writing;           /* our entry in the list of chains that this process writes */
  int process;                       /* that opened it */
  _Atomic uint64_t label;

  /* What the next checkpoint is a delta to: the one that was last committed or restored. 0: nothing. */
  uint64_t parent;
  struct page_hash parent_identity;
  uint64_t newest;                   /* the highest generation in the directory, sound or not */
  struct slots slots;
  ww_tracker *tracker;               /* of the last checkpoint */
  uint64_t seen_epoch, seen_end;     /* of the tracker: what was collected up to here has been seen */
  ww_dirty *last;                    /* its dirty set: while it lives no region gets an old one's handle */

  /* A checkpoint under way: `busy' is set from job_begin() to job_end() of one that goes on after its call
   * has returned. `settle' is set with it: waits, for ww_chain_close(). */
  bool busy;
  void (*settle)(ww_chain *chain);
  void *async;                       /* async.c's own */
  struct {
    _Atomic uint64_t under_way, bytes, bytes_done, written, copied_pages, waited_pages;
  } progress;

  pthread_mutex_t files_lock;        /* held while files are read, or replaced by fuller ones */
  struct tending *tending;           /* the thread that sees to `keep', or NULL */
  _Atomic uint64_t files, bytes;     /* of checkpoints in the directory */
};

/* Where the bytes of a checkpoint come from. `address' and `length' are whole pages of the region that
 * the slot stands for; called once for each page that is pending, by ascending address within a slot,
 * slots by their order in the chain; by job_write()'s thread alone. What it gives must be what the next
 * collect's marks are relative to: ww_dirty_copy(), or a copy that was made before the page was
 * first written after the collect. A failure ends the checkpoint. */
struct page_source {
  int (*collect)(void *context, ww_tracker *tracker, ww_dirty **dirty);   /* as ww_collect() */
  int (*copy)(void *context, const ww_dirty *dirty, const void *address, size_t length, void *buffer);
  void *context;
};

struct writer;

struct job {
  ww_chain   *chain;
  ww_tracker *tracker;
  ww_dirty   *dirty;                 /* what the collect returned */
  uint64_t    began;                 /* CLOCK_MONOTONIC, nanoseconds */
  uint64_t    pause;                 /* what goes into the info; job_end() fills it in if it is 0 */
  struct ww_checkpoint_info info;
  struct page_hash identity;         /* of the file */
  struct writer *writer;             /* the file aside, while it is written */
};

/* All of these with chain->lock held by the caller; job_write() may also run in another thread while
 * `busy' keeps the other calls away. 0 or a negative errno, the thread's ww_chain_error() set. */
int job_begin(struct job *job, ww_chain *chain, ww_tracker *tracker, const struct page_source *source);
/* `source' NULL, here and there: ww_collect() and ww_dirty_copy(). */
int job_write(struct job *job, const struct page_source *source);
/* `error': what job_write() returned. Returns it, or what the commit failed with. `info' may be NULL,
 * else its size is set. */
int job_end(struct job *job, int error, struct ww_checkpoint_info *info);

/* May a checkpoint begin? 0, -EINVAL, -EROFS, -EALREADY, -EPERM. With the lock held. */
int chain_may_save(ww_chain *chain, ww_tracker *tracker, const struct ww_checkpoint_info *info);
void chain_lock(ww_chain *chain);
void chain_unlock(ww_chain *chain);

/* A failure's text, for ww_chain_error(); returns `error'. */
int chain_error(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line for options.note. */
void chain_note(const ww_chain *chain, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
