/* matrix.c - the driver: every row and trial, each in a process of its own.
 *
 * matrix [--unshielded | --announced [--exact]] [--list] [NAME...]
 *
 * --unshielded leaves the shield off: all rows then fail but those that are marked
 * "(needs no shield)". --announced calls ww_touch() before each call instead of the shield;
 * then the pages of whole buffers may be returned, unless --exact says otherwise.
 * NAME: only rows whose name begins so. */
#include "matrix.h"
#include "verdict.h"
#include "../tap.h"

#include <errno.h>
#include <string.h>

enum mode mode;
bool exact;

/* Rows have one thread each, and a sanitizer of threads makes a minute of them a quarter of
 * an hour: there they run only if named. */
#if defined(__SANITIZE_THREAD__)
enum { SANITIZE_THREAD = 1 };
#else
enum { SANITIZE_THREAD = 0 };
#endif

static const struct row *const families[] = {
  rows_read, rows_socket, rows_path, rows_descriptor, rows_signal, rows_time, rows_process, rows_wait,
  rows_ipc, rows_async, rows_bad
};
static const struct trial *const trial_families[] = { trials_blocking, trials_stdio, trials_standing };
enum { SECONDS = 30 };

struct job {
  const struct row *row;
  enum via via;
};

static void
run_row(void *job)
{
  row_run(((struct job *)job)->row, ((struct job *)job)->via);
}

static void
run_trial(void *trial)
{
  ((const struct trial *)trial)->run();
}

static void
tell(enum outcome_kind outcome, const char *name, bool harmless, const char *text)
{
  const char *note = harmless ? " (needs no shield)" : "";
  char label[200];
  snprintf(label, sizeof label, "%s%s", name, note);
  if (outcome == CANNOT_BE_HERE)
    skip(label, text);
  else if (!ok(outcome == CAME_OUT_RIGHT, "%s", label))
    fputs(text, stdout);
}

static void
do_row(const struct row *row)
{
  for (int via = 0; via < VIAS; via++) {
    unsigned ways = row->via ? row->via : BOTH;
    struct job job = { row, (enum via)via };
    const char *text;
    char name[160];
    if (!(ways & (via == VIA_LIBC ? LIBC : RAW)))
      continue;
    snprintf(name, sizeof name, "%s, %s", row->name, via_names[via]);
    enum outcome_kind outcome = verdict_of(run_row, &job, SECONDS, &text);
    tell(outcome, name, row->harmless, text);
  }
}

static bool
chosen(const char *name, char **names)
{
  for (char **one = names; *one; one++)
    if (!strncmp(name, *one, strlen(*one)))
      return true;
  return !*names;
}

static void
probe(void *unused)
{
  ww_tracker *tracker;
  (void)unused;
  int error = tracker_make(&tracker);
  if (error == -ENOTSUP)
    not_here(ww_last_error());
  if (check(!error, "ww_tracker_create: %s (%s)", ww_strerror(error), ww_last_error()))
    ww_tracker_destroy(tracker);
}

int
main(int argc, char **argv)
{
  bool list = false;
  char **names = argv + 1;
  const char *text;
  for (; names < argv + argc && !strncmp(*names, "--", 2); names++) {
    list |= !strcmp(*names, "--list");
    exact |= !strcmp(*names, "--exact");
    mode = !strcmp(*names, "--unshielded") ? UNSHIELDED : !strcmp(*names, "--announced") ? ANNOUNCED : mode;
  }
  enum outcome_kind able = verdict_of(probe, NULL, SECONDS, &text);
  if (able == CANNOT_BE_HERE) {
    printf("1..0 # SKIP %s\n", text);
    return 0;
  }
  tell(able, "a tracker", true, text);
  if (SANITIZE_THREAD && !*names)
    skip("rows, of one thread each", "a sanitizer of threads is slow with them and has nothing to say");
  for (size_t i = 0; i < sizeof families / sizeof *families && (!SANITIZE_THREAD || *names); i++)
    for (const struct row *row = families[i]; row->name; row++)
      if (!chosen(row->name, names))
        continue;
      else if (list)
        printf("# %s\n", row->name);
      else
        do_row(row);
  for (size_t i = 0; i < sizeof trial_families / sizeof *trial_families; i++)
    for (const struct trial *trial = trial_families[i]; trial->name; trial++)
      if (!chosen(trial->name, names))
        continue;
      else if (list)
        printf("# %s\n", trial->name);
      else {
        enum outcome_kind outcome = verdict_of(run_trial, (void *)(uintptr_t)trial, SECONDS, &text);
        tell(outcome, trial->name, trial->harmless, text);
      }
  return tap_done();
}
