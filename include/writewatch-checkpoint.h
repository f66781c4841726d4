/*
 * writewatch-checkpoint.h - what a tracker saw written, saved as a chain of incremental
 * checkpoints, and memory restored from it.
 *
 * This header is the manual of libwritewatch-checkpoint, a library of its own on top of
 * <writewatch.h>; writewatch-chain(5) has the files byte by byte.
 *
 * The model.  A *chain* is a directory. Each *checkpoint* is one file in it, numbered by
 * its *generation*: a *full* image, or a *delta* that holds what changed since its
 * *parent*. ww_checkpoint() collects from the tracker and writes all that was written
 * since the last one; ww_chain_restore() brings back the newest checkpoint that is sound.
 *
 *     ww_chain_open(&chain, "state", NULL);
 *     ww_chain_restore(chain, NULL, NULL);          -ENODATA: nothing there yet, begin anew
 *     ww_start(tracker);
 *     for (;;) {
 *       compute();
 *       ww_checkpoint(chain, tracker, NULL);
 *     }
 *
 * What is promised.  A checkpoint exists as a whole or not at all: it is written aside,
 * flushed to the disk, renamed into its place, and the directory flushed. Whatever a crash,
 * a full disk or a disk that errs leave behind: a restore gives one checkpoint, every byte
 * of it covered by a checksum of 128 bits, or an error; never parts of two. Nothing that a
 * file says is believed before it has been checked, and no file names another.
 * A checkpoint that failed loses nothing: what it should have saved goes into the next.
 *
 * What is in it.  The memory of all regions of the tracker. ww_checkpoint() is as
 * consistent as the memory is quiet while it runs: stop the writers, or use
 * ww_checkpoint_begin(), whose image is that of one moment. Pages of nothing but zeros, and
 * pages that were written and hold what they held, take no space.
 *
 * Regions are told apart by name. A region that was removed and added again, or restored in
 * another process, goes on as the one of the same name and page size (of several, the one
 * at the same address) and is compared with what was saved of it, page by page. One that grew is
 * longer in the next checkpoint, one that went is not in it. So give your regions names.
 *
 * The first checkpoint after ww_chain_open() is a full image, unless ww_chain_restore() was
 * called on the same handle: then it is a delta to what was restored.
 *
 * Conventions are those of <writewatch.h>: 0 or a negative errno value, outputs last and
 * untouched on failure, structures begin with their size, times are nanoseconds, lengths
 * are bytes. ww_chain_error() says what a failure was about. A chain may be used by any
 * thread, and calls on it are taken one after the other, but for those that say otherwise.
 * No function may be called from a signal handler. After fork(2) a chain belongs to the parent:
 * in the child each call on it is -EPERM, but ww_chain_close().
 */
#ifndef WRITEWATCH_CHECKPOINT_H
#define WRITEWATCH_CHECKPOINT_H

#include <writewatch.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ww_chain ww_chain;

enum ww_chain_flags {
  WW_CHAIN_READ_ONLY = 1 << 0,  /* no lock, nothing is written: list, verify, restore beside a writer */
  WW_CHAIN_BYTES = 1 << 1,      /* save only the bytes of a page that changed: takes a copy of all regions in
                                   memory */
  WW_CHAIN_NO_SYNC = 1 << 2,    /* nothing is flushed: survives the process, not the machine. For tests, and
                                   for a file system in memory */
  WW_CHAIN_DIRECT = 1 << 3,     /* write past the page cache (O_DIRECT) where the file system can */
  WW_CHAIN_EVERY_PAGE = 1 << 4, /* save every page that was written, also if it holds what it held: spares
                                   the 16 bytes of memory a page that tell */
  WW_CHAIN_BACKGROUND = 1 << 5  /* `keep' is seen to by a thread, not inside of the checkpoint */
};

/* A checkpoint, as it was written. */
struct ww_checkpoint_info {
  size_t   size;             /* in: sizeof(struct ww_checkpoint_info) */
  uint64_t generation;       /* 1 for a chain's first */
  uint64_t parent;           /* the generation it is a delta to; 0: a full image */
  uint64_t label;            /* of ww_chain_label() */
  uint64_t time;             /* when it was begun, nanoseconds since 1970 */
  uint64_t regions;
  uint64_t bytes;            /* of all regions together */
  uint64_t dirty_pages;      /* bytes / 4096 that were looked at: what collects returned, and new regions */
  uint64_t whole_pages;      /* of these: saved as a whole */
  uint64_t partial_pages;    /* saved by their changed bytes */
  uint64_t zero_pages;       /* became zeros */
  uint64_t unchanged_pages;  /* held what they held, and were not saved */
  uint64_t written;          /* bytes of the file */
  uint64_t pause;            /* nanoseconds that the caller waited: all of ww_checkpoint(), or begin */
  uint64_t duration;         /* nanoseconds from the begin to the commit */
  uint64_t chain_files;      /* checkpoints in the directory, this one included */
  uint64_t chain_bytes;      /* bytes of all of them */
};

/* Called when the checkpoint is safe on the disk, in the thread that wrote it, with the name of its
 * file. The file may be copied or linked from here: it will never be written to again, but be
 * replaced or removed by `keep'. The chain must not be called from here. What it returns other
 * than 0 is told to `note'; the checkpoint stands. */
typedef int ww_chain_commit(void *context, const char *path, const struct ww_checkpoint_info *info);
/* A line for a person: what was skipped, and why. Also from a thread of the chain's (WW_CHAIN_BACKGROUND). */
typedef void ww_chain_note(void *context, const char *text);

struct ww_chain_options {
  size_t   size;             /* sizeof(struct ww_chain_options) */
  unsigned flags;            /* enum ww_chain_flags, any together */
  int      level;            /* of zstd: 1 to 22 slower and smaller, -1 to -50 faster; 0: not compressed */
  unsigned keep;             /* how many checkpoints can be restored at least; 0: all. When there are
                                `keep_most', the oldest of the last `keep' becomes a full image and what is
                                before it is removed */
  unsigned keep_most;        /* 0: twice `keep' */
  uint64_t limit;            /* bytes of all files together that no checkpoint may exceed; 0: none */
  uint64_t bandwidth;        /* most bytes a second that are written; 0: no cap */
  size_t   pool;             /* ww_checkpoint_begin(): bytes for pages that are written before they are saved;
                                0: an eighth of what is dirty, 1 MiB at least */
  ww_chain_commit *on_commit;          /* or NULL */
  const char      *on_commit_command;  /* or NULL; for sh -c, with WW_CHAIN_DIRECTORY, WW_CHAIN_FILE,
                                          WW_CHAIN_GENERATION and WW_CHAIN_LABEL in its environment. It is
                                          waited for. The text is copied */
  ww_chain_note   *note;               /* or NULL */
  void            *context;            /* of on_commit and note */
};
#define WW_CHAIN_OPTIONS_INIT { sizeof(struct ww_chain_options), 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL }

/* Open the chain in a directory, which is made if it is not there (its parent must be), for this
 * process alone: of two that write one chain, the second is refused. What a crash left half written
 * is removed. `options' may be NULL. Ends with ww_chain_close().
 * -EINVAL    an argument is NULL, options->size is smaller than any version's, an unknown flag, a
 *            level out of range, keep_most below keep
 * -E2BIG     options->size is larger than this version's and the excess is not zero
 * -EBUSY     another handle, in this process or another, has the chain open for writing
 * -ENOMEM    no memory
 * or the negative errno of open(2), mkdir(2) or readdir(3): -ENOENT, -ENOTDIR, -EACCES for example */
WW_API int ww_chain_open(ww_chain **chain, const char *directory, const struct ww_chain_options *options);

/* Waits for what is under way (its outcome is lost: ww_checkpoint_wait() before tells), gives the chain up.
 * NULL is allowed. No other thread may be using the chain. */
WW_API void ww_chain_close(ww_chain *chain);

/* A number that goes with the checkpoints that begin from now on: the step of a computation, for
 * example, by which the processes of a job agree on what to restore. 0 until it is set. */
WW_API void ww_chain_label(ww_chain *chain, uint64_t label);

/* Collect from the tracker, which must be started, and write a checkpoint; back when it is on the
 * disk. A tracker that is given for the first time (or another one than last time) is looked at as a
 * whole. Who writes to the regions meanwhile may find his writes in this checkpoint, and finds
 * them in the next. The regions must stay mapped meanwhile. `info' may be NULL; set its size.
 * On failure the chain is as it was, and the dirty pages go into the next checkpoint.
 * -EINVAL    an argument is NULL, info->size is not a known size
 * -EROFS     the chain was opened WW_CHAIN_READ_ONLY
 * -EALREADY  a checkpoint is under way
 * -EPERM     the chain was opened by another process, from which this one was forked
 * -EDQUOT    `limit' would be exceeded
 * -EFBIG     a region of 16 TiB or more
 * -ENOMEM    no memory
 * or what ww_collect() returned (-ENODATA: the tracker is not started), or the negative errno of a
 * system call: -ENOSPC, -EIO */
WW_API int ww_checkpoint(ww_chain *chain, ww_tracker *tracker, struct ww_checkpoint_info *info);

/* For who calls ww_collect() himself between checkpoints, for a report: what it returned goes into the next
 * one. Give all of them, in order; if one is missing, the next checkpoint looks at all memory and compares it
 * with what it was, which is right and takes longer. The dirty set stays the caller's.
 * -EINVAL    an argument is NULL
 * -EROFS     the chain was opened WW_CHAIN_READ_ONLY
 * -EALREADY  a checkpoint is under way
 * -EPERM     the chain was opened by another process, from which this one was forked */
WW_API int ww_chain_feed(ww_chain *chain, const ww_dirty *dirty);

/* The same as ww_checkpoint(), but back as soon as the dirty pages are known and armed: a thread
 * of the chain's writes them. The image is that of the moment of this call, whatever is written meanwhile: a
 * page that is about to be written before it was saved is copied first. The regions must stay mapped, and the
 * tracker alive, until ww_checkpoint_wait() has returned; ww_collect() may not be called until then.
 * Errors as for ww_checkpoint(), and
 * -ENOTSUP   the tracker cannot tell before a page is written (WW_ENGINE_PAGEMAP) */
WW_API int ww_checkpoint_begin(ww_chain *chain, ww_tracker *tracker);

/* Wait until the checkpoint that was begun is on the disk, or failed. Once for each begin.
 * -ENODATA   none was begun
 * or why it failed, as for ww_checkpoint(): its pages go into the next */
WW_API int ww_checkpoint_wait(ww_chain *chain, struct ww_checkpoint_info *info);

struct ww_checkpoint_progress {
  size_t   size;             /* in: sizeof(struct ww_checkpoint_progress) */
  uint64_t under_way;        /* 1: a checkpoint is being written; 0: none is, or it is done */
  uint64_t bytes;            /* of pages that it looks at */
  uint64_t bytes_done;       /* of these */
  uint64_t written;          /* bytes of its file so far */
  uint64_t copied_pages;     /* ww_checkpoint_begin(): copied because they were about to be written, */
  uint64_t waited_pages;     /* and those whose writer had to save them himself, the pool being full */
};
/* How far the checkpoint is that another thread, or the chain's own, is writing, or the restore that it is
 * reading. Never waits.
 * -EINVAL an argument is NULL, progress->size is not a known size */
WW_API int ww_checkpoint_progress(ww_chain *chain, struct ww_checkpoint_progress *progress);

/* ------------------------------------------------------------------ restore */

/* A region in a checkpoint. */
struct ww_chain_region {
  const char *name;          /* "" if it had none; at most 63 bytes */
  uint64_t    id;            /* the same in all checkpoints of a chain that have this region */
  void       *address;       /* where it was */
  size_t      length;        /* bytes */
  size_t      page_size;     /* bytes */
};

/* Where a region shall go: memory of region->length bytes, page-aligned, that can be written to, or NULL:
 * nowhere, it is left out. Called for each region, before any memory is written to. The chain must not be
 * called from here. */
typedef void *ww_chain_place(void *context, const struct ww_chain_region *region);
/* Where it went, once all of it is there. */
typedef void ww_chain_placed(void *context, const struct ww_chain_region *region, void *address);

enum ww_restore_flags {
  WW_RESTORE_FRESH = 1 << 0  /* into new memory (mmap) that is handed over to `placed' and is the caller's
                                to munmap(): read once, where the others are read twice. `place', if it
                                is given, only tells with NULL which regions are left out */
};

struct ww_restore_options {
  size_t           size;       /* sizeof(struct ww_restore_options) */
  unsigned         flags;
  uint64_t         generation; /* this one or an error; 0: the newest that is sound */
  ww_chain_place  *place;      /* NULL: to the addresses that the regions had */
  ww_chain_placed *placed;     /* or NULL */
  void            *context;    /* of the two */
};
#define WW_RESTORE_OPTIONS_INIT { sizeof(struct ww_restore_options), 0, 0, NULL, NULL, NULL }

struct ww_restore_info {
  size_t   size;             /* in: sizeof(struct ww_restore_info) */
  uint64_t generation;       /* what was restored */
  uint64_t label;
  uint64_t time;             /* when it was made */
  uint64_t regions;
  uint64_t bytes;            /* of all regions that were restored */
  uint64_t read;             /* bytes of files that were read */
  uint64_t skipped;          /* newer checkpoints that are not sound: the chain's `note' tells why */
};

/* Bring back a checkpoint: the newest that is sound, all its ancestors included, or the one that is named.
 * All that is needed is verified before the first byte of memory is written to. The next checkpoint of this
 * handle is a delta to what was restored. `options' and `info' may be NULL.
 * -EINVAL  chain is NULL, a size is not a known size, an unknown flag
 * -ENODATA there is no checkpoint in the chain
 * -EBADMSG there are some, and none is sound (or not the one that was named); ww_chain_error() says
 *          why the newest is not
 * -ENOENT  there is none of this generation
 * -EFAULT  part of the memory that shall be restored to is not mapped
 * -EALREADY a checkpoint is under way
 * -EPERM   the chain was opened by another process, from which this one was forked
 * -ENOMEM  no memory
 * -EIO     the disk erred, or its bytes changed, after it had been verified: the memory that was to be
 *          restored to holds anything (WW_RESTORE_FRESH: nothing was handed over)
 * or the negative errno of a system call */
WW_API int ww_chain_restore(ww_chain *chain, const struct ww_restore_options *options,
                            struct ww_restore_info *info);

/* ----------------------------------------------------- what is in the chain */

struct ww_chain_entry {
  uint64_t generation;
  uint64_t parent;           /* 0: a full image */
  uint64_t label;
  uint64_t time;             /* nanoseconds since 1970 */
  uint64_t bytes;            /* of the file */
  uint64_t regions;
  uint64_t region_bytes;     /* of all regions together */
  uint64_t whole_pages, partial_pages, zero_pages;  /* of 4096 bytes, in this file */
  int      sound;            /* 1: it can be restored, as far as was looked; 0: see `problem' */
  char     problem[200];     /* "" if it is sound */
};
/* Called for each checkpoint, oldest first; other than 0 ends it. */
typedef int ww_chain_each(void *context, const struct ww_chain_entry *entry);

/* What checkpoints there are. Looks at headers and tables and at whether parents are there, not at
 * the blocks.
 * -EINVAL  an argument is NULL
 * -ENOMEM  no memory
 * or what `each' returned, or the negative errno of a system call */
WW_API int ww_chain_list(ww_chain *chain, ww_chain_each *each, void *context);

/* The same, and every block of every file is read and checked. `each' may be NULL.
 * -EINVAL  chain is NULL
 * -EBADMSG one at least is not sound
 * -ENOMEM  no memory
 * or what `each' returned, or the negative errno of a system call */
WW_API int ww_chain_verify(ww_chain *chain, ww_chain_each *each, void *context);

/* The regions of a checkpoint, as far as its own file tells; `each' returns other than 0 to end it.
 * -EINVAL  an argument is NULL
 * -ENOENT  there is none of this generation
 * -EBADMSG it is not sound
 * -ENOMEM  no memory
 * or what `each' returned, or the negative errno of a system call */
typedef int ww_chain_each_region(void *context, const struct ww_chain_region *region);
WW_API int ww_chain_regions(ww_chain *chain, uint64_t generation, ww_chain_each_region *each, void *context);

/* Make the oldest of the last `keep' checkpoints (1 at least) a full image and remove what is older. The
 * others stay as they are. A crash on the way leaves all of them as they were, or as they shall be.
 * -EINVAL  chain is NULL, keep is 0
 * -EROFS   the chain was opened WW_CHAIN_READ_ONLY
 * -ENODATA there is no checkpoint
 * -EBADMSG what is needed for it is not sound: nothing was removed
 * -EPERM   the chain was opened by another process, from which this one was forked
 * -ENOMEM  no memory
 * or the negative errno of a system call */
WW_API int ww_chain_compact(ww_chain *chain, unsigned keep);

/* What the thread's last failing call of this library was about; "" if there was none. Valid until its
 * next failing call. Where it was the tracker's, ww_last_error() says the same. */
WW_API const char *ww_chain_error(void);

#ifdef __cplusplus
}
#endif
#endif
