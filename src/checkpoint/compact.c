/* compact.c - old checkpoints made one, and who sees to it.
 *
 * The oldest that is to be kept is written anew as a full image, under its own number and identity, and
 * takes its own place; only then is removed what is older. Whatever is based on it finds the same. */
#include "config.h"
#include "content.h"
#include "disk.h"
#include "open.h"
#include "packer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WINDOW = CONTENT_STRETCH * UNIT };   /* bytes of a region that are put together at once */

struct merging {
  struct shelf   shelf;
  struct line    line;
  struct decoder *decoder;
  struct packer *packer;
  struct writer *writer;
  unsigned char *window;
};

static int
pack_window(struct merging *merging, uint64_t first, uint64_t count)
{
  int error = 0;
  for (uint64_t at = 0, from; at < count && !error; ) {
    if (unit_is_zero(merging->window + at * UNIT)) {
      at++;
      continue;
    }
    for (from = at; at < count && !unit_is_zero(merging->window + at * UNIT); at++)
      continue;
    error = packer_pages(merging->packer, first + from, at - from, merging->window + from * UNIT);
  }
  return error;
}

static int
merge_region(struct merging *merging, const struct file_region *region)
{
  struct content content;
  struct file_region plain = *region;
  int error = content_open(&content, &merging->line, merging->shelf.directory, region);
  if (!error)
    error = packer_begin(merging->packer, merging->writer, &plain);
  for (uint64_t first = 0, end; first < content.units && !error; first = end) {
    char problem[PROBLEM] = "";
    size_t culprit = 0;
    struct content_target target = { .memory = merging->window };
    end = first + WINDOW / UNIT < content.units ? first + WINDOW / UNIT : content.units;
    if (!content_has(&content, first))
      continue;
    error = content_read(&content, merging->decoder, first, end, &target, &culprit, problem);
    if (error) {
      error = chain_error(image_is_damage(error) ? -EBADMSG : error, "%s: checkpoint %llu: %s",
                          merging->shelf.path,
                          (unsigned long long)merging->line.image[culprit]->header.generation, problem);
      break;
    }
    error = pack_window(merging, first, end - first);
  }
  content_close(&content);
  return error ? error : packer_end(merging->packer);
}

/* The line's last as a full image. */
static int
merge(struct merging *merging, const ww_chain *chain)
{
  const struct image *image = merging->line.image[merging->line.count - 1];
  const struct ww_chain_options *options = &chain->options;
  struct writer_settings settings = {
    .directory = chain->directory, .path = chain->path, .direct = options->flags & WW_CHAIN_DIRECT,
    .sync = !(options->flags & WW_CHAIN_NO_SYNC), .level = options->level, .bandwidth = options->bandwidth,
    .room = UINT64_MAX,
  };
  struct file_header header = image->header;
  uint64_t length;
  header.parent = 0;
  header.parent_identity = (struct page_hash){ 0, 0 };
  int error = writer_open(&merging->writer, &settings, &header);
  for (size_t i = 0; i < image->regions && !error; i++)
    error = merge_region(merging, &image->region[i]);
  if (!error)
    error = writer_finish(merging->writer, &length);
  if (!error)
    error = writer_commit(merging->writer);
  return error;
}

/* What is older than `base'. What cannot be removed is in nobody's way. */
static void
remove_before(const ww_chain *chain, const struct shelf *shelf, uint64_t base)
{
  char name[DISK_NAME];
  for (size_t i = 0; i < shelf->count && shelf->book[i].generation < base; i++) {
    disk_name(shelf->book[i].generation, name);
    disk_remove(chain->directory, name);
  }
  if (!(chain->options.flags & WW_CHAIN_NO_SYNC))
    disk_sync(chain->directory);
}

static void
count_files(ww_chain *chain)
{
  uint64_t *generation, bytes;
  size_t count;
  if (disk_scan(chain->directory, false, &generation, &count, &bytes) != 0)
    return;
  atomic_store(&chain->files, count);
  atomic_store(&chain->bytes, bytes);
  free(generation);
}

/* The line that ends with `newest', or with the newest that is sound. */
static int
find_line(struct merging *merging, uint64_t newest)
{
  struct shelf *shelf = &merging->shelf;
  if (newest) {
    struct shelved *book = shelf_find(shelf, newest);
    int error = book ? line_open(shelf, book, &merging->line) : -ENOENT;
    return error == -EBADMSG ? chain_error(error, "%s: checkpoint %llu: %s", shelf->path,
                                           (unsigned long long)newest, book->problem) : error;
  }
  for (size_t i = shelf->count; i-- > 0; ) {
    int error = line_open(shelf, &shelf->book[i], &merging->line);
    if (error != -EBADMSG)
      return error;
  }
  return shelf->count ? chain_error(-EBADMSG, "%s: no checkpoint is sound; the newest, %llu: %s", shelf->path,
                                    (unsigned long long)shelf->book[shelf->count - 1].generation,
                                    shelf->book[shelf->count - 1].problem)
                      : chain_error(-ENODATA, "%s: there is no checkpoint", shelf->path);
}

/* Are all the line's checkpoints from `base' on, or is base among them? */
static bool
stands_on(const struct line *line, uint64_t base)
{
  bool older = false, itself = false;
  for (size_t i = 0; i < line->count; i++) {
    older |= line->image[i]->header.generation < base;
    itself |= line->image[i]->header.generation == base;
  }
  return itself || !older;
}

/* The line is shorter than what is to be kept: `more' of those before it stay too, of other lines, which a
 * process left behind that began anew. The line becomes that of the oldest that stays; empty: nothing is to
 * be done, or cannot be, because one that stays is based on one that would go. */
static int
find_older(struct merging *merging, size_t more)
{
  struct shelf *shelf = &merging->shelf;
  size_t first = (size_t)(shelf_find(shelf, merging->line.image[0]->header.generation) - shelf->book);
  size_t oldest = first > more ? first - more : 0;
  int error = 0;
  if (more == 0) {
    merging->line.count = 1;
    return 0;
  }
  line_close(&merging->line);
  if (oldest == 0)
    return 0;
  while (oldest < first && (error = line_open(shelf, &shelf->book[oldest], &merging->line)) == -EBADMSG)
    oldest++;
  if (error)
    return error == -EBADMSG ? 0 : error;
  for (size_t i = oldest; i < shelf->count; i++) {
    struct line other;
    error = line_open(shelf, &shelf->book[i], &other);
    bool stands = error != 0 || stands_on(&other, shelf->book[oldest].generation);
    line_close(&other);
    if ((error && error != -EBADMSG) || !stands) {
      line_close(&merging->line);
      return error == -EBADMSG ? 0 : error;
    }
  }
  return 0;
}

static int
compact_locked(ww_chain *chain, struct merging *merging, uint64_t newest, unsigned keep)
{
  int error = shelf_open(&merging->shelf, chain->directory, chain->path);
  if (!error)
    error = find_line(merging, newest);
  if (error)
    return error;
  if (merging->line.count > keep)
    merging->line.count -= keep - 1;
  else if ((error = find_older(merging, keep - merging->line.count)) != 0 || merging->line.count == 0)
    return error;
  uint64_t base = merging->line.image[merging->line.count - 1]->header.generation;
  if (merging->line.count == 1) {
    remove_before(chain, &merging->shelf, base);
    return 0;
  }
  merging->decoder = decoder_create();
  merging->packer = packer_create();
  void *window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (window != MAP_FAILED)
    merging->window = window;
  if (!merging->decoder || !merging->packer || !merging->window)
    return chain_error(-ENOMEM, "no memory to compact a chain");
  error = merge(merging, chain);
  if (!error)
    remove_before(chain, &merging->shelf, base);
  return error;
}

int
compact(ww_chain *chain, uint64_t newest, unsigned keep)
{
  struct merging merging = { .writer = NULL };
  pthread_mutex_lock(&chain->files_lock);
  int error = compact_locked(chain, &merging, newest, keep);
  writer_drop(merging.writer);
  packer_free(merging.packer);
  decoder_free(merging.decoder);
  if (merging.window)
    munmap(merging.window, WINDOW);
  line_close(&merging.line);
  shelf_close(&merging.shelf);
  if (!error)
    count_files(chain);
  pthread_mutex_unlock(&chain->files_lock);
  return error;
}
