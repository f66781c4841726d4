/* os.h - the system calls that the tracker makes. Async-signal-safe. */
#ifndef WW_OS_H
#define WW_OS_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All return 0 or a negative errno and leave errno as it was. None is a
 * cancellation point: a thread cancelled in the middle of a collect would leave
 * its lock behind. */

/* Zeroed private memory, not counted against overcommit, never in huge pages;
 * NULL if there is none. */
void *os_map(size_t length);
/* The same, and empty in the child of a fork() where the kernel can do that (Linux 4.14). */
void *os_map_wiped(size_t length);
void os_unmap(void *address, size_t length);
/* What whole pages of it hold is not needed any more: zeros, which take no memory. */
void os_forget(void *address, size_t length);
/* Address space that nothing is in, NULL if there is none so large; and a part of it turned into
 * memory as of os_map() (false: there is none), and back. */
void *os_reserve(size_t length);
bool os_fill(void *address, size_t length);
void os_vacate(void *address, size_t length);
int os_protect(uintptr_t address, size_t length, int protection);
/* Make a page of writable memory present, its content unchanged. On kernels before 5.14
 * that takes a write, which is only made to `anonymous` memory (a file may be too short). */
void os_populate_write(uintptr_t address, size_t length, bool anonymous);
/* Would a write there raise no SIGBUS? True where the kernel cannot be asked, before 5.14. */
bool os_is_there(uintptr_t address);
/* 0, or -ENOMEM if part of it is not mapped. */
int os_is_mapped(uintptr_t address, size_t length);
/* Which pages of memory are in core: a byte a page, its lowest bit; a negative errno. */
int os_in_core(uintptr_t address, size_t length, unsigned char *pages);
/* Read at an offset; the bytes read, or a negative errno. */
/* Can eight bytes be read there? */
bool os_is_readable(uintptr_t address);
/* A file descriptor, or a negative errno. */
int os_open(const char *path);
long os_read(int fd, void *buffer, size_t length);
long os_read_at(int fd, void *buffer, size_t length, uint64_t offset);
/* Entries of a folder, as getdents64(2) has them. */
long os_list(int fd, void *buffer, size_t length);
void os_close(int fd);
void os_write_error(const char *text);
size_t os_page_size(void);
/* The calling thread's id, 0 until it was asked for. */
extern _Thread_local int32_t os_own_thread;
int32_t os_thread_id(void);
int32_t os_process_id(void);
int32_t os_parent_id(void);
/* Where a thread's list of robust locks begins (0: the calling one's); *head may be 0. */
int os_robust_list(int32_t thread, uintptr_t *head);
/* After fork: the calling thread's id is asked for again. */
void os_thread_id_forget(void);
/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t os_now(void);
void os_pause(unsigned attempt);
/* Wait as long as *word is `value`, or for no reason a shorter time; wake one who does. False: who
 * should wake this thread never will (os_forsaken). */
bool os_wait(_Atomic uint32_t *word, uint32_t value);
void os_wake(_Atomic uint32_t *word);
/* Asked by a thread that has waited for others for a while, if it has set it: are they gone? They
 * may have been killed anywhere. What they have left behind should be put right in it. */
extern _Thread_local bool (*os_forsaken)(void);
/* Threads in this process; 0 if it cannot be told. */
unsigned os_threads(void);
/* The mask as the kernel keeps it: libc hides two signals of its own. */
void os_set_signal_mask(uint64_t mask);
uint64_t os_signal_mask(void);
/* Hold all signals off; returns the mask that was. */
uint64_t os_hold_signals(void);
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
/* Does the kernel know this action of seccomp filters? */
int os_seccomp_knows(uint32_t action);
/* Add a seccomp filter to all threads. A positive result is the thread that refuses. */
struct sock_filter;
long os_seccomp(size_t length, const struct sock_filter *program);
/* Queue `info` as signal `signal` for the calling thread. */
int os_queue_self(int signal, const siginfo_t *info);
/* The same for another thread of the process. */
int os_queue_thread(int32_t thread, int signal, const siginfo_t *info);
/* The same for any thread of the process that does not block it. */
int os_queue_process(int signal, const siginfo_t *info);
/* Take one of the pending signals in `set` if there is one: its number, or a negative errno. */
int os_take_pending(uint64_t set, siginfo_t *info);

#endif
