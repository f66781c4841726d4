/* sqlite_heap.h - the memory of SQLite, out of one stretch of tracked memory. */
#ifndef WW_SQLITE_HEAP_H
#define WW_SQLITE_HEAP_H

#include <stddef.h>

/* From sqlite3_initialize() to sqlite3_shutdown() SQLite allocates from here; it
 * is the caller that keeps two threads out. An SQLITE_ code. */
int sqlite_heap_configure(void *memory, size_t bytes);

#endif
