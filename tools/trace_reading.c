/* trace_reading.c - a trace that the command was given. */
#include "config.h"
#include "trace_reading.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "message.h"

struct bar {
  uint64_t begin, drawn;   /* ns */
  bool     on, visible;
};

static uint64_t
now(void)
{
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* What is done in half a second needs no bar. */
static void
draw(void *argument, uint64_t done, uint64_t total)
{
  struct bar *bar = argument;
  uint64_t time = now();
  unsigned share = total ? (unsigned)(done * 100 / total) : 100;
  char marks[31];

  if (!bar->on || time - bar->begin < 500000000u || time - bar->drawn < 100000000u)
    return;
  memset(marks, '.', sizeof(marks) - 1);
  memset(marks, '#', share * (sizeof(marks) - 1) / 100);
  marks[sizeof(marks) - 1] = 0;
  fprintf(stderr, "\rreading [%s] %3u %%", marks, share);
  bar->drawn = time;
  bar->visible = true;
}

enum status
trace_reading(const char *file, struct summary_options *options, struct trace_summary **summary)
{
  struct bar bar = { .begin = now(), .on = isatty(STDERR_FILENO) == 1 };
  int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), error;
  const char *why = NULL;

  if (fd == -1) {
    complain("cannot read %s: %s", file, strerror(errno));
    return STATUS_INPUT;
  }
  options->progress = draw;
  options->argument = &bar;
  error = trace_summary_create(summary, fd, options, &why);
  close(fd);
  if (bar.visible)
    fputs("\r\033[K", stderr);
  if (!error)
    return STATUS_OK;
  if (error == -ENOMEM) {
    complain("cannot read %s: out of memory", file);
    return STATUS_MEMORY;
  }
  complain("cannot read %s: %s", file, why ? why : strerror(-error));
  return error == -ENOENT ? STATUS_USAGE : STATUS_INPUT;
}

bool
trace_reading_complain(const char *file, const struct trace_summary *summary)
{
  const struct trace_index *index = &summary->index;
  size_t cut = 0;

  for (size_t i = 0; i < summary->epochs_count; i++)
    cut += !summary->epochs[i].whole;
  if (index->damages_count)
    complain("%s is damaged at byte %" PRIu64 ": %s; %" PRIu64 " bytes in %" PRIu64 " places are left out",
             file,
             index->damages[0].offset, index->damages[0].reason, index->damaged, index->damages_count);
  if (index->tail)
    complain("%s is cut at byte %" PRIu64 ": its last %" PRIu64 " bytes are the beginning of a block", file,
             index->tail_at, index->tail);
  if (cut)
    complain("%s lacks pages of %zu epoch%s", file, cut, cut == 1 ? "" : "s");
  if (summary->unplaced)
    complain("%s has %" PRIu64 " pages in no region that it names", file, summary->unplaced);
  if (!index->ended)
    complain("%s has no end: the program was killed, or is still being recorded", file);
  return index->damages_count || index->tail || cut || summary->unplaced;
}
