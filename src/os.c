/* os.c - async-signal-safe. With os_userfault.c the only file that makes system calls to
 * the kernel's memory interface, and the few others that the handler needs. They are
 * made raw (raw.h): libc's wrappers may be cancellation points, and may be interposed,
 * and what is called from libc may be trapped by the shield. */
#include "config.h"
#include "os.h"
#include "raw.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Thread_local int32_t os_own_thread;
_Thread_local bool (*os_forsaken)(void);

#define CALL(...) RAW_CALL(__VA_ARGS__)

/* ThreadSanitizer must see memory come and go, or takes two that had the same address in turn for
 * one. */
#if defined(__SANITIZE_THREAD__)
# define MAP(address, length, protection, flags) (long)mmap(address, length, protection, flags, -1, 0)
# define UNMAP(address, length) munmap(address, length)
#else
# define MAP(address, length, protection, flags) CALL(SYS_mmap, address, length, protection, flags, -1, 0)
# define UNMAP(address, length) CALL(SYS_munmap, address, length)
#endif

enum { PLAIN = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE };

static void *
mapped(long memory)
{
  return memory < 0 && memory > -4096 ? NULL : (void *)memory;
}

void *
os_map(size_t length)
{
  void *memory = mapped(MAP(NULL, length, PROT_READ | PROT_WRITE, PLAIN));
  /* A sparse bitmap in huge pages would cost 2 MiB for its first bit. */
  if (memory)
    (void)CALL(SYS_madvise, memory, length, MADV_NOHUGEPAGE);
  return memory;
}

void *
os_reserve(size_t length)
{
  return mapped(MAP(NULL, length, PROT_NONE, PLAIN));
}

bool
os_fill(void *address, size_t length)
{
  if (!mapped(MAP(address, length, PROT_READ | PROT_WRITE, PLAIN | MAP_FIXED)))
    return false;
  (void)CALL(SYS_madvise, address, length, MADV_NOHUGEPAGE);
  return true;
}

void
os_vacate(void *address, size_t length)
{
  (void)MAP(address, length, PROT_NONE, PLAIN | MAP_FIXED);
}

void *
os_map_wiped(size_t length)
{
  const int wipe_on_fork = 18;      /* MADV_WIPEONFORK, Linux 4.14 */
  void *memory = os_map(length);
  if (memory)
    (void)CALL(SYS_madvise, memory, length, wipe_on_fork);
  return memory;
}

void
os_unmap(void *address, size_t length)
{
  (void)UNMAP(address, length);
}

void
os_forget(void *address, size_t length)
{
  uintptr_t page = os_page_size(), from = ((uintptr_t)address + page - 1) & ~(page - 1);
  uintptr_t to = ((uintptr_t)address + length) & ~(page - 1);
  if (from < to)
    (void)CALL(SYS_madvise, from, to - from, MADV_DONTNEED);
}

int
os_protect(uintptr_t address, size_t length, int protection)
{
  return (int)CALL(SYS_mprotect, address, length, protection);
}

static long
populate_write(uintptr_t address, size_t length)
{
  const int advice = 23;    /* MADV_POPULATE_WRITE, Linux 5.14 */
  return CALL(SYS_madvise, address, length, advice);
}

bool
os_is_there(uintptr_t address)
{
  long error = populate_write(address & ~(uintptr_t)(os_page_size() - 1), os_page_size());
  return error != -EFAULT && error != -EHWPOISON;
}

void
os_populate_write(uintptr_t address, size_t length, bool anonymous)
{
  char own;
  uintptr_t page = (uintptr_t)&own & ~(uintptr_t)(os_page_size() - 1);
  if (populate_write(address, length) != -EINVAL || !anonymous)
    return;
  /* EINVAL is also said of memory that may not be written: the program may have made it so
   * just now, and a write would kill. Only where the advice is not known, is one tried. */
  if (populate_write(page, os_page_size()) == -EINVAL)
    __atomic_fetch_or((volatile char *)address, 0, __ATOMIC_RELAXED);
}

int
os_is_mapped(uintptr_t address, size_t length)
{
  /* Has done nothing else since Linux 2.6.19. */
  return (int)CALL(SYS_msync, address, length, MS_ASYNC);
}

int
os_in_core(uintptr_t address, size_t length, unsigned char *pages)
{
  return (int)CALL(SYS_mincore, address, length, pages);
}

bool
os_is_readable(uintptr_t address)
{
  /* The kernel reads the mask before it looks at what to do with it, which is nothing. */
  const int nothing = -1;
  return CALL(SYS_rt_sigprocmask, nothing, address, NULL, sizeof(uint64_t)) != -EFAULT;
}

int
os_open(const char *path)
{
  return (int)CALL(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
}

long
os_read(int fd, void *buffer, size_t length)
{
  long got;
  do
    got = CALL(SYS_read, fd, buffer, length);
  while (got == -EINTR);
  return got;
}

long
os_read_at(int fd, void *buffer, size_t length, uint64_t offset)
{
  return CALL(SYS_pread64, fd, buffer, length, offset);
}

long
os_list(int fd, void *buffer, size_t length)
{
  return CALL(SYS_getdents64, fd, buffer, length);
}

void
os_close(int fd)
{
  (void)CALL(SYS_close, fd);
}

void
os_write_error(const char *text)
{
  size_t length = 0;
  while (text[length])
    length++;
  (void)CALL(SYS_write, STDERR_FILENO, text, length);
}

size_t
os_page_size(void)
{
  static size_t size;
  size_t known = __atomic_load_n(&size, __ATOMIC_RELAXED);
  if (!known) {
    known = (size_t)sysconf(_SC_PAGESIZE);
    __atomic_store_n(&size, known, __ATOMIC_RELAXED);
  }
  return known;
}

int32_t
os_thread_id(void)
{
  if (!os_own_thread)
    os_own_thread = (int32_t)CALL(SYS_gettid);
  return os_own_thread;
}

int32_t
os_process_id(void)
{
  return (int32_t)CALL(SYS_getpid);
}

int32_t
os_parent_id(void)
{
  return (int32_t)CALL(SYS_getppid);
}

int
os_robust_list(int32_t thread, uintptr_t *head)
{
  size_t length;
  return (int)CALL(SYS_get_robust_list, thread, head, &length);
}

void
os_thread_id_forget(void)
{
  os_own_thread = 0;
}

uint64_t
os_now(void)
{
  struct timespec now;
  int saved = errno;
  clock_gettime(CLOCK_MONOTONIC, &now);
  errno = saved;
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void
os_pause(unsigned attempt)
{
  if (attempt < 64)
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    ;
#endif
  else if (attempt < 96)
    CALL(SYS_sched_yield);
  else {
    /* Yielding for ever would starve a waited-for thread of lower priority. */
    struct timespec moment = { 0, 20000 };
    CALL(SYS_nanosleep, &moment, NULL);
    if (os_forsaken)
      (void)os_forsaken();
  }
}

bool
os_wait(_Atomic uint32_t *word, uint32_t value)
{
  /* Who should wake us may be dead: a look from time to time. */
  struct timespec limit = { 0, os_forsaken ? 20000000 : 200000000 };
  CALL(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &limit, NULL, 0);
  return !os_forsaken || !os_forsaken();
}

void
os_wake(_Atomic uint32_t *word)
{
  CALL(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

unsigned
os_threads(void)
{
  /* The folder of a process's threads has two links and one for each thread. */
  struct stat status;   /* the kernel's and libc's are the same on our processors */
  long error = CALL(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &status, 0);
  return error == 0 && status.st_nlink > 2 ? (unsigned)(status.st_nlink - 2) : 0;
}

void
os_set_signal_mask(uint64_t mask)
{
  CALL(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
}

uint64_t
os_signal_mask(void)
{
  uint64_t mask = 0;
  CALL(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &mask, sizeof mask);
  return mask;
}

uint64_t
os_hold_signals(void)
{
  uint64_t all = ~(uint64_t)0, mask = 0;
  CALL(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, sizeof mask);
  return mask;
}

int
os_signal_action(int signal, const struct os_action *action, struct os_action *old)
{
  return (int)CALL(SYS_rt_sigaction, signal, action, old, sizeof action->mask);
}

uint64_t
os_block_signals(uint64_t mask)
{
  uint64_t before = 0;
  CALL(SYS_rt_sigprocmask, SIG_BLOCK, &mask, &before, sizeof mask);
  return before;
}

void
os_unblock_signals(uint64_t mask)
{
  CALL(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, sizeof mask);
}

int
os_seccomp_knows(uint32_t action)
{
  const unsigned get_action_available = 2;
  return (int)CALL(SYS_seccomp, get_action_available, 0, &action);
}

long
os_seccomp(size_t length, const struct sock_filter *program)
{
  struct { unsigned short length; const struct sock_filter *program; } filter = { (unsigned short)length,
                                                                                 program };
  /* All threads; and the speculation of loads past stores stays as it is (Linux 4.17: with
   * it, a filter would slow the whole program down). */
  const unsigned long all_threads = 1, speculation = 4, set_filter = 1;
  const int set_no_new_privileges = 38, get_no_new_privileges = 39;
  unsigned long flags = all_threads | speculation;
  long result = CALL(SYS_seccomp, set_filter, flags, &filter);
  if (result == -EACCES && CALL(SYS_prctl, get_no_new_privileges, 0, 0, 0, 0) == 0) {
    /* Without privileges this is the price: what is exec'ed gains none. */
    CALL(SYS_prctl, set_no_new_privileges, 1, 0, 0, 0);
    result = CALL(SYS_seccomp, set_filter, flags, &filter);
  }
  if (result == -EINVAL)
    result = CALL(SYS_seccomp, set_filter, all_threads, &filter);
  return result;
}

int
os_queue_self(int signal, const siginfo_t *info)
{
  long process = CALL(SYS_getpid), thread = CALL(SYS_gettid);
  return (int)CALL(SYS_rt_tgsigqueueinfo, process, thread, signal, info);
}

int
os_queue_thread(int32_t thread, int signal, const siginfo_t *info)
{
  return (int)CALL(SYS_rt_tgsigqueueinfo, CALL(SYS_getpid), thread, signal, info);
}

int
os_queue_process(int signal, const siginfo_t *info)
{
  return (int)CALL(SYS_rt_sigqueueinfo, CALL(SYS_getpid), signal, info);
}

int
os_take_pending(uint64_t set, siginfo_t *info)
{
  struct timespec at_once = { 0, 0 };
  return (int)CALL(SYS_rt_sigtimedwait, &set, info, &at_once, sizeof set);
}
