/* page.c - the parts of the page's data that need no names. */
#include "config.h"
#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "writewatch.h"

static const char *
engine_name(uint64_t engine)
{
  static const char *const names[] = { "automatic", "mprotect", "userfaultfd", "pagemap" };
  return engine < sizeof names / sizeof names[0] ? names[engine] : "unknown";
}

static const char *
policy_name(uint64_t policy)
{
  static const char *const names[] = { "automatic", "trap", "adaptive" };
  return policy < sizeof names / sizeof names[0] ? names[policy] : "unknown";
}

static void
write_end(struct json *json, const struct trace_index *index)
{
  char words[128];

  json_key(json, "end");
  if (!index->ended) {
    json_text(json, NULL);
    return;
  }
  snprintf(words, sizeof words, "%s%s %llu", trace_end_name(index->end.how),
           index->end.how == TRACE_EXITED ? ", status" : index->end.how == TRACE_SIGNALLED ? ", signal" : "",
           (unsigned long long)index->end.status);
  if (index->end.how != TRACE_EXITED && index->end.how != TRACE_SIGNALLED)
    snprintf(words, sizeof words, "%s", trace_end_name(index->end.how));
  json_begin(json, '{');
  json_key(json, "how");
  json_name(json, words);
  json_key(json, "text");
  json_text(json, index->end_text && *index->end_text ? index->end_text : NULL);
  json_end(json, '}');
}

void
page_run(struct json *json, const struct trace_summary *summary)
{
  const struct trace_index *index = &summary->index;
  const struct trace_start *start = &index->start;
  char origin[64] = "";

  if (index->started && start->origin != TRACE_FIRST)
    snprintf(origin, sizeof origin, start->origin_pid ? "%s of %llu" : "%s", trace_origin_name(start->origin),
             (unsigned long long)start->origin_pid);
  json_key(json, "run");
  json_begin(json, '{');
  json_key(json, "exe");
  json_text(json, index->executable ? index->executable : "");
  json_key(json, "arguments");
  json_text(json, index->arguments ? index->arguments : "");
  json_key(json, "machine");
  json_text(json, index->machine ? index->machine : "");
  json_key(json, "kernel");
  json_text(json, index->kernel ? index->kernel : "");
  json_key(json, "writer");
  json_text(json, index->writer ? index->writer : "");
  json_key(json, "pid");
  json_number(json, start->pid);
  json_key(json, "origin");
  json_name(json, origin);
  json_key(json, "started");
  json_number(json, start->realtime / 1000000);
  json_key(json, "interval");
  json_seconds(json, start->interval);
  json_key(json, "depth");
  json_number(json, start->stack_depth);
  json_key(json, "engine");
  json_name(json, engine_name(start->engine));
  json_key(json, "policy");
  json_name(json, policy_name(start->policy));
  json_key(json, "overhead");
  json_number(json, start->overhead);
  json_key(json, "pageSize");
  json_number(json, start->page_size);
  json_end(json, '}');
  write_end(json, index);
}

static int
by_size(const void *a, const void *b)
{
  uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

  return (one > other) - (one < other);
}

static void
write_evidence(struct json *json, const struct summary_count *dirty)
{
  static const struct { unsigned kind; const char *name; } kinds[] = {
    { WW_TRAPPED, "trapped" }, { WW_VERIFIED, "verified" }, { WW_DECLARED, "declared" },
    { WW_ASSUMED, "assumed" }, { 0, "other" }
  };

  json_key(json, "evidence");
  json_begin(json, '[');
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    json_begin(json, '[');
    json_name(json, kinds[i].name);
    json_number(json, dirty->by_evidence[kinds[i].kind]);
    json_end(json, ']');
  }
  json_end(json, ']');
}

void
page_totals(struct json *json, const struct trace_summary *summary)
{
  size_t count = summary->epochs_count;
  uint64_t *pages = malloc((count + 1) * sizeof(*pages)), faults = 0;

  if (!pages) {
    json->error = -ENOMEM;
    return;
  }
  for (size_t i = 0; i < count; i++) {
    pages[i] = summary->epochs[i].dirty.pages;
    faults += summary->epochs[i].epoch->faults;
  }
  qsort(pages, count, sizeof(*pages), by_size);
  json_key(json, "totals");
  json_begin(json, '{');
  json_key(json, "seconds");
  json_seconds(json, summary->duration);
  json_key(json, "epochs");
  json_number(json, count);
  json_key(json, "pages");
  json_number(json, summary->dirty.pages);
  json_key(json, "bytes");
  json_number(json, summary->dirty.bytes);
  json_key(json, "ever");
  json_number(json, summary->ever);
  json_key(json, "everBytes");
  json_number(json, summary->ever_bytes);
  json_key(json, "once");
  json_number(json, summary->once);
  json_key(json, "written");
  json_number(json, summary->written);
  json_key(json, "watched");
  json_number(json, summary->watched);
  json_key(json, "faults");
  json_number(json, faults);
  json_key(json, "median");
  json_number(json, count ? pages[(count - 1) / 2] : 0);
  json_key(json, "peak");
  json_number(json, count ? pages[count - 1] : 0);
  write_evidence(json, &summary->dirty);
  json_end(json, '}');
  free(pages);
}

void
page_growth(struct json *json, const struct trace_summary *summary)
{
  json_key(json, "growth");
  json_begin(json, '[');
  for (size_t i = 0; i < summary->growth_count; i++) {
    const struct summary_growth *growth = &summary->growth[i];

    json_begin(json, '{');
    json_key(json, "epochs");
    json_number(json, growth->epochs);
    json_key(json, "seconds");
    json_float(json, 1e-9 * growth->duration);
    json_key(json, "pages");
    json_float(json, growth->pages);
    json_key(json, "bytes");
    json_float(json, growth->bytes);
    json_key(json, "most");
    json_number(json, growth->bytes_most);
    json_end(json, '}');
  }
  json_end(json, ']');
}

/* Of a column: what of its epochs. */
enum column { COLUMN_FIRST, COLUMN_LAST, COLUMN_MEAN, COLUMN_MOST };

static void
write_columns(struct json *json, const struct trace_summary *summary, const char *key, enum column what)
{
  const struct summary_heat *heat = &summary->heat;

  json_key(json, key);
  json_begin(json, '[');
  for (uint32_t column = 0; column < heat->columns; column++) {
    uint32_t begin = heat->epoch[column], end = heat->epoch[column + 1];
    uint64_t sum = 0, most = 0;

    for (uint32_t i = begin; i < end; i++) {
      uint64_t pages = summary->epochs[i].dirty.pages;
      sum += pages;
      most = pages > most ? pages : most;
    }
    switch (what) {
      case COLUMN_FIRST: json_number(json, summary->epochs[begin].epoch->number); break;
      case COLUMN_LAST:
        json_number(json, summary->epochs[end > begin ? end - 1 : begin].epoch->number);
        break;
      case COLUMN_MEAN: json_float(json, end > begin ? (double)sum / (end - begin) : 0); break;
      case COLUMN_MOST: json_number(json, most); break;
    }
  }
  json_end(json, ']');
}

/* What the rows of the page are: `what` of the first of the summary's rows, or how many pages. */
enum row { ROW_REGION, ROW_PAGE, ROW_PAGES };

static void
write_rows(struct json *json, const struct summary_heat *heat, const struct fold *fold, const char *key,
           enum row what)
{
  json_key(json, key);
  json_begin(json, '[');
  for (uint32_t row = 0; row < fold->count; row++) {
    const struct summary_row *first = &heat->row[fold->rows[row].begin];
    uint64_t pages = fold->rows[row].pages;
    json_number(json, what == ROW_REGION ? first->region : what == ROW_PAGE ? first->page : pages);
  }
  json_end(json, ']');
}

/* Where they begin and end, in rows of the page. */
static void
write_gaps(struct json *json, const struct fold *fold)
{
  json_key(json, "gaps");
  json_begin(json, '[');
  for (uint32_t begin = 0, end; begin < fold->count; begin = end) {
    for (end = begin + 1; end < fold->count && fold->rows[end].begin == fold->rows[begin].begin; end++)
      continue;
    if (!fold->rows[begin].gap)
      continue;
    json_begin(json, '[');
    json_number(json, begin);
    json_number(json, end);
    json_end(json, ']');
  }
  json_end(json, ']');
}

static void
write_times(struct json *json, const struct trace_summary *summary, uint32_t columns)
{
  const struct summary_heat *heat = &summary->heat;

  json_key(json, "epoch");
  json_begin(json, '[');
  for (uint32_t column = 0; columns && column <= columns; column++)
    json_number(json, heat->epoch[column]);
  json_end(json, ']');
  json_key(json, "time");
  json_begin(json, '[');
  for (uint32_t column = 0; columns && column <= columns; column++)
    json_seconds(json, column < columns ? summary->epochs[heat->epoch[column]].epoch->begin
                                        : summary->epochs[summary->epochs_count - 1].epoch->end);
  json_end(json, ']');
}

void
page_map(struct json *json, const struct trace_summary *summary, const struct fold *fold)
{
  uint32_t columns = fold->count ? summary->heat.columns : 0;

  json_key(json, "map");
  json_begin(json, '{');
  json_key(json, "rows");
  json_number(json, columns ? fold->count : 0);
  json_key(json, "columns");
  json_number(json, columns);
  write_times(json, summary, columns);
  write_rows(json, &summary->heat, fold, "region", ROW_REGION);
  write_rows(json, &summary->heat, fold, "page", ROW_PAGE);
  write_rows(json, &summary->heat, fold, "pages", ROW_PAGES);
  write_gaps(json, fold);
  if (columns) {
    write_columns(json, summary, "first", COLUMN_FIRST);
    write_columns(json, summary, "last", COLUMN_LAST);
    write_columns(json, summary, "mean", COLUMN_MEAN);
    write_columns(json, summary, "most", COLUMN_MOST);
  }
  json_end(json, '}');
}

static int
by_dirty(const void *a, const void *b)
{
  const struct summary_region *one = *(struct summary_region *const *)a;
  const struct summary_region *other = *(struct summary_region *const *)b;

  if (one->dirty.pages != other->dirty.pages)
    return one->dirty.pages > other->dirty.pages ? -1 : 1;
  return (one->region->id > other->region->id) - (one->region->id < other->region->id);
}

static void
write_region(struct json *json, const struct summary_region *region)
{
  json_begin(json, '[');
  json_number(json, region->region->id);
  json_name(json, trace_kind_name(region->region->kind));
  json_text(json, region->region->name ? region->region->name : "");
  json_hex(json, region->region->address);
  json_number(json, region->region->length);
  json_number(json, region->region->page_size ? region->region->page_size : 1);
  json_number(json, region->dirty.pages);
  json_number(json, region->dirty.bytes);
  json_number(json, region->ever);
  json_number(json, region->once);
  json_number(json, region->epochs);
  json_number(json, region->written);
  json_end(json, ']');
}

void
page_regions(struct json *json, const struct trace_summary *summary)
{
  size_t count = 0, shown;
  const struct summary_region **order = malloc((summary->index.regions_count + 1) * sizeof(*order));

  if (!order) {
    json->error = -ENOMEM;
    return;
  }
  for (size_t i = 0; i < summary->index.regions_count; i++)
    if (summary->regions[i].included && summary->regions[i].region && summary->regions[i].region->id)
      order[count++] = &summary->regions[i];
  qsort(order, count, sizeof(*order), by_dirty);
  shown = count < PAGE_REGIONS ? count : PAGE_REGIONS;
  json_key(json, "regions");
  json_begin(json, '[');
  for (size_t i = 0; i < shown; i++)
    write_region(json, order[i]);
  json_end(json, ']');
  json_key(json, "regionsLeft");
  json_number(json, count - shown);
  free(order);
}

void
page_coverage(struct json *json, const struct trace_summary *summary)
{
  const struct trace_coverage *last;

  json_key(json, "coverage");
  if (summary->index.coverage_count == 0) {
    json_begin(json, '[');
    json_end(json, ']');
    return;
  }
  /* When the last epoch is closed the program may have ended, and have no threads any more. */
  last = &summary->index.coverage[summary->index.coverage_count - 1];
  for (size_t i = summary->index.coverage_count; i > 0 && last->threads == 0; i--)
    if (summary->index.coverage[i - 1].threads)
      last = &summary->index.coverage[i - 1];
  json_begin(json, '{');
  json_key(json, "epoch");
  json_number(json, last->epoch);
  json_key(json, "writable");
  json_number(json, last->writable);
  json_key(json, "watched");
  json_number(json, last->watched);
  json_key(json, "threads");
  json_number(json, last->threads);
  json_key(json, "unshielded");
  json_number(json, last->unshielded);
  json_key(json, "unwatched");
  json_begin(json, '[');
  for (unsigned reason = 0; reason < TRACE_REASONS; reason++) {
    json_begin(json, '[');
    json_name(json, trace_unwatched_name(reason));
    json_number(json, last->unwatched[reason]);
    json_end(json, ']');
  }
  json_end(json, ']');
  json_end(json, '}');
}
