/* writer.c - a checkpoint file as it is written: aside, whole, then in its place. */
#include "config.h"
#include "writer.h"

#include "chain.h"
#include "disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum {
  BUFFER = 1 << 20,
  ALIGNMENT = 4096,          /* of O_DIRECT */
  AHEAD = 8 << 20,           /* the disk is told to begin each time that so much has been written */
  PAYS = 16,                 /* compression pays if it saves the 16th part */
};

struct table { unsigned char *bytes; size_t used, room; };

struct writer {
  struct writer_settings settings;
  struct file_header header;
  char name[DISK_NAME], aside[DISK_NAME + 8];
  int  file;
  bool direct, committed;
  unsigned char *buffer;     /* what is not written yet */
  size_t buffered;
  uint64_t offset;           /* of the buffer in the file */
  uint64_t told;             /* the disk has been told to begin up to here */
  uint64_t begun;
  struct table regions, blocks, spans;
  uint32_t region;           /* index of the last */
  ZSTD_CCtx *context;
  unsigned char *packed;     /* [BLOCK_MAX] */
};

static int
failed(const struct writer *writer, int error, const char *what)
{
  return chain_error(error, "%s/%s: %s: %s", writer->settings.path, writer->aside, what, strerror(-error));
}

static int
out_of_memory(void)
{
  return chain_error(-ENOMEM, "no memory to write a checkpoint");
}

static int
table_add(struct table *table, const void *entries, size_t bytes)
{
  if (bytes == 0)
    return 0;
  if (bytes > table->room - table->used) {
    size_t room = table->room ? 2 * table->room : 4096;
    while (bytes > room - table->used)
      room *= 2;
    unsigned char *more = realloc(table->bytes, room);
    if (!more)
      return out_of_memory();
    table->bytes = more;
    table->room = room;
  }
  memcpy(table->bytes + table->used, entries, bytes);
  table->used += bytes;
  return 0;
}

/* ------------------------------------------------------------------- stream */

static int
put(struct writer *writer, const void *bytes, size_t length)
{
  const struct writer_settings *settings = &writer->settings;
  uint64_t end = writer->offset + length;
  if (end > settings->room)
    return chain_error(-EDQUOT, "%s: the chain's limit would be exceeded", settings->path);
  int error = disk_write(writer->file, bytes, length, writer->offset);
  if (error)
    return failed(writer, error, "cannot be written");
  writer->offset = end;
  if (settings->written)
    atomic_fetch_add(settings->written, length);
  if (settings->sync && !writer->direct && end - writer->told >= AHEAD) {
    disk_begin_writing(writer->file, writer->told, end - writer->told);
    writer->told = end;
  }
  if (settings->bandwidth)
    disk_wait_until(writer->begun + (uint64_t)((double)end * 1e9 / (double)settings->bandwidth));
  return 0;
}

static int
flush(struct writer *writer)
{
  size_t length = writer->buffered;
  writer->buffered = 0;
  return length ? put(writer, writer->buffer, length) : 0;
}

/* All through the buffer, large pieces too: the file is written a whole and aligned mebibyte at a time.
 * Written from where they are, behind a header of 128 bytes, they cost the kernel twice the time. */
static int
stream(struct writer *writer, const void *bytes, size_t length)
{
  const unsigned char *at = bytes;
  while (length) {
    size_t part = BUFFER - writer->buffered < length ? BUFFER - writer->buffered : length;
    memcpy(writer->buffer + writer->buffered, at, part);
    writer->buffered += part;
    at += part;
    length -= part;
    if (writer->buffered == BUFFER) {
      int error = flush(writer);
      if (error)
        return error;
    }
  }
  return 0;
}

static uint64_t
position(const struct writer *writer)
{
  return writer->offset + writer->buffered;
}

/* ------------------------------------------------------------------ content */

int
writer_open(struct writer **result, const struct writer_settings *settings, const struct file_header *header)
{
  struct writer *writer = calloc(1, sizeof *writer);
  if (!writer)
    return out_of_memory();
  writer->settings = *settings;
  writer->header = *header;
  writer->file = -1;
  writer->begun = disk_now();
  writer->direct = settings->direct;
  disk_name(header->generation, writer->name);
  snprintf(writer->aside, sizeof writer->aside, "%s.new", writer->name);
  writer->buffer = aligned_alloc(ALIGNMENT, BUFFER);
  if (settings->level) {
    writer->packed = malloc(BLOCK_MAX);
    writer->context = ZSTD_createCCtx();
  }
  int error = writer->buffer && (!settings->level || (writer->packed && writer->context)) ? 0
    : out_of_memory();
  if (!error) {
    writer->file = disk_create(settings->directory, writer->aside, &writer->direct);
    if (writer->file < 0)
      error = failed(writer, writer->file, "cannot be made");
  }
  if (!error)
    error = stream(writer, &writer->header, sizeof writer->header);
  if (error)
    writer_drop(writer);
  else
    *result = writer;
  return error;
}

int
writer_region(struct writer *writer, const struct file_region *region)
{
  writer->region = (uint32_t)(writer->regions.used / sizeof *region);
  return table_add(&writer->regions, region, sizeof *region);
}

int
writer_block(struct writer *writer, unsigned content, const void *bytes, size_t length,
             const struct file_span *spans, size_t count)
{
  struct file_block block = { .region = writer->region, .content = (uint16_t)content,
                              .spans = (uint32_t)count, .raw = (uint32_t)length, .stored = (uint32_t)length };
  if (content != CONTENT_ZEROS) {
    if (writer->settings.level) {
      size_t packed = ZSTD_compressCCtx(writer->context, writer->packed, length - length / PAYS, bytes,
                                        length,
                                        writer->settings.level);
      if (!ZSTD_isError(packed)) {
        block.encoding = ENCODING_ZSTD;
        block.stored = (uint32_t)packed;
        bytes = writer->packed;
      }
    }
    block.offset = position(writer);
    block.sum = page_hash(bytes, block.stored);
    int error = stream(writer, bytes, block.stored);
    if (error)
      return error;
  }
  int error = table_add(&writer->blocks, &block, sizeof block);
  return error ? error : table_add(&writer->spans, spans, count * sizeof *spans);
}

/* ---------------------------------------------------------------------- end */

static int
write_tables(struct writer *writer)
{
  struct file_trailer trailer = { .tables = position(writer),
                                  .regions = writer->regions.used / sizeof(struct file_region),
                                  .blocks = writer->blocks.used / sizeof(struct file_block),
                                  .spans = writer->spans.used / sizeof(struct file_span) };
  unsigned char ends[sizeof writer->header + offsetof(struct file_trailer, sum)];
  struct table all = writer->regions;
  memset(&writer->regions, 0, sizeof writer->regions);
  int error = table_add(&all, writer->blocks.bytes, writer->blocks.used);
  if (!error)
    error = table_add(&all, writer->spans.bytes, writer->spans.used);
  if (!error)
    error = stream(writer, all.bytes, all.used);
  if (!error) {
    trailer.tables_sum = page_hash(all.bytes, all.used);
    trailer.length = position(writer) + sizeof trailer;
    memcpy(trailer.magic, FORMAT_END_MAGIC, sizeof trailer.magic);
    memcpy(ends, &writer->header, sizeof writer->header);
    memcpy(ends + sizeof writer->header, &trailer, offsetof(struct file_trailer, sum));
    trailer.sum = page_hash(ends, sizeof ends);
    error = stream(writer, &trailer, sizeof trailer);
  }
  free(all.bytes);
  return error;
}

/* Past the cache only whole sectors go: the last one is filled up, and cut off again. */
static int
flush_end(struct writer *writer)
{
  uint64_t length = position(writer);
  if (writer->direct && writer->buffered % ALIGNMENT) {
    size_t rest = ALIGNMENT - writer->buffered % ALIGNMENT;
    memset(writer->buffer + writer->buffered, 0, rest);
    writer->buffered += rest;
  }
  int error = flush(writer);
  if (!error && writer->offset != length) {
    error = disk_truncate(writer->file, length);
    if (error)
      return failed(writer, error, "cannot be cut");
    if (writer->settings.written)
      atomic_fetch_sub(writer->settings.written, writer->offset - length);
    writer->offset = length;
  }
  return error;
}

int
writer_finish(struct writer *writer, uint64_t *length)
{
  int error = write_tables(writer);
  if (!error)
    error = flush_end(writer);
  if (!error && writer->settings.sync) {
    error = disk_sync(writer->file);
    if (error)
      return failed(writer, error, "cannot be flushed to the disk");
  }
  if (!error)
    *length = writer->offset;
  return error;
}

int
writer_commit(struct writer *writer)
{
  const struct writer_settings *settings = &writer->settings;
  /* Some file systems tell of a failed write only here. */
  int file = writer->file, error = 0;
  writer->file = -1;
  if (close(file) != 0 && errno != EINTR)
    error = failed(writer, -errno, "cannot be closed");
  if (!error && (error = disk_rename(settings->directory, writer->aside, writer->name)) != 0)
    error = failed(writer, error, "cannot be renamed");
  if (error)
    return error;
  writer->committed = true;
  error = settings->sync ? disk_sync(settings->directory) : 0;
  return error ? chain_error(error, "%s: cannot be flushed to the disk: %s", settings->path, strerror(-error))
    : 0;
}

void
writer_drop(struct writer *writer)
{
  if (!writer)
    return;
  if (writer->file >= 0)
    close(writer->file);
  if (!writer->committed)
    disk_remove(writer->settings.directory, writer->aside);
  ZSTD_freeCCtx(writer->context);
  free(writer->packed);
  free(writer->buffer);
  free(writer->regions.bytes);
  free(writer->blocks.bytes);
  free(writer->spans.bytes);
  free(writer);
}
