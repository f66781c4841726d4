/* checkpoint_image.c - a checkpoint in memory, and how far that is. */
#include "config.h"
#include "checkpoint.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "message.h"

/* ---------------------------------------------------------------------- bar */

static bool bar_shown;

void
checkpoint_bar(const char *what, uint64_t done, uint64_t all)
{
  enum { WIDTH = 40 };
  static int terminal = -1;
  if (terminal < 0)
    terminal = isatty(STDERR_FILENO) == 1;
  if (!terminal || all == 0)
    return;
  done = done < all ? done : all;
  int full = (int)((double)done / (double)all * WIDTH);
  fprintf(stderr, "\r%s [%.*s%*s] %3d %%", what, full, "########################################",
          WIDTH - full, "",
          (int)((double)done / (double)all * 100));
  bar_shown = true;
}

void
checkpoint_bar_end(void)
{
  if (bar_shown)
    fprintf(stderr, "\r%70s\r", "");
  bar_shown = false;
}

struct watch {
  ww_chain   *chain;
  pthread_t   thread;
  _Atomic int end;
};

static void *
watch_chain(void *argument)
{
  struct watch *watch = argument;
  struct ww_checkpoint_progress progress = { .size = sizeof progress };
  while (!atomic_load(&watch->end)) {
    usleep(100000);
    if (!atomic_load(&watch->end) && ww_checkpoint_progress(watch->chain, &progress) == 0
        && progress.under_way)
      checkpoint_bar("reading", progress.bytes_done, progress.bytes);
  }
  return NULL;
}

/* -------------------------------------------------------------------- image */

struct loading {
  const char *name;          /* wanted, or NULL */
  struct checkpoint_image *image;
  bool failed;
};

static void *
wants(void *context, const struct ww_chain_region *region)
{
  static char yes;
  const struct loading *loading = context;
  return !loading->name || strcmp(loading->name, region->name) == 0 ? &yes : NULL;
}

static void
take(void *context, const struct ww_chain_region *region, void *address)
{
  struct loading *loading = context;
  struct checkpoint_image *image = loading->image;
  struct checkpoint_piece *more = realloc(image->piece, (image->count + 1) * sizeof *more);
  if (!more) {
    loading->failed = true;
    munmap(address, region->length);
    return;
  }
  image->piece = more;
  struct checkpoint_piece *piece = &image->piece[image->count++];
  *piece = (struct checkpoint_piece){ .id = region->id, .address = region->address, .length = region->length,
                                      .page_size = region->page_size, .memory = address };
  snprintf(piece->name, sizeof piece->name, "%s", region->name);
}

enum status
checkpoint_load(ww_chain *chain, uint64_t generation, const char *name, struct checkpoint_image *image)
{
  struct loading loading = { .name = name, .image = image };
  struct ww_restore_options options = WW_RESTORE_OPTIONS_INIT;
  struct watch watch = { .chain = chain };
  *image = (struct checkpoint_image){ .info = { .size = sizeof image->info } };
  options.flags = WW_RESTORE_FRESH;
  options.generation = generation;
  options.place = wants;
  options.placed = take;
  options.context = &loading;
  bool watched = isatty(STDERR_FILENO) == 1 && pthread_create(&watch.thread, NULL, watch_chain, &watch) == 0;
  int error = ww_chain_restore(chain, &options, &image->info);
  if (watched) {
    atomic_store(&watch.end, 1);
    pthread_join(watch.thread, NULL);
  }
  checkpoint_bar_end();
  if (!error && !loading.failed)
    return STATUS_OK;
  enum status status = STATUS_MEMORY;
  if (error)
    status = checkpoint_complain(error);
  else
    complain("out of memory");
  checkpoint_unload(image);
  return status;
}

void
checkpoint_unload(struct checkpoint_image *image)
{
  for (size_t i = 0; i < image->count; i++)
    munmap(image->piece[i].memory, image->piece[i].length);
  free(image->piece);
  image->piece = NULL;
  image->count = 0;
}
