/* safe.c - async-signal-safe. Copies from and to memory that the program named.
 *
 * A wild pointer faults; the SIGSEGV handler finds that nobody's write it was and asks
 * safe_escape(), which jumps back here. A write to a watched page is trapped and goes on
 * like the program's own. */
#include "config.h"
#include "shield/call.h"

#include <errno.h>

/* Itself volatile: the copy in between does not read it, but a handler does. */
static _Thread_local void *volatile *volatile escape;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
# define UNCHECKED __attribute__((noinline, no_sanitize("address", "thread")))
#else
# define UNCHECKED __attribute__((noinline))
#endif

static UNCHECKED void
copy(volatile char *to, const volatile char *from, size_t length)
{
  if (!(((uintptr_t)to | (uintptr_t)from | length) & 7)) {
    for (size_t i = 0; i < length / 8; i++)
      ((volatile uint64_t *)to)[i] = ((const volatile uint64_t *)from)[i];
    return;
  }
  for (size_t i = 0; i < length; i++)
    to[i] = from[i];
}

/* Called through a variable: the compiler must not see that nothing in it jumps. */
static void (*volatile copier)(volatile char *, const volatile char *, size_t) = copy;

static int
guarded(volatile char *to, const volatile char *from, size_t length)
{
  void *volatile buffer[5];
  void *volatile *volatile outer = escape;   /* kept across the jump */
  if (__builtin_setjmp((void **)(uintptr_t)buffer)) {
    escape = outer;
    return -EFAULT;
  }
  escape = buffer;
  copier(to, from, length);
  escape = outer;
  return 0;
}

int
safe_read(void *to, uintptr_t from, size_t length)
{
  return length ? guarded(to, (const volatile char *)from, length) : 0;
}

int
safe_write(uintptr_t to, const void *from, size_t length)
{
  return length ? guarded((volatile char *)to, from, length) : 0;
}

void
safe_escape(void)
{
  void *volatile *to = escape;
  if (to)
    __builtin_longjmp((void **)(uintptr_t)to, 1);
}
