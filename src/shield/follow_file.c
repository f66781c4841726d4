/* follow_file.c - async-signal-safe. Files that change under the regions that show them.
 *
 * A file is known by its number (inode) alone: the device that stat(2) tells is not the one of
 * /proc/self/maps on file systems that are several at once (btrfs, overlayfs). Two files of one
 * number on two devices cost pages that are declared and did not change. */
#include "config.h"
#include "shield/follow.h"
#include "alias.h"
#include "fork.h"
#include "shield/change.h"
#include "raw.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What fallocate() does, from its manual page. */
enum { KEEP_SIZE = 0x01, PUNCH_HOLE = 0x02, COLLAPSE = 0x08, ZERO = 0x10, INSERT = 0x20 };

/* Does any region show the file? All locks are held. With `behind` set, those that show what
 * lies behind that byte are asked page by page from now on whether they can be read. */
static bool
is_shown(uint64_t inode, const uint64_t *behind)
{
  const struct region_table *regions = region_table();
  bool shown = false;
  for (size_t i = 0; regions && i < regions->count; i++) {
    struct ww_region *region = regions->region[i];
    const struct segment_table *table = atomic_load(&region->table);
    for (size_t s = 0; s < table->count; s++) {
      const struct segment *segment = &table->segment[s];
      if (segment->state != SEGMENT_WATCHED || segment->inode != inode)
        continue;
      shown = true;
      if (behind && segment->offset + ((uint64_t)segment->count << region->shift) > *behind)
        region->probed = true;
    }
  }
  return shown;
}

static void
declare_everywhere(uint64_t inode, uint64_t from, uint64_t to)
{
  for (struct ww_tracker *tracker = fork_first(); tracker && from < to; tracker = tracker->next)
    alias_declare_file(tracker, 0, inode, from, to);
}

/* The file that the call is about. */
static long
status_of(long number, const long argument[6], struct stat *status)
{
  if (number == SYS_truncate)
    return raw_call(SYS_newfstatat, AT_FDCWD, argument[0], (long)status, 0, 0, 0);
  return raw_call(SYS_fstat, argument[0], (long)status, 0, 0, 0, 0);
}

long
follow_file(long number, const long argument[6])
{
  const long *a = argument;
  struct stat status;
  long result = status_of(number, a, &status);
  if (result || !change_concerns((struct range){ 0, UINTPTR_MAX }))
    return raw_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  uint64_t inode = status.st_ino, size = (uint64_t)status.st_size, from = size, to = UINT64_MAX;
  fork_hold();
  if (!is_shown(inode, NULL)) {
    fork_release();
    return raw_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  }
  if (number == SYS_fallocate) {
    int mode = (int)a[1];
    uint64_t offset = (uint64_t)a[2], end = offset + (uint64_t)a[3];
    if (mode & (COLLAPSE | INSERT))
      from = offset;
    else if (mode & (PUNCH_HOLE | ZERO)) {
      from = offset;
      to = end;
    } else
      /* What lay behind the end of the file cannot have been read before. */
      to = mode & KEEP_SIZE || end < size ? from : end;
  } else {
    uint64_t length = (uint64_t)a[1];
    from = length < size ? length : size;
    to = length < size ? UINT64_MAX : length;
  }
  declare_everywhere(inode, from, to);
  result = raw_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  struct stat after;
  if (!result && !status_of(number, a, &after) && after.st_size < status.st_size) {
    uint64_t behind = (uint64_t)after.st_size;
    (void)is_shown(inode, &behind);
  }
  fork_release();
  return result;
}

void
follow_file_written(int fd, off_t offset, size_t length)
{
  struct stat status;
  if (!length || !change_concerns((struct range){ 0, UINTPTR_MAX })
      || raw_call(SYS_fstat, fd, (long)&status, 0, 0, 0, 0) || !S_ISREG(status.st_mode))
    return;
  if (offset < 0) {
    long flags = raw_call(SYS_fcntl, fd, F_GETFL, 0, 0, 0, 0);
    offset = flags > 0 && (flags & O_APPEND) ? status.st_size : raw_call(SYS_lseek, fd, 0, SEEK_CUR, 0, 0, 0);
    if (offset < 0)
      return;
  }
  uint64_t from = (uint64_t)offset, to = from + length < from ? UINT64_MAX : from + length;
  fork_hold();
  declare_everywhere(status.st_ino, from, to);
  fork_release();
}
