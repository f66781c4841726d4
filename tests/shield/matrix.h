/* matrix.h - system calls that write into tracked memory: how a row of the matrix is said.
 *
 * A row is one call. The driver makes it on fresh memory and a fresh set-up, through each
 * way that there is to make it (`via`) and at each placement of its buffers: untracked a
 * few times, with other contents in the memory each time, and then tracked. Compared are
 * the result, errno, `also`, every byte of the buffers and of the pages around them, and
 * the pages that the next collect returns with those that were written untracked. */
#ifndef WW_TEST_MATRIX_H
#define WW_TEST_MATRIX_H

#include "config.h"
#include "writewatch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { BUFFERS = 4, FILES = 4, ALSO = 4 };
enum via { VIA_LIBC, VIA_SYSCALL, VIA_INSTRUCTION, VIAS };
enum { LIBC = 1, RAW = 2, BOTH = 3 };

/* What a run works with: made afresh for each. */
struct scene {
  const struct row *row;
  enum via via;
  void *at[BUFFERS];        /* where the call finds its buffers; for call() */
  void *image[BUFFERS];     /* what is to be there when it begins; for prepare() */
  size_t size[BUFFERS];
  int file[FILES];          /* -1, or closed by the driver in the end */
  long also[ALSO];          /* further results of the call: compared */
  long keep[4];             /* the row's own */
};

struct row {
  const char *name;
  size_t size[BUFFERS];     /* bytes of each buffer; 0: no such buffer */
  const char *(*prepare)(struct scene *);   /* NULL, or why the row cannot be here */
  long (*call)(struct scene *);             /* -1 and errno as calls do */
  void (*clean)(struct scene *);
  unsigned via;             /* LIBC, RAW (also as a bare instruction), BOTH; 0: BOTH */
  unsigned varies;          /* bit n: what is written into buffer n differs from run to run */
  unsigned pinned;          /* bit n: the kernel holds all of buffer n: all its pages may be returned */
  size_t align;             /* of the buffers' addresses; 0: any */
  bool held;                /* the kernel may write long after the call: declared for good */
  bool result_varies;
  bool harmless;            /* goes right unshielded too */
};

/* A trial is what does not fit a row: it makes its own memory and says what went wrong. */
struct trial {
  const char *name;
  void (*run)(void);
  bool harmless;
};

extern const char *const via_names[VIAS];
extern const struct row rows_read[], rows_socket[], rows_path[], rows_descriptor[], rows_signal[],
  rows_time[], rows_process[], rows_wait[], rows_ipc[], rows_async[], rows_bad[];
extern const struct trial trials_blocking[], trials_stdio[], trials_standing[];

/* How the memory is protected from the matrix: by the shield; by ww_touch() before each
 * call; not at all. */
enum mode { SHIELDED, ANNOUNCED, UNSHIELDED };
extern enum mode mode;
extern bool exact;            /* pages that are announced and not written are returned wrongly */

/* The call that `scene` asks for, by syscall() or by an instruction of our own. */
long system_call(const struct scene *scene, long number, const long arguments[6]);
#define SYS(scene, number, ...) system_call(scene, number, (const long[6]) { __VA_ARGS__ })
#define P(pointer) ((long)(pointer))

/* verdict.c: said in the child that runs a row, printed by its parent. */
void fail(const char *what, ...) __attribute__((format(printf, 1, 2)));
bool check(bool good, const char *what, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void not_here(const char *reason);     /* skips the row */
void verdict_place(const char *where, ...) __attribute__((format(printf, 1, 2)));   /* said with failures */

/* scene.c: one way of making one row's call, at all placements. */
void row_run(const struct row *row, enum via via);
size_t page_size(void);

/* watched.c: memory for trials: fresh, tracked and armed, between untracked pages. */
struct watched {
  char *memory;
  size_t length;
  ww_tracker *tracker;
};
int tracker_make(ww_tracker **tracker);
struct watched watched_make(size_t pages);
void watched_start(struct watched *watched);         /* after watched_make(), by itself */
void watched_announce(const struct watched *watched, void *address, size_t length);
/* The evidence of each page that a collect returns, 0 of the others. */
void watched_collect(const struct watched *watched, unsigned char *evidence);
/* Collects, and says whether exactly the pages [first, last) were returned, by numbers. */
void watched_expect(const struct watched *watched, size_t first, size_t last);
/* Collects until nothing is written, then writes to all pages, and says whether all of that
 * was trapped; on pages [first, last), which calls wrote, seen at least. */
void watched_expect_armed(const struct watched *watched, size_t first, size_t last);
void watched_end(struct watched *watched);

/* fixture.c: what rows read from. */
int data_file(size_t length);                        /* at its begin */
int data_file_named(const char *path, size_t length, int flags);
void data_fill(void *data, size_t length);
const char *stream_with(struct scene *scene, size_t length);     /* file[0] reads it, file[1] is its peer */
const char *pipe_with(struct scene *scene, size_t length);       /* file[0] reads it */
const char *scratch_path(const char *name);          /* of this process, in TMPDIR; static */

#endif
