/* trace_diff.c - two traces side by side. */
#include "config.h"
#include "trace_diff.h"
#include "report-trace-part.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
same_pair(const void *table, uint32_t position, const void *key)
{
  const struct diff_pair *pair = &((const struct diff_pair *)table)[position], *other = key;

  return strcmp(pair->name, other->name) == 0
         && strcmp(pair->detail ? pair->detail : "", other->detail ? other->detail : "") == 0;
}

/* Takes the texts over. */
static int
add(struct diff_pairs *pairs, unsigned side, char *name, char *detail, const struct summary_writer *writer)
{
  struct diff_pair pair = { .name = name, .detail = detail };
  uint32_t hash = name ? report_hash_text(report_hash_text(11, name), detail ? detail : "") : 0;
  uint32_t at = name ? report_index_find(&pairs->by_name, hash, same_pair, pairs->all, &pair)
      : REPORT_NOWHERE;
  int error = 0;

  if (at == REPORT_NOWHERE) {
    at = (uint32_t)pairs->count;
    error = name ? report_grow(&pairs->all, pairs->count + 1, &pairs->room, sizeof(pair)) : -ENOMEM;
    if (!error)
      error = report_index_add(&pairs->by_name, hash, at);
    if (!error)
      pairs->all[pairs->count++] = pair;
  } else {
    error = 1;   /* it is there: the texts are not needed */
  }
  if (error) {
    free(name);
    free(detail);
  }
  if (error < 0)
    return error;
  pairs->all[at].side[side].pages += writer->pages;
  pairs->all[at].side[side].bytes += writer->bytes;
  if (writer->epochs > pairs->all[at].side[side].epochs)
    pairs->all[at].side[side].epochs = writer->epochs;
  return 0;
}

/* "inner < outer < main"; without lines, which move from build to build. */
static char *
stack_name(const struct trace_summary *summary, uint64_t id)
{
  const struct index_stack *stack = trace_index_stack(&summary->index, id);
  char *text = strdup("");

  for (uint32_t i = 0; stack && text && i < stack->depth; i++) {
    struct frame_found frame = trace_frames_find(summary->frames, stack, i);
    for (size_t k = 0; text && k < frame.count; k++) {
      const char *before = *text ? " < " : "", *function = frame.places[k].function;
      char *longer;
      int length = function ? asprintf(&longer, "%s%s%s", text, before, function)
                            : asprintf(&longer, "%s%s%s+0x%" PRIx64, text, before,
                                       report_frame_library(&frame),
                                       frame.offset);
      free(text);
      text = length < 0 ? NULL : longer;
    }
  }
  return text;
}

static char *
copy(const char *text)
{
  return strdup(text ? text : "");
}

static int
add_all(struct diff_pairs *pairs, const struct trace_summary *summary, unsigned side, enum summary_by by)
{
  const struct summary_writers *writers = &summary->writers[by];
  int error = 0;

  if (by == SUMMARY_BY_STACK)
    for (size_t i = 0; i < writers->count; i++)
      trace_frames_want(summary->frames, trace_index_stack(&summary->index, writers->all[i].stack), false);
  for (size_t i = 0; i < writers->count && !error; i++) {
    const struct summary_writer *writer = &writers->all[i];
    char *detail = NULL;
    if (by != SUMMARY_BY_STACK && by != SUMMARY_BY_THREAD && writer->detail
        && !(detail = copy(writer->detail)))
      return -ENOMEM;
    /* Numbers of threads say nothing from run to run. */
    error = add(pairs, side, by == SUMMARY_BY_STACK ? stack_name(summary, writer->stack)
                : copy(writer->name), detail,
                writer);
  }
  return error;
}

double
trace_diff_rate(const struct trace_summary *summary, uint64_t bytes)
{
  return summary->duration ? (double)bytes / ((double)summary->duration / 1e9) : 0;
}

static const struct trace_summary *const *ordering;   /* qsort() passes nothing on; one thread diffs */

static double
change(const struct diff_pair *pair)
{
  double difference = trace_diff_rate(ordering[1], pair->side[1].bytes)
                      - trace_diff_rate(ordering[0], pair->side[0].bytes);
  return difference < 0 ? -difference : difference;
}

static int
by_change(const void *left, const void *right)
{
  const struct diff_pair *a = left, *b = right;
  double x = change(a), y = change(b);
  int order;

  if (x != y)
    return x > y ? -1 : 1;
  order = strcmp(a->name, b->name);
  return order ? order : strcmp(a->detail ? a->detail : "", b->detail ? b->detail : "");
}

int
trace_diff(struct diff_pairs *pairs, const struct trace_summary *const summaries[2], enum summary_by by)
{
  int error = 0;

  memset(pairs, 0, sizeof(*pairs));
  for (unsigned side = 0; side < 2 && !error; side++)
    error = add_all(pairs, summaries[side], side, by);
  if (error) {
    trace_diff_free(pairs);
    return error;
  }
  ordering = summaries;
  if (pairs->count > 0)
    qsort(pairs->all, pairs->count, sizeof(*pairs->all), by_change);
  return 0;
}

void
trace_diff_free(struct diff_pairs *pairs)
{
  for (size_t i = 0; i < pairs->count; i++) {
    free(pairs->all[i].name);
    free(pairs->all[i].detail);
  }
  free(pairs->all);
  report_index_free(&pairs->by_name);
  memset(pairs, 0, sizeof(*pairs));
}
