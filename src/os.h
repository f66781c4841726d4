/* os.h - the system calls that the tracker makes. Async-signal-safe. */
#ifndef WW_OS_H
#define WW_OS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All return 0 or a negative errno and leave errno as it was. None is a
 * cancellation point: a thread cancelled in the middle of a collect would leave
 * its lock behind. */

/* Zeroed private memory, not counted against overcommit, never in huge pages;
 * NULL if there is none. */
void *os_map(size_t length);
void os_unmap(void *address, size_t length);
int os_protect(uintptr_t address, size_t length, int protection);
/* Make a page of writable memory present, its content unchanged. On kernels before 5.14
 * that takes a write, which is only made to `anonymous` memory (a file may be too short). */
void os_populate_write(uintptr_t address, size_t length, bool anonymous);
/* Which pages of memory are in core: a byte a page, its lowest bit; a negative errno. */
int os_in_core(uintptr_t address, size_t length, unsigned char *pages);
/* Read at an offset; the bytes read, or a negative errno. */
long os_read_at(int fd, void *buffer, size_t length, uint64_t offset);
/* Can eight bytes be read there? */
bool os_is_readable(uintptr_t address);
/* A file descriptor, or a negative errno. */
int os_open(const char *path);
long os_read(int fd, void *buffer, size_t length);
void os_close(int fd);
void os_write_error(const char *text);
size_t os_page_size(void);
/* The calling thread's id, 0 until it was asked for. */
extern _Thread_local int32_t os_own_thread;
int32_t os_thread_id(void);
/* After fork: the calling thread's id is asked for again. */
void os_thread_id_forget(void);
/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t os_now(void);
void os_pause(unsigned attempt);
/* Threads in this process; 0 if it cannot be told. */
unsigned os_threads(void);
/* The mask as the kernel keeps it: libc hides two signals of its own. */
void os_set_signal_mask(uint64_t mask);
/* Block these as well: returns the mask as it was. Take these out of the mask. */
uint64_t os_block_signals(uint64_t mask);
void os_unblock_signals(uint64_t mask);
/* A signal action as the kernel has it (its asm/signal.h; libc's is another). */
struct os_action {
  void (*handler)(int, siginfo_t *, void *);
  unsigned long flags;
  void (*restorer)(void);       /* with SA_RESTORER, which x86-64 insists on: libc's */
  uint64_t mask;
};
/* Both may be NULL. */
int os_signal_action(int signal, const struct os_action *action, struct os_action *old);
/* Queue `info` as signal `signal` for the calling thread. */
int os_queue_self(int signal, const siginfo_t *info);

#endif
