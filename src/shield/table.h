/* table.h - async-signal-safe. Which system call writes where: a row a call. */
#ifndef WW_SHIELD_TABLE_H
#define WW_SHIELD_TABLE_H

#include "shield/call.h"

#include <stdbool.h>
#include <stdint.h>

/* What a call may write through one of its arguments. */
enum out_kind {
  OUT_NONE,
  OUT_FIXED,      /* `size` bytes */
  OUT_BYTES,      /* as many bytes as the argument `length` says */
  OUT_ITEMS,      /* as many items of `size` bytes as `length` says */
  OUT_BITS,       /* `length` bits, in whole words: an fd_set, a node mask */
  OUT_PAGES,      /* a byte for each page of `length` bytes */
  OUT_SOCKLEN,    /* as many bytes as the socklen_t behind the argument `length` says: `size` at most */
  OUT_VECTOR,     /* the buffers of `length` iovecs */
  OUT_MESSAGE,    /* a msghdr and all that it points to */
  OUT_MESSAGES    /* `length` mmsghdrs */
};
struct out { uint8_t kind, pointer, length; uint32_t size; };

/* What the filter looks at before a call is trapped at all, in this order; then a pointer of
 * an `out` (or of `also`) must meet a window. The filter sees the arguments, not what they
 * point to. */
enum condition_kind {
  WHEN_NONE,
  TRAP_ALWAYS,
  TRAP_IF_FILES,    /* if a region shows a file */
  TRAP_IF_SET,      /* (argument & value) != 0; low 32 bits */
  TRAP_IF_NONZERO,  /* all 64 bits */
  TRAP_IF_EQUAL,    /* low 32 bits */
  PASS_UNLESS_SET,
  PASS_UNLESS_FUTEX  /* a shared futex, or an operation (a bit of value) that writes to a private one */
};
struct condition { uint8_t kind, argument; uint32_t value; };

enum { ROW_OUTS = 5, ROW_CONDITIONS = 2, ROW_ALSO = 2, TABLE_NUMBERS = 640 };

struct row {
  int number;
  bool prompt;                /* never waits: signals may be held off while it runs */
  struct out out[ROW_OUTS];
  struct condition when[ROW_CONDITIONS];
  struct out also[ROW_ALSO];  /* addresses to look at, that are not written through */
  /* Makes the call, while what `out` says is lent; NULL: it is made as it is. */
  long (*serve)(struct call *call);
  /* Makes the call as well, and nothing is lent: it sees to that itself. */
  bool alone;
};

extern const struct row table_rows[];
extern const unsigned table_count;

/* The row of a call, or NULL. */
const struct row *table_find(long number);
/* Numbers from here on are of kernels that this table does not know. */
int table_first_unknown(void);
void table_prepare(void);

#endif
