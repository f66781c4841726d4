/* arena.h - memory of the tracker's own: mapped ahead, never on a tracked page. */
#ifndef WW_ARENA_H
#define WW_ARENA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* malloc() would put our state among the program's data, which may be tracked:
 * then noticing a write would write to tracked memory. So every object is a
 * mapping of its own, zeroed, rounded up to pages; the kernel joins neighbours. */

/* Bytes mapped by one owner, for ww_stats.memory; may be shared by several. */
struct arena { _Atomic uint64_t bytes; };

/* From here on memory is taken from a range of its own, that is reserved once, as long as there is
 * room in it. Else it may come to lie in a hole that the program has made, by munmap(2), and is
 * about to fill again: between the two it would be the program's neighbour, and be mapped over.
 * Without address space for a range (RLIMIT_AS) things stay as they are. Not for handlers. */
void arena_reserve(void);
/* Some of what is given back may be kept for who asks next, as long as there is a tracker. */
void arena_keep_spares(bool keep);
/* NULL if there is no memory. `arena` may be NULL. */
void *arena_map(struct arena *arena, size_t length);
void arena_unmap(struct arena *arena, void *address);
/* Does [start, end) touch any such mapping? */
bool arena_overlaps(uintptr_t start, uintptr_t end);
/* Around fork(), so that the child finds the list whole. */
void arena_lock(void);
void arena_unlock(void);

#endif
