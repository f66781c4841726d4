/* os.c - async-signal-safe. The only file that makes system calls to the
 * kernel's memory interface, and the few others that the handler needs. They are
 * made raw: libc's wrappers may be cancellation points, and may be interposed. */
#include "config.h"
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Thread_local int32_t os_own_thread;

static long
result(long value, int saved_errno)
{
  long error = value == -1 ? -errno : value;
  errno = saved_errno;
  return error;
}

void *
os_map(size_t length)
{
  int saved = errno;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED)
    memory = NULL;
  else
    /* A sparse bitmap in huge pages would cost 2 MiB for its first bit. */
    (void)madvise(memory, length, MADV_NOHUGEPAGE);
  errno = saved;
  return memory;
}

void
os_unmap(void *address, size_t length)
{
  int saved = errno;
  (void)munmap(address, length);
  errno = saved;
}

int
os_protect(uintptr_t address, size_t length, int protection)
{
  int saved = errno;
  return (int)result(syscall(SYS_mprotect, address, length, protection), saved);
}

void
os_populate_write(uintptr_t address, size_t length, bool anonymous)
{
  const int populate_write = 23;    /* MADV_POPULATE_WRITE, Linux 5.14 */
  int saved = errno;
  if (syscall(SYS_madvise, address, length, populate_write) && errno == EINVAL && anonymous)
    __atomic_fetch_or((volatile char *)address, 0, __ATOMIC_RELAXED);
  errno = saved;
}

int
os_open(const char *path)
{
  int saved = errno;
  return (int)result(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0), saved);
}

long
os_read(int fd, void *buffer, size_t length)
{
  int saved = errno;
  long got;
  do
    got = syscall(SYS_read, fd, buffer, length);
  while (got == -1 && errno == EINTR);
  return result(got, saved);
}

void
os_close(int fd)
{
  int saved = errno;
  (void)syscall(SYS_close, fd);
  errno = saved;
}

void
os_write_error(const char *text)
{
  int saved = errno;
  size_t length = 0;
  while (text[length])
    length++;
  (void)!syscall(SYS_write, STDERR_FILENO, text, length);
  errno = saved;
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
    os_own_thread = (int32_t)syscall(SYS_gettid);
  return os_own_thread;
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
  int saved = errno;
  if (attempt < 64)
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    ;
#endif
  else if (attempt < 96)
    syscall(SYS_sched_yield);
  else {
    /* Yielding for ever would starve a waited-for thread of lower priority. */
    struct timespec moment = { 0, 20000 };
    syscall(SYS_nanosleep, &moment, NULL);
  }
  errno = saved;
}

unsigned
os_threads(void)
{
  /* The folder of a process's threads has two links and one for each thread. */
  struct stat status;
  int saved = errno;
  unsigned threads = stat("/proc/self/task", &status) == 0 && status.st_nlink > 2
    ? (unsigned)(status.st_nlink - 2) : 0;
  errno = saved;
  return threads;
}

void
os_set_signal_mask(uint64_t mask)
{
  int saved = errno;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
  errno = saved;
}

uint64_t
os_block_signals(uint64_t mask)
{
  int saved = errno;
  uint64_t before = 0;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, &mask, &before, sizeof mask);
  errno = saved;
  return before;
}

void
os_unblock_signals(uint64_t mask)
{
  int saved = errno;
  syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, sizeof mask);
  errno = saved;
}

int
os_queue_self(int signal, const siginfo_t *info)
{
  int saved = errno;
  long process = syscall(SYS_getpid), thread = syscall(SYS_gettid);
  return (int)result(syscall(SYS_rt_tgsigqueueinfo, process, thread, signal, info), saved);
}
