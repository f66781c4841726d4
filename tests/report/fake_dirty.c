/* fake_dirty.c - dirty sets and regions with contents of a test's choice. */
#include "config.h"
#include "fake_dirty.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ww_region {
  ww_region *next;
  char      *name;
  uint64_t   address, pages, page_size;
};

struct fake_fault {
  uint64_t         page;
  struct ww_writer writer;
};

struct ww_dirty {
  ww_dirty          *next;
  uint64_t           epoch, begin, end;
  ww_region        **regions;
  size_t             regions_count;
  struct ww_run     *runs;
  size_t             runs_count;
  struct fake_fault *faults;
  size_t             faults_count;
};

static ww_region *all_regions;
static ww_dirty  *all_dirty;

static void *
have(void *memory)
{
  if (!memory) {
    fprintf(stderr, "fake_dirty: no memory\n");
    exit(99);
  }
  return memory;
}

/* Room for one more; doubled, as sanitizers copy at every realloc(). */
static void *
grown(void *array, size_t count, size_t size)
{
  return count & (count - 1) ? array : have(realloc(array, (count ? 2 * count : 1) * size));
}

ww_region *
fake_region(const char *name, uint64_t address, uint64_t pages, uint64_t page_size)
{
  ww_region *region = have(calloc(1, sizeof(*region)));

  region->name = have(strdup(name));
  region->address = address;
  region->pages = pages;
  region->page_size = page_size;
  region->next = all_regions;
  all_regions = region;
  return region;
}

ww_dirty *
fake_dirty(uint64_t epoch, uint64_t begin, uint64_t end)
{
  ww_dirty *dirty = have(calloc(1, sizeof(*dirty)));

  dirty->epoch = epoch;
  dirty->begin = begin;
  dirty->end = end;
  dirty->next = all_dirty;
  all_dirty = dirty;
  return dirty;
}

void
fake_watch(ww_dirty *dirty, ww_region *region)
{
  dirty->regions = grown(dirty->regions, dirty->regions_count, sizeof(*dirty->regions));
  dirty->regions[dirty->regions_count++] = region;
}

void
fake_run(ww_dirty *dirty, ww_region *region, uint64_t page, uint64_t pages, int evidence)
{
  struct ww_run *run;

  dirty->runs = grown(dirty->runs, dirty->runs_count, sizeof(*dirty->runs));
  run = &dirty->runs[dirty->runs_count++];
  run->region = region;
  run->address = (void *)(uintptr_t)(region->address + page * region->page_size);
  run->length = pages * region->page_size;
  run->evidence = (enum ww_evidence)evidence;
}

void
fake_fault(ww_dirty *dirty, ww_region *region, uint64_t page, int32_t thread, uint64_t time,
           void *const *frames, unsigned depth)
{
  struct fake_fault *fault;

  dirty->faults = grown(dirty->faults, dirty->faults_count, sizeof(*dirty->faults));
  fault = &dirty->faults[dirty->faults_count];
  memset(fault, 0, sizeof(*fault));
  fault->page = region->address + page * region->page_size;
  fault->writer.order = dirty->faults_count++;
  fault->writer.time = time;
  fault->writer.thread = thread;
  fault->writer.depth = depth;
  fault->writer.frames = frames;
}

void
fake_free(void)
{
  while (all_dirty) {
    ww_dirty *next = all_dirty->next;
    free(all_dirty->regions);
    free(all_dirty->runs);
    free(all_dirty->faults);
    free(all_dirty);
    all_dirty = next;
  }
  while (all_regions) {
    ww_region *next = all_regions->next;
    free(all_regions->name);
    free(all_regions);
    all_regions = next;
  }
}

/* ------------------------------------------- the public face, as reports use it */

const char *
ww_region_name(const ww_region *region)
{
  return region->name;
}

void *
ww_region_address(const ww_region *region)
{
  return (void *)(uintptr_t)region->address;
}

size_t
ww_region_length(const ww_region *region)
{
  return region->pages * region->page_size;
}

size_t
ww_region_page_size(const ww_region *region)
{
  return region->page_size;
}

uint64_t
ww_dirty_epoch(const ww_dirty *dirty)
{
  return dirty->epoch;
}

uint64_t
ww_dirty_begin(const ww_dirty *dirty)
{
  return dirty->begin;
}

uint64_t
ww_dirty_end(const ww_dirty *dirty)
{
  return dirty->end;
}

const struct ww_run *
ww_dirty_runs(const ww_dirty *dirty, size_t *count)
{
  *count = dirty->runs_count;
  return dirty->runs;
}

ww_region *const *
ww_dirty_regions(const ww_dirty *dirty, size_t *count)
{
  *count = dirty->regions_count;
  return dirty->regions;
}

size_t
ww_dirty_writers(const ww_dirty *dirty)
{
  return dirty->faults_count;
}

int
ww_dirty_writer_at(const ww_dirty *dirty, size_t index, void **page, struct ww_writer *writer)
{
  if (index >= dirty->faults_count)
    return -EINVAL;
  if (page)
    *page = (void *)(uintptr_t)dirty->faults[index].page;
  *writer = dirty->faults[index].writer;
  return 0;
}
