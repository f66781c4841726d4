/* follow.c - async-signal-safe. */
#include "config.h"
#include "shield/follow.h"
#include "raw.h"
#include <sys/syscall.h>
long follow_munmap(uintptr_t address, size_t length) { return raw_call(SYS_munmap, (long)address, (long)length, 0,0,0,0); }
long follow_mprotect(long number, uintptr_t address, size_t length, int protection, int pkey) { return raw_call(number,(long)address,(long)length,protection,pkey,0,0); }
long follow_mremap(uintptr_t old, size_t old_length, size_t new_length, int flags, uintptr_t new_address) { return raw_call(SYS_mremap,(long)old,(long)old_length,(long)new_length,flags,(long)new_address,0); }
long follow_mmap(uintptr_t address, size_t length, int protection, int flags, int fd, long offset) { return raw_call(SYS_mmap,(long)address,(long)length,protection,flags,fd,offset); }
long follow_madvise(uintptr_t address, size_t length, int advice) { return raw_call(SYS_madvise,(long)address,(long)length,advice,0,0,0); }
long follow_brk(uintptr_t address) { return raw_call(SYS_brk,(long)address,0,0,0,0,0); }
long follow_shmat(int id, uintptr_t address, int flags) { return raw_call(SYS_shmat,id,(long)address,flags,0,0,0); }
long follow_shmdt(uintptr_t address) { return raw_call(SYS_shmdt,(long)address,0,0,0,0,0); }
long follow_mseal(uintptr_t address, size_t length, unsigned long flags) { return raw_call(462,(long)address,(long)length,(long)flags,0,0,0); }
long follow_file(long number, const long a[6]) { return raw_call(number,a[0],a[1],a[2],a[3],a[4],a[5]); }
long follow_remap_file_pages(const long a[6]) { return raw_call(SYS_remap_file_pages,a[0],a[1],a[2],a[3],a[4],0); }
void follow_contents(uintptr_t start, uintptr_t end, int advice) { (void)start; (void)end; (void)advice; }
