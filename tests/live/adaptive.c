/* adaptive.c - what the adaptive policy returns, a thread and a pattern of writes at a time: what
 * changed and nothing else, with the right evidence; pages that are given up trap again; and what memory that
 * takes. Linked with --wrap=cost_of, so that it does the same everywhere. */
#define _GNU_SOURCE
#include "config.h"
#include "../tap.h"
#include "cost.h"
#include "pattern.h"
#include "policy.h"
#include "writewatch.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { EPOCHS = 45, PAGES = PATTERN_PAGES };

struct cost __wrap_cost_of(enum ww_engine engine);

struct cost
__wrap_cost_of(enum ww_engine engine)
{
  (void)engine;
  return (struct cost){ .trap = 5000, .split = 5000, .verify = 200 };
}

static char *memory;
static size_t page_size;
static uint64_t seed, state;
static ww_tracker *tracker;
static bool silently;                 /* every third write is of the same bytes */
static bool wrote[PAGES], changed[PAGES];

static void
write_page(size_t page)
{
  volatile uint64_t *word = (void *)(memory + page * page_size + tap_random(&state) % (page_size / 8) * 8);
  bool same = silently && tap_random(&state) % 3 == 0;
  wrote[page] = true;
  changed[page] |= !same;
  *word = *word + !same;
}

static ww_region *
begin(void *at, size_t length)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_region *region;
  options.engine = WW_ENGINE_MPROTECT;
  options.policy = WW_POLICY_ADAPTIVE;
  if (ww_tracker_create(&tracker, &options) || ww_region_add(tracker, "adaptive", at, length, &region)
      || ww_start(tracker)) {
    printf("Bail out! %s\n", ww_last_error());
    exit(1);
  }
  return region;
}

static ww_dirty *
collect(void)
{
  ww_dirty *dirty;
  if (ww_collect(tracker, &dirty)) {
    printf("Bail out! %s\n", ww_last_error());
    exit(1);
  }
  return dirty;
}

static struct ww_stats
figures(void)
{
  struct ww_stats stats = { .size = sizeof stats };
  ww_tracker_stats(tracker, &stats);
  return stats;
}

struct wrong { size_t lost, invented, evidence; };

/* Against what is known of the epoch, which is forgotten. */
static void
compare(struct wrong *wrong)
{
  ww_dirty *dirty = collect();
  struct ww_writer writer;
  size_t count;
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < count; i++)
    for (size_t page = (size_t)((char *)run[i].address - memory) / page_size,
           end = page + run[i].length / page_size; page < end; page++) {
      bool is_known = !ww_dirty_writer(dirty, memory + page * page_size, &writer);
      switch (run[i].evidence) {
      case WW_TRAPPED:
        wrong->invented += !wrote[page];
        wrong->evidence += !is_known || writer.thread != gettid();
        break;
      case WW_VERIFIED:
        wrong->invented += !changed[page];
        wrong->evidence += is_known;
        break;
      default:
        wrong->evidence++;
      }
      changed[page] = false;
    }
  for (size_t page = 0; page < PAGES; page++)
    wrong->lost += changed[page];
  memset(wrote, 0, sizeof wrote);
  memset(changed, 0, sizeof changed);
  ww_dirty_free(dirty);
}

static void
try_pattern(const struct pattern *pattern)
{
  struct wrong wrong = { 0, 0, 0 };
  uint64_t most = 0;
  uint64_t writes = seed;
  begin(memory, PAGES * page_size);
  for (unsigned epoch = 0; epoch < EPOCHS; epoch++) {
    pattern->epoch(epoch, &writes, write_page);
    compare(&wrong);
    most = figures().kept_pages > most ? figures().kept_pages : most;
  }
  struct ww_stats stats = figures();
  ok(!wrong.lost && !wrong.invented && !wrong.evidence, "%s%s: %zu lost, %zu invented, %zu of wrong "
     "evidence; %llu faults, at most %llu kept, %llu opened ahead, %llu unchanged",
     pattern->name, silently ? ", with silent stores" : "",
     wrong.lost, wrong.invented, wrong.evidence, (unsigned long long)stats.faults, (unsigned long long)most,
     (unsigned long long)stats.ahead_pages, (unsigned long long)stats.unchanged_pages);
  ww_tracker_destroy(tracker);
}

static void
write_all(size_t count)
{
  for (size_t page = 0; page < count; page++)
    write_page(page);
}

/* The sweep's pages are kept, then idle, then trap one after the other. */
static void
try_giving_up(void)
{
  struct wrong wrong = { 0, 0, 0 };
  begin(memory, PAGES * page_size);
  for (unsigned epoch = 0; epoch < 10; epoch++) {
    write_all(64);
    compare(&wrong);
  }
  ok(figures().kept_pages >= 64, "written each time: %llu pages are kept",
     (unsigned long long)figures().kept_pages);
  uint64_t unchanged = figures().unchanged_pages;
  for (size_t page = 0; page < 64; page++)
    *(volatile char *)(memory + page * page_size) = *(volatile char *)(memory + page * page_size);
  ww_dirty *dirty = collect();
  ok(!ww_dirty_pages(dirty) && figures().unchanged_pages >= unchanged + 64,
     "silent stores to kept pages are dropped, and counted: %llu",
     (unsigned long long)(figures().unchanged_pages - unchanged));
  ww_dirty_free(dirty);
  unsigned idle = 0;
  for (; idle < 100 && figures().kept_pages; idle++)
    compare(&wrong);
  ok(!figures().kept_pages, "idle: given up after %u epochs", idle);
  compare(&wrong);            /* in which they are still open */
  uint64_t verified = figures().verified_pages;
  compare(&wrong);
  ok(figures().verified_pages == verified, "then nothing is verified any more");
  uint64_t faults = figures().faults;
  for (size_t page = 0; page < 64; page += 16)
    write_page(page);
  dirty = collect();
  ok(ww_dirty_count(dirty, WW_TRAPPED) == 4 && ww_dirty_writers(dirty) == 4 && figures().faults == faults + 4,
     "and they trap again");
  ww_dirty_free(dirty);
  memset(changed, 0, sizeof changed);
  /* Written in the very epoch in which they are given up. */
  for (unsigned epoch = 0; epoch < 10; epoch++) {
    write_all(64);
    compare(&wrong);
  }
  while (figures().kept_pages)
    compare(&wrong);
  write_all(64);
  compare(&wrong);
  compare(&wrong);
  ok(!wrong.lost && !wrong.invented && !wrong.evidence, "nothing of that lost or invented");
  ww_tracker_destroy(tracker);
}

/* Bytes of it that take memory. */
static size_t
resident(const void *start, size_t length)
{
  static unsigned char present[1 << 16];
  uintptr_t from = (uintptr_t)start & ~(page_size - 1), to = (uintptr_t)start + length;
  size_t found = 0;
  for (size_t here; from < to; from += here) {
    size_t rest = (to - from + page_size - 1) / page_size;
    here = (rest < sizeof present ? rest : sizeof present) * page_size;
    if (mincore((void *)from, here, present))
      return SIZE_MAX;
    for (size_t i = 0; i < here / page_size; i++)
      found += (present[i] & 1) * page_size;
  }
  return found;
}

static void
try_memory(void)
{
  size_t length = (size_t)256 << 20, pages = length / page_size;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  char *large = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);
  const ww_region *region = begin(large, length);
  ww_dirty_free(collect());
  size_t idle = resident(region->policy, policy_size(pages))
    + resident(region->hashes, 2 * pages * sizeof *region->hashes);
  ok(idle < 64 * 1024, "never written: %zu bytes for %zu pages", idle, pages);
  for (unsigned epoch = 0; epoch < 4; epoch++) {
    for (size_t page = 0; page < pages; page++)
      ++*(volatile uint64_t *)(void *)(large + page * page_size);
    ww_dirty_free(collect());
  }
  size_t policy = resident(region->policy, policy_size(pages));
  size_t hashes = resident(region->hashes, 2 * pages * sizeof *region->hashes);
  uint64_t kept = figures().kept_pages;
  ok(kept == pages && policy + hashes <= 24 * kept, "all of %zu pages kept: %.1f bytes a page, and %.1f for "
     "what is opened ahead", pages, (double)policy / (double)kept, (double)hashes / (double)kept);
  ww_tracker_destroy(tracker);
  munmap(large, length);
}

int
main(int argc, char **argv)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  seed = state = tap_seed(argc, argv, (uint64_t)now.tv_nsec);
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  memory = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int round = 0; round < 2; round++, silently = true) {
    for (size_t i = 0; i < patterns_count; i++)
      try_pattern(&patterns[i]);
    for (size_t i = 0; i < traps_count; i++)
      try_pattern(&traps[i]);
  }
  silently = false;
  try_giving_up();
  try_memory();
  return tap_done();
}
