/* follow.h - async-signal-safe. Memory that the program moves: the calls, made in its stead,
 * and what they mean for the regions.
 *
 * The protocol. What the program wants of a page (segment.h) is read by handlers, so it must
 * not change under them, and between the kernel's call and our note of it nobody may act on
 * either. So whoever changes a range
 *
 *   M1  takes the locks (all signals of the program held off)
 *   M2  sets `changing` in the regions of the range
 *   M3  counts as one who arms (pin_disturb()), as before any page becomes read-only, and waits
 *       for the handlers that are inside the gate of regions
 *   M4  makes the call, with our protection in the place of the program's
 *   M5  replaces the table of segments
 *   M6  unsets `changing`, gives the locks back
 *
 * and a handler, ww_touch() or a loan that finds `changing` set leaves the gate, pauses and
 * looks again. A handler that read a table is waited for at M3; one that comes later reads
 * none before M6; so the old table is free at once, and two take turns. A handler that read
 * in a table that the program wants no writing passes the fault on, and is right to, whatever
 * comes meanwhile: at that moment the program did not want it.
 *
 * Why nothing waits for ever. The changer waits for locks, whose holders wait for gates
 * alone, and for gates, and nobody waits inside one: who finds `changing` is outside and
 * holds no lock. Signals are held off, so nothing of the program runs in the changer; the
 * calls that it makes read and write no memory of the program's. A handler therefore waits
 * as long as the kernel takes for one call, as it would for the kernel's own lock.
 *
 * Why no write is lost. The protection that M4 lays over pages which are not marked in the
 * running epoch never allows writing; what a call makes writable or changes beyond that is
 * marked before M6, and the epoch cannot end meanwhile: the collector needs the lock.
 *
 * tests/model/changing.pml has this in Promela. */
#ifndef WW_SHIELD_FOLLOW_H
#define WW_SHIELD_FOLLOW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* All return the kernel's result: a negative errno is a failure. -ENOMEM also stands for no
 * memory of our own; then nothing was done. */
long follow_munmap(uintptr_t address, size_t length);
/* mprotect and pkey_mprotect (`number`). */
long follow_mprotect(long number, uintptr_t address, size_t length, int protection, int pkey);
long follow_mremap(uintptr_t old, size_t old_length, size_t new_length, int flags, uintptr_t new_address);
long follow_mmap(uintptr_t address, size_t length, int protection, int flags, int fd, long offset);
long follow_madvise(uintptr_t address, size_t length, int advice);
long follow_brk(uintptr_t address);
long follow_shmat(int id, uintptr_t address, int flags);
long follow_shmdt(uintptr_t address);
long follow_mseal(uintptr_t address, size_t length, unsigned long flags);
long follow_remap_file_pages(const long argument[6]);
/* The content of the pages changes by this advice (process_madvise(2) on ourselves): before the
 * call, and once more after it, for an epoch may end in between. */
void follow_contents(uintptr_t start, uintptr_t end, int advice);
/* ftruncate, truncate, fallocate. */
long follow_file(long number, const long argument[6]);
/* So many bytes of a file are written by a system call; offset -1: at the descriptor's position,
 * or at the end if it was opened to append. Before the call, and once more after it, with the
 * offset where it began: an epoch may end in between. */
void follow_file_written(int fd, off_t offset, size_t length);

#endif
