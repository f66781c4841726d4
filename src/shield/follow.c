/* follow.c - async-signal-safe. Memory that is unmapped, protected, sealed, thrown away. */
#include "config.h"
#include "shield/follow.h"
#include "shield/change.h"
#include "engine.h"
#include "fork.h"
#include "maps.h"
#include "raw.h"
#include "tracker.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* Of newer kernels than the headers may be. */
enum {
  ADVICE_DONTNEED_LOCKED = 24, ADVICE_GUARD_INSTALL = 102, CALL_MSEAL = 462
};

long
follow_munmap(uintptr_t address, size_t length)
{
  struct range range = change_range(address, length);
  struct gate_pass pass;
  if (change_is_nobodys(range, &pass)) {
    long done = raw_call(SYS_munmap, (long)address, (long)length, 0, 0, 0, 0);
    gate_leave(pass);
    return done;
  }
  change_begin();
  long result = change_add(range);
  if (!result) {
    result = raw_call(SYS_munmap, (long)address, (long)length, 0, 0, 0, 0);
    if (!result)
      change_gone(range, SEGMENT_GONE);
  }
  change_end();
  return result;
}

/* -------------------------------------------------------------- protecting */

struct protecting { long number; int protection; int pkey; };

static long
protect(const struct protecting *how, uintptr_t start, uintptr_t end, int protection)
{
  return raw_call(how->number, (long)start, (long)(end - start), protection, how->pkey, 0, 0);
}

/* The kernel gives up at the first mapping that it cannot change, and what lies before it is
 * changed. Which that is cannot be read from the protections, for ours may be alike before
 * and after: so mapping by mapping it is tried again. Returns where it gave up. */
static uintptr_t
protect_one_by_one(const struct protecting *how, const struct part *part, int protection)
{
  char buffer[2048];
  struct maps_reader reader;
  struct mapping mapping;
  uintptr_t reached = part->start;
  if (maps_open(&reader, buffer, sizeof buffer))
    return reached;
  while (reached < part->end && maps_next(&reader, &mapping) > 0) {
    if (mapping.end <= reached)
      continue;
    uintptr_t end = mapping.end < part->end ? mapping.end : part->end;
    if (mapping.start > reached || protect(how, reached, end, protection))
      break;
    reached = end;
  }
  maps_close(&reader);
  return reached;
}

/* One piece of one segment. What becomes writable is kept from being so until it is written. */
static long
protect_part(const struct protecting *how, struct part *part)
{
  struct ww_region *region = part->region;
  bool writable = how->protection & PROT_WRITE, armed = atomic_load(&region->armed);
  /* Will the kernel allow it? Only asking tells, so this once the pages are opened for good. */
  bool asks = writable && part->segment.may_not_write;
  int protection = armed && !asks ? segment_armed_protection(how->protection) : how->protection;
  struct range range = { part->start, part->end };
  long error = protect(how, part->start, part->end, protection);
  if (error) {
    range.end = protect_one_by_one(how, part, protection);
    if (range.end == range.start)
      return error;
    part->end = range.end;
    part->count = (range.end - range.start) >> region->shift;
  }
  part->segment.protection = how->protection & (PROT_READ | PROT_WRITE | PROT_EXEC);
  if (asks)
    part->segment.may_not_write = false;
  change_set(part, &part->segment);
  if (armed && asks)
    (void)engine_open_bulk(region, &region->set[atomic_load(&region->tracker->gate.epoch) & 1], part->first,
                           part->count);
  else if (armed && writable)
    change_lay(range);
  return error;
}

/* Piece by piece, in order: as in the kernel, what lies before a failure is changed. */
long
follow_mprotect(long number, uintptr_t address, size_t length, int protection, int pkey)
{
  const struct protecting how = { number, protection, pkey };
  struct range range = change_range(address, length);
  bool plain = !(protection & ~(PROT_READ | PROT_WRITE | PROT_EXEC));
  /* What the kernel refuses at once, and stacks that are to grow: never a region's. */
  if (!plain || range.start != address)
    return raw_call(number, (long)address, (long)length, protection, pkey, 0, 0);
  struct gate_pass pass;
  if (change_is_nobodys(range, &pass)) {
    long done = raw_call(number, (long)address, (long)length, protection, pkey, 0, 0);
    gate_leave(pass);
    return done;
  }
  change_begin();
  long error = change_add(range);
  for (uintptr_t at = range.start; at < range.end && !error;) {
    struct part part = change_part(at, range.end);
    at = part.end;
    if (part.region && part.segment.state == SEGMENT_WATCHED)
      error = protect_part(&how, &part);
    else
      error = protect(&how, part.start, part.end, protection);
  }
  change_end();
  return error;
}

/* What is sealed keeps its protection for good, so it cannot be watched: our protection is
 * taken off first. If sealing fails it is watched on, and says what may have been missed. */
long
follow_mseal(uintptr_t address, size_t length, unsigned long flags)
{
  struct range range = change_range(address, length);
  if (!change_concerns(range) || raw_call(CALL_MSEAL, 0, 0, 0, 0, 0, 0))
    return raw_call(CALL_MSEAL, (long)address, (long)length, (long)flags, 0, 0, 0);
  struct part part;
  change_begin();
  long result = change_add(range);
  if (!result) {
    for (uintptr_t at = range.start; change_next(&at, range.end, SEGMENT_WATCHED, &part);)
      if (atomic_load(&part.region->armed))
        (void)engine_open_bulk(part.region,
                               &part.region->set[atomic_load(&part.region->tracker->gate.epoch) & 1],
                               part.first, part.count);
    result = raw_call(CALL_MSEAL, (long)address, (long)length, (long)flags, 0, 0, 0);
    if (!result)
      change_gone(range, SEGMENT_GONE);
  }
  change_end();
  return result;
}

/* ---------------------------------------------------------------- contents */

static bool
changes_contents(int advice)
{
  return advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_REMOVE
    || advice == ADVICE_DONTNEED_LOCKED || advice == ADVICE_GUARD_INSTALL;
}

/* Behind a guard nothing can be read, whatever the protection says. */
static void
declare(struct range range, int advice)
{
  struct part part;
  change_declare(range);
  if (advice == ADVICE_GUARD_INSTALL)
    for (uintptr_t at = range.start; change_next(&at, range.end, SEGMENT_WATCHED, &part);)
      part.region->probed = true;
}

/* No table changes, and no protection: the locks alone keep the epoch from ending between the
 * marks and the call. */
long
follow_madvise(uintptr_t address, size_t length, int advice)
{
  struct range range = change_range(address, length);
  struct part part;
  if (!changes_contents(advice) || !change_concerns(range))
    return raw_call(SYS_madvise, (long)address, (long)length, advice, 0, 0, 0);
  fork_hold();
  declare(range, advice);
  long result = raw_call(SYS_madvise, (long)address, (long)length, advice, 0, 0, 0);
  /* Memory that is to be freed turns into zeros at a time that nobody can tell. It may as well
   * be now. */
  if (!result && advice == MADV_FREE)
    for (uintptr_t at = range.start; change_next(&at, range.end, SEGMENT_WATCHED, &part);)
      if (!part.segment.inode && !part.segment.shared)
        (void)raw_call(SYS_madvise, (long)part.start, (long)(part.end - part.start), MADV_DONTNEED, 0, 0, 0);
  fork_release();
  return result;
}

void
follow_contents(uintptr_t start, uintptr_t end, int advice)
{
  struct range range = change_range(start, end - start);
  if (!changes_contents(advice) || !change_concerns(range))
    return;
  fork_hold();
  declare(range, advice);
  fork_release();
}
