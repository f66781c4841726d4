/* report-summary.h - what a summary holds, for those who write it. */
#ifndef WW_REPORT_SUMMARY_H
#define WW_REPORT_SUMMARY_H

#include "report.h"
#include "report-index.h"
#include "report-pageset.h"
#include "report-runs.h"
#include "report-sink.h"
#include "report-writers.h"

#define REPORT_KINDS 5   /* enum ww_evidence, and [0] for what it may grow to */

struct report_count {
  uint64_t pages;
  uint64_t bytes;
  uint64_t by_evidence[REPORT_KINDS];  /* pages */
};

struct report_region {
  char    *name;
  uint64_t address;
  uint64_t length;       /* bytes */
  uint64_t page_size;
  uint64_t pages;
  uint64_t epochs;       /* in which it was watched */
  uint64_t latest;       /* the latest of these, by number in the summary, + 1 */
  uint64_t first_epoch, last_epoch;
  uint64_t duration;     /* of these epochs, ns */
  struct report_count   dirty;   /* each page once an epoch */
  struct report_pageset ever;    /* each page once */
};

struct report_epoch {
  uint64_t epoch, begin, end;
  struct report_count dirty;
  uint64_t written;      /* pages whose first writer was seen */
  size_t   runs;         /* how many, */
  size_t   at;           /* and where they begin */
};

struct report_note {
  char *key, *value;
};

struct ww_summary {
  char *title;           /* or NULL */
  struct report_note   *notes;
  size_t                notes_count, notes_room;
  struct report_region *regions;
  size_t                regions_count, regions_room;
  struct report_index   by_region;
  struct report_epoch  *epochs;
  size_t                epochs_count, epochs_room;
  struct report_runs    runs;
  struct report_writers writers;
  struct report_count   dirty;
  uint64_t              written;
  uint64_t              duration;   /* of all epochs, ns */
};

/* "trapped", ...; "other" for a kind that this version does not know. */
const char *report_evidence(unsigned evidence);

/* The writers of the formats. They put errors of their own, -ENOMEM, into the
 * sink; it is closed by whoever opened it. */
void report_text(const ww_summary *summary, struct report_sink *sink);
void report_json(const ww_summary *summary, struct report_sink *sink);
void report_csv(const ww_summary *summary, struct report_sink *sink);

#endif
