/* companion.h - a process of our own that shares the program's memory, and nothing else.
 *
 * The recorder closes epochs and writes the trace from somewhere. A thread of the program's process
 * would be seen: in its number of threads, by unshare(2), by setuid(3), which sends each of them a
 * signal and waits, by the end of the last other one, which would not end the process any more; its
 * descriptors would be the program's to close, its root and folder the program's to change, its
 * user, its limits, its processor time. So it is a process that clone(2) has made with CLONE_VM
 * alone: it has a copy of the descriptors, and of all else, of its own from then on; its end sends no
 * signal (exit signal 0), and wait(2) does not see it without __WALL. When the program dies, by
 * whatever, the memory is still here: the last epoch can be read and written, too.
 *
 * It runs our code only. The C library does not know it: what it needs of one is a copy of the first
 * thread's static thread-local storage, with another thread's id in it. It takes no lock of libc's,
 * for its holder may be killed. */
#ifndef WW_RECORD_COMPANION_H
#define WW_RECORD_COMPANION_H

#include <stdbool.h>
#include <stdint.h>

/* Make it: it calls run(), and ends when that returns; all of its signals are blocked, its descriptors
 * are closed but for `keep` (-1: none), its folder is the root. `sibling`: it is a child of this process's
 * parent. Its process id, or a negative errno. */
int32_t companion_start(void (*run)(void), const int keep[2], bool sibling);

/* --- in the companion */

/* Is the process of the program gone from this memory: has it ended, or exec'ed? */
bool companion_is_alone(void);
/* How it ended, if it did and the kernel tells: false if not, else as wait(2) has it. */
bool companion_status(int *status);
/* Did it exec? */
bool companion_was_replaced(void);
/* The program's process. */
int32_t companion_of(void);
/* Wait for a change of *word from `value`, the end of the program's first thread, or the time
 * (CLOCK_MONOTONIC, ns). */
void companion_wait(_Atomic uint32_t *word, uint32_t value, uint64_t until);

#endif
