/* filter.c - the seccomp filters of this process.
 *
 * A filter stays until the process ends, also across exec: a call is only trapped if the
 * instruction that makes it lies in the code of this image, which a new image has
 * elsewhere (address space layout randomisation; shield/exec.c takes care where that is
 * off). What is added later - memory that is watched, code that is loaded - takes
 * filters of their own, and each costs every trapped call some nanoseconds: so the
 * n-th one covers a larger neighbourhood of what it was made for. */
#include "config.h"
#include "shield/filter.h"
#include "arena.h"
#include "error.h"
#include "lock.h"
#include "maps.h"
#include "os.h"
#include "raw.h"
#include "shield/mask.h"
#include "shield/program.h"
#include "shield/waiting.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
# define SECCOMP_FILTER_FLAG_SPEC_ALLOW (1UL << 2)
#endif

enum { GRAIN_SHIFT_FIRST = 16, GRAIN_SHIFT_STEP = 4, GRAIN_SHIFT_LAST = 47, FILTERS_MAX = 24 };

static struct lock lock;
static struct coverage installed;    /* all windows and all code so far */
static unsigned filters;
static struct sock_filter *program;  /* [BPF_MAXINSNS] */

static void
add_range(struct range *ranges, size_t *count, size_t limit, uintptr_t start, uintptr_t end)
{
  /* With no place left the last one grows; what lies in between is looked at for nothing. */
  if (*count == limit) {
    struct range *last = &ranges[limit - 1];
    last->start = start < last->start ? start : last->start;
    last->end = end > last->end ? end : last->end;
  } else
    ranges[(*count)++] = (struct range){ start, end };
}

/* ------------------------------------------------------------------------ code */

static bool
makes_calls(uintptr_t start, uintptr_t end)
{
#if defined(__x86_64__)
  const unsigned char *at = (const unsigned char *)start, *last = (const unsigned char *)end - 1;
  while (at < last && (at = memchr(at, 0x0f, (size_t)(last - at)))) {
    if (at[1] == 0x05)
      return true;
    at++;
  }
#elif defined(__aarch64__)
  for (const uint32_t *at = (const uint32_t *)start; at < (const uint32_t *)end; at++)
    if ((*at & 0xffe0001f) == 0xd4000001)
      return true;
#endif
  return false;
}

/* Code without our own calls, in parts that do not cross a multiple of 4 GiB. */
static void
add_code(struct coverage *coverage, uintptr_t start, uintptr_t end)
{
  uintptr_t own_start = (uintptr_t)raw_begin, own_end = (uintptr_t)raw_end;
  if (start < own_end && end > own_start) {
    if (start < own_start)
      add_code(coverage, start, own_start);
    if (end > own_end)
      add_code(coverage, own_end, end);
    return;
  }
  uintptr_t border = ((end - 1) >> 32) << 32;
  if (border > start) {
    add_code(coverage, start, border);
    start = border;
  }
  if (makes_calls(start, end))
    add_range(coverage->codes, &coverage->code, PROGRAM_CODE, start, end);
}

static int
find_code(struct coverage *coverage)
{
  char buffer[4096];
  struct maps_reader reader;
  struct mapping mapping;
  int found, error = maps_open(&reader, buffer, sizeof buffer);
  if (error)
    return error_set(-EIO, "/proc/self/maps cannot be opened: %s; is /proc mounted?", strerror(-error));
  while ((found = maps_next(&reader, &mapping)) > 0)
    if ((mapping.protection & PROT_EXEC) && (mapping.protection & PROT_READ) && mapping.path[0]
        && strcmp(mapping.path, "[vsyscall]"))
      add_code(coverage, mapping.start, mapping.end);
  maps_close(&reader);
  return found < 0 ? error_set(-EIO, "/proc/self/maps cannot be read: %s", strerror(-found)) : 0;
}

/* ------------------------------------------------------------------ installing */

static int
put(size_t length)
{
  if (!length)
    return error_set(-ENOTSUP, "the filter of system calls has become too long: add fewer regions that lie "
                     "far apart");
  long thread = os_seccomp(length, program);
  if (thread > 0)
    return error_set(-EBUSY, "thread %ld has a seccomp filter that others have not, so the shield's cannot "
                     "be added to all: create the first tracker with WW_SHIELD before there are other threads",
                     thread);
  if (thread < 0)
    return error_set(thread == -ENOMEM ? -ENOMEM : -ENOTSUP, "the kernel refuses a seccomp filter: %s; the "
                     "shield needs Linux 4.14 with CONFIG_SECCOMP_FILTER, and no sandbox that forbids it",
                     strerror((int)-thread));
  return 0;
}

static int
install(const struct coverage *coverage)
{
  size_t length = program_make(coverage, program);
  int32_t thread = 0;
  /* Right before: everything else takes time, in which somebody may block again. */
  if (!filters && length && mask_settle(&thread))
    return filter_blocked(thread);
  int error = put(length);
  if (!error && !filters++)
    mask_settled();
  return error;
}

int
filter_blocked(int32_t thread)
{
  return error_set(-EBUSY, "thread %d has SIGSEGV or SIGSYS blocked, which the shield needs open: unblock "
                   "them there, or create the tracker before that thread", (int)thread);
}

int
filter_first(void)
{
  static struct coverage code;
  static bool done;
  int error = 0;
  lock_take(&lock);
  if (!done && !(error = find_code(&code)) && !(error = put(program_make_first(&code, program))))
    done = true;
  lock_give(&lock);
  return error;
}

void
filter_prepare_apart(void)
{
  if (os_threads() == 1)
    (void)program_prepare_apart();
}

int
filter_prepare(void)
{
  int error = 0;
  lock_take(&lock);
  if (!filters) {
    error = program_prepare();
    if (error == -ENOTSUP)
      error_set(error, "this library was built without libseccomp, so it has no shield");
    else if (error) {
      const char *why = strerror(-error);
      error = error_set(error == -ENOMEM ? error : -ENOTSUP, "libseccomp cannot make a filter: %s", why);
    }
    if (!error && !program && !(program = arena_map(NULL, BPF_MAXINSNS * sizeof *program)))
      error = error_set(-ENOMEM, "no memory for a filter of system calls");
    uint32_t action = SECCOMP_RET_TRAP;
    if (!error && (error = os_seccomp_knows(action)))
      error_set(error = -ENOTSUP, "this kernel has no seccomp filters, or a sandbox forbids them: the shield "
                "needs Linux 4.14 with CONFIG_SECCOMP_FILTER");
  }
  lock_give(&lock);
  return error;
}

static bool
covered(uintptr_t start, uintptr_t end)
{
  for (size_t i = 0; i < installed.windows; i++)
    if (installed.window[i].start <= start && installed.window[i].end >= end)
      return true;
  return false;
}

bool
filter_covers(uintptr_t start, uintptr_t end)
{
  lock_take(&lock);
  bool known = covered(start, end);
  lock_give(&lock);
  return known;
}

int
filter_cover(uintptr_t start, uintptr_t end, bool files)
{
  int error = 0;
  lock_take(&lock);
  if (!covered(start, end) || (files && !installed.files)) {
    unsigned shift = GRAIN_SHIFT_FIRST + GRAIN_SHIFT_STEP * (unsigned)installed.windows;
    if (shift > GRAIN_SHIFT_LAST)
      shift = GRAIN_SHIFT_LAST;
    uintptr_t grain = (uintptr_t)1 << shift;
    start &= ~(grain - 1);
    end = (end + grain - 1) & ~(grain - 1);
    static struct coverage added;
    if (!filters) {
      installed.code = 0;
      error = find_code(&installed);
    }
    added = installed;
    added.further = filters > 0;
    added.files = files && !installed.files;
    added.windows = 1;
    added.window[0] = (struct range){ start, end };
    if (!error)
      error = install(&added);
    if (!error) {
      add_range(installed.window, &installed.windows, PROGRAM_WINDOWS, start, end);
      installed.files |= files;
      waiting_find((struct range){ start, end });
    }
  }
  lock_give(&lock);
  return error;
}

void
filter_code(uintptr_t start, uintptr_t end)
{
  static struct coverage added;
  lock_take(&lock);
  added = installed;
  added.code = 0;
  add_code(&added, start, end);
  bool known = true;
  for (size_t i = 0; i < added.code; i++) {
    bool here = false;
    for (size_t j = 0; j < installed.code; j++)
      here |= installed.codes[j].start <= added.codes[i].start
        && installed.codes[j].end >= added.codes[i].end;
    known &= here;
  }
  if (!known && filters && filters < FILTERS_MAX) {
    bool done = install(&added) == 0;
    for (size_t i = 0; i < added.code && done; i++)
      if (installed.code < PROGRAM_CODE)
        installed.codes[installed.code++] = added.codes[i];
  }
  lock_give(&lock);
}

void
filter_lock(void)
{
  lock_take(&lock);
}

void
filter_unlock(void)
{
  lock_give(&lock);
}
