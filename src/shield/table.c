/* table.c - async-signal-safe. Which system call writes where, on x86-64 and aarch64.
 *
 * Read off the kernel's prototypes (include/linux/syscalls.h, the __user pointers that are
 * not const) and the manual's section 2. Sizes are the kernel's structures'; where a size
 * depends on a command, it is the largest: more is lent than is written, and what was not
 * written is not returned (loan.h). */
#include "config.h"
#include "shield/table.h"
#include "shield/serve.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

/* Numbers that older headers lack: they are the same on all processors. */
enum {
  NR_io_uring_setup = 425, NR_io_uring_enter, NR_io_uring_register, NR_clone3 = 435,
  NR_process_madvise = 440, NR_epoll_pwait2, NR_quotactl_fd = 443, NR_futex_waitv = 449,
  NR_cachestat = 451, NR_futex_wake = 454, NR_futex_wait, NR_futex_requeue,
  NR_statmount = 457, NR_listmount, NR_lsm_get_self_attr, NR_lsm_list_modules = 461, NR_mseal,
  NR_getxattrat = 464, NR_listxattrat, NR_file_getattr = 468, FIRST_UNKNOWN = 470
};

#define F(p, size) { OUT_FIXED, p, 0, size }
#define B(p, length) { OUT_BYTES, p, length, 1 }
#define I(p, length, size) { OUT_ITEMS, p, length, size }
#define SETS(p, length) { OUT_BITS, p, length, 1 }
#define L(p, length) { OUT_SOCKLEN, p, length, 1 }
#define V(p, length) { OUT_VECTOR, p, length, 16 }

enum {
  STAT = 144, STATX = 256, STATFS = 120, RUSAGE = 144, SIGINFO = 128, TIMESPEC = 16, ITIMER = 32,
  UTSNAME = 390, TIMEX = 208, ANY = 4096   /* whatever the command says */
};

#define PROMPT .prompt = true
#define FILES .when = { { TRAP_IF_FILES, 0, 0 } }, .serve = serve_write
#define SENDS(signal) .when = { { TRAP_IF_EQUAL, signal, SIGSEGV } }
#define ALWAYS .when = { { TRAP_ALWAYS, 0, 0 } }

const struct row table_rows[] = {
  /* Files. */
  { SYS_read, .out = { B(1, 2) } },
  { SYS_pread64, .out = { B(1, 2) } },
  { SYS_readv, .out = { V(1, 2) }, ALWAYS },
  { SYS_preadv, .out = { V(1, 2) }, ALWAYS },
  { SYS_preadv2, .out = { V(1, 2) }, ALWAYS },
  { SYS_vmsplice, .out = { V(1, 2) }, ALWAYS },
  { SYS_fstat, PROMPT, .out = { F(1, STAT) } },
  { SYS_newfstatat, PROMPT, .out = { F(2, STAT) } },
  { SYS_statx, PROMPT, .out = { F(4, STATX) } },
  { SYS_statfs, PROMPT, .out = { F(1, STATFS) } },
  { SYS_fstatfs, PROMPT, .out = { F(1, STATFS) } },
  { SYS_getdents64, .out = { B(1, 2) } },
  { SYS_readlinkat, PROMPT, .out = { B(2, 3) } },
  { SYS_getcwd, PROMPT, .out = { B(0, 1) } },
  { SYS_getxattr, PROMPT, .out = { B(2, 3) } },
  { SYS_lgetxattr, PROMPT, .out = { B(2, 3) } },
  { SYS_fgetxattr, PROMPT, .out = { B(2, 3) } },
  { SYS_listxattr, PROMPT, .out = { B(1, 2) } },
  { SYS_llistxattr, PROMPT, .out = { B(1, 2) } },
  { SYS_flistxattr, PROMPT, .out = { B(1, 2) } },
  { NR_getxattrat, PROMPT, .serve = serve_getxattrat, ALWAYS, .alone = true },
  { NR_listxattrat, PROMPT, .out = { B(3, 4) } },
  { NR_file_getattr, PROMPT, .out = { B(2, 3) } },
  { SYS_name_to_handle_at, PROMPT, .out = { F(2, 8 + 128), F(3, 8) } },
  { SYS_lookup_dcookie, PROMPT, .out = { B(1, 2) } },
  { SYS_fcntl, .out = { F(2, 32) } },
  { SYS_ioctl, .out = { F(2, ANY) }, .serve = serve_ioctl, .alone = true },
  { SYS_pipe2, PROMPT, .out = { F(0, 8) } },
  { SYS_write, FILES },
  { SYS_pwrite64, FILES },
  { SYS_writev, FILES },
  { SYS_pwritev, FILES },
  { SYS_pwritev2, FILES },
  { SYS_sendfile, .out = { F(2, 8) }, FILES },
  { SYS_splice, .out = { F(1, 8), F(3, 8) }, FILES },
  { SYS_copy_file_range, .out = { F(1, 8), F(3, 8) }, FILES },
  { SYS_quotactl, PROMPT, .out = { F(3, ANY) } },
  { NR_quotactl_fd, PROMPT, .out = { F(3, ANY) } },
  { NR_cachestat, PROMPT, .out = { F(2, 40) } },
  { NR_statmount, PROMPT, .out = { B(1, 2) } },
  { NR_listmount, PROMPT, .out = { I(1, 2, 8) } },
  { SYS_ftruncate, ALWAYS, .serve = serve_file, .alone = true },
  { SYS_truncate, ALWAYS, .serve = serve_file, .alone = true },
  { SYS_fallocate, ALWAYS, .serve = serve_file, .alone = true },

  /* Sockets. */
  { SYS_recvfrom, .out = { B(1, 2), L(4, 5), F(5, 4) } },
  { SYS_recvmsg, .out = { { OUT_MESSAGE, 1, 0, 56 } }, ALWAYS },
  { SYS_recvmmsg, .out = { { OUT_MESSAGES, 1, 2, 64 }, F(4, TIMESPEC) }, ALWAYS },
  { SYS_accept, .out = { L(1, 2), F(2, 4) } },
  { SYS_accept4, .out = { L(1, 2), F(2, 4) } },
  { SYS_getsockname, PROMPT, .out = { L(1, 2), F(2, 4) } },
  { SYS_getpeername, PROMPT, .out = { L(1, 2), F(2, 4) } },
  { SYS_getsockopt, PROMPT, .out = { { OUT_SOCKLEN, 3, 4, 1 << 20 }, F(4, 4) } },
  { SYS_socketpair, PROMPT, .out = { F(3, 8) } },

  /* Waiting for files. */
  { SYS_ppoll, .out = { I(0, 1, 8), F(2, TIMESPEC) }, .when = { { TRAP_IF_NONZERO, 3, 0 } },
    .serve = serve_wait },
  { SYS_pselect6, .out = { SETS(1, 0), SETS(2, 0), SETS(3, 0), F(4, TIMESPEC) },
    .when = { { TRAP_IF_NONZERO, 5, 0 } }, .serve = serve_wait },
  { SYS_epoll_pwait, .out = { I(1, 2, 16) }, .when = { { TRAP_IF_NONZERO, 4, 0 } }, .serve = serve_wait },
  { NR_epoll_pwait2, .out = { I(1, 2, 16) }, .when = { { TRAP_IF_NONZERO, 4, 0 } }, .serve = serve_wait },

  /* Asynchronous. */
  { SYS_io_setup, PROMPT, .out = { F(1, 8) } },
  { SYS_io_submit, ALWAYS, .serve = serve_io_submit, .alone = true },
  { SYS_io_getevents, .out = { I(3, 2, 32) } },
#ifdef SYS_io_pgetevents
  { SYS_io_pgetevents, .out = { I(3, 2, 32) }, .when = { { TRAP_IF_NONZERO, 5, 0 } }, .serve = serve_wait },
#endif
  { SYS_io_cancel, PROMPT, .out = { F(2, 32) } },
  { NR_io_uring_setup, PROMPT, .out = { F(1, 120) }, .serve = serve_uring_setup, ALWAYS },
  { NR_io_uring_enter, .out = { F(3, 128) }, .when = { { TRAP_IF_NONZERO, 1, 0 } },
    .serve = serve_uring_enter, .alone = true },
  { NR_io_uring_register, ALWAYS, .serve = serve_uring_register, .alone = true },

  /* Time. */
  { SYS_nanosleep, .out = { F(1, TIMESPEC) } },
  { SYS_clock_nanosleep, .out = { F(3, TIMESPEC) } },
  { SYS_getitimer, PROMPT, .out = { F(1, ITIMER) } },
  { SYS_setitimer, PROMPT, .out = { F(2, ITIMER) } },
  { SYS_timer_create, PROMPT, .out = { F(2, 4) } },
  { SYS_timer_settime, PROMPT, .out = { F(3, ITIMER) } },
  { SYS_timer_gettime, PROMPT, .out = { F(1, ITIMER) } },
  { SYS_timerfd_settime, PROMPT, .out = { F(3, ITIMER) } },
  { SYS_timerfd_gettime, PROMPT, .out = { F(1, ITIMER) } },
  { SYS_clock_gettime, PROMPT, .out = { F(1, TIMESPEC) } },
  { SYS_clock_getres, PROMPT, .out = { F(1, TIMESPEC) } },
  { SYS_gettimeofday, PROMPT, .out = { F(0, 16), F(1, 8) } },
  { SYS_times, PROMPT, .out = { F(0, 32) } },
  { SYS_adjtimex, PROMPT, .out = { F(0, TIMEX) } },
  { SYS_clock_adjtime, PROMPT, .out = { F(1, TIMEX) } },

  /* Signals. */
  { SYS_rt_sigaction, .when = { { TRAP_IF_NONZERO, 1, 0 }, { TRAP_IF_NONZERO, 2, 0 } },
    .serve = serve_sigaction, .alone = true },
  { SYS_rt_sigprocmask, .when = { { TRAP_IF_NONZERO, 1, 0 }, { TRAP_IF_NONZERO, 2, 0 } },
    .serve = serve_sigprocmask, .alone = true },
  { SYS_rt_sigpending, ALWAYS, .serve = serve_sigpending, .alone = true },
  { SYS_rt_sigsuspend, ALWAYS, .serve = serve_wait },
  { SYS_rt_sigtimedwait, ALWAYS, .out = { F(1, SIGINFO) }, .serve = serve_wait },
  { SYS_kill, SENDS(1), .serve = serve_send, .alone = true },
  { SYS_tkill, SENDS(1), .serve = serve_send, .alone = true },
  { SYS_tgkill, SENDS(2), .serve = serve_send, .alone = true },
  { SYS_rt_sigqueueinfo, SENDS(1), .serve = serve_send, .alone = true },
  { SYS_rt_tgsigqueueinfo, SENDS(2), .serve = serve_send, .alone = true },
  { SYS_sigaltstack, ALWAYS, .serve = serve_sigaltstack, .alone = true },

  /* Processes and threads. */
  { SYS_wait4, .out = { F(1, 4), F(3, RUSAGE) } },
  { SYS_waitid, .out = { F(2, SIGINFO), F(4, RUSAGE) } },
  { SYS_clone, .out = { F(2, 4), F(3, 4), F(4, 4) }, .also = { F(1, 1) }, .serve = serve_clone,
    .alone = true },
  { NR_clone3, ALWAYS, .serve = serve_clone3, .alone = true },
  { SYS_execve, ALWAYS, .serve = serve_exec, .alone = true },
  { SYS_execveat, ALWAYS, .serve = serve_exec, .alone = true },
  { SYS_exit, ALWAYS, .serve = serve_exit, .alone = true },
  { SYS_exit_group, ALWAYS, .serve = serve_exit, .alone = true },
  { SYS_set_tid_address, PROMPT, .out = { F(0, 4) }, .serve = serve_keep, .alone = true },
  { SYS_rseq, PROMPT, .out = { F(0, 64) }, .serve = serve_keep, .alone = true },
  /* A shared futex is looked up for writing, whatever is done with it: in read-only anonymous
   * memory that is EFAULT (kernel/futex/core.c, get_futex_key()). */
  { SYS_futex, .out = { F(0, 4), F(4, 4) },
    .when = { { PASS_UNLESS_FUTEX, 1, 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 11 | 1 << 12 | 1 << 13 } } },
  { NR_futex_waitv, ALWAYS, .serve = serve_futex_vector, .alone = true },
  { NR_futex_wake, PROMPT, .out = { F(0, 8) } },
  { NR_futex_wait, .out = { F(0, 8) } },
  { NR_futex_requeue, PROMPT, ALWAYS, .serve = serve_futex_vector, .alone = true },
  { SYS_getrusage, PROMPT, .out = { F(1, RUSAGE) } },
  { SYS_getrlimit, PROMPT, .out = { F(1, 16) } },
  { SYS_prlimit64, PROMPT, .out = { F(3, 16) } },
  { SYS_getgroups, PROMPT, .out = { I(1, 0, 4) } },
  { SYS_getresuid, PROMPT, .out = { F(0, 4), F(1, 4), F(2, 4) } },
  { SYS_getresgid, PROMPT, .out = { F(0, 4), F(1, 4), F(2, 4) } },
  { SYS_capget, PROMPT, .out = { F(0, 8), F(1, 24) } },
  { SYS_prctl, PROMPT, .out = { F(1, ANY), F(2, ANY), F(3, ANY), F(4, ANY) } },
  { SYS_ptrace, PROMPT, .out = { F(3, ANY) }, .serve = serve_ptrace, .alone = true },
  { SYS_sched_getaffinity, PROMPT, .out = { B(2, 1) } },
  { SYS_sched_getparam, PROMPT, .out = { F(1, 4) } },
  { SYS_sched_rr_get_interval, PROMPT, .out = { F(1, TIMESPEC) } },
  { SYS_sched_getattr, PROMPT, .out = { B(1, 2) } },
  { SYS_sched_setattr, PROMPT, .out = { F(1, 64) } },
  { SYS_getcpu, PROMPT, .out = { F(0, 4), F(1, 4) } },
  { SYS_get_robust_list, PROMPT, .out = { F(1, 8), F(2, 8) } },
  { SYS_process_vm_readv, .out = { V(1, 2) }, ALWAYS },
  { SYS_process_vm_writev, ALWAYS, .serve = serve_process_vm_writev, .alone = true },

  /* The machine, and the rest. */
  { SYS_uname, PROMPT, .out = { F(0, UTSNAME) } },
  { SYS_sysinfo, PROMPT, .out = { F(0, 112) } },
  { SYS_syslog, .out = { B(1, 2) } },
  { SYS_getrandom, .out = { B(0, 1) } },
  { SYS_mincore, PROMPT, .out = { { OUT_PAGES, 2, 1, 1 } } },
  { SYS_get_mempolicy, PROMPT, .out = { F(0, 4), SETS(1, 2) } },
  { SYS_move_pages, PROMPT, .out = { I(4, 1, 4) } },
  { SYS_msgrcv, .out = { { OUT_BYTES, 1, 2, 8 } } },
  { SYS_msgctl, PROMPT, .out = { F(2, ANY) } },
  { SYS_shmctl, PROMPT, .out = { F(2, ANY) } },
  { SYS_semctl, PROMPT, .out = { F(3, 65536) } },
  { SYS_mq_timedreceive, .out = { B(1, 2), F(3, 4) } },
  { SYS_mq_getsetattr, PROMPT, .out = { F(2, 64) } },
  { SYS_keyctl, PROMPT, .out = { F(1, ANY), F(2, ANY), F(3, ANY), B(2, 3) } },
  { SYS_perf_event_open, PROMPT, .out = { F(0, 128) } },
  { SYS_bpf, PROMPT, .out = { B(1, 2) } },
  { NR_lsm_get_self_attr, PROMPT, .out = { F(1, 65536), F(2, 4) } },
  { NR_lsm_list_modules, PROMPT, .out = { F(0, ANY), F(1, 4) } },

  /* Memory that moves. */
  { SYS_mmap, .when = { { TRAP_IF_SET, 2, PROT_EXEC }, { PASS_UNLESS_SET, 3, MAP_FIXED } },
    .also = { { OUT_BYTES, 0, 1, 1 } }, .serve = serve_mmap, .alone = true },
  { SYS_munmap, .also = { { OUT_BYTES, 0, 1, 1 } }, .serve = serve_munmap, .alone = true },
  { SYS_mremap, .also = { { OUT_BYTES, 0, 1, 1 }, { OUT_BYTES, 4, 2, 1 } }, .serve = serve_mremap,
    .alone = true },
  { SYS_mprotect, .also = { { OUT_BYTES, 0, 1, 1 } }, .serve = serve_mprotect, .alone = true },
  { SYS_pkey_mprotect, .also = { { OUT_BYTES, 0, 1, 1 } }, .serve = serve_mprotect, .alone = true },
  { SYS_madvise, .also = { { OUT_BYTES, 0, 1, 1 } }, .serve = serve_madvise, .alone = true },
  { NR_process_madvise, ALWAYS, .serve = serve_process_madvise, .alone = true },
  { SYS_brk, .when = { { TRAP_IF_NONZERO, 0, 0 } }, .serve = serve_brk, .alone = true },
  { SYS_shmat, .when = { { PASS_UNLESS_SET, 2, SHM_REMAP } }, .also = { F(1, 65536) }, .serve = serve_shmat,
    .alone = true },
  { SYS_shmdt, .also = { F(0, 1) }, .serve = serve_shmdt, .alone = true },
  { SYS_remap_file_pages, .also = { { OUT_BYTES, 0, 1, 1 } }, .serve = serve_remap, .alone = true },
  { NR_mseal, .also = { { OUT_BYTES, 0, 1, 1 } }, .serve = serve_mseal, .alone = true },

#ifdef SYS_stat   /* calls that newer processors were never given */
  { SYS_stat, PROMPT, .out = { F(1, STAT) } },
  { SYS_lstat, PROMPT, .out = { F(1, STAT) } },
  { SYS_poll, .out = { I(0, 1, 8) } },
  { SYS_select, .out = { SETS(1, 0), SETS(2, 0), SETS(3, 0), F(4, 16) } },
  { SYS_epoll_wait, .out = { I(1, 2, 12) } },
  { SYS_pipe, PROMPT, .out = { F(0, 8) } },
  { SYS_getdents, .out = { B(1, 2) } },
  { SYS_readlink, PROMPT, .out = { B(1, 2) } },
  { SYS_time, PROMPT, .out = { F(0, 8) } },
  { SYS_ustat, PROMPT, .out = { F(1, 32) } },
  { SYS_sysfs, PROMPT, .out = { F(2, ANY) } },
  { SYS_arch_prctl, PROMPT, .out = { F(1, 8) } },
  { SYS_modify_ldt, PROMPT, .out = { B(1, 2) } },
#endif
};

const unsigned table_count = sizeof table_rows / sizeof *table_rows;

static uint8_t row_of[TABLE_NUMBERS];   /* 1 + the row's index, 0: none */
_Static_assert(sizeof table_rows / sizeof *table_rows < 255, "a row's index must fit in a byte");

void
table_prepare(void)
{
  for (unsigned i = 0; i < table_count; i++)
    row_of[table_rows[i].number] = (uint8_t)(i + 1);
}

const struct row *
table_find(long number)
{
  return number >= 0 && number < TABLE_NUMBERS && row_of[number] ? &table_rows[row_of[number] - 1] : NULL;
}

int
table_first_unknown(void)
{
  return FIRST_UNKNOWN;
}
