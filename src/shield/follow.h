/* follow.h - async-signal-safe. Memory that the program moves: the calls, made in its stead. */
#ifndef WW_SHIELD_FOLLOW_H
#define WW_SHIELD_FOLLOW_H

#include <stddef.h>
#include <stdint.h>

long follow_munmap(uintptr_t address, size_t length);
long follow_mprotect(long number, uintptr_t address, size_t length, int protection, int pkey);
long follow_mremap(uintptr_t old, size_t old_length, size_t new_length, int flags, uintptr_t new_address);
long follow_mmap(uintptr_t address, size_t length, int protection, int flags, int fd, long offset);
long follow_madvise(uintptr_t address, size_t length, int advice);
long follow_brk(uintptr_t address);
long follow_shmat(int id, uintptr_t address, int flags);
long follow_shmdt(uintptr_t address);
long follow_mseal(uintptr_t address, size_t length, unsigned long flags);
long follow_remap_file_pages(const long argument[6]);
/* The content of the pages changes by this advice (process_madvise(2) on ourselves). */
void follow_contents(uintptr_t start, uintptr_t end, int advice);
long follow_file(long number, const long argument[6]);

#endif
