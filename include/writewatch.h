/*
 * writewatch.h - which pages of memory were written, when, by whom, how often.
 *
 * This header is the manual of the tracker: every function states its units,
 * who owns what, whether threads and signal handlers may call it, and every
 * error.  writewatch(3) is the same in prose, with an example.
 *
 * The model.  A *tracker* watches *regions* of memory.  ww_start() makes their
 * pages read-only (it "arms" them) and the first *epoch* begins.  The first
 * write to a page raises SIGSEGV; the handler records the page and the writer
 * and makes the page writable again.  ww_collect() ends the epoch, arms what
 * was written and returns the *dirty set*: runs of pages, each run with its
 * *evidence*, each page with its first writer.
 *
 * What is promised: every byte that changed between two collects lies on a
 * page that the second one returns.  A page written *while* ww_collect() runs
 * may be returned by this collect and by the next.
 *
 * What is not seen by itself without WW_SHIELD: writes by the kernel on the program's
 * behalf into a protected page (read(2) fails with EFAULT there: ww_touch() before), and
 * madvise(MADV_DONTNEED); remove a region before you unmap, remap or mprotect(2) any of
 * its memory. With it or without, writes by another process or a device, and through a
 * mapping that is not a region too, are only known if ww_touch() announces them.
 *
 * The shield, with WW_SHIELD.  System calls that write to watched memory succeed as if
 * it were not watched, wherever in the process they are made: a seccomp filter traps
 * them (signal SIGSYS), and they are made in the program's stead. Pages that the kernel
 * wrote are returned as WW_DECLARED, pages that it might have written and did not are
 * not returned (of a single call that may write more than 16 MiB, what lies beyond that
 * is returned as WW_ASSUMED). What the program does to its mappings is followed: pages that it unmaps
 * leave the region, pages whose content it throws away or maps anew are returned, what
 * mremap() moves is watched where it went, as a region of the same name. The filter is
 * made with the first region of such a tracker and lasts until the process ends, also
 * across fork(2); what is exec'ed is not trapped. It needs libseccomp at build time, Linux
 * 4.14, and the privilege CAP_SYS_ADMIN or else no_new_privs(2), which is set then.
 * Other threads that have SIGSEGV or SIGSYS blocked at that moment are an error.
 *
 * fork(2): a child begins disarmed and clean. All pages have the protection that
 * they had, nothing is marked, and its trackers are as before ww_start(), which the
 * child may call to track as its own. A tracker with WW_FOLLOW_FORK goes on instead:
 * armed and in the same epoch, so that the child's first collect returns all that
 * changed since the parent's last one, whichever of them wrote it. What the parent's
 * threads had written then has no writer (ww_dirty_writer() says -ENOENT). From then
 * on the two are apart: what one writes to shared memory is not seen in the other.
 * vfork(), posix_spawn() and what is exec'ed are unharmed; a child that shares the
 * memory (vfork, clone(CLONE_VM)) is seen like a thread. A signal handler that
 * interrupts a function of this library may call fork().
 *
 * Signals, with WW_SHIELD.  The program sets, reads and blocks signals as if it were
 * alone; SIGSEGV and SIGSYS stay ours underneath and are never blocked in truth, so
 * that a write to a watched page cannot kill. A SIGSEGV of the program's own, sent or
 * by a fault, reaches its handler with the mask, the stack and the siginfo that it
 * would have had; blocked ones wait, or kill if they are faults. SIGSTKFLT, which
 * Linux never sends, is used for that: /proc and the contexts of handlers of other
 * signals show it blocked where SIGSEGV is. A sent SIGSEGV is not read from a
 * signalfd(2); one that another process sends may interrupt a call (EINTR) though it
 * is blocked. A stack overflow while SIGSEGV is blocked kills with si_code SI_KERNEL
 * and no address. What is exec'ed inherits what it would, but for a randomisation of
 * addresses that was turned off (personality(2)).
 *
 * Engines.  How a write is noticed is one of three ways, by option, by the environment
 * variable WRITEWATCH_ENGINE, or as suits the policy. *mprotect*: SIGSEGV, as above. It
 * needs nothing but the kernel's oldest calls, and is the only one with a shield.
 * *userfaultfd*: pages are protected below the mappings, none of which is ever split, and a
 * write raises SIGBUS; the same handler and the same stacks. A thread that blocks SIGBUS is
 * killed by its first write to a watched page. Anonymous and shared memory, memfd and
 * hugetlb, no mappings of ordinary files. *pagemap*: the kernel lets the write pass, system
 * calls' too, and remembers it; the collect asks it about every page (1 to 13 ns a page),
 * and nobody knows who wrote: ww_dirty_writer() says -ENOENT, no stacks, no faults are
 * counted, the evidence is WW_TRAPPED all the same. With the last two, madvise(MADV_DONTNEED) takes a
 * page's protection away: with userfaultfd, writes to it are not seen until it is armed again,
 * so ww_touch() it before; with pagemap the page is returned. They take 8 bytes a page in
 * the kernel's page tables, also for memory that was never touched, and rest on file
 * descriptors, near 960, which a program may close unknowingly: the next collect finds
 * out, returns all pages of the regions as WW_ASSUMED, and mprotect has them from then
 * on. A child of fork() makes its own. While a tracker with WW_FOLLOW_FORK and the pagemap
 * engine is forked, its memory is read-only for a moment: system calls of other threads
 * into it may fail with EFAULT.
 *
 * Conventions.  Functions that can fail return 0, or a negative errno value
 * from the list beside them; outputs come last and are untouched on failure.
 * ww_strerror() says what a value means, ww_last_error() which address, region
 * or file it was about.  Lengths are bytes, times are nanoseconds.  Unless a
 * function says otherwise it may be called from any thread at any time, also
 * while other threads write to the regions, and may not be called from a
 * signal handler.
 */
#ifndef WRITEWATCH_H
#define WRITEWATCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
# define WW_API __attribute__((visibility("default")))
#else
# define WW_API
#endif

typedef struct ww_tracker ww_tracker;
typedef struct ww_region  ww_region;
typedef struct ww_dirty   ww_dirty;
typedef struct ww_snapshot ww_snapshot;

/* How a write is noticed. */
enum ww_engine {
  WW_ENGINE_AUTO = 0,        /* what the environment variable WRITEWATCH_ENGINE names (mprotect, userfaultfd,
                                pagemap; auto or empty: nothing); else mprotect, but under
                                WW_POLICY_ADAPTIVE without stacks and WW_SHIELD pagemap where it can be had.
                                Regions that it cannot watch are mprotect's, unless it was named */
  WW_ENGINE_MPROTECT = 1,    /* mprotect(2) and SIGSEGV */
  WW_ENGINE_USERFAULTFD = 2, /* write-protection below the mappings, and SIGBUS: Linux 6.4 */
  WW_ENGINE_PAGEMAP = 3      /* the kernel notices by itself, PAGEMAP_SCAN: Linux 6.7; no writers */
};

/* What is done with a page once it is known to be written. */
enum ww_policy {
  WW_POLICY_AUTO = 0,     /* WW_POLICY_TRAP, which knows all writers, and lets anybody copy at any time */
  WW_POLICY_TRAP = 1,     /* every first write of an epoch traps */
  WW_POLICY_ADAPTIVE = 2  /* pages that are written often stay writable and are verified by a hash of
                             what they hold; see ww_dirty_copy() for who copies while others write */
};

/* What a tracker does beside tracking: ww_options.flags, 0 or any of them together. */
enum ww_flags {
  WW_SHIELD      = 1 << 0,  /* the program's system calls, signals and mappings are followed */
  WW_AUDIT       = 1 << 1,  /* every page is hashed at each collect: see ww_dirty_missed() */
  WW_FOLLOW_FORK = 1 << 2   /* a child of fork() goes on tracked, see above */
};

/* Why a page is in a dirty set. */
enum ww_evidence {
  WW_TRAPPED  = 1,  /* a write fault on it was seen */
  WW_VERIFIED = 2,  /* its content differs from that at the last collect */
  WW_DECLARED = 3,  /* a write was announced: by ww_touch(), or by WW_SHIELD for the kernel */
  WW_ASSUMED  = 4   /* made writable in bulk; it may be unwritten */
};

enum ww_format {
  WW_FORMAT_TEXT = 0,  /* for a person; writewatch(1) explains it */
  WW_FORMAT_JSON = 1,  /* one object; schema in writewatch-report(5) */
  WW_FORMAT_CSV  = 2   /* one row a run of pages; columns in writewatch-report(5) */
};

/* Set WW_OPTIONS_INIT, then change what you want. Zero means the default. */
struct ww_options {
  size_t         size;            /* sizeof(struct ww_options): lets it grow */
  enum ww_engine engine;
  enum ww_policy policy;
  unsigned       stack_depth;     /* frames kept of each writer's stack; 0: none; at most WW_STACK_MAX */
  unsigned       flags;           /* of enum ww_flags */
  size_t         mapping_budget;  /* mappings that tracking may add to the process; 0: half of what
                                     vm.max_map_count leaves free when the tracker starts */
  size_t         stack_limit;     /* distinct stacks kept over the tracker's life; 0: 65,536 */
};
#define WW_STACK_MAX 64
#define WW_OPTIONS_INIT { sizeof(struct ww_options), WW_ENGINE_AUTO, WW_POLICY_AUTO, 0, 0, 0, 0 }

/* ------------------------------------------------------------------ tracker */

/* Make a tracker. `options` may be NULL: all defaults. The first tracker of the
 * process installs a SIGSEGV handler in front of the one that it finds, the first with the
 * userfaultfd engine one of SIGBUS.
 * The caller owns *tracker and ends it with ww_tracker_destroy().
 * -EINVAL  tracker is NULL, options->size is smaller than any version's, an
 *          unknown engine, policy or flag, stack_depth above WW_STACK_MAX,
 *          stack_limit above 1,048,575; or WRITEWATCH_ENGINE names no engine
 * -E2BIG   options->size is larger than this version's and the excess is not zero
 * -ENOTSUP stack_depth is not 0 and this library was built without libunwind; or WW_SHIELD, and it
 *          was built without libseccomp, or the kernel or a sandbox has no seccomp filters for us;
 *          or the engine that was named cannot be had here, or not with WW_SHIELD, or not with stacks
 * -ENOMEM  no memory, or no address space */
WW_API int ww_tracker_create(ww_tracker **tracker, const struct ww_options *options);

/* Stop tracking, remove all regions, free the tracker; NULL is allowed. Every
 * page gets back the protection that it had. The last tracker to go puts back
 * the SIGSEGV action that the first one found, unless the process has other
 * threads, which may be on their way into the handler: then the handler stays
 * as a mere passage to that action.
 * Dirty sets live on. No other thread may be using the tracker. */
WW_API void ww_tracker_destroy(ww_tracker *tracker);

/* Arm all regions: the first epoch begins.
 * -EINVAL   tracker is NULL
 * -EALREADY it has been started
 * -EFAULT   part of a region is no longer mapped
 * -ENOMEM   the process is at its limit of mappings (vm.max_map_count), or no memory
 * -ENOTSUP  the engine that was named cannot be had any more, or not for a region
 * On failure nothing is armed. */
WW_API int ww_start(ww_tracker *tracker);

/* End the epoch, begin the next; *dirty is what was written in the one that
 * ended. A written page that cannot be read, because the program has made it PROT_NONE or its
 * file shorter, is returned by the first collect that finds it readable. Memory that regions
 * of this tracker show twice (MAP_SHARED) is returned for each of them; of two trackers, each
 * sees its own alone. The caller owns *dirty and frees it with ww_dirty_free(); it may be
 * read by one thread at a time and outlives the tracker. Writers go on
 * meanwhile; collects of one tracker are taken one after the other.
 * On failure the epoch goes on and nothing is lost (its pages may be returned
 * as WW_ASSUMED later).
 * -EINVAL  an argument is NULL
 * -ENODATA the tracker is not started
 * -EFAULT  part of a region is no longer mapped
 * -ENOMEM  no memory, or the process is at its limit of mappings */
WW_API int ww_collect(ww_tracker *tracker, ww_dirty **dirty);

/* Disarm: all pages get back the protection that they had. What was written
 * since the last collect is forgotten: collect first if you want it.
 * -EINVAL   tracker is NULL
 * -EALREADY the tracker is not started
 * -EBUSY    it has a snapshot
 * -EFAULT   part of a region is no longer mapped (the rest is disarmed) */
WW_API int ww_stop(ww_tracker *tracker);

/* Announce a write to [address, address + length) that cannot fault: call it
 * BEFORE a system call, a device or another mapping writes there. The pages are
 * made writable and returned by the next collect as WW_DECLARED (WW_TRAPPED if a
 * fault was seen too). Parts that lie in no region of `tracker` are ignored, and
 * so is everything while the tracker is stopped.
 * Async-signal-safe.
 * -EINVAL tracker is NULL, or the range wraps around
 * -ENOMEM the pages could not be made writable */
WW_API int ww_touch(ww_tracker *tracker, void *address, size_t length);

struct ww_stats {
  size_t   size;             /* in: sizeof(struct ww_stats) */
  uint64_t epoch;            /* the running epoch; the first is 1; 0 before ww_start() */
  uint64_t regions;
  uint64_t pages;            /* watched, of each region's own page size */
  uint64_t bytes;            /* watched */
  uint64_t faults;           /* write faults taken since ww_start() */
  uint64_t stale_faults;     /* of these, on a page that another thread had just made writable */
  uint64_t widened_pages;    /* pages made writable in bulk, since ww_start() */
  uint64_t mappings_used;    /* mappings that tracking adds to the process just now (an upper bound) */
  uint64_t mappings_budget;  /* the most that it will add */
  uint64_t stacks;           /* distinct stacks kept */
  uint64_t stacks_dropped;   /* writers without a stack: table full, no room on the signal stack, a fork
                                in progress */
  uint64_t memory;           /* bytes of address space that the tracker has mapped for itself */
  uint64_t unfollowed;       /* bytes no longer watched, for want of memory when the program moved them */
  uint64_t missed_pages;     /* that WW_AUDIT found changed and nobody had noticed, since ww_start() */
  uint64_t shielded_calls;   /* system calls of the process that WW_SHIELD made in its stead */
  uint64_t unknown_calls;    /* of these, with watched memory in an argument whose meaning is not known: its
                                page and the next were declared */
  uint64_t unchanged_pages;  /* that were open, were compared by their hash and held what they had held, since
                                ww_start(): not written, or written with the same bytes. Not returned */
  uint64_t engine;           /* enum ww_engine that is used for regions where it can be */
  uint64_t policy;           /* enum ww_policy */
  uint64_t kept_pages;       /* WW_POLICY_ADAPTIVE: left writable and verified, just now */
  uint64_t verified_pages;   /* pages that were hashed to be compared, since ww_start() */
  uint64_t ahead_pages;      /* opened before they were written, and hashed first, since ww_start() */
  uint64_t collect_time;     /* nanoseconds spent in ww_collect(), since ww_start() */
  uint64_t arm_time;         /* of these, in write-protecting pages */
  uint64_t hash_time;        /* of these, in hashing them */
};

/* Figures of a tracker, cheap enough to poll.
 * -EINVAL an argument is NULL or stats->size is not a known size */
WW_API int ww_tracker_stats(ww_tracker *tracker, struct ww_stats *stats);

/* ------------------------------------------------------------------- region */

/* Watch [address, address + length), widened to whole pages: ww_region_address()
 * and ww_region_length() say what came of it. The memory stays the caller's and
 * must stay mapped until the region is removed. If the tracker is started, the
 * region is armed at once. `name` (may be NULL) is copied; it is cut after 63 bytes.
 * `region` may be NULL. The region belongs to the tracker.
 *
 * Any mapping will do: private, shared, anonymous, file-backed, MAP_NORESERVE,
 * hugetlb; protections may differ from page to page and are given back exactly.
 * A region must not hold the stack, the thread-local storage or what the kernel keeps
 * for a thread (rseq area, robust list) of any thread that runs now: it is refused, and
 * ww_last_error() names the thread and the range; add what lies beside it. Threads are
 * found however they were made, but for a bare clone(2) without a robust list that is
 * not waiting. A thread that is made later must not get such memory from a region.
 * -EINVAL    tracker or address is NULL, length is 0
 * -EOVERFLOW the range wraps around the end of the address space
 * -EFBIG     2^32 pages or more
 * -EEXIST    overlaps a region of this or another tracker
 * -EFAULT    part of it is not mapped
 * -EACCES    part of it is not writable
 * -EBUSY     it holds a thread's stack or thread-local storage, or memory of Writewatch; or WW_SHIELD,
 *            and the filter is to be made or added to while another thread has SIGSEGV or SIGSYS
 *            blocked (the first time only), or a seccomp filter that others have not
 * -ENOTSUP   pages of different sizes in one region; or the engine that was named cannot watch
 *            this memory; or WW_SHIELD, and the kernel refuses the filter,
 *            or it would become too long
 * -ENOMEM    no memory, or the process is at its limit of mappings
 * -EIO       /proc/self/maps cannot be read */
WW_API int ww_region_add(ww_tracker *tracker, const char *name, void *address, size_t length,
                         ww_region **region);

/* Stop watching, also what mremap(2) made of it: its pages get back the protection that
 * they had, and what was written since the last collect is forgotten. The handle ends
 * here (to remove it once more is an error, unless a later region happens to have got the
 * same one), but dirty sets that name the region may still be asked about it.
 * -EINVAL region is NULL or was removed
 * -EBUSY  a snapshot holds pages of it; nothing has changed
 * -EFAULT part of it is no longer mapped; the region is removed all the same */
WW_API int ww_region_remove(ww_region *region);

/* The region as it is watched. The pointers stay valid while the region is in its
 * tracker, and while a dirty set that names it exists. Async-signal-safe. */
WW_API const char *ww_region_name(const ww_region *region);      /* "" if none was given */
WW_API void       *ww_region_address(const ww_region *region);   /* page-aligned */
WW_API size_t      ww_region_length(const ww_region *region);    /* bytes, whole pages */
WW_API size_t      ww_region_page_size(const ww_region *region); /* bytes */
/* How its writes are noticed; with WW_ENGINE_AUTO regions may differ. */
WW_API enum ww_engine ww_region_engine(const ww_region *region);

/* ---------------------------------------------------------------- dirty set */

struct ww_run {              /* neighbouring pages with the same evidence */
  ww_region       *region;
  void            *address;  /* page-aligned */
  size_t           length;   /* bytes, whole pages */
  enum ww_evidence evidence;
};

struct ww_writer {           /* the first writer of a page in its epoch */
  uint64_t     order;        /* 0 for the epoch's first fault, 1 for the second, ... */
  uint64_t     time;         /* nanoseconds from ww_start() to the fault, to 64 ns */
  int32_t      thread;       /* kernel thread id, as of gettid(2) */
  uint32_t     stack;        /* number of the stack in this tracker; 0: none was kept */
  unsigned     depth;        /* frames */
  void *const *frames;       /* [depth]; frames[0] is the instruction that wrote, the others are
                                return addresses. Owned by the dirty set. */
};

/* All of these: dirty must not be NULL; one thread at a time for each dirty set. */
WW_API uint64_t ww_dirty_epoch(const ww_dirty *dirty);   /* 1 for the first */
WW_API uint64_t ww_dirty_begin(const ww_dirty *dirty);   /* nanoseconds from ww_start() to its begin */
WW_API uint64_t ww_dirty_end(const ww_dirty *dirty);     /* ... and to its end */
WW_API size_t   ww_dirty_pages(const ww_dirty *dirty);   /* all pages in the runs */
WW_API size_t   ww_dirty_count(const ww_dirty *dirty, enum ww_evidence evidence);  /* pages of one kind */
/* Runs by ascending address. *count runs (count may be NULL), owned by the dirty set. */
WW_API const struct ww_run *ww_dirty_runs(const ww_dirty *dirty, size_t *count);
/* WW_AUDIT: what of these changed and nobody had noticed: writes that the library missed. They
 * are among the runs, as WW_VERIFIED. *count runs (may be NULL), owned by the dirty set; NULL
 * and 0 if nothing was missed. */
WW_API const struct ww_run *ww_dirty_missed(const ww_dirty *dirty, size_t *count);
/* Regions that were watched when the epoch ended, dirty or not, by ascending address. */
WW_API ww_region *const *ww_dirty_regions(const ww_dirty *dirty, size_t *count);
/* Who was the first to write the page that holds address `page` in this epoch.
 * The first call sorts the writers: n log n of the faults.
 * -EINVAL  an argument is NULL
 * -ENOENT  the page is not in the dirty set, or nobody was seen writing it
 *          (WW_DECLARED, WW_VERIFIED, WW_ASSUMED, or in an earlier epoch: see ww_collect())
 * -ENOMEM  no memory for the index */
WW_API int  ww_dirty_writer(const ww_dirty *dirty, const void *page, struct ww_writer *writer);
/* The epoch's faults by order: index 0 .. ww_dirty_writers() - 1. `page` may be NULL.
 * -EINVAL writer is NULL or index is out of range */
WW_API size_t ww_dirty_writers(const ww_dirty *dirty);
WW_API int  ww_dirty_writer_at(const ww_dirty *dirty, size_t index, void **page, struct ww_writer *writer);
/* Copy whole pages, [address, address + length), to `buffer`, so that the copy is one that the next
 * collect can be trusted with. Under WW_POLICY_ADAPTIVE, and for pages that WW_SHIELD lent to the
 * kernel, a page may be open, and what tells whether it changed is a hash. Who copies it by himself
 * while others write may copy what comes and goes again: the page holds A at the collect, B when it
 * is copied, A at the next collect, which finds nothing changed. This function makes what was copied
 * what the page is compared with. Where no others write between a collect and the end of the copy,
 * and under WW_POLICY_TRAP without WW_SHIELD, memcpy() does as well.
 * Any thread; not while the tracker is being destroyed. Pages of a region that was removed are merely
 * copied.
 * -EINVAL an argument is NULL, or the range is not whole pages of one region of the dirty set
 * -EFAULT part of it cannot be read: the program has made it PROT_NONE, unmapped it or made its file
 *         shorter since; some pages may have been copied */
WW_API int  ww_dirty_copy(const ww_dirty *dirty, const void *address, size_t length, void *buffer);
/* Put it back among what is written: the next collect of this tracker returns its pages too, as WW_DECLARED.
 * For who could not save them. Pages of regions that were removed are left out. Any thread.
 * -EINVAL  an argument is NULL
 * -ENODATA the tracker is not started */
WW_API int  ww_dirty_give_back(ww_tracker *tracker, const ww_dirty *dirty);
WW_API void ww_dirty_free(ww_dirty *dirty);              /* NULL is allowed */

/* ----------------------------------------------------------------- snapshot */

/* What memory held at one moment, while the program goes on writing to it.
 *
 *     ww_snapshot_begin(tracker, NULL, &dirty, &snapshot);
 *     run = ww_dirty_runs(dirty, &count);
 *     for (i = 0; i < count; i++)
 *       for each page of run[i]: ww_snapshot_copy(snapshot, page, size, buffer), and save it
 *     ww_snapshot_end(snapshot);
 *
 * What is copied is what the pages held at one instant between the call and the return of
 * ww_snapshot_begin(), all of them at that same instant: a write that happened before the call is in it, one
 * that happens after the return is not, and of two writes one of which happened before the other, in a
 * thread or through several, the later is never in it without the earlier. Threads need not be
 * stopped for it; one that writes to a page for the first time while begin is making pages
 * read-only waits until it has done that (ww_snapshot_stats.stop_time).
 * A page that is about to be written before it was copied is copied first, by the handler, into a
 * pool. If that is full its writer is held back, as long as ww_snapshot_copy() makes room; if
 * nothing has come free for 50 ms, or the writer is one who copies, more memory is taken than the
 * pool's, so that no thread ever waits for another that waits for it. With no memory left at
 * all the program goes on, and the page is lost to the snapshot (-ENOBUFS).
 * Not of that instant are pages to which a system call is writing at that moment (with WW_SHIELD): they are
 * copied during begin, until two copies of all of them are alike (else ww_snapshot_stats.unsettled
 * is 1). Writes that are not seen (see the top of this page) are not kept out either.
 * With WW_ENGINE_MPROTECT and WW_ENGINE_USERFAULTFD, both policies. */

enum ww_snapshot_flags {
  WW_SNAPSHOT_FULL = 1 << 0 /* all pages of the regions are held, not only those that were written */
};

struct ww_snapshot_options {
  size_t   size;            /* sizeof(struct ww_snapshot_options) */
  unsigned flags;           /* enum ww_snapshot_flags */
  size_t   pool;            /* bytes of copies of pages that may be waiting to be saved; 0: 64 MiB. Memory is
                               only taken for those that there are, and stays with the tracker for its next
                               snapshot, until ww_stop() */
};
#define WW_SNAPSHOT_OPTIONS_INIT { sizeof(struct ww_snapshot_options), 0, 0 }

/* End the epoch, begin the next, as ww_collect(), and hold what was written in the one that ended.
 * `options` may be NULL. The caller owns *dirty, as of ww_collect(), and *snapshot, and ends that with
 * ww_snapshot_end(), the one before the other or the other before the one. One snapshot at a time for each
 * tracker. Meanwhile ww_collect() may be called, but not ww_stop(), nor ww_region_remove() for a region
 * that was there: they are -EBUSY. A region that is added is not in it. After ww_tracker_destroy(), and in a
 * child of fork(), the snapshot is over: nothing is held, and all that can be done is to end it.
 * On failure the epoch goes on and nothing is lost.
 * -EINVAL  an argument is NULL, options->size is not a known size, an unknown flag
 * -ENODATA the tracker is not started
 * -EBUSY   the tracker has a snapshot already
 * -ENOTSUP a region has the pagemap engine, which does not know of a write before it is made
 * -EFAULT  part of a region is no longer mapped
 * -EIO     the program closed the userfaultfd engine's descriptor at that moment: try again
 * -ENOMEM  no memory, or the process is at its limit of mappings */
WW_API int ww_snapshot_begin(ww_tracker *tracker, const struct ww_snapshot_options *options, ww_dirty **dirty,
                             ww_snapshot **snapshot);

/* Copy whole pages, [address, address + length), to `buffer`, as they were at that moment, and let go of
 * them: each can be copied once. With `buffer` NULL they are only let go of (it is no error then if they
 * are not held). What was copied needs no ww_dirty_copy(). Any thread, several at once too.
 * -EINVAL  snapshot or address is NULL, or the range is not whole pages of one region
 * -ENODATA a page is not held: it was not written in that epoch, or was copied before, or the snapshot is
 * over
 * -EFAULT  a page cannot be read: it is PROT_NONE, or behind the end of its file
 * -ENOBUFS a page is lost: it was written before it was copied, and there was no memory
 * On failure the pages before that one have been copied. */
WW_API int ww_snapshot_copy(ww_snapshot *snapshot, const void *address, size_t length, void *buffer);

struct ww_snapshot_stats {
  size_t   size;            /* in: sizeof(struct ww_snapshot_stats) */
  uint64_t pages;           /* held at first, of each region's own page size */
  uint64_t copied_pages;    /* of these: copied because they were about to be written, */
  uint64_t waits;           /* how often a writer was held back meanwhile, the pool being full, */
  uint64_t lost_pages;      /* and for how many there was no memory */
  uint64_t pool_bytes;      /* that copies take just now */
  uint64_t pool_most;       /* and took at most: more than the pool's where writers were not held back */
  uint64_t stop_time;       /* nanoseconds in which writers that faulted had to wait for begin */
  uint64_t unsettled;       /* 1: system calls were writing to pages that never held still */
};

/* Any thread, until the snapshot is ended.
 * -EINVAL an argument is NULL or stats->size is not a known size */
WW_API int ww_snapshot_stats(const ww_snapshot *snapshot, struct ww_snapshot_stats *stats);

/* Let go of all that is still held, and free the snapshot; NULL is allowed. Any thread; nobody else may be
 * using it.
 * -ENOBUFS pages were lost: what was copied is not all
 * -EIO     the program closed the userfaultfd engine's descriptor meanwhile: writes may have come through,
 *          and what was copied is not to be trusted
 * The snapshot has ended all the same. */
WW_API int ww_snapshot_end(ww_snapshot *snapshot);

/* ------------------------------------------------------------------- report */

/* Write a report of one dirty set to a file descriptor. Symbols are looked up
 * here, never in the handler. One thread at a time.
 * -EINVAL dirty is NULL or the format is unknown
 * -ENOMEM no memory
 * or the negative errno of write(2), -EBADF or -ENOSPC for example: part may have been written */
WW_API int ww_report(const ww_dirty *dirty, int fd, enum ww_format format);

/* ------------------------------------------------------------------ markers */

/* Under `writewatch record' only; else nothing happens, which costs a comparison. The epoch ends
 * here, before the function returns, and the next begins: what was written until now is in the trace
 * under this label (at most 255 bytes; may be NULL). Any thread; not from a signal handler. The program
 * need not be linked with this library; code that is compiled with -fno-pic must be,
 * or this has no effect. */
extern void ww_recorder_marker(const char *label) __attribute__((weak));
static inline void
ww_marker(const char *label)
{
  if (ww_recorder_marker)
    ww_recorder_marker(label);
}

/* ------------------------------------------------------------------- errors */

/* What an error value means, for a person. Static storage; async-signal-safe. */
WW_API const char *ww_strerror(int error);
/* What the last failure in this thread was about: the address, region or file,
 * and what to do. "" if there was none. Valid until the thread's next failing call. */
WW_API const char *ww_last_error(void);
/* "1.2.3". */
WW_API const char *ww_version(void);
/* 1 if the library can record stacks (built with libunwind), 0 if not. */
WW_API int ww_has_stacks(void);

#ifdef __cplusplus
}
#endif
#endif
