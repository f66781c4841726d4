/* shelf.c - the checkpoints of a directory, opened as they are asked for, and how they hang together. */
#include "config.h"
#include "shelf.h"

#include "chain.h"
#include "disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
shelf_open(struct shelf *shelf, int directory, const char *path)
{
  uint64_t *generation;
  size_t count;
  int error = disk_scan(directory, false, &generation, &count, NULL);
  *shelf = (struct shelf){ .directory = directory, .path = path };
  if (error)
    return chain_error(error, "%s: cannot be read: %s", path, strerror(-error));
  shelf->book = calloc(count + 1, sizeof *shelf->book);
  for (size_t i = 0; i < count && shelf->book; i++)
    shelf->book[i].generation = generation[i];
  free(generation);
  if (!shelf->book)
    return chain_error(-ENOMEM, "no memory for %zu checkpoints", count);
  shelf->count = count;
  return 0;
}

void
shelf_close(struct shelf *shelf)
{
  for (size_t i = 0; i < shelf->count; i++)
    image_free(shelf->book[i].image);
  free(shelf->book);
  shelf->book = NULL;
  shelf->count = 0;
}

struct shelved *
shelf_find(struct shelf *shelf, uint64_t generation)
{
  size_t low = 0, high = shelf->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (shelf->book[middle].generation < generation)
      low = middle + 1;
    else
      high = middle;
  }
  return low < shelf->count && shelf->book[low].generation == generation ? &shelf->book[low] : NULL;
}

int
shelf_look(struct shelf *shelf, struct shelved *book)
{
  if (book->looked)
    return 0;
  int error = image_open(shelf->directory, book->generation, &book->image, book->problem);
  if (error && !image_is_damage(error))
    return chain_error(error, "%s: checkpoint %llu: %s", shelf->path, (unsigned long long)book->generation,
                       book->problem[0] ? book->problem : strerror(-error));
  book->looked = true;
  book->unsound = error != 0;
  return 0;
}

/* The parent's book, or NULL and the book's own problem. */
static int
find_parent(struct shelf *shelf, struct shelved *book, struct shelved **parent)
{
  const struct file_header *header = &book->image->header;
  unsigned long long number = header->parent;
  *parent = shelf_find(shelf, header->parent);
  if (!*parent) {
    snprintf(book->problem, PROBLEM, "its parent %llu is not there", number);
    return 0;
  }
  int error = shelf_look(shelf, *parent);
  if (error)
    return error;
  if ((*parent)->unsound)
    snprintf(book->problem, PROBLEM, "its parent %llu is not sound: %.140s", number, (*parent)->problem);
  else if (!page_hash_equal((*parent)->image->header.identity, header->parent_identity))
    snprintf(book->problem, PROBLEM, "its parent is another checkpoint than the %llu that is there", number);
  else
    return 0;
  *parent = NULL;
  return 0;
}

int
line_open(struct shelf *shelf, struct shelved *book, struct line *line)
{
  size_t room = 0;
  *line = (struct line){ NULL, 0 };
  int error = shelf_look(shelf, book);
  for (struct shelved *at = book, *parent; !error && !at->unsound; at = parent) {
    if (line->count == room) {
      struct image **more = realloc(line->image, (room = room ? 2 * room : 64) * sizeof *more);
      if (!more) {
        error = chain_error(-ENOMEM, "no memory for the ancestors of a checkpoint");
        break;
      }
      line->image = more;
    }
    line->image[line->count++] = at->image;
    if (at->image->header.parent == 0)
      break;
    error = find_parent(shelf, at, &parent);
    if (!error && !parent) {
      at->unsound = true;
      /* All between are unsound with it, and would say so one after the other. */
      if (at != book) {
        snprintf(book->problem, PROBLEM, "checkpoint %llu, which it is based on, is not sound: %.120s",
                 (unsigned long long)at->generation, at->problem);
        book->unsound = true;
      }
      break;
    }
  }
  if (!error && book->unsound)
    error = -EBADMSG;
  if (error) {
    line_close(line);
    return error;
  }
  for (size_t i = 0; i < line->count / 2; i++) {
    struct image *swapped = line->image[i];
    line->image[i] = line->image[line->count - 1 - i];
    line->image[line->count - 1 - i] = swapped;
  }
  return 0;
}

void
line_close(struct line *line)
{
  free(line->image);
  line->image = NULL;
  line->count = 0;
}
