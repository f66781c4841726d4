/* threads.h - the threads of this process, and the memory that each cannot do without. */
#ifndef WW_THREADS_H
#define WW_THREADS_H

#include <stdbool.h>
#include <stdint.h>

/* A part of the address space that must stay writable while its thread lives. */
struct thread_part {
  int32_t thread;             /* kernel thread id */
  char name[16];              /* as the kernel has it (comm) */
  const char *what;           /* "the stack", ... */
  uintptr_t start, end;
};

/* Does [start, end), which is mapped throughout, meet such a part of any thread? If so,
 * *met is one of them. Not for handlers; takes the dynamic linker's lock. */
bool threads_meet(uintptr_t start, uintptr_t end, struct thread_part *met);

#endif
