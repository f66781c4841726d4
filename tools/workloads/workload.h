/* workload.h - what a demo workload is: a small honest program that the
 * `demo` subcommand runs in epochs over memory that is tracked. */
#ifndef WW_WORKLOAD_H
#define WW_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct workload;

/* What a workload says must outlive the process. */
typedef void workload_keep(void *context, void *address, size_t length);

/* One run of a workload. The driver fills all but `state`. */
struct workload_run {
  const struct workload *workload;
  size_t    pages;      /* pages of tracked memory wanted in all (--pages) */
  size_t    page_size;  /* bytes */
  unsigned  epochs;     /* planned (--epochs) */
  unsigned  threads;    /* (--threads) */
  uint64_t  seed;       /* (--seed) */
  int       argc;       /* operands behind the name: files, a script */
  char    **argv;
  void     *state;      /* the workload's own, NOT in tracked memory unless it says so */
  FILE     *talk;       /* where a workload may say something to a person; never stdout */
  void     *driver;     /* the driver's */
  /* The driver's own workload_memory(), or NULL: demo's. */
  void   *(*memory)(struct workload_run *run, const char *name, size_t bytes);
};

struct workload {
  const char *name;       /* as typed */
  const char *summary;    /* one line for --list */
  const char *operands;   /* what may stand behind the name ("FILE..."), or NULL: nothing */
  const char *source;     /* the text that it comes from, or NULL */
  size_t      pages;      /* default --pages */
  unsigned    epochs;     /* default --epochs */
  unsigned    max_threads;/* 1: single-threaded by nature; 0: any number */
  bool        loud;       /* every write changes its page's bytes, so that a page
                             reported as written and unchanged is an error */
  /* All return 0, or a negative errno after workload_fail(). The command's exit
   * status follows from it: -ENOMEM: out of memory; -EINVAL, -ERANGE: usage (a
   * missing operand, a number that does not fit the workload); in setup and epoch any
   * other: an input that cannot be read or understood; elsewhere: a failed check. */
  /* Ask for memory with workload_memory(), fill it (not yet tracked). */
  int  (*setup)(struct workload_run *run);
  /* The share of thread `thread` (0 ..) of epoch `epoch` (1 ..). Called by all
   * threads at once; returns when the share is done. The driver collects
   * between epochs, when all threads are quiet. May be asked for more epochs
   * than planned: a computation that has converged starts anew. */
  int  (*epoch)(struct workload_run *run, unsigned epoch, unsigned thread);
  /* For --checkpoint: calls `keep' for all that an epoch changes outside of tracked memory, and that setup
   * with the same options does not make anew, in the same order each time. Pointers into tracked memory may
   * be among it: that comes back where it was. NULL: it cannot be resumed. */
  void (*keeps)(struct workload_run *run, workload_keep *keep, void *context);
  /* Is the result right? Called once after the last epoch; may be NULL. Says in
   * one line on run->talk what it checked. */
  int  (*check)(struct workload_run *run);
  /* Called in the end if `state` is set, also after a failure. */
  void (*teardown)(struct workload_run *run);
  /* Instead of setup/epoch: the workload does everything itself (`protection`). */
  int  (*whole)(struct workload_run *run);
};

/* Page-aligned zeroed memory of at least `bytes` bytes, tracked as region `name`
 * once setup has returned; freed by the driver. NULL after a message. */
void *workload_memory(struct workload_run *run, const char *name, size_t bytes);
/* For `whole` alone, which has no driver around it. Memory of the workload's own
 * (page-aligned, whole pages) becomes region `name`: it stays the workload's. */
int workload_adopt(struct workload_run *run, const char *name, void *address, size_t length);
/* Tracking begins, with what was asked for or adopted up to here. */
int workload_start(struct workload_run *run);
/* An epoch ends and is put into the report (and verified); it had *pages dirty. */
int workload_collect(struct workload_run *run, size_t *pages);
/* Say what was wrong, where, and what to do; returns `error`, a negative errno. */
int workload_fail(struct workload_run *run, int error, const char *format, ...)
  __attribute__((format(printf, 3, 4)));

/* A small seeded generator (splitmix64; Steele, Lea, Flood, "Fast splittable
 * pseudorandom number generators", OOPSLA 2014). */
static inline uint64_t
workload_random(uint64_t *state)
{
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* All workloads, ended by NULL; the first is the default. */
extern const struct workload *const workloads[];

#endif
