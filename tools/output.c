/* output.c - a report's file: there whole or not at all. */
#include "config.h"
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"

static const int ending_signals[] = { SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM };
#define ENDING_SIGNALS (sizeof ending_signals / sizeof ending_signals[0])

/* What the signal handler removes: only touched with those signals blocked. */
static char remove_on_signal[PATH_MAX];

static void
remove_and_die(int number)
{
  struct sigaction action = { .sa_handler = SIG_DFL };

  if (remove_on_signal[0] != '\0')
    unlink(remove_on_signal);
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
  raise(number);  /* blocked here, delivered on return */
}

static void
ending_set(sigset_t *set)
{
  sigemptyset(set);
  for (size_t i = 0; i < ENDING_SIGNALS; i++)
    sigaddset(set, ending_signals[i]);
}

static void
install_removal(void)
{
  struct sigaction action = { .sa_handler = remove_and_die };
  struct sigaction before;

  ending_set(&action.sa_mask);
  for (size_t i = 0; i < ENDING_SIGNALS; i++)
    /* One that is ignored (nohup) stays ignored. */
    if (sigaction(ending_signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
      sigaction(ending_signals[i], &action, NULL);
  /* A limit on the size of files is to be an error of write(2), not the end. */
  signal(SIGXFSZ, SIG_IGN);
}

static enum status
cannot_write(const char *name, int error)
{
  complain("cannot write %s: %s", name, strerror(error));
  return error == ENOMEM ? STATUS_MEMORY : STATUS_OUTPUT;
}

/* The temporary file lies beside its target: rename() must not cross filesystems. */
static enum status
open_temporary(struct output *output, const char *target, mode_t mode)
{
  sigset_t ending, before;
  int length, error = 0;

  output->target = strdup(target);
  length = asprintf(&output->temporary, "%s.XXXXXX", target);
  if (length < 0)
    output->temporary = NULL;
  if (output->target == NULL || length < 0) {
    output_drop(output);
    return cannot_write(output->name, ENOMEM);
  }
  if ((size_t)length >= sizeof remove_on_signal) {
    free(output->temporary);
    output->temporary = NULL;
    output_drop(output);
    return cannot_write(output->name, ENAMETOOLONG);
  }
  install_removal();
  ending_set(&ending);
  pthread_sigmask(SIG_BLOCK, &ending, &before);
  output->fd = mkostemp(output->temporary, O_CLOEXEC);
  if (output->fd == -1) {
    error = errno;
    free(output->temporary);
    output->temporary = NULL;
  } else {
    memcpy(remove_on_signal, output->temporary, (size_t)length + 1);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error == 0 && fchmod(output->fd, mode) == -1)
    error = errno;
  if (error != 0) {
    output_drop(output);
    return cannot_write(output->name, error);
  }
  return STATUS_OK;
}

enum status
output_open(struct output *output, const char *path)
{
  char *resolved;
  struct stat status;
  mode_t mask;
  enum status opened;

  *output = (struct output){ .fd = STDOUT_FILENO, .name = "standard output" };
  if (path == NULL)
    return STATUS_OK;
  output->name = path;
  output->fd = -1;
  if (stat(path, &status) == -1) {
    if (errno != ENOENT)
      return cannot_write(path, errno);
    mask = umask(0);
    umask(mask);
    return open_temporary(output, path, 0666 & ~mask);
  }
  if (!S_ISREG(status.st_mode)) {
    output->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return output->fd == -1 ? cannot_write(path, errno) : STATUS_OK;
  }
  /* rename() would replace a file that may not be written to, and a link
   * instead of what it points to. */
  if (access(path, W_OK) == -1 || (resolved = realpath(path, NULL)) == NULL)
    return cannot_write(path, errno);
  opened = open_temporary(output, resolved, status.st_mode & 07777);
  free(resolved);
  return opened;
}

enum status
output_finish(struct output *output)
{
  sigset_t ending, before;
  int fd = output->fd, error = 0;

  if (fd == STDOUT_FILENO)
    return STATUS_OK;
  /* A filesystem may find out only now that it is full. */
  if (output->temporary != NULL && fsync(fd) == -1)
    error = errno;
  output->fd = -1;
  if (close(fd) == -1 && error == 0)
    error = errno;
  if (error == 0 && output->temporary != NULL) {
    ending_set(&ending);
    pthread_sigmask(SIG_BLOCK, &ending, &before);
    if (rename(output->temporary, output->target) == -1) {
      error = errno;
    } else {
      remove_on_signal[0] = '\0';
      free(output->temporary);
      output->temporary = NULL;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  output_drop(output);
  return error != 0 ? cannot_write(output->name, error) : STATUS_OK;
}

void
output_drop(struct output *output)
{
  if (output->fd > STDERR_FILENO)
    close(output->fd);
  output->fd = -1;
  if (output->temporary != NULL) {
    unlink(output->temporary);
    remove_on_signal[0] = '\0';
  }
  free(output->temporary);
  free(output->target);
  output->temporary = output->target = NULL;
}
