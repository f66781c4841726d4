/* moving.c - the calls that move memory: by the shield's functions, or by libc's. */
#define _GNU_SOURCE
#include "config.h"
#include "moving.h"
#include "shield/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

bool moving_plainly;

static long
result(long value)
{
  return value == -1 ? -errno : value;
}

long
move_munmap(void *address, size_t length)
{
  return moving_plainly ? result(munmap(address, length)) : follow_munmap((uintptr_t)address, length);
}

long
move_mprotect(void *address, size_t length, int protection)
{
  return moving_plainly ? result(mprotect(address, length, protection))
    : follow_mprotect(SYS_mprotect, (uintptr_t)address, length, protection, 0);
}

long
move_mremap(void *old, size_t old_length, size_t new_length, int flags, void *address)
{
  return moving_plainly ? result((long)mremap(old, old_length, new_length, flags, address))
    : follow_mremap((uintptr_t)old, old_length, new_length, flags, (uintptr_t)address);
}

long
move_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
  return moving_plainly ? result((long)mmap(address, length, protection, flags, fd, offset))
    : follow_mmap((uintptr_t)address, length, protection, flags, fd, offset);
}

long
move_madvise(void *address, size_t length, int advice)
{
  return moving_plainly ? result(madvise(address, length, advice))
    : follow_madvise((uintptr_t)address, length, advice);
}

long
move_brk(void *address)
{
  return moving_plainly ? syscall(SYS_brk, address) : follow_brk((uintptr_t)address);
}

long
move_shmat(int id, void *address, int flags)
{
  return moving_plainly ? result((long)shmat(id, address, flags))
    : follow_shmat(id, (uintptr_t)address, flags);
}

long
move_shmdt(void *address)
{
  return moving_plainly ? result(shmdt(address)) : follow_shmdt((uintptr_t)address);
}

long
move_ftruncate(int fd, off_t length)
{
  const long argument[6] = { fd, length };
  return moving_plainly ? result(ftruncate(fd, length)) : follow_file(SYS_ftruncate, argument);
}

long
move_fallocate(int fd, int mode, off_t offset, off_t length)
{
  const long argument[6] = { fd, mode, offset, length };
  return moving_plainly ? result(fallocate(fd, mode, offset, length)) : follow_file(SYS_fallocate, argument);
}

long
move_pwrite(int fd, const void *from, size_t length, off_t offset)
{
  if (!moving_plainly)
    follow_file_written(fd, offset, length);
  long written = result(pwrite(fd, from, length, offset));
  if (!moving_plainly)
    follow_file_written(fd, offset, length);
  return written;
}

/* ------------------------------------------------------------------ crashes */

static sigjmp_buf back;
static volatile sig_atomic_t expected;

static void
crashed(int signal, siginfo_t *info, void *context)
{
  (void)context;
  if (expected)
    siglongjmp(back, info->si_code);
  dprintf(STDOUT_FILENO, "# signal %d, code %d, address %p\n", signal, info->si_code, info->si_addr);
  /* Nobody expected it: die of it. */
  struct sigaction by_default;
  memset(&by_default, 0, sizeof by_default);
  by_default.sa_handler = SIG_DFL;
  sigaction(signal, &by_default, NULL);
}

void
moving_prepare(void)
{
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = crashed;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
}

int
write_raises(void *address)
{
  int code = sigsetjmp(back, 1);
  if (!code) {
    expected = 1;
    *(volatile char *)address = *(volatile char *)address;
  }
  expected = 0;
  return code;
}

const char *
collected(ww_tracker *tracker, const void *base)
{
  static char text[4096];
  ww_dirty *dirty;
  size_t count, used = 0, page = (size_t)sysconf(_SC_PAGESIZE);
  int error = ww_collect(tracker, &dirty);
  text[0] = '\0';
  if (error) {
    snprintf(text, sizeof text, "error %d: %s", error, ww_last_error());
    return text;
  }
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < count && used < sizeof text - 64; i++) {
    long first = ((const char *)run[i].address - (const char *)base) / (long)page;
    long last = first + (long)(run[i].length / page) - 1;
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%ld", used ? " " : "", first);
    if (last > first)
      used += (size_t)snprintf(text + used, sizeof text - used, "-%ld", last);
    text[used++] = "?TVDA"[run[i].evidence];
    text[used] = '\0';
  }
  ww_dirty_free(dirty);
  return text;
}
