/* restore.c - memory brought back from the newest checkpoint that is sound. */
#include "config.h"
#include "chain.h"
#include "content.h"
#include "disk.h"
#include "open.h"
#include "stripe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A region on its way. */
struct piece {
  const struct file_region *region;
  struct content content;
  unsigned char *memory;             /* NULL: left out */
  bool           mapped;             /* by us */
  struct slot   *slot;
};

struct restoring {
  ww_chain       *chain;
  struct ww_restore_options options;
  struct ww_restore_info    info;
  struct shelf    shelf;
  struct shelved *book;              /* the candidate */
  struct line     line;
  struct decoder *decoder;
  struct piece   *piece;
  size_t          pieces;
  struct slots    slots;             /* what the chain will know of the memory */
};

static struct ww_chain_region
describe(const struct file_region *region)
{
  return (struct ww_chain_region){ region->name, region->id, (void *)(uintptr_t)region->address,
                                   region->length,
                                   region->page_size };
}

/* ------------------------------------------------------------------- pieces */

static void
drop_pieces(struct restoring *restoring)
{
  for (size_t i = 0; i < restoring->pieces; i++) {
    content_close(&restoring->piece[i].content);
    if (restoring->piece[i].mapped)
      munmap(restoring->piece[i].memory, restoring->piece[i].region->length);
  }
  free(restoring->piece);
  restoring->piece = NULL;
  restoring->pieces = 0;
  slots_free(&restoring->slots);
}

static int
open_pieces(struct restoring *restoring)
{
  const struct image *image = restoring->line.image[restoring->line.count - 1];
  restoring->piece = calloc(image->regions + 1, sizeof *restoring->piece);
  if (!restoring->piece)
    return chain_error(-ENOMEM, "no memory for %zu regions", image->regions);
  for (size_t i = 0; i < image->regions; i++) {
    struct piece *piece = &restoring->piece[restoring->pieces++];
    piece->region = &image->region[i];
    int error = content_open(&piece->content, &restoring->line, restoring->shelf.directory, piece->region);
    if (error)
      return error;
  }
  return 0;
}

static bool
is_mapped(const unsigned char *memory, size_t length)
{
  enum { PART = 16 << 20 };
  unsigned char present[PART / UNIT];
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if ((uintptr_t)memory % page)
    return false;
  for (size_t done = 0, part; done < length; done += part) {
    part = length - done < PART ? length - done : PART;
    if (mincore((void *)(uintptr_t)(memory + done), part, present) != 0)
      return false;
  }
  return true;
}

/* The slot that the next checkpoint compares the memory with. */
static int
remember_piece(struct restoring *restoring, struct piece *piece)
{
  struct slot like = { .id = piece->region->id, .address = (uintptr_t)piece->memory,
                       .length = piece->region->length, .page_size = piece->region->page_size,
                       .units = piece->content.units };
  if (restoring->chain->options.flags & WW_CHAIN_READ_ONLY)
    return 0;
  memcpy(like.name, piece->region->name, sizeof like.name);
  return slots_restored(&restoring->slots, &like, chain_keeping(restoring->chain), &piece->slot);
}

static int
place_piece(struct restoring *restoring, struct piece *piece)
{
  const struct ww_restore_options *options = &restoring->options;
  struct ww_chain_region region = describe(piece->region);
  void *place = options->place ? options->place(options->context, &region) : region.address;
  if (options->place && !place)
    return 0;
  if (options->flags & WW_RESTORE_FRESH) {
    place = mmap(NULL, region.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                 0);
    if (place == MAP_FAILED)
      return chain_error(-ENOMEM, "no %zu bytes of memory for region \"%s\"", region.length, region.name);
    piece->mapped = true;
  } else if (!is_mapped(place, region.length)) {
    return chain_error(-EFAULT,
                       "region \"%s\": its place, %zu bytes at %p, is not mapped, or not page-aligned",
                       region.name, region.length, place);
  }
  piece->memory = place;
  return remember_piece(restoring, piece);
}

static int
place_pieces(struct restoring *restoring)
{
  int error = 0;
  for (size_t i = 0; i < restoring->pieces && !error; i++)
    error = place_piece(restoring, &restoring->piece[i]);
  return error;
}

/* --------------------------------------------------------------- candidates */

static int
read_piece(struct restoring *restoring, struct piece *piece, bool check)
{
  char problem[PROBLEM] = "";
  size_t culprit = 0;
  struct content_target target = { .memory = check ? NULL : piece->memory, .fresh = piece->mapped,
                                   .slot = check ? NULL : piece->slot,
                                   .done = &restoring->chain->progress.bytes_done };
  int error = stripes_read(&piece->content, restoring->decoder, &target, &culprit, problem);
  restoring->info.read += target.read;
  if (!error)
    return 0;
  const struct image *image = restoring->line.image[culprit];
  if (!image_is_damage(error))
    return chain_error(error, "%s: checkpoint %llu: %s", restoring->shelf.path,
                       (unsigned long long)image->header.generation, problem);
  /* Whoever is based on it need not try again. */
  struct shelved *damaged = shelf_find(&restoring->shelf, image->header.generation);
  damaged->unsound = true;
  memcpy(damaged->problem, problem, sizeof problem);
  if (damaged != restoring->book) {
    restoring->book->unsound = true;
    snprintf(restoring->book->problem, PROBLEM, "checkpoint %llu, which it is based on, is not sound: %.120s",
             (unsigned long long)image->header.generation, problem);
  }
  return -EBADMSG;
}

static int
read_pieces(struct restoring *restoring, bool check)
{
  int error = 0;
  for (size_t i = 0; i < restoring->pieces && !error; i++)
    if (check || restoring->piece[i].memory)
      error = read_piece(restoring, &restoring->piece[i], check);
  return error;
}

/* For ww_checkpoint_progress(). */
static void
announce(struct restoring *restoring)
{
  uint64_t bytes = 0;
  for (size_t i = 0; i < restoring->pieces; i++)
    bytes += restoring->piece[i].region->length;
  if (!(restoring->options.flags & WW_RESTORE_FRESH))
    bytes *= 2;
  atomic_store(&restoring->chain->progress.bytes_done, 0);
  atomic_store(&restoring->chain->progress.bytes, bytes);
  atomic_store(&restoring->chain->progress.under_way, 1);
}

/* Fresh memory is seen by nobody before it is right: it is read and checked in one. What the caller has is
 * written to when all has been read and checked once. */
static int
try_candidate(struct restoring *restoring)
{
  bool fresh = restoring->options.flags & WW_RESTORE_FRESH;
  int error = line_open(&restoring->shelf, restoring->book, &restoring->line);
  if (!error)
    error = open_pieces(restoring);
  if (!error)
    announce(restoring);
  if (!error && !fresh)
    error = read_pieces(restoring, true);
  if (!error)
    error = place_pieces(restoring);
  if (!error) {
    error = read_pieces(restoring, false);
    if (error && !fresh && image_is_damage(error))
      error = chain_error(-EIO, "%s: checkpoint %llu changed after it had been verified: %s. The memory that "
                          "was to be restored is not what it should be", restoring->shelf.path,
                          (unsigned long long)restoring->book->generation, restoring->book->problem);
  }
  if (error) {
    drop_pieces(restoring);
    line_close(&restoring->line);
  }
  return error;
}

static int
find_sound(struct restoring *restoring)
{
  struct shelf *shelf = &restoring->shelf;
  char first[PROBLEM] = "";
  uint64_t newest = 0;
  if (shelf->count == 0)
    return chain_error(-ENODATA, "%s: there is no checkpoint", shelf->path);
  for (size_t i = shelf->count; i-- > 0; ) {
    restoring->book = &shelf->book[i];
    int error = try_candidate(restoring);
    if (error != -EBADMSG)
      return error;
    chain_note(restoring->chain, "%s: checkpoint %llu is skipped: %s", shelf->path,
               (unsigned long long)restoring->book->generation, restoring->book->problem);
    restoring->info.skipped++;
    if (newest == 0) {
      newest = restoring->book->generation;
      memcpy(first, restoring->book->problem, sizeof first);
    }
  }
  return chain_error(-EBADMSG, "%s: no checkpoint is sound; the newest, %llu: %s", shelf->path,
                     (unsigned long long)newest, first);
}

static int
find_named(struct restoring *restoring)
{
  struct shelf *shelf = &restoring->shelf;
  unsigned long long number = restoring->options.generation;
  restoring->book = shelf_find(shelf, number);
  if (!restoring->book)
    return chain_error(-ENOENT, "%s: there is no checkpoint %llu", shelf->path, number);
  int error = try_candidate(restoring);
  return error == -EBADMSG ? chain_error(error, "%s: checkpoint %llu is not sound: %s", shelf->path, number,
                                         restoring->book->problem) : error;
}

/* ------------------------------------------------------------------ the end */

/* The chain goes on from here. */
static void
conclude(struct restoring *restoring, struct ww_restore_info *info)
{
  ww_chain *chain = restoring->chain;
  const struct image *image = restoring->line.image[restoring->line.count - 1];
  restoring->info.generation = image->header.generation;
  restoring->info.label = image->header.label;
  restoring->info.time = image->header.time;
  for (size_t i = 0; i < restoring->pieces; i++) {
    struct piece *piece = &restoring->piece[i];
    if (!piece->memory)
      continue;
    restoring->info.regions++;
    restoring->info.bytes += piece->region->length;
    if (restoring->options.placed) {
      struct ww_chain_region region = describe(piece->region);
      restoring->options.placed(restoring->options.context, &region, piece->memory);
    }
    piece->mapped = false;
  }
  chain_goes_on(chain, &image->header, &restoring->slots);
  if (info) {
    restoring->info.size = info->size;
    memcpy(info, &restoring->info, info->size < sizeof *info ? info->size : sizeof *info);
  }
}

static int
try_once(struct restoring *restoring)
{
  int error = shelf_open(&restoring->shelf, restoring->chain->directory, restoring->chain->path);
  if (error)
    return error;
  return restoring->options.generation ? find_named(restoring) : find_sound(restoring);
}

static void
put_away(struct restoring *restoring)
{
  drop_pieces(restoring);
  line_close(&restoring->line);
  shelf_close(&restoring->shelf);
}

/* Who reads beside a writer may find files replaced by a compaction while he looks: then he looks again. */
static int
try_all(struct restoring *restoring)
{
  enum { TRIES = 8 };
  for (int i = 0; ; i++) {
    uint64_t state = disk_state(restoring->chain->directory);
    int error = try_once(restoring);
    bool doubtful = error ? error == -EBADMSG || error == -ENOENT : restoring->info.skipped > 0;
    if (!(restoring->chain->options.flags & WW_CHAIN_READ_ONLY) || !doubtful || i == TRIES
        || state == disk_state(restoring->chain->directory))
      return error;
    put_away(restoring);
    memset(&restoring->info, 0, sizeof restoring->info);
  }
}

int
restore(ww_chain *chain, const struct ww_restore_options *options, struct ww_restore_info *info)
{
  struct restoring restoring = { .chain = chain, .options = *options };
  restoring.decoder = decoder_create();
  if (!restoring.decoder)
    return chain_error(-ENOMEM, "no memory to read checkpoints");
  int error = try_all(&restoring);
  atomic_store(&chain->progress.under_way, 0);
  if (!error)
    conclude(&restoring, info);
  put_away(&restoring);
  decoder_free(restoring.decoder);
  return error;
}
