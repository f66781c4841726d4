/* delivery.c - measures a bare SIGSEGV: in, and out behind the faulting write. */
#include "config.h"
#include "delivery.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__aarch64__)

static void *volatile behind;  /* where the handler goes on */

static void
step_over(int signal_number, siginfo_t *info, void *context)
{
  ucontext_t *at = context;

  (void)signal_number;
  (void)info;
#if defined(__x86_64__)
  at->uc_mcontext.gregs[REG_RIP] = (greg_t)behind;
#else
  at->uc_mcontext.pc = (uintptr_t)behind;
#endif
}

/* One write that faults. The address behind it is stored first. */
static inline void
faulting_write(volatile char *byte)
{
#if defined(__x86_64__)
  __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                   "movq %%rax, %0\n\t"
                   "movb $0, (%1)\n"
                   "1:"
                   : "=m"(behind) : "r"(byte) : "rax", "memory");
#else
  __asm__ volatile("adr x9, 1f\n\t"
                   "str x9, %0\n\t"
                   "strb wzr, [%1]\n"
                   "1:"
                   : "=m"(behind) : "r"(byte) : "x9", "memory");
#endif
}

static int
compare_doubles(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

double
delivery_cost(unsigned rounds, unsigned count)
{
  const size_t length = (size_t)sysconf(_SC_PAGESIZE);
  struct sigaction action, found;
  struct timespec begin, end;
  double *costs, median = -1;
  char *page;

  if (rounds == 0 || count == 0 || !(costs = calloc(rounds, sizeof *costs)))
    return -1;
  page = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) {
    free(costs);
    return -1;
  }
  page[0] = 1;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = step_over;
  action.sa_flags = SA_SIGINFO;
  if (mprotect(page, length, PROT_READ) == 0 && sigaction(SIGSEGV, &action, &found) == 0) {
    for (unsigned round = 0; round < rounds; round++) {
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
      for (unsigned i = 0; i < count; i++)
        faulting_write(page);
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
      costs[round] = ((double)(end.tv_sec - begin.tv_sec) * 1e9
                      + (double)(end.tv_nsec - begin.tv_nsec)) / count;
    }
    sigaction(SIGSEGV, &found, NULL);
    qsort(costs, rounds, sizeof *costs, compare_doubles);
    median = costs[rounds / 2];
  }
  munmap(page, length);
  free(costs);
  return median;
}

#else

double
delivery_cost(unsigned rounds, unsigned count)
{
  (void)rounds;
  (void)count;
  return -1;
}

#endif
