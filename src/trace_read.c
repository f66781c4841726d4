/* trace_read.c - a trace, block by block, in bounded memory; on behind what is damaged.
 *
 * Blocks stand by themselves: what one of them says is relative to nothing in another. So one
 * that is damaged costs what it held, and no more. */
#include "config.h"
#include "trace.h"
#include "trace_code.h"
#include "trace_decode.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW ((size_t)3 << 20)
/* A file could be made so that looking for its next block took days: after this many bytes have
 * been hashed in vain for it, the rest is not read. */
#define SEARCH_MOST ((uint64_t)1 << 30)

struct trace_reader {
  int      fd;
  uint64_t offset;        /* of the next block */
  uint64_t size;          /* of the file, when last looked at */
  uint64_t damaged;
  uint64_t searched;      /* bytes hashed while looking for blocks */
  uint64_t looked;        /* the size at which nothing was found behind `offset`, or 0 */
  uint64_t from;          /* the window: file offset, */
  size_t   have;          /* and bytes of it */
  unsigned char *window;
  uint64_t frames[TRACE_FRAMES_MAX];
};

/* The file's bytes [offset, offset + need), or NULL: it ends before (*error 0), or cannot be
 * read. */
static const unsigned char *
see(struct trace_reader *reader, uint64_t offset, size_t need, int *error)
{
  *error = 0;
  if (offset >= reader->from && offset - reader->from + need <= reader->have)
    return reader->window + (offset - reader->from);
  if (offset >= reader->from && offset - reader->from < reader->have) {
    size_t gone = (size_t)(offset - reader->from);
    memmove(reader->window, reader->window + gone, reader->have - gone);
    reader->have -= gone;
  } else {
    reader->have = 0;
  }
  reader->from = offset;
  while (reader->have < need) {
    ssize_t got = pread(reader->fd, reader->window + reader->have, WINDOW - reader->have,
                        (off_t)(offset + reader->have));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      *error = -errno;
    if (got <= 0)
      return NULL;
    reader->have += (size_t)got;
  }
  return reader->window;
}

static int
look_at_size(struct trace_reader *reader)
{
  struct stat status;

  if (fstat(reader->fd, &status) == -1)
    return -errno;
  reader->size = status.st_size > 0 ? (uint64_t)status.st_size : 0;
  return 0;
}

int
trace_reader_open(struct trace_reader **opened, int fd, unsigned flags, const char **why)
{
  struct trace_reader *reader;
  const unsigned char *head;
  struct stat status;
  const char *ignored;
  int error;

  if (!why)
    why = &ignored;
  *why = "it cannot be read";
  if (flags)
    return -EINVAL;
  if (fstat(fd, &status) == -1)
    return -errno;
  *why = "it is not a regular file";
  if (!S_ISREG(status.st_mode))
    return -ESPIPE;
  *why = "out of memory";
  reader = calloc(1, sizeof(*reader));
  if (!reader || !(reader->window = malloc(WINDOW))) {
    free(reader);
    return -ENOMEM;
  }
  reader->fd = fd;
  reader->offset = TRACE_HEADER;
  error = look_at_size(reader);
  head = error ? NULL : see(reader, 0, TRACE_HEADER, &error);
  *why = "it cannot be read";
  if (!error && !head) {
    *why = reader->size == 0 ? "the file is empty" : "the file is too short for a trace";
    error = -EBADMSG;
  } else if (!error && memcmp(head, trace_magic, sizeof(trace_magic)) != 0) {
    *why = "the file does not begin as a trace does";
    error = -EBADMSG;
  } else if (!error && trace_load32(head + 8) != TRACE_VERSION) {
    *why = "the trace is of a version that this program does not know";
    error = -EPROTO;
  } else if (!error && trace_load32(head + 12) != 0) {
    *why = "the trace needs something that this program does not know";
    error = -EPROTO;
  }
  if (error) {
    trace_reader_close(reader);
    return error;
  }
  *why = NULL;
  *opened = reader;
  return 0;
}

void
trace_reader_close(struct trace_reader *reader)
{
  if (!reader)
    return;
  free(reader->window);
  free(reader);
}

/* What stands at an offset. */
enum finding { SOUND, CUT, DAMAGED, FAILED };

struct found {
  enum finding finding;
  uint32_t type, length;
  const unsigned char *payload;   /* NULL: it is not whole */
  const char *reason;
  int      error;
};

static struct found
look_head(struct trace_reader *reader, uint64_t offset)
{
  struct found found = { .finding = CUT };
  const unsigned char *head;

  if (reader->size - offset < TRACE_BLOCK_HEAD)
    return found;
  head = see(reader, offset, TRACE_BLOCK_HEAD, &found.error);
  if (!head) {
    found.finding = found.error ? FAILED : CUT;
    return found;
  }
  found.type = trace_load32(head);
  found.length = trace_load32(head + 4);
  if (found.type == 0 || found.length > TRACE_PAYLOAD_MAX) {
    found.finding = DAMAGED;
    found.reason = "no block begins there";
  } else if (reader->size - offset - TRACE_BLOCK_HEAD >= found.length) {
    found.finding = SOUND;
  }
  return found;
}

/* The block at `offset`, which is before the file's end. */
static struct found
look(struct trace_reader *reader, uint64_t offset)
{
  struct found found = look_head(reader, offset);
  const unsigned char *block;

  if (found.finding != SOUND)
    return found;
  block = see(reader, offset, TRACE_BLOCK_HEAD + found.length, &found.error);
  if (!block) {
    found.finding = found.error ? FAILED : CUT;
    return found;
  }
  found.payload = block + TRACE_BLOCK_HEAD;
  if (trace_load64(block + 8) != trace_sum(found.type, found.payload, found.length)) {
    found.finding = DAMAGED;
    found.reason = "a block's checksum is wrong";
  }
  return found;
}

/* The next offset from `offset` on at which there is a sound block of a known type; the file's
 * end if there is none. *error: reading failed. */
static uint64_t
search(struct trace_reader *reader, uint64_t offset, int *error)
{
  *error = 0;
  for (; offset < reader->size && reader->size - offset >= TRACE_BLOCK_HEAD; offset++) {
    const unsigned char *head = see(reader, offset, TRACE_BLOCK_HEAD, error);
    struct found found;
    if (!head)
      return reader->size;
    if (head[0] == 0 || head[0] >= TRACE_TYPES || head[1] || head[2] || head[3])
      continue;
    found = look(reader, offset);
    if (found.finding == SOUND)
      return offset;
    *error = found.finding == FAILED ? found.error : 0;
    if (*error)
      return reader->size;
    reader->searched += found.finding == DAMAGED && found.payload ? found.length : 0;
    if (reader->searched > SEARCH_MOST)
      return reader->size;
  }
  return reader->size;
}

static int
give_damage(struct trace_reader *reader, struct trace_record *record, uint64_t end, const char *reason)
{
  record->type = TRACE_DAMAGE;
  record->offset = reader->offset;
  record->damage.length = end - reader->offset;
  record->damage.reason = reason;
  reader->damaged += record->damage.length;
  reader->offset = end;
  return 1;
}

/* A block that is not sound, or not whole. */
static int
step_over(struct trace_reader *reader, struct trace_record *record, const struct found *found)
{
  uint64_t next;
  int error;

  if (found->finding == CUT && reader->looked == reader->size)
    return 0;
  /* Its length is not to be believed: by chance it may point to the begin of a later one. */
  next = search(reader, reader->offset + 1, &error);
  if (error)
    return error;
  if (found->finding == CUT && next == reader->size) {
    reader->looked = reader->size;
    return 0;
  }
  return give_damage(reader, record, next, found->reason ? found->reason : "a block is longer than the file");
}

int
trace_next(struct trace_reader *reader, struct trace_record *record)
{
  for (;;) {
    struct found found;
    const char *wrong;
    uint64_t end;
    int error;

    if (reader->offset >= reader->size || reader->looked == reader->size) {
      error = look_at_size(reader);
      if (error)
        return error;
      if (reader->offset >= reader->size)
        return 0;
    }
    found = look(reader, reader->offset);
    if (found.finding == FAILED)
      return found.error;
    if (found.finding != SOUND)
      return step_over(reader, record, &found);
    end = reader->offset + TRACE_BLOCK_HEAD + found.length;
    record->type = found.type < TRACE_TYPES ? (enum trace_type)found.type : TRACE_TYPES;
    record->offset = reader->offset;
    if (record->type == TRACE_TYPES) {
      reader->offset = end;
      continue;
    }
    wrong = trace_decode(record, found.payload, found.length, reader->frames);
    if (wrong)
      return give_damage(reader, record, end, wrong);
    reader->offset = end;
    return 1;
  }
}

uint64_t
trace_reader_tail(const struct trace_reader *reader)
{
  return reader->size > reader->offset ? reader->size - reader->offset : 0;
}

uint64_t
trace_reader_offset(const struct trace_reader *reader)
{
  return reader->offset;
}

uint64_t
trace_reader_size(const struct trace_reader *reader)
{
  return reader->size;
}

uint64_t
trace_reader_damaged(const struct trace_reader *reader)
{
  return reader->damaged;
}
