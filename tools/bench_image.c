/* bench_image.c - the process image of one contestant in one case: it sets the
 * workload up, then runs an epoch and a collect whenever the driver says so. */
#include "config.h"
#include "bench_suite.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "demo_threads.h"
#include "message.h"

struct image {
  struct workload_run            run;
  const struct bench_contestant *contestant;
  struct bench_ground            ground;
  size_t                         reserved;   /* bytes */
  size_t                         used;
  struct demo_team              *team;       /* NULL: the only thread does it all */
};

void
bench_mark(struct bench_ground *ground, size_t page, size_t count)
{
  for (; count > 0 && page < ground->pages; count--, page++)
    ground->bits[page / 64] |= UINT64_C(1) << (page % 64);
}

int
bench_refuse(struct bench_ground *ground, int error, const char *format, ...)
{
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(ground->reason, sizeof ground->reason, format, arguments);
  va_end(arguments);
  return error;
}

static void
speak(const struct bench_report *report)
{
  if (write(STDOUT_FILENO, report, sizeof *report) != sizeof *report)
    _exit(STATUS_OUTPUT);
}

/* One stretch of memory for all that the workload asks for, so that what knows one
 * region only can take part. Small pages: a huge one is not tracked as 512. */
static void *
give_memory(struct workload_run *run, const char *name, size_t bytes)
{
  struct image *image = run->driver;
  size_t length = (bytes + run->page_size - 1) / run->page_size * run->page_size;
  unsigned char *at = image->ground.memory + image->used;

  if (length == 0 || length < bytes || length > image->reserved - image->used
      || mprotect(at, length, PROT_READ | PROT_WRITE) != 0) {
    workload_fail(run, -ENOMEM, "no %zu bytes of memory for '%s'", bytes, name);
    return NULL;
  }
  image->used += length;
  return at;
}

/* The tests' proof that a missed page is noticed. */
static void
forget_one(struct image *image)
{
  for (size_t i = 0; i < image->ground.pages / 64; i++)
    if (image->ground.bits[i] != 0) {
      image->ground.bits[i] &= image->ground.bits[i] - 1;
      return;
    }
}

static int
take_turn(struct image *image, unsigned epoch, struct bench_report *report)
{
  const char *forgetful = getenv("WRITEWATCH_BENCH_MISS");
  double begin = now_wall(), middle, end;
  int error = image->team ? demo_team_epoch(image->team, epoch) : image->run.workload->epoch(&image->run,
                                                                                             epoch, 0);

  middle = now_wall();
  report->spent = (struct bench_spent){ 0, 0 };
  if (error == 0 && image->contestant->collect)
    error = image->contestant->collect(&image->ground, &report->spent);
  end = now_wall();
  report->run = middle - begin;
  report->collect = image->contestant->collect ? end - middle : 0;
  memset(image->ground.bits, 0, (image->ground.pages + 63) / 64 * 8);
  if (error == 0 && image->contestant->tell)
    image->contestant->tell(&image->ground);
  if (forgetful && strcmp(forgetful, image->contestant->name) == 0)
    forget_one(image);
  return error;
}

static int
set_up(struct image *image, struct bench_report *report)
{
  struct workload_run *run = &image->run;
  int error;

  image->reserved = (run->pages + run->pages / 4 + 4096) * run->page_size;
  if (image->contestant->reserve)
    image->ground.memory = image->contestant->reserve(image->reserved, run->page_size);
  if (image->ground.memory == NULL)
    image->ground.memory = mmap(NULL, image->reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                                -1, 0);
  if (image->ground.memory == MAP_FAILED)
    return -errno;
  (void)madvise(image->ground.memory, image->reserved, MADV_NOHUGEPAGE);
  error = run->workload->setup(run);
  if (error != 0)
    return error;
  image->ground.pages = image->used / run->page_size;
  image->ground.page_size = run->page_size;
  image->ground.threads = run->threads;
  image->ground.bits = mmap(NULL, (image->ground.pages + 63) / 64 * 8, PROT_READ | PROT_WRITE, MAP_SHARED,
                            BENCH_BITS_FD, 0);
  if (image->ground.bits == MAP_FAILED)
    return -errno;
  if (run->threads > 1)
    error = demo_team_create(&image->team, run);
  if (error == 0 && image->contestant->start) {
    error = image->contestant->start(image->contestant, &image->ground);
    report->word = error == -ENOTSUP ? BENCH_ABSENT : BENCH_READY;
  }
  if (error != 0)
    snprintf(report->reason, sizeof report->reason, "%s", image->ground.reason);
  return error;
}

/* CONTESTANT WORKLOAD PAGES EPOCHS THREADS SEED [OPERAND...] */
int
bench_image(int argc, char **argv)
{
  struct image image = { 0 };
  struct bench_report report = { .word = BENCH_READY };
  unsigned epoch = 0;
  int error;
  char go;

  if (argc < 6 || !(image.contestant = bench_contestant_find(argv[0], NULL)))
    return STATUS_USAGE;
  image.run = (struct workload_run){
    .workload = bench_workload(argv[1]), .pages = strtoul(argv[2], NULL, 10),
    .page_size = page_bytes(), .epochs = (unsigned)strtoul(argv[3], NULL, 10),
    .threads = (unsigned)strtoul(argv[4], NULL, 10), .seed = strtoull(argv[5], NULL, 10),
    .argc = argc - 6, .argv = argv + 6, 
    .talk = fopen("/dev/null", "we"), .driver = &image, .memory = give_memory,
  };
  if (!image.run.workload || !image.run.talk)
    return STATUS_USAGE;
  error = set_up(&image, &report);
  if (error != 0 && report.word != BENCH_ABSENT) {
    report.word = BENCH_BROKEN;
    if (!*report.reason)
      snprintf(report.reason, sizeof report.reason, "%s", strerror(-error));
  }
  report.run = (double)image.ground.pages;
  speak(&report);
  while (error == 0 && read(STDIN_FILENO, &go, 1) == 1) {
    error = take_turn(&image, ++epoch, &report);
    report.word = error == 0 ? BENCH_TURN : BENCH_BROKEN;
    if (error != 0)
      snprintf(report.reason, sizeof report.reason, "%s",
               *image.ground.reason ? image.ground.reason : strerror(-error));
    speak(&report);
  }
  /* No farewell to the tracker: the image ends here, and giving 4 GiB back is the kernel's work. */
  _exit(error == 0 ? STATUS_OK : STATUS_TRACKING);
}
