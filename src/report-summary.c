/* report-summary.c - takes in dirty sets. */
#include "config.h"
#include "report-summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *
report_evidence(unsigned evidence)
{
  switch (evidence) {
  case WW_TRAPPED:  return "trapped";
  case WW_VERIFIED: return "verified";
  case WW_DECLARED: return "declared";
  case WW_ASSUMED:  return "assumed";
  }
  return "other";
}

static unsigned
kind(unsigned evidence)
{
  return evidence < REPORT_KINDS ? evidence : 0;
}

int
ww_summary_create(ww_summary **summary, const char *title)
{
  ww_summary *made;

  if (!summary)
    return -EINVAL;
  made = calloc(1, sizeof(*made));
  if (!made)
    return -ENOMEM;
  if (report_writers_init(&made->writers) < 0 || (title && !(made->title = strdup(title)))) {
    ww_summary_free(made);
    return -ENOMEM;
  }
  *summary = made;
  return 0;
}

void
ww_summary_free(ww_summary *summary)
{
  size_t i;

  if (!summary)
    return;
  for (i = 0; i < summary->regions_count; i++) {
    free(summary->regions[i].name);
    report_pageset_free(&summary->regions[i].ever);
  }
  for (i = 0; i < summary->notes_count; i++) {
    free(summary->notes[i].key);
    free(summary->notes[i].value);
  }
  free(summary->title);
  free(summary->notes);
  free(summary->regions);
  free(summary->epochs);
  report_index_free(&summary->by_region);
  report_runs_free(&summary->runs);
  report_writers_free(&summary->writers);
  free(summary);
}

int
ww_summary_note(ww_summary *summary, const char *key, const char *value)
{
  struct report_note note;
  size_t i;

  if (!summary || !key || !value)
    return -EINVAL;
  if (!(note.value = strdup(value)))
    return -ENOMEM;
  for (i = 0; i < summary->notes_count; i++)
    if (strcmp(summary->notes[i].key, key) == 0) {
      free(summary->notes[i].value);
      summary->notes[i].value = note.value;
      return 0;
    }
  note.key = strdup(key);
  if (!note.key || report_grow(&summary->notes, summary->notes_count + 1, &summary->notes_room,
                               sizeof(note)) < 0) {
    free(note.key);
    free(note.value);
    return -ENOMEM;
  }
  summary->notes[summary->notes_count++] = note;
  return 0;
}

/* ------------------------------------------------------------------ regions */

static bool
same_region(const void *table, uint32_t position, const void *key)
{
  const struct report_region *region = &((const ww_summary *)table)->regions[position];
  const ww_region *wanted = key;

  return region->address == (uint64_t)(uintptr_t)ww_region_address(wanted)
         && region->length == ww_region_length(wanted)
         && region->page_size == ww_region_page_size(wanted)
         && strcmp(region->name, ww_region_name(wanted)) == 0;
}

/* Handles are not compared: a handle may be given to another region later. */
static int
find_region(ww_summary *summary, const ww_region *wanted, uint32_t *position)
{
  struct report_region region = {
    .address = (uint64_t)(uintptr_t)ww_region_address(wanted),
    .length = ww_region_length(wanted),
    .page_size = ww_region_page_size(wanted)
  };
  const uint64_t words[] = { region.address, region.length, region.page_size };
  uint32_t hash = report_hash_text(report_hash(4, words, 3), ww_region_name(wanted));

  *position = report_index_find(&summary->by_region, hash, same_region, summary, wanted);
  if (*position != REPORT_NOWHERE)
    return 0;
  if (region.page_size == 0)
    return -EINVAL;
  if (summary->regions_count >= INT32_MAX)
    return -EOVERFLOW;
  region.pages = region.length / region.page_size;
  region.name = strdup(ww_region_name(wanted));
  if (!region.name
      || report_grow(&summary->regions, summary->regions_count + 1, &summary->regions_room,
                     sizeof(region)) < 0
      || report_index_add(&summary->by_region, hash, (uint32_t)summary->regions_count) < 0) {
    free(region.name);
    return -ENOMEM;
  }
  *position = (uint32_t)summary->regions_count;
  summary->regions[summary->regions_count++] = region;
  return 0;
}

static void
watch(struct report_region *region, uint64_t sequence, const struct report_epoch *epoch)
{
  if (region->latest == sequence + 1)
    return;
  region->latest = sequence + 1;
  if (region->epochs++ == 0)
    region->first_epoch = epoch->epoch;
  region->last_epoch = epoch->epoch;
  if (epoch->end > epoch->begin)
    region->duration += epoch->end - epoch->begin;
}

/* ---------------------------------------------------------- taking in a set */

/* A run of the set, and where its pages begin in a numbering of all. */
struct taken_run {
  struct report_run run;
  uint64_t address, length, page_size;
  uint64_t before;
};

/* A page's first writer. */
struct taken_fault {
  uint32_t writer, thread;
  uint64_t time;
};

/* All that one ww_summary_add() needs until it is sure of success. */
struct taking {
  ww_summary         *summary;
  const ww_dirty     *dirty;
  const ww_region    *handle;     /* of the latest run, and its position */
  uint32_t            region;
  struct taken_run   *runs;
  size_t              runs_count;
  struct taken_fault *faults;
  size_t              faults_count;
  uint64_t           *seen;       /* a bit a page */
  uint64_t            pages;
  struct report_epoch epoch;
};

static void
count_run(struct report_count *count, const struct taken_run *run)
{
  count->pages += run->run.pages;
  count->bytes += run->length;
  count->by_evidence[kind(run->run.evidence)] += run->run.pages;
}

static int
take_run(struct taking *taking, const struct ww_run *from, struct taken_run *run)
{
  struct report_region *region;
  int error;

  if (!from->region)
    return -EINVAL;
  memset(run, 0, sizeof(*run));
  if (from->region != taking->handle) {
    error = find_region(taking->summary, from->region, &taking->region);
    if (error)
      return error;
    taking->handle = from->region;
  }
  run->run.region = taking->region;
  region = &taking->summary->regions[run->run.region];
  run->address = (uint64_t)(uintptr_t)from->address;
  run->length = from->length;
  run->page_size = region->page_size;
  if (run->length == 0 || run->address < region->address
      || run->address - region->address > region->length
      || run->length > region->length - (run->address - region->address))
    return -EINVAL;
  run->run.evidence = (uint8_t)from->evidence;
  run->run.page = (run->address - region->address) / region->page_size;
  run->run.pages = run->length / region->page_size;
  run->before = taking->pages;
  taking->pages += run->run.pages;
  count_run(&taking->epoch.dirty, run);
  return report_pageset_reserve(&region->ever, run->run.page, run->run.pages);
}

static int
take_runs(struct taking *taking)
{
  size_t i, count = 0;
  const struct ww_run *runs = ww_dirty_runs(taking->dirty, &count);
  int error;

  if (count == 0)
    return 0;
  taking->runs = calloc(count, sizeof(*taking->runs));
  if (!taking->runs)
    return -ENOMEM;
  for (i = 0; i < count; i++) {
    error = take_run(taking, &runs[i], &taking->runs[i]);
    if (error)
      return error;
  }
  taking->runs_count = count;
  return 0;
}

/* The run that holds `page`, or NULL. */
static struct taken_run *
run_of(const struct taking *taking, uint64_t page)
{
  size_t low = 0, high = taking->runs_count;

  while (low < high) {
    size_t middle = low + (high - low) / 2;
    struct taken_run *run = &taking->runs[middle];
    if (page < run->address)
      high = middle;
    else if (page - run->address >= run->length)
      low = middle + 1;
    else
      return run;
  }
  return NULL;
}

/* Faults come in order, so the first that hits a page is its first writer, and
 * the first that hits a run is the run's. A page can fault twice in an epoch
 * that was collected meanwhile: the second fault does not count. */
static int
take_faults(struct taking *taking)
{
  size_t i, count = ww_dirty_writers(taking->dirty);

  if (count == 0 || taking->pages == 0)
    return 0;
  taking->faults = malloc(count * sizeof(*taking->faults));
  taking->seen = calloc(taking->pages / 64 + 1, sizeof(*taking->seen));
  if (!taking->faults || !taking->seen)
    return -ENOMEM;
  for (i = 0; i < count; i++) {
    struct taken_fault *fault = &taking->faults[taking->faults_count];
    struct ww_writer writer;
    struct taken_run *run;
    uint64_t bit;
    void *page;
    int error = ww_dirty_writer_at(taking->dirty, i, &page, &writer);

    if (error)
      return error;
    run = run_of(taking, (uint64_t)(uintptr_t)page);
    if (!run)
      continue;
    bit = run->before + ((uint64_t)(uintptr_t)page - run->address) / run->page_size;
    if (taking->seen[bit / 64] >> (bit % 64) & 1)
      continue;
    taking->seen[bit / 64] |= UINT64_C(1) << (bit % 64);
    error = report_writers_find(&taking->summary->writers, &writer, &fault->writer, &fault->thread);
    if (error)
      return error;
    fault->time = writer.time;
    taking->faults_count++;
    if (!run->run.written) {
      run->run.written = true;
      run->run.thread = writer.thread;
      run->run.time = writer.time;
    }
  }
  return 0;
}

static int
keep_runs(struct taking *taking)
{
  struct report_runs *kept = &taking->summary->runs;
  struct report_cursor cursor = report_runs_cursor(kept->used, taking->epoch.begin);
  size_t i, used = kept->used;

  taking->epoch.at = used;
  taking->epoch.runs = taking->runs_count;
  for (i = 0; i < taking->runs_count; i++)
    if (report_runs_append(kept, &cursor, &taking->runs[i].run) < 0) {
      kept->used = used;
      return -ENOMEM;
    }
  return 0;
}

/* Nothing here can fail. */
static void
commit(struct taking *taking, const uint32_t *watched, size_t watched_count)
{
  ww_summary *summary = taking->summary;
  struct report_epoch *epoch = &taking->epoch;
  uint64_t sequence = summary->epochs_count;
  size_t i;

  for (i = 0; i < watched_count; i++)
    watch(&summary->regions[watched[i]], sequence, epoch);
  for (i = 0; i < taking->runs_count; i++) {
    struct taken_run *run = &taking->runs[i];
    struct report_region *region = &summary->regions[run->run.region];
    watch(region, sequence, epoch);
    count_run(&region->dirty, run);
    count_run(&summary->dirty, run);
    report_pageset_add(&region->ever, run->run.page, run->run.pages);
  }
  for (i = 0; i < taking->faults_count; i++)
    report_writers_count(&summary->writers, taking->faults[i].writer, taking->faults[i].thread,
                         sequence, epoch->epoch, taking->faults[i].time);
  epoch->written = taking->faults_count;
  summary->written += epoch->written;
  if (epoch->end > epoch->begin)
    summary->duration += epoch->end - epoch->begin;
  summary->epochs[summary->epochs_count++] = *epoch;
}

int
ww_summary_add(ww_summary *summary, const ww_dirty *dirty)
{
  struct taking taking = { .summary = summary, .dirty = dirty };
  ww_region *const *regions;
  uint32_t *watched = NULL;
  size_t i, count = 0;
  int error = 0;

  if (!summary || !dirty)
    return -EINVAL;
  if (summary->epochs_count >= INT32_MAX)
    return -EOVERFLOW;
  taking.epoch.epoch = ww_dirty_epoch(dirty);
  taking.epoch.begin = ww_dirty_begin(dirty);
  taking.epoch.end = ww_dirty_end(dirty);
  regions = ww_dirty_regions(dirty, &count);
  if (count > 0 && !(watched = calloc(count, sizeof(*watched))))
    return -ENOMEM;
  for (i = 0; i < count && !error; i++)
    error = find_region(summary, regions[i], &watched[i]);
  if (!error)
    error = take_runs(&taking);
  if (!error)
    error = take_faults(&taking);
  if (!error)
    error = report_grow(&summary->epochs, summary->epochs_count + 1, &summary->epochs_room,
                        sizeof(*summary->epochs));
  if (!error)
    error = keep_runs(&taking);
  if (!error)
    commit(&taking, watched, count);
  free(watched);
  free(taking.runs);
  free(taking.faults);
  free(taking.seen);
  return error;
}
