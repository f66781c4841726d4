/* context.h - async-signal-safe. What a signal frame says of a fault, by processor. */
#ifndef WW_CONTEXT_H
#define WW_CONTEXT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

/* The interrupted instruction's address. */
static inline uintptr_t
context_instruction(const ucontext_t *context)
{
#if defined(__x86_64__)
  return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
  return (uintptr_t)context->uc_mcontext.pc;
#else
# error "the signal frame of this processor is not known: add it here"
#endif
}

static inline uintptr_t
context_stack(const ucontext_t *context)
{
#if defined(__x86_64__)
  return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
  return (uintptr_t)context->uc_mcontext.sp;
#endif
}

/* Was the fault a data write to a page that is present but does not allow it? */
static inline bool
context_is_write(const ucontext_t *context)
{
#if defined(__x86_64__)
  /* Page-fault error code (Intel SDM vol. 3, 4.7): bit 1 write, bit 4 instruction
   * fetch. Bit 0 (page present) may be clear: the page may never have been touched. */
  const long page_fault = 14;
  return context->uc_mcontext.gregs[REG_TRAPNO] == page_fault
    && (context->uc_mcontext.gregs[REG_ERR] & 0x12) == 0x02;
#elif defined(__aarch64__)
  /* The kernel adds a record with ESR_EL1 to the frame (Arm ARM, D17.2.37; kernel's
   * asm/sigcontext.h): exception class 0x24 data abort from a lower level, WnR bit 6. */
  const uint32_t esr_magic = 0x45535201;
  const unsigned char *at = (const unsigned char *)context->uc_mcontext.__reserved;
  const unsigned char *end = at + sizeof context->uc_mcontext.__reserved;
  struct { uint32_t magic, size; } head;
  while (at + sizeof head <= end) {
    memcpy(&head, at, sizeof head);
    if (head.magic == esr_magic && at + 16 <= end) {
      uint64_t esr;
      memcpy(&esr, at + 8, sizeof esr);
      return (esr >> 26 & 0x3f) == 0x24 && (esr >> 6 & 1);
    }
    if (!head.magic || head.size < sizeof head)
      break;
    at += head.size;
  }
  return false;
#endif
}

/* Bytes left on the alternate signal stack that `here` lies on; SIZE_MAX if it does not. */
static inline size_t
context_stack_left(const ucontext_t *context, const void *here)
{
  uintptr_t low = (uintptr_t)context->uc_stack.ss_sp, at = (uintptr_t)here;
  if ((context->uc_stack.ss_flags & SS_DISABLE) || at < low || at - low >= context->uc_stack.ss_size)
    return SIZE_MAX;
  return at - low;
}

#endif
