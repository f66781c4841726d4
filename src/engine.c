/* engine.c - async-signal-safe (up to the choice of an engine). Which engine does what is asked.
 *
 *   mprotect     a write to a protected page raises SIGSEGV in the writer
 *   userfaultfd  the same below the mappings, which are never split: SIGBUS
 *   pagemap      the kernel lets the write pass and remembers it; a scan tells
 *
 * The second and third rest on a file descriptor, which a program may close without knowing
 * whose it is: then the kernel drops all protection, silently. So each collect looks whether
 * the objects are still there before it believes what it sees (engine_check()); if not, all
 * pages of the region are returned as WW_ASSUMED, and the first engine, which needs nothing
 * that can be taken away, has the region from then on. */
#include "config.h"
#include "engine_ways.h"
#include "error.h"
#include "pin.h"
#include "tracker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool
is_mprotect(const struct ww_region *region)
{
  return atomic_load(&region->engine) == WW_ENGINE_MPROTECT;
}

int
engine_arm(struct ww_region *region, size_t first, size_t count, bool exact)
{
  return is_mprotect(region) ? mprotect_arm(region, first, count, exact) : userfault_arm(region, first, count);
}

int
engine_disarm(struct ww_region *region)
{
  if (is_mprotect(region))
    return mprotect_disarm(region);
  userfault_detach(region);
  return engine_is_whole(region) ? 0 : -ENOMEM;
}

bool
engine_is_whole(const struct ww_region *region)
{
  const struct segment_table *table = atomic_load(&region->table);
  for (size_t i = 0; i < table->count; i++) {
    const struct segment *segment = &table->segment[i];
    if (segment_is_tracked(segment)
        && os_is_mapped(region_page_address(region, segment->first), segment->count << region->shift))
      return false;
  }
  return true;
}

int
engine_open(struct ww_region *region, struct page_set *set, size_t first, size_t count)
{
  return is_mprotect(region) ? mprotect_open(region, set, first, count)
    : userfault_open_pages(region, first, count);
}

int
engine_open_bulk(struct ww_region *region, struct page_set *set, size_t first, size_t count)
{
  if (is_mprotect(region))
    return mprotect_open_bulk(region, set, first, count);
  engine_mark_bulk(region, set, first, count);
  return userfault_open_pages(region, first, count);
}

static void
mark_part(struct ww_region *region, struct page_set *set, size_t first, size_t count)
{
  size_t widened = 0;
  for (size_t word = first / 64; word <= (first + count - 1) / 64; word++) {
    uint64_t added = page_set_add(region, set, word, bitmap_mask(word, first, count));
    if (added) {
      atomic_fetch_or(&set->bulk[word], added);
      atomic_store(&set->special, true);
      widened += (size_t)__builtin_popcountll(added);
    }
  }
  atomic_fetch_add(&region->tracker->widened_pages, widened);
}

void
engine_mark_bulk(struct ww_region *region, struct page_set *set, size_t first, size_t count)
{
  while (count) {
    const struct segment *segment = region_segment(region, first);
    size_t here = segment->first + segment->count - first;
    if (here > count)
      here = count;
    if (segment_is_tracked(segment))
      mark_part(region, set, first, here);
    first += here;
    count -= here;
  }
}

/* ------------------------------------------------------------- the choice */

static const char *const names[] = { "auto", "mprotect", "userfaultfd", "pagemap" };

const char *
engine_name(enum ww_engine engine)
{
  return names[engine];
}

/* What the environment asks for, WW_ENGINE_AUTO if nothing. */
static int
read_environment(enum ww_engine *engine)
{
  const char *value = getenv("WRITEWATCH_ENGINE");
  *engine = WW_ENGINE_AUTO;
  if (!value || !*value)
    return 0;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (!strcmp(value, names[i])) {
      *engine = (enum ww_engine)i;
      return 0;
    }
  return error_set(-EINVAL, "the environment variable WRITEWATCH_ENGINE is \"%.40s\", which is no engine: "
                   "mprotect, userfaultfd, pagemap or auto", value);
}

/* What an engine cannot give, in words; NULL if it can all that is asked for. */
static const char *
cannot(enum ww_engine engine, const struct ww_options *options)
{
  if (engine == WW_ENGINE_PAGEMAP && options->stack_depth)
    return "stacks were asked for, but with the engine pagemap the kernel notices writes by itself, and nobody "
      "sees who wrote: use mprotect or userfaultfd";
  if (engine == WW_ENGINE_PAGEMAP && (options->flags & WW_SHIELD))
    return "WW_SHIELD was asked for, but with the engine pagemap memory that moves is no longer watched: use "
      "mprotect";
  if (engine == WW_ENGINE_USERFAULTFD && (options->flags & WW_SHIELD))
    return "WW_SHIELD was asked for, but with the engine userfaultfd writes raise SIGBUS, and where the program "
      "blocks that a write would kill it (the shield keeps only SIGSEGV open): use mprotect";
  return NULL;
}

static int
open_engine(enum ww_engine engine)
{
  int error = engine == WW_ENGINE_MPROTECT ? 0 : userfault_open(engine);
  return !error && engine == WW_ENGINE_PAGEMAP ? pagemap_open() : error;
}

static int
unavailable(enum ww_engine engine, int error)
{
  const char *why = error == -EPERM || error == -EACCES
    ? "it is not permitted here (vm.unprivileged_userfaultfd, /dev/userfaultfd, or a sandbox)"
    : error == -ENOSYS || error == -EINVAL || error == -ENOTTY
    ? (engine == WW_ENGINE_PAGEMAP ? "the kernel lacks it (it needs Linux 6.7)"
       : "the kernel lacks it (it needs Linux 6.4)")
    : strerror(-error);
  return error_set(-ENOTSUP, "the engine %s cannot be had: %s; `writewatch doctor' says more", names[engine], why);
}

int
engine_choose(const struct ww_options *options, enum ww_engine *engine, bool *chosen)
{
  enum ww_engine wanted = options->engine;
  int error = wanted == WW_ENGINE_AUTO ? read_environment(&wanted) : 0;
  if (error)
    return error;
  *chosen = wanted != WW_ENGINE_AUTO;
  if (*chosen) {
    const char *reason = cannot(wanted, options);
    if (reason)
      return error_set(-ENOTSUP, "%s", reason);
    error = open_engine(wanted);
    *engine = wanted;
    return error ? unavailable(wanted, error) : 0;
  }
  /* A page that is trapped in every epoch: without a descriptor that the program could close, and
   * with a shield. Where pages are verified the kernel's own tracking is the cheaper rest. */
  *engine = WW_ENGINE_MPROTECT;
  if (options->policy == WW_POLICY_ADAPTIVE && !cannot(WW_ENGINE_PAGEMAP, options)
      && !open_engine(WW_ENGINE_PAGEMAP))
    *engine = WW_ENGINE_PAGEMAP;
  return 0;
}

int
engine_attach(struct ww_region *region)
{
  enum ww_engine engine = region->tracker->engine;
  int error = 0;
  atomic_store(&region->engine, WW_ENGINE_MPROTECT);
  if (engine == WW_ENGINE_MPROTECT)
    return 0;
  /* Whether it is all mapped is for the other engine to say. */
  if (!engine_is_whole(region))
    return 0;
  error = open_engine(engine);
  if (!error) {
    atomic_store(&region->engine, engine);
    error = userfault_attach(region);
    if (error)
      atomic_store(&region->engine, WW_ENGINE_MPROTECT);
  }
  if (!error || !region->tracker->engine_chosen)
    return 0;
  if (error == -EINVAL)
    return error_set(-ENOTSUP, "region \"%s\": the engine %s cannot watch memory of this kind at %#lx-%#lx: a "
                     "mapping of an ordinary file, for example", region->name, names[engine],
                     (unsigned long)region->start, (unsigned long)region->end);
  if (error == -EBUSY)
    return error_set(-ENOTSUP, "region \"%s\": the engine %s cannot watch %#lx-%#lx: another userfaultfd does",
                     region->name, names[engine], (unsigned long)region->start, (unsigned long)region->end);
  return unavailable(engine, error);
}

/* ------------------------------------------------------- what was written */

void
engine_check(struct ww_region *region, struct page_set *ended)
{
  if (!is_mprotect(region) && !userfault_is_attached(region))
    engine_lose(region, ended);
}

void
engine_lose(struct ww_region *region, struct page_set *ended)
{
  /* What is left of it goes, or a write would raise both signals. */
  userfault_detach(region);
  /* Who finds a page protected by mprotect() must find this said. */
  atomic_store(&region->engine, WW_ENGINE_MPROTECT);
  engine_mark_bulk(region, ended, 0, region->pages);
}

bool
engine_scan(struct ww_region *region, struct page_set *set, size_t first, size_t count, bool protect)
{
  if (pagemap_scan(region, set, first, count, protect))
    return true;
  engine_mark_bulk(region, set, first, count);
  return false;
}

uint64_t
engine_written(struct ww_region *region, size_t word)
{
  return atomic_load(&region->engine) == WW_ENGINE_PAGEMAP ? pagemap_written(region, word) : 0;
}

/* -------------------------------------------------------------------- fork */

/* A child inherits no registration, and its pages are writable. What the userfaultfd engine knows
 * is in the marks, which are made before a page is opened, and opening and fork() exclude each
 * other (both take the kernel's lock of the address space); so the child protects what is not
 * marked, and all is as fork.c has it. What the pagemap engine has not scanned yet only the kernel
 * knows, and the parent's other threads go on writing between a scan and the copy. So for that
 * moment the mprotect engine takes over: everything is made read-only *before* the scan, so that
 * each write is either found by it, or trapped and marked. The child goes on from the marks. */
void
engine_before_fork(struct ww_region *region)
{
  struct page_set *running = &region->set[atomic_load(&region->tracker->gate.epoch) & 1];
  if (atomic_load(&region->engine) != WW_ENGINE_PAGEMAP || !atomic_load(&region->armed))
    return;
  pin_disturb();
  atomic_store(&region->interim, true);
  atomic_store(&region->engine, WW_ENGINE_MPROTECT);
  atomic_fetch_add(&region_armings, 1);
  (void)mprotect_arm(region, 0, region->pages, false);
  (void)engine_scan(region, running, 0, region->pages, false);
}

void
engine_in_parent(struct ww_region *region)
{
  if (!atomic_load(&region->interim))
    return;
  (void)mprotect_disarm(region);
  atomic_store(&region->engine, WW_ENGINE_PAGEMAP);
  atomic_store(&region->interim, false);
}

void
engine_in_child(void)
{
  userfault_forget();
  pagemap_forget();
}

/* Nothing else runs here yet, so the order does not matter. */
void
engine_follow(struct ww_region *region, struct page_set *running)
{
  if (is_mprotect(region) && !atomic_load(&region->interim))
    return;
  bool chosen = region->tracker->engine_chosen;
  atomic_store(&region->interim, false);
  region->tracker->engine_chosen = false;
  (void)mprotect_disarm(region);
  (void)engine_attach(region);
  region->tracker->engine_chosen = chosen;
  pin_disturb();
  atomic_fetch_add(&region_armings, 1);
  for (size_t page = 0; page < region->pages; page++) {
    size_t next = bitmap_next(&running->dirty, page);
    next = next < region->pages ? next : region->pages;
    if (next > page && engine_arm(region, page, next - page, true)) {
      /* No memory for it, say: what cannot be watched counts as written. */
      engine_mark_bulk(region, running, page, next - page);
      (void)engine_open(region, running, page, next - page);
    }
    page = next;
    while (page + 1 < region->pages && bitmap_test(&running->dirty, page + 1))
      page++;
  }
}

void
engine_lock(void)
{
  userfault_lock();
}

void
engine_unlock(void)
{
  userfault_unlock();
}
