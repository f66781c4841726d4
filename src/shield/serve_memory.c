/* serve_memory.c - async-signal-safe. Calls that move memory, or change what it may be
 * used for: see follow.h. */
#include "config.h"
#include "shield/serve.h"
#include "shield/filter.h"
#include "shield/follow.h"
#include "shield/shield.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* Behind the file's last page there is nothing to read. */
static uintptr_t
mapped_end(long at, long length, int fd, long offset)
{
  struct stat status;
  if (raw_call(SYS_fstat, fd, (long)&status, 0, 0, 0, 0) || status.st_size <= offset)
    return (uintptr_t)at;
  long left = status.st_size - offset;
  return (uintptr_t)at + (size_t)(left < length ? left : length);
}

/* Code that is loaded may make system calls of its own. */
long
serve_mmap(struct call *call)
{
  const long *a = call->argument;
  int protection = (int)a[2], flags = (int)a[3];
  long result = flags & MAP_FIXED
    ? follow_mmap((uintptr_t)a[0], (size_t)a[1], protection, flags, (int)a[4], a[5]) : call_make(call);
  bool mapped = result >= 0 || result < -4095;
  if (mapped && (protection & PROT_EXEC) && (protection & PROT_READ) && !(flags & MAP_ANONYMOUS))
    filter_code((uintptr_t)result, mapped_end(result, a[1], (int)a[4], a[5]));
  return result;
}

long
serve_munmap(struct call *call)
{
  return follow_munmap((uintptr_t)call->argument[0], (size_t)call->argument[1]);
}

long
serve_mremap(struct call *call)
{
  const long *a = call->argument;
  return follow_mremap((uintptr_t)a[0], (size_t)a[1], (size_t)a[2], (int)a[3], (uintptr_t)a[4]);
}

long
serve_mprotect(struct call *call)
{
  const long *a = call->argument;
  return follow_mprotect(call->number, (uintptr_t)a[0], (size_t)a[1], (int)a[2], (int)a[3]);
}

long
serve_madvise(struct call *call)
{
  const long *a = call->argument;
  const int populate_write = 23;   /* MADV_POPULATE_WRITE, Linux 5.14: EFAULT on a page that is read-only */
  if (a[2] == populate_write) {
    struct ranges ranges = { .count = 0 };
    ranges_add(&ranges, (uintptr_t)a[0], (size_t)a[1]);
    return shield_lend(call, &ranges, true, NULL);
  }
  return follow_madvise((uintptr_t)a[0], (size_t)a[1], (int)a[2]);
}

/* On another process it is no concern of ours; on this one the advice is followed part by
 * part. The kernel's result counts the bytes. */
long
serve_process_madvise(struct call *call)
{
  const long *a = call->argument;
  struct ranges ranges = { .count = 0 };
  ranges_add_vector(&ranges, (uintptr_t)a[1], (size_t)a[2]);
  for (size_t i = 0; i < ranges.count; i++)
    follow_contents(ranges.range[i].start, ranges.range[i].end, (int)a[3]);
  long result = call_make(call);
  for (size_t i = 0; i < ranges.count; i++)
    follow_contents(ranges.range[i].start, ranges.range[i].end, (int)a[3]);
  return result;
}

long
serve_brk(struct call *call)
{
  return follow_brk((uintptr_t)call->argument[0]);
}

long
serve_shmat(struct call *call)
{
  return follow_shmat((int)call->argument[0], (uintptr_t)call->argument[1], (int)call->argument[2]);
}

long
serve_shmdt(struct call *call)
{
  return follow_shmdt((uintptr_t)call->argument[0]);
}

long
serve_remap(struct call *call)
{
  return follow_remap_file_pages(call->argument);
}

long
serve_mseal(struct call *call)
{
  const long *a = call->argument;
  return follow_mseal((uintptr_t)a[0], (size_t)a[1], (unsigned long)a[2]);
}

long
serve_file(struct call *call)
{
  return follow_file(call->number, call->argument);
}
