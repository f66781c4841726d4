/* fold.c - a program may map gigabytes and write a few pages of them, here and there. */
#include "config.h"
#include "fold.h"

#include <errno.h>
#include <stdlib.h>

#define SHORTEST 6u   /* rows that are never dirty, and yet shown */

static bool
is_empty(const struct summary_heat *heat, uint32_t row)
{
  const uint32_t *cells = heat->cells + (size_t)row * heat->columns;

  for (uint32_t column = 0; column < heat->columns; column++)
    if (cells[column])
      return false;
  return true;
}

static uint64_t
pages_of(const struct summary_heat *heat, uint32_t begin, uint32_t end)
{
  uint64_t pages = 0;

  for (; begin < end; begin++)
    pages += heat->row[begin].pages;
  return pages;
}

/* Where the rows from `begin` on that are as it is, of one region and empty or not, end. */
static uint32_t
end_of(const struct summary_heat *heat, const bool *empty, uint32_t begin)
{
  uint32_t end = begin + 1;

  while (end < heat->rows && empty[end] == empty[begin] && heat->row[end].region == heat->row[begin].region)
    end++;
  return end;
}

/* Rows that are shown as they are, or `merge` of them as one. */
static void
add_rows(struct fold *fold, const struct summary_heat *heat, uint32_t begin, uint32_t end, uint32_t merge)
{
  for (uint32_t row = begin; row < end; row += merge) {
    uint32_t to = end - row < merge ? end : row + merge;
    fold->rows[fold->count++] =
      (struct fold_row){ .begin = row, .end = to, .pages = pages_of(heat, row, to) };
  }
}

int
fold_make(struct fold *fold, const struct summary_heat *heat)
{
  bool *empty = calloc((size_t)heat->rows + 1, sizeof *empty);
  uint32_t kept = 0, gaps = 0, merge, wide, begin, end;

  *fold = (struct fold){ 0 };
  for (uint32_t row = 0; empty && row < heat->rows; row++)
    empty[row] = is_empty(heat, row);
  for (begin = 0; empty && begin < heat->rows; begin = end) {
    end = end_of(heat, empty, begin);
    /* Short ones are shown: as if they were none. */
    if (empty[begin] && end - begin < SHORTEST)
      for (uint32_t row = begin; row < end; row++)
        empty[row] = false;
    kept += empty[begin] ? 0 : end - begin;
    gaps += empty[begin];
  }
  merge = heat->columns ? (uint32_t)(((uint64_t)kept * heat->columns + FOLD_CELLS - 1) / FOLD_CELLS) : 1;
  if (merge == 0)
    merge = 1;
  /* Gaps are to be seen, and many of them together are not to take more than what they part. */
  wide = kept / merge / 60 + 1;
  if (gaps && (uint64_t)wide * gaps > kept / merge / 3)
    wide = kept / merge / 3 / gaps + 1;
  if (empty)
    fold->rows = calloc((size_t)kept + (size_t)gaps * wide + 1, sizeof *fold->rows);
  if (!fold->rows) {
    free(empty);
    return -ENOMEM;
  }
  for (begin = 0; begin < heat->rows; begin = end) {
    end = end_of(heat, empty, begin);
    if (empty[begin])
      for (uint32_t i = 0; i < wide; i++)
        fold->rows[fold->count++] = (struct fold_row){ begin, end, true, pages_of(heat, begin, end) };
    else
      add_rows(fold, heat, begin, end, merge);
  }
  free(empty);
  return 0;
}

void
fold_free(struct fold *fold)
{
  free(fold->rows);
  *fold = (struct fold){ 0 };
}
