/* bench.h - what the parts of the benchmark share.
 *
 * The driver (bench.c, contest.c) runs *contestants*, each in a process image of
 * its own, round after round, and reads lines "metric unit value"
 * from them. A series is one metric of one contestant over all rounds. A
 * *figure* is the ratio of two series, taken round by round, beside its target. */
#ifndef WW_BENCH_H
#define WW_BENCH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum bench_status {
  BENCH_MEASURED = 0,  /* all contestants ran; a figure above its target is no failure */
  BENCH_FAILED = 1,    /* a contestant failed or counted wrongly, or a file could not be written */
  BENCH_USAGE = 2      /* a wrong command line */
};

/* What a contestant is told. */
struct bench_run {
  bool quick;          /* fewer repetitions, the same sizes */
};

struct contestant {
  const char *name;
  const char *group;   /* what --only takes */
  const char *what;    /* one line for a person */
  unsigned    pair;    /* neighbours of the same number run in lock step; 0: alone */
  unsigned    every;   /* rounds from one run to the next: 1, or more where nothing varies */
  /* Measure once, say it with bench_metric(); 0, or 1 after bench_fail(). */
  int (*measure)(const struct bench_run *run);
};

extern const struct contestant contestants[];  /* ended by a NULL name */

/* The contestants, by file. */
int trap_bare(const struct bench_run *run);
int trap_tracker(const struct bench_run *run);
int trap_bare_deep(const struct bench_run *run);
int trap_stacks(const struct bench_run *run);
int collect_small(const struct bench_run *run);
int collect_large(const struct bench_run *run);
int threads_bare(const struct bench_run *run);
int threads_tracker(const struct bench_run *run);
int memory_dense(const struct bench_run *run);
int memory_sparse(const struct bench_run *run);
int shield_without(const struct bench_run *run);
int shield_with(const struct bench_run *run);
int meanwhile_trap(const struct bench_run *run);
int meanwhile_adaptive(const struct bench_run *run);
int meanwhile_scattered(const struct bench_run *run);
int meanwhile_scattered_adaptive(const struct bench_run *run);
int durable(const struct bench_run *run);
int micro(const struct bench_run *run);

/* A contestant's voice. */
void bench_metric(const char *metric, const char *unit, double value);
int  bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));  /* returns 1 */
/* The reason for a library call's failure, in words; returns 1. */
int  bench_fail_call(const char *call, int error);

/* Between two epochs: it is the rival's turn, then ours again. At once if there is none. */
void baton_swap(void);
void baton_wait(void);
bool baton_take(const char *text);  /* the two descriptors, as the driver wrote them */

/* ------------------------------------------------------------- instruments */

double   now_wall(void);                       /* nanoseconds */
double   now_cpu(void);                        /* nanoseconds of this thread */
/* This thread to the which'th processor, from the end, of those that it may use. */
void     pin(unsigned which);
void    *memory_map(size_t bytes, int flags);  /* own mapping, small pages; NULL after bench_fail() */
void     memory_populate(void *memory, size_t bytes);
size_t   page_bytes(void);
/* "name N kB" of a file in /proc, in bytes; -1: it is not there. */
double   proc_bytes(const char *path, const char *name);
double   median_of(double *values, size_t count);           /* sorts */
double   quantile_of(const double *sorted, size_t count, double quantile);
uint64_t next_random(uint64_t *state);
/* The numbers 0 .. count-1: ascending, or shuffled by a seed. malloc()ed; NULL after bench_fail(). */
uint32_t *page_order(size_t count, bool shuffled, uint64_t seed);

/* ------------------------------------------------------------ the bare loop */

/* The smallest tracker there can be: one bit a page, one mprotect a fault, no
 * look-up, no threads' safety, no earlier handler. */
int    bare_install(void *base, size_t bytes);  /* bytes it may ever protect */
int    bare_arm(void *memory, size_t bytes);    /* forget the bits, make read-only */
size_t bare_count(void);                        /* bits set */

/* ------------------------------------------------------------------ results */

struct series {
  const struct contestant *contestant;
  size_t  number;      /* in order of arrival */
  char    metric[48];
  char    unit[16];
  double *values;      /* [rounds]; NAN where the round has none */
};

struct results {
  unsigned       rounds;
  bool           quick;
  struct series *series;
  size_t         count;
};

struct spread { double median, min, low, high, max; size_t count; };  /* low, high: quartiles */

int  contest_run(struct results *results, char *const *only, size_t only_count);
int  results_add(struct results *results, const struct contestant *contestant, unsigned round,
                 const char *metric, const char *unit, double value);
void results_free(struct results *results);
void spread_of(const double *values, size_t count, struct spread *spread);
const struct series *results_find(const struct results *results, const char *contestant, const char *metric);

struct figure {
  const char *name;
  const char *what;
  const char *contestant, *metric;              /* numerator */
  const char *base_contestant, *base_metric;    /* denominator; NULL: the numerator is the figure */
  const char *unit;                             /* "ratio" or "%" */
  double      target;                           /* at most; 0: none, shown for what it is */
};
extern const struct figure figures[];           /* ended by a NULL name */
/* The figure's value in each round into values[rounds] (NAN where there is none);
 * false if it was not measured. */
bool figure_values(const struct figure *figure, const struct results *results, double *values);

/* ------------------------------------------------------------------ machine */

struct fact { const char *name; char value[320]; };
#define FACTS_MAX 16
size_t facts_gather(struct fact facts[FACTS_MAX]);

/* ------------------------------------------------------------------- output */

void table_print(FILE *out, const struct results *results, const struct fact *facts, size_t count);
int  csv_write(const char *path, const struct results *results);
int  json_write(const char *path, const struct results *results, const struct fact *facts, size_t count);

#endif
