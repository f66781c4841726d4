/* checkpoint-heat.c - a computation that survives its own death.
 *
 *   cc -o checkpoint-heat checkpoint-heat.c $(pkg-config --cflags --libs writewatch)
 *   ./checkpoint-heat --dir state --steps 2000          kill -9 it, whenever you like
 *   ./checkpoint-heat --dir state --steps 2000 --resume it ends with the same bits
 *
 * Heat spreads from a hot spot over a square plate (Jacobi iteration). Every few
 * steps the state goes to disk: first the full image, 000000, from then on only
 * what ww_collect() says was written, 000001, 000002, ... A restart loads them in
 * order. A file is written aside, flushed, and renamed into its place: it is there
 * as a whole or not at all. Should a disk have torn one all the same, its checksum
 * tells: it is refused and the state before it is used. Each file names the
 * checksum of the one before, so that files of different runs never mix.
 *
 * Exit status: 0 done; 1 something failed; 2 wrong usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <writewatch.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { DONE = 0, FAILED = 1, USAGE = 2 };

/* What is saved. All of it lies in one region of whole pages. */
struct plate {
  uint64_t steps;            /* done so far */
  uint64_t edge;             /* cells a side */
  double   cells[];          /* two grids: one is read, the other written */
};

/* A file: this, `runs` times {offset, length, the bytes}, and a checksum of all before it. */
struct header {
  char     magic[8];
  uint64_t number;
  uint64_t previous;         /* checksum of the file before; 0 in the first */
  uint64_t image;            /* bytes of the whole plate */
  uint64_t runs;
};

struct span { uint64_t offset, length; };

static const char magic[8] = "WWheat1";

static void __attribute__((noreturn, format(printf, 2, 3)))
fail(int status, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  fputs("checkpoint-heat: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(status);
}

static void
must(int error, const char *what)
{
  if (error != 0)
    fail(FAILED, "%s: %s %s", what, ww_strerror(error), ww_last_error());
}

/* ------------------------------------------------------------- computation */

static void
step(struct plate *plate)
{
  size_t n = plate->edge;
  const double *now = plate->cells + (plate->steps % 2) * n * n;
  double *next = plate->cells + ((plate->steps + 1) % 2) * n * n;

  for (size_t y = 1; y + 1 < n; y++)
    for (size_t x = 1; x + 1 < n; x++) {
      size_t i = y * n + x;
      double heat = now[i] + 0.2 * (now[i - 1] + now[i + 1] + now[i - n] + now[i + n] - 4 * now[i]);
      /* Where nothing changes nothing is written: a delta is as large as the warm spot. */
      if (next[i] != heat)
        next[i] = heat;
    }
  next[n / 2 * n + n / 2] = 100;
  plate->steps++;
}

/* ------------------------------------------------------------- the chain */

struct chain {
  const char *directory;
  uint64_t    number;        /* of the next file */
  uint64_t    previous;      /* checksum of the last one */
};

static void
chain_path(const struct chain *chain, const char *ending, char path[4096])
{
  unsigned long long number = chain->number;
  int length = snprintf(path, 4096, "%s/%06llu%s", chain->directory, number, ending);
  if (length < 0 || length >= 4096)
    fail(FAILED, "%s: the name is too long", chain->directory);
}

static void
put(FILE *file, XXH3_state_t *sum, const void *data, size_t length)
{
  XXH3_64bits_update(sum, data, length);
  fwrite(data, 1, length, file);            /* errors are kept by the stream and asked for at the end */
}

/* Writes `runs` spans of the image at `base` as the chain's next file. */
static void
chain_append(struct chain *chain, const char *base, size_t image, const struct span *spans, size_t runs)
{
  char aside[4096], path[4096];
  chain_path(chain, ".new", aside);
  chain_path(chain, "", path);
  FILE *file = fopen(aside, "w");
  if (file == NULL)
    fail(FAILED, "%s: %s", aside, strerror(errno));

  XXH3_state_t sum;
  XXH3_64bits_reset(&sum);
  struct header header = { .number = chain->number, .previous = chain->previous, .image = image,
                           .runs = runs };
  memcpy(header.magic, magic, sizeof magic);
  put(file, &sum, &header, sizeof header);
  for (size_t i = 0; i < runs; i++) {
    put(file, &sum, &spans[i], sizeof spans[i]);
    put(file, &sum, base + spans[i].offset, spans[i].length);
  }
  uint64_t checksum = XXH3_64bits_digest(&sum);
  fwrite(&checksum, 1, sizeof checksum, file);

  /* The bytes before the name, and the name before the next step. */
  if (ferror(file) || fflush(file) != 0 || fsync(fileno(file)) != 0) {
    int error = errno;
    unlink(aside);
    fail(FAILED, "%s: %s", aside, strerror(error));
  }
  fclose(file);
  int directory = open(chain->directory, O_RDONLY | O_DIRECTORY);
  if (rename(aside, path) != 0 || directory < 0 || fsync(directory) != 0)
    fail(FAILED, "%s: %s", path, strerror(errno));
  close(directory);
  chain->number++;
  chain->previous = checksum;
}

/* Applies the chain's next file to the image. False at the chain's end; a file
 * that is not whole, or not of this chain, is the end too. Nothing is applied
 * before all of it has been checked. */
static bool
chain_load(struct chain *chain, char *base, size_t image)
{
  char path[4096];
  chain_path(chain, "", path);
  int file = open(path, O_RDONLY);
  if (file < 0 && errno == ENOENT)
    return false;
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0)
    fail(FAILED, "%s: %s", path, strerror(errno));

  const char *wrong = "it is too short";
  size_t length = (size_t)status.st_size, body = length - sizeof(uint64_t);
  char *bytes = MAP_FAILED;
  struct header header;
  uint64_t checksum = 0;
  if (length >= sizeof header + sizeof checksum) {
    bytes = mmap(NULL, length, PROT_READ, MAP_PRIVATE, file, 0);
    if (bytes == MAP_FAILED)
      fail(FAILED, "%s: %s", path, strerror(errno));
    memcpy(&header, bytes, sizeof header);
    memcpy(&checksum, bytes + body, sizeof checksum);
    wrong = NULL;
    if (checksum != XXH3_64bits(bytes, body))
      wrong = "its checksum does not fit";
    else if (memcmp(header.magic, magic, sizeof magic) != 0)
      wrong = "it is not a file of this program";
    else if (header.number != chain->number || header.previous != chain->previous)
      wrong = "it does not follow the file before it";
    else if (header.image != image)
      fail(FAILED, "%s is of a plate of another size: give the --edge that it was made with", path);
  }
  close(file);
  /* Twice over the spans: all are looked at before the first is applied. */
  for (int apply = 0; apply < 2 && wrong == NULL; apply++) {
    size_t at = sizeof header;
    for (uint64_t i = 0; i < header.runs && wrong == NULL; i++) {
      struct span span;
      if (body - at < sizeof span) {
        wrong = "its spans are cut off";
        break;
      }
      memcpy(&span, bytes + at, sizeof span);
      at += sizeof span;
      if (span.length > body - at || span.offset > image || span.length > image - span.offset)
        wrong = "a span lies outside the plate";
      else if (apply)
        memcpy(base + span.offset, bytes + at, span.length);
      at += span.length;
    }
  }
  if (bytes != MAP_FAILED)
    munmap(bytes, length);
  if (wrong != NULL) {
    fprintf(stderr, "checkpoint-heat: %s is refused, %s; going on from the one before\n", path, wrong);
    return false;
  }
  chain->number++;
  chain->previous = checksum;
  return true;
}

/* A checkpoint: what was written since the last one, and nothing else. */
static void
checkpoint(struct chain *chain, ww_tracker *tracker, const char *base, size_t image)
{
  ww_dirty *dirty;
  size_t count;
  must(ww_collect(tracker, &dirty), "collect");
  const struct ww_run *runs = ww_dirty_runs(dirty, &count);
  struct span *spans = calloc(count + 1, sizeof *spans);
  if (spans == NULL)
    fail(FAILED, "no memory");
  for (size_t i = 0; i < count; i++) {
    spans[i].offset = (uint64_t)((const char *)runs[i].address - base);
    spans[i].length = runs[i].length;
  }
  chain_append(chain, base, image, spans, count);
  free(spans);
  ww_dirty_free(dirty);
}

/* ------------------------------------------------------------- the program */

static uint64_t
number(const char *option, const char *text, uint64_t least, uint64_t most)
{
  char *end;
  errno = 0;
  unsigned long long value = text ? strtoull(text, &end, 10) : 0;
  if (text == NULL || *text < '0' || *text > '9' || *end != '\0' || errno != 0 || value < least
      || value > most)
    fail(USAGE, "%s: a number from %llu to %llu is wanted, not `%s'", option, (unsigned long long)least,
         (unsigned long long)most, text ? text : "");
  return value;
}

int
main(int argc, char **argv)
{
  struct chain chain = { 0 };
  uint64_t steps = 2000, every = 10, edge = 512;
  bool resume = false;

  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], "--steps") == 0)
      steps = number("--steps", argv[++i], 1, 1000000000);
    else if (strcmp(argv[i], "--every") == 0)
      every = number("--every", argv[++i], 1, 1000000000);
    else if (strcmp(argv[i], "--edge") == 0)
      edge = number("--edge", argv[++i], 3, 32768);
    else if (strcmp(argv[i], "--dir") == 0 && argv[i + 1] != NULL)
      chain.directory = argv[++i];
    else if (strcmp(argv[i], "--resume") == 0)
      resume = true;
    else
      fail(USAGE, "`%s' is not an option, or lacks its argument\n"
           "usage: checkpoint-heat --dir DIR [--steps N] [--every N] [--edge N] [--resume]", argv[i]);
  if (chain.directory == NULL)
    fail(USAGE, "--dir DIR is wanted: where the state is kept");
  if (mkdir(chain.directory, 0777) != 0 && errno != EEXIST)
    fail(FAILED, "%s: %s", chain.directory, strerror(errno));

  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t image = (sizeof(struct plate) + 2 * edge * edge * sizeof(double) + page - 1) / page * page;
  struct plate *plate = mmap(NULL, image, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (plate == MAP_FAILED)
    fail(FAILED, "no memory for a plate of %llu cells a side", (unsigned long long)edge);

  char first[4096];
  chain_path(&chain, "", first);
  if (!resume && access(first, F_OK) == 0)
    fail(USAGE, "%s holds a state: give --resume to go on from it, or another --dir", chain.directory);
  while (resume && chain_load(&chain, (char *)plate, image))
    continue;
  if (chain.number == 0) {
    plate->edge = edge;
    for (int grid = 0; grid < 2; grid++)
      plate->cells[grid * edge * edge + edge / 2 * edge + edge / 2] = 100;
    chain_append(&chain, (char *)plate, image, &(struct span){ 0, image }, 1);
  }
  fprintf(stderr, "checkpoint-heat: at step %llu, after file %06llu\n", (unsigned long long)plate->steps,
          (unsigned long long)chain.number - 1);

  ww_tracker *tracker;
  must(ww_tracker_create(&tracker, NULL), "create");
  must(ww_region_add(tracker, "plate", plate, image, NULL), "add");
  must(ww_start(tracker), "start");
  while (plate->steps < steps) {
    step(plate);
    if (plate->steps % every == 0 || plate->steps == steps)
      checkpoint(&chain, tracker, (char *)plate, image);
  }
  ww_tracker_destroy(tracker);
  printf("steps %llu hash %016llx\n", (unsigned long long)plate->steps,
         (unsigned long long)XXH3_64bits(plate, image));
  return DONE;
}
