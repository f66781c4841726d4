/* program.h - the filter's program: which calls are trapped. */
#ifndef WW_SHIELD_PROGRAM_H
#define WW_SHIELD_PROGRAM_H

#include "pin.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

enum {
  PROGRAM_WINDOWS = 16, PROGRAM_CODE = 64,
  SHIELD_TRAP_DATA = 0x5757   /* si_errno of the traps that are ours */
};

/* What a filter watches: a call is trapped if it is made from the code, and may write into a
 * window. */
struct coverage {
  bool further;        /* an earlier filter traps already what is trapped wherever it writes to */
  bool files;          /* what writes to a file is trapped */
  size_t windows, code;
  struct range window[PROGRAM_WINDOWS];
  struct range codes[PROGRAM_CODE];
};

/* Which system call has which tests, from libseccomp: once, not for handlers. 0, -ENOMEM, or
 * -ENOTSUP without libseccomp. */
int program_prepare(void);
/* The same, done by a copy of this process, so that nothing of it touches this one's heap. Only while it
 * has one thread. */
int program_prepare_apart(void);
/* The whole program; the places it goes to are [BPF_MAXINSNS]. Returns its length, 0 if it
 * does not fit. Async-signal-safe. */
size_t program_make(const struct coverage *coverage, struct sock_filter *into);

/* One that traps SIG_BLOCK alone (mask.h), from the same code. */
size_t program_make_first(const struct coverage *coverage, struct sock_filter *into);

#endif
