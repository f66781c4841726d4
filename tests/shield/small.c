/* small.c - a shield of signals only. */
#include "config.h"
#include "small.h"
#include "fault.h"
#include "raw.h"
#include "shield/action.h"
#include "shield/mask.h"
#include "sigchain.h"

#include <errno.h>
#include <link.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_SECCOMP
# define SYS_SECCOMP 1
#endif
enum { TRAP_DATA = 0x5753 };

#if defined(__x86_64__)

static long
make(long number, const long argument[6], ucontext_t *context)
{
  void *first = (void *)argument[0], *second = (void *)argument[1], *third = (void *)argument[2];
  switch (number) {
  case SYS_rt_sigaction: return action_change((int)argument[0], second, third, (size_t)argument[3]);
  case SYS_rt_sigprocmask: return mask_change((int)argument[0], second, third, (size_t)argument[3], context);
  case SYS_rt_sigpending: return mask_pending(first, (size_t)argument[1]);
  case SYS_sigaltstack: return mask_altstack(first, second, context);
  case SYS_execve:
  case SYS_execveat: return mask_exec(number, argument);
  default: return mask_wait(number, argument);
  }
}

/* A child in our memory that execs leaves this frame for good: AddressSanitizer must not remember
 * the stack that it lay on as poisoned. */
__attribute__((no_sanitize("address"))) static void
small_handler(int signal, siginfo_t *info, void *frame)
{
  ucontext_t *context = frame;
  greg_t *reg = context->uc_mcontext.gregs;
  if (info->si_code != SYS_SECCOMP || info->si_errno != TRAP_DATA) {
    sigchain_pass(signal, info, context);
    return;
  }
  long argument[6] = { reg[REG_RDI], reg[REG_RSI], reg[REG_RDX], reg[REG_R10], reg[REG_R8], reg[REG_R9] };
  reg[REG_RAX] = make(info->si_syscall, argument, context);
}

static const int trapped[] = {
  SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigpending, SYS_sigaltstack, SYS_execve, SYS_execveat,
  SYS_rt_sigsuspend, SYS_ppoll, SYS_pselect6, SYS_epoll_pwait, SYS_rt_sigtimedwait, SYS_signalfd4,
};
enum { CALLS = sizeof trapped / sizeof *trapped, IMAGES = 40 };

static struct { uintptr_t start, end; } image[IMAGES];
static size_t images;

/* The code of the program and its libraries: sanitizers make calls of their own. */
static int
add_image(struct dl_phdr_info *info, size_t size, void *unused)
{
  (void)size, (void)unused;
  for (size_t i = 0; i < info->dlpi_phnum && images < IMAGES; i++)
    if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X)) {
      image[images].start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
      image[images++].end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    }
  return 0;
}

static struct sock_filter program[16 + CALLS + 8 * IMAGES];
static unsigned short steps;

static void
step(unsigned short code, unsigned char yes, unsigned char no, uint32_t value)
{
  program[steps++] = (struct sock_filter){ code, yes, no, value };
}

/* Made from [start, end): do `what`. */
static void
step_range(uintptr_t start, uintptr_t end, uint32_t what)
{
  const uint32_t at = offsetof(struct seccomp_data, instruction_pointer);
  step(BPF_LD | BPF_W | BPF_ABS, 0, 0, at + 4);
  step(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t)(start >> 32));
  step(BPF_LD | BPF_W | BPF_ABS, 0, 0, at);
  step(BPF_JMP | BPF_JGE | BPF_K, 0, 2, (uint32_t)start);
  step(BPF_JMP | BPF_JGE | BPF_K, 1, 0, (uint32_t)end);
  step(BPF_RET | BPF_K, 0, 0, what);
}

const char *
small_shield(void)
{
  int32_t thread;
  dl_iterate_phdr(add_image, NULL);
  step(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
  for (unsigned i = 0; i < CALLS; i++)
    step(BPF_JMP | BPF_JEQ | BPF_K, (unsigned char)(CALLS - i), 0, (uint32_t)trapped[i]);
  step(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
  step_range((uintptr_t)raw_begin, (uintptr_t)raw_end, SECCOMP_RET_ALLOW);
  for (size_t i = 0; i < images; i++)
    step_range(image[i].start, image[i].end, SECCOMP_RET_TRAP | TRAP_DATA);
  step(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
  sigchain_install(SIGSYS, small_handler);
  if (mask_start(&thread) != 0)
    return "a thread blocks SIGSEGV";
  struct sock_fprog filter = { steps, program };
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0)
    return "no seccomp filters here";
  return NULL;
}

#else

const char *
small_shield(void)
{
  return "not for this processor";
}

#endif
