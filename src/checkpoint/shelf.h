/* shelf.h - the checkpoints of a directory, opened as they are asked for, and how they hang together. */
#ifndef WW_CHECKPOINT_SHELF_H
#define WW_CHECKPOINT_SHELF_H

#include "image.h"

struct shelved {
  uint64_t      generation;
  struct image *image;               /* NULL: not opened yet, or damaged */
  bool          looked, unsound;     /* unsound: `problem' tells why, by itself or by its parents */
  char          problem[PROBLEM];
};

struct shelf {
  int             directory;
  const char     *path;              /* of it, for messages */
  struct shelved *book;              /* by ascending generation */
  size_t          count;
};

/* All return 0 or a negative errno, chain_error() set. */
int  shelf_open(struct shelf *shelf, int directory, const char *path);
void shelf_close(struct shelf *shelf);
/* NULL: there is none. */
struct shelved *shelf_find(struct shelf *shelf, uint64_t generation);
/* Opens it, if that has not been done. Damage is no error here: it is in the book. */
int shelf_look(struct shelf *shelf, struct shelved *book);

/* A checkpoint with all that it is a delta to, the full image first. */
struct line {
  struct image **image;
  size_t         count;
};
/* -EBADMSG: it, or an ancestor, is not sound; the book's `problem' tells. */
int  line_open(struct shelf *shelf, struct shelved *book, struct line *line);
void line_close(struct line *line);

#endif
