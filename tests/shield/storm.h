/* storm.h - a seeded storm of faults and of all that a program may do meanwhile. */
#ifndef SHIELD_STORM_H
#define SHIELD_STORM_H

#include "shielded.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

/* What is done besides writing and collecting. What stands behind FIRST_SHIELDED
 * works with the shield only. */
enum ingredient {
  WITH_TOUCH,      /* reads into tracked memory, announced */
  WITH_FORK,       /* children that look at their memory, write to it, and end */
  WITH_SIGNALS,    /* handlers that write: from a timer and from other threads */
  WITH_JUMPS,      /* some of these leave by siglongjmp() */
  WITH_REGIONS,    /* regions are removed and added */
  WITH_RESTARTS,   /* the tracker is stopped and started */
  FIRST_SHIELDED,
  WITH_READ = FIRST_SHIELDED,  /* reads, not announced */
  WITH_MASKS,      /* writes with all signals blocked */
  FIRST_MOVING,
  WITH_PROTECT = FIRST_MOVING,    /* W^X: pages become read-only and executable, or inaccessible, and back */
  WITH_DISCARD,    /* madvise(MADV_DONTNEED) */
  WITH_REMAP,      /* mmap(MAP_FIXED) over, mremap() onto and away, munmap() */
  INGREDIENTS
};
extern const char *const ingredient_names[INGREDIENTS];

enum { THREADS_MAX = 8, PAGES = 32 };

enum page_state { PAGE_OPEN, PAGE_EXECUTABLE, PAGE_CLOSED, PAGE_HOLE };

struct worker {
  pthread_t thread;
  pid_t id;
  unsigned number;
  uint64_t random;
  unsigned char *memory;             /* PAGES pages, tracked; the last is the signal handlers' */
  unsigned char *mirror;             /* what the worker knows to be there */
  _Atomic uint8_t state[PAGES];      /* enum page_state */
  _Atomic uint8_t forgotten[PAGES];  /* was a hole: watched again when its region is added again */
  int pipe[2];
  /* A write that a jump may have cut short. */
  volatile size_t pending;
  volatile unsigned char pending_value;
  sigjmp_buf landing;
  volatile sig_atomic_t may_jump, may_fault;
};

/* Shared with the process that keeps watch over the storm. */
struct progress {
  _Atomic uint64_t turns, collects, pages, faults, declared;
  _Atomic uint64_t done[INGREDIENTS];   /* how often */
  _Atomic uint64_t beats;               /* grows while the storm is alive */
  _Atomic uint32_t failed;
};

struct storm {
  uint64_t seed;
  double seconds;
  unsigned threads, with, flags, stack_depth;
  size_t page_size;
  struct progress *progress;
  ww_tracker *tracker;
  struct worker worker[THREADS_MAX];
  pthread_barrier_t turn;
  _Atomic bool end;
  _Atomic unsigned busy;             /* workers that have not ended this turn */
  _Atomic bool tidy;                 /* every page shall be open at the end of this turn */
};

static inline bool
storm_has(const struct storm *storm, enum ingredient ingredient)
{
  return storm->with >> ingredient & 1;
}

/* One line of what is wrong; the storm ends with its turn. */
void storm_complain(struct storm *storm, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A worker's thread; its argument is a struct worker of the storm in `the_storm`. */
void *worker_run(void *worker);
extern struct storm *the_storm;
/* Handlers of SIGSEGV (of faults that are the program's own), SIGALRM and SIGUSR1. */
bool worker_handlers(const struct storm *storm);

/* Collects until the time is over; compares at each quiet point. */
void watcher_run(struct storm *storm);

#endif
