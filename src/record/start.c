/* start.c - the recorder begins: before the program's main(), in its first thread. */
#include "config.h"
#include "record/recorder.h"
#include "record/companion.h"
#include "record/discover.h"
#include "record/environment.h"
#include "arena.h"
#include "error.h"
#include "hashing.h"
#include "maps.h"
#include "os.h"
#include "raw.h"
#include "shield/shield.h"
#include "threads.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { REFUSED = 125, LOWEST = 0x10000 };

struct recorder recorder;

/* What the shield is to see: all below the first thread's stack, whose pages are never watched. What is read
 * onto that needs no trap. */
static void
find_range(void)
{
  char buffer[4096];
  struct maps_reader reader;
  struct mapping mapping;
  recorder.from = LOWEST;
  recorder.to = LOWEST;
  if (maps_open(&reader, buffer, sizeof buffer))
    return;
  while (maps_next(&reader, &mapping) > 0 && strcmp(mapping.path, "[stack]")
         && strncmp(mapping.path, "[v", 2))
    recorder.to = mapping.end;
  maps_close(&reader);
  recorder.to = (recorder.to + 0xffff) & ~(uintptr_t)0xffff;
}

static int
make_tracker(bool shielded)
{
  const unsigned files = 1u << TRACE_FILE | 1u << TRACE_SHARED;
  struct ww_options options = WW_OPTIONS_INIT;
  options.engine = WW_ENGINE_MPROTECT;
  /* By itself it traps, and verifies where that takes too long. */
  options.policy = recorder.settings.policy ? (enum ww_policy)recorder.settings.policy : WW_POLICY_ADAPTIVE;
  options.stack_depth = recorder.settings.stacks;
  options.flags = (shielded ? WW_SHIELD : 0) | (recorder.settings.audit ? WW_AUDIT : 0);
  int error = tracker_create(&recorder.tracker, &options);
  if (!error)
    atomic_store(&recorder.tracker->trapping, !recorder.settings.policy);
  if (!error && shielded) {
    find_range();
    error = shield_cover_range(recorder.from, recorder.to, recorder.settings.kinds & files);
    if (error) {
      tracker_destroy(recorder.tracker);
      recorder.tracker = NULL;
    }
  } else if (!error) {
    recorder.from = 0;
    recorder.to = UINTPTR_MAX;
  }
  return error;
}

int
recorder_start(const char **why)
{
  const int keep[2] = { recorder.trace, -1 };
  atomic_store(&recorder.go, 0);
  recorder.process = os_process_id();
  threads_of(0);
  int32_t companion = companion_start(recorder_keep, keep, recorder_is_first());
  *why = "the companion process cannot be made";
  if (companion < 0)
    return companion;
  atomic_store(&recorder.control->companion, companion);
  int error = 0;
  if (!recorder.tracker) {
    bool shielded = true;
    shield_prepare_apart();
    error = make_tracker(true);
    if (error && recorder.settings.unshielded) {
      shielded = false;
      error = make_tracker(false);
    }
    *why = error_last();
    (void)shielded;
  }
  if (!error) {
    error = discover_start(recorder.tracker, &recorder.settings, recorder.from, recorder.to);
    *why = "/proc/self/maps cannot be read";
  }
  if (!error && (error = tracker_start(recorder.tracker)))
    *why = error_last();
  threads_of(recorder.process);
  if (error) {
    RAW_CALL(SYS_kill, companion, SIGKILL);
    return error;
  }
  atomic_store(&recorder.control->epochs, 0);
  atomic_store(&recorder.control->pages, 0);
  atomic_store(&recorder.control->start, recorder.tracker->start_time);
  atomic_store(&recorder.control->state, CONTROL_RECORDING);
  atomic_store(&recorder.go, 1);
  RAW_CALL(SYS_futex, &recorder.go, FUTEX_WAKE, 1, NULL, NULL, 0);
  return 0;
}

/* The command's own, if this is still the process that it has started. */
static int
open_control(void)
{
  char path[48] = "/proc/";
  size_t at = 6;
  const unsigned numbers[] = { (unsigned)recorder.settings.command, (unsigned)recorder.settings.control };
  if (os_parent_id() != recorder.settings.command)
    return -1;
  for (unsigned i = 0; i < 2; i++) {
    char digits[12];
    unsigned length = 0, number = numbers[i];
    do
      digits[length++] = (char)('0' + number % 10);
    while (number /= 10);
    while (length)
      path[at++] = digits[--length];
    strcpy(path + at, i ? "" : "/fd/");
    at += i ? 0 : 4;
  }
  return (int)RAW_CALL(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
}

static bool
make_control(void)
{
  int fd = recorder.settings.control;
  size_t size = os_page_size();
  size = (sizeof *recorder.control + size - 1) & ~(size - 1);
  if (fd < 0)
    recorder.control = arena_map(NULL, size);
  else {
    if (recorder.settings.origin == TRACE_EXECED)
      fd = open_control();
    long at = fd < 0 ? fd : RAW_CALL(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    recorder.control = at < 0 && at > -4096 ? NULL : (void *)at;
    if (fd >= 0)
      os_close(fd);
    if (!recorder.control) {
      /* As if it were a child: without the command's help. */
      recorder.settings.control = -1;
      recorder.control = arena_map(NULL, size);
    }
  }
  return recorder.control;
}

__attribute__((constructor)) static void
begin(void)
{
  const char *why = "";
  int saved = errno;
  if (recorder.control || !environment_take(&recorder.settings))
    return;
  arena_reserve();
  hashing_alone();
  recorder.trace = recorder.settings.trace;
  if (!make_control())
    return;
  if (recorder.trace < 0)
    recorder.trace = children_open_trace(recorder.control->trace);
  if (recorder.trace < 0) {
    recorder.control = NULL;
    return;
  }
  int error = recorder_start(&why);
  os_close(recorder.trace);
  if (error && recorder.settings.origin == TRACE_FIRST) {
    strncat(recorder.control->text, *why ? why : error_meaning(error), CONTROL_TEXT - 1);
    atomic_store(&recorder.control->state, CONTROL_REFUSED);
    RAW_CALL(SYS_exit_group, REFUSED);
  }
  if (error)
    recorder.control = NULL;
  else
    children_follow();
  errno = saved;
}
