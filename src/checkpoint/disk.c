/* disk.c - the system calls of a chain: whole, or an error; nothing here is interrupted. */
#include "config.h"
#include "disk.h"

#include "format.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define UNINTERRUPTED(call) ({ __typeof__(call) result_; \
  do result_ = (call); while (result_ < 0 && errno == EINTR); result_; })

static const char ending[] = ".ww", aside[] = ".ww.new";
enum { DIGITS = 12 };

void
disk_name(uint64_t generation, char name[DISK_NAME])
{
  snprintf(name, DISK_NAME, "%0*llu%s", DIGITS, (unsigned long long)generation, ending);
}

/* The number before `end', which must be all that is behind it. */
static uint64_t
parse(const char *name, const char *end)
{
  uint64_t generation = 0;
  for (int i = 0; i < DIGITS; i++) {
    if (name[i] < '0' || name[i] > '9')
      return 0;
    generation = generation * 10 + (uint64_t)(name[i] - '0');
  }
  return strcmp(name + DIGITS, end) == 0 ? generation : 0;
}

uint64_t
disk_generation(const char *name)
{
  return parse(name, ending);
}

int
disk_open_directory(const char *path, bool make)
{
  if (make && mkdir(path, 0777) != 0 && errno != EEXIST)
    return -errno;
  int file = UNINTERRUPTED(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return file < 0 ? -errno : file;
}

/* No link is followed, and what is no file cannot make us wait. */
int
disk_open(int directory, const char *name, uint64_t *length)
{
  int file = UNINTERRUPTED(openat(directory, name,
                                  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (file < 0)
    return errno == ELOOP ? -EBADMSG : -errno;
  struct stat status;
  int error = fstat(file, &status) != 0 ? -errno : !S_ISREG(status.st_mode) ? -EBADMSG : 0;
  if (error) {
    close(file);
    return error;
  }
  *length = (uint64_t)status.st_size;
  return file;
}

int
disk_create(int directory, const char *name, bool *direct)
{
  int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  if (unlinkat(directory, name, 0) != 0 && errno != ENOENT)
    return -errno;
  int file = UNINTERRUPTED(openat(directory, name, flags | (*direct ? O_DIRECT : 0), 0666));
  if (file < 0 && *direct && errno == EINVAL) {
    /* Some file systems make the file before they find that they cannot. */
    *direct = false;
    unlinkat(directory, name, 0);
    file = UNINTERRUPTED(openat(directory, name, flags, 0666));
  }
  return file < 0 ? -errno : file;
}

int
disk_write(int file, const void *bytes, size_t length, uint64_t offset)
{
  const char *at = bytes;
  while (length) {
    ssize_t put = UNINTERRUPTED(pwrite(file, at, length, (off_t)offset));
    if (put <= 0)
      return put < 0 ? -errno : -EIO;
    at += put;
    length -= (size_t)put;
    offset += (uint64_t)put;
  }
  return 0;
}

int
disk_read(int file, void *bytes, size_t length, uint64_t offset)
{
  char *at = bytes;
  while (length) {
    ssize_t got = UNINTERRUPTED(pread(file, at, length, (off_t)offset));
    if (got <= 0)
      return got < 0 ? -errno : -EBADMSG;
    at += got;
    length -= (size_t)got;
    offset += (uint64_t)got;
  }
  return 0;
}

int
disk_sync(int file)
{
  return UNINTERRUPTED(fsync(file)) != 0 ? -errno : 0;
}

void
disk_begin_writing(int file, uint64_t offset, uint64_t length)
{
  int saved = errno;
  sync_file_range(file, (off_t)offset, (off_t)length, SYNC_FILE_RANGE_WRITE);
  errno = saved;
}

int
disk_truncate(int file, uint64_t length)
{
  return UNINTERRUPTED(ftruncate(file, (off_t)length)) != 0 ? -errno : 0;
}

int
disk_rename(int directory, const char *from, const char *to)
{
  return renameat(directory, from, directory, to) != 0 ? -errno : 0;
}

int
disk_remove(int directory, const char *name)
{
  return unlinkat(directory, name, 0) != 0 ? -errno : 0;
}

int
disk_random(void *bytes, size_t length)
{
  ssize_t got = UNINTERRUPTED(getrandom(bytes, length, 0));
  return got == (ssize_t)length ? 0 : got < 0 ? -errno : -EIO;
}

static uint64_t
clock_of(clockid_t clock)
{
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t
disk_now(void)
{
  return clock_of(CLOCK_MONOTONIC);
}

uint64_t
disk_date(void)
{
  return clock_of(CLOCK_REALTIME);
}

void
disk_wait_until(uint64_t moment)
{
  struct timespec until = { (time_t)(moment / 1000000000u), (long)(moment % 1000000000u) };
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
    continue;
}

uint64_t
disk_state(int directory)
{
  struct stat status;
  if (fstat(directory, &status) != 0)
    return 0;
  return (uint64_t)status.st_mtim.tv_sec * 1000000000u + (uint64_t)status.st_mtim.tv_nsec;
}

static int
ascending(const void *a, const void *b)
{
  const uint64_t *left = a, *right = b;
  return (*left > *right) - (*left < *right);
}

static int
read_names(DIR *names, int directory, bool tidy, uint64_t **generation, size_t *count, uint64_t *bytes)
{
  size_t room = 0;
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(names);
    if (!entry)
      return -errno;
    if (tidy && parse(entry->d_name, aside) != 0)
      unlinkat(directory, entry->d_name, 0);
    uint64_t found = disk_generation(entry->d_name);
    if (!found)
      continue;
    if (*count == room) {
      uint64_t *more = realloc(*generation, (room = room ? 2 * room : 64) * sizeof *more);
      if (!more)
        return -ENOMEM;
      *generation = more;
    }
    (*generation)[(*count)++] = found;
    struct stat status;
    if (bytes && fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
      *bytes += (uint64_t)status.st_size;
  }
}

int
disk_scan(int directory, bool tidy, uint64_t **generation, size_t *count, uint64_t *bytes)
{
  *generation = NULL;
  *count = 0;
  if (bytes)
    *bytes = 0;
  int file = UNINTERRUPTED(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file < 0)
    return -errno;
  DIR *names = fdopendir(file);
  int error = names ? read_names(names, directory, tidy, generation, count, bytes) : -errno;
  if (names)
    closedir(names);
  else
    close(file);
  if (error) {
    free(*generation);
    *generation = NULL;
    *count = 0;
    return error;
  }
  if (*count)
    qsort(*generation, *count, sizeof **generation, ascending);
  return 0;
}
