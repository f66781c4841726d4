/* filter.h - the seccomp filters of this process: they can be added to, never taken away. */
#ifndef WW_SHIELD_FILTER_H
#define WW_SHIELD_FILTER_H

#include <stdbool.h>
#include <stdint.h>

/* Before filter_prepare(): without touching the program's heap, if that can be done. */
void filter_prepare_apart(void);
/* Can there be any? With a sentence for ww_last_error(): -ENOTSUP, -ENOMEM. */
int filter_prepare(void);
/* The first of all: what mask.h wants. With a sentence, as below. */
int filter_first(void);
/* The sentence for a thread that blocks what must be open; -EBUSY. */
int filter_blocked(int32_t thread);
/* From now on, calls that may write to [start, end) are trapped, with `files` those that write
 * to any file, too; the first time, all else that
 * the shield follows, too. With a sentence: -ENOTSUP, -EBUSY (a thread that cannot be
 * filtered), -ENOMEM, -EIO (/proc/self/maps). */
int filter_cover(uintptr_t start, uintptr_t end, bool files);
/* Has filter_cover() seen to that already? */
bool filter_covers(uintptr_t start, uintptr_t end);
/* Code that was mapped just now: if it makes system calls, they are trapped too, as far as the
 * kernel has place for more filters. Readable; all signals are held off. Async-signal-safe. */
void filter_code(uintptr_t start, uintptr_t end);
/* Around fork(). */
void filter_lock(void);
void filter_unlock(void);

#endif
