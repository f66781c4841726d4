/* top_source.c - which trace is looked at, and who writes it. */
#include "config.h"
#include "top.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "message.h"

#define PATIENCE 3000u   /* ms for a program that is asked to end */

/* ------------------------------------------------------------- of a process */

/* All of a small file of /proc; to be freed. */
static char *
read_all(const char *path, size_t *size)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  char *text = NULL;
  size_t room = 0;
  ssize_t got = 0;

  *size = 0;
  if (fd < 0)
    return NULL;
  do {
    if (room - *size < 4096) {
      char *grown = realloc(text, room = 2 * room + 8192);
      if (!grown)
        break;
      text = grown;
    }
    got = read(fd, text + *size, room - *size - 1);
    *size += got > 0 ? (size_t)got : 0;
  } while (got > 0 || (got < 0 && errno == EINTR));
  close(fd);
  if (text)
    text[*size] = 0;
  return text;
}

/* The recorder's settings: numbers, its library, and the rest is the trace's path. */
static char *
path_in(const char *settings)
{
  while (*settings >= '0' && *settings <= '9') {
    settings += strspn(settings, "0123456789");
    if (*settings++ != ' ')
      return NULL;
  }
  settings = strchr(settings, ' ');
  return settings && settings[1] == '/' ? strdup(settings + 1) : NULL;
}

/* Is this a trace, of this process? */
static bool
is_trace_of(int fd, pid_t pid)
{
  struct trace_reader *reader;
  struct trace_record record;
  bool is = false;

  if (trace_reader_open(&reader, fd, 0, NULL))
    return false;
  if (trace_next(reader, &record) == 1 && record.type == TRACE_START)
    is = record.start.pid == (uint64_t)pid;
  trace_reader_close(reader);
  return is;
}

static enum status
find_trace(struct top_source *source, pid_t pid)
{
  static const char variable[] = "WRITEWATCH_RECORD=";
  char file[64], *environment, *base = NULL, *own = NULL;
  size_t size, at;

  snprintf(file, sizeof file, "/proc/%d/environ", (int)pid);
  environment = read_all(file, &size);
  if (!environment) {
    complain("cannot look at process %d: %s", (int)pid, strerror(errno));
    return STATUS_INPUT;
  }
  for (at = 0; at < size && !base; at += strlen(environment + at) + 1)
    if (strncmp(environment + at, variable, sizeof variable - 1) == 0)
      base = path_in(environment + at + sizeof variable - 1);
  free(environment);
  if (base && asprintf(&own, "%s.%d", base, (int)pid) < 0)
    own = NULL;
  /* A child's trace has its number; what was exec'ed takes over the name. */
  for (unsigned i = 0; i < 2; i++) {
    const char *path = i == 0 ? own : base;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;

    if (fd >= 0 && is_trace_of(fd, pid)) {
      source->fd = fd;
      source->path = strdup(path);
      break;
    }
    if (fd >= 0)
      close(fd);
  }
  free(own);
  if (source->fd < 0)
    complain(base ? "process %d is a child of one that is recorded, but has no trace of its own: "
                    "record it with --follow-fork"
                  : "process %d is not being recorded: start it with `writewatch record'", (int)pid);
  free(base);
  return source->fd < 0 ? STATUS_INPUT : STATUS_OK;
}

/* ------------------------------------------------------------- of a command */

static enum status
make_folder(struct top_source *source)
{
  const char *where = getenv("TMPDIR");

  if (asprintf(&source->folder, "%s/writewatch-top-XXXXXX", where && *where ? where : "/tmp") < 0) {
    source->folder = NULL;
    return STATUS_MEMORY;
  }
  if (!mkdtemp(source->folder)) {
    complain("cannot make %s: %s", source->folder, strerror(errno));
    free(source->folder);
    source->folder = NULL;
    return STATUS_OUTPUT;
  }
  return STATUS_OK;
}

/* The terminal is ours while we draw: the program reads nothing from it, and what it says waits. */
static void
part_from_terminal(int output)
{
  int nothing = open("/dev/null", O_RDONLY);

  if (isatty(STDIN_FILENO) && nothing >= 0)
    dup2(nothing, STDIN_FILENO);
  if (isatty(STDERR_FILENO))
    dup2(output, STDERR_FILENO);
  if (isatty(STDOUT_FILENO))
    dup2(output, STDOUT_FILENO);
}

static _Noreturn void
become_recorder(const struct top_source *source, const struct top_options *options, bool drawn)
{
  static char self[] = "/proc/self/exe", name[] = "writewatch", record[] = "record", output[] = "-o",
              end[] = "--";
  size_t count = 0, commands = 0;
  char **arguments;
  sigset_t none;

  while (options->command[commands])
    commands++;
  arguments = calloc(commands + options->passed_count + 8, sizeof *arguments);
  if (!arguments)
    _exit(125);
  arguments[count++] = name;
  arguments[count++] = record;
  arguments[count++] = output;
  arguments[count++] = source->path;
  for (unsigned i = 0; i < options->passed_count; i++)
    arguments[count++] = strdup(options->passed[i]);
  arguments[count++] = end;
  for (size_t i = 0; i < commands; i++)
    arguments[count++] = options->command[i];
  if (drawn) {
    part_from_terminal(source->output);
    /* ^C is for us: we end it. */
    setpgid(0, 0);
  }
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execv(self, arguments);
  _exit(125);
}

static enum status
start_command(struct top_source *source, const struct top_options *options, bool drawn)
{
  enum status status = make_folder(source);
  char *said;

  if (status != STATUS_OK)
    return status;
  source->path = NULL;
  if (options->output)
    source->path = strdup(options->output);
  else if (asprintf(&source->path, "%s/trace.wwt", source->folder) < 0)
    source->path = NULL;
  if (!source->path || asprintf(&said, "%s/output", source->folder) < 0)
    return STATUS_MEMORY;
  if (options->output)
    unlink(options->output);   /* not an older trace */
  source->output = open(said, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  free(said);
  source->recorder = source->output < 0 ? -1 : fork();
  if (source->recorder == 0)
    become_recorder(source, options, drawn);
  if (source->recorder < 0) {
    complain("cannot start the recorder: %s", strerror(errno));
    source->recorder = 0;
    return STATUS_TRACKING;
  }
  return STATUS_OK;
}

/* -------------------------------------------------------------------- all */

enum status
top_source_open(struct top_source *source, const struct top_options *options, bool drawn)
{
  *source = (struct top_source){ .fd = -1, .output = -1 };
  if (options->command)
    return start_command(source, options, drawn);
  if (options->pid)
    return find_trace(source, options->pid);
  source->path = strdup(options->file);
  source->fd = open(options->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (source->fd < 0) {
    complain("cannot read %s: %s", options->file, strerror(errno));
    return STATUS_INPUT;
  }
  return STATUS_OK;
}

void
top_source_look(struct top_source *source)
{
  struct stat status;

  if (source->recorder && waitpid(source->recorder, &source->status, WNOHANG) == source->recorder) {
    source->recorder = 0;
    source->ended = true;
  }
  if (source->fd < 0 && source->path)
    source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  /* Not before there is something to see. */
  if (source->fd >= 0 && source->output >= 0 && fstat(source->fd, &status) == 0
      && status.st_size < (off_t)TRACE_HEADER) {
    close(source->fd);
    source->fd = -1;
  }
}

/* The program gets the time to end as it wishes. */
static void
end_recorder(struct top_source *source)
{
  const struct timespec tick = { 0, 10000000 };

  for (unsigned waited = 0; source->recorder; waited += 10) {
    if (waited == 0)
      kill(source->recorder, SIGTERM);
    if (waitpid(source->recorder, &source->status, WNOHANG) == source->recorder || waited >= PATIENCE)
      break;
    nanosleep(&tick, NULL);
    if (waited + 10 >= PATIENCE)
      complain("the program goes on: it does not end on SIGTERM");
  }
  source->recorder = 0;
}

static void
say_output(int fd)
{
  char buffer[65536];
  off_t at = 0;
  ssize_t got;

  while ((got = pread(fd, buffer, sizeof buffer, at)) > 0) {
    for (ssize_t done = 0, put; done < got; done += put)
      if ((put = write(STDERR_FILENO, buffer + done, (size_t)(got - done))) <= 0)
        return;
    at += got;
  }
}

/* The trace of ours, and those of what it started, if it is not to stay. */
static void
remove_folder(const char *folder)
{
  char command[PATH_MAX];
  pid_t child = fork();

  snprintf(command, sizeof command, "%s", folder);
  if (child == 0) {
    execlp("rm", "rm", "-rf", "--", command, (char *)NULL);
    _exit(127);
  }
  while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
    continue;
}

void
top_source_close(struct top_source *source)
{
  end_recorder(source);
  if (source->output >= 0) {
    say_output(source->output);
    close(source->output);
  }
  if (source->fd >= 0)
    close(source->fd);
  if (source->folder)
    remove_folder(source->folder);
  free(source->folder);
  free(source->path);
}
