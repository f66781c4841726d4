/* demo_run.c - a workload under the tracker, epoch by epoch. */
#include "config.h"
#include "demo_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "demo_checkpoint.h"
#include "demo_threads.h"
#include "demo_verify.h"
#include "message.h"

struct demo {
  struct workload_run        run;
  const struct demo_options *options;
  struct demo_part          *parts;
  size_t                     part_count;
  ww_tracker                *tracker;
  ww_summary                *summary;
  struct demo_verify        *verify;
  struct demo_checkpoint    *checkpoint; /* NULL: not wanted */
  enum status                broken;     /* why start() or collect() failed */
  size_t                     collected;  /* epochs */
  bool                       progress;   /* standard error is a terminal */
  int64_t                    shown;      /* when progress was shown last, in ms */
};

/* ------------------------------------------------- what workloads may call */

static int
remember_part(struct demo *demo, const char *name, void *address, size_t length, bool own)
{
  struct demo_part *parts = realloc(demo->parts, (demo->part_count + 1) * sizeof *parts);
  char *copy;

  if (parts == NULL)
    return -ENOMEM;
  demo->parts = parts;
  copy = strdup(name);
  if (copy == NULL)
    return -ENOMEM;
  parts[demo->part_count++] = (struct demo_part){ copy, address, length, own };
  return 0;
}

void *
workload_memory(struct workload_run *run, const char *name, size_t bytes)
{
  struct demo *demo = run->driver;
  size_t length = (bytes + run->page_size - 1) / run->page_size * run->page_size;
  void *address = MAP_FAILED;

  if (run->memory != NULL)
    return run->memory(run, name, bytes);
  if (demo->checkpoint != NULL && length >= bytes && length != 0) {
    address = demo_checkpoint_memory(demo->checkpoint, name, length);
    if (address == NULL)
      return NULL;
  } else if (length >= bytes && length != 0)
    address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) {
    workload_fail(run, -ENOMEM, "no %zu bytes of memory for region '%s': try fewer --pages", bytes, name);
    return NULL;
  }
  if (remember_part(demo, name, address, length, true) != 0) {
    munmap(address, length);
    workload_fail(run, -ENOMEM, "out of memory");
    return NULL;
  }
  return address;
}

int
workload_adopt(struct workload_run *run, const char *name, void *address, size_t length)
{
  if (remember_part(run->driver, name, address, length, false) != 0)
    return workload_fail(run, -ENOMEM, "out of memory");
  return 0;
}

int
workload_fail(struct workload_run *run, int error, const char *format, ...)
{
  char text[1024];
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  complain("%s: %s", run->workload->name, text);
  return error;
}

static enum status
status_of(int error, enum status otherwise)
{
  switch (error) {
    case 0:
      return STATUS_OK;
    case -ENOMEM:
      return STATUS_MEMORY;
    case -EINVAL:
    case -ERANGE:
      return STATUS_USAGE;
    default:
      return otherwise;
  }
}

/* ---------------------------------------------------------------- tracking */

/* The tests' proof that an audit finds something: a write that no fault tells of. */
static int
write_unseen(const struct demo *demo)
{
  const struct demo_part *part = &demo->parts[0];
  unsigned char *last = (unsigned char *)part->address + part->length - 1;
  const unsigned char other = (unsigned char)(*last ^ 1);
  const int memory = open("/proc/self/mem", O_WRONLY | O_CLOEXEC);
  const ssize_t put = memory < 0 ? -1 : pwrite(memory, &other, 1, (off_t)(uintptr_t)last);

  if (memory >= 0)
    close(memory);
  return put == 1 ? 0 : -errno;
}

/* By what was tracked: the options may have left that open. */
static enum status
note_means(struct demo *demo)
{
  static const char *const engines[] = { "auto", "mprotect", "userfaultfd", "pagemap" };
  static const char *const policies[] = { "auto", "trap", "adaptive" };
  struct ww_stats stats = { .size = sizeof stats };

  if (ww_tracker_stats(demo->tracker, &stats) != 0
      || ww_summary_note(demo->summary, "engine", engines[stats.engine & 3]) != 0
      || ww_summary_note(demo->summary, "policy", policies[stats.policy % 3]) != 0) {
    complain("out of memory");
    return STATUS_MEMORY;
  }
  return STATUS_OK;
}

/* May --verify have the kernel's other way of noticing writes, or is the tracker going to use it? */
static bool
is_alone(const struct demo *demo)
{
  const struct demo_options *options = demo->options;

  return demo->run.workload->whole != NULL || options->engine == WW_ENGINE_MPROTECT
    || (options->engine == WW_ENGINE_AUTO && options->policy != WW_POLICY_ADAPTIVE
        && getenv("WRITEWATCH_ENGINE") == NULL);
}

static enum status
start(struct demo *demo)
{
  struct ww_options options = WW_OPTIONS_INIT;
  enum status status;
  int error;

  if (demo->options->verify) {
    status = demo_verify_create(&demo->verify, demo->parts, demo->part_count, demo->run.page_size,
                                demo->run.workload->loud, is_alone(demo));
    if (status != STATUS_OK)
      return status;
  }
  /* A demonstration of mprotect() is to show just that. */
  if (demo->run.workload->whole != NULL)
    options.engine = WW_ENGINE_MPROTECT;
  else
    options.engine = demo->options->engine;
  options.policy = demo->options->policy;
  options.stack_depth = demo->options->stacks;
  if (demo->options->audit)
    options.flags |= WW_AUDIT;
  error = ww_tracker_create(&demo->tracker, &options);
  if (error != 0)
    return complain_library("make a tracker", error);
  for (size_t i = 0; i < demo->part_count; i++) {
    error = ww_region_add(demo->tracker, demo->parts[i].name, demo->parts[i].address, demo->parts[i].length,
                          NULL);
    if (error != 0)
      return complain_library("watch the workload's memory", error);
  }
  error = ww_start(demo->tracker);
  if (error == 0 && getenv("WRITEWATCH_DEMO_MISS") != NULL)
    error = write_unseen(demo);
  return error != 0 ? complain_library("start tracking", error) : note_means(demo);
}

static void
show_progress(struct demo *demo, size_t pages)
{
  struct timespec now;
  int64_t milliseconds;

  if (!demo->progress)
    return;
  clock_gettime(CLOCK_MONOTONIC, &now);
  milliseconds = now.tv_sec * 1000 + now.tv_nsec / 1000000;
  if (milliseconds - demo->shown < 100)
    return;
  demo->shown = milliseconds;
  fprintf(stderr, "\repoch %zu of %u: %zu dirty pages    ", demo->collected, demo->run.epochs,
          pages);
}

static void
end_progress(const struct demo *demo)
{
  if (demo->shown != 0)
    fprintf(stderr, "\r%60s\r", "");
}

static void
say_missed(const struct demo *demo, const ww_dirty *dirty)
{
  size_t count;
  const struct ww_run *run = ww_dirty_missed(dirty, &count);

  for (; demo->options->audit && count > 0; count--, run++)
    complain("epoch %" PRIu64 ": the audit found a write that was missed: %zu bytes of region '%s', at %p",
             ww_dirty_epoch(dirty), run->length, ww_region_name(run->region), run->address);
}

static enum status
collect(struct demo *demo, size_t *pages)
{
  enum status status = STATUS_OK;
  const unsigned epoch = demo_checkpoint_done(demo->checkpoint) + (unsigned)demo->collected + 1;
  ww_dirty *dirty;
  int error;

  demo_checkpoint_note(demo->checkpoint, epoch);
  error = ww_collect(demo->tracker, &dirty);

  if (error != 0)
    return complain_library("collect the dirty pages", error);
  demo->collected++;
  if (demo->verify != NULL)
    status = demo_verify_epoch(demo->verify, dirty);
  say_missed(demo, dirty);
  if (status == STATUS_OK) {
    error = ww_summary_add(demo->summary, dirty);
    if (error != 0) {
      complain("cannot put epoch %zu into the report: %s", demo->collected, strerror(-error));
      status = STATUS_MEMORY;
    }
  }
  if (status == STATUS_OK)
    status = demo_checkpoint_epoch(demo->checkpoint, demo->tracker, dirty, epoch);
  *pages = ww_dirty_pages(dirty);
  show_progress(demo, *pages);
  ww_dirty_free(dirty);
  return status;
}

static int
breaks(struct demo *demo, enum status status)
{
  demo->broken = status;
  return status == STATUS_OK ? 0 : status == STATUS_MEMORY ? -ENOMEM : -EIO;
}

int
workload_start(struct workload_run *run)
{
  return breaks(run->driver, start(run->driver));
}

int
workload_collect(struct workload_run *run, size_t *pages)
{
  return breaks(run->driver, collect(run->driver, pages));
}

/* ------------------------------------------------------------------ epochs */

/* What of the workload's state lies elsewhere gets a region too; all is as it was, if it is resumed. */
static enum status
prepare(struct demo *demo)
{
  struct demo_part part, *parts;
  enum status status;

  if (demo->checkpoint == NULL)
    return STATUS_OK;
  parts = realloc(demo->parts, (demo->part_count + 1) * sizeof *parts);
  if (parts == NULL)
    return STATUS_MEMORY;
  demo->parts = parts;
  status = demo_checkpoint_prepare(demo->checkpoint, &part);
  if (status != STATUS_OK)
    return status;
  demo->parts[demo->part_count++] = part;
  return demo_checkpoint_restore(demo->checkpoint, demo->parts, demo->part_count);
}

static enum status
run_epochs(struct demo *demo)
{
  struct workload_run *run = &demo->run;
  struct demo_team *team = NULL;
  enum status status = prepare(demo);
  size_t pages;
  int error;

  if (status == STATUS_OK)
    status = start(demo);
  if (status != STATUS_OK)
    return status;
  error = demo_team_create(&team, run);
  if (error != 0) {
    complain("cannot start %u threads: %s: try fewer --threads", run->threads, strerror(-error));
    return STATUS_MEMORY;
  }
  for (unsigned epoch = demo_checkpoint_done(demo->checkpoint) + 1; status == STATUS_OK
       && epoch <= run->epochs; epoch++) {
    status = status_of(demo_team_epoch(team, epoch), STATUS_INPUT);
    if (status == STATUS_OK)
      status = collect(demo, &pages);
  }
  demo_team_destroy(team);
  end_progress(demo);
  return status;
}

static enum status
note(struct demo *demo, const char *key, const char *format, ...)
  __attribute__((format(printf, 3, 4)));

static enum status
note(struct demo *demo, const char *key, const char *format, ...)
{
  char text[512];
  va_list arguments;
  int error;

  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  error = ww_summary_note(demo->summary, key, text);
  if (error != 0)
    complain("cannot put a note into the report: %s", strerror(-error));
  return error != 0 ? STATUS_MEMORY : STATUS_OK;
}

static enum status
note_settings(struct demo *demo)
{
  const struct workload_run *run = &demo->run;
  size_t bytes = 0;
  enum status status;

  for (size_t i = 0; i < demo->part_count; i++)
    bytes += demo->parts[i].length;
  status = note(demo, "workload", "%s", run->workload->name);
  if (status == STATUS_OK)
    status = note(demo, "about", "%s", run->workload->summary);
  if (status == STATUS_OK && run->workload->source != NULL)
    status = note(demo, "source", "%s", run->workload->source);
  if (status == STATUS_OK)
    status = note(demo, "pages", "%zu", bytes / run->page_size);
  if (status == STATUS_OK)
    status = note(demo, "threads", "%u", run->threads);
  if (status == STATUS_OK)
    status = note(demo, "seed", "%" PRIu64, run->seed);
  if (status == STATUS_OK && !ww_has_stacks())
    status = note(demo, "stacks", "none: built without libunwind");
  return status;
}

static enum status
note_verify(struct demo *demo)
{
  char text[400];
  enum status status;

  demo_verify_describe(demo->verify, text, sizeof text);
  fprintf(stderr, "verify: %s\n", text);
  status = note(demo, "verify", "%s", text);
  return status == STATUS_OK && !demo_verify_passed(demo->verify) ? STATUS_CHECK : status;
}

static enum status
note_audit(struct demo *demo)
{
  struct ww_stats stats = { .size = sizeof stats };
  int error = ww_tracker_stats(demo->tracker, &stats);
  char text[80];
  enum status status;

  if (error != 0)
    return complain_library("ask for the figures", error);
  snprintf(text, sizeof text, "%s: %" PRIu64 " page%s missed", stats.missed_pages == 0 ? "passed" : "FAILED",
           stats.missed_pages, stats.missed_pages == 1 ? "" : "s");
  fprintf(stderr, "audit: %s\n", text);
  status = note(demo, "audit", "%s", text);
  return status == STATUS_OK && stats.missed_pages != 0 ? STATUS_CHECK : status;
}

static enum status
note_checkpoint(struct demo *demo)
{
  char text[200];

  demo_checkpoint_describe(demo->checkpoint, demo->parts, demo->part_count, text, sizeof text);
  fprintf(stderr, "checkpoint: %s\n", text);
  return note(demo, "checkpoint", "%s", text);
}

/* The memory is the workload's to look at until it has been checked. */
static enum status
conclude(struct demo *demo)
{
  const struct workload *workload = demo->run.workload;
  enum status audited = STATUS_OK, verified = STATUS_OK, checked = STATUS_OK, status;

  status = note_settings(demo);
  if (status == STATUS_OK && demo->checkpoint != NULL)
    status = note_checkpoint(demo);
  if (status == STATUS_OK && workload->check != NULL) {
    checked = status_of(workload->check(&demo->run), STATUS_CHECK);
    status = note(demo, "check", "%s", checked == STATUS_OK ? "passed" : "FAILED");
  }
  if (status == STATUS_OK && demo->verify != NULL)
    verified = note_verify(demo);
  if (status == STATUS_OK && demo->options->audit && demo->tracker != NULL)
    audited = note_audit(demo);
  return status != STATUS_OK ? status : audited != STATUS_OK ? audited : verified != STATUS_OK
    ? verified : checked;
}

enum status
demo_run(const struct demo_options *options, ww_summary *summary)
{
  struct demo demo = {
    .options = options, .summary = summary, .progress = isatty(STDERR_FILENO) == 1,
    .run = {
      .workload = options->workload, .pages = options->pages, .page_size = (size_t)sysconf(_SC_PAGESIZE),
      .epochs = options->epochs, .threads = options->threads, .seed = options->seed,
      .argc = options->argc, .argv = options->argv, .talk = stderr,
    },
  };
  const struct workload *workload = options->workload;
  enum status status, concluded;

  demo.run.driver = &demo;
  status = demo_checkpoint_open(&demo.checkpoint, options, &demo.run);
  if (status != STATUS_OK)
    return status;
  if (workload->whole != NULL) {
    status = status_of(workload->whole(&demo.run), STATUS_CHECK);
    if (demo.broken != STATUS_OK)
      status = demo.broken;
  } else {
    status = status_of(workload->setup(&demo.run), STATUS_INPUT);
    if (status == STATUS_OK)
      status = run_epochs(&demo);
  }
  if (status == STATUS_OK || status == STATUS_CHECK) {
    concluded = conclude(&demo);
    if (concluded != STATUS_OK)
      status = concluded;
  }
  ww_tracker_destroy(demo.tracker);
  demo_checkpoint_close(demo.checkpoint);
  demo_verify_destroy(demo.verify);
  if (workload->teardown != NULL && demo.run.state != NULL)
    workload->teardown(&demo.run);
  for (size_t i = 0; i < demo.part_count; i++) {
    if (demo.parts[i].own)
      munmap(demo.parts[i].address, demo.parts[i].length);
    free(demo.parts[i].name);
  }
  free(demo.parts);
  return status;
}
