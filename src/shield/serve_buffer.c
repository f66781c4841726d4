/* serve_buffer.c - async-signal-safe. Calls whose buffers the arguments alone do not tell. */
#include "config.h"
#include "shield/serve.h"
#include "shield/shield.h"
#include "os.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <scsi/sg.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { SYS_futex_waitv_number = 449 };   /* on every processor */
enum { UNENCODED = 4096 };   /* commands of old do not tell a size: terminals, sockets, disks */

/* Structures that point to more. */
static void
add_ioctl_inner(struct ranges *ranges, unsigned long command, uintptr_t at)
{
  if (command == SIOCGIFCONF) {
    struct ifconf list;
    if (!safe_read(&list, at, sizeof list))
      ranges_add(ranges, (uintptr_t)list.ifc_buf, list.ifc_len > 0 ? (size_t)list.ifc_len : 0);
  } else if (command == SIOCETHTOOL) {
    struct ifreq request;
    if (!safe_read(&request, at, sizeof request))
      ranges_add(ranges, (uintptr_t)request.ifr_data, 4 * UNENCODED);
  } else if (command == FS_IOC_FIEMAP) {
    struct fiemap map;
    if (!safe_read(&map, at, sizeof map))
      ranges_add(ranges, at, sizeof map + (size_t)map.fm_extent_count * sizeof(struct fiemap_extent));
  } else if (command == SG_IO) {
    struct sg_io_hdr header;
    if (safe_read(&header, at, sizeof header))
      return;
    ranges_add(ranges, (uintptr_t)header.dxferp, header.dxfer_len);
    ranges_add(ranges, (uintptr_t)header.sbp, header.mx_sb_len);
  }
}

long
serve_ioctl(struct call *call)
{
  unsigned long command = (unsigned int)call->argument[1];
  uintptr_t at = (uintptr_t)call->argument[2];
  struct ranges ranges = { .count = 0 };
  size_t size = _IOC_SIZE(command);
  ranges_add(&ranges, at, (_IOC_DIR(command) & _IOC_READ) && size ? size : UNENCODED);
  add_ioctl_inner(&ranges, command, at);
  return shield_lend(call, &ranges, false, NULL);
}

/* getxattrat(folder, path, flags, name, struct xattr_args *, size) of Linux 6.13 */
long
serve_getxattrat(struct call *call)
{
  struct { uint64_t value; uint32_t size, flags; } given;
  struct ranges ranges = { .count = 0 };
  if (!safe_read(&given, (uintptr_t)call->argument[4], sizeof given))
    ranges_add(&ranges, given.value, given.size);
  return shield_lend(call, &ranges, true, NULL);
}

long
serve_ptrace(struct call *call)
{
  struct ranges ranges = { .count = 0 };
  struct iovec set;
  ranges_add(&ranges, (uintptr_t)call->argument[3], UNENCODED);
  if (call->argument[0] == PTRACE_GETREGSET
      && !safe_read(&set, (uintptr_t)call->argument[3], sizeof set))
    ranges_add(&ranges, (uintptr_t)set.iov_base, set.iov_len);
  return shield_lend(call, &ranges, true, NULL);
}

/* futex_waitv(2), and futex_requeue() of Linux 6.7: an array of struct futex_waitv. */
long
serve_futex_vector(struct call *call)
{
  struct { uint64_t value, address; uint32_t flags, reserved; } waiter;
  struct ranges ranges = { .count = 0 };
  size_t count = call->number == SYS_futex_waitv_number ? (size_t)(uint32_t)call->argument[1] : 2;
  for (size_t i = 0; i < count && i < 128; i++)
    if (!safe_read(&waiter, (uintptr_t)call->argument[0] + i * sizeof waiter, sizeof waiter))
      ranges_add(&ranges, waiter.address, sizeof(uint64_t));
  return shield_lend(call, &ranges, false, NULL);
}

/* Into another process's memory it is no concern of ours, unless that is this one. */
long
serve_process_vm_writev(struct call *call)
{
  struct ranges ranges = { .count = 0 };
  long own = raw_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
  if (call->argument[0] == own || !raw_call(SYS_tgkill, own, call->argument[0], 0, 0, 0, 0))
    ranges_add_vector(&ranges, (uintptr_t)call->argument[3], (size_t)call->argument[4]);
  return shield_lend(call, &ranges, true, NULL);
}
