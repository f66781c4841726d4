/* checkpoint-heat.c - a computation that survives its own death.
 *
 *   cc -o checkpoint-heat checkpoint-heat.c $(pkg-config --cflags --libs writewatch-checkpoint)
 *   ./checkpoint-heat --dir state --steps 2000          kill -9 it, whenever you like
 *   ./checkpoint-heat --dir state --steps 2000 --resume it ends with the same bits
 *
 * Heat spreads from a hot spot over a square plate (Jacobi iteration). Every few steps what was written goes
 * to disk, as a checkpoint of a chain: libwritewatch-checkpoint knows which pages, and compares, packs,
 * flushes, checks and restores. A checkpoint that a disk has torn is passed over, and that is said.
 *
 * Exit status: 0 done; 1 something failed; 2 wrong usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <writewatch-checkpoint.h>

enum { DONE = 0, FAILED = 1, USAGE = 2 };

/* What is saved. All of it lies in one region of whole pages. */
struct plate {
  uint64_t steps;            /* done so far */
  uint64_t edge;             /* cells a side */
  double   cells[];          /* two grids: one is read, the other written */
};

static struct plate *plate;
static size_t image;         /* bytes of it */

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
    fail(FAILED, "%s: %s %s", what, ww_last_error(), ww_chain_error());
}

/* ------------------------------------------------------------- computation */

static void
step(void)
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

static void
note(void *context, const char *text)
{
  (void)context;
  fprintf(stderr, "checkpoint-heat: %s\n", text);
}

/* Not where it was, but where it is now. */
static void *
place(void *context, const struct ww_chain_region *region)
{
  (void)context;
  if (region->length != image)
    fail(FAILED, "the state is of a plate of another size: give the --edge that it was made with");
  return plate;
}

static int
there_is_one(void *context, const struct ww_chain_entry *entry)
{
  (void)context;
  return entry->generation != 0;
}

int
main(int argc, char **argv)
{
  struct ww_chain_options options = WW_CHAIN_OPTIONS_INIT;
  struct ww_restore_options restore = WW_RESTORE_OPTIONS_INIT;
  uint64_t steps = 2000, every = 10, edge = 512;
  const char *directory = NULL;
  bool resume = false;

  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], "--steps") == 0)
      steps = number("--steps", argv[++i], 1, 1000000000);
    else if (strcmp(argv[i], "--every") == 0)
      every = number("--every", argv[++i], 1, 1000000000);
    else if (strcmp(argv[i], "--edge") == 0)
      edge = number("--edge", argv[++i], 3, 32768);
    else if (strcmp(argv[i], "--dir") == 0 && argv[i + 1] != NULL)
      directory = argv[++i];
    else if (strcmp(argv[i], "--resume") == 0)
      resume = true;
    else
      fail(USAGE, "`%s' is not an option, or lacks its argument\n"
           "usage: checkpoint-heat --dir DIR [--steps N] [--every N] [--edge N] [--resume]", argv[i]);
  if (directory == NULL)
    fail(USAGE, "--dir DIR is wanted: where the state is kept");

  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  image = (sizeof *plate + 2 * edge * edge * sizeof(double) + page - 1) / page * page;
  plate = mmap(NULL, image, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (plate == MAP_FAILED)
    fail(FAILED, "no memory for a plate of %llu cells a side", (unsigned long long)edge);
  plate->edge = edge;
  for (int grid = 0; grid < 2; grid++)
    plate->cells[grid * edge * edge + edge / 2 * edge + edge / 2] = 100;

  ww_chain *chain;
  options.note = note;
  must(ww_chain_open(&chain, directory, &options), "open");
  if (!resume && ww_chain_list(chain, there_is_one, NULL) != 0)
    fail(USAGE, "%s holds a state: give --resume to go on from it, or another --dir", directory);
  restore.place = place;
  int error = resume ? ww_chain_restore(chain, &restore, NULL) : -ENODATA;
  if (error != -ENODATA)
    must(error, "resume");
  fprintf(stderr, "checkpoint-heat: at step %llu\n", (unsigned long long)plate->steps);

  ww_tracker *tracker;
  must(ww_tracker_create(&tracker, NULL), "create");
  must(ww_region_add(tracker, "plate", plate, image, NULL), "add");
  must(ww_start(tracker), "start");
  if (error == -ENODATA)
    must(ww_checkpoint(chain, tracker, NULL), "checkpoint");
  while (plate->steps < steps) {
    step();
    if (plate->steps % every == 0 || plate->steps == steps)
      must(ww_checkpoint(chain, tracker, NULL), "checkpoint");
  }
  ww_tracker_destroy(tracker);
  ww_chain_close(chain);

  uint64_t hash = 0xcbf29ce484222325;      /* FNV-1a, 64 bits */
  for (size_t i = 0; i < image; i++)
    hash = (hash ^ ((unsigned char *)plate)[i]) * 0x100000001b3;
  printf("steps %llu hash %016llx\n", (unsigned long long)plate->steps, (unsigned long long)hash);
  return DONE;
}
