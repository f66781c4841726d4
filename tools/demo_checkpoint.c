/* demo_checkpoint.c - a workload that saves itself into a chain, and goes on from there.
 *
 * All tracked memory lies at addresses that are the same in each process, so that pointers in it stay right.
 * What of the workload's state lies elsewhere is copied into a region of its own before each collect. */
#include "config.h"
#include "demo_checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "message.h"
#include "writewatch-checkpoint.h"

#ifndef MAP_FIXED_NOREPLACE
# define MAP_FIXED_NOREPLACE 0x100000
#endif

/* Far from what the kernel and the sanitizers place. */
#if defined(__SANITIZE_THREAD__)
# define BASE ((uintptr_t)0x1000000000)
#else
# define BASE ((uintptr_t)0x200000000000)
#endif
enum { GAP = 1 << 20 };

static const char state_name[] = "(state)", magic[8] = "WWDEMO1";

/* The region of the state: this, and the pieces that the workload keeps. */
struct state {
  char     magic[8];
  char     workload[32];
  uint64_t size;             /* of all of it */
  uint64_t page_size, pages, seed;
  uint32_t threads, epochs, interval, done;
  unsigned char kept[];
};

struct demo_checkpoint {
  ww_chain            *chain;
  struct workload_run *run;
  unsigned             interval, die;
  uintptr_t            next;     /* address of the next region */
  bool                 resumes;
  struct state         was;      /* what was restored, without the pieces */
  struct state        *state;
  size_t               at;       /* in state->kept, while pieces are gone through */
  const struct demo_part *parts; /* while they are restored */
  size_t               part_count;
  uint64_t             made, written, changed;  /* deltas, their bytes, and pages that changed in them */
};

static enum status
chain_failed(int error, const char *what)
{
  complain("%s: %s", what, ww_chain_error());
  return error == -ENOMEM ? STATUS_MEMORY : error == -ENOSPC || error == -EDQUOT || error == -EIO
    ? STATUS_OUTPUT
    : STATUS_INPUT;
}

static void
note(void *context, const char *text)
{
  (void)context;
  complain("%s", text);
}

/* --------------------------------------------------------------------- open */

static void *
state_alone(void *context, const struct ww_chain_region *region)
{
  static char yes;
  (void)context;
  return strcmp(region->name, state_name) == 0 && region->length >= sizeof(struct state) ? &yes : NULL;
}

static void
take_state(void *context, const struct ww_chain_region *region, void *address)
{
  struct demo_checkpoint *checkpoint = context;
  memcpy(&checkpoint->was, address, sizeof checkpoint->was);
  munmap(address, region->length);
}

static enum status
differs(const char *what, uint64_t given, uint64_t was)
{
  complain("--%s %" PRIu64 ": what is resumed was begun with %" PRIu64, what, given, was);
  return STATUS_USAGE;
}

/* What it was begun with; what is given beside --resume must be the same, but for --epochs and --interval. */
static enum status
take_settings(struct demo_checkpoint *checkpoint, const struct demo_options *options)
{
  const struct state *was = &checkpoint->was;
  struct workload_run *run = checkpoint->run;

  if (memcmp(was->magic, magic, sizeof magic) != 0 || memchr(was->workload, '\0',
                                                             sizeof was->workload) == NULL) {
    complain("%s: was not written by `writewatch demo --checkpoint'", options->chain);
    return STATUS_INPUT;
  }
  if (strcmp(was->workload, run->workload->name) != 0) {
    complain("%s: is of the workload %s, not of %s", options->chain, was->workload, run->workload->name);
    return STATUS_USAGE;
  }
  if (was->page_size != run->page_size || was->threads == 0 || was->threads > DEMO_THREADS_MAX
      || was->epochs == 0) {
    complain("%s: was made on a machine with other pages", options->chain);
    return STATUS_INPUT;
  }
  if (options->given.pages && options->given.pages != was->pages)
    return differs("pages", options->given.pages, was->pages);
  if (options->given.threads && options->given.threads != was->threads)
    return differs("threads", options->given.threads, was->threads);
  if (options->given.seed && options->seed != was->seed)
    return differs("seed", options->seed, was->seed);
  run->pages = was->pages;
  run->seed = was->seed;
  run->threads = was->threads;
  if (!options->given.epochs)
    run->epochs = was->epochs;
  if (!options->interval)
    checkpoint->interval = was->interval ? was->interval : 1;
  return STATUS_OK;
}

static enum status
resume(struct demo_checkpoint *checkpoint, const struct demo_options *options)
{
  struct ww_restore_options restoring = WW_RESTORE_OPTIONS_INIT;
  restoring.flags = WW_RESTORE_FRESH;
  restoring.place = state_alone;
  restoring.placed = take_state;
  restoring.context = checkpoint;
  int error = ww_chain_restore(checkpoint->chain, &restoring, NULL);
  checkpoint->resumes = error == 0;
  return error ? chain_failed(error, "cannot resume") : take_settings(checkpoint, options);
}

static int
count_one(void *context, const struct ww_chain_entry *entry)
{
  (void)entry;
  *(bool *)context = true;
  return 1;
}

enum status
demo_checkpoint_open(struct demo_checkpoint **result, const struct demo_options *options,
                     struct workload_run *run)
{
  struct ww_chain_options chosen = WW_CHAIN_OPTIONS_INIT;
  const char *die = getenv("WRITEWATCH_DEMO_DIE");
  bool any = false;
  *result = NULL;
  if (!options->chain)
    return STATUS_OK;
  if (run->workload->keeps == NULL) {
    complain("%s cannot be resumed: it has state that it cannot tell of", run->workload->name);
    return STATUS_USAGE;
  }
  struct demo_checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
  if (!checkpoint) {
    complain("out of memory");
    return STATUS_MEMORY;
  }
  checkpoint->run = run;
  checkpoint->interval = options->interval ? options->interval : 1;
  checkpoint->next = BASE;
  checkpoint->die = die ? (unsigned)atoi(die) : 0;
  chosen.flags = options->chain_flags;
  chosen.level = options->chain_level;
  chosen.note = note;
  int error = ww_chain_open(&checkpoint->chain, options->chain, &chosen);
  enum status status = error ? chain_failed(error, "cannot open the chain") : STATUS_OK;
  if (status == STATUS_OK && options->resume)
    status = resume(checkpoint, options);
  else if (status == STATUS_OK && ww_chain_list(checkpoint->chain, count_one, &any) == 1) {
    complain("%s holds checkpoints: --resume goes on from them; or give another directory", options->chain);
    status = STATUS_USAGE;
  }
  if (status == STATUS_OK)
    *result = checkpoint;
  else
    demo_checkpoint_close(checkpoint);
  return status;
}

void
demo_checkpoint_close(struct demo_checkpoint *checkpoint)
{
  if (!checkpoint)
    return;
  ww_chain_close(checkpoint->chain);
  free(checkpoint);
}

/* ------------------------------------------------------------------- memory */

void *
demo_checkpoint_memory(struct demo_checkpoint *checkpoint, const char *name, size_t length)
{
  void *wanted = (void *)checkpoint->next;
  void *address = mmap(wanted, length, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
                       0);
  if (address != MAP_FAILED && address != wanted) {
    munmap(address, length);
    address = MAP_FAILED;
    errno = EEXIST;
  }
  if (address == MAP_FAILED) {
    complain("no %zu bytes at %p for region '%s', where a resumed run would look for it: %s", length, wanted,
             name,
             strerror(errno));
    return NULL;
  }
  checkpoint->next += (length + GAP - 1) / GAP * GAP + GAP;
  return address;
}

static void
measure(void *context, void *address, size_t length)
{
  struct demo_checkpoint *checkpoint = context;
  (void)address;
  checkpoint->at += length;
}

/* Only where it differs: a page that is written shall have changed. */
static void
put(void *context, void *address, size_t length)
{
  struct demo_checkpoint *checkpoint = context;
  unsigned char *place = checkpoint->state->kept + checkpoint->at;
  if (memcmp(place, address, length) != 0)
    memcpy(place, address, length);
  checkpoint->at += length;
}

static void
get(void *context, void *address, size_t length)
{
  struct demo_checkpoint *checkpoint = context;
  memcpy(address, checkpoint->state->kept + checkpoint->at, length);
  checkpoint->at += length;
}

static void
each_piece(struct demo_checkpoint *checkpoint, workload_keep *keep)
{
  checkpoint->at = 0;
  checkpoint->run->workload->keeps(checkpoint->run, keep, checkpoint);
}

enum status
demo_checkpoint_prepare(struct demo_checkpoint *checkpoint, struct demo_part *part)
{
  const struct workload_run *run = checkpoint->run;
  each_piece(checkpoint, measure);
  size_t size = sizeof *checkpoint->state + checkpoint->at;
  size_t length = (size + run->page_size - 1) / run->page_size * run->page_size;
  struct state *state = demo_checkpoint_memory(checkpoint, state_name, length);
  if (!state)
    return STATUS_MEMORY;
  *part = (struct demo_part){ strdup(state_name), state, length, true };
  memcpy(state->magic, magic, sizeof magic);
  snprintf(state->workload, sizeof state->workload, "%s", run->workload->name);
  state->size = size;
  state->page_size = run->page_size;
  state->pages = run->pages;
  state->seed = run->seed;
  state->threads = run->threads;
  state->epochs = run->epochs;
  state->interval = checkpoint->interval;
  checkpoint->state = state;
  return part->name ? STATUS_OK : STATUS_MEMORY;
}

/* ------------------------------------------------------------------ restore */

static void *
place(void *context, const struct ww_chain_region *region)
{
  struct demo_checkpoint *checkpoint = context;
  for (size_t i = 0; i < checkpoint->part_count; i++)
    if (strcmp(checkpoint->parts[i].name, region->name) == 0
        && checkpoint->parts[i].address == region->address
        && checkpoint->parts[i].length == region->length)
      return region->address;
  return NULL;
}

enum status
demo_checkpoint_restore(struct demo_checkpoint *checkpoint, const struct demo_part *parts, size_t count)
{
  struct ww_restore_options options = WW_RESTORE_OPTIONS_INIT;
  struct ww_restore_info info = { .size = sizeof info };
  if (!checkpoint->resumes)
    return STATUS_OK;
  uint64_t size = checkpoint->state->size;
  checkpoint->parts = parts;
  checkpoint->part_count = count;
  options.place = place;
  options.context = checkpoint;
  int error = ww_chain_restore(checkpoint->chain, &options, &info);
  if (error)
    return chain_failed(error, "cannot resume");
  if (info.regions != count || checkpoint->state->size != size) {
    complain("cannot resume: the memory was laid out otherwise; were the operands the same?");
    return STATUS_INPUT;
  }
  checkpoint->state->epochs = checkpoint->run->epochs;
  checkpoint->state->interval = checkpoint->interval;
  each_piece(checkpoint, get);
  fprintf(stderr, "resumed after epoch %u, from checkpoint %" PRIu64 "\n", checkpoint->state->done,
          info.generation);
  return STATUS_OK;
}

unsigned
demo_checkpoint_done(const struct demo_checkpoint *checkpoint)
{
  return checkpoint && checkpoint->resumes ? checkpoint->was.done : 0;
}

/* -------------------------------------------------------------------- epoch */

void
demo_checkpoint_note(struct demo_checkpoint *checkpoint, unsigned epoch)
{
  if (!checkpoint)
    return;
  checkpoint->state->done = epoch;
  each_piece(checkpoint, put);
}

enum status
demo_checkpoint_epoch(struct demo_checkpoint *checkpoint, ww_tracker *tracker, const ww_dirty *dirty,
                      unsigned epoch)
{
  struct ww_checkpoint_info info = { .size = sizeof info };
  if (!checkpoint)
    return STATUS_OK;
  int error = ww_chain_feed(checkpoint->chain, dirty);
  if (!error && (epoch % checkpoint->interval == 0 || epoch == checkpoint->run->epochs)) {
    ww_chain_label(checkpoint->chain, epoch);
    error = ww_checkpoint(checkpoint->chain, tracker, &info);
    if (!error) {
      /* Full images tell nothing of what a change costs. */
      if (info.parent != 0) {
        checkpoint->made++;
        checkpoint->written += info.written;
        checkpoint->changed += info.dirty_pages - info.unchanged_pages;
      }
    }
  }
  if (error)
    return chain_failed(error, "cannot make a checkpoint");
  /* The tests' way to have it end where they want. */
  if (checkpoint->die && epoch >= checkpoint->die)
    raise(SIGKILL);
  return STATUS_OK;
}

void
demo_checkpoint_describe(struct demo_checkpoint *checkpoint, const struct demo_part *parts, size_t count,
                         char *text,
                         size_t size)
{
  XXH3_state_t *state = XXH3_createState();
  XXH128_hash_t hash = { 0, 0 };
  if (state) {
    XXH3_128bits_reset(state);
    for (size_t i = 0; i < count; i++)
      if (parts[i].address != checkpoint->state)
        XXH3_128bits_update(state, parts[i].address, parts[i].length);
    XXH3_128bits_update(state, checkpoint->state->kept, checkpoint->state->size - sizeof *checkpoint->state);
    hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
  }
  snprintf(text, size, "memory %016" PRIx64 "%016" PRIx64 " after %u epochs; %" PRIu64 " deltas of %" PRIu64
           " changed pages, %" PRIu64 " bytes", hash.high64, hash.low64, checkpoint->state->done,
             checkpoint->made,
           checkpoint->changed, checkpoint->written);
}
