/* raw.h - async-signal-safe. System calls from an address of our own.
 *
 * The shield's filter (shield/filter.c) traps system calls by the address that they are
 * made from. What lies between raw_begin and raw_end is never trapped: the tracker's own
 * calls are made there, and those that the shield makes in the program's stead. */
#ifndef WW_RAW_H
#define WW_RAW_H

#include <stdbool.h>
#include <stdint.h>

#define RAW_INTERNAL __attribute__((visibility("hidden")))

extern const char raw_begin[] RAW_INTERNAL, raw_end[] RAW_INTERNAL;

/* The kernel's result: a negative errno is a failure. errno is not touched. Not a
 * cancellation point. A signal's handler may run inside and may jump out of it. */
long raw_call(long number, long a, long b, long c, long d, long e, long f) RAW_INTERNAL;

/* The same with up to six arguments of any kind of integer or pointer. */
#define RAW_CALL(...) RAW_CALL_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define RAW_CALL_(number, a, b, c, d, e, f, ...) \
  raw_call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* The address of a system call instruction that is followed by a jump to `back`: where a
 * signal handler lets its thread go on to make a call that cannot be made inside a
 * handler (a vfork() returns twice on one stack). All registers are as at `back`'s own
 * instruction. NULL if there is no place left, or not for this processor. */
const void *raw_trampoline(uintptr_t back) RAW_INTERNAL;

#endif
