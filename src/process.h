/* process.h - async-signal-safe (but for the start). In which process this code runs.
 *
 * A child of vfork() or posix_spawn() runs in its parent's memory, our variables and the
 * suspended thread's own included, but has signal actions and a mask of its own. What
 * it does to them must not be taken for the parent's doing. It is called a guest here. */
#ifndef WW_PROCESS_H
#define WW_PROCESS_H

#include "os.h"

/* What a thread's signals are like beside what the kernel keeps (sigmask.h, sigchain.c). */
enum { PROCESS_ACTIONS = 4 };
struct process_self {
  int32_t guest;              /* the guest's process id; 0: the thread is of the process itself */
  uint64_t shadow;            /* blocked signals that only we remember */
  uintptr_t wait;             /* stack of a call with a mask for its own time, 0 if there is none */
  uint64_t wait_mask;         /* that mask, as the program gave it */
  bool has[PROCESS_ACTIONS];  /* a guest only: it has set an action of its own */
  struct os_action action[PROCESS_ACTIONS];
};

/* Before any of the others is asked; the process is taken for the owner of the memory. Until then
 * there are no guests. Not for handlers. 0 or -ENOMEM. */
int process_start(void);
/* Does [start, end) meet what is kept of it, which must stay writable? */
bool process_overlaps(uintptr_t start, uintptr_t end);
/* In the child of a fork(): it owns its copy. Needed only where the kernel does not tell (before
 * Linux 4.14), harmless elsewhere. */
void process_forked(void);
/* The calling thread's; a guest has one that begins as a copy of the thread's that it runs in. */
struct process_self *process_self(void);

/* Exclude the other threads of the process from what guests do not write. All signals must be held
 * off. A guest must not call this. A fork() while another thread has it leaves it free in the child. */
void process_lock(void);
void process_unlock(void);

#endif
