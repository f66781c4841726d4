/* sigmask.h - async-signal-safe. Signal masks: what the program thinks that it blocks, and
 * what the kernel is told.
 *
 * While the shield is on, SIGSEGV and SIGSYS are never blocked: a write to a watched
 * page and a trapped system call are fatal where they are. That the program blocks
 * SIGSEGV is told to the kernel as a blocked SIGSTKFLT, the stand-in: a signal that
 * Linux never sends. So the kernel itself keeps that bit where it keeps the others: in
 * sa_mask and the mask that a handler runs with, in the frame that the return from a
 * handler puts back, through ppoll() and sigsuspend(), for threads, clone(), fork() and
 * vfork(). A table of ours could not: nobody tells us when a handler begins or
 * returns. And a SIGSEGV that is *sent* while the program blocks it is sent on as the
 * stand-in (sigchain.c): it is pending until the kernel sees it unblocked, in whatever way.
 *
 * That SIGSYS, or SIGSTKFLT itself, is blocked is only remembered, a thread at a time
 * (the shadow): masks are shown as the program made them; what a handler changes of these
 * two stays changed when it returns. */
#ifndef WW_SIGMASK_H
#define WW_SIGMASK_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

enum { SIGMASK_STAND_IN = SIGSTKFLT };

static inline uint64_t
sigmask_bit(int signal)
{
  return (uint64_t)1 << (signal - 1);
}

#define SIGMASK_SHADOWED (sigmask_bit(SIGSYS) | sigmask_bit(SIGMASK_STAND_IN))
#define SIGMASK_OPEN (sigmask_bit(SIGSEGV) | sigmask_bit(SIGSYS))

/* Off, both directions change nothing. Never goes off again. */
extern _Atomic bool sigmask_on;

/* What to tell the kernel. */
static inline uint64_t
sigmask_to_kernel(uint64_t wanted)
{
  if (!atomic_load(&sigmask_on))
    return wanted;
  uint64_t mask = wanted & ~(SIGMASK_OPEN | SIGMASK_SHADOWED);
  return wanted & sigmask_bit(SIGSEGV) ? mask | sigmask_bit(SIGMASK_STAND_IN) : mask;
}

/* What to tell the program of a mask of the kernel's. */
static inline uint64_t
sigmask_to_program(uint64_t kernel, uint64_t shadow)
{
  if (!atomic_load(&sigmask_on))
    return kernel;
  uint64_t mask = (kernel & ~SIGMASK_SHADOWED) | (shadow & SIGMASK_SHADOWED);
  return kernel & sigmask_bit(SIGMASK_STAND_IN) ? mask | sigmask_bit(SIGSEGV) : mask;
}

/* The kernel's part of a context's mask, which libc makes longer than it is. */
static inline uint64_t
sigmask_of(const ucontext_t *context)
{
  uint64_t mask;
  memcpy(&mask, &context->uc_sigmask, sizeof mask);
  return mask;
}

static inline void
sigmask_put(ucontext_t *context, uint64_t mask)
{
  memcpy(&context->uc_sigmask, &mask, sizeof mask);
}

#endif
