/* report-trace-text.c - a trace for a person: what was recorded, how much of the program that was, and
 * what it comes to. */
#include "config.h"
#include "report-figure.h"
#include "report-name.h"
#include "report-trace-part.h"
#include "writewatch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN_SHOWN = 3, COMMAND_SHOWN = 400 };

/* A line of the head: what it is, and its value, parted where the line is full. */
static void
say(const struct report_part *part, const char *key, const char *value)
{
  struct report_sink *sink = part->page.sink;

  report_puts(sink, "  ");
  report_puts(sink, key);
  report_pad(sink, ' ', strlen(key) < 10 ? 10 - strlen(key) : 1);
  report_name_wrap(sink, value, 12, part->page.width, part->page.utf8);
  report_puts(sink, "\n");
}

__attribute__((format(printf, 3, 4))) static void
say_formatted(const struct report_part *part, const char *key, const char *format, ...)
{
  va_list arguments;
  char *text;

  va_start(arguments, format);
  if (vasprintf(&text, format, arguments) < 0)
    text = NULL;
  va_end(arguments);
  if (text)
    say(part, key, text);
  else if (!part->page.sink->error)
    part->page.sink->error = -ENOMEM;
  free(text);
}

static const char *
engine_name(uint64_t engine)
{
  static const char *const names[] = { "auto", "mprotect", "userfaultfd", "pagemap" };
  return engine < 4 ? names[engine] : "an unknown engine";
}

static const char *
policy_name(uint64_t policy)
{
  static const char *const names[] = { "auto", "trap", "adaptive" };
  return policy < 3 ? names[policy] : "unknown";
}

static void
say_process(const struct report_part *part)
{
  const struct trace_start *start = &part->summary->index.start;
  time_t seconds = (time_t)(start->realtime / 1000000000u);
  char when[64] = "at an unknown time";
  struct tm utc;

  if (gmtime_r(&seconds, &utc))
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &utc);
  if (start->origin == TRACE_FIRST || start->origin_pid == 0)
    say_formatted(part, "process", "%" PRIu64 ", since %s", start->pid, when);
  else
    say_formatted(part, "process", "%" PRIu64 ", by %s of process %" PRIu64 ", since %s", start->pid,
                  trace_origin_name(start->origin), start->origin_pid, when);
}

static void
say_recording(const struct report_part *part)
{
  const struct trace_start *start = &part->summary->index.start;
  struct figure interval = figure_time(start->interval);

  say_formatted(part, "recorded", "%s%s, engine %s, policy %s, %s, by writewatch %s",
                start->interval ? "every " : "at markers only", start->interval ? interval.text : "",
                engine_name(start->engine), policy_name(start->policy),
                start->stack_depth ? "with stacks" : "without stacks", part->summary->index.writer);
}

static void
say_end(const struct report_part *part)
{
  const struct trace_index *index = &part->summary->index;
  const char *more = index->ended ? index->end_text : "";

  if (!index->ended)
    say(part, "ended", "not said: the program was killed, or is still being recorded");
  else if (index->end.how == TRACE_EXITED)
    say_formatted(part, "ended", "exit status %" PRIu64 "%s%s", index->end.status, *more ? ": " : "", more);
  else if (index->end.how == TRACE_SIGNALLED)
    say_formatted(part, "ended", "by signal %" PRIu64 "%s%s", index->end.status, *more ? ": " : "", more);
  else if (index->end.how == TRACE_DISK_FULL || index->end.how == TRACE_SIZE_CAP
           || index->end.how == TRACE_DURATION || index->end.how == TRACE_FAILED)
    say_formatted(part, "ended", "the recording, not the program: %s%s%s",
                  index->end.how == TRACE_DISK_FULL ? "the disk was full"
                  : index->end.how == TRACE_SIZE_CAP ? "the trace had the size that it may have"
                  : index->end.how == TRACE_DURATION ? "its duration was over" : "it failed",
                  *more ? ": " : "", more);
  else
    say_formatted(part, "ended", "%s%s%s", index->end.how == TRACE_REPLACED
                  ? "another program took its place (exec)"
                  : index->end.how == TRACE_STOPPED ? "the recording was stopped"
                      : "in a way that is not known here",
                  *more ? ": " : "", more);
}

void
report_trace_head(const struct report_part *part)
{
  const struct trace_index *index = &part->summary->index;
  struct report_sink *sink = part->page.sink;

  report_puts(sink, "Trace ");
  report_name_print(sink, part->choice->file ? part->choice->file : "", SIZE_MAX, part->page.utf8);
  report_printf(sink, ", %s\n", figure_bytes(index->size).text);
  if (!index->started) {
    say(part, "", "its beginning is missing: what was recorded is not known");
  } else {
    if (strlen(index->arguments) > COMMAND_SHOWN)
      say_formatted(part, "command", "%.*s ...", COMMAND_SHOWN, index->arguments);
    else if (*index->arguments)
      say(part, "command", index->arguments);
    if (*index->executable)
      say(part, "program", index->executable);
    say_process(part);
    say_recording(part);
    say_formatted(part, "machine", "%s, Linux %s, pages of %s", index->machine, index->kernel,
                  figure_bytes(index->start.page_size).text);
  }
  say_end(part);
}

/* -------------------------------------------------------------------- coverage */

static void
say_unwatched(struct report_line *line, const struct trace_coverage *coverage)
{
  static const char *const words[TRACE_REASONS] = {
    "stacks", "thread-local storage", "libc's", "the recorder's own", "not asked for", "refused",
        "for other reasons"
  };
  const char *before = " ";
  bool any = false;

  for (unsigned i = 0; i < TRACE_REASONS; i++)
    if (coverage->unwatched[i]) {
      if (!any)
        report_line_words(line, "; ", "not watched:");
      any = true;
      report_line_words(line, before, "%s %s", figure_bytes(coverage->unwatched[i]).text,
                      words[i] ? words[i] : "for other reasons");
      before = ", ";
    }
}

/* Of the program's memory that can be written to; the best and the worst that was seen. */
static void
say_share(const struct report_part *part, struct report_line *line)
{
  const struct trace_index *index = &part->summary->index;
  const struct trace_coverage *last = &index->coverage[index->coverage_count - 1];
  double worst = 2, share;

  for (size_t i = 0; i < index->coverage_count; i++) {
    share = index->coverage[i].writable
        ? (double)index->coverage[i].watched / (double)index->coverage[i].writable : 1;
    worst = share < worst ? share : worst;
  }
  share = last->writable ? (double)last->watched / (double)last->writable : 0;
  report_line_words(line, " ", "%s of %s that the program could write to (%s)",
                    figure_bytes(last->watched).text,
                  figure_bytes(last->writable).text,
                      figure_share((double)last->watched, (double)last->writable).text);
  if (worst + 0.01 < share)
    report_line_words(line, ", ", "at worst %s", figure_share(worst, 1).text);
  say_unwatched(line, last);
}

/* The first of them, and why. */
static void
say_unrecorded(const struct report_part *part)
{
  const struct trace_index *index = &part->summary->index;
  unsigned shown = 0;

  for (size_t i = 0; i < index->children_count && shown < CHILDREN_SHOWN; i++)
    if (!index->children[i].recorded) {
      report_printf(part->page.sink, "    %" PRIu64 ": ", index->children[i].pid);
      report_name_wrap(part->page.sink, *index->children[i].reason ? index->children[i].reason
                       : "it is not said why",
                       6, part->page.width, part->page.utf8);
      report_puts(part->page.sink, "\n");
      shown++;
    }
}

void
report_trace_coverage(const struct report_part *part)
{
  const struct trace_index *index = &part->summary->index;
  struct report_line line = report_line_begin(&part->page, 0);
  size_t unrecorded = 0;

  if (part->summary->watched == 0 && !part->choice->filtered) {
    report_line_words(&line, "", "NOTHING WAS WATCHED:");
    report_line_words(&line, " ", "this trace says nothing about what the program writes.");
    report_line_end(&line);
    line = report_line_begin(&part->page, 0);
  }
  report_line_words(&line, "", "Watched:");
  if (index->coverage_count == 0)
    report_line_words(&line, " ",
                      "%s at most; which share of the program's memory that is, the trace does not say",
                    figure_bytes(part->summary->watched).text);
  else
    say_share(part, &line);
  report_line_end(&line);
  if (index->coverage_count) {
    const struct trace_coverage *last = &index->coverage[index->coverage_count - 1];
    line = report_line_begin(&part->page, 2);
    report_line_words(&line, "", "%s thread%s", figure_count(last->threads).text,
                      figure_plural(last->threads));
    if (last->unshielded)
      report_line_words(&line, ", ", "%s of them UNSHIELDED: what the kernel writes for them may be missing",
                      figure_count(last->unshielded).text);
    report_line_end(&line);
  }
  for (size_t i = 0; i < index->children_count; i++)
    unrecorded += !index->children[i].recorded;
  if (index->children_count) {
    line = report_line_begin(&part->page, 2);
    report_line_words(&line, "", "%s child process%s", figure_count(index->children_count).text,
                    index->children_count == 1 ? "" : "es");
    report_line_words(&line, ", ", "%s of them NOT recorded", figure_count(unrecorded).text);
    report_line_end(&line);
    say_unrecorded(part);
  }
}

/* ---------------------------------------------------------------------- totals */

static int
ascending(const void *left, const void *right)
{
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

  return (a > b) - (a < b);
}

static void
say_rate(struct report_line *line, double bytes, double nanoseconds)
{
  if (nanoseconds > 0)
    report_line_words(line, ", ", "%s MiB/s", figure_decimal(bytes / 1048576 / (nanoseconds / 1e9), 1).text);
}

/* The median of what `of` takes from each epoch. */
static void
say_epochs(const struct report_part *part)
{
  const struct trace_summary *summary = part->summary;
  size_t count = summary->epochs_count, peak = 0;
  uint64_t *pages = malloc(2 * count * sizeof(*pages)), *bytes = pages + count;
  struct report_line line;

  if (!pages) {
    if (!part->page.sink->error)
      part->page.sink->error = -ENOMEM;
    return;
  }
  for (size_t i = 0; i < count; i++) {
    pages[i] = summary->epochs[i].dirty.pages;
    bytes[i] = summary->epochs[i].dirty.bytes;
    peak = pages[i] > pages[peak] ? i : peak;
  }
  const struct summary_epoch *most = &summary->epochs[peak];
  qsort(pages, count, sizeof(*pages), ascending);
  qsort(bytes, count, sizeof(*bytes), ascending);
  line = report_line_begin(&part->page, 2);
  report_line_words(&line, "", "an epoch: median %s pages, %s", figure_count(pages[(count - 1) / 2]).text,
                  figure_bytes(bytes[(count - 1) / 2]).text);
  say_rate(&line, (double)bytes[(count - 1) / 2], (double)summary->duration / (double)count);
  report_line_words(&line, "; ", "peak %s pages, %s", figure_count(most->dirty.pages).text,
                  figure_bytes(most->dirty.bytes).text);
  say_rate(&line, (double)most->dirty.bytes, (double)(most->epoch->end - most->epoch->begin));
  report_line_words(&line, " ", "in epoch %" PRIu64, most->epoch->number);
  report_line_end(&line);
  free(pages);
}

static void
say_evidence(const struct report_part *part)
{
  const uint64_t *kinds = part->summary->dirty.by_evidence;
  struct report_line line = report_line_begin(&part->page, 2);

  if (kinds[WW_TRAPPED])
    report_line_words(&line, ", ", "%s trapped", figure_count(kinds[WW_TRAPPED]).text);
  if (kinds[WW_VERIFIED])
    report_line_words(&line, ", ", "%s verified (their content differed; by whom is not known)",
                    figure_count(kinds[WW_VERIFIED]).text);
  if (kinds[WW_DECLARED])
    report_line_words(&line, ", ",
                      "%s DECLARED (written or mapped anew by the kernel for the program, or announced)",
                    figure_count(kinds[WW_DECLARED]).text);
  if (kinds[WW_ASSUMED])
    report_line_words(&line, ", ", "%s assumed (may be unwritten)", figure_count(kinds[WW_ASSUMED]).text);
  if (kinds[0])
    report_line_words(&line, ", ", "%s of evidence that is not known here", figure_count(kinds[0]).text);
  report_line_end(&line);
}

static void
say_distinct(const struct report_part *part)
{
  const struct trace_summary *summary = part->summary;
  struct report_line line = report_line_begin(&part->page, 2);

  report_line_words(&line, "", "%s different pages, %s", figure_count(summary->ever).text,
                  figure_bytes(summary->ever_bytes).text);
  if (summary->watched >= summary->ever_bytes)
    report_line_words(&line, " ", "(%s of what was watched)",
                    figure_share((double)summary->ever_bytes, (double)summary->watched).text);
  report_line_words(&line, ": ", "%s in one epoch only", figure_count(summary->once).text);
  report_line_words(&line, ", ", "%s in several", figure_count(summary->ever - summary->once).text);
  report_line_end(&line);
}

void
report_trace_totals(const struct report_part *part)
{
  const struct trace_summary *summary = part->summary;
  struct report_line line = report_line_begin(&part->page, 0);
  uint64_t collect = 0;

  if (summary->epochs_count == 0) {
    report_line_words(&line, "", "NO EPOCH WAS CLOSED%s: nothing was written down.",
                    summary->index.epochs_count ? " in the time that was asked for" : "");
    report_line_end(&line);
    return;
  }
  report_line_words(&line, "", "%s epoch%s in %s:", figure_count(summary->epochs_count).text,
                  figure_plural(summary->epochs_count), figure_time(summary->duration).text);
  report_line_words(&line, " ", "%s dirty pages (each once an epoch)",
                    figure_count(summary->dirty.pages).text);
  report_line_words(&line, ", ", "%s", figure_bytes(summary->dirty.bytes).text);
  say_rate(&line, (double)summary->dirty.bytes, (double)summary->duration);
  if (part->choice->filtered)
    report_line_words(&line, ", ", "of what was asked for");
  report_line_end(&line);
  if (summary->dirty.pages) {
    say_epochs(part);
    say_distinct(part);
    say_evidence(part);
  }
  for (size_t i = 0; i < summary->epochs_count; i++)
    collect += summary->epochs[i].epoch->collect;
  line = report_line_begin(&part->page, 2);
  report_line_words(&line, "", "collecting took %s (%s of the time)", figure_time(collect).text,
                  figure_share((double)collect, (double)summary->duration).text);
  report_line_end(&line);
}

/* ---------------------------------------------------------------------- the whole */

static void
print_notes(const struct report_part *part)
{
  const struct trace_index *index = &part->summary->index;
  const size_t most = 10;

  if (!index->notes_count)
    return;
  report_puts(part->page.sink, "\nWhat the recorder remarked:\n");
  for (size_t i = 0; i < index->notes_count && i < most; i++) {
    struct figure when = figure_time(index->notes[i].time);
    report_printf(part->page.sink, "  %10s  ", when.text);
    report_name_wrap(part->page.sink, index->notes[i].text, 14, part->page.width, part->page.utf8);
    report_puts(part->page.sink, "\n");
  }
  if (index->notes_count > most)
    report_printf(part->page.sink, "  ... and %s more\n", figure_count(index->notes_count - most).text);
}

static unsigned
colours_of(int fd)
{
  const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");

  if ((none && *none) || !terminal || !*terminal || strcmp(terminal, "dumb") == 0 || !isatty(fd))
    return 0;
  return strstr(terminal, "256color") || getenv("COLORTERM") ? 256 : 8;
}

int
report_trace_text(const struct trace_summary *summary, const struct report_choice *choice, int fd)
{
  struct report_sink sink;
  struct report_part part = { .summary = summary, .choice = choice, .colours = colours_of(fd) };

  report_sink_open(&sink, fd);
  part.page = report_page_of(&sink);
  report_trace_head(&part);
  report_trace_damage(&part);
  report_puts(&sink, "\n");
  report_trace_coverage(&part);
  report_puts(&sink, "\n");
  report_trace_totals(&part);
  if (summary->dirty.pages) {
    report_trace_heat(&part);
    report_trace_regions(&part);
    report_trace_writers(&part);
    report_trace_growth(&part);
  }
  print_notes(&part);
  return report_sink_close(&sink);
}
