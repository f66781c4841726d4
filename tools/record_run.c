/* record_run.c - `writewatch record': the program's parent. It ends as the program does. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "record.h"
#include "record/control.h"
#include "trace.h"

enum { HIGH = 300 /* descriptors out of the program's way */, SEAL_ROOM = 1 << 20, FINISH_SECONDS = 60 };

static struct control *control;
static volatile sig_atomic_t program;

/* ------------------------------------------------------------------------ before */

static bool
try_library(char library[SETTINGS_PATH], const char *folder, size_t length, const char *rest)
{
  return snprintf(library, SETTINGS_PATH, "%.*s%s", (int)length, folder, rest) < SETTINGS_PATH
    && access(library, R_OK) == 0;
}

/* Beside the command in the build tree (both are in .libs), where it was installed, or as far from the
 * command as that is from where the command was. */
static int
find_library(char library[SETTINGS_PATH])
{
  static const char name[] = "/libwritewatch-record.so";
  static char self[PATH_MAX], far[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  char *slash;

  if (length > 0) {
    self[length] = '\0';
    slash = strrchr(self, '/');
    snprintf(far, sizeof far, "%s", PKGLIBDIR);
    if (try_library(library, self, (size_t)(slash - self), name)
        || try_library(library, far, strlen(far), name)
        || try_library(library, self, (size_t)(slash - self), "/../lib/writewatch/libwritewatch-record.so")) {
      char *real = realpath(library, NULL);
      if (real != NULL && strlen(real) < SETTINGS_PATH && strpbrk(real, ": \t\n") == NULL) {
        strcpy(library, real);
        free(real);
        return 0;
      }
      complain("cannot preload '%s': its path has blanks or colons", real ? real : library);
      free(real);
      return RECORD_FAILED;
    }
  }
  complain("the recorder, libwritewatch-record.so, was not found in %s", PKGLIBDIR);
  return RECORD_FAILED;
}

/* Traces of children from an earlier recording: FILE.NUMBER, FILE.NUMBER.NUMBER. */
static void
remove_earlier(const char *base)
{
  static char folder[SETTINGS_PATH], path[2 * SETTINGS_PATH];
  const char *name = strrchr(base, '/') + 1;
  DIR *entries;
  struct dirent *entry;

  snprintf(folder, sizeof folder, "%.*s", (int)(name - base), base);
  entries = opendir(folder);
  while (entries != NULL && (entry = readdir(entries)) != NULL) {
    size_t length = strlen(name);
    if (strncmp(entry->d_name, name, length) != 0 || entry->d_name[length] != '.')
      continue;
    const char *rest = entry->d_name + length;
    if (rest[strspn(rest, ".0123456789")] == '\0' && rest[1] != '\0') {
      snprintf(path, sizeof path, "%s%s", folder, entry->d_name);
      unlink(path);
    }
  }
  if (entries != NULL)
    closedir(entries);
}

static int
open_trace(const char *output, struct settings *settings)
{
  int fd = open(output, O_RDWR | O_CREAT | O_TRUNC, 0666);
  char *real;

  if (fd < 0) {
    complain("cannot write %s: %s", output, strerror(errno));
    return RECORD_FAILED;
  }
  real = realpath(output, NULL);
  if (real == NULL || strlen(real) >= SETTINGS_PATH) {
    complain("cannot write %s: its path is too long", output);
    return RECORD_FAILED;
  }
  strcpy(settings->base, real);
  free(real);
  settings->trace = fcntl(fd, F_DUPFD, HIGH);
  if (settings->trace >= 0)
    close(fd);
  else
    settings->trace = fd;
  remove_earlier(settings->base);
  return 0;
}

static int
make_control(struct settings *settings)
{
  int fd = memfd_create("writewatch control", 0), high;

  if (fd >= 0 && ftruncate(fd, sizeof *control) == 0)
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fd < 0 || control == NULL || control == MAP_FAILED) {
    complain("no shared memory: %s", strerror(errno));
    return RECORD_FAILED;
  }
  high = fcntl(fd, F_DUPFD, HIGH);
  if (high >= 0)
    close(fd);
  settings->control = high >= 0 ? high : fd;
  return 0;
}

/* --------------------------------------------------------------------- meanwhile */

static void
on_epoch_signal(int number)
{
  int saved = errno;

  (void)number;
  atomic_fetch_add(&control->signals, 1);
  atomic_fetch_add(&control->request, 1);
  syscall(SYS_futex, &control->request, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
  errno = saved;
}

/* What is sent to us was meant for the program. */
static void
pass_on(int number)
{
  int saved = errno;

  if (program > 0)
    kill((pid_t)program, number);
  errno = saved;
}

static void
set_action(int number, void (*handler)(int))
{
  struct sigaction action, earlier;

  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  /* What was ignored when we began is not to come. */
  if (handler == pass_on && sigaction(number, NULL, &earlier) == 0 && earlier.sa_handler == SIG_IGN)
    return;
  sigaction(number, &action, NULL);
}

/* The terminal sends its signals to the program as well. */
static void
take_signals(int epoch_signal)
{
  static const int passed[] = { SIGHUP, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGWINCH };

  for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
    if (passed[i] != epoch_signal)
      set_action(passed[i], pass_on);
  set_action(SIGINT, SIG_IGN);
  set_action(SIGQUIT, SIG_IGN);
  if (epoch_signal != 0)
    set_action(epoch_signal, on_epoch_signal);
}

static void
run_program(const struct record_options *options, const sigset_t *mask, int failed)
{
  static char preload[3 * SETTINGS_PATH], text[SETTINGS_TEXT];
  const char *earlier = getenv("LD_PRELOAD");
  int error;

  snprintf(preload, sizeof preload, "%s%s%s", options->settings.library, earlier && *earlier ? ":" : "",
           earlier ? earlier : "");
  settings_write(&options->settings, text, sizeof text);
  if (setenv("LD_PRELOAD", preload, 1) == 0 && setenv(SETTINGS_VARIABLE, text, 1) == 0) {
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(*options->command, options->command);
  }
  error = errno;
  (void)!write(failed, &error, sizeof error);
  _exit(RECORD_REFUSED);
}

/* ------------------------------------------------------------------------- after */

static void
wait_for_companion(void)
{
  for (unsigned i = 0; i < FINISH_SECONDS * 20 && atomic_load(&control->state) == CONTROL_RECORDING; i++) {
    struct timespec limit = { 0, 50000000 };
    syscall(SYS_futex, &control->state, FUTEX_WAIT, CONTROL_RECORDING, &limit, NULL, 0);
    if (waitpid(atomic_load(&control->companion), NULL, WNOHANG | __WALL) != 0)
      break;                    /* reaped; or it has never been ours */
  }
}

/* The program ended, and its companion has written what it could: how it ended is for us to say. */
static int
seal(const struct settings *settings, int status)
{
  struct timespec now;
  void *buffer = malloc(SEAL_ROOM);
  struct trace_end end = { .epochs = atomic_load(&control->epochs), .pages = atomic_load(&control->pages) };
  int error, fd;

  if (buffer == NULL) {
    complain("out of memory");
    return RECORD_FAILED;
  }
  clock_gettime(CLOCK_MONOTONIC, &now);
  end.time = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec - atomic_load(&control->start);
  end.how = WIFSIGNALED(status) ? TRACE_SIGNALLED : TRACE_EXITED;
  fd = *control->trace == '\0' ? settings->trace : open(control->trace, O_RDWR | O_CLOEXEC);
  end.status = (uint64_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  error = trace_seal(fd, buffer, SEAL_ROOM, &end);
  free(buffer);
  if (error == 0 || error == -EEXIST)
    return 0;
  complain("the trace %s has no end: %s", *control->trace ? control->trace : settings->base,
           error == -EBADMSG ? "it is empty" : strerror(-error));
  return RECORD_FAILED;
}

/* As the program: the parent of ours sees what it would have seen of it. */
static int
end_as(int status)
{
  struct rlimit none = { 0, 0 };
  sigset_t one;

  if (!WIFSIGNALED(status))
    return WEXITSTATUS(status);
  /* One core is enough. */
  setrlimit(RLIMIT_CORE, &none);
  signal(WTERMSIG(status), SIG_DFL);
  sigemptyset(&one);
  sigaddset(&one, WTERMSIG(status));
  fflush(NULL);
  sigprocmask(SIG_UNBLOCK, &one, NULL);
  raise(WTERMSIG(status));
  return 128 + WTERMSIG(status);
}

static int
conclude(const struct record_options *options, int status)
{
  switch (atomic_load(&control->state)) {
    case CONTROL_REFUSED:
      complain("cannot record %s: %s", *options->command, control->text);
      unlink(options->settings.base);
      return RECORD_FAILED;
    case CONTROL_NOT_STARTED:
      complain("%s ran and was not recorded: the recorder was not loaded into it", *options->command);
      unlink(options->settings.base);
      break;
    default:
      wait_for_companion();
      seal(&options->settings, status);
      while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
        ;
      break;
  }
  return end_as(status);
}

int
record_run(const struct record_options *given)
{
  struct record_options options = *given;
  sigset_t all, before;
  int failed[2], error = 0, status, result = find_library(options.settings.library);

  if (result == 0)
    result = open_trace(options.output, &options.settings);
  if (result == 0)
    result = make_control(&options.settings);
  options.settings.command = getpid();
  if (result != 0)
    return result;
  if (pipe2(failed, O_CLOEXEC) != 0) {
    complain("no pipe: %s", strerror(errno));
    return RECORD_FAILED;
  }
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  fflush(NULL);
  program = fork();
  if (program == 0) {
    close(failed[0]);
    run_program(&options, &before, failed[1]);
  }
  if (program < 0) {
    complain("cannot make a process: %s", strerror(errno));
    return RECORD_FAILED;
  }
  close(failed[1]);
  take_signals(options.signal);
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (read(failed[0], &error, sizeof error) != sizeof error)
    error = 0;
  close(failed[0]);
  while (waitpid((pid_t)program, &status, 0) < 0 && errno == EINTR)
    ;
  program = 0;
  if (error != 0) {
    complain("cannot run '%s': %s", *options.command, strerror(error));
    unlink(options.settings.base);
    return error == ENOENT ? RECORD_NOT_FOUND : RECORD_REFUSED;
  }
  return conclude(&options, status);
}
