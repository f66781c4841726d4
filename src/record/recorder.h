/* recorder.h - the recorder of this process: what its parts share. */
#ifndef WW_RECORD_RECORDER_H
#define WW_RECORD_RECORDER_H

#include "record/control.h"
#include "record/settings.h"
#include "trace.h"
#include "tracker.h"

struct recorder {
  struct settings settings;
  struct control *control;     /* NULL: nothing is recorded */
  struct ww_tracker *tracker;
  int32_t process;             /* that is recorded */
  int trace;                   /* descriptor of the trace, in the companion */
  _Atomic uint32_t go;         /* a futex: the companion begins */
  uintptr_t from, to;          /* where the shield can see */
};

extern struct recorder recorder;

/* Is this process the one that the command has started, whatever it has exec'ed since? */
static inline bool
recorder_is_first(void)
{
  return recorder.settings.control >= 0;
}

/* Somebody wants something of the companion. Async-signal-safe. */
void recorder_wake(void);
/* The companion's own: close epochs and write the trace, until there is no more to write. */
void recorder_keep(void);
/* The tracker is there: make its companion, watch what there is, start. 0, or a negative errno and *why. */
int recorder_start(const char **why);

/* A new trace for this process, and its path: a descriptor, or a negative errno. */
int children_open_trace(char path[SETTINGS_PATH + 32]);
/* Follow what this process makes (settings.follow), or note it. Once. */
void children_follow(void);
/* The companion's: tell of those that were made since. */
void children_tell(void);

#endif
