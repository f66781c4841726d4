/* report-runs.h - the runs of many dirty sets, a few bytes each: they are the
 * data, so all of them are kept. */
#ifndef WW_REPORT_RUNS_H
#define WW_REPORT_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct report_run {
  uint32_t region;    /* its position in the summary */
  uint8_t  evidence;  /* enum ww_evidence, or whatever the library returned */
  bool     written;   /* its first writer is known: */
  int32_t  thread;
  uint64_t time;      /* nanoseconds from ww_start() */
  uint64_t page;      /* the first, from the region's begin */
  uint64_t pages;
};

struct report_runs {
  unsigned char *bytes;
  size_t used, room;
};

/* Reads runs in the order in which they were appended, and is what an append
 * is relative to. */
struct report_cursor {
  size_t   at;        /* in bytes */
  uint64_t time;      /* of the latest writer */
  uint64_t page;      /* the page behind the latest run */
  uint32_t region;    /* of the latest run */
  int32_t  thread;
};

/* A cursor at the end (to append with) or at a place that was an end. Each
 * epoch begins with a fresh cursor. */
struct report_cursor report_runs_cursor(size_t at, uint64_t time);

int  report_runs_append(struct report_runs *runs, struct report_cursor *cursor,
                        const struct report_run *run);   /* or -ENOMEM */
void report_runs_next(const struct report_runs *runs, struct report_cursor *cursor,
                      struct report_run *run);
void report_runs_free(struct report_runs *runs);

#endif
