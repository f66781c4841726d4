/* writer.h - a checkpoint file as it is written: aside, whole, then in its place. */
#ifndef WW_CHECKPOINT_WRITER_H
#define WW_CHECKPOINT_WRITER_H

#include "format.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct writer;

struct writer_settings {
  int      directory;
  const char *path;          /* of the directory, for messages */
  bool     direct, sync;
  int      level;            /* of zstd, 0: none */
  uint64_t bandwidth;        /* bytes a second, 0: no cap */
  uint64_t room;             /* the file must not be longer */
  _Atomic uint64_t *written; /* counts bytes, or NULL */
};

/* All return 0 or a negative errno, chain_error() set. After a failure only writer_drop() may follow. */
int writer_open(struct writer **writer, const struct writer_settings *settings,
                const struct file_header *header);
/* Regions by ascending id; blocks go to the one that was added last. */
int writer_region(struct writer *writer, const struct file_region *region);
/* `bytes' of decoded content, BLOCK_MAX at most; CONTENT_ZEROS has none. */
int writer_block(struct writer *writer, unsigned content, const void *bytes, size_t length,
                 const struct file_span *spans, size_t count);
/* The tables, and all of it flushed to the disk. */
int writer_finish(struct writer *writer, uint64_t *length);
/* Into its place. -EIO and the like may leave it there, or not. */
int writer_commit(struct writer *writer);
/* Frees; what was not committed is removed. */
void writer_drop(struct writer *writer);

#endif
