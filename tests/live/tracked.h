/* tracked.h - memory that a tracker of one engine watches, for tests of what holds for each of them. */
#ifndef WW_TEST_TRACKED_H
#define WW_TEST_TRACKED_H

#include "writewatch.h"

#include <stdbool.h>
#include <stddef.h>

extern size_t page;             /* bytes */
extern enum ww_engine engine;   /* the one that is tried */
extern const char *name;        /* its name */

/* `one` for each engine that this machine has; the others are skipped. */
void each_engine(void (*one)(void));
/* NULL if it cannot be had: ww_last_error(). */
ww_tracker *create(unsigned flags, unsigned depth);
char *map(size_t pages);
/* A tracker that is started; NULL, and a line that says why, if not. */
ww_tracker *track(char *memory, size_t pages, unsigned flags, unsigned depth);
/* Collect: are just these pages in the set, all with this evidence? */
bool holds(ww_tracker *tracker, const char *memory, const size_t *pages, size_t count,
           enum ww_evidence evidence);
#define PAGES(...) (const size_t[]){ __VA_ARGS__ }, sizeof (size_t[]){ __VA_ARGS__ } / sizeof(size_t)

#endif
