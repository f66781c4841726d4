/* trace_summary.h - what a trace comes to: the figures that all reports of it share.
 *
 * Made in two passes over the file, the first without the pages, in memory that is bounded by the
 * pages ever written (4 bytes each) and by the epochs, regions and stacks, not by the file. */
#ifndef WW_TRACE_SUMMARY_H
#define WW_TRACE_SUMMARY_H

#include "trace_index.h"

#define SUMMARY_KINDS  8    /* enum ww_evidence, with room */
#define SUMMARY_LEVELS 32   /* of the growth: windows of 1, 2, 4, ... epochs */

enum summary_by {
  SUMMARY_BY_STACK = 0, SUMMARY_BY_FUNCTION, SUMMARY_BY_LINE, SUMMARY_BY_LIBRARY, SUMMARY_BY_THREAD,
  SUMMARY_BY_REGION, SUMMARY_BYS
};

/* Also what the arrays of names are asked by. */
extern const char *const summary_by_names[SUMMARY_BYS];   /* "stack", "function", ... */

struct summary_options {
  uint64_t since, until;        /* ns since the start: epochs that end after `since` and begin before
                                   `until`; 0 and UINT64_MAX: all */
  const char *const *regions;   /* only these: an id, a kind ("heap") or a part of a name, each */
  size_t   regions_count;       /* 0: all */
  unsigned rows, columns;       /* of the heat map, at most; 0: none */
  bool     without_names;       /* no files are opened for names */
  uint64_t memory_max;          /* bytes for page tables; 0: 1 GiB */
  void   (*progress)(void *argument, uint64_t done, uint64_t total);   /* may be NULL; bytes */
  void    *argument;
};
#define SUMMARY_OPTIONS_INIT { .until = UINT64_MAX }

struct summary_count {
  uint64_t pages, bytes;
  uint64_t by_evidence[SUMMARY_KINDS];   /* pages; kinds that are not known in [0] */
};

struct summary_region {
  const struct index_region *region;
  bool     included;            /* by the options */
  struct summary_count dirty;   /* each page once an epoch */
  uint64_t ever;                /* different pages */
  uint64_t once;                /* of these, in one epoch only */
  uint64_t epochs;              /* in which a page of it was dirty */
  uint64_t written;             /* dirty pages (each once an epoch) whose first writer is known */
  uint64_t row, rows;           /* of the heat map; a region without dirty pages has none */
};

struct summary_epoch {
  const struct index_epoch *epoch;
  struct summary_count dirty;
  uint64_t written;             /* pages whose first writer is known */
  uint64_t fresh;               /* pages that were dirty for the first time */
  bool     whole;               /* all pages that the trace promised were there */
};

/* Who was first to write pages, in their epochs. */
struct summary_writer {
  const char *name;             /* of the group; by stack NULL: see the stack */
  const char *detail;           /* the library of a function, the kind of a region, ...; or NULL */
  uint64_t key;                 /* by stack: its id; by thread: the tid; by region: the id; else a number */
  uint64_t stack;               /* the stack of the group that has most pages, or 0 */
  uint64_t pages, bytes;        /* each page once an epoch */
  uint64_t epochs;              /* in which it was first to write any */
  uint64_t first_epoch, last_epoch;   /* by the epochs' own numbers */
};

struct summary_writers {
  struct summary_writer *all;   /* most pages first */
  size_t   count;
  uint64_t unknown;             /* pages with a first writer that this grouping cannot name: no stack */
};

/* What is written if one saves every `epochs` epochs: the union of so many. */
struct summary_growth {
  uint64_t epochs;
  uint64_t windows;             /* how many there were, one behind the other */
  double   pages, bytes;        /* of one, on average */
  uint64_t pages_most, bytes_most;
  double   duration;            /* of one, on average, ns */
};

/* Epochs from left to right, pages from top to bottom, by region. */
struct summary_heat {
  uint32_t  columns, rows;
  uint32_t *cells;              /* [row * columns + column]: dirty pages, each once an epoch */
  uint32_t *epoch;              /* [columns + 1]: where in the summary's epochs a column begins */
  struct summary_row {
    uint32_t region;            /* its id; or 0: several small ones, from `page` (an id) on */
    uint64_t page, pages;       /* of the region; the most that can be dirty in an epoch */
  } *row;
  const struct summary_region *latest_region;   /* where the latest run was: the summary's own */
  uint64_t latest_row, latest_each;
};

struct trace_summary {
  struct trace_index    index;
  struct summary_region *regions;      /* [index.regions_count], by id */
  struct summary_epoch  *epochs;       /* those that are included */
  size_t                epochs_count;
  uint64_t              duration;      /* of these, ns */
  struct summary_count  dirty;         /* each page once an epoch */
  uint64_t              ever, ever_bytes, once;
  uint64_t              written;
  uint64_t              watched;       /* bytes, the most at once, of the regions that are included */
  struct summary_growth growth[SUMMARY_LEVELS + 1];   /* the last is all epochs together */
  size_t                growth_count;
  struct summary_writers writers[SUMMARY_BYS];
  struct summary_heat   heat;
  uint64_t              unplaced;      /* pages of regions that the trace does not name, or outside them */
  struct trace_frames  *frames;        /* names: trace_frames.h */
  struct summary_table *table;         /* the summary's own */
};

/* Summarise the trace in `fd`. Damage is no error: index.damages and .tail tell of it.
 * -EBADMSG, -EPROTO, -ESPIPE: as trace_reader_open(), with a phrase in *why; -ENOENT: the options
 * leave no region (*why); -E2BIG: memory_max does not suffice; -ENOMEM, or another errno. */
int  trace_summary_create(struct trace_summary **summary, int fd, const struct summary_options *options,
                          const char **why);
void trace_summary_free(struct trace_summary *summary);   /* NULL is allowed */

#endif
