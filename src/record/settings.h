/* settings.h - what the command tells the recorder, in one environment variable. */
#ifndef WW_RECORD_SETTINGS_H
#define WW_RECORD_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTINGS_VARIABLE "WRITEWATCH_RECORD"
enum { SETTINGS_PATH = 4096, SETTINGS_TEXT = 3 * SETTINGS_PATH };

struct settings {
  uint64_t interval;           /* ns; 0: only markers and signals close epochs */
  unsigned stacks;             /* frames; 0: none */
  unsigned kinds;              /* bits 1 << enum trace_kind */
  unsigned engine, policy;     /* enum ww_engine, ww_policy */
  unsigned overhead;           /* percent; 0: any */
  bool follow;                 /* children */
  bool audit;                  /* hash all pages, and note what was missed */
  bool unshielded;             /* go on where there is no shield */
  uint64_t duration;           /* ns; 0: as long as it runs */
  uint64_t limit;              /* bytes of a trace; 0: any size */
  int trace;                   /* descriptor; -1: the process makes its own */
  int control;                 /* descriptor, in the command's process too */
  int32_t command;             /* the process of `writewatch record' */
  unsigned origin;             /* enum trace_origin */
  int32_t origin_pid;
  char library[SETTINGS_PATH]; /* of the recorder, absolute */
  char base[SETTINGS_PATH];    /* a child's trace is this, a point, and its id */
};

/* The value of the variable; its length, 0 if it does not fit. Async-signal-safe. */
size_t settings_write(const struct settings *settings, char *text, size_t room);
/* False: it is not what settings_write() makes. */
bool settings_read(struct settings *settings, const char *text);

#endif
