/* shielded.h - a tracker with the shield, or the reason why there is none; and the audit,
 * where the library has one. */
#ifndef WW_TEST_SHIELDED_H
#define WW_TEST_SHIELDED_H

#include "writewatch.h"

#include <errno.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

/* Weak: a library without an audit has none, and refuses the flag. */
const struct ww_run *ww_dirty_missed(const ww_dirty *dirty, size_t *count) __attribute__((weak));

static inline unsigned
audit_flag(void)
{
  return ww_dirty_missed ? WW_AUDIT : 0;
}

/* What the audit missed: runs, *count of them; none without an audit. */
static inline const struct ww_run *
missed_runs(const ww_dirty *dirty, size_t *count)
{
  *count = 0;
  return ww_dirty_missed ? ww_dirty_missed(dirty, count) : NULL;
}

static inline size_t
missed_pages(const ww_dirty *dirty, size_t page_size)
{
  size_t count, pages = 0;
  const struct ww_run *runs = missed_runs(dirty, &count);
  for (size_t i = 0; i < count; i++)
    pages += runs[i].length / page_size;
  return pages;
}

/* NULL, or why mappings that the program moves and changes are not followed: the audit came
 * to the library together with that. */
static inline const char *
moves_obstacle(void)
{
  return ww_dirty_missed ? NULL : "this library does not follow memory that moves";
}

/* NULL, or why this machine has no shield. Asked in a child: a seccomp filter is for good. */
static inline const char *
shield_obstacle(void)
{
  int status = 0;
#ifdef __SANITIZE_THREAD__
  return "ThreadSanitizer has a thread of its own with all signals blocked, which the shield refuses";
#endif
  pid_t child = fork();
  if (child == 0) {
    struct ww_options options = WW_OPTIONS_INIT;
    ww_tracker *tracker;
    options.flags = WW_SHIELD;
    _exit(ww_tracker_create(&tracker, &options) == -ENOTSUP);
  }
  if (child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 1)
    return "the shield needs seccomp filters, which this machine does not allow";
  return NULL;
}

#endif
