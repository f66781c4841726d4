/* trace_summary.c - what a trace comes to, in two passes over the file. */
#include "config.h"
#include "trace_summary.h"
#include "trace_code.h"
#include "trace_decode.h"
#include "trace_frames.h"
#include "trace_groups.h"
#include "trace_growth.h"
#include "trace_heat.h"
#include "trace_pages.h"
#include "writewatch.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MAX ((uint64_t)1 << 30)

const char *const summary_by_names[SUMMARY_BYS] =
    { "stack", "function", "line", "library", "thread", "region" };

struct summary_table {
  struct page_table *pages;      /* by region */
  uint64_t       memory, memory_max;
  struct groups *groups;
  struct growth  growth;
  size_t         at;             /* of the index's epochs, the next one to come */
  struct summary_epoch *epoch;   /* the one that is read, or NULL: it is not included */
  uint64_t       promised, found;
  uint32_t       column;
  uint64_t      *latest;         /* by region: the latest epoch in which it was dirty, position + 1 */
};

/* --------------------------------------------------------------- what is asked */

static bool
is_asked(const struct index_region *region, const struct summary_options *options)
{
  if (options->regions_count == 0)
    return true;
  for (size_t i = 0; i < options->regions_count; i++) {
    const char *wanted = options->regions[i];
    if (*wanted && wanted[strspn(wanted, "0123456789")] == 0) {
      if (strtoull(wanted, NULL, 10) == region->id)
        return true;
    } else if (strcmp(wanted, trace_kind_name(region->kind)) == 0 || strstr(region->name, wanted)) {
      return true;
    }
  }
  return false;
}

static int
choose_regions(struct trace_summary *summary, const struct summary_options *options, const char **why)
{
  size_t count = summary->index.regions_count, chosen = 0;

  summary->regions = calloc(count + 1, sizeof(*summary->regions));
  summary->table->pages = calloc(count + 1, sizeof(*summary->table->pages));
  summary->table->latest = calloc(count + 1, sizeof(*summary->table->latest));
  if (!summary->regions || !summary->table->pages || !summary->table->latest)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++) {
    const struct index_region *region = &summary->index.regions[i];
    summary->regions[i].region = region;
    summary->regions[i].included = region->id && is_asked(region, options);
    chosen += summary->regions[i].included;
  }
  if (chosen == 0 && options->regions_count > 0) {
    *why = "no region is called so, or of that kind";
    return -ENOENT;
  }
  return 0;
}

static int
choose_epochs(struct trace_summary *summary, const struct summary_options *options)
{
  const struct trace_index *index = &summary->index;
  size_t count = 0;

  summary->epochs = calloc(index->epochs_count + 1, sizeof(*summary->epochs));
  if (!summary->epochs)
    return -ENOMEM;
  for (size_t i = 0; i < index->epochs_count; i++) {
    const struct index_epoch *epoch = &index->epochs[i];
    if (epoch->end > options->since && epoch->begin < options->until) {
      summary->epochs[count].epoch = epoch;
      summary->duration += epoch->end - epoch->begin;
      count++;
    }
  }
  summary->epochs_count = count;
  return 0;
}

/* The most that is watched at once: regions come and go with epochs. */
struct change {
  uint64_t epoch;
  uint64_t bytes;
  bool     more;
};

static int
by_epoch(const void *left, const void *right)
{
  const struct change *a = left, *b = right;

  if (a->epoch != b->epoch)
    return a->epoch < b->epoch ? -1 : 1;
  return a->more - b->more;
}

static int
count_watched(struct trace_summary *summary)
{
  size_t count = summary->index.regions_count, changes = 0;
  struct change *change = calloc(2 * count + 1, sizeof(*change));
  uint64_t now = 0;

  if (!change)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++) {
    const struct index_region *region = summary->regions[i].region;
    if (!summary->regions[i].included)
      continue;
    change[changes++] = (struct change){ region->first_epoch, region->pages * region->page_size, true };
    if (region->last_epoch != UINT64_MAX)
      change[changes++] = (struct change){ region->last_epoch + 1, region->pages * region->page_size, false };
  }
  qsort(change, changes, sizeof(*change), by_epoch);
  for (size_t i = 0; i < changes; i++) {
    now = change[i].more ? now + change[i].bytes : now - change[i].bytes;
    if (change[i].more && now > summary->watched)
      summary->watched = now;
  }
  free(change);
  return 0;
}

/* ---------------------------------------------------------------------- pages */

static void
end_epoch(struct trace_summary *summary)
{
  struct summary_table *table = summary->table;

  if (!table->epoch)
    return;
  table->epoch->whole = table->found >= table->promised;
  growth_epoch(&table->growth, table->epoch->epoch->end - table->epoch->epoch->begin);
  groups_epoch(table->groups, table->epoch->epoch->number);
  table->epoch = NULL;
}

/* Which of the epochs this is: those that were found in the first pass, in order. */
static void
begin_epoch(struct trace_summary *summary, const struct trace_epoch *said)
{
  struct summary_table *table = summary->table;
  size_t at = table->at;

  while (at < summary->epochs_count && summary->epochs[at].epoch->number < said->number)
    at++;
  if (at >= summary->epochs_count || summary->epochs[at].epoch->number != said->number)
    return;
  end_epoch(summary);
  /* Those in between were damaged since: they are empty. */
  for (; table->at < at; table->at++)
    growth_epoch(&table->growth, summary->epochs[table->at].epoch->end
                 - summary->epochs[table->at].epoch->begin);
  table->at = at + 1;
  table->epoch = &summary->epochs[at];
  table->promised = said->pages;
  table->found = 0;
  heat_column(summary, at, &table->column);
}

static void
count_pages(struct summary_count *count, const uint64_t *by_evidence, uint64_t page_size)
{
  for (unsigned kind = 0; kind <= TRACE_TAG_EVIDENCE; kind++) {
    count->pages += by_evidence[kind];
    count->bytes += by_evidence[kind] * page_size;
    count->by_evidence[kind <= WW_ASSUMED ? kind : 0] += by_evidence[kind];
  }
}

/* A DIRTY block in the making; the sums of its runs are added up here first. */
struct block {
  struct summary_region *region;
  struct page_table *pages;
  uint32_t epoch;              /* position from 1 */
  uint32_t *chunk;             /* of the page table, from page `first` on */
  uint64_t first;
  struct page_tally tally;
  uint64_t by_evidence[TRACE_TAG_EVIDENCE + 1];
  uint64_t written;
  struct trace_run same;       /* neighbours in time by the same writer, to be counted together */
};

static inline int
mark(struct trace_summary *summary, struct block *block, uint64_t page, uint64_t pages)
{
  struct summary_table *table = summary->table;
  int error;

  while (pages > 0) {
    uint64_t at = page - block->first, count;
    if (!block->chunk || at >= PAGES_CHUNK) {
      block->chunk = page_table_chunk(block->pages, page, &table->memory, table->memory_max, &error);
      if (!block->chunk)
        return error;
      at = page % PAGES_CHUNK;
      block->first = page - at;
    }
    count = PAGES_CHUNK - at < pages ? PAGES_CHUNK - at : pages;
    for (uint64_t i = 0; i < count; i++)
      page_mark(&block->chunk[at + i], block->epoch, &block->tally);
    page += count;
    pages -= count;
  }
  return 0;
}

static int
count_writer(struct trace_summary *summary, struct block *block)
{
  struct summary_table *table = summary->table;
  int error = 0;

  if (block->same.pages)
    error = groups_add(table->groups, block->epoch, table->epoch->epoch->number, &block->same,
                       block->region->region->page_size);
  block->same.pages = 0;
  return error;
}

static inline int
take_run(struct trace_summary *summary, struct block *block, const struct trace_run *run)
{
  uint64_t twice = block->tally.twice;
  int error = mark(summary, block, run->page, run->pages);

  if (error)
    return error;
  block->by_evidence[run->evidence] += run->pages;
  heat_add(&summary->heat, block->region, summary->table->column, run->page, run->pages);
  if (block->tally.twice != twice) {
    /* The epoch had it already: a trace that says things twice. */
    block->by_evidence[run->evidence] -= block->tally.twice - twice;
    return 0;
  }
  if (!run->written)
    return 0;
  block->written += run->pages;
  if (run->stack != block->same.stack || run->tid != block->same.tid) {
    error = count_writer(summary, block);
    block->same = *run;
    return error;
  }
  block->same.pages += run->pages;
  return 0;
}

static void
end_block(struct trace_summary *summary, const struct block *block)
{
  struct summary_table *table = summary->table;
  struct summary_region *region = block->region;
  const struct page_tally *tally = &block->tally;
  uint64_t fresh = tally->by_level[PAGES_LEVELS], page_size = region->region->page_size;

  count_pages(&region->dirty, block->by_evidence, page_size);
  count_pages(&table->epoch->dirty, block->by_evidence, page_size);
  region->written += block->written;
  table->epoch->written += block->written;
  growth_add(&table->growth, tally, page_size);
  region->ever += fresh;
  region->once += fresh - tally->again;
  table->epoch->fresh += fresh;
  summary->ever += fresh;
  summary->ever_bytes += fresh * page_size;
  summary->once += fresh - tally->again;
  if (table->latest[region->region->id] != block->epoch) {
    table->latest[region->region->id] = block->epoch;
    region->epochs++;
  }
}

static int
take_dirty(struct trace_summary *summary, const struct trace_record *record)
{
  struct summary_table *table = summary->table;
  const struct index_region *known = trace_index_region(&summary->index, record->dirty.region);
  struct trace_runs runs = record->dirty.runs;
  bool included = known && summary->regions[known->id].included;
  struct block block = { .epoch = table->epoch ? (uint32_t)(table->epoch - summary->epochs) + 1 : 0 };
  struct trace_run run;
  int error = 0;

  if (!table->epoch || record->dirty.epoch != table->epoch->epoch->number)
    return 0;
  if (included) {
    block.region = &summary->regions[known->id];
    block.pages = &table->pages[known->id];
  }
  while (!error && trace_runs_step(&runs, &run)) {
    table->found += run.pages;
    if (!known || run.page + run.pages > known->pages)
      summary->unplaced += run.pages;
    else if (included)
      error = take_run(summary, &block, &run);
  }
  if (!error && included) {
    error = count_writer(summary, &block);
    end_block(summary, &block);
  }
  if (runs.wrong)
    trace_index_damage(&summary->index, record->offset, (uint64_t)(runs.end - runs.at), runs.wrong);
  return error;
}

/* ---------------------------------------------------------------------- passes */

static void
say_progress(const struct summary_options *options, uint64_t done, uint64_t total, uint64_t *said)
{
  if (options->progress && (done - *said > total / 200 || done == total)) {
    options->progress(options->argument, done, total);
    *said = done;
  }
}

static int
read_index(struct trace_summary *summary, int fd, const char **why)
{
  struct trace_reader *reader;
  struct trace_record *record = malloc(sizeof(*record));
  int result = record ? trace_reader_open(&reader, fd, 0, why) : -ENOMEM;

  if (result) {
    free(record);
    return result;
  }
  while ((result = trace_next(reader, record)) > 0) {
    int error = trace_index_take(&summary->index, record);
    if (error) {
      result = error;
      break;
    }
  }
  summary->index.size = trace_reader_size(reader);
  trace_reader_close(reader);
  free(record);
  return result;
}

/* Damage is found anew: the first pass did not look at the pages. */
static int
read_pages(struct trace_summary *summary, int fd, const struct summary_options *options, const char **why)
{
  struct trace_reader *reader;
  struct trace_record *record = malloc(sizeof(*record));
  uint64_t said = 0;
  int result = record ? trace_reader_open(&reader, fd, 0, why) : -ENOMEM;

  if (result) {
    free(record);
    return result;
  }
  summary->index.damages_count = summary->index.damaged = 0;
  while ((result = trace_next(reader, record)) > 0) {
    if (record->type == TRACE_DAMAGE)
      trace_index_damage(&summary->index, record->offset, record->damage.length, record->damage.reason);
    else if (record->type == TRACE_EPOCH)
      begin_epoch(summary, &record->epoch);
    else if (record->type == TRACE_DIRTY && (result = take_dirty(summary, record)) < 0)
      break;
    say_progress(options, trace_reader_offset(reader), summary->index.size, &said);
    /* It may grow while we read: what came after the first pass is for another time. */
    if (trace_reader_offset(reader) >= summary->index.size) {
      result = 0;
      break;
    }
  }
  end_epoch(summary);
  summary->index.tail_at = trace_reader_offset(reader);
  if (result == 0 && summary->index.tail_at < summary->index.size)
    summary->index.tail = summary->index.size - summary->index.tail_at;
  trace_reader_close(reader);
  free(record);
  return result;
}

static int
finish(struct trace_summary *summary)
{
  struct summary_table *table = summary->table;
  struct summary_writers *regions = &summary->writers[SUMMARY_BY_REGION];
  int error;

  for (size_t i = 0; i < summary->epochs_count; i++) {
    const struct summary_epoch *epoch = &summary->epochs[i];
    summary->dirty.pages += epoch->dirty.pages;
    summary->dirty.bytes += epoch->dirty.bytes;
    for (unsigned kind = 0; kind < SUMMARY_KINDS; kind++)
      summary->dirty.by_evidence[kind] += epoch->dirty.by_evidence[kind];
    summary->written += epoch->written;
  }
  for (; table->at < summary->epochs_count; table->at++)
    growth_epoch(&table->growth, summary->epochs[table->at].epoch->end
                 - summary->epochs[table->at].epoch->begin);
  growth_finish(&table->growth, summary);
  error = groups_finish(table->groups, &summary->index, summary->writers);
  if (error)
    return error;
  regions->all = calloc(summary->index.regions_count + 1, sizeof(*regions->all));
  if (!regions->all)
    return -ENOMEM;
  for (size_t i = 0; i < summary->index.regions_count; i++) {
    const struct summary_region *region = &summary->regions[i];
    if (region->dirty.pages > 0)
      regions->all[regions->count++] = (struct summary_writer){
        .name = region->region->name, .detail = trace_kind_name(region->region->kind),
        .key = region->region->id,
        .pages = region->dirty.pages, .bytes = region->dirty.bytes, .epochs = region->epochs
      };
  }
  summary_rank(regions);
  return count_watched(summary);
}

int
trace_summary_create(struct trace_summary **created, int fd, const struct summary_options *options,
                     const char **why)
{
  struct trace_summary *summary = calloc(1, sizeof(*summary));
  int error;

  *why = NULL;
  if (!summary || !(summary->table = calloc(1, sizeof(*summary->table)))) {
    free(summary);
    return -ENOMEM;
  }
  summary->table->memory_max = options->memory_max ? options->memory_max : MEMORY_MAX;
  error = read_index(summary, fd, why);
  if (!error)
    error = choose_regions(summary, options, why);
  if (!error)
    error = choose_epochs(summary, options);
  if (!error)
    error = heat_lay_out(summary, options->rows, options->columns);
  if (!error)
    error = trace_frames_open(&summary->frames, &summary->index, !options->without_names);
  if (!error)
    error = groups_open(&summary->table->groups, &summary->index, summary->frames);
  if (!error)
    error = read_pages(summary, fd, options, why);
  if (!error)
    error = finish(summary);
  if (error == -E2BIG)
    *why = "the memory that was ever written takes more tables than are allowed";
  if (error) {
    trace_summary_free(summary);
    return error;
  }
  *created = summary;
  return 0;
}

void
trace_summary_free(struct trace_summary *summary)
{
  if (!summary)
    return;
  for (size_t i = 0; summary->table->pages && i < summary->index.regions_count; i++)
    page_table_free(&summary->table->pages[i]);
  free(summary->table->pages);
  free(summary->table->latest);
  groups_free(summary->table->groups);
  free(summary->table);
  for (unsigned by = 0; by < SUMMARY_BYS; by++)
    free(summary->writers[by].all);
  heat_free(&summary->heat);
  trace_frames_close(summary->frames);
  free(summary->regions);
  free(summary->epochs);
  trace_index_free(&summary->index);
  free(summary);
}
