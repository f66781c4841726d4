/* children.c - async-signal-safe (but for children_follow). Processes that the recorded one makes, and
 * what it execs. */
#include "config.h"
#include "record/recorder.h"
#include "record/discover.h"
#include "record/environment.h"
#include "record/journal.h"
#include "arena.h"
#include "fork.h"
#include "os.h"
#include "raw.h"
#include "process.h"
#include "shield/call.h"
#include "shield/mask.h"
#include "shield/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

enum { POINTERS = 512, TRIES = 1000, KEEP = 1 /* RENAME_NOREPLACE */ };

static char preload[SETTINGS_PATH + 16] = "LD_PRELOAD=";
static char variable[SETTINGS_TEXT] = SETTINGS_VARIABLE "=";

static size_t
put_number(char *at, uint32_t number)
{
  char digits[12];
  size_t length = 0, put = 0;
  do
    digits[length++] = (char)('0' + number % 10);
  while (number /= 10);
  while (length)
    at[put++] = digits[--length];
  at[put] = '\0';
  return put;
}

/* FILE.PID, and further ones FILE.PID.2 and so on. */
static void
name_trace(char path[SETTINGS_PATH + 32], int32_t pid, unsigned turn)
{
  size_t at = strlen(recorder.settings.base);
  memcpy(path, recorder.settings.base, at);
  path[at++] = '.';
  at += put_number(path + at, (uint32_t)pid);
  if (turn > 1) {
    path[at++] = '.';
    put_number(path + at, turn);
  }
}

int
children_open_trace(char path[SETTINGS_PATH + 32])
{
  long fd = -EEXIST;
  if (recorder_is_first()) {
    /* FILE is the image that runs; those before it are put away. */
    for (unsigned turn = 1; turn < TRIES && fd == -EEXIST; turn++) {
      name_trace(path, os_process_id(), turn);
      fd = RAW_CALL(SYS_renameat2, AT_FDCWD, recorder.settings.base, AT_FDCWD, path, KEEP);
    }
    strcpy(path, recorder.settings.base);
    return (int)RAW_CALL(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  }
  for (unsigned turn = 1; turn < TRIES && fd == -EEXIST; turn++) {
    name_trace(path, os_process_id(), turn);
    fd = RAW_CALL(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  }
  return (int)fd;
}

/* --------------------------------------------------------------- what was made */

static void
post(int32_t pid, enum trace_child_how how)
{
  struct control *control = recorder.control;
  int32_t none = 0;
  if (!control || atomic_load(&control->state) != CONTROL_RECORDING)
    return;
  /* It may try one folder after the other. */
  for (unsigned i = 0; i < CONTROL_CHILDREN; i++)
    if (atomic_load(&control->child[i].pid) == pid)
      return;
  for (unsigned i = 0; i < CONTROL_CHILDREN; i++)
    if (atomic_compare_exchange_strong(&control->child[i].pid, &none, -1)) {
      control->child[i].how = how;
      atomic_store(&control->child[i].pid, pid);
      return;
    } else
      none = 0;
}

void
children_tell(void)
{
  static char path[SETTINGS_PATH + 32];
  bool follow = recorder.settings.follow;
  for (unsigned i = 0; i < CONTROL_CHILDREN; i++) {
    struct control_child *child = &recorder.control->child[i];
    int32_t pid = atomic_load(&child->pid);
    if (pid <= 0)
      continue;
    name_trace(path, pid, 1);
    /* Such a one may be anything: of other namespaces, without the C library's knowledge. */
    bool bare = child->how == TRACE_CLONE, recorded = follow && !bare;
    (void)journal_child(pid, child->how, recorded, recorded ? path : NULL, recorded ? NULL
                        : bare ? "it was made by a bare clone(2)"
                        : "children are followed with --follow-fork only");
    atomic_store(&child->pid, 0);
  }
}

static void
on_born(int32_t pid, bool bare)
{
  post(pid, bare ? TRACE_CLONE : TRACE_FORK);
}

/* In the child of a fork(): disarmed and clean (fork.c), and without the companion. */
static void
on_forked(void)
{
  const char *why;
  int saved = errno;
  if (!recorder.control)
    return;
  bool ended = atomic_load(&recorder.control->state) != CONTROL_RECORDING;
  recorder.control = NULL;
  recorder.trace = -1;
  if (!recorder.settings.follow || ended)
    return;
  recorder.settings.origin = TRACE_FORKED;
  recorder.settings.origin_pid = os_parent_id();
  discover_forked();
  recorder.settings.control = -1;
  if ((recorder.control = arena_map(NULL, sizeof *recorder.control))) {
    recorder.trace = children_open_trace(recorder.control->trace);
    if (recorder.trace < 0)
      recorder.control = NULL;
  }
  if (recorder.control) {
    if (recorder_start(&why))
      recorder.control = NULL;
  }
  if (recorder.trace >= 0)
    os_close(recorder.trace);
  errno = saved;
}

/* ---------------------------------------------------------------------- exec */

static bool
is_variable(uintptr_t string, const char *name, size_t length)
{
  char begin[32];
  return !safe_read(begin, string, length) && !memcmp(begin, name, length);
}

/* The environment with ours in it, 0 if the program's cannot be read: then the kernel says so. A preloaded
 * library of the program's own comes behind ours. */
static bool
add_ours(uintptr_t given, char **made, size_t room, char *joined)
{
  size_t put = 0;
  made[put++] = variable;
  made[put++] = preload;
  for (uintptr_t at = given; given; at += sizeof(char *)) {
    char *string;
    if (safe_read(&string, at, sizeof string) || put + 1 >= room)
      return false;
    if (!string)
      break;
    if (is_variable((uintptr_t)string, "LD_PRELOAD=", 11)) {
      size_t length = strlen(preload), theirs = strnlen(string + 11, SETTINGS_PATH);
      if (theirs == SETTINGS_PATH)
        return false;
      memcpy(joined, preload, length);
      joined[length] = theirs ? ':' : '\0';
      memcpy(joined + length + 1, string + 11, theirs);
      joined[length + 1 + theirs] = '\0';
      made[1] = joined;
    } else if (!is_variable((uintptr_t)string, SETTINGS_VARIABLE "=", sizeof SETTINGS_VARIABLE))
      made[put++] = string;
  }
  made[put] = NULL;
  return true;
}

static size_t
count_strings(uintptr_t given, bool *preloads)
{
  size_t count = 0;
  char *string;
  while (given && !safe_read(&string, given + count * sizeof string, sizeof string) && string) {
    *preloads |= is_variable((uintptr_t)string, "LD_PRELOAD=", 11);
    count++;
  }
  return count;
}

static long
exec_with(long number, const long argument[6], char **made, size_t room, char *joined)
{
  unsigned at = number == SYS_execveat ? 3 : 2;
  long a[6];
  memcpy(a, argument, sizeof a);
  if (add_ours((uintptr_t)a[at], made, room, joined))
    a[at] = (long)made;
  return raw_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Stacks may be small here: what is large gets a mapping, which is gone with the image, but for a
 * vfork()'s. */
static long
on_exec(long number, const long argument[6])
{
  char *few[POINTERS];
  bool preloads = false;
  size_t count = count_strings((uintptr_t)argument[number == SYS_execveat ? 3 : 2], &preloads) + 3;
  if (!preloads && count <= POINTERS)
    return exec_with(number, argument, few, POINTERS, NULL);
  size_t pointers = count * sizeof(char *), length = pointers + sizeof preload + SETTINGS_PATH + 2;
  char **made = os_map(length);
  if (!made)
    return -ENOMEM;
  long result = exec_with(number, argument, made, count, (char *)made + pointers);
  os_unmap(made, length);
  return result;
}

/* What this process execs is recorded as it was; what a child in our memory execs, if children are. */
static long
on_exec_by(long number, const long argument[6])
{
  const long *a = argument;
  bool guest = process_self()->guest;
  if (guest)
    post(os_process_id(), TRACE_VFORK);
  if (recorder.control && atomic_load(&recorder.control->state) == CONTROL_RECORDING
      && (guest || recorder.process == os_process_id()) && (!guest || recorder.settings.follow))
    return on_exec(number, argument);
  return raw_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

void
children_follow(void)
{
  struct settings theirs = recorder.settings;
  theirs.trace = -1;
  theirs.origin = TRACE_EXECED;
  theirs.origin_pid = 0;
  strcat(preload, theirs.library);
  settings_write(&theirs, variable + strlen(variable), sizeof variable - strlen(variable));
  atomic_store(&fork_child_hook, on_forked);
  atomic_store(&serve_born_hook, on_born);
  atomic_store(&mask_exec_hook, on_exec_by);
}
