/* regions.c - the memory of the workload under test, and a handler of a few lines
 * that sees which of its pages are written. It shares nothing with the library. */
#include "config.h"
#include "workload.h"
#include "regions.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct region regions[MAX_REGIONS];
size_t region_count;
size_t page_size;

void *
workload_memory(struct workload_run *run, const char *name, size_t bytes)
{
  struct region *region = &regions[region_count];
  size_t length = (bytes + page_size - 1) / page_size * page_size;
  void *address;

  if (region_count == MAX_REGIONS) {
    workload_fail(run, -ENOMEM, "more than %d regions", MAX_REGIONS);
    return NULL;
  }
  address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) {
    workload_fail(run, -ENOMEM, "no memory");
    return NULL;
  }
  *region = (struct region){ .address = address, .bytes = bytes, .length = length };
  snprintf(region->name, sizeof region->name, "%s", name);
  region_count++;
  return address;
}

void
regions_drop(void)
{
  for (size_t i = 0; i < region_count; i++) {
    munmap(regions[i].address, regions[i].length);
    free(regions[i].copy);
    free(regions[i].written);
  }
  region_count = 0;
}

/* ------------------------------------------------------- the smallest tracker */

static void
note_write(int signal_number, siginfo_t *info, void *context)
{
  uintptr_t at = (uintptr_t)info->si_addr / page_size * page_size;

  (void)context;
  for (size_t i = 0; i < region_count; i++)
    if (at - (uintptr_t)regions[i].address < regions[i].length) {
      atomic_store(&regions[i].written[(at - (uintptr_t)regions[i].address) / page_size], true);
      mprotect((void *)at, page_size, PROT_READ | PROT_WRITE);
      return;
    }
  signal(signal_number, SIG_DFL);
}

void
regions_watch(void)
{
  for (size_t i = 0; i < region_count; i++) {
    if (!regions[i].copy) {
      regions[i].copy = malloc(regions[i].length);
      regions[i].written = malloc(regions[i].length / page_size * sizeof *regions[i].written);
      if (!regions[i].copy || !regions[i].written)
        abort();
    }
    memcpy(regions[i].copy, regions[i].address, regions[i].length);
    for (size_t page = 0; page < regions[i].length / page_size; page++)
      atomic_store(&regions[i].written[page], false);
    mprotect(regions[i].address, regions[i].length, PROT_READ);
  }
}

size_t
regions_silent(const struct workload_run *run, unsigned epoch, size_t *written)
{
  size_t silent = 0;

  for (size_t i = 0; i < region_count; i++)
    for (size_t at = 0; at < regions[i].length; at += page_size)
      if (atomic_load(&regions[i].written[at / page_size])) {
        ++*written;
        if (memcmp(regions[i].address + at, regions[i].copy + at, page_size) == 0) {
          silent++;
          printf("# %s: epoch %u wrote page %zu of %s without changing it (seed %llu)\n", run->workload->name,
                 epoch, at / page_size, regions[i].name, (unsigned long long)run->seed);
        }
      }
  return silent;
}

int
regions_begin(void)
{
  struct sigaction action = { .sa_sigaction = note_write, .sa_flags = SA_SIGINFO };

  page_size = (size_t)sysconf(_SC_PAGESIZE);
  return sigaction(SIGSEGV, &action, NULL);
}
