/* trace_seal.c - the END of a trace whose program could not write it: no allocation, no stdio, as
 * in the writer, for a parent that watches over a program. */
#include "config.h"
#include "trace.h"
#include "trace_code.h"

#include <errno.h>
#include <unistd.h>

/* Whether [offset, offset + size) could be read whole; or a negative errno. */
static int
read_at(int fd, unsigned char *to, size_t size, uint64_t offset)
{
  size_t have = 0;

  while (have < size) {
    ssize_t got = pread(fd, to + have, size - have, (off_t)(offset + have));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -errno;
    if (got == 0)
      return 0;
    have += (size_t)got;
  }
  return 1;
}

/* Step from block to block. *end is where the END belongs: behind the last sound block if after it
 * there is merely the beginning of one, else, as whoever damaged the file in its midst may have left
 * sound blocks behind that, at the file's end. */
static int
find_end(int fd, unsigned char *buffer, size_t room, uint64_t *end, bool *ended)
{
  uint64_t offset = TRACE_HEADER;
  int result;

  *ended = false;
  *end = offset;
  for (;;) {
    unsigned char head[TRACE_BLOCK_HEAD];
    uint32_t type, length;
    result = read_at(fd, head, sizeof(head), offset);
    if (result <= 0)
      return result;
    type = trace_load32(head);
    length = trace_load32(head + 4);
    if (type == 0 || length > TRACE_PAYLOAD_MAX)
      break;
    if (length > room)
      return -EMSGSIZE;
    result = read_at(fd, buffer, length, offset + TRACE_BLOCK_HEAD);
    if (result <= 0)
      return result;
    offset += TRACE_BLOCK_HEAD + length;
    *end = offset;
    *ended = type == TRACE_END && trace_load64(head + 8) == trace_sum(type, buffer, length);
  }
  off_t last = lseek(fd, 0, SEEK_END);
  if (last == -1)
    return -errno;
  *end = (uint64_t)last;
  return 0;
}

int
trace_seal(int fd, void *buffer, size_t room, const struct trace_end *end)
{
  unsigned char head[TRACE_HEADER];
  struct trace_writer writer;
  uint64_t size;
  bool ended;
  int result;

  if (room < TRACE_BUFFER_MIN)
    return -EINVAL;
  result = read_at(fd, head, sizeof(head), 0);
  if (result < 0)
    return result;
  if (result == 0 || memcmp(head, trace_magic, sizeof(trace_magic)) != 0)
    return -EBADMSG;
  result = find_end(fd, buffer, room, &size, &ended);
  if (result < 0)
    return result;
  if (ended)
    return -EEXIST;
  if (ftruncate(fd, (off_t)size) == -1 || lseek(fd, (off_t)size, SEEK_SET) == -1)
    return -errno;
  result = trace_writer_open(&writer, fd, buffer, room, size, 0);
  if (result == 0)
    result = trace_put_end(&writer, end);
  return result ? result : trace_commit(&writer);
}
