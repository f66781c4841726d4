/* journal.h - the companion's: what is written into the trace. */
#ifndef WW_RECORD_JOURNAL_H
#define WW_RECORD_JOURNAL_H

#include "record/settings.h"
#include "trace.h"
#include "tracker.h"

/* All return 0 or the writer's first error, as trace.h has them. */
int journal_begin(int fd, const struct settings *settings, struct ww_tracker *tracker);
/* An epoch, all that has come and gone with it, and what has been put since the last one. */
int journal_epoch(struct ww_dirty *dirty, enum trace_cause cause, const char *label, uint64_t collect);
int journal_note(enum trace_note_kind kind, uint64_t value, const char *text);
int journal_child(int32_t pid, enum trace_child_how how, bool recorded, const char *file, const char *reason);
/* The last block; after an error, what was not committed is dropped before. */
void journal_end(enum trace_end_how how, uint64_t status, const char *text);
/* The same after an error, which says how. */
void journal_give_up(void);

#endif
