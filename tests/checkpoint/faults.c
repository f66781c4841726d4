/* faults.c - every system call that writes a chain fails in its turn, or is the last one before the process
 * dies or the machine loses power: what is restored is always one whole checkpoint, and none that was
 * reported as made is missing; what failed is in the next one. */
#define _GNU_SOURCE
#include "config.h"
#include "../tap.h"
#include "disk.h"
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 200, STEPS = 6 };

static size_t page;
static uint64_t seed, draws;
static char *memory, *moment[STEPS + 2];   /* what it is at each step, known beforehand */
static char *directory;
static struct ww_chain_options options;
static _Atomic uint64_t *reported;         /* shared with the child: the newest that was reported as made */

static void
step(char *bytes, uint64_t number)
{
  uint64_t state = seed ^ number * 0x9e3779b97f4a7c15u;
  /* So much in a row does not go through the buffer, but to the disk by itself. */
  for (size_t word = 0; word < PAGES / 2 * page / 8; word++)
    ((uint64_t *)(void *)bytes)[word] = tap_random(&state);
  for (int i = 0; i < 9; i++) {
    char *at = bytes + tap_random(&state) % PAGES * page;
    if (i == 0)
      memset(at, 0, page);
    else
      for (size_t word = 0; word < page / 8; word += i % 2 ? 1 : 64)
        ((uint64_t *)(void *)at)[word] = tap_random(&state);
  }
}

static void
foresee(void)
{
  memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  reported = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (uint64_t i = 0; i < STEPS + 2; i++) {
    moment[i] = calloc(PAGES, page);
    if (i > 0)
      memcpy(moment[i], moment[i - 1], PAGES * page);
    step(moment[i], i);
  }
}

static bool
open_scene(ww_chain **chain, ww_tracker **tracker)
{
  memcpy(memory, moment[0], PAGES * page);
  return ww_chain_open(chain, directory, &options) == 0 && ww_tracker_create(tracker, NULL) == 0
    && ww_region_add(*tracker, "state", memory, PAGES * page, NULL) == 0 && ww_start(*tracker) == 0;
}

/* Checkpoint number i holds moment i - 1. */
static bool
save(ww_chain *chain, ww_tracker *tracker, uint64_t number)
{
  if (number > 1)
    step(memory, number - 1);
  ww_chain_label(chain, number);
  return ww_checkpoint(chain, tracker, NULL) == 0;
}

/* The newest is one of first .. last, by its label, and is what the memory was. 0 if not. */
static uint64_t
restored(uint64_t first, uint64_t last)
{
  struct ww_chain_options reading = WW_CHAIN_OPTIONS_INIT;
  struct found found;
  ww_chain *chain;
  reading.flags = WW_CHAIN_READ_ONLY;
  int error = ww_chain_open(&chain, directory, &reading);
  if (!error)
    error = found_restore(&found, chain, 0);
  if (error) {
    if (first > 0 || error != -ENODATA)
      printf("# restore: %s\n", ww_chain_error());
    ww_chain_close(chain);
    return first == 0 && error == -ENODATA;
  }
  uint64_t label = found.info.label;
  bool right = label >= first && label <= last && found.count == 1
    && memcmp(found.region[0].memory, moment[label - 1], PAGES * page) == 0;
  if (!right)
    printf("# restored %llu, of %llu to %llu wanted\n", (unsigned long long)label, (unsigned long long)first,
           (unsigned long long)last);
  found_free(&found);
  ww_chain_close(chain);
  return right ? label : 0;
}

static bool
is_tidy(void)
{
  DIR *names = opendir(directory);
  bool tidy = names != NULL;
  for (struct dirent *entry; names && (entry = readdir(names)) != NULL; )
    if (strstr(entry->d_name, ".new"))
      tidy = false;
  closedir(names);
  return tidy;
}

/* ------------------------------------------------------------------- errors */

/* Three checkpoints, one that meets the fault, and two more. */
static bool
meet_fault(const struct disk_fault *fault)
{
  ww_chain *chain;
  ww_tracker *tracker;
  bool good = open_scene(&chain, &tracker);
  for (uint64_t i = 1; i <= 3 && good; i++)
    good = save(chain, tracker, i);
  disk_break(fault);
  bool made = save(chain, tracker, 4);
  disk_break(NULL);
  if (made && fault->how == DISK_FAILS && fault->call != DISK_REMOVE && fault->call != DISK_READ
      && fault->call != DISK_OPEN && !options.keep)
    good = false, printf("# it was made all the same\n");
  if (!made && fault->how != DISK_FAILS)
    good = false, printf("# %s\n", ww_chain_error());
  /* One that was called a failure may be there, if it could not be taken back. */
  good = good && restored(made ? 4 : 3, 4) && is_tidy();
  for (uint64_t i = 5; i <= STEPS && good; i++)
    good = save(chain, tracker, i) && restored(i, i);
  ww_tracker_destroy(tracker);
  ww_chain_close(chain);
  return good;
}

/* How often each is called by the checkpoint that will meet the fault. */
static void
count_calls(unsigned calls[DISK_CALLS])
{
  ww_chain *chain;
  ww_tracker *tracker;
  directory = place_make();
  if (!open_scene(&chain, &tracker))
    abort();
  for (uint64_t i = 1; i <= 3; i++)
    save(chain, tracker, i);
  disk_break(NULL);
  save(chain, tracker, 4);
  for (int i = 0; i < DISK_CALLS; i++)
    calls[i] = disk_count((enum disk_call)i);
  ww_tracker_destroy(tracker);
  ww_chain_close(chain);
  place_remove(directory);
  free(directory);
}

static bool
can_be(enum disk_how how, int call)
{
  return how == DISK_SHORT ? call == DISK_WRITE || call == DISK_READ
    : how == DISK_INTERRUPTED ? call != DISK_RENAME && call != DISK_REMOVE : true;
}

static void
try_errors(const char *what, enum disk_how how, int error, bool for_good)
{
  unsigned met = 0, wrong = 0, calls[DISK_CALLS];
  count_calls(calls);
  for (int call = 0; call < DISK_CALLS; call++)
    for (unsigned number = 0; number < calls[call] && can_be(how, call); number++) {
      struct disk_fault fault = { .call = (enum disk_call)call, .number = number, .how = how, .error = error,
                                  .for_good = for_good };
      directory = place_make();
      if (!meet_fault(&fault)) {
        printf("# %s number %u: %s\n", disk_call_names[call], number, what);
        wrong++;
      }
      place_remove(directory);
      free(directory);
      met++;
    }
  ok(met > 0 && wrong == 0, "%s%s: %u calls in turn, nothing is lost or mixed", what,
     options.keep ? ", compacting" : "", met);
}

/* ------------------------------------------------------------------- deaths */

static _Noreturn void
live_until_death(const struct disk_fault *fault)
{
  ww_chain *chain;
  ww_tracker *tracker;
  disk_break(fault);
  if (!open_scene(&chain, &tracker))
    _exit(1);
  for (uint64_t i = 1; i <= STEPS; i++) {
    if (!save(chain, tracker, i))
      _exit(1);
    atomic_store(reported, i);
  }
  _exit(0);
}

/* What was reported is there, or the one that was being made. */
static void
try_deaths(const char *what, enum disk_how how, unsigned stride)
{
  unsigned met = 0, wrong = 0, ahead = 0;
  for (unsigned number = 0; ; number += 1 + (unsigned)(tap_random(&draws) % stride)) {
    struct disk_fault fault = { .call = DISK_CALLS, .number = number, .how = how, .random = seed + number };
    int status;
    directory = place_make();
    atomic_store(reported, 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
      live_until_death(&fault);
    if (child < 0 || waitpid(child, &status, 0) != child)
      abort();
    uint64_t made = atomic_load(reported);
    if (status != DISK_STATUS << 8 && status != 0)
      wrong++, printf("# call %u: status %#x\n", number, status);
    uint64_t label = restored(made, made + 1);
    ahead += label > made && made > 0;
    if (!label) {
      wrong++;
      printf("# %s before call %u, %llu reported\n", what, number, (unsigned long long)made);
    }
    place_remove(directory);
    free(directory);
    if (status == 0)
      break;
    met++;
  }
  ok(met > 10 && wrong == 0, "%s at %u calls%s: what was reported is there", what, met,
     options.keep ? ", compacting" : "");
  printf("# %u times one more than was reported\n", ahead);
}

static void
try_all(unsigned stride)
{
  try_errors("EIO", DISK_FAILS, EIO, false);
  try_errors("ENOSPC from then on", DISK_FAILS, ENOSPC, true);
  try_errors("short", DISK_SHORT, 0, false);
  try_errors("interrupted", DISK_INTERRUPTED, 0, false);
  try_deaths("death", DISK_DEAD, stride);
  try_deaths("loss of power", DISK_POWER, stride);
}

int
main(int argc, char **argv)
{
  unsigned stride = argc > 2 ? (unsigned)atoi(argv[2]) : 2;
  page = (size_t)sysconf(_SC_PAGESIZE);
  seed = tap_seed(argc, argv, (uint64_t)time(NULL));
  draws = seed;
  options = (struct ww_chain_options)WW_CHAIN_OPTIONS_INIT;
  foresee();
  try_all(stride);
  options.keep = 2;
  options.level = 1;
  options.flags = WW_CHAIN_BYTES;
  try_all(stride);
  return tap_done();
}
