/* tracked.c - memory that a tracker of one engine watches, for tests of what holds for each of them. */
#include "config.h"
#include "../tap.h"
#include "tracked.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

size_t page;
enum ww_engine engine;
const char *name;
static const char *const names[] = { "auto", "mprotect", "userfaultfd", "pagemap" };

void
each_engine(void (*one)(void))
{
  page = (size_t)sysconf(_SC_PAGESIZE);
  unsetenv("WRITEWATCH_ENGINE");
  for (engine = WW_ENGINE_MPROTECT; engine <= WW_ENGINE_PAGEMAP; engine++) {
    name = names[engine];
    ww_tracker *tracker = create(0, 0);
    if (!tracker) {
      skip(name, ww_last_error());
      continue;
    }
    ww_tracker_destroy(tracker);
    one();
  }
}

ww_tracker *
create(unsigned flags, unsigned depth)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *tracker = NULL;
  options.engine = engine;
  options.flags = flags;
  options.stack_depth = depth;
  return ww_tracker_create(&tracker, &options) ? NULL : tracker;
}

char *
map(size_t pages)
{
  return mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

ww_tracker *
track(char *memory, size_t pages, unsigned flags, unsigned depth)
{
  ww_tracker *tracker = create(flags, depth);
  if (tracker && !ww_region_add(tracker, "memory", memory, pages * page, NULL) && !ww_start(tracker))
    return tracker;
  printf("# %s\n", ww_last_error());
  return NULL;
}

bool
holds(ww_tracker *tracker, const char *memory, const size_t *pages, size_t count, enum ww_evidence evidence)
{
  ww_dirty *dirty;
  size_t runs, found = 0;
  if (ww_collect(tracker, &dirty)) {
    printf("# ww_collect: %s\n", ww_last_error());
    return false;
  }
  const struct ww_run *run = ww_dirty_runs(dirty, &runs);
  for (size_t i = 0; i < count; i++)
    for (size_t r = 0; r < runs; r++)
      found += (uintptr_t)memory + pages[i] * page - (uintptr_t)run[r].address < run[r].length
        && run[r].evidence == evidence;
  bool same = found == count && ww_dirty_pages(dirty) == count;
  if (!same)
    printf("# %zu pages in the set, %zu of %zu are right\n", ww_dirty_pages(dirty), found, count);
  ww_dirty_free(dirty);
  return same;
}
