/* bench_suite.h - what the parts of `writewatch bench` share.
 *
 * A *contestant* is a way to track. A *case* is a workload of a size, with a number
 * of threads. For each case the driver (bench_contest.c) starts every contestant in
 * a process image of its own (bench_image.c), and they take turns, an epoch each, so
 * that what else the machine does falls on all of them. The *cost* of a contestant is
 * the time of its epochs and collects, less the time of the same epochs untracked. */
#ifndef WW_BENCH_SUITE_H
#define WW_BENCH_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../bench/bench.h"
#include "status.h"
#include "workloads/workload.h"

/* ------------------------------------------------------- a contestant's side */

/* The memory that is tracked, and what was found written. */
struct bench_ground {
  unsigned char *memory;
  size_t         pages, page_size;
  unsigned       threads;
  uint64_t      *bits;        /* a bit a page; bench_mark() sets them, outside of what is timed */
  char           reason[240]; /* why start() failed, for a person */
};

/* What a collect tells beside the time that it took. Nanoseconds. */
struct bench_spent {
  double arm, hash;           /* of the collect's time */
};

enum bench_sees {
  BENCH_NOTHING,              /* it returns no pages */
  BENCH_WRITES,               /* every write */
  BENCH_CHANGES               /* may leave out pages that hold what they held before */
};

struct bench_contestant {
  const char     *name;
  const char     *about;
  enum bench_sees sees;
  double          copies;     /* bytes of memory needed for each that is tracked */
  int             engine, policy;  /* of the library's, 0 for the others */
  /* Address space of its own for the workload; NULL: start() says why not. May be NULL. */
  void *(*reserve)(size_t bytes, size_t page_size);
  /* 0, or a negative errno and ground->reason: -ENOTSUP: not to be had here. */
  int  (*start)(const struct bench_contestant *self, struct bench_ground *ground);
  /* The epoch has ended: find what was written, begin the next. 0 or a negative errno. What was spent may be
   * filled in by tell(). */
  int  (*collect)(struct bench_ground *ground, struct bench_spent *spent);
  /* bench_mark() what collect() found, and let go of it; not timed. May be NULL. */
  void (*tell)(struct bench_ground *ground);
};

extern const struct bench_contestant *const bench_contestants[];  /* ended by NULL; [0]: untracked */
#define BENCH_UNTRACKED 0
#define BENCH_REFERENCE 1   /* PAGEMAP_SCAN */
extern const struct bench_contestant
  bench_untracked, bench_pagemap_scan, bench_mprotect_trap, bench_mprotect_adaptive,
  bench_userfaultfd_trap, bench_userfaultfd_adaptive, bench_pagemap_trap, bench_pagemap_adaptive,
  bench_auto_trap, bench_auto_adaptive, bench_bare_loop, bench_libsigsegv, bench_libgc,
  bench_fork, bench_copy, bench_hash;

void bench_mark(struct bench_ground *ground, size_t page, size_t count);
int  bench_refuse(struct bench_ground *ground, int error, const char *format, ...)
  __attribute__((format(printf, 3, 4)));  /* fills reason, returns error */

/* What an image says to the driver: once when it is ready or not, then once an epoch. */
enum bench_word { BENCH_READY, BENCH_ABSENT, BENCH_TURN, BENCH_BROKEN };
struct bench_report {
  int      word;              /* enum bench_word */
  double   run, collect;      /* nanoseconds: the epoch, and what came after it */
  struct bench_spent spent;
  char     reason[240];
};
#define BENCH_BITS_FD 3       /* where an image finds its bit set */

/* The main of such an image: its arguments are bench_image_arguments()'. */
int bench_image(int argc, char **argv);

/* --------------------------------------------------------------- the driver */

enum bench_group { BENCH_SUITE = 1, BENCH_ITERATIVE = 2, BENCH_BY_SIZE = 4, BENCH_BY_FRACTION = 8,
                   BENCH_BY_THREADS = 16, BENCH_QUICK = 32, BENCH_RANDOM = 64, BENCH_ADVERSE = 128 };

struct bench_case {
  const char *workload;
  const char *operand;        /* or NULL */
  double      fraction;       /* of the pages, written an epoch; 0: the workload's own */
  size_t      mebibytes;
  unsigned    threads;
  unsigned    groups;         /* of enum bench_group */
};

extern const struct workload *const bench_patterns[];  /* ended by NULL */
const struct workload *bench_workload(const char *name);  /* of these or the demo's; or NULL */

#define BENCH_CONTESTANTS 20
#define BENCH_ROUNDS 64

struct bench_options {
  bool        quick;
  unsigned    rounds, epochs;     /* 0: by the case */
  uint64_t    seed;
  const char *output;             /* a folder */
  const char *only[64];
  size_t      only_count;
  size_t      sizes[8], size_count;       /* MiB */
  unsigned    threads[8];
  size_t      thread_count;
  char        absent[BENCH_CONTESTANTS][240];  /* why a contestant is not to be had at all,
    by bench_probe() */
};

/* malloc()ed; *count cases. NULL: no memory. */
struct bench_case *bench_cases(const struct bench_options *options, size_t *count);
bool     bench_wants(const struct bench_options *options, const struct bench_contestant *contestant);
double   bench_budget(const struct bench_options *options);  /* seconds for a case, more or less */
unsigned bench_epochs(const struct bench_options *options, const struct bench_case *at);
void     bench_case_name(const struct bench_case *at, char *name, size_t size);

/* One contestant in one case. Times are nanoseconds an epoch, one a round. */
struct bench_score {
  bool     ran;
  char     absent[240];                       /* why it did not */
  unsigned rounds;
  double   run[BENCH_ROUNDS], collect[BENCH_ROUNDS], arm[BENCH_ROUNDS], hash[BENCH_ROUNDS];
  double   base[BENCH_ROUNDS];                /* the untracked run beside it */
  double   reference[BENCH_ROUNDS];           /* the cost of PAGEMAP_SCAN beside it; NAN if there is none */
  double   pages;                             /* returned, an epoch */
  double   extra;                             /* of these, not written as far as is known */
  uint64_t missed;                            /* pages, in all */
  /* Worked out by bench_judge(). */
  struct spread cost;
  double   fault_part, collect_part, arm_part, hash_part;
  double   ratio;                             /* to PAGEMAP_SCAN; NAN if it cannot be said */
  bool     noise;                             /* the difference drowns in that of the untracked run */
};

struct bench_result {
  struct bench_case  what;
  size_t             pages;                   /* asked for */
  size_t             tracked;                 /* that the workload took */
  unsigned           epochs;
  double             written;                 /* pages an epoch, as far as is known */
  struct spread      untracked;
  struct bench_score scores[BENCH_CONTESTANTS];
};

/* Which contestants are not to be had on this machine, in this build? */
enum status bench_probe(struct bench_options *options);
/* Run all contestants on one case. */
enum status bench_contest(const struct bench_options *options, struct bench_result *result);
void        bench_judge(struct bench_result *result);

struct bench_mean {
  double ratio;      /* geometric mean; NAN if there is none */
  double worst;
  size_t worst_case; /* index into the results */
  size_t count;
};
/* Over the cases of a group, of `contestant` to `base` (BENCH_REFERENCE: round by round). */
struct bench_mean bench_mean_of(const struct bench_result *results, size_t count, unsigned group,
                                size_t contestant, size_t base);
const struct bench_contestant *bench_contestant_find(const char *name, size_t *index);

/* A figure that was promised: `value` is NAN if this run cannot say. */
struct bench_figure { const char *what, *unit; double value, target; bool least; };
#define BENCH_FIGURES 16
size_t      bench_figures(const struct bench_result *results, size_t count,
                          struct bench_figure promised[BENCH_FIGURES]);

void        bench_table(FILE *out, const struct bench_options *options, const struct bench_result *results,
                        size_t count);
enum status bench_files(const char *folder, const struct bench_options *options,
                        const struct bench_result *results, size_t count);
/* A file of the run's output, there whole or not at all; says what was wrong. */
enum status bench_file_open(const char *folder, const char *name, FILE **out);
enum status bench_file_close(const char *folder, const char *name, FILE *out);
enum status bench_plots(const char *folder, const struct bench_result *results, size_t count);

#endif
