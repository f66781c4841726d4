/* computing.c - the computing and data-structure workloads of `writewatch demo`,
 * each run by a driver of our own, without the tracker:
 *
 *   - their results are right for many sizes, epochs, threads and seeds;
 *   - their checks notice a single damaged byte;
 *   - a workload that calls itself loud never writes a page without changing it,
 *     seen by a handler of three lines that shares nothing with the library.
 *
 * usage: computing [SEED [NAME...]]   (or SEED in the environment) */
#include "config.h"
#include "workload.h"
#include "regions.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

extern const struct workload workload_heat, workload_matmul, workload_lu, workload_cg, workload_quicksort,
  workload_fft, workload_hashtable, workload_btree, workload_list, workload_gc;

static unsigned char *any_byte(const struct region *, uint64_t *random);
static unsigned char *exponent(const struct region *, uint64_t *random);
static unsigned char *btree_byte(const struct region *, uint64_t *random);
static unsigned char *object_byte(const struct region *, uint64_t *random);

static const struct subject {
  const struct workload *workload;
  const char *result[4];   /* regions that the check vouches for */
  unsigned char *(*choose)(const struct region *, uint64_t *);  /* a byte of them that matters */
  bool        repeatable;  /* the same bytes whatever the number of threads */
} subjects[] = {
  { &workload_heat,      { "even" },                exponent,    true },
  { &workload_matmul,    { "A", "B", "C" },         any_byte,    true },
  { &workload_lu,        { "matrix" },              exponent,    true },
  { &workload_cg,        { "values", "columns", "rows", "b" }, any_byte, false },
  { &workload_cg,        { "x", "r", "p", "q" },     exponent,    false },
  { &workload_quicksort, { "keys" },                any_byte,    true },
  { &workload_fft,       { "image" },               exponent,    true },
  { &workload_hashtable, { "table" },               any_byte,    true },
  { &workload_btree,     { "nodes" },               btree_byte,  true },
  { &workload_list,      { "nodes" },               any_byte,    true },
  { &workload_gc,        { "roots" },               any_byte,    true },
  { &workload_gc,        { "roots" },               object_byte, true },
};

static char message[512];  /* the last workload_fail() */
static bool quiet;         /* failures are expected */
static FILE *talk;
static unsigned tests;
static int failures;

static void
result(bool good, const char *workload, const char *what)
{
  tests++;
  printf("%sok %u - %s: %s\n", good ? "" : "not ", tests, workload, what);
  failures += !good;
}

int
workload_fail(struct workload_run *run, int error, const char *format, ...)
{
  va_list list;

  va_start(list, format);
  vsnprintf(message, sizeof message, format, list);
  va_end(list);
  if (!quiet)
    printf("# %s, %zu pages, %u epochs, %u threads, seed %llu: %s\n", run->workload->name, run->pages,
           run->epochs, run->threads, (unsigned long long)run->seed, message);
  return error;
}

/* ------------------------------------------------------------------- a run */

struct share {
  struct workload_run *run;
  unsigned epoch, thread;
  int      error;
};

static void *
do_share(void *argument)
{
  struct share *share = argument;

  share->error = share->run->workload->epoch(share->run, share->epoch, share->thread);
  return NULL;
}

static int
run_epoch(struct workload_run *run, unsigned epoch)
{
  enum { MOST = 16 };
  struct share share[MOST];
  pthread_t thread[MOST];
  int error = 0;

  for (unsigned t = 0; t < run->threads; t++) {
    share[t] = (struct share){ run, epoch, t, 0 };
    if (run->threads == 1)
      do_share(&share[t]);
    else if (pthread_create(&thread[t], NULL, do_share, &share[t]))
      abort();
  }
  for (unsigned t = 0; t < run->threads; t++) {
    if (run->threads > 1)
      pthread_join(thread[t], NULL);
    error = error ? error : share[t].error;
  }
  return error;
}

/* Set up and run all epochs; silent: count pages written and unchanged, or NULL. */
static int
start(struct workload_run *run, const struct workload *workload, size_t pages, unsigned epochs,
      unsigned threads, uint64_t seed, size_t *silent)
{
  size_t written = 0;
  int error;

  *run = (struct workload_run){ .workload = workload, .pages = pages, .page_size = page_size,
                                .epochs = epochs, .threads = threads, .seed = seed, .talk = talk };
  error = workload->setup(run);
  for (unsigned epoch = 1; epoch <= epochs && !error; epoch++) {
    if (silent)
      regions_watch();
    error = run_epoch(run, epoch);
    if (silent)
      *silent += regions_silent(run, epoch, &written);
  }
  if (silent && !error && !written)
    error = workload_fail(run, -ENODATA, "nothing was written");
  return error;
}

static void
finish(struct workload_run *run)
{
  if (run->state)
    run->workload->teardown(run);
  regions_drop();
}

static int
run_and_check(const struct workload *workload, size_t pages, unsigned epochs, unsigned threads, uint64_t seed)
{
  struct workload_run run;
  size_t total = 0;
  int error = start(&run, workload, pages, epochs, threads, seed, NULL);

  if (!error)
    error = workload->check(&run);
  for (size_t i = 0; i < region_count; i++)
    total += regions[i].length / page_size;
  if (!error && total > pages)
    error = workload_fail(&run, -EOVERFLOW, "%zu pages used where %zu were wanted", total, pages);
  if (!error && total < pages / 4)
    error = workload_fail(&run, -ERANGE, "%zu pages used where %zu were wanted", total, pages);
  finish(&run);
  return error;
}

/* A pointer into the regions as its offset there: two runs may lie at different addresses. */
static uint64_t
without_address(uint64_t word)
{
  for (size_t i = 0; i < region_count; i++)
    if (word - (uintptr_t)regions[i].address < regions[i].length)
      return i << 56 ^ (word - (uintptr_t)regions[i].address);
  return word;
}

/* Of what all regions hold, whole pages (the rest of the last one is zero). */
static uint64_t
memory_hash(void)
{
  uint64_t hash = 0;

  for (size_t i = 0; i < region_count; i++)
    for (size_t at = 0; at < regions[i].length; at += sizeof hash) {
      uint64_t word;

      memcpy(&word, regions[i].address + at, sizeof word);
      hash ^= without_address(word);
      hash = workload_random(&hash);
    }
  return hash;
}

static uint64_t
run_and_hash(const struct workload *workload, size_t pages, unsigned epochs, unsigned threads, uint64_t seed)
{
  struct workload_run run;
  uint64_t hash = 0;

  if (start(&run, workload, pages, epochs, threads, seed, NULL) == 0)
    hash = memory_hash();
  finish(&run);
  return hash;
}

/* ------------------------------------------------------------------- tests */

/* The smallest --pages that setup accepts; 0 if one below it is not refused well. */
static size_t
smallest(const struct workload *workload)
{
  struct workload_run run;
  size_t pages;
  int error = -EINVAL;

  quiet = true;
  for (pages = 0; pages < 64 && error == -EINVAL; pages++) {
    message[0] = '\0';
    error = start(&run, workload, pages, 0, 1, 1, NULL);
    finish(&run);
    if (error && (error != -EINVAL || !strstr(message, "--pages")))
      pages = 64;
  }
  quiet = false;
  return error ? 0 : pages - 1;
}

static bool
right_everywhere(const struct workload *workload, size_t least, uint64_t *random)
{
  static const size_t extra[] = { 0, 1, 2, 5, 16, 61, 200 };
  static const unsigned epochs[] = { 0, 1, 2, 3, 7, 18, 40 };
  bool good = true;

  for (size_t i = 0; i < sizeof extra / sizeof *extra; i++)
    for (size_t j = 0; j < sizeof epochs / sizeof *epochs; j++) {
      unsigned threads = workload->max_threads ? 1 : 1 + (unsigned)(workload_random(random) % 5);

      good &= run_and_check(workload, least + extra[i], epochs[j], threads, workload_random(random)) == 0;
    }
  return good;
}

/* Small enough that the computation is finished and begun anew many times. */
static bool
right_anew(const struct workload *workload, size_t least, uint64_t *random)
{
  bool good = true;

  for (unsigned i = 0; i < 6; i++)
    good &= run_and_check(workload, least + i * i, 600 + (unsigned)(workload_random(random) % 100),
                          workload->max_threads ? 1 : 1 + i % 2, workload_random(random)) == 0;
  return good;
}

static unsigned char *
any_byte(const struct region *region, uint64_t *random)
{
  return region->address + workload_random(random) % region->bytes;
}

/* Of a double: what a check within a tolerance must notice. */
static unsigned char *
exponent(const struct region *region, uint64_t *random)
{
  return region->address + (workload_random(random) % region->bytes | 7);
}

/* A node may have room to spare: a key or value that is there, or the count. */
static unsigned char *
btree_byte(const struct region *region, uint64_t *random)
{
  enum { NODE = 4096, MOST = 203 };
  unsigned char *node;
  uint32_t count;
  size_t key;

  do {
    node = region->address + workload_random(random) % (region->bytes / NODE) * NODE;
    memcpy(&count, node, sizeof count);
  } while (count == 0);
  key = workload_random(random) % count;
  switch (workload_random(random) % 4) {
  case 0:
    return node + workload_random(random) % 8;
  case 1:
    return node + 8 + 8 * (MOST + key) + workload_random(random) % 8;
  default:
    return node + 8 + 8 * key + workload_random(random) % 8;
  }
}

/* The header or the first word or pointer of an object that a root points to. */
static unsigned char *
object_byte(const struct region *region, uint64_t *random)
{
  unsigned char *object;

  do
    memcpy(&object, region->address + workload_random(random) % (region->bytes / 8) * 8, sizeof object);
  while (!object);
  return object + workload_random(random) % 16;
}

static bool
notices_damage(const struct subject *subject, size_t least, uint64_t *random)
{
  enum { TRIES = 60 };
  struct workload_run run;
  unsigned damages = 0, noticed = 0;
  int error = start(&run, subject->workload, least + 20, 6, 1, workload_random(random), NULL);

  for (size_t i = 0; i < region_count && !error; i++)
    for (unsigned r = 0; r < 4 && subject->result[r]; r++)
      for (unsigned try = 0; strcmp(subject->result[r], regions[i].name) == 0 && try < TRIES; try++) {
        unsigned char *byte = subject->choose(&regions[i], random), was = *byte;

        *byte ^= subject->choose == exponent ? 0x40 : 1 << workload_random(random) % 8;
        damages++;
        quiet = true;
        if (subject->workload->check(&run))
          noticed++;
        else
          printf("# byte %zu of %s changed from %02x to %02x, and the check is content\n",
                 (size_t)(byte - regions[i].address), regions[i].name, was, *byte);
        quiet = false;
        *byte = was;
      }
  /* Healed, it must pass: the failures were the damage's. */
  error = error ? error : subject->workload->check(&run);
  finish(&run);
  printf("# %s, %s...: %u of %u damaged bytes noticed\n", subject->workload->name, subject->result[0],
         noticed, damages);
  return !error && damages && noticed == damages;
}

static bool
loud_indeed(const struct workload *workload, size_t least, uint64_t *random)
{
  size_t silent = 0;
  bool good = true;

  for (unsigned i = 0; i < 8 && good; i++) {
    struct workload_run run;

    good = start(&run, workload, least + i * i * 3, i < 3 ? 600 : 60, workload->max_threads ? 1 : 1 + i % 3,
                 workload_random(random), &silent) == 0;
    /* The check itself runs on read-only pages: none of it writes. */
    for (size_t r = 0; r < region_count; r++)
      mprotect(regions[r].address, regions[r].length, PROT_READ);
    good &= workload->check(&run) == 0 && silent == 0;
    finish(&run);
  }
  return good;
}

static bool
repeats(const struct subject *subject, size_t least, uint64_t *random)
{
  const struct workload *w = subject->workload;
  uint64_t seed = workload_random(random), first = run_and_hash(w, least + 30, 9, 1, seed);
  bool good = first && first == run_and_hash(w, least + 30, 9, 1, seed)
    && first != run_and_hash(w, least + 30, 9, 1, seed + 1);

  for (unsigned threads = 2; threads < 7 && good && subject->repeatable && !w->max_threads; threads++)
    good = first == run_and_hash(w, least + 30, 9, threads, seed);
  return good;
}

static bool
default_run(const struct workload *workload, uint64_t seed)
{
  struct timespec begin, end;
  bool good;

  clock_gettime(CLOCK_MONOTONIC, &begin);
  good = run_and_check(workload, workload->pages, workload->epochs, 1, seed) == 0;
  clock_gettime(CLOCK_MONOTONIC, &end);
  printf("# %s: %zu pages, %u epochs: %.3f s untracked, with setup and check\n", workload->name,
         workload->pages, workload->epochs,
         (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
  return good;
}

static bool
wanted(const char *name, int argc, char **argv)
{
  for (int i = 2; i < argc; i++)
    if (strcmp(argv[i], name) == 0)
      return true;
  return argc <= 2;
}

int
main(int argc, char **argv)
{
  const char *text = argc > 1 ? argv[1] : getenv("SEED");
  uint64_t seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32;
  uint64_t random = seed;

  setvbuf(stdout, NULL, _IOLBF, 0);
  talk = fopen("/dev/null", "w");
  if (!talk || regions_begin())
    return 99;
  printf("# seed %llu\n", (unsigned long long)seed);
  for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
    const struct subject *subject = &subjects[i];
    const struct workload *workload = subject->workload;
    size_t least;

    if (!wanted(workload->name, argc, argv))
      continue;
    least = smallest(workload);
    result(notices_damage(subject, least, &random), workload->name, "its check notices damage");
    if (i && subjects[i - 1].workload == workload)
      continue;
    result(least > 0, workload->name, "too few pages are refused, in words");
    result(right_everywhere(workload, least, &random), workload->name,
           "right for many sizes, epochs, threads, seeds");
    result(right_anew(workload, least, &random), workload->name, "right when finished and begun anew");
    result(repeats(subject, least, &random), workload->name, "the seed decides, the threads do not");
    if (workload->loud)
      result(loud_indeed(workload, least, &random), workload->name,
             "loud: no page is written and left as it was");
    result(default_run(workload, workload_random(&random)), workload->name, "right by default");
  }
  printf("1..%u\n", tests);
  fclose(talk);
  return failures ? 1 : 0;
}
