/* stack_unwind.c - async-signal-safe. Stacks through libunwind.
 *
 * unw_backtrace() keeps a cache for each thread of how to step over each
 * return address, so that a stack seen before costs some ten loads a frame and
 * no lock. A new return address is looked up with libunwind's own lock held and
 * all signals blocked, and in memory that it maps itself: never in malloc's.
 * (libunwind 1.6.2: src/x86_64/Gtrace.c, src/mi/mempool.c.)
 *
 * The cached walk trusts the unwind tables: over a frame whose tables lie it may
 * read a wild address. That fault comes back to our own handler (SIGSEGV is not
 * blocked inside), which jumps out of the walk: the write is then recorded
 * without a stack. */
#include "config.h"
#include "context.h"
#include "stack.h"

#include <stdatomic.h>
#include <stddef.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

enum {
  OWN_FRAMES = 24,             /* the handler's, above the interrupted one; sanitizers add theirs */
  DEPTH_MAX = 64,
  ROOM = 12 * 1024             /* what unwinding an unseen frame takes, of an alternate stack */
};

/* ThreadSanitizer, if the program has it. libunwind frees a thread's cache when the thread
 * ends, and locks a mutex for it; by then ThreadSanitizer has forgotten the thread and
 * its lock crashes (seen with GCC 12 and libunwind 1.6.2, without Writewatch too). Under
 * it the uncached walk is taken, which has nothing to free. */
extern void __tsan_init(void) __attribute__((weak));

static _Atomic unsigned suspended;
static _Thread_local void *volatile *escape;

bool
stack_available(void)
{
  return true;
}

uintptr_t
stack_code(void)
{
  return (uintptr_t)&unw_backtrace;
}

static int
walk_uncached(void **frames, int limit)
{
  unw_context_t context;
  unw_cursor_t cursor;
  unw_word_t at;
  int got = 0;
  unw_getcontext(&context);
  if (unw_init_local(&cursor, &context) < 0)
    return 0;
  while (got < limit && unw_step(&cursor) > 0 && unw_get_reg(&cursor, UNW_REG_IP, &at) >= 0)
    frames[got++] = (void *)at;
  return got;
}

static int
walk(void **frames, int limit)
{
  return __tsan_init ? walk_uncached(frames, limit) : unw_backtrace(frames, limit);
}

void
stack_prime(void)
{
  void *frames[4];
  (void)walk(frames, 4);
}

void
stack_suspend(void)
{
  atomic_fetch_add(&suspended, 1);
}

void
stack_resume(void)
{
  atomic_fetch_sub(&suspended, 1);
}

void
stack_escape(void)
{
  void *volatile *to = escape;
  if (to) {
    escape = NULL;
    __builtin_longjmp((void **)(uintptr_t)to, 1);
  }
}

unsigned
stack_capture(const ucontext_t *context, void **frames, unsigned limit)
{
  void *found[DEPTH_MAX + OWN_FRAMES];
  void *volatile buffer[5];
  if (atomic_load(&suspended) || escape || context_stack_left(context, found) < ROOM)
    return 0;
  if (__builtin_setjmp((void **)(uintptr_t)buffer))
    return 0;
  escape = buffer;
  int got = walk(found, (int)(limit + OWN_FRAMES));
  escape = NULL;

  /* The handler's own frames come first; the interrupted instruction ends them. */
  void *interrupted = (void *)context_instruction(context);
  int first = 0;
  while (first < got && found[first] != interrupted)
    first++;
  unsigned depth = 0;
  if (first == got)
    /* The walk did not get past the signal frame: the instruction at least is known. */
    frames[depth++] = interrupted;
  while (first < got && depth < limit)
    frames[depth++] = found[first++];
  return depth;
}
