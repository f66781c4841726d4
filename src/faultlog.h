/* faultlog.h - async-signal-safe. The faults of one epoch in their order: page,
 * time, thread, stack; 16 bytes each, so that a tracker whose every page is
 * written stays under half a per cent of what it tracks. */
#ifndef WW_FAULTLOG_H
#define WW_FAULTLOG_H

#include "arena.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* first:  page number of 4 KiB (45 bits) | time, high 19 bits
 * second: time, low 22 bits | thread (22 bits: PID_MAX_LIMIT) | stack (20 bits)
 * The time is in units of 64 ns since the epoch's begin; it stops at 39 hours. */
struct faultlog_record { uint64_t first, second; };

enum {
  FAULTLOG_TIME_UNIT = 64,
  FAULTLOG_STACK_MAX = (1 << 20) - 1,
  FAULTLOG_SEGMENTS = 40
};

struct fault { uintptr_t page; uint64_t time; int32_t thread; uint32_t stack; };

/* Each page can be logged once an epoch, so a log that has a place for each page
 * never overflows; regions that are added meanwhile bring segments of their own. */
struct faultlog {
  /* A line of its own: every fault of every thread writes it, and reads the others. */
  _Alignas(128) _Atomic size_t count;   /* may exceed capacity: those were dropped */
  _Alignas(128) struct arena *arena;
  uint64_t begin;                 /* os_now() when its epoch began */
  _Atomic size_t capacity;
  unsigned segments;
  struct faultlog_segment {
    size_t first, length;
    struct faultlog_record *record;
  } segment[FAULTLOG_SEGMENTS];
};

/* Make room for `faults` in all; the owner's lock is held. 0 or -ENOMEM. */
int faultlog_reserve(struct faultlog *log, size_t faults);
void faultlog_release(struct faultlog *log);

static inline size_t
faultlog_count(const struct faultlog *log)
{
  size_t count = atomic_load(&log->count), capacity = atomic_load(&log->capacity);
  return count < capacity ? count : capacity;
}

static inline struct faultlog_record *
faultlog_at(const struct faultlog *log, size_t index)
{
  const struct faultlog_segment *segment = log->segment;
  while (index - segment->first >= segment->length)
    segment++;
  return &segment->record[index - segment->first];
}

static inline struct faultlog_record
faultlog_pack(struct fault fault)
{
  const uint64_t last = ((uint64_t)1 << 41) - 1;
  uint64_t time = fault.time / FAULTLOG_TIME_UNIT;
  if (time > last)
    time = last;
  return (struct faultlog_record){
    (uint64_t)fault.page >> 12 << 19 | time >> 22,
    time << 42 | (uint64_t)((uint32_t)fault.thread & 0x3fffff) << 20 | (fault.stack & FAULTLOG_STACK_MAX)
  };
}

static inline struct fault
faultlog_unpack(struct faultlog_record record)
{
  return (struct fault){
    .page = (uintptr_t)(record.first >> 19 << 12),
    .time = ((record.first & 0x7ffff) << 22 | record.second >> 42) * FAULTLOG_TIME_UNIT,
    .thread = (int32_t)(record.second >> 20 & 0x3fffff),
    .stack = (uint32_t)(record.second & FAULTLOG_STACK_MAX)
  };
}

/* False if there was no place. */
static inline bool
faultlog_append(struct faultlog *log, struct fault fault)
{
  size_t index = atomic_fetch_add(&log->count, 1);
  if (index >= atomic_load(&log->capacity))
    return false;
  *faultlog_at(log, index) = faultlog_pack(fault);
  return true;
}

#endif
