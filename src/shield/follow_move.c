/* follow_move.c - async-signal-safe. Memory that is moved or resized: mremap(2).
 *
 * The kernel wants one mapping. Arming made several of it, so first our protection is laid
 * over all pages alike, marked ones too: no page becomes writable, so no write is missed
 * meanwhile, and what is moved or grown arrives with a protection that does not allow
 * writing. */
#include "config.h"
#include "shield/follow.h"
#include "shield/change.h"
#include "engine.h"
#include "raw.h"
#include "shield/shield.h"
#include "tracker.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MREMAP_DONTUNMAP
# define MREMAP_DONTUNMAP 4
#endif

/* Nobody watches [start, end): what we laid over it is taken off. */
static void
leave_unwatched(struct ww_tracker *tracker, const struct segment *segment, uintptr_t start, uintptr_t end)
{
  (void)os_protect(start, end - start, segment->protection);
  atomic_fetch_add(&tracker->unfollowed, end - start);
}

/* A region of its own for what came of a part of `from`; all of it is marked. */
static void
watch_anew(const struct ww_region *from, const struct segment *segment, uintptr_t start, uintptr_t end)
{
  struct ww_tracker *tracker = from->tracker;
  struct ww_region *region = region_create(tracker, from->name, start, end, from->shift, 1);
  if (!region) {
    leave_unwatched(tracker, segment, start, end);
    return;
  }
  struct segment_table *table = atomic_load(&region->table);
  table->segment[0] = *segment;
  table->segment[0].first = 0;
  table->segment[0].count = region->pages;
  table->count = 1;
  region->origin = from->origin;
  region->probed = from->probed;
  /* Calls that write there must be trapped before it is armed. */
  if ((tracker->flags & WW_SHIELD) && shield_cover(region)) {
    region_release(region);
    leave_unwatched(tracker, segment, start, end);
  } else if (tracker_insert(tracker, region))
    leave_unwatched(tracker, segment, start, end);
  else
    change_declare((struct range){ start, end });
}

/* [start, end) holds by now what a segment of `from` was, or more of it, under our protection:
 * it is watched, in the regions that it is in, and where there is none, in new ones. */
static void
arrive(const struct ww_region *from, const struct segment *segment, uintptr_t start, uintptr_t end)
{
  struct range range = { start, end };
  (void)change_add(range);      /* without memory, change_set() does what can be done */
  for (uintptr_t at = start; at < end;) {
    struct part part = change_part(at, end);
    struct segment here = *segment;
    at = part.end;
    here.state = SEGMENT_WATCHED;
    if (here.inode)
      here.offset += part.start - start;
    bool fits = part.region && part.region->shift == from->shift
      && atomic_load(&part.region->armed) == atomic_load(&from->armed);
    if (!part.region)
      watch_anew(from, &here, part.start, part.end);
    else if (fits) {
      change_set(&part, &here);
      change_declare((struct range){ part.start, part.end });
    } else {
      change_gone((struct range){ part.start, part.end }, SEGMENT_GONE);
      leave_unwatched(from->tracker, &here, part.start, part.end);
    }
  }
}

/* [start, end) holds by now what nobody watched. Where something was watched before it is
 * watched on, as with mmap(). */
static void
arrive_unwatched(uintptr_t start, uintptr_t end)
{
  struct part part;
  for (uintptr_t at = start; change_next(&at, end, SEGMENT_WATCHED, &part);)
    change_mapped(&part);
}

static void
follow(uintptr_t old, size_t old_length, size_t new_length, int flags, uintptr_t now)
{
  struct range from = change_range(old, old_length), to = change_range(now, new_length);
  size_t was = from.end - from.start, is = to.end - to.start, kept = was < is ? was : is;
  struct part part, last = { .end = 0 };
  /* The tables still say what was. */
  for (uintptr_t at = old; at < old + kept; at = part.end) {
    part = change_part(at, old + kept);
    bool watched = part.region && part.segment.state == SEGMENT_WATCHED;
    if (watched)
      last = part;
    if (now != old && watched)
      arrive(part.region, &part.segment, part.start - old + now, part.end - old + now);
    else if (now != old)
      arrive_unwatched(part.start - old + now, part.end - old + now);
  }
  if (is > was && last.end != old + was && now != old)
    arrive_unwatched(now + was, to.end);
  if (is > was && last.end == old + was) {
    if (last.segment.inode)
      last.segment.offset += last.end - last.start;
    arrive(last.region, &last.segment, now + was, to.end);
  }
  if (now == old)
    change_gone((struct range){ old + kept, from.end }, SEGMENT_GONE);
  else if (!(flags & MREMAP_DONTUNMAP))
    change_gone(from, SEGMENT_GONE);
  else
    change_declare(from);
  change_lay(from);
}

long
follow_mremap(uintptr_t old, size_t old_length, size_t new_length, int flags, uintptr_t new_address)
{
  struct range from = change_range(old, old_length);
  struct range to = flags & MREMAP_FIXED ? change_range(new_address, new_length) : (struct range){ 0, 0 };
  /* A length of 0 maps shared memory a second time. */
  if (!old_length)
    from.end = from.start + os_page_size();
  struct gate_pass pass;
  if (change_is_nobodys(from, &pass)) {
    bool concerns = change_concerns(to);
    long done = concerns ? 0 : raw_call(SYS_mremap, (long)old, (long)old_length, (long)new_length, flags,
                                        (long)new_address, 0);
    gate_leave(pass);
    if (!concerns)
      return done;
  }
  change_begin();
  long result = change_add(from);
  if (!result && to.start < to.end)
    result = change_add(to);
  if (!result) {
    change_level(from);
    result = raw_call(SYS_mremap, (long)old, (long)old_length, (long)new_length, flags, (long)new_address, 0);
    if (result < 0 && result >= -4095) {
      /* A move to a fixed place unmaps that first. */
      change_gone_if_unmapped(to);
      change_gone_if_unmapped(from);
      change_lay(from);
    } else if (old_length)
      follow(old, old_length, new_length, flags, (uintptr_t)result);
    else {
      struct part part = change_part(old, from.end);
      change_gone(change_range((uintptr_t)result, new_length), SEGMENT_GONE);
      if (part.region && part.segment.state == SEGMENT_WATCHED)
        arrive(part.region, &part.segment, (uintptr_t)result, page_up((uintptr_t)result + new_length));
      change_lay(from);
    }
  }
  change_end();
  return result;
}
