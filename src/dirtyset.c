/* dirtyset.c - what a collect returns: runs of pages, their evidence, their writers. */
#include "config.h"
#include "dirtyset.h"
#include "error.h"
#include "tracker.h"

#include <errno.h>
#include <string.h>

struct ww_dirty *
dirty_create(size_t runs, size_t regions, size_t faults)
{
  struct ww_dirty *dirty = arena_map(NULL, sizeof *dirty + runs * sizeof *dirty->run
                                             + regions * sizeof *dirty->region);
  if (!dirty)
    return NULL;
  dirty->run = (void *)(dirty + 1);
  dirty->region = (void *)(dirty->run + runs);
  if (faults && faultlog_reserve(&dirty->log, faults)) {
    arena_unmap(NULL, dirty);
    return NULL;
  }
  return dirty;
}

struct builder {
  struct ww_dirty *dirty;         /* NULL: only count */
  struct ww_region *region;
  size_t runs, first, next;       /* the run in hand: pages first .. next - 1 */
  enum ww_evidence evidence;
};

static void
end_run(struct builder *builder)
{
  size_t pages = builder->next - builder->first;
  if (!pages)
    return;
  builder->runs++;
  if (builder->dirty) {
    builder->dirty->run[builder->dirty->runs++] = (struct ww_run){
      builder->region, (void *)region_page_address(builder->region, builder->first),
      pages << builder->region->shift, builder->evidence };
    builder->dirty->pages += pages;
    builder->dirty->count[builder->evidence] += pages;
  }
}

static void
add_pages(struct builder *builder, size_t first, size_t pages, enum ww_evidence evidence)
{
  if (first == builder->next && evidence == builder->evidence) {
    builder->next += pages;
    return;
  }
  end_run(builder);
  builder->first = first;
  builder->next = first + pages;
  builder->evidence = evidence;
}

/* Pages first .. first + length - 1 of a word, all of them in the set. */
static void
add_by_evidence(struct builder *builder, const struct page_set *set, size_t word, unsigned first,
                unsigned length)
{
  for (unsigned next, end = first + length; first < end; first = next) {
    enum ww_evidence evidence = page_set_evidence(set, word * 64 + first);
    uint64_t same = page_set_with_evidence(set, word, evidence) >> first;
    unsigned run = ~same ? (unsigned)__builtin_ctzll(~same) : 64;
    next = first + run < end ? first + run : end;
    add_pages(builder, word * 64 + first, next - first, evidence);
  }
}

size_t
dirty_add_runs(struct ww_dirty *dirty, struct ww_region *region, const struct page_set *set)
{
  struct builder builder = { .dirty = dirty, .region = region };
  bool special = atomic_load(&set->special);
  for (size_t page = 0; (page = bitmap_next(&set->dirty, page)) != BITMAP_NONE;) {
    size_t word = page / 64;
    uint64_t rest = bitmap_word(&set->dirty, word);
    while (rest) {
      unsigned first = (unsigned)__builtin_ctzll(rest);
      uint64_t from = rest >> first;
      unsigned length = ~from ? (unsigned)__builtin_ctzll(~from) : 64 - first;
      rest = first + length < 64 ? rest & ~(uint64_t)0 << (first + length) : 0;
      if (!special)
        add_pages(&builder, word * 64 + first, length, WW_TRAPPED);
      else
        add_by_evidence(&builder, set, word, first, length);
    }
    page = (word + 1) * 64;
  }
  end_run(&builder);
  return builder.runs;
}

void
dirty_give_back(const struct ww_dirty *dirty, const struct ww_tracker *tracker)
{
  for (size_t i = 0; i < dirty->runs; i++) {
    struct ww_region *region = dirty->run[i].region;
    struct page_set *running = &region->set[atomic_load(&tracker->gate.epoch) & 1];
    if (region->tracker != tracker || !atomic_load(&region->armed))
      continue;
    size_t first = ((uintptr_t)dirty->run[i].address - region->start) >> region->shift;
    size_t behind = first + (dirty->run[i].length >> region->shift);
    for (size_t page = first, next; page < behind; page = next) {
      const struct segment *segment = region_segment(region, page);
      next = segment->first + segment->count < behind ? segment->first + segment->count : behind;
      if (segment->state == SEGMENT_WATCHED)
        for (size_t word = page / 64; word <= (next - 1) / 64; word++)
          page_set_declare(region, running, word, bitmap_mask(word, page, next - page));
    }
  }
}

/* ------------------------------------------------------------- the public face */

uint64_t
ww_dirty_epoch(const struct ww_dirty *dirty)
{
  return dirty->epoch;
}

uint64_t
ww_dirty_begin(const struct ww_dirty *dirty)
{
  return dirty->begin;
}

uint64_t
ww_dirty_end(const struct ww_dirty *dirty)
{
  return dirty->end;
}

size_t
ww_dirty_pages(const struct ww_dirty *dirty)
{
  return dirty->pages;
}

size_t
ww_dirty_count(const struct ww_dirty *dirty, enum ww_evidence evidence)
{
  return (unsigned)evidence <= WW_ASSUMED ? dirty->count[evidence] : 0;
}

const struct ww_run *
ww_dirty_runs(const struct ww_dirty *dirty, size_t *count)
{
  if (count)
    *count = dirty->runs;
  return dirty->run;
}

const struct ww_run *
ww_dirty_missed(const struct ww_dirty *dirty, size_t *count)
{
  if (count)
    *count = dirty->missed_runs;
  return dirty->missed;
}

struct ww_region *const *
ww_dirty_regions(const struct ww_dirty *dirty, size_t *count)
{
  if (count)
    *count = dirty->regions;
  return dirty->region;
}

size_t
ww_dirty_writers(const struct ww_dirty *dirty)
{
  return faultlog_count(&dirty->log);
}

int
ww_dirty_writer_at(const struct ww_dirty *dirty, size_t index, void **page, struct ww_writer *writer)
{
  if (!dirty || !writer || index >= faultlog_count(&dirty->log))
    return error_set(-EINVAL, "ww_dirty_writer_at: fault %zu of %zu, or no place for the answer", index,
                     dirty ? faultlog_count(&dirty->log) : 0);
  struct fault fault = faultlog_unpack(*faultlog_at(&dirty->log, index));
  writer->order = index;
  writer->time = dirty->begin + fault.time;
  writer->thread = fault.thread;
  writer->stack = fault.stack;
  writer->frames = writers_frames(dirty->writers, fault.stack, &writer->depth);
  if (page)
    *page = (void *)fault.page;
  return 0;
}

/* The run that holds the address, or NULL. */
static const struct ww_run *
find_run(const struct ww_dirty *dirty, uintptr_t address)
{
  size_t low = 0, high = dirty->runs;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if ((uintptr_t)dirty->run[middle].address + dirty->run[middle].length <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low < dirty->runs && (uintptr_t)dirty->run[low].address <= address ? &dirty->run[low] : NULL;
}

/* Where the index has the page at `address`, which lies in `run`. */
static unsigned char *
index_at(const struct ww_dirty *dirty, const struct dirty_index *index, const struct ww_run *run,
         uintptr_t address)
{
  size_t page = index->first[run - dirty->run] + ((address - (uintptr_t)run->address) >> run->region->shift);
  return index->fault_of + page * index->width;
}

/* Three bytes a page do for 16 million faults: with the log's sixteen that stays under
 * half a per cent of the pages. */
static struct dirty_index *
make_index(const struct ww_dirty *dirty)
{
  size_t faults = faultlog_count(&dirty->log), first = 0;
  unsigned width = faults < ((size_t)1 << 24) - 1 ? 3 : 4;
  struct dirty_index *index = arena_map(NULL, sizeof *index + dirty->runs * sizeof *index->first
                                                + dirty->pages * width);
  if (!index)
    return NULL;
  index->first = (void *)(index + 1);
  index->width = width;
  index->fault_of = (void *)(index->first + dirty->runs);
  for (size_t i = 0; i < dirty->runs; i++) {
    index->first[i] = (uint32_t)first;
    first += dirty->run[i].length >> dirty->run[i].region->shift;
  }
  for (size_t i = faults; i-- > 0;) {
    uintptr_t page = faultlog_unpack(*faultlog_at(&dirty->log, i)).page;
    const struct ww_run *run = find_run(dirty, page);
    uint32_t number = (uint32_t)i + 1;
    if (run)
      memcpy(index_at(dirty, index, run, page), &number, width);
  }
  return index;
}

int
ww_dirty_writer(const struct ww_dirty *dirty, const void *page, struct ww_writer *writer)
{
  if (!dirty || !page || !writer)
    return error_set(-EINVAL, "ww_dirty_writer: the dirty set, the page or the place for the answer is NULL");
  struct dirty_index *index = atomic_load(&dirty->index), *none = NULL;
  if (!index) {
    if (!(index = make_index(dirty)))
      return error_set(-ENOMEM, "ww_dirty_writer: no memory for an index of %zu pages", dirty->pages);
    if (!atomic_compare_exchange_strong(&((struct ww_dirty *)(uintptr_t)dirty)->index, &none, index)) {
      arena_unmap(NULL, index);
      index = none;
    }
  }
  const struct ww_run *run = find_run(dirty, (uintptr_t)page);
  uint32_t number = 0;
  if (run)
    memcpy(&number, index_at(dirty, index, run, (uintptr_t)page), index->width);
  if (!number)
    return error_set(-ENOENT, "nobody was seen writing the page at %p in epoch %llu", page,
                     (unsigned long long)dirty->epoch);
  return ww_dirty_writer_at(dirty, number - 1, NULL, writer);
}

void
ww_dirty_free(struct ww_dirty *dirty)
{
  if (!dirty)
    return;
  for (size_t i = 0; i < dirty->regions; i++)
    region_release(dirty->region[i]);
  writers_release(dirty->writers);
  faultlog_release(&dirty->log);
  if (dirty->missed)
    arena_unmap(NULL, dirty->missed);
  struct dirty_index *index = atomic_load(&dirty->index);
  if (index)
    arena_unmap(NULL, index);
  arena_unmap(NULL, dirty);
}
