/* report-runs.c - the runs of many dirty sets, a few bytes each.
 *
 * A run is a tag, and then numbers, seven bits a byte, as differences from the
 * run before: in ascending order these are small. */
#include "config.h"
#include "report-runs.h"
#include "report-index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
  TAG_REGION  = 1,  /* another region than the run before: its number follows */
  TAG_WRITTEN = 2,  /* the first writer follows */
  TAG_AGAIN   = 4   /* ... and is the thread of the writer before */
};

/* tag, evidence, and five numbers of at most ten bytes */
#define RUN_BYTES_MAX (2 + 5 * 10)

static void
put_number(struct report_runs *runs, uint64_t number)
{
  for (; number >= 0x80; number >>= 7)
    runs->bytes[runs->used++] = (unsigned char)(number | 0x80);
  runs->bytes[runs->used++] = (unsigned char)number;
}

static uint64_t
get_number(const struct report_runs *runs, size_t *at)
{
  uint64_t number = 0;
  unsigned shift = 0;

  for (;; shift += 7) {
    unsigned char byte = runs->bytes[(*at)++];
    number |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return number;
  }
}

/* Differences of either sign, the small ones small: 0, -1, 1, -2 ... */
static uint64_t
folded(uint64_t difference)
{
  return difference << 1 ^ (0 - (difference >> 63));
}

static uint64_t
unfolded(uint64_t number)
{
  return number >> 1 ^ (0 - (number & 1));
}

struct report_cursor
report_runs_cursor(size_t at, uint64_t time)
{
  struct report_cursor cursor = { .at = at, .time = time, .page = 0, .region = REPORT_NOWHERE, .thread = 0 };
  return cursor;
}

int
report_runs_append(struct report_runs *runs, struct report_cursor *cursor, const struct report_run *run)
{
  unsigned tag = 0;
  int error = report_grow(&runs->bytes, runs->used + RUN_BYTES_MAX, &runs->room, 1);

  if (error)
    return error;
  if (run->region != cursor->region) {
    tag |= TAG_REGION;
    cursor->page = 0;
  }
  if (run->written)
    tag |= TAG_WRITTEN | (run->thread == cursor->thread ? TAG_AGAIN : 0);
  put_number(runs, tag | (unsigned)run->evidence << 3);
  if (tag & TAG_REGION)
    put_number(runs, run->region);
  put_number(runs, folded(run->page - cursor->page));
  put_number(runs, run->pages);
  if (tag & TAG_WRITTEN) {
    if (!(tag & TAG_AGAIN))
      put_number(runs, (uint32_t)run->thread);
    put_number(runs, folded(run->time - cursor->time));
    cursor->time = run->time;
    cursor->thread = run->thread;
  }
  cursor->region = run->region;
  cursor->page = run->page + run->pages;
  cursor->at = runs->used;
  return 0;
}

void
report_runs_next(const struct report_runs *runs, struct report_cursor *cursor, struct report_run *run)
{
  uint64_t tag = get_number(runs, &cursor->at);

  run->evidence = (uint8_t)(tag >> 3);
  if (tag & TAG_REGION) {
    cursor->region = (uint32_t)get_number(runs, &cursor->at);
    cursor->page = 0;
  }
  run->region = cursor->region;
  run->page = cursor->page + unfolded(get_number(runs, &cursor->at));
  run->pages = get_number(runs, &cursor->at);
  cursor->page = run->page + run->pages;
  run->written = (tag & TAG_WRITTEN) != 0;
  if (run->written) {
    if (!(tag & TAG_AGAIN))
      cursor->thread = (int32_t)(uint32_t)get_number(runs, &cursor->at);
    cursor->time += unfolded(get_number(runs, &cursor->at));
  }
  run->thread = run->written ? cursor->thread : 0;
  run->time = run->written ? cursor->time : 0;
}

void
report_runs_free(struct report_runs *runs)
{
  free(runs->bytes);
  memset(runs, 0, sizeof(*runs));
}
