/* moving.h - the calls that move memory: by the shield's functions, or by libc's. */
#ifndef WW_TEST_MOVING_H
#define WW_TEST_MOVING_H

#include "writewatch.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The program's own calls, to be trapped (WW_SHIELD); false: what the trap would call. */
extern bool moving_plainly;

/* All return 0 (or an address, or a break) or a negative errno. */
long move_munmap(void *address, size_t length);
long move_mprotect(void *address, size_t length, int protection);
long move_mremap(void *old, size_t old_length, size_t new_length, int flags, void *address);
long move_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
long move_madvise(void *address, size_t length, int advice);
long move_brk(void *address);
long move_shmat(int id, void *address, int flags);
long move_shmdt(void *address);
long move_ftruncate(int fd, off_t length);
long move_fallocate(int fd, int mode, off_t offset, off_t length);
long move_pwrite(int fd, const void *from, size_t length, off_t offset);

/* What a write to `address` raises: 0, or SIGSEGV's or SIGBUS's si_code. */
int write_raises(void *address);
/* Install the handlers for that, before the first tracker. */
void moving_prepare(void);

/* "12T 13-14D" of the pages from `base` on: T trapped, V verified, D declared, A assumed; and
 * end the epoch. In a static buffer. */
const char *collected(ww_tracker *tracker, const void *base);

#endif
