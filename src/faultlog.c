/* faultlog.c - reserving and releasing logs of faults. Not for handlers. */
#include "config.h"
#include "faultlog.h"

#include <errno.h>

int
faultlog_reserve(struct faultlog *log, size_t faults)
{
  size_t capacity = atomic_load(&log->capacity);
  if (faults <= capacity)
    return 0;
  /* Many small regions added one by one must not use up the segments. */
  size_t length = faults - capacity;
  if (log->segments && length < capacity / 2)
    length = capacity / 2;
  if (log->segments == FAULTLOG_SEGMENTS)
    return -ENOMEM;
  struct faultlog_record *record = arena_map(log->arena, length * sizeof *record);
  if (!record)
    return -ENOMEM;
  log->segment[log->segments++] = (struct faultlog_segment){ capacity, length, record };
  /* A handler looks at a segment only after it has seen the capacity. */
  atomic_store(&log->capacity, capacity + length);
  return 0;
}

void
faultlog_release(struct faultlog *log)
{
  while (log->segments)
    arena_unmap(log->arena, log->segment[--log->segments].record);
  atomic_store(&log->capacity, 0);
  atomic_store(&log->count, 0);
}
