/* save.c - a checkpoint from its collect to its commit. */
#include "config.h"
#include "open.h"

#include "disk.h"
#include "packer.h"
#include "patch.h"
#include "readable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* -------------------------------------------------------------------- begin */

/* Does the dirty set go on where the last one that was seen ended? Not if somebody collected in between
 * and kept it to himself, or if the tracker was stopped meanwhile. */
static bool
follows(const ww_chain *chain, const ww_dirty *dirty)
{
  return chain->last && ww_dirty_epoch(dirty) == chain->seen_epoch + 1
    && ww_dirty_begin(dirty) == chain->seen_end;
}

static void
see(ww_chain *chain, const ww_dirty *dirty)
{
  chain->seen_epoch = ww_dirty_epoch(dirty);
  chain->seen_end = ww_dirty_end(dirty);
}

static void
fill_header(struct job *job)
{
  ww_chain *chain = job->chain;
  job->info = (struct ww_checkpoint_info){
    .size = sizeof job->info, .generation = chain->newest + 1, .parent = chain->parent,
    .label = atomic_load(&chain->label), .time = disk_date(),
  };
}

static int
collect(void *context, ww_tracker *tracker, ww_dirty **dirty)
{
  (void)context;
  return ww_collect(tracker, dirty);
}

static int
copy_dirty(void *context, const ww_dirty *dirty, const void *address, size_t length, void *buffer)
{
  (void)context;
  return ww_dirty_copy(dirty, address, length, buffer);
}

static const struct page_source plain = { collect, copy_dirty, NULL };

int
job_begin(struct job *job, ww_chain *chain, ww_tracker *tracker, const struct page_source *source)
{
  ww_dirty *dirty;
  *job = (struct job){ .chain = chain, .tracker = tracker, .began = disk_now() };
  if (chain->newest >= GENERATION_MAX)
    return chain_error(-EOVERFLOW, "%s: no number is left for a checkpoint", chain->path);
  fill_header(job);
  source = source ? source : &plain;
  int error = source->collect(source->context, tracker, &dirty);
  if (error)
    return chain_error(error, "the dirty pages cannot be collected: %s (%s)", ww_last_error(),
                       ww_strerror(error));
  error = slots_follow(&chain->slots, dirty, follows(chain, dirty), chain_keeping(chain));
  if (!error && chain->parent == 0)
    slots_forget(&chain->slots);
  if (!error)
    error = readable_look(&chain->slots);
  ww_dirty_free(chain->last);
  chain->last = error ? NULL : dirty;
  see(chain, dirty);
  if (error) {
    ww_dirty_free(dirty);
    return error;
  }
  job->dirty = dirty;
  atomic_store(&chain->progress.bytes_done, 0);
  atomic_store(&chain->progress.written, 0);
  atomic_store(&chain->progress.copied_pages, 0);
  atomic_store(&chain->progress.waited_pages, 0);
  uint64_t units = 0;
  for (size_t i = 0; i < chain->slots.count; i++)
    units += slot_looked_at(chain->slots.slot[i]);
  job->info.dirty_pages = units;
  atomic_store(&chain->progress.bytes, units * UNIT);
  atomic_store(&chain->progress.under_way, 1);
  return 0;
}

/* -------------------------------------------------------------------- write */

struct saving {
  struct job    *job;
  struct packer *packer;
  unsigned char *buffer;
  size_t         room;       /* of the buffer: a page at least */
  const struct page_source *source;
};

enum verdict { UNCHANGED, ZERO_ALREADY, ZERO, PATCHED, WHOLE };

static enum verdict
judge(struct slot *slot, uint64_t unit, const unsigned char *bytes, unsigned char *patch, size_t *length)
{
  bool known = unit_is_set(slot->known, unit), zero = unit_is_zero(bytes);
  struct page_hash sum = { 0, 0 };   /* of zeros: so the table of memory that is not used is not either */
  if (slot->sum) {
    if (!zero)
      sum = page_hash(bytes, UNIT);
    if (known && page_hash_equal(sum, slot->sum[unit]))
      return UNCHANGED;
  }
  if (slot->shadow && known && memcmp(bytes, slot->shadow + unit * UNIT, UNIT) == 0)
    return UNCHANGED;

  enum verdict verdict = WHOLE;
  if (zero)
    verdict = !known && unit >= slot->stored ? ZERO_ALREADY : ZERO;
  else if (slot->shadow && known && (*length = patch_make(slot->shadow + unit * UNIT, bytes, patch)) != 0)
    verdict = PATCHED;
  slot_know(slot, unit, zero ? NULL : bytes, sum);
  return verdict;
}

/* The units that lie in the buffer. */
static int
pack(struct saving *saving, struct slot *slot, uint64_t first, uint64_t count)
{
  struct ww_checkpoint_info *info = &saving->job->info;
  unsigned char patch[PATCH_MAX];
  size_t length = 0;
  uint64_t whole = 0;        /* units before this one that go together */
  int error = 0;
  for (uint64_t i = 0; i <= count && !error; i++) {
    const unsigned char *bytes = saving->buffer + i * UNIT;
    enum verdict verdict = i < count ? judge(slot, first + i, bytes, patch, &length) : UNCHANGED;
    if (verdict == WHOLE) {
      whole++;
      continue;
    }
    if (whole)
      error = packer_pages(saving->packer, first + i - whole, whole, bytes - whole * UNIT);
    info->whole_pages += whole;
    whole = 0;
    if (i == count || error)
      break;
    info->unchanged_pages += verdict == UNCHANGED;
    info->zero_pages += verdict == ZERO || verdict == ZERO_ALREADY;
    info->partial_pages += verdict == PATCHED;
    if (verdict == ZERO)
      error = packer_zeros(saving->packer, first + i, 1);
    else if (verdict == PATCHED)
      error = packer_patch(saving->packer, first + i, patch, length);
  }
  return error;
}

static int
save_slot(struct saving *saving, struct slot *slot)
{
  struct job *job = saving->job;
  struct file_region region = { .id = slot->id, .address = slot->address, .length = slot->length,
                                .page_size = slot->page_size };
  memcpy(region.name, slot->name, sizeof region.name);
  int error = packer_begin(saving->packer, job->writer, &region);
  job->info.regions++;
  job->info.bytes += slot->length;
  for (uint64_t unit = 0, end; !error && (unit = slot_next(slot, unit, &end)) < slot->units; unit = end) {
    if (end - unit > saving->room / UNIT)
      end = unit + saving->room / UNIT;
    const void *address = (const void *)(slot->address + unit * UNIT);
    error = saving->source->copy(saving->source->context, job->dirty, address, (end - unit) * UNIT,
                                 saving->buffer);
    if (error)
      return chain_error(error, "region \"%s\": %llu bytes at %p cannot be copied: %s", slot->name,
                         (unsigned long long)((end - unit) * UNIT), address, ww_last_error());
    error = pack(saving, slot, unit, end - unit);
    atomic_fetch_add(&job->chain->progress.bytes_done, (end - unit) * UNIT);
  }
  return error ? error : packer_end(saving->packer);
}

static int
open_writer(struct job *job)
{
  ww_chain *chain = job->chain;
  const struct ww_chain_options *options = &chain->options;
  struct writer_settings settings = {
    .directory = chain->directory, .path = chain->path, .direct = options->flags & WW_CHAIN_DIRECT,
    .sync = !(options->flags & WW_CHAIN_NO_SYNC), .level = options->level, .bandwidth = options->bandwidth,
    .room = UINT64_MAX, .written = &chain->progress.written,
  };
  struct file_header header = {
    .version = FORMAT_VERSION, .order = FORMAT_ORDER, .generation = job->info.generation,
    .parent = chain->parent, .parent_identity = chain->parent_identity, .time = job->info.time,
    .label = job->info.label, .next_id = chain->slots.next_id,
  };
  uint64_t used = atomic_load(&chain->bytes);
  if (options->limit)
    settings.room = options->limit > used ? options->limit - used : 0;
  memcpy(header.magic, FORMAT_MAGIC, sizeof header.magic);
  int error = disk_random(&header.identity, sizeof header.identity);
  if (error)
    return chain_error(error, "no random number for a checkpoint: %s", strerror(-error));
  job->identity = header.identity;
  return writer_open(&job->writer, &settings, &header);
}

int
job_write(struct job *job, const struct page_source *source)
{
  struct slots *slots = &job->chain->slots;
  struct saving saving = { .job = job, .room = BLOCK_USUAL, .source = source ? source : &plain };
  for (size_t i = 0; i < slots->count; i++)
    if (slots->slot[i]->page_size > saving.room)
      saving.room = slots->slot[i]->page_size;
  int error = open_writer(job);
  if (error)
    return error;
  void *buffer = mmap(NULL, saving.room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  saving.buffer = buffer;
  saving.packer = packer_create();
  if (buffer == MAP_FAILED || !saving.packer)
    error = chain_error(-ENOMEM, "no memory to write a checkpoint");
  for (size_t i = 0; i < slots->count && !error; i++)
    error = save_slot(&saving, slots->slot[i]);
  if (!error)
    error = writer_finish(job->writer, &job->info.written);
  packer_free(saving.packer);
  if (buffer != MAP_FAILED)
    munmap(buffer, saving.room);
  return error;
}

/* ---------------------------------------------------------------------- end */

static void
committed(struct job *job)
{
  ww_chain *chain = job->chain;
  slots_saved(&chain->slots);
  chain->parent = chain->newest = job->info.generation;
  chain->parent_identity = job->identity;
  job->info.chain_files = atomic_fetch_add(&chain->files, 1) + 1;
  job->info.chain_bytes = atomic_fetch_add(&chain->bytes, job->info.written) + job->info.written;
}

/* What is in its place and may not be there after a crash must not be there at all. */
static void
take_back(struct job *job)
{
  char name[DISK_NAME];
  disk_name(job->info.generation, name);
  int error = disk_remove(job->chain->directory, name);
  if (error && error != -ENOENT) {
    /* It stays: as the image of that moment it is right. */
    atomic_fetch_add(&job->chain->files, 1);
    atomic_fetch_add(&job->chain->bytes, job->info.written);
  }
  job->chain->newest = job->info.generation;
}

int
job_end(struct job *job, int error, struct ww_checkpoint_info *info)
{
  ww_chain *chain = job->chain;
  if (!error && (error = writer_commit(job->writer)) != 0)
    take_back(job);
  writer_drop(job->writer);
  job->writer = NULL;
  if (error)
    slots_failed(&chain->slots);
  else
    committed(job);
  atomic_store(&chain->progress.under_way, 0);
  if (error)
    return error;
  job->info.duration = disk_now() - job->began;
  if (job->pause == 0)
    job->pause = job->info.duration;
  job->info.pause = job->pause;
  hook_run(chain, &job->info);
  tend(chain);
  if (info) {
    size_t size = info->size;
    memcpy(info, &job->info, size < sizeof *info ? size : sizeof *info);
    info->size = size;
  }
  return 0;
}

int
ww_checkpoint(ww_chain *chain, ww_tracker *tracker, struct ww_checkpoint_info *info)
{
  struct job job;
  if (!chain)
    return chain_error(-EINVAL, "ww_checkpoint: no chain");
  chain_lock(chain);
  int error = chain_may_save(chain, tracker, info);
  if (!error && (error = job_begin(&job, chain, tracker, NULL)) == 0) {
    error = job_write(&job, NULL);
    error = job_end(&job, error, info);
  }
  chain_unlock(chain);
  return error;
}

int
ww_chain_feed(ww_chain *chain, const ww_dirty *dirty)
{
  if (!chain || !dirty)
    return chain_error(-EINVAL, "ww_chain_feed: %s", chain ? "no dirty set" : "no chain");
  chain_lock(chain);
  int error = chain->options.flags & WW_CHAIN_READ_ONLY
    ? chain_error(-EROFS, "%s: the chain was opened to be read only", chain->path) : chain_may_read(chain);
  /* Regions that have no slot yet will be looked at as a whole; what does not follow changes nothing: then
   * the next collect does not follow either. */
  if (!error && follows(chain, dirty)) {
    slots_mark(&chain->slots, dirty);
    see(chain, dirty);
  }
  chain_unlock(chain);
  return error;
}

int
ww_checkpoint_progress(ww_chain *chain, struct ww_checkpoint_progress *progress)
{
  if (!chain || !progress || progress->size < sizeof *progress)
    return chain_error(-EINVAL,
                       "ww_checkpoint_progress: an argument is NULL, or a size less than any version's");
  progress->under_way = atomic_load(&chain->progress.under_way);
  progress->bytes = atomic_load(&chain->progress.bytes);
  progress->bytes_done = atomic_load(&chain->progress.bytes_done);
  progress->written = atomic_load(&chain->progress.written);
  progress->copied_pages = atomic_load(&chain->progress.copied_pages);
  progress->waited_pages = atomic_load(&chain->progress.waited_pages);
  return 0;
}
