/* memory.c - memory of all the kinds that a region can be of, for tests. */
#include "config.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *const memory_names[MEMORY_KINDS] = {
  "private", "shared", "file, private", "file, shared", "MAP_NORESERVE", "mixed protections", "hugetlb"
};

void *
memory_map(enum memory_kind kind, size_t *length, const char **reason)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  int flags = MAP_PRIVATE | MAP_ANONYMOUS, fd = -1;
  *length = (*length + page - 1) & ~(page - 1);
  switch (kind) {
    case MEMORY_SHARED:
      flags = MAP_SHARED | MAP_ANONYMOUS;
      break;
    case MEMORY_FILE_PRIVATE:
    case MEMORY_FILE_SHARED: {
      char name[] = "/tmp/writewatch-test-XXXXXX";
      fd = mkstemp(name);
      if (fd < 0 || unlink(name) || ftruncate(fd, (off_t)*length)) {
        *reason = "no temporary file can be made";
        return NULL;
      }
      flags = kind == MEMORY_FILE_SHARED ? MAP_SHARED : MAP_PRIVATE;
      break;
    }
    case MEMORY_NORESERVE:
      flags |= MAP_NORESERVE;
      break;
    case MEMORY_HUGETLB:
      flags |= MAP_HUGETLB;
      *length = (*length + (2 << 20) - 1) & ~(size_t)((2 << 20) - 1);
      break;
    default:
      break;
  }
  char *memory = mmap(NULL, *length, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (fd >= 0)
    close(fd);
  if (memory == MAP_FAILED) {
    *reason = kind == MEMORY_HUGETLB ? "no huge pages are reserved (vm.nr_hugepages)" : "mmap failed";
    return NULL;
  }
  if (kind == MEMORY_MIXED) {
    /* Quarters: rw-, rwx, -w-, rw- again. */
    size_t quarter = *length / page / 4 * page;
    if (mprotect(memory + quarter, quarter, PROT_READ | PROT_WRITE | PROT_EXEC)
        || mprotect(memory + 2 * quarter, quarter, PROT_WRITE)) {
      *reason = "this system does not allow memory that is writable and executable";
      return NULL;
    }
  }
  return memory;
}

const char *
memory_protections(const void *memory, size_t length)
{
  static char text[8192];
  char line[512], kind[5], last[5] = "";
  unsigned long start, end, base = (unsigned long)memory, last_end = 0;
  size_t used = 0;
  FILE *maps = fopen("/proc/self/maps", "re");
  text[0] = '\0';
  while (maps && fgets(line, sizeof line, maps))
    if (sscanf(line, "%lx-%lx %4s", &start, &end, kind) == 3 && end > base && start < base + length
        && used < sizeof text - 64) {
      start = start < base ? 0 : start - base;
      end = end > base + length ? length : end - base;
      if (strcmp(kind, last) || start != last_end)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%#lx %s", used ? ", " : "", start, kind);
      strcpy(last, kind);
      last_end = end;
    }
  if (maps)
    fclose(maps);
  return text;
}
