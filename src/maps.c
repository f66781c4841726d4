/* maps.c - async-signal-safe. Reads /proc/self/maps. */
#include "config.h"
#include "maps.h"
#include "os.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>

static int
reader_open(struct maps_reader *reader, const char *path, char *buffer, size_t size)
{
  int fd = os_open(path);
  if (fd < 0)
    return fd;
  *reader = (struct maps_reader){ .fd = fd, .buffer = buffer, .size = size };
  return 0;
}

int
maps_open(struct maps_reader *reader, char *buffer, size_t size)
{
  return reader_open(reader, "/proc/self/maps", buffer, size);
}

void
maps_close(struct maps_reader *reader)
{
  os_close(reader->fd);
}

/* The next character, -1 at the end, or a negative errno below that. */
static int
next_character(struct maps_reader *reader)
{
  if (reader->next == reader->length) {
    long got = os_read(reader->fd, reader->buffer, reader->size);
    if (got < 0)
      return (int)got - 1;
    if (got == 0)
      return -1;
    reader->length = (size_t)got;
    reader->next = 0;
  }
  return (unsigned char)reader->buffer[reader->next++];
}

/* A hexadecimal number and the character behind it. */
static int
read_hex(struct maps_reader *reader, int character, uintptr_t *value)
{
  *value = 0;
  for (;; character = next_character(reader)) {
    if (character >= '0' && character <= '9')
      *value = *value << 4 | (uintptr_t)(character - '0');
    else if (character >= 'a' && character <= 'f')
      *value = *value << 4 | (uintptr_t)(character - 'a' + 10);
    else
      return character;
  }
}

/* start-end perms offset major:minor inode   path */
int
maps_next(struct maps_reader *reader, struct mapping *mapping)
{
  int character = next_character(reader);
  if (character == -1)
    return 0;
  character = read_hex(reader, character, &mapping->start);
  if (character != '-')
    return character < -1 ? character + 1 : -EIO;
  character = read_hex(reader, next_character(reader), &mapping->end);
  if (character != ' ')
    return character < -1 ? character + 1 : -EIO;
  mapping->protection = 0;
  mapping->shared = false;
  for (unsigned column = 0; column < 4; column++)
    switch (next_character(reader)) {
      case 'r': mapping->protection |= PROT_READ; break;
      case 'w': mapping->protection |= PROT_WRITE; break;
      case 'x': mapping->protection |= PROT_EXEC; break;
      case 's': mapping->shared = true; break;
      default: break;
    }
  uintptr_t offset, major, minor;
  do
    character = next_character(reader);
  while (character == ' ');
  character = read_hex(reader, character, &offset);
  character = read_hex(reader, character == ' ' ? next_character(reader) : character, &major);
  character = read_hex(reader, character == ':' ? next_character(reader) : character, &minor);
  mapping->offset = offset;
  mapping->device = (uint64_t)major << 32 | minor;
  mapping->inode = 0;
  while (character == ' ')
    character = next_character(reader);
  for (; character >= '0' && character <= '9'; character = next_character(reader))
    mapping->inode = mapping->inode * 10 + (uint64_t)(character - '0');
  /* Blanks and the path, to the line's end. */
  size_t length = 0;
  for (; character >= 0 && character != '\n'; character = next_character(reader))
    if ((length || character != ' ') && length < sizeof mapping->path - 1)
      mapping->path[length++] = (char)character;
  mapping->path[length] = '\0';
  return character < -1 ? character + 1 : 1;
}

int
maps_protection(uintptr_t address)
{
  char buffer[512];
  struct maps_reader reader;
  struct mapping mapping;
  int found, error = maps_open(&reader, buffer, sizeof buffer);
  if (error)
    return error;
  while ((found = maps_next(&reader, &mapping)) > 0 && mapping.end <= address)
    ;
  maps_close(&reader);
  if (found < 0)
    return found;
  return found && mapping.start <= address ? mapping.protection : 0;
}

long
maps_count(void)
{
  char buffer[4096];
  struct maps_reader reader;
  long lines = 0, got;
  int error = maps_open(&reader, buffer, sizeof buffer);
  if (error)
    return error;
  while ((got = os_read(reader.fd, buffer, sizeof buffer)) > 0)
    for (long i = 0; i < got; i++)
      lines += buffer[i] == '\n';
  maps_close(&reader);
  return got < 0 ? got : lines;
}

/* "KernelPageSize:     2048 kB" of the mapping's entry in /proc/self/smaps; 0 if not found. */
static size_t
smaps_page_size(const struct mapping *wanted)
{
  static const char key[] = "KernelPageSize:";
  char buffer[4096], line[256];
  struct maps_reader reader;
  size_t length = 0, size = 0;
  bool inside = false;
  int character;
  if (reader_open(&reader, "/proc/self/smaps", buffer, sizeof buffer))
    return 0;
  while (!size && (character = next_character(&reader)) >= 0) {
    if (character != '\n') {
      if (length < sizeof line - 1)
        line[length++] = (char)character;
      continue;
    }
    line[length] = '\0';
    length = 0;
    if (inside && !strncmp(line, key, sizeof key - 1)) {
      for (const char *at = line + sizeof key - 1; *at; at++)
        if (*at >= '0' && *at <= '9')
          size = size * 10 + (size_t)(*at - '0');
      size *= 1024;
    } else if ((line[0] >= '0' && line[0] <= '9') || (line[0] >= 'a' && line[0] <= 'f')) {
      uintptr_t start = 0;
      for (const char *at = line; *at && *at != '-'; at++)
        start = start << 4 | (uintptr_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
      inside = start == wanted->start;
    }
  }
  maps_close(&reader);
  return size;
}

size_t
maps_page_size(const struct mapping *mapping)
{
  /* /proc/self/smaps walks page tables, which takes long where much is mapped, so
   * it is asked only of mappings whose name says that they may be huge: shared or
   * anonymous MAP_HUGETLB, memfd, System V, and files of hugetlbfs. */
  static const char *const suspects[] = { "/anon_hugepage", "/memfd:", "/SYSV" };
  struct statfs status;
  size_t size = 0;
  for (size_t i = 0; i < sizeof suspects / sizeof *suspects; i++)
    if (!strncmp(mapping->path, suspects[i], strlen(suspects[i])))
      size = smaps_page_size(mapping);
  if (!size && mapping->path[0] == '/') {
    int saved = errno;
    if (statfs(mapping->path, &status) == 0 && (unsigned long)status.f_type == HUGETLBFS_MAGIC)
      size = (size_t)status.f_bsize;
    errno = saved;
  }
  return size ? size : os_page_size();
}
