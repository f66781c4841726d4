/* scene.c - one row of the matrix, at all placements, untracked and tracked.
 *
 * Each buffer has an arena of four stretches of pages: untracked, region, region,
 * untracked. All arenas lie at the same addresses in every run, so that what a call
 * writes can be compared byte by byte.
 *
 * Which bytes a call writes is seen from runs with other contents in the memory. Which
 * pages, from the kernel: in the untracked runs the memory is a private mapping of a
 * file, and a page that was written is the file's no longer (/proc/self/pagemap). */
#include "matrix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum placement { WHOLE, INTO, OUT_OF, ACROSS, LAST, FIRST, PLACEMENTS };
static const char *const placement_names[PLACEMENTS] = {
  "wholly protected", "its end protected", "its begin protected", "across two regions",
  "at a region's last byte", "at a region's first byte"
};
const char *const via_names[VIAS] = { "libc", "syscall()", "instruction" };

enum { PATTERNS = 4 };
#define PAGE_IS_FILE (UINT64_C(1) << 61)
#define PAGE_IS_PRESENT (UINT64_C(3) << 62)         /* or swapped out */

struct outcome {
  long result;
  int error;
  long also[ALSO];
  unsigned char *bytes;       /* of the area, after the call */
  unsigned char *before;
  bool *pages;                /* of the area: written */
};

static char *area;
static size_t area_length;
static struct {
  size_t offset, stretch;     /* bytes */
} arenas[BUFFERS];

size_t
page_size(void)
{
  return (size_t)sysconf(_SC_PAGESIZE);
}

#if defined(__x86_64__)
static long
instruction(long number, const long a[6])
{
  long result;
  register long r10 __asm__("r10") = a[3];
  register long r8 __asm__("r8") = a[4];
  register long r9 __asm__("r9") = a[5];
  __asm__ volatile("syscall" : "=a"(result)
                   : "0"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
static long
instruction(long number, const long a[6])
{
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a[0];
  register long x1 __asm__("x1") = a[1];
  register long x2 __asm__("x2") = a[2];
  register long x3 __asm__("x3") = a[3];
  register long x4 __asm__("x4") = a[4];
  register long x5 __asm__("x5") = a[5];
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
static long
instruction(long number, const long a[6])
{
  long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  return result == -1 ? -errno : result;
}
#endif

long
system_call(const struct scene *scene, long number, const long a[6])
{
  if (scene->via != VIA_INSTRUCTION)
    return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  long result = instruction(number, a);
  if (result < 0 && result > -4096) {
    errno = (int)-result;
    return -1;
  }
  return result;
}

static void
lay_out(const struct row *row)
{
  size_t page = page_size();
  area_length = 0;
  memset(arenas, 0, sizeof arenas);
  for (int i = 0; i < BUFFERS && row->size[i]; i++) {
    arenas[i].stretch = ((row->size[i] + page - 1) / page + 3) * page;
    arenas[i].offset = area_length;
    area_length += 4 * arenas[i].stretch;
  }
  area = mmap(NULL, area_length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (area == MAP_FAILED)
    abort();
}

/* Where in its arena a buffer is; SIZE_MAX if this placement is none for so small a one. */
static size_t
place(const struct row *row, int i, enum placement placement)
{
  size_t s = arenas[i].stretch, size = row->size[i], align = row->align ? row->align : 1;
  size_t half = size / 2 / align * align;
  if (!half)                        /* as near as may be */
    half = placement == OUT_OF || placement == ACROSS ? (size + align - 1) / align * align : 0;
  switch (placement) {
  case WHOLE:  return s + page_size() + (align > 40 ? 0 : 40 / align * align);
  case INTO:   return s - half;
  case OUT_OF: return 3 * s - half;
  case ACROSS: return 2 * s - half;
  case LAST:   return 3 * s - (size + align - 1) / align * align;
  default:     return s;
  }
}

static struct scene
scene_make(const struct row *row, enum via via, enum placement placement, unsigned char *image)
{
  struct scene scene;
  memset(&scene, 0, sizeof scene);
  scene.row = row;
  scene.via = via;
  for (int i = 0; i < FILES; i++)
    scene.file[i] = -1;
  for (int i = 0; i < BUFFERS && row->size[i]; i++) {
    size_t offset = arenas[i].offset + place(row, i, placement);
    scene.at[i] = area + offset;
    scene.image[i] = image + offset;
    scene.size[i] = row->size[i];
  }
  return scene;
}

static void
pattern(unsigned char *image, unsigned number)
{
  for (size_t i = 0; i < area_length; i++)
    image[i] = (unsigned char)((i * 2654435761u >> 13) + number * 0x35u);
}

static void
scene_end(struct scene *scene)
{
  if (scene->row->clean)
    scene->row->clean(scene);
  for (int i = 0; i < FILES; i++)
    if (scene->file[i] >= 0)
      close(scene->file[i]);
}

static void *
copy(const void *from, size_t length)
{
  void *to = malloc(length);
  return to ? memcpy(to, from, length) : (abort(), NULL);
}

/* The call itself. */
static void
make_call(struct scene *scene, struct outcome *outcome)
{
  errno = 0;
  outcome->result = scene->row->call(scene);
  outcome->error = outcome->result == -1 ? errno : 0;
  memcpy(outcome->also, scene->also, sizeof outcome->also);
}

static void
see_written(struct outcome *outcome)
{
  size_t page = page_size(), pages = area_length / page;
  uint64_t *entries = malloc(pages * sizeof *entries);
  int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  off_t offset = (off_t)((uintptr_t)area / page * sizeof *entries);
  if (!entries || file < 0
      || pread(file, entries, pages * sizeof *entries, offset) != (ssize_t)(pages * sizeof *entries))
    not_here("no /proc/self/pagemap");
  close(file);
  for (size_t i = 0; i < pages; i++)
    outcome->pages[i] = (entries[i] & PAGE_IS_PRESENT) && !(entries[i] & PAGE_IS_FILE);
  free(entries);
}

static struct outcome
run_untracked(const struct row *row, enum via via, enum placement placement, unsigned number)
{
  struct outcome outcome;
  unsigned char *image = malloc(area_length);
  if (!image)
    abort();
  pattern(image, number);
  struct scene scene = scene_make(row, via, placement, image);
  const char *reason = row->prepare ? row->prepare(&scene) : NULL;
  if (reason) {
    scene_end(&scene);
    not_here(reason);
  }
  int file = memfd_create("image", MFD_CLOEXEC);
  for (size_t done = 0; done < area_length;) {
    ssize_t more = write(file, image + done, area_length - done);
    if (more <= 0)
      abort();
    done += (size_t)more;
  }
  if (mmap(area, area_length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, 0) == MAP_FAILED)
    abort();
  close(file);
  make_call(&scene, &outcome);
  outcome.pages = calloc(area_length / page_size(), sizeof *outcome.pages);
  if (!outcome.pages)
    abort();
  see_written(&outcome);
  outcome.before = image;
  outcome.bytes = copy(area, area_length);
  scene_end(&scene);
  if (outcome.result == -1 && outcome.error == ENOSYS)
    not_here("this kernel has no such call");
  return outcome;
}

/* Which bytes were written, into written[]: other than before, in some run. */
static void
add_written(const struct outcome *outcome, bool *written)
{
  for (size_t i = 0; i < area_length; i++)
    written[i] |= outcome->bytes[i] != outcome->before[i];
}

/* Does [offset, offset + length) of the area meet one of the buffers of `which`? */
static bool
meets(const struct scene *scene, size_t offset, size_t length, unsigned which)
{
  for (int i = 0; i < BUFFERS && scene->size[i]; i++)
    if (which >> i & 1) {
      size_t start = (size_t)((char *)scene->at[i] - area);
      if (offset < start + scene->size[i] && start < offset + length)
        return true;
    }
  return false;
}

static bool
is_tracked(size_t offset)
{
  for (int i = 0; i < BUFFERS && arenas[i].stretch; i++)
    if (offset >= arenas[i].offset + arenas[i].stretch && offset < arenas[i].offset + 3 * arenas[i].stretch)
      return true;
  return false;
}

static ww_tracker *
track(const struct scene *scene)
{
  ww_tracker *tracker;
  int error = tracker_make(&tracker);
  if (error) {
    fail("ww_tracker_create: %s (%s)", ww_strerror(error), ww_last_error());
    return NULL;
  }
  for (int i = 0; i < BUFFERS && scene->size[i] && !error; i++) {
    char *first = area + arenas[i].offset + arenas[i].stretch;
    error = ww_region_add(tracker, "first", first, arenas[i].stretch, NULL);
    if (!error)
      error = ww_region_add(tracker, "second", first + arenas[i].stretch, arenas[i].stretch, NULL);
  }
  if (!error)
    error = ww_start(tracker);
  for (int i = 0; i < BUFFERS && scene->size[i] && !error && mode == ANNOUNCED; i++)
    error = ww_touch(tracker, scene->at[i], scene->size[i]);
  if (!error)
    return tracker;
  fail("regions: %s (%s)", ww_strerror(error), ww_last_error());
  ww_tracker_destroy(tracker);
  return NULL;
}

/* The evidence of each page that a collect returns: 0 of the others. */
static bool
collect(ww_tracker *tracker, unsigned char *evidence)
{
  ww_dirty *dirty;
  size_t count;
  int error = ww_collect(tracker, &dirty);
  memset(evidence, 0, area_length / page_size());
  if (!check(!error, "ww_collect: %s (%s)", ww_strerror(error), ww_last_error()))
    return false;
  const struct ww_run *runs = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < count; i++)
    memset(evidence + (size_t)((char *)runs[i].address - area) / page_size(), (int)runs[i].evidence,
           runs[i].length / page_size());
  ww_dirty_free(dirty);
  return true;
}

static void
compare_bytes(const struct scene *scene, const struct outcome *untracked, const struct outcome *tracked,
              const bool *written)
{
  for (size_t i = 0; i < area_length; i++) {
    bool varies = meets(scene, i, 1, scene->row->varies);
    /* Of what prepare() filled, the same each time, nothing tells whether it was written. */
    bool filled = untracked[0].before[i] == untracked[1].before[i];
    bool good = !varies ? tracked->bytes[i] == untracked->bytes[i]
                : filled || written[i] || tracked->bytes[i] == tracked->before[i];
    if (!check(good, "byte %zu of the area, buffer 0 begins at %zu: %#x before, %#x untracked, %#x tracked",
               i, (size_t)((char *)scene->at[0] - area), tracked->before[i], untracked->bytes[i],
               tracked->bytes[i]))
      return;
  }
}

static void
compare_pages(const struct scene *scene, const struct outcome *untracked, int runs, const bool *written,
              const unsigned char *evidence)
{
  size_t page = page_size();
  unsigned whole = mode == ANNOUNCED && !exact ? ~0u : scene->row->pinned;   /* all their pages may be */
  for (size_t i = 0; i < area_length / page; i++) {
    bool may = meets(scene, i * page, page, whole), must = false;
    for (int k = 0; k < runs; k++)
      may |= untracked[k].pages[i];
    for (size_t j = i * page; j < (i + 1) * page; j++)
      must |= written[j];
    must = must && is_tracked(i * page);
    may = may && is_tracked(i * page);
    if (!check(evidence[i] || !must, "page %zu of the area was written and not returned", i)
        || !check(!evidence[i] || may, "page %zu of the area was returned and not written", i)
        || !check(evidence[i] != WW_ASSUMED, "page %zu of the area was returned as assumed", i))
      return;
  }
}

/* In the next epoch nothing is returned of itself, then all that the program writes is. Of
 * pages that the call wrote some may be watched in another way than by traps: those that
 * the kernel may yet write to, for all that can be known. */
static void
expect_armed(ww_tracker *tracker, unsigned char *evidence, bool held)
{
  size_t page = page_size(), pages = area_length / page;
  unsigned char *first = copy(evidence, pages);
  if (collect(tracker, evidence))
    for (size_t i = 0; i < pages; i++)
      check(!evidence[i], "page %zu of the area, not written in the next epoch, has evidence %d", i,
            evidence[i]);
  for (size_t i = 0; i < pages; i++)
    ((volatile char *)area)[i * page + page / 2] ^= 1;
  if (collect(tracker, evidence))
    for (size_t i = 0; i < pages; i++)
      check(!is_tracked(i * page) ? !evidence[i] : evidence[i] == WW_TRAPPED
            || ((first[i] || held) && (evidence[i] == WW_DECLARED || evidence[i] == WW_VERIFIED)),
            "page %zu of the area, written in an epoch after it, has evidence %d", i, evidence[i]);
  free(first);
}

static void
run_tracked(const struct row *row, enum via via, enum placement placement, const struct outcome *untracked,
            int runs)
{
  struct outcome outcome;
  size_t pages = area_length / page_size();
  unsigned char *evidence = malloc(pages);
  bool *written = calloc(area_length, sizeof *written);
  outcome.before = malloc(area_length);
  if (!evidence || !written || !outcome.before)
    abort();
  pattern(outcome.before, 0);
  struct scene scene = scene_make(row, via, placement, outcome.before);
  const char *reason = row->prepare ? row->prepare(&scene) : NULL;
  if (!check(!reason, "the second time there is %s", reason))
    return;
  if (mmap(area, area_length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
      == MAP_FAILED)
    abort();
  memcpy(area, outcome.before, area_length);
  ww_tracker *tracker = track(&scene);
  if (tracker) {
    make_call(&scene, &outcome);
    bool collected = collect(tracker, evidence);
    outcome.bytes = copy(area, area_length);
    for (int k = 0; k < runs; k++)
      add_written(&untracked[k], written);
    check(row->result_varies || outcome.result == untracked->result, "result %ld, untracked %ld",
          outcome.result, untracked->result);
    check(outcome.error == untracked->error, "errno %d (%s), untracked %d (%s)", outcome.error,
          strerror(outcome.error), untracked->error, strerror(untracked->error));
    for (int i = 0; i < ALSO; i++)
      check(outcome.also[i] == untracked->also[i], "also[%d] is %ld, untracked %ld", i, outcome.also[i],
            untracked->also[i]);
    compare_bytes(&scene, untracked, &outcome, written);
    if (collected) {
      add_written(&outcome, written);
      compare_pages(&scene, untracked, runs, written, evidence);
      expect_armed(tracker, evidence, row->held);
    }
    ww_tracker_destroy(tracker);
    free(outcome.bytes);
  }
  scene_end(&scene);
  free(outcome.before);
  free(written);
  free(evidence);
}

void
row_run(const struct row *row, enum via via)
{
  struct outcome untracked[PLACEMENTS][PATTERNS];
  int runs = row->varies ? PATTERNS : 2;
  lay_out(row);
  /* All of them before the first tracker comes: afterwards nothing is quite untracked. */
  for (int placement = 0; placement < PLACEMENTS; placement++)
    for (int k = 0; k < runs; k++)
      untracked[placement][k] = run_untracked(row, via, (enum placement)placement, (unsigned)k);
  for (int placement = 0; placement < PLACEMENTS; placement++) {
    verdict_place("%s, %s", via_names[via], placement_names[placement]);
    run_tracked(row, via, (enum placement)placement, untracked[placement], runs);
  }
}
