/* trace_index.h - all that a trace says but for the dirty pages: few and small, so all of it is kept.
 *
 * It is read first, in a pass over the file that leaves the pages alone; then whoever counts pages
 * knows how many epochs and regions there are, and what the stacks are called. */
#ifndef WW_TRACE_INDEX_H
#define WW_TRACE_INDEX_H

#include "trace.h"
#include "report-index.h"

/* Beyond these a record is taken for damage. */
#define INDEX_REGIONS_MAX (1u << 22)
#define INDEX_STACKS_MAX  (1u << 22)
#define INDEX_EPOCHS_MAX  (1u << 30)
#define INDEX_KEPT         100000u      /* notes, children, coverages: more are merely counted */
#define INDEX_DAMAGES_KEPT 16u

/* Texts are copies that end with NUL, never NULL unless it says so; cut at a NUL of their own. */

struct index_region {
  uint64_t id;               /* 0: this number was never said */
  uint64_t kind, address, length, page_size;   /* as they were last said */
  uint64_t pages;            /* the most that it ever had */
  uint64_t first_epoch;      /* in which it is watched, by the epochs' own numbers */
  uint64_t last_epoch;       /* ... or UINT64_MAX: to the end */
  uint64_t ended;            /* enum trace_region_how, if last_epoch is one */
  uint64_t target;           /* the region that it moved to, or 0 */
  bool     dirty;            /* there is a DIRTY block of it */
  char    *name;
};

struct index_epoch {
  uint64_t number, begin, end, cause, collect, faults, pages;
  char    *label;            /* NULL: none */
};

struct index_module {
  uint64_t id;
  uint64_t bias;
  char    *path;             /* "": made by the program as it ran */
  unsigned char *build_id;
  size_t   build_id_length;
  struct trace_range *ranges;
  size_t   ranges_count;
  bool     gone;             /* nothing that is said from now on lies in it */
};

struct index_frame {
  uint64_t address;
  uint64_t offset;           /* in the module's own terms; without a module the address */
  uint32_t module;           /* its position, or REPORT_NOWHERE */
};

struct index_stack {
  size_t   first;            /* of its frames */
  uint32_t depth;            /* 0: never said, or empty */
  bool     known;
};

struct index_thread {
  uint64_t tid;
  char    *name;             /* the latest */
};

struct index_note {
  uint64_t time, kind, value;
  char    *text;
};

struct index_child {
  uint64_t time, pid, how;
  bool     recorded;
  char    *file, *reason;
};

struct index_damage {
  uint64_t offset, length;
  const char *reason;
};

struct trace_index {
  bool     started;          /* there is a START */
  struct trace_start start;  /* its texts: */
  char    *executable, *arguments, *machine, *kernel, *writer;   /* arguments: parted by blanks */
  bool     ended;            /* there is an END: */
  struct trace_end end;
  char    *end_text;
  struct index_region *regions;   /* by id: [0] is not used */
  size_t   regions_count, regions_room;
  struct index_epoch  *epochs;    /* ascending */
  size_t   epochs_count, epochs_room;
  struct index_module *modules;
  size_t   modules_count, modules_room;
  struct index_stack  *stacks;    /* by id: [0] is not used */
  size_t   stacks_count, stacks_room;
  struct index_frame  *frames;
  size_t   frames_count, frames_room;
  struct index_thread *threads;
  size_t   threads_count, threads_room;
  struct report_index by_tid;
  struct trace_coverage *coverage;
  size_t   coverage_count, coverage_room;
  struct index_note   *notes;
  size_t   notes_count, notes_room;
  struct index_child  *children;
  size_t   children_count, children_room;
  uint64_t dropped;          /* of these three kinds, how many were not kept */
  struct index_damage damages[INDEX_DAMAGES_KEPT];   /* the first ones */
  uint64_t damages_count, damaged;   /* all; bytes */
  uint64_t tail, tail_at;    /* bytes at the end that are the beginning of a block, and where */
  uint64_t size;             /* of the file */
};

/* Takes up the record of the first pass; DIRTY ones are looked at, too. Damage that only it can
 * see (epochs that do not ascend, numbers that are too large) is added to the others. -ENOMEM. */
int  trace_index_take(struct trace_index *index, const struct trace_record *record);
void trace_index_damage(struct trace_index *index, uint64_t offset, uint64_t length, const char *reason);
const struct index_region *trace_index_region(const struct trace_index *index, uint64_t id);   /* or NULL */
const struct index_thread *trace_index_thread(const struct trace_index *index, uint64_t tid);  /* or NULL */
const struct index_stack  *trace_index_stack(const struct trace_index *index, uint64_t id);    /* or NULL */
/* A copy of a text, ended by NUL. NULL: no memory. */
char *trace_text_copy(struct trace_text text);
void trace_index_free(struct trace_index *index);   /* all zeroes is an empty one */

#endif
