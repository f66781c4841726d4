/* api.c - the only exporter of the tracker: checks arguments, filters errors. */
#include "config.h"
#include "writewatch.h"
#include "error.h"
#include "fork.h"
#include "region.h"
#include "stack.h"
#include "tracker.h"

#include <errno.h>
#include <string.h>

/* The sizes that the structures had in released versions, smallest first. */
enum { FLAGS_KNOWN = WW_SHIELD | WW_AUDIT | WW_FOLLOW_FORK };
enum { OPTIONS_SIZE_MIN = sizeof(struct ww_options), STATS_SIZE_MIN = offsetof(struct ww_stats, unfollowed) };

static int
read_options(const struct ww_options *given, struct ww_options *options)
{
  if (!given)
    return 0;
  if (given->size < OPTIONS_SIZE_MIN)
    return error_set(-EINVAL, "ww_options.size is %zu, less than the %zu of any version: begin with "
                     "WW_OPTIONS_INIT", given->size, (size_t)OPTIONS_SIZE_MIN);
  for (size_t i = sizeof *options; i < given->size; i++)
    if (((const char *)given)[i])
      return error_set(-E2BIG, "ww_options sets something that version %s does not know (byte %zu)",
                       PACKAGE_VERSION, i);
  memcpy(options, given, sizeof *options);
  if ((unsigned)options->engine > WW_ENGINE_PAGEMAP)
    return error_set(-EINVAL, "ww_options.engine is %d, which is no engine", (int)options->engine);
  if ((unsigned)options->policy > WW_POLICY_ADAPTIVE)
    return error_set(-EINVAL, "ww_options.policy is %d, which is no policy", (int)options->policy);
  if (options->flags & ~FLAGS_KNOWN)
    return error_set(-EINVAL, "ww_options.flags is %#x, which this version does not know", options->flags);
  if (options->stack_depth > WW_STACK_MAX)
    return error_set(-EINVAL, "ww_options.stack_depth is %u, more than %d", options->stack_depth,
                     WW_STACK_MAX);
  if (options->stack_limit > FAULTLOG_STACK_MAX)
    return error_set(-EINVAL, "ww_options.stack_limit is %zu, more than %d", options->stack_limit,
                     (int)FAULTLOG_STACK_MAX);
  if (options->stack_depth && !stack_available())
    return error_set(-ENOTSUP, "stacks were asked for, but this library was built without libunwind");
  return 0;
}

int
ww_tracker_create(ww_tracker **tracker, const struct ww_options *given)
{
  struct ww_options options = WW_OPTIONS_INIT;
  if (!tracker)
    return error_set(-EINVAL, "ww_tracker_create: no place for the tracker");
  int error = read_options(given, &options);
  return error ? error : tracker_create(tracker, &options);
}

void
ww_tracker_destroy(ww_tracker *tracker)
{
  if (tracker)
    tracker_destroy(tracker);
}

int
ww_region_add(ww_tracker *tracker, const char *name, void *address, size_t length, ww_region **region)
{
  ww_region *added;
  uintptr_t start = (uintptr_t)address, end = start + length;
  if (!tracker || !address || !length)
    return error_set(-EINVAL, "ww_region_add: %s", !tracker ? "the tracker is NULL"
                     : !address ? "the address is NULL" : "the length is 0");
  /* Also the rounding up to pages must not wrap. */
  if (end < start || end > UINTPTR_MAX - ((uintptr_t)1 << 30))
    return error_set(-EOVERFLOW, "region \"%s\": %zu bytes from %p wrap around the end of the address space",
                     name ? name : "", length, address);
  int error = tracker_add(tracker, name, start, end, &added);
  if (!error && region)
    *region = added;
  return error;
}

int
ww_region_remove(ww_region *region)
{
  return region ? tracker_remove(region) : error_set(-EINVAL, "ww_region_remove: the region is NULL");
}

const char *
ww_region_name(const ww_region *region)
{
  return region->name;
}

void *
ww_region_address(const ww_region *region)
{
  return (void *)region->start;
}

size_t
ww_region_length(const ww_region *region)
{
  return region->end - region->start;
}

enum ww_engine
ww_region_engine(const ww_region *region)
{
  return atomic_load(&region->engine);
}

size_t
ww_region_page_size(const ww_region *region)
{
  return (size_t)1 << region->shift;
}

int
ww_start(ww_tracker *tracker)
{
  return tracker ? tracker_start(tracker) : error_set(-EINVAL, "ww_start: the tracker is NULL");
}

int
ww_stop(ww_tracker *tracker)
{
  return tracker ? tracker_stop(tracker) : error_set(-EINVAL, "ww_stop: the tracker is NULL");
}

int
ww_collect(ww_tracker *tracker, ww_dirty **dirty)
{
  if (!tracker || !dirty)
    return error_set(-EINVAL, "ww_collect: the tracker or the place for the dirty set is NULL");
  return tracker_collect(tracker, dirty);
}

/* Async-signal-safe: keeps no sentence for ww_last_error(). */
int
ww_touch(ww_tracker *tracker, void *address, size_t length)
{
  uintptr_t start = (uintptr_t)address;
  if (!tracker || start + length < start)
    return -EINVAL;
  return length ? tracker_touch(tracker, start, start + length) : 0;
}

int
ww_tracker_stats(ww_tracker *tracker, struct ww_stats *stats)
{
  if (!tracker || !stats || stats->size < STATS_SIZE_MIN || stats->size > sizeof *stats)
    return error_set(-EINVAL, "ww_tracker_stats: the tracker or the place for the figures is NULL, or "
                     "its size member is not sizeof(struct ww_stats)");
  tracker_stats(tracker, stats);
  return 0;
}

const char *
ww_strerror(int error)
{
  return error_meaning(error);
}

const char *
ww_last_error(void)
{
  return error_last();
}

const char *
ww_version(void)
{
  return PACKAGE_VERSION;
}

int
ww_has_stacks(void)
{
  return stack_available();
}
