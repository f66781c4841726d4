/* disk.c - a disk that fails, or loses power, at the call that the test names. */
#define _GNU_SOURCE
#include "config.h"
#include "disk.h"
#include "../tap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const disk_call_names[DISK_CALLS] = { "write", "fsync", "rename", "open", "truncate", "unlink",
                                                  "read" };

static struct disk_fault fault;
static bool broken, happened;
static unsigned counts[DISK_CALLS + 1];

/* What power would take away: the file written last, and the last rename. */
static struct {
  char path[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
  bool unflushed, renamed;
} open_matters;

ssize_t __real_pwrite(int file, const void *bytes, size_t length, off_t offset);
ssize_t __real_pread(int file, void *bytes, size_t length, off_t offset);
int __real_renameat(int from_directory, const char *from, int to_directory, const char *to);
int __real_openat(int directory, const char *name, int flags, ...);
int __real_ftruncate(int file, off_t length);
int __real_unlinkat(int directory, const char *name, int flags);
ssize_t __wrap_pwrite(int file, const void *bytes, size_t length, off_t offset);
ssize_t __wrap_pread(int file, void *bytes, size_t length, off_t offset);
int __wrap_fsync(int file);
int __wrap_renameat(int from_directory, const char *from, int to_directory, const char *to);
int __wrap_openat(int directory, const char *name, int flags, ...);
int __wrap_ftruncate(int file, off_t length);
int __wrap_unlinkat(int directory, const char *name, int flags);

void
disk_break(const struct disk_fault *given)
{
  broken = given != NULL;
  if (given)
    fault = *given;
  happened = false;
  memset(counts, 0, sizeof counts);
}

unsigned
disk_count(enum disk_call call)
{
  return counts[call];
}

bool
disk_has_failed(void)
{
  return happened;
}

/* A file that was not flushed may be cut short, be full of anything, or be whole. A name that was not
 * flushed may be there, or not. */
static void
lose_power(void)
{
  const char *path = open_matters.path;
  if (open_matters.unflushed && path[0] && tap_random(&fault.random) % 4) {
    struct stat status;
    int file = open(path, O_WRONLY);
    if (file >= 0 && fstat(file, &status) == 0 && status.st_size > 0) {
      for (unsigned i = 0; i < 4; i++) {
        uint64_t junk[64], at = tap_random(&fault.random) % (uint64_t)status.st_size;
        for (unsigned j = 0; j < 64; j++)
          junk[j] = tap_random(&fault.random);
        if (__real_pwrite(file, junk, sizeof junk, (off_t)(at & ~(uint64_t)511)) < 0)
          abort();
      }
      if (__real_ftruncate(file, (off_t)(tap_random(&fault.random) % ((uint64_t)status.st_size + 1))) != 0)
        abort();
    }
  }
  if (open_matters.renamed && tap_random(&fault.random) % 2
      && rename(open_matters.to, open_matters.from) != 0)
    abort();
}

enum outcome { GOES_ON, FAILS, SHORT };

static enum outcome
meet(enum disk_call call)
{
  unsigned number = fault.call == DISK_CALLS ? counts[DISK_CALLS] : counts[call];
  counts[call]++;
  counts[DISK_CALLS]++;
  if (!broken || (fault.call != call && fault.call != DISK_CALLS)
      || (number != fault.number && !(fault.for_good && number > fault.number)))
    return GOES_ON;
  happened = true;
  switch (fault.how) {
    case DISK_FAILS:
      errno = fault.error;
      return FAILS;
    case DISK_SHORT:
      return SHORT;
    case DISK_INTERRUPTED:
      errno = EINTR;
      return FAILS;
    case DISK_POWER:
      lose_power();
      _exit(DISK_STATUS);
    default:
      _exit(DISK_STATUS);
  }
}

static void
path_of(int file, char path[PATH_MAX])
{
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  path[length < 0 ? 0 : length] = '\0';
}

ssize_t
__wrap_pwrite(int file, const void *bytes, size_t length, off_t offset)
{
  enum outcome outcome = meet(DISK_WRITE);
  if (outcome == FAILS)
    return -1;
  path_of(file, open_matters.path);
  open_matters.unflushed = true;
  open_matters.renamed = false;
  return __real_pwrite(file, bytes, outcome == SHORT && length > 1 ? length / 2 : length, offset);
}

ssize_t
__wrap_pread(int file, void *bytes, size_t length, off_t offset)
{
  enum outcome outcome = meet(DISK_READ);
  return outcome == FAILS ? -1
    : __real_pread(file, bytes, outcome == SHORT && length > 1 ? length / 2 : length, offset);
}

int
__wrap_fsync(int file)
{
  char path[PATH_MAX];
  if (meet(DISK_SYNC) != GOES_ON)
    return -1;
  path_of(file, path);
  if (strcmp(path, open_matters.path) == 0)
    open_matters.unflushed = false;
  else
    open_matters.renamed = false;
  return 0;                  /* nothing here rests on the true disk */
}

int
__wrap_renameat(int from_directory, const char *from, int to_directory, const char *to)
{
  char directory[PATH_MAX];
  if (meet(DISK_RENAME) != GOES_ON)
    return -1;
  path_of(from_directory, directory);
  if (snprintf(open_matters.from, PATH_MAX, "%s/%s", directory, from) >= PATH_MAX
      || snprintf(open_matters.to, PATH_MAX, "%s/%s", directory, to) >= PATH_MAX)
    abort();
  /* Over another it stays: which of the two was lost would be another story. */
  open_matters.renamed = access(open_matters.to, F_OK) != 0;
  if (strcmp(open_matters.path, open_matters.from) == 0)
    strcpy(open_matters.path, open_matters.to);
  return __real_renameat(from_directory, from, to_directory, to);
}

int
__wrap_openat(int directory, const char *name, int flags, ...)
{
  if (meet(DISK_OPEN) != GOES_ON)
    return -1;
  return __real_openat(directory, name, flags, 0666);
}

int
__wrap_ftruncate(int file, off_t length)
{
  return meet(DISK_TRUNCATE) != GOES_ON ? -1 : __real_ftruncate(file, length);
}

int
__wrap_unlinkat(int directory, const char *name, int flags)
{
  return meet(DISK_REMOVE) != GOES_ON ? -1 : __real_unlinkat(directory, name, flags);
}
