/* readable.c - which parts of new regions can be read at all. */
#include "config.h"
#include "readable.h"

#include "chain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BUFFER = 1 << 16 };

static uint64_t
clamp(uint64_t value, uint64_t least, uint64_t most)
{
  return value < least ? least : value > most ? most : value;
}

static void
note_mapping(struct slots *slots, uintptr_t start, uintptr_t end)
{
  for (size_t i = 0; i < slots->count; i++) {
    struct slot *slot = slots->slot[i];
    uintptr_t behind = slot->address + slot->length;
    if (slot->later && start < behind && end > slot->address)
      unit_clear(slot->later, (clamp(start, slot->address, behind) - slot->address) / UNIT,
                 (clamp(end, slot->address, behind) - slot->address) / UNIT);
  }
}

static void
note_line(struct slots *slots, const char *line)
{
  unsigned long start, end;
  char read;
  if (sscanf(line, "%lx-%lx %c", &start, &end, &read) == 3 && read == 'r')
    note_mapping(slots, start, end);
}

/* Lines in a mapping of ours: what malloc() gives may be watched, and the kernel could not write to it. */
static int
read_maps(struct slots *slots, char *buffer)
{
  int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  size_t used = 0;
  ssize_t got;
  if (file < 0)
    return -errno;
  while ((got = read(file, buffer + used, BUFFER - 1 - used)) > 0 || (got < 0 && errno == EINTR)) {
    char *line = buffer, *end;
    if (got < 0)
      continue;
    used += (size_t)got;
    buffer[used] = '\0';
    while ((end = strchr(line, '\n')) != NULL) {
      *end = '\0';
      note_line(slots, line);
      line = end + 1;
    }
    used -= (size_t)(line - buffer);
    memmove(buffer, line, used);
  }
  int error = got < 0 ? -errno : 0;
  close(file);
  return error;
}

int
readable_look(struct slots *slots)
{
  bool any = false;
  for (size_t i = 0; i < slots->count; i++) {
    struct slot *slot = slots->slot[i];
    if (!slot->unseen && !slot->later)
      continue;
    if (!slot->later && !(slot->later = slot_bits(slot)))
      return chain_error(-ENOMEM, "no memory to look at region \"%s\"", slot->name);
    unit_set(slot->later, 0, slot->units);
    any = true;
  }
  if (!any)
    return 0;
  void *buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int error = buffer == MAP_FAILED ? -ENOMEM : read_maps(slots, buffer);
  if (buffer != MAP_FAILED)
    munmap(buffer, BUFFER);
  if (error)
    return chain_error(error, "/proc/self/maps: %s", strerror(-error));
  for (size_t i = 0; i < slots->count; i++) {
    struct slot *slot = slots->slot[i];
    slot->unseen = false;
    if (slot->later && unit_next(slot->later, 0, slot->units) == slot->units) {
      slot_free_bits(slot, slot->later);
      slot->later = NULL;
    }
  }
  return 0;
}
