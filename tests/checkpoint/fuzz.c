/* fuzz.c - checkpoint files that nobody wrote: bytes are changed, and the checksums made to fit again, so
 * that what is behind them is reached. Nothing may crash, nothing be read or written out of bounds (build
 * with --enable-sanitizers=address,undefined).
 *
 *   fuzz [SEED [ROUNDS]]          by itself: seeded changes of a corpus that it makes
 *   fuzz --corpus DIRECTORY       writes that corpus, for
 *   clang -fsanitize=fuzzer,address -DFUZZ_ENGINE ...   libFuzzer, or any other that calls
 *                                 LLVMFuzzerTestOneInput() */
#define _GNU_SOURCE
#include "config.h"
#include "../tap.h"
#include "format.h"
#include "place.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 6, CORPUS = 4, ROUNDS = 4000, LONGEST = 1 << 20 };

static char *directory;
static struct { char *bytes; size_t length; } corpus[CORPUS];
static unsigned accepted;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static struct page_hash
hash(const void *bytes, size_t length)
{
  return page_hash(bytes, length);
}

/* Checksums that fit what is there, as far as there is any sense in it. */
static void
make_fit(unsigned char *bytes, size_t length)
{
  struct file_trailer trailer;
  struct file_block block;
  unsigned char ends[sizeof(struct file_header) + offsetof(struct file_trailer, sum)];
  if (length < sizeof(struct file_header) + sizeof trailer)
    return;
  size_t end = length - sizeof trailer;
  memcpy(&trailer, bytes + end, sizeof trailer);
  trailer.length = length;
  if (trailer.tables <= end && trailer.regions < 1000) {
    size_t at = trailer.tables + trailer.regions * sizeof(struct file_region);
    for (uint64_t i = 0; i < trailer.blocks && i < 1000 && at <= end && end - at >= sizeof block;
         i++, at += sizeof block) {
      memcpy(&block, bytes + at, sizeof block);
      if (block.offset <= length && block.stored <= length - block.offset && block.stored > 0)
        block.sum = hash(bytes + block.offset, block.stored);
      memcpy(bytes + at, &block, sizeof block);
    }
    trailer.tables_sum = hash(bytes + trailer.tables, end - trailer.tables);
  }
  memcpy(ends, bytes, sizeof(struct file_header));
  memcpy(ends + sizeof(struct file_header), &trailer, offsetof(struct file_trailer, sum));
  trailer.sum = hash(ends, sizeof ends);
  memcpy(bytes + end, &trailer, sizeof trailer);
}

/* -------------------------------------------------------------------- corpus */

static void
make_corpus(void)
{
  struct ww_chain_options options = WW_CHAIN_OPTIONS_INIT;
  size_t page = (size_t)sysconf(_SC_PAGESIZE), length = PAGES * page;
  char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ww_tracker *tracker;
  ww_chain *chain;
  uint64_t state = 1;
  options.flags = WW_CHAIN_NO_SYNC | WW_CHAIN_BYTES;
  options.level = 1;
  char *made = place_make();
  bool good = memory != MAP_FAILED && ww_chain_open(&chain, made, &options) == 0
    && ww_tracker_create(&tracker, NULL) == 0
    && ww_region_add(tracker, "one", memory, length / 2, NULL) == 0
    && ww_region_add(tracker, "two", memory + length / 2, length / 2, NULL) == 0 && ww_start(tracker) == 0;
  for (unsigned i = 0; i < CORPUS && good; i++) {
    for (size_t word = 0; word < 64; word++)
      ((uint64_t *)(void *)(memory + (i * 2 + 1) % PAGES * page))[word] = tap_random(&state);
    memset(memory + 2 * page, (int)i % 2, page);
    memory[(i + 4) % PAGES * page + 9] ^= 1;
    good = ww_checkpoint(chain, tracker, NULL) == 0;
    if (good)
      corpus[i].bytes = place_read(place_file(made, i + 1), &corpus[i].length);
  }
  if (!good) {
    printf("Bail out! no corpus: %s %s\n", ww_chain_error(), ww_last_error());
    exit(99);
  }
  ww_tracker_destroy(tracker);
  ww_chain_close(chain);
  munmap(memory, length);
  place_remove(made);
  free(made);
}

/* --------------------------------------------------------------------- target */

static int
each(void *context, const struct ww_chain_entry *entry)
{
  unsigned *sound = context;
  *sound += entry->sound != 0;
  return 0;
}

static int
each_region(void *context, const struct ww_chain_region *region)
{
  (void)context;
  return strlen(region->name) > 63;
}

static void
begin(void)
{
  if (directory)
    return;
  make_corpus();
  directory = place_make();
}

/* As the full image, as a delta to a sound one, and as a delta of many. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
  struct ww_chain_options options = WW_CHAIN_OPTIONS_INIT;
  struct file_header header;
  struct found found;
  ww_chain *chain;
  unsigned sound = 0;
  uint64_t generation = 1;
  begin();
  if (length >= sizeof header) {
    memcpy(&header, bytes, sizeof header);
    generation = header.generation >= 1 && header.generation <= CORPUS ? header.generation : 1;
  }
  for (unsigned i = 1; i <= CORPUS; i++)
    if (i == generation)
      place_write(place_file(directory, i), bytes, length);
    else
      place_write(place_file(directory, i), corpus[i - 1].bytes, corpus[i - 1].length);
  options.flags = WW_CHAIN_READ_ONLY;
  if (ww_chain_open(&chain, directory, &options) != 0)
    abort();
  ww_chain_list(chain, each, &sound);
  ww_chain_verify(chain, each, &sound);
  ww_chain_regions(chain, generation, each_region, NULL);
  if (found_restore(&found, chain, generation) == 0) {
    accepted++;
    found_free(&found);
  }
  if (found_restore(&found, chain, 0) == 0)
    found_free(&found);
  ww_chain_close(chain);
  /* What can be written to can also be compacted. */
  options.flags = WW_CHAIN_NO_SYNC;
  if (ww_chain_open(&chain, directory, &options) != 0)
    abort();
  ww_chain_compact(chain, 1);
  if (found_restore(&found, chain, 0) == 0)
    found_free(&found);
  ww_chain_close(chain);
  return 0;
}

#ifndef FUZZ_ENGINE
static const uint64_t interesting[] = { 0, 1, 2, 3, 0x7f, 0xff, 0x1000, 0xffff, 0x100000, 0x7fffffff,
                                        0xffffffff,
                                        0x100000000, 0x7fffffffffffffff, 0xffffffffffffffff };

/* Where numbers are: the header, the tables, the trailer; or anywhere. */
static size_t
choose(uint64_t *state, const unsigned char *bytes, size_t length)
{
  struct file_trailer trailer;
  uint64_t what = tap_random(state) % 4;
  memcpy(&trailer, bytes + length - sizeof trailer, sizeof trailer);
  if (what == 0)
    return tap_random(state) % sizeof(struct file_header);
  if (what == 1)
    return length - sizeof trailer + tap_random(state) % sizeof trailer;
  if (what == 2 && trailer.tables < length)
    return trailer.tables + tap_random(state) % (length - trailer.tables);
  return tap_random(state) % length;
}

static size_t
change(uint64_t *state, unsigned char *bytes, size_t length)
{
  size_t at = choose(state, bytes, length);
  uint64_t value = interesting[tap_random(state) % (sizeof interesting / sizeof *interesting)];
  switch (tap_random(state) % 6) {
    case 0:
      bytes[at] ^= (unsigned char)(1 << tap_random(state) % 8);
      break;
    case 1:
      bytes[at] = (unsigned char)tap_random(state);
      break;
    case 2:
      at &= ~(size_t)7;
      memcpy(bytes + at, &value, length - at < 8 ? length - at : 8);
      break;
    case 3:
      at &= ~(size_t)3;
      memcpy(bytes + at, &value, length - at < 4 ? length - at : 4);
      break;
    case 4: {                /* what is there elsewhere */
      size_t from = choose(state, bytes, length), room = length - (from > at ? from : at);
      memmove(bytes + at, bytes + from, room < 48 ? room : 48);
      break;
    }
    default:
      if (tap_random(state) % 8 == 0 && length > 300)
        length -= tap_random(state) % 100;
  }
  return length;
}

static int
write_corpus(const char *where)
{
  char path[4096];
  begin();
  for (unsigned i = 0; i < CORPUS; i++) {
    snprintf(path, sizeof path, "%s/%u", where, i + 1);
    place_write(path, corpus[i].bytes, corpus[i].length);
  }
  return 0;
}

int
main(int argc, char **argv)
{
  if (argc == 3 && strcmp(argv[1], "--corpus") == 0)
    return write_corpus(argv[2]);
  uint64_t state = tap_seed(argc, argv, (uint64_t)time(NULL));
  unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : ROUNDS, sound = 0;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  /* A length that is not refused must not be paid for either. */
  struct rlimit limit = { (rlim_t)1 << 33, (rlim_t)1 << 33 };
  setrlimit(RLIMIT_AS, &limit);
#endif
  begin();
  for (unsigned i = 0; i < CORPUS; i++) {
    LLVMFuzzerTestOneInput((const uint8_t *)corpus[i].bytes, corpus[i].length);
    sound = accepted;
  }
  ok(sound == CORPUS, "the corpus is sound");
  for (unsigned i = 0; i < rounds; i++) {
    unsigned which = (unsigned)(tap_random(&state) % CORPUS);
    size_t length = corpus[which].length;
    unsigned char *bytes = malloc(length);
    memcpy(bytes, corpus[which].bytes, length);
    for (uint64_t changes = 1 + tap_random(&state) % 3; changes > 0; changes--)
      length = change(&state, bytes, length);
    if (tap_random(&state) % 8)
      make_fit(bytes, length);
    LLVMFuzzerTestOneInput(bytes, length);
    free(bytes);
  }
  printf("# %u of %u changed files could be restored\n", accepted - sound, rounds);
  ok(true, "%u files that nobody wrote", rounds);
  ok(accepted - sound > rounds / 100, "some of them get past the checksums");
  place_remove(directory);
  free(directory);
  for (unsigned i = 0; i < CORPUS; i++)
    free(corpus[i].bytes);
  return tap_done();
}
#endif
