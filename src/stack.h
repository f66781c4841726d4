/* stack.h - async-signal-safe. The seam to the unwinder: which of the two files
 * behind it is linked decides whether there are stacks. */
#ifndef WW_STACK_H
#define WW_STACK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

/* Can stacks be recorded at all? */
bool stack_available(void);
/* An address in the unwinder's code, 0 if there is none: its data must not be tracked. */
uintptr_t stack_code(void);
/* Before the first capture, outside of handlers: lets the unwinder set up its memory. */
void stack_prime(void);
/* The stack of the interrupted program: frames[0] is the interrupted instruction.
 * Returns how many frames; 0 if there is no room to unwind, while suspended, or if the
 * unwinder was led astray. */
unsigned stack_capture(const ucontext_t *context, void **frames, unsigned limit);
/* A fault that is nobody's: if it happened inside stack_capture() of this thread, that
 * call returns 0 and this one does not return. */
void stack_escape(void);
/* No new captures from here on until resumed; nests. */
void stack_suspend(void);
void stack_resume(void);

#endif
