/* trace.h - a trace: what a program wrote, epoch by epoch, in a file.
 *
 * The records as plain structures, the same in both directions, and the functions that write
 * and read them. writewatch-trace(5) has the bytes.
 *
 * The writer is async-signal-safe, and fit to be preloaded into a stranger's program: it uses
 * memory that its caller gave it, write(2), pwrite(2) and ftruncate(2), and nothing else. The
 * reader allocates, a bounded amount. Neither is for two threads at once.
 *
 * Times are nanoseconds since the trace's start (CLOCK_MONOTONIC) unless a member says
 * otherwise. In the file the times of first writes are kept to a microsecond. */
#ifndef WW_TRACE_H
#define WW_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_VERSION     1u
#define TRACE_HEADER      16u          /* bytes at the begin of the file */
#define TRACE_BLOCK_HEAD  16u          /* bytes before each payload */
#define TRACE_PAYLOAD_MAX (1u << 20)   /* bytes; a longer one is damage */
#define TRACE_BUFFER_MIN  (1u << 16)   /* what a writer needs at least */
#define TRACE_FRAMES_MAX  256u         /* of a stack */
#define TRACE_RANGES_MAX  64u          /* of a module */
#define TRACE_REASONS     8            /* enum trace_unwatched, with room */

/* Types of blocks. What a reader does not know it skips. */
enum trace_type {
  TRACE_DAMAGE     = 0,   /* never in a file: the reader's word about bytes that are no block */
  TRACE_START      = 1,   /* the first block, once */
  TRACE_MODULE     = 2,
  TRACE_MODULE_END = 3,
  TRACE_REGION     = 4,
  TRACE_REGION_END = 5,
  TRACE_STACK      = 6,
  TRACE_THREAD     = 7,
  TRACE_EPOCH      = 8,   /* an epoch has been closed; its DIRTY blocks follow */
  TRACE_DIRTY      = 9,   /* pages of one region in the epoch before; there may be many */
  TRACE_COVERAGE   = 10,
  TRACE_NOTE       = 11,
  TRACE_CHILD      = 12,
  TRACE_END        = 13,  /* the last block, if the recording ended in good order */
  TRACE_TYPES      = 14
};

/* Any bytes; not ended by NUL. {NULL, 0} is the empty text. When read it lives until the next
 * trace_next(). */
struct trace_text {
  const char *bytes;
  size_t      length;
};

enum trace_origin { TRACE_FIRST = 0, TRACE_FORKED = 1, TRACE_EXECED = 2 };

struct trace_start {
  uint64_t page_size;          /* of the machine, bytes */
  uint64_t pid, parent;
  uint64_t realtime;           /* CLOCK_REALTIME at the start, ns since 1970 */
  uint64_t monotonic;          /* CLOCK_MONOTONIC at the start, ns: what all times count from */
  uint64_t interval;           /* that was asked for, ns; 0: only the program closes epochs */
  uint64_t stack_depth;        /* frames kept at most; 0: no stacks */
  uint64_t engine, policy;     /* enum ww_engine, enum ww_policy, as used */
  uint64_t overhead;           /* that was asked for, percent; 0: any */
  uint64_t origin;             /* enum trace_origin, */
  uint64_t origin_pid;         /* and of which process */
  struct trace_text executable;
  struct trace_text arguments; /* each followed by a NUL, as in /proc/PID/cmdline; may be cut */
  struct trace_text machine;   /* as of uname(2): "x86_64" */
  struct trace_text kernel;    /* its release */
  struct trace_text writer;    /* ww_version() of the recorder */
};

struct trace_range {
  uint64_t address, length, offset;   /* bytes; offset in the file */
};

/* Executable memory: a file, or (with no path) what a program makes as it runs. The modules
 * that are there when a stack is first written are the ones that its frames lie in. A MODULE
 * with an id that exists replaces it. */
struct trace_module {
  uint64_t id;                 /* from 1 */
  uint64_t bias;               /* address - bias is the address in the file's own terms */
  struct trace_text path;
  struct trace_text build_id;  /* its bytes; may be empty */
  size_t ranges;
  struct trace_range range[TRACE_RANGES_MAX];
};

struct trace_module_end {
  uint64_t id;
  uint64_t epoch;              /* the first one in which it was gone */
};

enum trace_kind {
  TRACE_HEAP = 1, TRACE_ANONYMOUS = 2, TRACE_DATA = 3, TRACE_BSS = 4, TRACE_FILE = 5, TRACE_SHARED = 6,
  TRACE_KINDS = 7
};

/* A region begins to be watched; with an id that exists, it has grown, shrunk or moved. An id
 * is used once. */
struct trace_region {
  uint64_t id;                 /* from 1, in order */
  uint64_t kind;               /* enum trace_kind */
  uint64_t address, length;    /* bytes, whole pages */
  uint64_t page_size;          /* bytes, a power of two */
  uint64_t epoch;              /* the first one in which it is (so) watched */
  struct trace_text name;      /* "[heap]", a file's path, what prctl(2) named it */
};

enum trace_region_how { TRACE_UNMAPPED = 0, TRACE_MOVED = 1, TRACE_UNWATCHED = 2 };

struct trace_region_end {
  uint64_t id;
  uint64_t epoch;              /* the last one in which it was watched */
  uint64_t how;                /* enum trace_region_how */
  uint64_t target;             /* TRACE_MOVED: the region that it is now, or 0 */
};

struct trace_stack {
  uint64_t id;                 /* from 1, in order */
  size_t   depth;
  const uint64_t *frames;      /* frames[0] is the instruction that wrote, the others return addresses */
};

struct trace_thread {
  uint64_t tid;
  uint64_t time;               /* since when it is known by this name */
  struct trace_text name;
};

enum trace_cause { TRACE_TIMER = 0, TRACE_MARKER = 1, TRACE_SIGNAL = 2, TRACE_LAST = 3 };

struct trace_epoch {
  uint64_t number;             /* from 1, ascending */
  uint64_t begin, end;
  uint64_t cause;              /* enum trace_cause: why it was closed */
  uint64_t collect;            /* ns that the collect took */
  uint64_t faults;             /* write faults taken in it */
  uint64_t pages;              /* in the DIRTY blocks that follow: fewer are there only if the trace is cut */
  struct trace_text label;     /* a marker's */
};

/* Neighbouring pages of the same evidence that the same thread wrote first, from the same stack. */
struct trace_run {
  uint64_t page, pages;        /* page: the number in its region */
  unsigned evidence;           /* enum ww_evidence */
  bool     written;            /* its first writer is known: */
  uint32_t tid;                /* 0: not known */
  uint32_t stack;              /* 0: none was kept */
  uint64_t time;               /* ns since the epoch's begin, of the earliest of these pages */
};

/* Reads the runs of a DIRTY block; opaque. */
struct trace_runs {
  const unsigned char *at, *end;
  uint64_t page, tid, stack, time;
  const char *wrong;           /* why it does not go on, or NULL */
};

struct trace_dirty {
  uint64_t epoch, region;
  struct trace_runs runs;      /* by ascending page; reading only */
};

/* Why memory of the program that can be written to is not watched. */
enum trace_unwatched {
  TRACE_STACKS = 0, TRACE_TLS = 1, TRACE_LIBC = 2, TRACE_OWN = 3, TRACE_NOT_ASKED = 4, TRACE_REFUSED = 5,
  TRACE_OTHER = 6
};

struct trace_coverage {
  uint64_t epoch;
  uint64_t writable;                   /* bytes of the program's memory that can be written to */
  uint64_t watched;                    /* of these */
  uint64_t unwatched[TRACE_REASONS];   /* bytes, by enum trace_unwatched */
  uint64_t threads;                    /* of the process */
  uint64_t unshielded;                 /* of these, whose system calls are not followed */
};

enum trace_note_kind { TRACE_REMARK = 0, TRACE_STRETCHED = 1, TRACE_POLICY = 2, TRACE_LOST = 3,
                       TRACE_WARNING = 4 };

struct trace_note {
  uint64_t time;
  uint64_t kind;               /* enum trace_note_kind */
  uint64_t value;              /* TRACE_STRETCHED: the interval from now on, ns; TRACE_LOST: pages or bytes */
  struct trace_text text;      /* a sentence */
};

enum trace_child_how { TRACE_FORK = 0, TRACE_VFORK = 1, TRACE_CLONE = 2, TRACE_EXEC = 3, TRACE_SPAWN = 4 };

struct trace_child {
  uint64_t time;
  uint64_t pid;
  uint64_t how;                /* enum trace_child_how */
  bool     recorded;
  struct trace_text file;      /* its trace, if it is recorded */
  struct trace_text reason;    /* why not, if it is not */
};

enum trace_end_how {
  TRACE_EXITED = 0, TRACE_SIGNALLED = 1, TRACE_REPLACED = 2, TRACE_DISK_FULL = 3, TRACE_SIZE_CAP = 4,
  TRACE_DURATION = 5, TRACE_STOPPED = 6, TRACE_FAILED = 7
};

struct trace_end {
  uint64_t time;
  uint64_t how;                /* enum trace_end_how; TRACE_REPLACED: by exec */
  uint64_t status;             /* exit status, or the signal's number */
  uint64_t epochs, pages;      /* written, in all: 0 if whoever wrote this does not know */
  struct trace_text text;      /* more in words, may be empty */
};

struct trace_damage {
  uint64_t length;             /* bytes that are skipped, from the record's offset on */
  const char *reason;          /* static, without a full stop */
};

/* ------------------------------------------------------------------- writing */

struct trace_writer {
  int      fd;
  int      error;              /* the first negative errno: nothing is written any more */
  unsigned char *buffer;
  size_t   room, used;
  size_t   block;              /* where the open block's head is, or SIZE_MAX */
  uint64_t size;               /* of the file, as far as it was committed */
  uint64_t spilled;            /* written behind that, and not committed */
  uint64_t limit;              /* of the file; 0: none */
  uint64_t epoch, region;      /* of the open DIRTY block */
  struct trace_runs last;      /* what the next run is relative to */
  struct trace_run  pending;   /* pages == 0: none */
};

/* Write to `fd`, whose offset is at its end, `size` (0 for a new file). `buffer` is kept until
 * the end; the larger it is, the fewer writes. -EINVAL: less than TRACE_BUFFER_MIN. A new file
 * gets its header with the first commit. */
int trace_writer_open(struct trace_writer *writer, int fd, void *buffer, size_t room, uint64_t size,
                      uint64_t limit);

/* Each encodes one block into the buffer, and writes only if that is full. Texts are cut to what
 * fits a block. They return 0 or the writer's first error, which sticks. */
int trace_put_start(struct trace_writer *writer, const struct trace_start *start);
int trace_put_module(struct trace_writer *writer, const struct trace_module *module);
int trace_put_module_end(struct trace_writer *writer, const struct trace_module_end *end);
int trace_put_region(struct trace_writer *writer, const struct trace_region *region);
int trace_put_region_end(struct trace_writer *writer, const struct trace_region_end *end);
int trace_put_stack(struct trace_writer *writer, const struct trace_stack *stack);
int trace_put_thread(struct trace_writer *writer, const struct trace_thread *thread);
int trace_put_coverage(struct trace_writer *writer, const struct trace_coverage *coverage);
int trace_put_note(struct trace_writer *writer, const struct trace_note *note);
int trace_put_child(struct trace_writer *writer, const struct trace_child *child);
int trace_put_end(struct trace_writer *writer, const struct trace_end *end);
/* ... and then, for each region with dirty pages, by ascending page, trace_put_run() with single
 * pages or runs: neighbours of one kind become one. No other block in between. */
int trace_put_epoch(struct trace_writer *writer, const struct trace_epoch *epoch);
int trace_put_run(struct trace_writer *writer, uint64_t epoch, uint64_t region, const struct trace_run *run);

/* All that was put since the last commit is in the file, or nothing of it: after an error
 * (-ENOSPC, -EDQUOT, -EIO, ...; -EFBIG: it would be larger than the limit) the file is cut back to
 * where it was. An epoch is one commit. A process that is killed leaves a beginning of it, which
 * readers notice.
 * -ENOSPC and -EFBIG, and they alone, may be survived by trace_writer_recover(). */
int trace_commit(struct trace_writer *writer);
/* Forget what was put since the last commit, and the error. A last END of 64 bytes always fits the
 * limit. */
void trace_writer_recover(struct trace_writer *writer);

/* For whoever finds a trace without an END, as its program was killed: cut off what stands behind
 * the last whole block, and append the END. `fd` is for reading and writing, `buffer` as above.
 * -EEXIST: it has an END; -EBADMSG: it is no trace; -EMSGSIZE: a block is larger than the buffer; or
 * another negative errno. */
int trace_seal(int fd, void *buffer, size_t room, const struct trace_end *end);

/* ------------------------------------------------------------------- reading */

struct trace_record {
  enum trace_type type;
  uint64_t offset;             /* of the block in the file */
  union {
    struct trace_damage     damage;
    struct trace_start      start;
    struct trace_module     module;
    struct trace_module_end module_end;
    struct trace_region     region;
    struct trace_region_end region_end;
    struct trace_stack      stack;
    struct trace_thread     thread;
    struct trace_epoch      epoch;
    struct trace_dirty      dirty;
    struct trace_coverage   coverage;
    struct trace_note       note;
    struct trace_child      child;
    struct trace_end        end;
  };
};

struct trace_reader;

/* Read `fd`, a file that is seekable; it stays the caller's. Some 3 MiB are allocated.
 * `flags` is 0. -EBADMSG: it is no trace; -EPROTO: of a version that is not known; -ESPIPE; -ENOMEM; an
 * errno. *why (may be NULL) is then a phrase. */
int trace_reader_open(struct trace_reader **reader, int fd, unsigned flags, const char **why);

/* The next record: 1. 0: there is none yet; may be asked again if the file grows. Bytes that are no
 * sound block come as TRACE_DAMAGE, and reading goes on behind them. -EIO and other negative errnos of
 * pread(2) end it. What the record points to lives until the next call. */
int trace_next(struct trace_reader *reader, struct trace_record *record);

/* The next run of a DIRTY block, a copy of whose `runs` the caller keeps; false: there is none, or
 * runs->wrong says what is wrong with the rest. Pages are ascending and do not overlap; whether they
 * lie in the region is for the caller to check. */
bool trace_runs_next(struct trace_runs *runs, struct trace_run *run);

/* After trace_next() returned 0: bytes at the file's end that are the beginning of a block. */
uint64_t trace_reader_tail(const struct trace_reader *reader);
uint64_t trace_reader_offset(const struct trace_reader *reader);  /* how far it has read, bytes */
uint64_t trace_reader_size(const struct trace_reader *reader);    /* the file, when last looked at */
uint64_t trace_reader_damaged(const struct trace_reader *reader); /* bytes skipped as damage so far */
void trace_reader_close(struct trace_reader *reader);             /* NULL is allowed */

/* ------------------------------------------------------------------- words */

struct trace_text trace_text_of(const char *text);   /* NULL is the empty text */
/* Names as the reports and writewatch-report(5) have them; "unknown" for what is not known. */
const char *trace_type_name(unsigned type);
const char *trace_kind_name(uint64_t kind);
const char *trace_cause_name(uint64_t cause);
const char *trace_origin_name(uint64_t origin);
const char *trace_end_name(uint64_t how);
const char *trace_child_name(uint64_t how);
const char *trace_note_name(uint64_t kind);
const char *trace_unwatched_name(unsigned reason);

#endif
