/* call.h - async-signal-safe. A system call that was trapped: number, arguments, result. */
#ifndef WW_SHIELD_CALL_H
#define WW_SHIELD_CALL_H

#include "raw.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

/* A function whose frame a child in our memory (vfork(2)) leaves for good when it execs or exits:
 * AddressSanitizer must not remember it. */
#define CALL_LEAVES __attribute__((no_sanitize("address")))

struct call {
  long number;
  long argument[6];
  ucontext_t *context;
  uintptr_t frame;          /* an address in the trap's own frame; 0: on the alternate stack */
  bool elsewhere;           /* it is not made here: call_elsewhere() */
};

/* The trapped call's registers are in the frame as the instruction found them. */
static inline void
call_read(struct call *call, ucontext_t *context)
{
#if defined(__x86_64__)
  const greg_t *registers = context->uc_mcontext.gregs;
  call->number = (long)registers[REG_RAX];
  call->argument[0] = (long)registers[REG_RDI];
  call->argument[1] = (long)registers[REG_RSI];
  call->argument[2] = (long)registers[REG_RDX];
  call->argument[3] = (long)registers[REG_R10];
  call->argument[4] = (long)registers[REG_R8];
  call->argument[5] = (long)registers[REG_R9];
#elif defined(__aarch64__)
  call->number = (long)context->uc_mcontext.regs[8];
  for (unsigned i = 0; i < 6; i++)
    call->argument[i] = (long)context->uc_mcontext.regs[i];
#endif
  call->context = context;
}

static inline void
call_return(ucontext_t *context, long result)
{
#if defined(__x86_64__)
  context->uc_mcontext.gregs[REG_RAX] = result;
#elif defined(__aarch64__)
  context->uc_mcontext.regs[0] = (unsigned long)result;
#endif
}

/* Let the thread go on at a trampoline, which makes the call outside of any handler and
 * returns to where the trapped instruction would have. False if there is none. */
static inline bool
call_elsewhere(struct call *call)
{
#if defined(__x86_64__)
  greg_t *instruction = &call->context->uc_mcontext.gregs[REG_RIP];
  const void *trampoline = raw_trampoline((uintptr_t)*instruction);
  if (trampoline) {
    *instruction = (greg_t)(uintptr_t)trampoline;
    call->elsewhere = true;
  }
#endif
  return call->elsewhere;
}

/* The call, made in the program's stead. */
static inline long
call_make(const struct call *call)
{
  const long *a = call->argument;
  return raw_call(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Copy from and to memory that the program named: -EFAULT where that is not possible. */
int safe_read(void *to, uintptr_t from, size_t length);
int safe_write(uintptr_t to, const void *from, size_t length);
/* Like safe_read(), of many bytes, by whoever holds a lock of ours (lock.h): on failure the signals that
 * the handler holds off are still held off, and some bytes may have been copied. */
int safe_copy(void *to, uintptr_t from, size_t length);
/* Memory that the kernel writes whenever it likes: never protected again. */
void shield_keep_open(uintptr_t start, uintptr_t end);
/* For the SIGSEGV handler: a fault that is nobody's. Does not return if it happened in one
 * of the three above. */
void safe_escape(void);

#endif
