/* inventory.c - what is in a chain, and whether it is sound. */
#include "config.h"
#include "open.h"
#include "shelf.h"
#include "slot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
check_blocks(const struct shelf *shelf, struct shelved *book, struct decoder *decoder)
{
  const struct image *image = book->image;
  const struct file_span *span = image->span;
  const unsigned char *bytes;
  int file = image_file(image, shelf->directory, book->problem), error = file < 0 ? file : 0;
  for (size_t i = 0; i < image->blocks && !error; span += image->block[i++].spans) {
    size_t units = 0;
    for (uint32_t j = 0; j < image->block[i].spans; j++)
      units += span[j].count;
    if (image->block[i].content != CONTENT_ZEROS)
      error = decoder_read(decoder, image, file, &image->block[i], units, NULL, &bytes, book->problem);
  }
  if (file >= 0)
    close(file);
  if (error && !image_is_damage(error))
    return chain_error(error, "%s: checkpoint %llu: %s", shelf->path, (unsigned long long)book->generation,
                       book->problem);
  book->unsound = error != 0;
  return 0;
}

static void
count_pages(const struct image *image, struct ww_chain_entry *entry)
{
  const struct file_span *span = image->span;
  for (size_t i = 0; i < image->blocks; i++)
    for (uint32_t j = 0; j < image->block[i].spans; j++, span++)
      *(image->block[i].content == CONTENT_PAGES ? &entry->whole_pages
        : image->block[i].content == CONTENT_PATCHES ? &entry->partial_pages
          : &entry->zero_pages) += span->count;
}

static void
describe(const struct shelved *book, struct ww_chain_entry *entry)
{
  *entry = (struct ww_chain_entry){ .generation = book->generation, .sound = !book->unsound };
  if (book->unsound)
    snprintf(entry->problem, sizeof entry->problem, "%s", book->problem);
  if (!book->image)
    return;
  const struct file_header *header = &book->image->header;
  entry->parent = header->parent;
  entry->label = header->label;
  entry->time = header->time;
  entry->bytes = book->image->length;
  entry->regions = book->image->regions;
  for (size_t i = 0; i < book->image->regions; i++)
    entry->region_bytes += book->image->region[i].length;
  count_pages(book->image, entry);
}

/* Itself, and that all it is based on is there and sound. */
static int
judge(struct shelf *shelf, struct shelved *book, struct decoder *decoder)
{
  struct line line;
  int error = shelf_look(shelf, book);
  if (!error && decoder && !book->unsound)
    error = check_blocks(shelf, book, decoder);
  if (error || book->unsound)
    return error;
  error = line_open(shelf, book, &line);
  line_close(&line);
  return error == -EBADMSG ? 0 : error;
}

int
inventory(ww_chain *chain, bool blocks, ww_chain_each *each, void *context)
{
  struct shelf shelf;
  struct decoder *decoder = NULL;
  uint64_t unsound = 0, first = 0;
  int error = shelf_open(&shelf, chain->directory, chain->path), stopped = 0;
  if (!error && blocks && !(decoder = decoder_create()))
    error = chain_error(-ENOMEM, "no memory to read checkpoints");
  for (size_t i = 0; i < shelf.count && !error && !stopped; i++) {
    struct ww_chain_entry entry;
    error = judge(&shelf, &shelf.book[i], decoder);
    if (error)
      break;
    describe(&shelf.book[i], &entry);
    if (!entry.sound && unsound++ == 0)
      first = entry.generation;
    if (each)
      stopped = each(context, &entry);
  }
  if (!error && !stopped && blocks && unsound)
    error = chain_error(-EBADMSG, "%s: %llu of %zu checkpoints are not sound, the first is %llu: %s",
                        shelf.path,
                        (unsigned long long)unsound, shelf.count, (unsigned long long)first,
                        shelf_find(&shelf, first)->problem);
  decoder_free(decoder);
  shelf_close(&shelf);
  return error ? error : stopped;
}

int
inventory_regions(ww_chain *chain, uint64_t generation, ww_chain_each_region *each, void *context)
{
  struct shelf shelf;
  int error = shelf_open(&shelf, chain->directory, chain->path), stopped = 0;
  if (error)
    return error;
  struct shelved *book = shelf_find(&shelf, generation);
  unsigned long long number = generation;
  if (!book)
    error = chain_error(-ENOENT, "%s: there is no checkpoint %llu", shelf.path, number);
  else if ((error = shelf_look(&shelf, book)) == 0 && book->unsound)
    error = chain_error(-EBADMSG, "%s: checkpoint %llu is not sound: %s", shelf.path, number, book->problem);
  for (size_t i = 0; !error && i < book->image->regions && !stopped; i++) {
    const struct file_region *at = &book->image->region[i];
    struct ww_chain_region region = { at->name, at->id, (void *)(uintptr_t)at->address, at->length,
                                      at->page_size };
    stopped = each(context, &region);
  }
  shelf_close(&shelf);
  return error ? error : stopped;
}
