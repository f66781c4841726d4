/* jitmap.c - /tmp/perf-PID.map: lines of START SIZE NAME, in hexadecimal. */
#include "config.h"
#include "jitmap.h"
#include "report-index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST ((off_t)512 << 20)

/* /tmp is everybody's: only a regular file of the user's own, or of root, is taken. */
static int
open_trusted(const char *path, uint64_t since, off_t *size, const char **trouble)
{
  struct stat status;
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

  if (fd < 0) {
    *trouble = errno == ENOENT ? "code made at run time, of which no perf-PID.map is left"
                               : "its perf-PID.map cannot be read";
    return -1;
  }
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > LARGEST)
    *trouble = "its perf-PID.map is no regular file, or too large";
  else if (status.st_uid != geteuid() && status.st_uid != 0 && geteuid() != 0)
    *trouble = "its perf-PID.map belongs to somebody else";
  else if (since > 0 && (uint64_t)status.st_mtim.tv_sec < since / 1000000000u)
    *trouble = "its perf-PID.map is older than the recording";
  else
    return *size = status.st_size, fd;
  close(fd);
  return -1;
}

static int
by_start(const void *a, const void *b)
{
  const struct jit_function *one = a, *other = b;

  if (one->start != other->start)
    return one->start < other->start ? -1 : 1;
  return one->order < other->order ? -1 : 1;
}

static int
read_line(struct jitmap *map, char *line)
{
  char *end, *name;
  uint64_t start, size;

  errno = 0;
  start = strtoull(line, &end, 16);
  if (end == line || (*end != ' ' && *end != '\t') || errno)
    return 0;
  line = end;
  size = strtoull(line, &end, 16);
  if (end == line || (*end != ' ' && *end != '\t') || errno || size == 0)
    return 0;
  name = end + strspn(end, " \t");
  if (!*name)
    return 0;
  if (report_grow(&map->functions, map->count + 1, &map->room, sizeof(*map->functions)))
    return -ENOMEM;
  map->functions[map->count] =
    (struct jit_function){ .start = start, .size = size, .order = map->count, .name = name };
  map->count++;
  return 0;
}

int
jitmap_read(struct jitmap *map, const char *path, uint64_t since, const char **trouble)
{
  off_t size = 0;
  size_t length = 0;
  int fd = open_trusted(path, since, &size, trouble);
  char *line, *next;

  if (fd < 0)
    return 0;
  *trouble = NULL;
  map->text = malloc((size_t)size + 1);
  if (!map->text) {
    close(fd);
    return -ENOMEM;
  }
  while (length < (size_t)size) {
    ssize_t got = read(fd, map->text + length, (size_t)size - length);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    length += (size_t)got;
  }
  close(fd);
  map->text[length] = 0;
  for (line = map->text; line < map->text + length; line = next) {
    char *end = memchr(line, '\n', (size_t)(map->text + length - line));

    next = end ? end + 1 : map->text + length;
    if (end)
      *end = 0;
    if (read_line(map, line))
      return -ENOMEM;
  }
  if (map->count)
    qsort(map->functions, map->count, sizeof(*map->functions), by_start);
  return 0;
}

const char *
jitmap_find(const struct jitmap *map, uint64_t address)
{
  size_t low = 0, high = map->count;
  const struct jit_function *best = NULL;

  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (map->functions[middle].start <= address)
      low = middle + 1;
    else
      high = middle;
  }
  /* Old and new code may overlap, by the length of a function. */
  for (size_t steps = 0; low > 0 && steps < 64; low--, steps++) {
    const struct jit_function *function = &map->functions[low - 1];
    if (address - function->start < function->size && (!best || function->order > best->order))
      best = function;
  }
  return best ? best->name : NULL;
}

void
jitmap_free(struct jitmap *map)
{
  free(map->functions);
  free(map->text);
  *map = (struct jitmap){ 0 };
}
