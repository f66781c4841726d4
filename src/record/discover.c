/* discover.c - the companion's: which memory of the program is watched, and which is not, and why.
 *
 * The kernel's list of mappings is read when an epoch has been closed, so that little of it is split by our
 * own protections. What can be written to and lies in no region is new. What was mapped where
 * something watched had been unmapped lies in a region, in a part that is gone. New memory is armed, and
 * what of it is present by then has been written since: it is declared in the epoch that runs. */
#include "config.h"
#include "record/discover.h"
#include "record/residence.h"
#include "arena.h"
#include "lock.h"
#include "maps.h"
#include "process.h"
#include "shield/appear.h"
#include "shield/shield.h"
#include "threads.h"

#include <errno.h>
#include <string.h>

enum {
  REGIONS_MAX = 16384, ENTRIES_MAX = 2 * REGIONS_MAX, PARTS_MAX = 4096, DEFERRED = 64, TEXT = 1 << 16,
  GUARD_MAX = 1 << 20
};

struct discovered discovered;

/* Memory of a thread that must stay writable, and does so while it is mapped: its thread may end and the
 * C library keep the stack for the next one. */
struct part { uintptr_t start, end; unsigned reason; bool mapped; };

static struct {
  struct ww_tracker *tracker;
  unsigned kinds;
  uintptr_t from, to;
  struct part *part;           /* [PARTS_MAX] by no order */
  size_t parts;
  uintptr_t deferred[DEFERRED];
  size_t deferrals;
  bool first;
  char *text;                  /* [TEXT] */
} scan;

/* What the lines before say about this one. */
struct neighbours {
  uint64_t device, inode;      /* of the last file that has code */
  uintptr_t module_end;        /* where what is mapped of it ends so far */
  bool module_libc, module_own;
  uintptr_t guard_end;         /* of a small mapping without access */
};

/* -------------------------------------------------------------- what a mapping is */

static bool
begins(const char *text, const char *with)
{
  return !strncmp(text, with, strlen(with));
}

static bool
is_libc(const char *path)
{
  static const char *const names[] = { "libc.so", "libc-", "ld-linux", "ld-2", "ld-musl", "ld.so",
                                       "libpthread" };
  const char *base = strrchr(path, '/');
  base = base ? base + 1 : path;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (begins(base, names[i]))
      return true;
  return false;
}

/* The unwinder's, the filter maker's, and this library. */
static bool
is_own(const char *path)
{
  static const char *const names[] = { "libunwind", "libseccomp.so", "libwritewatch-record" };
  const char *base = strrchr(path, '/');
  base = base ? base + 1 : path;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (begins(base, names[i]))
      return true;
  return false;
}

static bool
is_anonymous(const struct mapping *mapping)
{
  return !mapping->path[0] || begins(mapping->path, "[anon");
}

struct verdict { unsigned kind; unsigned reason; };   /* kind 0: not watched, for that reason */

static struct verdict
judge(const struct mapping *mapping, const struct neighbours *before)
{
  struct verdict verdict = { 0, TRACE_OTHER };
  const char *path = mapping->path;
  bool of_module = mapping->inode && mapping->inode == before->inode && mapping->device == before->device;
  if (mapping->shared) {
    bool device = begins(path, "anon_inode:")
      || (begins(path, "/dev/") && !begins(path, "/dev/shm/") && !begins(path, "/dev/zero")
          && !begins(path, "/dev/hugepages"));
    bool memory = begins(path, "/dev/shm/") || begins(path, "/dev/zero") || begins(path, "/memfd:")
      || begins(path, "/SYSV") || begins(path, "/anon_hugepage") || !path[0];
    if (!device)
      verdict.kind = memory ? TRACE_SHARED : TRACE_FILE;
  } else if (!strcmp(path, "[heap]"))
    verdict.kind = TRACE_HEAP;
  else if (!strcmp(path, "[stack]"))
    verdict.reason = TRACE_STACKS;
  else if (of_module || (is_anonymous(mapping) && before->module_end == mapping->start)) {
    if (before->module_libc || before->module_own)
      verdict.reason = before->module_libc ? TRACE_LIBC : TRACE_OWN;
    else
      verdict.kind = of_module ? TRACE_DATA : TRACE_BSS;
  } else if (is_anonymous(mapping))
    verdict.kind = TRACE_ANONYMOUS;
  else if (path[0] == '/')
    verdict.kind = TRACE_FILE;
  if (verdict.kind && !(scan.kinds & 1u << verdict.kind)) {
    verdict.kind = 0;
    verdict.reason = TRACE_NOT_ASKED;
  }
  return verdict;
}

static void
look_behind(struct neighbours *before, const struct mapping *mapping)
{
  bool same = mapping->inode && mapping->inode == before->inode && mapping->device == before->device;
  if (mapping->protection & PROT_EXEC && mapping->path[0] == '/' && !same) {
    before->inode = mapping->inode;
    before->device = mapping->device;
    before->module_libc = is_libc(mapping->path);
    before->module_own = is_own(mapping->path);
    same = true;
  }
  /* What lies behind the data is the rest of it that is zero; behind that it ends. */
  if (same)
    before->module_end = mapping->end;
  else if (before->module_end == mapping->start)
    before->module_end = 0;
  before->guard_end = !(mapping->protection & (PROT_READ | PROT_WRITE | PROT_EXEC)) && !mapping->inode
    && mapping->end - mapping->start <= GUARD_MAX ? mapping->end : 0;
}

/* ----------------------------------------------------------------- entries */

static struct watched *
add_entry(struct ww_region *region, unsigned kind)
{
  size_t at = 0;
  while (at < discovered.places && discovered.watched[at].region)
    at++;
  if (at == ENTRIES_MAX)
    return NULL;
  if (at == discovered.places)
    discovered.places++;
  struct watched *entry = &discovered.watched[at];
  *entry = (struct watched){ .region = region_share(region), .kind = kind };
  region->note = entry;
  return entry;
}

struct watched *
discover_entry(struct ww_region *region)
{
  if (region->note)
    return region->note;
  /* It came of another, which has the same name, or had. */
  for (size_t i = 0; i < discovered.places; i++)
    if (discovered.watched[i].region == region->origin && region->origin)
      return add_entry(region, discovered.watched[i].kind);
  return add_entry(region, TRACE_ANONYMOUS);
}

void
discover_drop(struct watched *watched)
{
  watched->region->note = NULL;
  region_release(watched->region);
  watched->region = NULL;
}

/* ---------------------------------------------------------------- new memory */

static void
count_unwatched(unsigned reason, uintptr_t start, uintptr_t end)
{
  discovered.coverage.unwatched[reason] += end - start;
  discovered.coverage.writable += end - start;
}

static void
remember_part(uintptr_t start, uintptr_t end, unsigned reason)
{
  if (scan.parts < PARTS_MAX)
    scan.part[scan.parts++] = (struct part){ start, end, reason, true };
}

/* Where the next part that is known begins in [start, end); its end and reason. */
static const struct part *
next_part(uintptr_t start, uintptr_t end)
{
  const struct part *next = NULL;
  for (size_t i = 0; i < scan.parts; i++)
    if (scan.part[i].start < end && scan.part[i].end > start && (!next || scan.part[i].start < next->start))
      next = &scan.part[i];
  return next;
}

static const char *
base_of(const char *path)
{
  const char *base = strrchr(path, '/');
  return base ? base + 1 : path;
}

static void
watch(const struct mapping *mapping, unsigned kind, uintptr_t start, uintptr_t end)
{
  struct ww_region *region;
  const char *name = mapping->path[0] ? base_of(mapping->path) : kind == TRACE_BSS ? "bss" : "anonymous";
  bool root = residence_of(start);
  if (start < scan.from || end > scan.to || scan.tracker->regions >= REGIONS_MAX) {
    discovered.full |= scan.tracker->regions >= REGIONS_MAX;
    count_unwatched(TRACE_OTHER, start, end);
    return;
  }
  if (tracker_add(scan.tracker, name, start, end, &region)) {
    count_unwatched(TRACE_REFUSED, start, end);
    return;
  }
  add_entry(region, kind);
  if (!scan.first)
    residence_declare(region->start, region->end, mapping->shared, !root);
  discovered.coverage.watched += end - start;
  discovered.coverage.writable += end - start;
}

/* A piece that holds nothing of a thread's: parts of it may lie in regions. */
static void
take_piece(const struct mapping *mapping, unsigned kind, uintptr_t start, uintptr_t end)
{
  while (start < end) {
    struct appearance piece = appear_at(scan.tracker, start, end);
    if (piece.state == APPEAR_NEW)
      watch(mapping, kind, start, piece.end);
    else if (piece.state == APPEAR_AGAIN) {
      bool root = residence_of(start);
      if (appear_again(start, piece.end))
        residence_declare(start, piece.end, mapping->shared, !root);
      discovered.coverage.watched += piece.end - start;
      discovered.coverage.writable += piece.end - start;
    } else {
      discovered.coverage.watched += piece.end - start;
      discovered.coverage.writable += piece.end - start;
    }
    start = piece.end;
  }
}

/* New memory, or some of it: threads' parts are left out. */
static void
take(const struct mapping *mapping, unsigned kind, uintptr_t start, uintptr_t end)
{
  const uintptr_t page = os_page_size() - 1;
  while (start < end) {
    const struct part *known = next_part(start, end);
    uintptr_t to = known && known->start > start ? known->start : end;
    struct thread_part met;
    if (known && known->start <= start) {
      to = known->end < end ? known->end : end;
      count_unwatched(known->reason, start, to);
    } else if (appear_at(scan.tracker, start, to).end < to
               || appear_at(scan.tracker, start, to).state != APPEAR_WATCHED) {
      if (threads_meet(start, to, &met) && scan.parts < PARTS_MAX) {
        uintptr_t low = met.start & ~page, high = (met.end + page) & ~page;
        remember_part(low < start ? start : low, high > to ? to : high,
                      strstr(met.what, "stack") ? TRACE_STACKS : TRACE_TLS);
        continue;
      }
      take_piece(mapping, kind, start, to);
    } else {
      discovered.coverage.watched += to - start;
      discovered.coverage.writable += to - start;
    }
    start = to;
  }
}

/* A stack that was mapped a moment ago, and whose thread is about to begin, looks like any other memory but
 * for the guard before it: it is looked at once more first. */
static bool
defer(const struct mapping *mapping, const struct neighbours *before, uintptr_t *next, size_t *nexts)
{
  if (scan.first || before->guard_end != mapping->start || !is_anonymous(mapping) || mapping->shared
      || appear_at(scan.tracker, mapping->start, mapping->end).state == APPEAR_WATCHED)
    return false;
  for (size_t i = 0; i < scan.deferrals; i++)
    if (scan.deferred[i] == mapping->start)
      return false;
  if (*nexts == DEFERRED)
    return false;
  next[(*nexts)++] = mapping->start;
  return true;
}

/* -------------------------------------------------------------------- the look */

static void
mark_mapped(const struct mapping *mapping)
{
  for (size_t i = 0; i < scan.parts; i++)
    if (scan.part[i].start >= mapping->start && scan.part[i].end <= mapping->end)
      scan.part[i].mapped = true;
}

static void
forget_parts(void)
{
  for (size_t i = scan.parts; i-- > 0;)
    if (!scan.part[i].mapped)
      scan.part[i] = scan.part[--scan.parts];
    else
      scan.part[i].mapped = false;
}

static int
look(void)
{
  struct maps_reader reader;
  struct mapping mapping;
  struct neighbours before = { 0 };
  uintptr_t next[DEFERRED];
  size_t nexts = 0;
  int found, error = maps_open(&reader, scan.text, TEXT);
  if (error)
    return error;
  uint64_t epoch = discovered.coverage.epoch, code = 0;
  memset(&discovered.coverage, 0, sizeof discovered.coverage);
  discovered.coverage.epoch = epoch;
  while ((found = maps_next(&reader, &mapping)) > 0) {
    bool armed = !(mapping.protection & PROT_WRITE)
      && appear_at(scan.tracker, mapping.start, mapping.end).state == APPEAR_WATCHED;
    struct verdict verdict = judge(&mapping, &before);
    mark_mapped(&mapping);
    if (armed) {
      discovered.coverage.watched += mapping.end - mapping.start;
      discovered.coverage.writable += mapping.end - mapping.start;
    } else if (mapping.protection & PROT_WRITE) {
      if (arena_overlaps(mapping.start, mapping.end) || process_overlaps(mapping.start, mapping.end))
        ;                       /* not the program's */
      else if (!verdict.kind)
        count_unwatched(verdict.reason, mapping.start, mapping.end);
      else if (defer(&mapping, &before, next, &nexts))
        count_unwatched(TRACE_OTHER, mapping.start, mapping.end);
      else
        take(&mapping, verdict.kind, mapping.start, mapping.end);
    }
    if (mapping.protection & PROT_EXEC)
      code = (code ^ mapping.start ^ mapping.end << 20 ^ mapping.inode << 40) * 0x9e3779b97f4a7c15u;
    look_behind(&before, &mapping);
  }
  discovered.code = code;
  maps_close(&reader);
  forget_parts();
  memcpy(scan.deferred, next, sizeof next);
  scan.deferrals = nexts;
  return found < 0 ? found : 0;
}

/* Regions of which nothing is left. */
static void
let_go(void)
{
  for (size_t i = 0; i < discovered.places; i++) {
    struct ww_region *region = discovered.watched[i].region;
    if (region && region->tracker && appear_is_gone(scan.tracker, region))
      (void)tracker_remove(region);
  }
}

int
discover_start(struct ww_tracker *tracker, const struct settings *settings, uintptr_t from, uintptr_t to)
{
  scan.tracker = tracker;
  scan.kinds = settings->kinds;
  scan.from = from;
  scan.to = to;
  scan.first = true;
  if (!scan.text && !(scan.text = arena_map(NULL, TEXT)))
    return -ENOMEM;
  if (!scan.part && !(scan.part = arena_map(NULL, PARTS_MAX * sizeof *scan.part)))
    return -ENOMEM;
  if (!discovered.watched
      && !(discovered.watched = arena_map(NULL, ENTRIES_MAX * sizeof *discovered.watched)))
    return -ENOMEM;
  int error = look();
  scan.first = false;
  return error;
}

void
discover_forked(void)
{
  scan.parts = scan.deferrals = 0;
  for (size_t i = 0; i < discovered.places; i++)
    discovered.watched[i].id = discovered.watched[i].epoch = 0;
}

void
discover_again(void)
{
  let_go();
  (void)look();
}
