/* micro.c - the parts of a trapped write, each by itself: the signal in and
 * out, the mprotect of one page, the smallest system call. */
#include "config.h"
#include "bench.h"
#include "../tools/delivery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MICRO_BYTES ((size_t)64 << 20)
#define EPOCHS 5

/* All pages made writable, one call a page, with nobody faulting. */
static int
unprotect(unsigned char *memory, const char *metric, bool shuffled)
{
  const size_t page_size = page_bytes(), pages = MICRO_BYTES / page_size;
  uint32_t *order = page_order(pages, shuffled, 0x9e3779b97f4a7c15u);
  double costs[EPOCHS];
  int status = 0;

  if (!order)
    return 1;
  for (size_t epoch = 0; epoch < EPOCHS && status == 0; epoch++) {
    double begin;

    if (mprotect(memory, MICRO_BYTES, PROT_READ) != 0)
      status = bench_fail("mprotect: %s", strerror(errno));
    begin = now_cpu();
    for (size_t i = 0; i < pages && status == 0; i++)
      if (mprotect(memory + (size_t)order[i] * page_size, page_size, PROT_READ | PROT_WRITE) != 0)
        status = bench_fail("mprotect: %s", strerror(errno));
    costs[epoch] = (now_cpu() - begin) / (double)pages;
  }
  if (status == 0)
    bench_metric(metric, "ns", median_of(costs, EPOCHS));
  free(order);
  return status;
}

int
micro(const struct bench_run *run)
{
  const unsigned calls = run->quick ? 20000 : 100000;
  unsigned char *memory;
  double begin, delivery;
  int status;

  pin(0);
  memory = memory_map(MICRO_BYTES, 0);
  if (!memory)
    return 1;
  memory_populate(memory, MICRO_BYTES);
  begin = now_cpu();
  for (unsigned i = 0; i < calls; i++)
    (void)syscall(SYS_getppid);
  bench_metric("system-call", "ns", (now_cpu() - begin) / calls);
  delivery = delivery_cost(run->quick ? 5 : 15, 2000);
  if (delivery > 0)
    bench_metric("signal", "ns", delivery);
  status = unprotect(memory, "mprotect-sequential", false);
  if (status == 0)
    status = unprotect(memory, "mprotect-random", true);
  munmap(memory, MICRO_BYTES);
  return status;
}
