/* patch.c - what changed in a unit: runs of bytes and where they go.
 *
 * u16 runs; for each run u16 offset, u16 length; then the runs' bytes. Offsets ascend. */
#include "config.h"
#include "patch.h"

#include "slot.h"

#include <stdint.h>
#include <string.h>

enum { RUN = 4, RUNS_MAX = PATCH_MAX / (RUN + 1) };

static void
put16(unsigned char *at, size_t value)
{
  uint16_t word = (uint16_t)value;
  memcpy(at, &word, sizeof word);
}

static size_t
get16(const unsigned char *at)
{
  uint16_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

/* The first byte from `at' on that differs (or, if `same', that does not). */
static size_t
find(const unsigned char *old, const unsigned char *new, size_t at, bool same)
{
  while (at < UNIT) {
    uint64_t a, b;
    if (!same && at % sizeof a == 0) {
      memcpy(&a, old + at, sizeof a);
      memcpy(&b, new + at, sizeof b);
      if (a == b) {
        at += sizeof a;
        continue;
      }
    }
    if ((old[at] == new[at]) == same)
      return at;
    at++;
  }
  return UNIT;
}

size_t
patch_make(const unsigned char *old, const unsigned char *new, unsigned char *patch)
{
  struct { uint16_t first, end; } run[RUNS_MAX];
  size_t runs = 0, bytes = 0;
  for (size_t at = find(old, new, 0, false), end; at < UNIT; at = find(old, new, end, false)) {
    end = find(old, new, at, true);
    /* A gap is cheaper saved than described. */
    if (runs && at - run[runs - 1].end <= RUN) {
      bytes += end - run[runs - 1].end;
      run[runs - 1].end = (uint16_t)end;
    } else {
      if (runs == RUNS_MAX)
        return 0;
      run[runs].first = (uint16_t)at;
      run[runs++].end = (uint16_t)end;
      bytes += end - at;
    }
    if (2 + RUN * runs + bytes > PATCH_MAX)
      return 0;
  }
  put16(patch, runs);
  unsigned char *at = patch + 2 + RUN * runs;
  for (size_t i = 0; i < runs; i++) {
    size_t length = (size_t)run[i].end - run[i].first;
    put16(patch + 2 + RUN * i, run[i].first);
    put16(patch + 2 + RUN * i + 2, length);
    memcpy(at, new + run[i].first, length);
    at += length;
  }
  return (size_t)(at - patch);
}

size_t
patch_length(const unsigned char *patch, size_t room)
{
  if (room < 2)
    return 0;
  size_t runs = get16(patch), length = 2 + RUN * runs, last = 0;
  if (runs == 0 || length > room)
    return 0;
  for (size_t i = 0; i < runs; i++) {
    size_t first = get16(patch + 2 + RUN * i), bytes = get16(patch + 2 + RUN * i + 2);
    if (bytes == 0 || first < last || bytes > UNIT || first > UNIT - bytes)
      return 0;
    last = first + bytes;
    length += bytes;
  }
  return length <= room ? length : 0;
}

void
patch_apply(const unsigned char *patch, unsigned char *unit)
{
  size_t runs = get16(patch);
  const unsigned char *at = patch + 2 + RUN * runs;
  for (size_t i = 0; i < runs; i++) {
    size_t first = get16(patch + 2 + RUN * i), bytes = get16(patch + 2 + RUN * i + 2);
    memcpy(unit + first, at, bytes);
    at += bytes;
  }
}
