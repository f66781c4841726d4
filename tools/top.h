/* top.h - `writewatch top': a trace that grows, looked at while it does. */
#ifndef WW_TOP_H
#define WW_TOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "names/names.h"
#include "status.h"
#include "trace_index.h"

#define TOP_KINDS 8    /* enum ww_evidence, with room */
#define TOP_PAST  120u /* refreshes that are remembered */

struct top_options {
  const char *file;            /* a trace, */
  pid_t       pid;             /* or a process that is being recorded, 0: none, */
  char      **command;         /* or what to record, NULL: nothing */
  const char *output;          /* where `command` is recorded; NULL: nowhere that stays */
  char       *passed[16];      /* options for `writewatch record' */
  unsigned    passed_count;
  double      delay;           /* seconds between refreshes */
  uint64_t    count;           /* of refreshes, then it ends; 0: any */
  bool        plain;           /* lines, though this is a terminal */
};

/* ------------------------------------------------------------- what is known */

struct top_tally {
  uint64_t epochs, pages, bytes, duration, faults, collect, written;
  uint64_t by_evidence[TOP_KINDS];
};

/* What a region or a stack comes to. */
struct top_share {
  uint64_t pages, bytes;              /* since the last refresh that had an epoch */
  uint64_t shown_pages, shown_bytes;  /* in the refresh that is shown */
  uint64_t total_pages;
  double   score;                     /* older refreshes fade, so that rows do not jump */
};

struct top_writer {
  char    *name;
  uint64_t pages, bytes, total_pages;
  double   score;
};

struct top_model {
  struct trace_index index;    /* but for its epochs, notes, children and coverage */
  struct names      *names;
  struct top_tally   current, shown, total;
  struct top_share  *regions, *stacks;   /* by id; stacks[0]: who wrote is not known */
  size_t             regions_room, stacks_room;
  struct top_writer *writers;  /* of what is shown, most first */
  size_t             writers_count;
  struct trace_epoch    last;  /* no label */
  struct trace_coverage coverage;
  bool     covered;
  char     note[256];          /* the latest */
  uint64_t interval;           /* as it is now, ns */
  uint64_t children, unrecorded;
  double   past[TOP_PAST];     /* MiB/s of each refresh, the latest last */
  unsigned past_count;
  double   peak;
  uint64_t damaged;
};

int  top_model_open(struct top_model *model);   /* -ENOMEM */
/* Take what the file has grown by, but no longer than till `deadline` (CLOCK_MONOTONIC, ns). 1: there is
 * more; 0: all was read; or a negative errno. */
int  top_model_read(struct top_model *model, struct trace_reader *reader, uint64_t deadline);
/* What came since the last refresh is what is shown, unless nothing did. -ENOMEM. */
int  top_model_refresh(struct top_model *model);
void top_model_close(struct top_model *model);

/* --------------------------------------------------------------- what is seen */

enum top_look { TOP_RUNNING, TOP_PAUSED, TOP_ENDED };

/* On standard output. */
void top_screen_draw(const struct top_model *model, unsigned rows, unsigned columns, enum top_look look);
void top_screen_line(const struct top_model *model);

/* ------------------------------------------------------------ the terminal */

/* Standard input and output are a terminal that can be drawn on. */
bool top_terminal_here(void);
/* Take it over, and take signals: false if it cannot be. */
bool top_terminal_take(void);
void top_terminal_release(void);
void top_terminal_size(unsigned *rows, unsigned *columns);
void top_signals_take(void);
/* Wait for a key, a signal, or the time (CLOCK_MONOTONIC, ns): the key, or 0. */
int  top_wait(uint64_t until, bool keys);
/* The signal that asks us to end, or 0. */
int  top_signal(void);
uint64_t top_now(void);

/* ----------------------------------------------------------- what is looked at */

struct top_source {
  int   fd;                    /* the trace, or -1: it is not there yet */
  char *path;
  pid_t recorder;              /* `writewatch record', a child, or 0 */
  int   status;                /* of it, as wait(2) has it, once it has ended */
  bool  ended;
  char *folder;                /* to be removed, or NULL */
  int   output;                /* what the program said, or -1 */
};

/* STATUS_OK, or a message was written. `drawn`: the program's output must not go to the screen. */
enum status top_source_open(struct top_source *source, const struct top_options *options, bool drawn);
/* Look whether the trace is there by now, and whether the recorder is still. */
void top_source_look(struct top_source *source);
/* End what was started, remove what was made, and say what the program said. */
void top_source_close(struct top_source *source);

#endif
