/* threads.h - the threads of this process, and the memory that each cannot do without. */
#ifndef WW_THREADS_H
#define WW_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on these are the threads of another process, one that shares its memory with this one,
 * which is not among them (record/companion.c). What is known of a thread's layout, and that needs the
 * C library, is learnt now: nothing of it is asked any more. */
void threads_of(int32_t process);

/* Goes through the threads; one that ends or begins meanwhile may be missed. Async-signal-safe. */
struct threads_reader { int folder; long at, length; _Alignas(8) char entries[2048]; };
int threads_open(struct threads_reader *reader);
/* A thread's id, 0 at the end. */
int32_t threads_next(struct threads_reader *reader);
void threads_close(struct threads_reader *reader);
/* The begin of a file in the thread's folder in /proc; "" and 0 if it cannot be read.
 * Async-signal-safe. */
size_t threads_read(int32_t thread, const char *file, char *text, size_t size);

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
