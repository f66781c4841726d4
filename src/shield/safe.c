/* safe.c - async-signal-safe. Copies from and to memory that the program named.
 *
 * A wild pointer faults; the SIGSEGV handler finds that nobody's write it was and asks
 * safe_escape(), which jumps back here. A write to a watched page is trapped and goes on
 * like the program's own. */
#include "config.h"
#include "shield/call.h"

#include <errno.h>
#include <string.h>

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

/* As fast as it gets; but what races with a writer by design goes by words, for ThreadSanitizer. */
static UNCHECKED void
copy_much(volatile char *to, const volatile char *from, size_t length)
{
#if defined(__SANITIZE_THREAD__)
  copy(to, from, length);
#else
  memcpy((void *)(uintptr_t)to, (const void *)(uintptr_t)from, length);
#endif
}

/* Called through variables: the compiler must not see that nothing in them jumps. */
typedef void copier(volatile char *, const volatile char *, size_t);
static copier *volatile copy_few = copy;
static copier *volatile copy_many = copy_much;

static int
guarded(copier *how, volatile char *to, const volatile char *from, size_t length)
{
  void *volatile buffer[5];
  void *volatile *volatile outer = escape;   /* kept across the jump */
  if (__builtin_setjmp((void **)(uintptr_t)buffer)) {
    escape = outer;
    return -EFAULT;
  }
  escape = buffer;
  how(to, from, length);
  escape = outer;
  return 0;
}

int
safe_read(void *to, uintptr_t from, size_t length)
{
  return length ? guarded(copy_few, to, (const volatile char *)from, length) : 0;
}

int
safe_write(uintptr_t to, const void *from, size_t length)
{
  return length ? guarded(copy_few, (volatile char *)to, from, length) : 0;
}

int
safe_copy(void *to, uintptr_t from, size_t length)
{
  return length ? guarded(copy_many, to, (const volatile char *)from, length) : 0;
}

void
safe_escape(void)
{
  void *volatile *to = escape;
  if (to)
    __builtin_longjmp((void **)(uintptr_t)to, 1);
}
