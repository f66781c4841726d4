/* follow_map.c - async-signal-safe. Memory that is mapped over what is watched. */
#include "config.h"
#include "shield/follow.h"
#include "shield/change.h"
#include "maps.h"
#include "raw.h"

#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

static bool
is_address(long result)
{
  return result >= 0 || result < -4095;
}

/* What was watched there is watched on, whatever it is now. */
static void
mapped_over(struct range range)
{
  struct part part;
  for (uintptr_t at = range.start; change_next(&at, range.end, SEGMENT_WATCHED, &part);)
    change_mapped(&part);
}

long
follow_mmap(uintptr_t address, size_t length, int protection, int flags, int fd, long offset)
{
  struct range range = change_range(address, length);
  struct gate_pass pass;
  if (!(flags & MAP_FIXED))
    return raw_call(SYS_mmap, (long)address, (long)length, protection, flags, fd, offset);
  if (change_is_nobodys(range, &pass)) {
    long done = raw_call(SYS_mmap, (long)address, (long)length, protection, flags, fd, offset);
    gate_leave(pass);
    return done;
  }
  change_begin();
  long result = change_add(range);
  if (!result) {
    result = raw_call(SYS_mmap, (long)address, (long)length, protection, flags, fd, offset);
    if (is_address(result))
      mapped_over(range);
    else
      /* The kernel unmaps first, and may fail thereafter. */
      change_gone_if_unmapped(range);
  }
  change_end();
  return result;
}

long
follow_shmat(int id, uintptr_t address, int flags)
{
  struct shmid_ds status;
  struct range range = { 0, 0 };
  uintptr_t start = flags & SHM_RND ? address & ~((uintptr_t)SHMLBA - 1) : address;
  if ((flags & SHM_REMAP) && !raw_call(SYS_shmctl, id, IPC_STAT, (long)&status, 0, 0, 0))
    range = change_range(start, status.shm_segsz);
  if (!change_concerns(range))
    return raw_call(SYS_shmat, id, (long)address, flags, 0, 0, 0);
  change_begin();
  long result = change_add(range);
  if (!result) {
    result = raw_call(SYS_shmat, id, (long)address, flags, 0, 0, 0);
    if (is_address(result))
      mapped_over(range);
    else
      change_gone_if_unmapped(range);
  }
  change_end();
  return result;
}

/* What the kernel unmaps with it: all that shows the same memory where it was attached. */
static struct range
attached(uintptr_t address)
{
  char buffer[2048];
  struct maps_reader reader;
  struct mapping mapping;
  struct range range = { address, address };
  uint64_t inode = 0, device = 0;
  if (maps_open(&reader, buffer, sizeof buffer))
    return range;
  while (maps_next(&reader, &mapping) > 0) {
    if (mapping.end <= address)
      continue;
    if (range.end == address) {
      inode = mapping.inode;
      device = mapping.device;
    }
    if (mapping.start != range.end || !mapping.shared || !inode || mapping.inode != inode
        || mapping.device != device || mapping.offset != mapping.start - address)
      break;
    range.end = mapping.end;
  }
  maps_close(&reader);
  return range;
}

long
follow_shmdt(uintptr_t address)
{
  struct range range = { address, address + 1 };
  if (!change_concerns((struct range){ address, UINTPTR_MAX }))
    return raw_call(SYS_shmdt, (long)address, 0, 0, 0, 0, 0);
  change_begin();
  range = attached(address);
  long result = range.start < range.end ? change_add(range) : 0;
  if (!result) {
    result = raw_call(SYS_shmdt, (long)address, 0, 0, 0, 0, 0);
    if (!result)
      change_gone(range, SEGMENT_GONE);
  }
  change_end();
  return result;
}

/* It wants one mapping, and gives the new one the protection that it finds: ours. */
long
follow_remap_file_pages(const long argument[6])
{
  const long *a = argument;
  struct range range = change_range((uintptr_t)a[0], (size_t)a[1]);
  if (!change_concerns(range))
    return raw_call(SYS_remap_file_pages, a[0], a[1], a[2], a[3], a[4], 0);
  struct part part;
  change_begin();
  long result = change_add(range);
  if (!result) {
    change_level(range);
    result = raw_call(SYS_remap_file_pages, a[0], a[1], a[2], a[3], a[4], 0);
    for (uintptr_t at = range.start; !result && change_next(&at, range.end, SEGMENT_WATCHED, &part);) {
      part.segment.offset = (uint64_t)a[3] * os_page_size() + (part.start - range.start);
      change_set(&part, &part.segment);
    }
    if (!result)
      change_declare(range);
    change_lay(range);
  }
  change_end();
  return result;
}

/* ------------------------------------------------------------------- break */

long
follow_brk(uintptr_t address)
{
  uintptr_t before = (uintptr_t)raw_call(SYS_brk, 0, 0, 0, 0, 0, 0);
  uintptr_t low = page_up(address < before ? address : before), high;
  high = page_up(address < before ? before : address);
  struct range range = { low, high };
  struct gate_pass pass;
  if (!address)
    return (long)before;
  if (change_is_nobodys(range, &pass)) {
    long done = raw_call(SYS_brk, (long)address, 0, 0, 0, 0, 0);
    gate_leave(pass);
    return done;
  }
  struct part part;
  change_begin();
  /* Without memory of ours the break stays where it is, as it does without memory. */
  long result = (long)before;
  if (!change_add(range)) {
    result = raw_call(SYS_brk, (long)address, 0, 0, 0, 0, 0);
    bool moved = (uintptr_t)result == address;
    if (moved && address < before)
      change_gone(range, SEGMENT_GONE_BRK);
    for (uintptr_t at = low; moved && address > before && change_next(&at, high, SEGMENT_GONE_BRK, &part);)
      change_mapped(&part);
  }
  change_end();
  return result;
}
