/* serve.h - async-signal-safe. Calls that take more than lending memory. Each makes the call
 * (or what stands for it) and returns the kernel's result. */
#ifndef WW_SHIELD_SERVE_H
#define WW_SHIELD_SERVE_H

#include "shield/call.h"

/* serve_memory.c */
long serve_mmap(struct call *call);
long serve_munmap(struct call *call);
long serve_mremap(struct call *call);
long serve_mprotect(struct call *call);
long serve_madvise(struct call *call);
long serve_process_madvise(struct call *call);
long serve_brk(struct call *call);
long serve_shmat(struct call *call);
long serve_shmdt(struct call *call);
long serve_remap(struct call *call);
long serve_mseal(struct call *call);
long serve_file(struct call *call);

/* serve_write.c */
long serve_write(struct call *call);

/* serve_signal.c */
long serve_sigaction(struct call *call);
long serve_sigprocmask(struct call *call);
long serve_sigpending(struct call *call);
long serve_send(struct call *call);
long serve_sigaltstack(struct call *call);
long serve_wait(struct call *call);
long serve_exec(struct call *call);

/* serve_thread.c */
long serve_clone(struct call *call);
long serve_clone3(struct call *call);
long serve_exit(struct call *call);
long serve_keep(struct call *call);

/* serve_buffer.c */
long serve_ioctl(struct call *call);
long serve_getxattrat(struct call *call);
long serve_ptrace(struct call *call);
long serve_process_vm_writev(struct call *call);
long serve_futex_vector(struct call *call);

/* serve_async.c */
long serve_io_submit(struct call *call);
long serve_uring_setup(struct call *call);
long serve_uring_enter(struct call *call);
long serve_uring_register(struct call *call);

/* Called in the parent of a process with a copy of our memory, if it is set; `bare`: not by fork().
 * Async-signal-safe. */
extern void (*_Atomic serve_born_hook)(int32_t process, bool bare);

#endif
