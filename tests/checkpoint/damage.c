/* damage.c - bits are turned and files cut, at every class of offset; reads fail. What is restored is always
 * a whole checkpoint, of the newest that can be had; memory that is restored in place is not touched
 * before. */
#define _GNU_SOURCE
#include "config.h"
#include "../tap.h"
#include "disk.h"
#include "place.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 24, LAST = 4, NAMES = 2 };

static size_t page;
static uint64_t state;
static char *directory, *memory[NAMES], *moment[LAST + 1][NAMES];
static struct { char *bytes; size_t length; } file[LAST + 1];
static unsigned skipped;

static void
change(char *bytes)
{
  for (int i = 0; i < 5; i++) {
    char *at = bytes + tap_random(&state) % PAGES * page;
    switch (i) {
      case 0:
        memset(at, 0, page);
        break;
      case 1:
        at[tap_random(&state) % page] ^= 1;
        break;
      default:
        memset(at, (int)tap_random(&state), page / 2);
        for (size_t word = 0; word < 32; word++)
          ((uint64_t *)(void *)at)[word] = tap_random(&state);
    }
  }
}

static void
build(int level, unsigned flags)
{
  struct ww_chain_options options = WW_CHAIN_OPTIONS_INIT;
  ww_tracker *tracker;
  ww_chain *chain;
  options.level = level;
  options.flags = flags | WW_CHAIN_NO_SYNC;
  directory = place_make();
  bool good = ww_chain_open(&chain, directory, &options) == 0 && ww_tracker_create(&tracker, NULL) == 0;
  for (int i = 0; i < NAMES && good; i++) {
    memory[i] = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    change(memory[i]);
    good = ww_region_add(tracker, i ? "second" : "first", memory[i], PAGES * page, NULL) == 0;
  }
  good = good && ww_start(tracker) == 0;
  for (int step = 1; step <= LAST && good; step++) {
    for (int i = 0; i < NAMES; i++) {
      if (step > 1)
        change(memory[i]);
      moment[step][i] = memcpy(malloc(PAGES * page), memory[i], PAGES * page);
    }
    good = ww_checkpoint(chain, tracker, NULL) == 0;
    if (good)
      file[step].bytes = place_read(place_file(directory, (unsigned)step), &file[step].length);
  }
  if (!good)
    ok(false, "a chain: %s %s", ww_chain_error(), ww_last_error());
  ww_tracker_destroy(tracker);
  ww_chain_close(chain);
}

static void
pull_down(void)
{
  for (int step = 1; step <= LAST; step++) {
    free(file[step].bytes);
    for (int i = 0; i < NAMES; i++)
      free(moment[step][i]);
  }
  for (int i = 0; i < NAMES; i++)
    munmap(memory[i], PAGES * page);
  place_remove(directory);
  free(directory);
}

static void
count_note(void *context, const char *text)
{
  (void)context;
  skipped += strstr(text, "is skipped: ") != NULL && text[strlen(text) - 1] != ' ';
}

/* What a restore gives: a generation, or a negative error; -1000: something wrong. */
static int
look(uint64_t generation)
{
  struct ww_chain_options options = WW_CHAIN_OPTIONS_INIT;
  struct found found;
  ww_chain *chain;
  options.flags = WW_CHAIN_READ_ONLY;
  options.note = count_note;
  skipped = 0;
  if (ww_chain_open(&chain, directory, &options) != 0)
    return -1000;
  int error = found_restore(&found, chain, generation), result = error;
  if (!error) {
    uint64_t step = found.info.generation;
    result = step < 1 || step > LAST || found.count != NAMES
      || (generation ? step != generation : found.info.skipped != LAST - step || skipped != LAST - step)
      ? -1000 : (int)step;
    for (int i = 0; i < NAMES && result > 0; i++)
      if (memcmp(found.region[i].memory, moment[step][strcmp(found.region[i].name, "second") == 0],
                 PAGES * page) != 0)
        result = -1000;
    found_free(&found);
  }
  ww_chain_close(chain);
  return result;
}

/* Into memory that is there: it is as it was, or as it should be. */
static bool
in_place_is_right(int expected)
{
  struct ww_chain_options options = WW_CHAIN_OPTIONS_INIT;
  struct ww_restore_info info = { .size = sizeof info };
  ww_chain *chain;
  options.flags = WW_CHAIN_READ_ONLY;
  if (ww_chain_open(&chain, directory, &options) != 0)
    return false;
  for (int i = 0; i < NAMES; i++)
    memset(memory[i], 0x5a, PAGES * page);
  int error = ww_chain_restore(chain, NULL, &info);
  bool right = error ? error == expected : expected == (int)info.generation;
  for (int i = 0; i < NAMES && right; i++)
    for (size_t at = 0; at < PAGES * page && right; at++)
      right = memory[i][at] == (error ? 0x5a : moment[info.generation][i][at]);
  ww_chain_close(chain);
  return right;
}

/* ------------------------------------------------------------------ on disk */

/* The newest is damaged: what comes is the one before, exactly. An older one: anything that is right. */
static bool
is_right(int step, int result)
{
  if (step == LAST)
    return result == LAST - 1;
  return (result >= 1 && result <= LAST) || result == -EBADMSG;
}

static void
overwrite(int step, const void *bytes, size_t length)
{
  place_write(place_file(directory, (unsigned)step), bytes, length);
}

/* Each byte of what is no block, and some of those. */
static void
try_flips(const char *what, size_t stride)
{
  unsigned turned = 0, wrong = 0, in_place = 0;
  for (int step = LAST; step >= 1; step -= LAST - 1) {
    struct { uint64_t tables; } trailer;
    memcpy(&trailer, file[step].bytes + file[step].length - 80, sizeof trailer);
    for (size_t at = 0; at < file[step].length; at++) {
      bool block = at >= 128 && at < trailer.tables;
      if (block && tap_random(&state) % stride)
        continue;
      char before = file[step].bytes[at];
      file[step].bytes[at] = (char)(before ^ 1 << tap_random(&state) % 8);
      overwrite(step, file[step].bytes, file[step].length);
      int result = look(0);
      bool good = is_right(step, result);
      if (good && turned % 16 == 0 && ++in_place)
        good = in_place_is_right(result);
      if (!good && wrong++ < 5)
        printf("# file %d, byte %zu: %d\n", step, at, result);
      file[step].bytes[at] = before;
      turned++;
    }
    overwrite(step, file[step].bytes, file[step].length);
  }
  ok(turned > 1000 && wrong == 0 && look(0) == LAST, "%s: %u bits turned, none unnoticed, nothing mixed",
     what, turned);
  ok(in_place > 10, "%s: %u times into memory that is there", what, in_place);
}

static void
try_cuts(const char *what, size_t stride)
{
  unsigned cut = 0, wrong = 0;
  for (int step = LAST; step >= 1; step -= LAST - 1) {
    for (size_t length = 0; length < file[step].length; length += 1 + tap_random(&state) % stride) {
      overwrite(step, file[step].bytes, length);
      int result = look(0);
      if (!is_right(step, result) || (step == 1 && result != -EBADMSG)) {
        wrong++;
        printf("# file %d cut to %zu: %d\n", step, length, result);
      }
      cut++;
    }
    /* And longer than it was. */
    char *longer = calloc(1, file[step].length + page);
    memcpy(longer, file[step].bytes, file[step].length);
    overwrite(step, longer, file[step].length + page);
    wrong += !is_right(step, look(0));
    free(longer);
    overwrite(step, file[step].bytes, file[step].length);
  }
  ok(cut > 20 && wrong == 0, "%s: cut at %u lengths", what, cut);
}

static void
try_strangers(void)
{
  char aside[4096], last[4096];
  strcpy(last, place_file(directory, LAST));
  overwrite(LAST, file[2].bytes, file[2].length);
  ok(look(0) == LAST - 1, "a checkpoint under another's name is not taken for it");
  snprintf(aside, sizeof aside, "%s/other", directory);
  place_write(aside, file[LAST].bytes, file[LAST].length);
  unlink(last);
  ok(symlink(aside, last) == 0 && look(0) == LAST - 1, "a link is not followed");
  unlink(last);
  ok(mkfifo(last, 0600) == 0 && look(0) == LAST - 1, "a pipe is not waited for");
  unlink(last);
  ok(mkdir(last, 0700) == 0 && look(0) == LAST - 1, "a directory is no checkpoint");
  rmdir(last);
  overwrite(LAST, file[LAST].bytes, file[LAST].length);
  unlink(place_file(directory, LAST - 1));
  ok(look(LAST) == -EBADMSG && look(2) == 2, "without its parent one cannot be had");
  overwrite(LAST - 1, file[LAST - 1].bytes, file[LAST - 1].length);
  ok(look(0) == LAST && look(2) == 2 && look(99) == -ENOENT, "and with it, it can");
}

/* -------------------------------------------------------------------- reads */

static void
try_reads(const char *what, enum disk_how how, int error)
{
  unsigned met = 0, wrong = 0;
  for (unsigned number = 0; ; number++) {
    struct disk_fault fault = { .call = DISK_READ, .number = number, .how = how, .error = error };
    disk_break(&fault);
    int result = look(0);
    bool happened = disk_has_failed();
    disk_break(NULL);
    if (!happened)
      break;
    met++;
    if (how == DISK_FAILS ? !(result >= 1 && result <= LAST) && result != -EBADMSG : result != LAST) {
      wrong++;
      printf("# %s at read %u: %d\n", what, number, result);
    }
  }
  ok(met > 8 && wrong == 0, "%s: at each of %u reads", what, met);
}

/* The second reading, into the memory, fails: this must be said. */
static void
try_change_of_mind(void)
{
  unsigned eio = 0, wrong = 0;
  for (unsigned number = 0; ; number++) {
    struct disk_fault fault = { .call = DISK_READ, .number = number, .how = DISK_FAILS, .error = EIO,
                                .for_good = true };
    struct ww_chain_options options = WW_CHAIN_OPTIONS_INIT;
    struct ww_restore_info info = { .size = sizeof info };
    ww_chain *chain;
    options.flags = WW_CHAIN_READ_ONLY;
    if (ww_chain_open(&chain, directory, &options) != 0)
      abort();
    for (int i = 0; i < NAMES; i++)
      memset(memory[i], 0x5a, PAGES * page);
    disk_break(&fault);
    int error = ww_chain_restore(chain, NULL, &info);
    bool happened = disk_has_failed();
    disk_break(NULL);
    ww_chain_close(chain);
    if (!happened)
      break;
    bool touched = false;
    for (int i = 0; i < NAMES; i++)
      for (size_t at = 0; at < PAGES * page; at++)
        touched |= memory[i][at] != 0x5a;
    eio += error == -EIO;
    wrong += error == 0 || (touched && error != -EIO);
  }
  ok(eio > 0 && wrong == 0, "a disk that errs after all was verified: said, %u times", eio);
}

static void
try_all(const char *what, int level, unsigned flags, size_t stride)
{
  build(level, flags);
  ok(look(0) == LAST && in_place_is_right(LAST), "%s: sound", what);
  try_flips(what, stride);
  try_cuts(what, stride);
  try_strangers();
  try_reads("EIO", DISK_FAILS, EIO);
  try_reads("short", DISK_SHORT, 0);
  try_reads("interrupted", DISK_INTERRUPTED, 0);
  try_change_of_mind();
  pull_down();
}

int
main(int argc, char **argv)
{
  size_t stride = argc > 2 ? (size_t)atoi(argv[2]) : 120;
  page = (size_t)sysconf(_SC_PAGESIZE);
  state = tap_seed(argc, argv, (uint64_t)time(NULL));
  try_all("raw", 0, 0, stride);
  try_all("packed, changed bytes", 3, WW_CHAIN_BYTES, stride);
  return tap_done();
}
