/* raw.c - async-signal-safe. System calls from an address of our own. */
#include "config.h"
#include "raw.h"

#include <stdatomic.h>
#include <stddef.h>

/* Places to go back to from the trampolines; 0: free. A program makes such calls from a
 * handful of places, in its libc. */
enum { TRAMPOLINES = 16 };
_Atomic uintptr_t raw_back[TRAMPOLINES] RAW_INTERNAL;

#if defined(__x86_64__)

__asm__(
  ".text\n"
  ".p2align 4\n"
  ".hidden raw_begin\n.globl raw_begin\nraw_begin:\n"
  ".hidden raw_call\n.globl raw_call\n.type raw_call, @function\nraw_call:\n"
  "  .cfi_startproc\n"
  "  movq %rdi, %rax\n"
  "  movq %rsi, %rdi\n"
  "  movq %rdx, %rsi\n"
  "  movq %rcx, %rdx\n"
  "  movq %r8, %r10\n"
  "  movq %r9, %r8\n"
  "  movq 8(%rsp), %r9\n"
  "  syscall\n"
  "  ret\n"
  "  .cfi_endproc\n"
  ".size raw_call, . - raw_call\n"
  /* Each is 2 + 6 bytes long. */
  ".p2align 3\n"
  ".hidden raw_first\n.globl raw_first\nraw_first:\n"
  ".set raw_at, 0\n"
  ".rept 16\n"
  "  syscall\n"
  "  jmp *raw_back+raw_at(%rip)\n"
  "  .set raw_at, raw_at + 8\n"
  ".endr\n"
  ".hidden raw_end\n.globl raw_end\nraw_end:\n"
  "  nop\n");

extern const char raw_first[] RAW_INTERNAL;
enum { TRAMPOLINE_SIZE = 8 };

const void *
raw_trampoline(uintptr_t back)
{
  for (size_t i = 0; i < TRAMPOLINES; i++) {
    uintptr_t there = 0;
    if (atomic_load(&raw_back[i]) == back || atomic_compare_exchange_strong(&raw_back[i], &there, back)
        || there == back)
      return raw_first + i * TRAMPOLINE_SIZE;
  }
  return NULL;
}

#elif defined(__aarch64__)

__asm__(
  ".text\n"
  ".p2align 4\n"
  ".hidden raw_begin\n.globl raw_begin\nraw_begin:\n"
  ".hidden raw_call\n.globl raw_call\n.type raw_call, %function\nraw_call:\n"
  "  .cfi_startproc\n"
  "  mov x8, x0\n"
  "  mov x0, x1\n"
  "  mov x1, x2\n"
  "  mov x2, x3\n"
  "  mov x3, x4\n"
  "  mov x4, x5\n"
  "  mov x5, x6\n"
  "  svc #0\n"
  "  ret\n"
  "  .cfi_endproc\n"
  ".size raw_call, . - raw_call\n"
  ".hidden raw_end\n.globl raw_end\nraw_end:\n"
  "  nop\n");

/* A jump that spoils no register reaches 128 MiB here, which is not everywhere. */
const void *
raw_trampoline(uintptr_t back)
{
  (void)back;
  return NULL;
}

#else
# error "how this processor makes a system call is not known: add it here"
#endif
