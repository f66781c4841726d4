/* options.c - what a chain promises beside the bits: one writer, limits, hooks, places, parts that cannot be
 * read; and what it says when asked for what cannot be. */
#define _GNU_SOURCE
#include "config.h"
#include "../tap.h"
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 64 };

static size_t page;
static uint64_t state;
static char *directory, *memory;
static ww_tracker *tracker;
static ww_chain *chain;
static struct ww_chain_options options;
static char said[512];

static void
note(void *context, const char *text)
{
  (void)context;
  snprintf(said, sizeof said, "%s", text);
}

static void
scribble(size_t first, size_t count)
{
  for (size_t word = first * page / 8; word < (first + count) * page / 8; word++)
    ((uint64_t *)(void *)memory)[word] = tap_random(&state);
}

static void
begin(void)
{
  directory = place_make();
  memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  scribble(0, PAGES);
  options.note = note;
  if (ww_chain_open(&chain, directory, &options) != 0 || ww_tracker_create(&tracker, NULL) != 0
      || ww_region_add(tracker, "memory", memory, PAGES * page, NULL) != 0 || ww_start(tracker) != 0)
    ok(false, "begin: %s %s", ww_chain_error(), ww_last_error());
}

static void
end(void)
{
  ww_chain_close(chain);
  ww_tracker_destroy(tracker);
  munmap(memory, PAGES * page);
  place_remove(directory);
  free(directory);
  options = (struct ww_chain_options)WW_CHAIN_OPTIONS_INIT;
}

static bool
comes_back(void)
{
  struct found found;
  if (found_restore(&found, chain, 0) != 0)
    return printf("# %s\n", ww_chain_error()), false;
  bool right = found.count == 1 && memcmp(found.region[0].memory, memory, PAGES * page) == 0;
  found_free(&found);
  return right;
}

static int
count_entry(void *context, const struct ww_chain_entry *entry)
{
  unsigned *count = context;
  *count += entry->generation != 0;
  return 0;
}

static unsigned
files(uint64_t *bytes)
{
  unsigned count = 0;
  DIR *names = opendir(directory);
  struct stat status;
  *bytes = 0;
  for (struct dirent *entry; names && (entry = readdir(names)) != NULL; )
    if (strstr(entry->d_name, ".ww") && fstatat(dirfd(names), entry->d_name, &status, 0) == 0) {
      count++;
      *bytes += (uint64_t)status.st_size;
    }
  closedir(names);
  return count;
}

/* ------------------------------------------------------------------- writers */

static int
open_in_child(unsigned flags)
{
  int status;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    struct ww_chain_options other = WW_CHAIN_OPTIONS_INIT;
    ww_chain *second;
    other.flags = flags;
    _exit(-ww_chain_open(&second, directory, &other));
  }
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
try_writers(void)
{
  ww_chain *second;
  int status;
  begin();
  ok(ww_chain_open(&second, directory, NULL) == -EBUSY, "a second writer in this process is refused");
  ok(open_in_child(0) == EBUSY, "and in another");
  ok(open_in_child(WW_CHAIN_READ_ONLY) == 0, "a reader is not");
  ok(ww_checkpoint(chain, tracker, NULL) == 0, "a checkpoint");
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    int error = ww_checkpoint(chain, tracker, NULL);
    ww_chain_close(chain);
    _exit(-error);
  }
  ok(waitpid(child, &status, 0) == child && status == EPERM << 8, "a child's chain is its parent's");
  ok(open_in_child(0) == EBUSY, "which has it still, when the child has closed it");
  ww_chain_close(chain);
  ok(open_in_child(0) == 0 && ww_chain_open(&chain, directory, NULL) == 0, "who has closed it lets others");
  struct ww_chain_options reading = WW_CHAIN_OPTIONS_INIT;
  reading.flags = WW_CHAIN_READ_ONLY;
  ok(ww_chain_open(&second, directory, &reading) == 0 && ww_checkpoint(second, tracker, NULL) == -EROFS
     && ww_chain_compact(second, 1) == -EROFS, "who reads does not write");
  ww_chain_close(second);
  end();
}

/* -------------------------------------------------------------------- limits */

static void
try_limits(void)
{
  struct ww_checkpoint_info info = { .size = sizeof info };
  uint64_t bytes;
  options.limit = (PAGES + 24) * 4096 * (page / 4096);
  begin();
  ok(ww_checkpoint(chain, tracker, &info) == 0 && info.parent == 0 && info.whole_pages == PAGES * page / 4096,
     "a full image fits");
  scribble(0, 30);
  ok(ww_checkpoint(chain, tracker, NULL) == -EDQUOT, "a delta that does not is refused");
  ok(files(&bytes) == 1 && bytes <= options.limit, "and leaves nothing");
  ok(ww_chain_compact(chain, 1) == 0, "compacted");
  scribble(40, 1);
  ok(ww_checkpoint(chain, tracker, NULL) == -EDQUOT, "what was refused is not forgotten");
  memset(memory, 0, 30 * page);
  ok(ww_checkpoint(chain, tracker, &info) == 0 && info.generation == 2 && info.zero_pages == 30 * page / 4096
     && comes_back(), "and saved when it fits");
  end();

  options.keep = 3;
  options.flags = WW_CHAIN_BACKGROUND;
  begin();
  bool bounded = true;
  for (int i = 0; i < 40; i++) {
    scribble((size_t)(i % PAGES), 1);
    bounded = bounded && ww_checkpoint(chain, tracker, &info) == 0;
    bounded = bounded && info.chain_files <= 60;
  }
  ww_chain_close(chain);
  bounded = bounded && ww_chain_open(&chain, directory, &options) == 0;
  for (int i = 0; i < 6; i++) {
    scribble((size_t)(i % PAGES), 1);
    bounded = bounded && ww_checkpoint(chain, tracker, &info) == 0;
  }
  ww_chain_close(chain);
  ok(bounded && files(&bytes) <= 8 && files(&bytes) >= 3, "the last three are kept, by a thread: %u files",
     files(&bytes));
  ok(ww_chain_open(&chain, directory, NULL) == 0 && comes_back() && ww_chain_verify(chain, NULL, NULL) == 0,
     "sound");
  end();

  options.bandwidth = 4 << 20;
  begin();
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  int error = ww_checkpoint(chain, tracker, &info);
  clock_gettime(CLOCK_MONOTONIC, &to);
  double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
  ok(error == 0 && seconds >= 0.9 * (double)info.written / (double)options.bandwidth,
     "no faster than the cap: %.3f s",
     seconds);
  end();
}

/* --------------------------------------------------------------------- hooks */

static char committed[4096];
static uint64_t committed_generation;

static int
on_commit(void *context, const char *path, const struct ww_checkpoint_info *info)
{
  (void)context;
  snprintf(committed, sizeof committed, "%s", path);
  committed_generation = info->generation;
  return 7;
}

static void
try_hooks(void)
{
  char command[4096], spool[4096];
  const char *source = getenv("top_srcdir");
  unsigned count = 0;
  options.on_commit = on_commit;
  begin();
  ok(ww_checkpoint(chain, tracker, NULL) == 0 && committed_generation == 1 && access(committed, R_OK) == 0
     && strcmp(strrchr(committed, '/'), "/000000000001.ww") == 0, "on_commit is told the file");
  ok(strstr(said, "on_commit returned 7") != NULL, "what it returns is noted");
  end();

  options.on_commit_command =
    "echo \"$WW_CHAIN_GENERATION $WW_CHAIN_LABEL\" >\"$WW_CHAIN_FILE.told\"; exit 3";
  begin();
  ww_chain_label(chain, 42);
  bool made = ww_checkpoint(chain, tracker, NULL) == 0;
  snprintf(command, sizeof command, "%s.told", place_file(directory, 1));
  size_t length = 0;
  char *told = made && access(command, R_OK) == 0 ? place_read(command, &length) : NULL;
  ok(told && length == 5 && memcmp(told, "1 42\n", 5) == 0, "the command is told too");
  free(told);
  ok(strstr(said, "status 3") != NULL, "how it ended is noted");
  end();

  if (!source) {
    skip("the adapter", "not run by make check");
    return;
  }
  char *place = place_make();
  snprintf(spool, sizeof spool, "%s/spool", place);
  setenv("SPOOL", spool, 1);
  snprintf(command, sizeof command, "exec sh '%s/examples/checkpoint-spool.sh'", source);
  options.on_commit_command = command;
  begin();
  made = true;
  for (int i = 0; i < 3; i++) {
    scribble((size_t)i * 9, 3);
    made = made && ww_checkpoint(chain, tracker, NULL) == 0;
  }
  ww_chain_close(chain);
  struct ww_chain_options reading = WW_CHAIN_OPTIONS_INIT;
  reading.flags = WW_CHAIN_READ_ONLY;
  ok(made && ww_chain_open(&chain, spool, &reading) == 0 && ww_chain_list(chain, count_entry, &count) == 0
     && count == 3
     && comes_back(), "the adapter's spool is a chain by itself");
  end();
  place_remove(place);
  free(place);
}

/* -------------------------------------------------------------------- memory */

static void
try_memory(void)
{
  struct ww_checkpoint_info info = { .size = sizeof info };
  struct ww_restore_options restore = WW_RESTORE_OPTIONS_INIT;
  begin();
  /* A part that cannot be read counts as zeros until it can. */
  char *before = memcpy(malloc(PAGES * page), memory, PAGES * page);
  ww_tracker_destroy(tracker);
  bool good = ww_tracker_create(&tracker, NULL) == 0
    && ww_region_add(tracker, "memory", memory, PAGES * page, NULL) == 0 && ww_start(tracker) == 0
    && mprotect(memory + 8 * page, 4 * page, PROT_NONE) == 0;
  struct found found;
  good = good && ww_checkpoint(chain, tracker, &info) == 0 && found_restore(&found, chain, 0) == 0;
  ok(good && info.whole_pages == (PAGES - 4) * page / 4096
     && memcmp(found.region[0].memory, before, 8 * page) == 0
     && found.region[0].memory[9 * page] == 0, "what cannot be read counts as zeros");
  found_free(&found);
  ww_chain_close(chain);
  good = ww_chain_open(&chain, directory, NULL) == 0 && found_restore(&found, chain, 0) == 0;
  found_free(&found);
  good = good && ww_checkpoint(chain, tracker, &info) == 0 && mprotect(memory + 8 * page, 4 * page,
                                                                       PROT_READ) == 0
    && ww_checkpoint(chain, tracker, &info) == 0;
  ok(good && info.whole_pages == 4 * page / 4096 && comes_back(), "and is saved as soon as it can be");
  free(before);

  /* A restore to where nothing is. */
  char *nowhere = mmap(NULL, PAGES * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(nowhere, PAGES * page);
  munmap(memory, PAGES * page);
  memory = nowhere;
  ww_tracker_destroy(tracker);
  tracker = NULL;
  ok(ww_chain_restore(chain, NULL, NULL) == -EFAULT, "a place that is not mapped is an error");
  restore.generation = 99;
  ok(ww_chain_restore(chain, &restore, NULL) == -ENOENT, "a generation that is not there is one");
  end();
}

/* The same bits written again, and what was written and taken back. */
static void
try_unchanged(void)
{
  struct ww_checkpoint_info info = { .size = sizeof info };
  begin();
  bool good = ww_checkpoint(chain, tracker, &info) == 0;
  uint64_t full = info.written;
  for (size_t i = 0; i < PAGES; i++)
    ((volatile char *)memory)[i * page] ^= 1;
  for (size_t i = 0; i < PAGES; i++)
    ((volatile char *)memory)[i * page] ^= 1;
  good = good && ww_checkpoint(chain, tracker, &info) == 0;
  ok(good && info.dirty_pages == info.unchanged_pages && info.dirty_pages == PAGES * page / 4096
     && info.written < 1024 && full > PAGES * page,
       "pages that hold what they held take no space: %llu bytes",
     (unsigned long long)info.written);
  end();

  options.flags = WW_CHAIN_BYTES;
  begin();
  good = ww_checkpoint(chain, tracker, &info) == 0;
  for (size_t i = 0; i < PAGES; i++)
    memory[i * page + 100] ^= 1;
  good = good && ww_checkpoint(chain, tracker, &info) == 0;
  ok(good && info.partial_pages == PAGES && info.written < PAGES * 40 + 1024 && comes_back(),
     "a byte of each page costs some bytes: %llu", (unsigned long long)info.written);
  end();

  /* Sparse: what was never written is not even looked for in the tables. */
  begin();
  size_t huge = (size_t)1 << 36;
  char *sparse = mmap(NULL, huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (sparse == MAP_FAILED)
    skip("a reservation of 64 GiB", "no address space");
  else {
    sparse[huge / 2] = 1;
    ww_region_add(tracker, "sparse", sparse, (size_t)1 << 30, NULL);
    good = ww_checkpoint(chain, tracker, &info) == 0;
    ok(good && info.written < 2 * PAGES * page, "a reservation costs what is in it");
    munmap(sparse, huge);
  }
  ww_tracker_destroy(tracker);
  tracker = NULL;
  end();
}

/* So long that several threads read it. */
static void
try_length(void)
{
  size_t length = (size_t)100 << 20;
  struct ww_restore_info info = { .size = sizeof info };
  options.flags = WW_CHAIN_NO_SYNC;
  begin();
  char *wide = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  bool good = wide != MAP_FAILED && ww_region_add(tracker, "wide", wide, length, NULL) == 0;
  for (int step = 0; step < 3 && good; step++) {
    for (int i = 0; i < 300; i++)
      memset(wide + tap_random(&state) % (length / page) * page, (int)tap_random(&state), page);
    good = ww_checkpoint(chain, tracker, NULL) == 0;
  }
  char *was = good ? memcpy(malloc(length), wide, length) : NULL;
  struct found found;
  good = good && found_restore(&found, chain, 0) == 0 && found.count == 2;
  for (size_t i = 0; i < found.count && good; i++)
    if (found.region[i].length == length)
      good = memcmp(found.region[i].memory, was, length) == 0;
  ok(good, "a long region, into new memory");
  found_free(&found);
  if (good)
    memset(wide, 0x5a, length);
  ok(good && ww_chain_restore(chain, NULL, &info) == 0 && info.regions == 2 && memcmp(wide, was, length) == 0,
     "and into its own, while it is watched");
  good = good && ww_checkpoint(chain, tracker, NULL) == 0;
  free(was);
  ww_tracker_destroy(tracker);
  tracker = NULL;
  munmap(wide, length);
  end();
}

/* --------------------------------------------------------------------- words */

static int
open_with(size_t size, unsigned flags, int level, unsigned keep, unsigned most)
{
  struct { struct ww_chain_options options; char more[8]; } given = { WW_CHAIN_OPTIONS_INIT, "" };
  ww_chain *opened;
  given.options.size = size ? size : sizeof given.options;
  given.options.flags = flags;
  given.options.level = level;
  given.options.keep = keep;
  given.options.keep_most = most;
  given.more[3] = 1;
  int error = ww_chain_open(&opened, directory, &given.options);
  if (!error)
    ww_chain_close(opened);
  return error;
}

static void
try_words(void)
{
  struct ww_checkpoint_info small = { .size = 8 };
  directory = place_make();
  ok(open_with(0, 0, 0, 0, 0) == 0 && open_with(8, 0, 0, 0, 0) == -EINVAL
     && open_with(sizeof(struct ww_chain_options) + 8, 0, 0, 0, 0) == -E2BIG, "sizes");
  ok(open_with(0, 1 << 20, 0, 0, 0) == -EINVAL && strstr(ww_chain_error(), "0x100000"), "unknown flags");
  ok(open_with(0, 0, 23, 0, 0) == -EINVAL && open_with(0, 0, -51, 0, 0) == -EINVAL
     && open_with(0, 0, 22, 0, 0) == 0, "levels");
  ok(open_with(0, 0, 0, 5, 4) == -EINVAL && open_with(0, 0, 0, 5, 5) == 0, "keep");
  ok(ww_chain_open(NULL, directory, NULL) == -EINVAL && ww_chain_open(&chain, NULL, NULL) == -EINVAL
     && ww_chain_open(&chain, "/nowhere/at/all", NULL) == -ENOENT && strstr(ww_chain_error(),
                                                                            "/nowhere/at/all"),
     "directories");
  ok(ww_chain_open(&chain, "/dev/null", NULL) == -ENOTDIR, "what is none");
  ok(ww_chain_open(&chain, directory, NULL) == 0 && ww_chain_restore(chain, NULL, NULL) == -ENODATA
     && ww_chain_compact(chain, 1) == -ENODATA && ww_chain_compact(chain, 0) == -EINVAL
     && ww_chain_verify(chain, NULL, NULL) == 0, "an empty chain");
  ok(ww_tracker_create(&tracker, NULL) == 0 && ww_checkpoint(chain, tracker, NULL) == -ENODATA
     && ww_checkpoint(chain, NULL, NULL) == -EINVAL && ww_checkpoint(NULL, tracker, NULL) == -EINVAL
     && ww_checkpoint(chain, tracker, &small) == -EINVAL, "a tracker that is not started, and none");
  ok(ww_start(tracker) == 0 && ww_checkpoint(chain, tracker, NULL) == 0
     && ww_chain_restore(chain, NULL, NULL) == 0, "a tracker that watches nothing");
  ww_tracker_destroy(tracker);
  tracker = NULL;
  ww_chain_close(chain);
  ww_chain_close(NULL);
  place_remove(directory);
  free(directory);
}

int
main(int argc, char **argv)
{
  page = (size_t)sysconf(_SC_PAGESIZE);
  state = tap_seed(argc, argv, (uint64_t)time(NULL));
  options = (struct ww_chain_options)WW_CHAIN_OPTIONS_INIT;
  try_words();
  try_writers();
  try_limits();
  try_hooks();
  try_memory();
  try_unchanged();
  try_length();
  return tap_done();
}
