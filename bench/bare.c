/* bare.c - the bare loop: the smallest handler there can be. What it does not
 * do is the point: no look-up, no earlier handler, no telling a crash from a
 * tracked write, nothing that another thread could race with. */
#include "config.h"
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uintptr_t bare_base;
static size_t    bare_bytes, bare_page;
static unsigned  bare_shift;
static uint64_t *bare_bits;

static void
bare_handler(int signal_number, siginfo_t *info, void *context)
{
  const size_t page = ((uintptr_t)info->si_addr - bare_base) >> bare_shift;

  (void)signal_number;
  (void)context;
  bare_bits[page / 64] |= (uint64_t)1 << (page % 64);
  mprotect((void *)(bare_base + (page << bare_shift)), bare_page, PROT_READ | PROT_WRITE);
}

int
bare_install(void *base, size_t bytes)
{
  struct sigaction action;

  bare_base = (uintptr_t)base;
  bare_bytes = bytes;
  bare_page = page_bytes();
  bare_shift = (unsigned)__builtin_ctzl(bare_page);
  bare_bits = calloc(bytes / bare_page / 64 + 1, sizeof *bare_bits);
  if (!bare_bits)
    return bench_fail("no memory for the bare loop's bitmap");
  memset(&action, 0, sizeof action);
  action.sa_sigaction = bare_handler;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGSEGV, &action, NULL) != 0)
    return bench_fail("sigaction: %s", strerror(errno));
  return 0;
}

int
bare_arm(void *memory, size_t bytes)
{
  memset(bare_bits, 0, (bare_bytes / bare_page / 64 + 1) * sizeof *bare_bits);
  if (mprotect(memory, bytes, PROT_READ) != 0)
    return bench_fail("mprotect: %s", strerror(errno));
  return 0;
}

size_t
bare_count(void)
{
  size_t count = 0;

  for (size_t i = 0; i <= bare_bytes / bare_page / 64; i++)
    count += (size_t)__builtin_popcountll(bare_bits[i]);
  return count;
}
