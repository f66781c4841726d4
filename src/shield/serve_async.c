/* serve_async.c - async-signal-safe. Asynchronous input: io_submit(2) and io_uring(7).
 *
 * The call returns, and the kernel writes later; when it is done the program may see in
 * memory that it shares with the kernel, without another call. So buffers are lent for
 * good: writable from then on, and compared at each collect.
 *
 * With io_uring the entries are written into a mapping of the ring's. All of them are
 * looked at whenever the program submits: an old one names a buffer that was lent
 * before. A ring that the kernel polls (IORING_SETUP_SQPOLL) may be read before we see
 * it: register its buffers, or announce them with ww_touch(). */
#include "config.h"
#include "shield/serve.h"
#include "shield/shield.h"
#include "maps.h"
#include "os.h"

#include <linux/aio_abi.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/uio.h>

static void
lend_for_good(const struct ranges *ranges)
{
  for (size_t i = 0; i < ranges->count; i++)
    shield_keep_open(ranges->range[i].start, ranges->range[i].end);
}

static void
lend_vector(uintptr_t vector, size_t count)
{
  for (size_t i = 0; i < count && i < 1024; i += SHIELD_RANGES) {
    struct ranges ranges = { .count = 0 };
    size_t rest = count - i;
    ranges_add_vector(&ranges, vector + i * sizeof(struct iovec), rest < SHIELD_RANGES
                      ? rest : SHIELD_RANGES);
    lend_for_good(&ranges);
  }
}

long
serve_io_submit(struct call *call)
{
  long count = call->argument[1];
  for (long i = 0; i < count && i < 65536; i++) {
    uintptr_t at;
    struct iocb request;
    if (safe_read(&at, (uintptr_t)call->argument[2] + (size_t)i * sizeof at, sizeof at)
        || safe_read(&request, at, sizeof request))
      break;
    if (request.aio_lio_opcode == IOCB_CMD_PREAD)
      shield_keep_open(request.aio_buf, request.aio_buf + request.aio_nbytes);
    else if (request.aio_lio_opcode == IOCB_CMD_PREADV)
      lend_vector(request.aio_buf, request.aio_nbytes);
  }
  return call_make(call);
}

/* ---------------------------------------------------------------------- io_uring */

/* The first half of struct io_uring_sqe (linux/io_uring.h), and the operations that write. */
struct entry {
  uint8_t operation, flags;
  uint16_t priority;
  int32_t fd;
  uint64_t offset, address;      /* `offset` is a second address for some */
  uint32_t length, more;
  uint64_t user, rest[3];
};
_Static_assert(sizeof(struct entry) == 64, "an entry of the ring has 64 bytes");

enum {
  OP_READV = 1, OP_READ_FIXED = 4, OP_RECVMSG = 10, OP_ACCEPT = 13, OP_STATX = 21, OP_READ = 22, OP_RECV = 27,
  OP_PROVIDE_BUFFERS = 31, OP_FGETXATTR = 43, OP_GETXATTR = 44, OP_WAITID = 50
};

static void
lend_entry(const struct entry *entry)
{
  struct call as = { .argument = { 0, (long)entry->address, (long)entry->length, (long)entry->offset } };
  struct ranges ranges = { .count = 0 };
  switch (entry->operation) {
    case OP_READV:
      lend_vector(entry->address, entry->length);
      break;
    case OP_READ: case OP_READ_FIXED: case OP_RECV:
      ranges_add(&ranges, entry->address, entry->length);
      break;
    case OP_RECVMSG:
      ranges_add_out(&ranges, &as, &(struct out){ OUT_MESSAGE, 1, 0, 0 });
      break;
    case OP_ACCEPT:
      ranges_add_out(&ranges, &as, &(struct out){ OUT_SOCKLEN, 1, 3, 0 });
      ranges_add(&ranges, entry->offset, sizeof(uint32_t));
      break;
    case OP_STATX:
      ranges_add(&ranges, entry->offset, 256);
      break;
    case OP_PROVIDE_BUFFERS:
      ranges_add(&ranges, entry->address, (size_t)entry->length * (size_t)(entry->fd > 0 ? entry->fd : 0));
      break;
    case OP_FGETXATTR: case OP_GETXATTR:
      ranges_add(&ranges, entry->offset, entry->length);
      break;
    case OP_WAITID:
      ranges_add(&ranges, entry->offset, 128);
      break;
    default:
      break;
  }
  lend_for_good(&ranges);
}

/* Where the entries of the process's rings are mapped; read anew after each set-up. */
enum { RINGS = 64 };
static struct range ring[RINGS];
static _Atomic unsigned rings;
static _Atomic bool rings_known;

static void
find_rings(void)
{
  const unsigned long entries_offset = 0x10000000;   /* IORING_OFF_SQES */
  char buffer[1024];
  struct maps_reader reader;
  struct mapping mapping;
  unsigned found = 0;
  if (maps_open(&reader, buffer, sizeof buffer))
    return;
  while (maps_next(&reader, &mapping) > 0 && found < RINGS)
    if (!strncmp(mapping.path, "anon_inode:[io_uring]", 21) && mapping.offset == entries_offset)
      ring[found++] = (struct range){ mapping.start, mapping.end };
  maps_close(&reader);
  atomic_store(&rings, found);
}

/* Rings of buffers that the program hands over by writing to memory. */
enum { BUFFER_RINGS = 32 };
static struct { _Atomic uintptr_t at; _Atomic unsigned entries; } buffer_ring[BUFFER_RINGS];
static _Atomic unsigned buffer_rings;

static void
lend_buffer_rings(void)
{
  struct { uint64_t address; uint32_t length; uint16_t id, tail; } buffer;   /* struct io_uring_buf */
  unsigned count = atomic_load(&buffer_rings);
  for (unsigned i = 0; i < count && i < BUFFER_RINGS; i++)
    for (unsigned j = 0; j < atomic_load(&buffer_ring[i].entries); j++)
      if (!safe_read(&buffer, atomic_load(&buffer_ring[i].at) + j * sizeof buffer, sizeof buffer)
          && buffer.length)
        shield_keep_open(buffer.address, buffer.address + buffer.length);
}

long
serve_uring_setup(struct call *call)
{
  atomic_store(&rings_known, false);
  return call_make(call);
}

long
serve_uring_enter(struct call *call)
{
  if (!atomic_exchange(&rings_known, true))
    find_rings();
  unsigned count = atomic_load(&rings);
  for (unsigned i = 0; i < count; i++)
    for (uintptr_t at = ring[i].start; at < ring[i].end; at += sizeof(struct entry)) {
      struct entry entry;
      if (safe_read(&entry, at, sizeof entry))
        break;
      lend_entry(&entry);
    }
  lend_buffer_rings();
  struct ranges ranges = { .count = 0 };
  ranges_add(&ranges, (uintptr_t)call->argument[3], 128);
  return shield_lend(call, &ranges, false, NULL);
}

long
serve_uring_register(struct call *call)
{
  enum { BUFFERS = 0, BUFFERS2 = 15, BUFFERS_UPDATE = 16, BUFFER_RING = 22 };
  uintptr_t at = (uintptr_t)call->argument[2];
  switch (call->argument[1] & 0x7fffffff) {
    case BUFFERS:
      lend_vector(at, (size_t)call->argument[3]);
      break;
    case BUFFERS2: {
      struct { uint32_t count, flags; uint64_t reserved, data, tags; } given;
      if (!safe_read(&given, at, sizeof given))
        lend_vector(given.data, given.count);
      break;
    }
    case BUFFERS_UPDATE: {
      struct { uint32_t offset, reserved; uint64_t data, tags; uint32_t count, reserved2; } given;
      if (!safe_read(&given, at, sizeof given))
        lend_vector(given.data, given.count);
      break;
    }
    case BUFFER_RING: {
      struct { uint64_t ring; uint32_t entries; uint16_t group, flags; } given;
      if (safe_read(&given, at, sizeof given) || (given.flags & 1))
        break;   /* 1: the kernel makes the ring */
      unsigned place = atomic_fetch_add(&buffer_rings, 1) % BUFFER_RINGS;
      atomic_store(&buffer_ring[place].at, given.ring);
      atomic_store(&buffer_ring[place].entries, given.entries);
      break;
    }
    default:
      break;
  }
  return call_make(call);
}
