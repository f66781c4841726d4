/* stack_none.c - async-signal-safe. Without libunwind there are no stacks. */
#include "config.h"
#include "stack.h"

bool
stack_available(void)
{
  return false;
}

uintptr_t
stack_code(void)
{
  return 0;
}

void
stack_prime(void)
{
}

unsigned
stack_capture(const ucontext_t *context, void **frames, unsigned limit)
{
  (void)context;
  (void)frames;
  (void)limit;
  return 0;
}

void
stack_escape(void)
{
}

void
stack_suspend(void)
{
}

void
stack_resume(void)
{
}
