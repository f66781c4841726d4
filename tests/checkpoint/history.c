/* history.c - regions are written to at random, come, go and grow; each checkpoint is compared with what the
 * memory was when it was made, whatever is done to the chain meanwhile. */
#define _GNU_SOURCE
#include "config.h"
#include "../tap.h"
#include "place.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { REGIONS = 4, PAGES_MOST = 700, CHECKPOINTS = 24 };

static size_t page;
static uint64_t state;
static char *directory;

struct living {
  char       name[16];
  char      *memory;
  size_t     pages;
  ww_region *region;
};

struct moment {              /* what the memory was */
  size_t count;
  struct { char name[16]; size_t length; char *bytes; } region[REGIONS];
};

struct world {
  ww_tracker *tracker;
  ww_chain   *chain;
  struct ww_chain_options options;
  struct living living[REGIONS];
  struct moment moment[CHECKPOINTS + 1];     /* by generation */
  unsigned names;
};

static uint64_t
draw(uint64_t below)
{
  return tap_random(&state) % below;
}

static char *
map(size_t pages)
{
  char *memory = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    abort();
  return memory;
}

/* ------------------------------------------------------------------ regions */

static void
begin_living(struct world *world, struct living *living)
{
  snprintf(living->name, sizeof living->name, "r%u", world->names++);
  living->pages = 1 + draw(PAGES_MOST);
  living->memory = map(living->pages);
  if (ww_region_add(world->tracker, living->name, living->memory, living->pages * page, &living->region))
    ok(false, "region: %s", ww_last_error());
}

static void
end_living(struct living *living)
{
  ww_region_remove(living->region);
  munmap(living->memory, living->pages * page);
  living->memory = NULL;
}

/* The same name, another length, perhaps another place; written to while nobody watches. */
static void
resize_living(struct world *world, struct living *living)
{
  size_t pages = 1 + draw(PAGES_MOST), both = pages < living->pages ? pages : living->pages;
  char *memory = map(pages);
  memcpy(memory, living->memory, both * page);
  ww_region_remove(living->region);
  munmap(living->memory, living->pages * page);
  memory[draw(pages * page)] ^= 1;
  living->memory = memory;
  living->pages = pages;
  if (ww_region_add(world->tracker, living->name, memory, pages * page, &living->region))
    ok(false, "region: %s", ww_last_error());
}

/* Removed, written to, and added again: the tracker has seen nothing of it. */
static void
blink_living(struct world *world, struct living *living)
{
  ww_region_remove(living->region);
  living->memory[draw(living->pages * page)] ^= 1;
  if (ww_region_add(world->tracker, living->name, living->memory, living->pages * page, &living->region))
    ok(false, "region: %s", ww_last_error());
}

static void
write_somewhere(const struct living *living)
{
  for (uint64_t i = draw(60); i > 0; i--) {
    char *at = living->memory + draw(living->pages) * page;
    switch (draw(5)) {
      case 0:                /* a few bytes */
        at[draw(page)] ^= (char)(1 + draw(255));
        break;
      case 1:                /* what was there */
        at[draw(page)] ^= 0;
        *(volatile char *)at = *at;
        break;
      case 2:
        memset(at, 0, page);
        break;
      case 3:                /* what packs well */
        memset(at, (int)draw(256), page);
        break;
      default:
        for (size_t word = 0; word < page / 8; word++)
          ((uint64_t *)(void *)at)[word] = tap_random(&state);
    }
  }
}

static void
live(struct world *world)
{
  for (int i = 0; i < REGIONS; i++) {
    struct living *living = &world->living[i];
    uint64_t what = draw(24);
    if (!living->memory) {
      if (what < 12)
        begin_living(world, living);
      continue;
    }
    if (what == 0)
      end_living(living);
    else if (what >= 20)
      resize_living(world, living);
    else if (what == 2)
      blink_living(world, living);
    if (living->memory && what < 16)
      write_somewhere(living);
  }
}

/* ------------------------------------------------------------------ moments */

static void
keep_moment(const struct world *world, struct moment *moment)
{
  for (int i = 0; i < REGIONS; i++) {
    const struct living *living = &world->living[i];
    if (!living->memory)
      continue;
    size_t length = living->pages * page, at = moment->count++;
    strcpy(moment->region[at].name, living->name);
    moment->region[at].length = length;
    moment->region[at].bytes = memcpy(malloc(length), living->memory, length);
  }
}

static bool
is_moment(const struct moment *moment, const struct found *found)
{
  if (moment->count != found->count)
    return printf("# %zu regions, not %zu\n", found->count, moment->count), false;
  for (size_t i = 0; i < found->count; i++) {
    size_t j = 0;
    while (j < moment->count && strcmp(moment->region[j].name, found->region[i].name) != 0)
      j++;
    if (j == moment->count || moment->region[j].length != found->region[i].length)
      return printf("# region %s is not as long as it was\n", found->region[i].name), false;
    for (size_t at = 0; at < found->region[i].length; at++)
      if (moment->region[j].bytes[at] != found->region[i].memory[at])
        return printf("# region %s differs at byte %zu\n", found->region[i].name, at), false;
  }
  return true;
}

static bool
has(struct world *world, uint64_t generation, uint64_t named)
{
  struct found found;
  int error = found_restore(&found, world->chain, named);
  if (error)
    return printf("# generation %llu: %s\n", (unsigned long long)generation, ww_chain_error()), false;
  bool right = found.info.generation == generation && is_moment(&world->moment[generation], &found);
  if (!right)
    printf("# generation %llu\n", (unsigned long long)generation);
  found_free(&found);
  return right;
}

static int
count_entry(void *context, const struct ww_chain_entry *entry)
{
  uint64_t *first = context;
  if (*first == 0)
    *first = entry->generation;
  return 0;
}

/* Every checkpoint that is there: from the first one on. */
static bool
has_all(struct world *world, uint64_t newest)
{
  uint64_t first = 0;
  if (ww_chain_verify(world->chain, count_entry, &first) != 0)
    return printf("# %s\n", ww_chain_error()), false;
  for (uint64_t generation = first; generation <= newest; generation++)
    if (!has(world, generation, generation))
      return false;
  return has(world, newest, 0);
}

/* -------------------------------------------------------------------- trial */

static void
note(void *context, const char *text)
{
  (void)context;
  printf("# note: %s\n", text);
}

static void
open_chain(struct world *world)
{
  world->options.note = note;
  if (ww_chain_open(&world->chain, directory, &world->options) != 0)
    ok(false, "open: %s", ww_chain_error());
}

static void
reopen(struct world *world)
{
  ww_chain_close(world->chain);
  open_chain(world);
}

static void
start_tracker(struct world *world, enum ww_policy policy)
{
  struct ww_options options = WW_OPTIONS_INIT;
  options.policy = policy;
  if (ww_tracker_create(&world->tracker, &options) != 0)
    ok(false, "tracker: %s", ww_last_error());
  begin_living(world, &world->living[0]);
  if (ww_start(world->tracker) != 0)
    ok(false, "start: %s", ww_last_error());
}

/* Somebody else collects, or stops the tracker: what it saw is gone, and the chain must notice. */
static void
interfere(struct world *world)
{
  ww_dirty *dirty;
  if (draw(2)) {
    if (ww_collect(world->tracker, &dirty) == 0)
      ww_dirty_free(dirty);
  } else {
    ww_stop(world->tracker);
    for (int i = 0; i < REGIONS; i++)
      if (world->living[i].memory)
        write_somewhere(&world->living[i]);
    ww_start(world->tracker);
  }
}

static void
end_world(struct world *world)
{
  ww_chain_close(world->chain);
  ww_tracker_destroy(world->tracker);
  for (int i = 0; i < REGIONS; i++)
    if (world->living[i].memory)
      munmap(world->living[i].memory, world->living[i].pages * page);
  for (int i = 0; i <= CHECKPOINTS; i++)
    for (size_t j = 0; j < world->moment[i].count; j++)
      free(world->moment[i].region[j].bytes);
}

static void
try_options(const char *what, unsigned flags, int level, unsigned keep, enum ww_policy policy)
{
  struct world world = { .options = WW_CHAIN_OPTIONS_INIT };
  struct ww_checkpoint_info info = { .size = sizeof info };
  bool good = true;
  world.options.flags = flags;
  world.options.level = level;
  world.options.keep = keep;
  directory = place_make();
  open_chain(&world);
  start_tracker(&world, policy);
  for (uint64_t i = 1; i <= CHECKPOINTS && good; i++) {
    live(&world);
    if (draw(6) == 0)
      interfere(&world);
    keep_moment(&world, &world.moment[i]);
    good = ww_checkpoint(world.chain, world.tracker, &info) == 0;
    if (!good)
      printf("# checkpoint: %s\n", ww_chain_error());
    good = good && info.generation == i && (i == 1) == (info.parent == 0 && i == 1);
    switch (good ? draw(8) : 8) {
      case 0:
        good = has(&world, i, 0);
        break;
      case 1:
        reopen(&world);      /* the next one is a full image */
        break;
      case 2:                /* the next one is a delta to what was restored, which the memory is */
        reopen(&world);
        good = has(&world, i, 0);
        break;
      case 3:
        if (!keep)
          good = ww_chain_compact(world.chain, 1 + (unsigned)draw(6)) == 0;
        break;
    }
  }
  reopen(&world);            /* the thread that compacts has ended by then */
  ok(good && has_all(&world, CHECKPOINTS), "%s: every checkpoint is the memory as it was then", what);
  end_world(&world);
  place_remove(directory);
  free(directory);
}

int
main(int argc, char **argv)
{
  page = (size_t)sysconf(_SC_PAGESIZE);
  state = tap_seed(argc, argv, (uint64_t)time(NULL));
  try_options("raw", WW_CHAIN_NO_SYNC, 0, 0, WW_POLICY_TRAP);
  try_options("packed", WW_CHAIN_NO_SYNC, 3, 0, WW_POLICY_TRAP);
  try_options("changed bytes", WW_CHAIN_NO_SYNC | WW_CHAIN_BYTES, 0, 0, WW_POLICY_TRAP);
  try_options("changed bytes, packed", WW_CHAIN_NO_SYNC | WW_CHAIN_BYTES, -5, 0, WW_POLICY_ADAPTIVE);
  try_options("every page that was written", WW_CHAIN_NO_SYNC | WW_CHAIN_EVERY_PAGE, 0, 0,
              WW_POLICY_ADAPTIVE);
  try_options("past the page cache", WW_CHAIN_DIRECT | WW_CHAIN_NO_SYNC, 1, 0, WW_POLICY_TRAP);
  try_options("five are kept", WW_CHAIN_NO_SYNC, 0, 5, WW_POLICY_ADAPTIVE);
  try_options("five are kept, by a thread", WW_CHAIN_NO_SYNC | WW_CHAIN_BACKGROUND | WW_CHAIN_BYTES, 1, 5,
              WW_POLICY_TRAP);
  return tap_done();
}
