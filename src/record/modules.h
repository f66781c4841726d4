/* modules.h - the companion's: what the program runs, for the trace. */
#ifndef WW_RECORD_MODULES_H
#define WW_RECORD_MODULES_H

#include "trace.h"

/* Tell of what has come, changed or gone since the last time. `epoch`: the next to be written. */
void modules_tell(struct trace_writer *writer, uint64_t epoch);
/* Another trace begins. */
void modules_forget(void);

#endif
