/* trace_write.c - async-signal-safe. Blocks on their way into a trace: encoded in the caller's
 * memory, committed whole.
 *
 * What does not fit the buffer is written ahead of its commit ("spilled"): a reader that finds
 * it there without the rest sees an epoch that is cut, as after any death. */
#include "config.h"
#include "trace.h"
#include "trace_code.h"
#include "trace_write.h"

#include <errno.h>
#include <unistd.h>

#define END_RESERVE 64u   /* of the limit, for the END */

int
trace_writer_open(struct trace_writer *writer, int fd, void *buffer, size_t room, uint64_t size,
                  uint64_t limit)
{
  memset(writer, 0, sizeof(*writer));
  if (room < TRACE_BUFFER_MIN || !buffer)
    return -EINVAL;
  writer->fd = fd;
  writer->buffer = buffer;
  writer->room = room;
  writer->block = SIZE_MAX;
  writer->size = size;
  writer->limit = limit;
  return 0;
}

static void
cut_back(struct trace_writer *writer)
{
  int result;

  do
    result = ftruncate(writer->fd, (off_t)writer->size);
  while (result == -1 && errno == EINTR);
  /* Where that fails a reader finds a cut epoch at the end, and says so. */
  if (result == 0)
    (void)!lseek(writer->fd, (off_t)writer->size, SEEK_SET);
}

/* Write what stands before `block`, or all; it is not committed by that. */
static int
spill(struct trace_writer *writer, bool ending)
{
  size_t size = writer->block == SIZE_MAX ? writer->used : writer->block, done = 0;
  int kept = errno;

  if (writer->error)
    return writer->error;
  if (writer->limit && writer->size + writer->spilled + size + (ending ? 0 : END_RESERVE) > writer->limit)
    writer->error = -EFBIG;
  while (!writer->error && done < size) {
    ssize_t written = write(writer->fd, writer->buffer + done, size - done);
    if (written > 0)
      done += (size_t)written;
    else if (written == 0)
      writer->error = -EIO;
    else if (errno != EINTR)
      writer->error = -errno;
  }
  writer->spilled += done;
  if (writer->error) {
    cut_back(writer);
    writer->spilled = 0;
  } else {
    memmove(writer->buffer, writer->buffer + size, writer->used - size);
    writer->used -= size;
    if (writer->block != SIZE_MAX)
      writer->block = 0;
  }
  errno = kept;
  return writer->error;
}

int
trace_block_begin(struct trace_writer *writer, uint32_t type, size_t most)
{
  unsigned char *head;

  if (writer->error)
    return writer->error;
  if (writer->size == 0 && writer->spilled == 0 && writer->used == 0) {
    memcpy(writer->buffer, trace_magic, sizeof(trace_magic));
    trace_store32(writer->buffer + 8, TRACE_VERSION);
    trace_store32(writer->buffer + 12, 0);
    writer->used = TRACE_HEADER;
  }
  if (writer->used + TRACE_BLOCK_HEAD + most > writer->room && spill(writer, type == TRACE_END) < 0)
    return writer->error;
  writer->block = writer->used;
  head = writer->buffer + writer->used;
  trace_store32(head, type);
  writer->used += TRACE_BLOCK_HEAD;
  return 0;
}

void
trace_block_end(struct trace_writer *writer)
{
  unsigned char *head = writer->buffer + writer->block;
  uint32_t length;

  if (writer->error || writer->block == SIZE_MAX)
    return;
  length = (uint32_t)(writer->used - writer->block - TRACE_BLOCK_HEAD);
  trace_store32(head + 4, length);
  trace_store64(head + 8, trace_sum(trace_load32(head), head + TRACE_BLOCK_HEAD, length));
  writer->block = SIZE_MAX;
}

void
trace_block_number(struct trace_writer *writer, uint64_t number)
{
  if (!writer->error)
    writer->used = (size_t)(trace_number_put(writer->buffer + writer->used, number) - writer->buffer);
}

void
trace_block_bytes(struct trace_writer *writer, struct trace_text text, size_t most)
{
  size_t length = text.length < most ? text.length : most;

  if (writer->error)
    return;
  trace_block_number(writer, length);
  if (length)
    memcpy(writer->buffer + writer->used, text.bytes, length);
  writer->used += length;
}

int
trace_commit(struct trace_writer *writer)
{
  bool ending = writer->used >= TRACE_BLOCK_HEAD && writer->used <= END_RESERVE
                && trace_load32(writer->buffer) == TRACE_END;

  trace_run_flush(writer);
  if (writer->error || spill(writer, ending) < 0)
    return writer->error;
  writer->size += writer->spilled;
  writer->spilled = 0;
  return 0;
}

void
trace_writer_recover(struct trace_writer *writer)
{
  if (writer->spilled)
    cut_back(writer);
  writer->spilled = 0;
  writer->used = 0;
  writer->block = SIZE_MAX;
  writer->pending.pages = 0;
  writer->error = 0;
}
