/* report-writers.h - who dirtied pages first: each stack once, or each thread
 * where no stack was kept. */
#ifndef WW_REPORT_WRITERS_H
#define WW_REPORT_WRITERS_H

#include "writewatch.h"
#include "report-index.h"

/* Beyond these, writers are counted together, and threads as "at least". */
#define REPORT_WRITERS_MAX 65536u
#define REPORT_THREADS_MAX 262144u

struct report_writer {
  uint64_t pages;        /* that it was the first to write in their epoch */
  uint64_t epochs;       /* in which it was */
  uint64_t latest;       /* the latest of these, by number in the summary, + 1 */
  uint64_t first_epoch;
  uint64_t first_time;   /* ns from ww_start() */
  size_t   frames;       /* where they begin in the pool */
  uint32_t depth;        /* 0: no stack */
  int32_t  thread;       /* of a writer without a stack */
  uint32_t threads;      /* different ones */
  uint32_t first_thread; /* position in the table of threads, or REPORT_NOWHERE */
  uint32_t last_thread;
  bool     many;         /* there were more threads than could be told apart */
};

/* A thread of a writer. */
struct report_thread {
  uint64_t pages;
  uint32_t writer;
  int32_t  thread;
  uint32_t next;         /* of the same writer, or REPORT_NOWHERE */
};

struct report_writers {
  struct report_writer *all;      /* all[0]: those that were too many to keep apart */
  size_t                count, room;
  uint64_t             *pool;     /* frames */
  size_t                pool_used, pool_room;
  struct report_thread *threads;
  size_t                threads_count, threads_room;
  struct report_index   by_stack, by_thread;
};

int  report_writers_init(struct report_writers *writers);   /* or -ENOMEM */
void report_writers_free(struct report_writers *writers);

/* Find or add the writer and its thread; nothing is counted yet. `thread` is
 * REPORT_NOWHERE if there are too many. -ENOMEM */
int  report_writers_find(struct report_writers *writers, const struct ww_writer *seen,
                         uint32_t *writer, uint32_t *thread);
/* Count a page; cannot fail. */
void report_writers_count(struct report_writers *writers, uint32_t writer, uint32_t thread,
                          uint64_t sequence, uint64_t epoch, uint64_t time);
/* The writers that have pages, most pages first: positions, in an array that
 * the caller frees. -ENOMEM */
int  report_writers_ranked(const struct report_writers *writers, uint32_t **ranked, size_t *count);

#endif
