/* fixture.c - what the rows of the matrix read from. */
#include "matrix.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

void
data_fill(void *data, size_t length)
{
  for (size_t i = 0; i < length; i++)
    ((unsigned char *)data)[i] = (unsigned char)(i * 7 + (i >> 8) * 3 + 1);
}

static void
put(int file, size_t length)
{
  unsigned char *data = malloc(length);
  if (!data)
    abort();
  data_fill(data, length);
  for (size_t done = 0; done < length;) {
    ssize_t more = write(file, data + done, length - done);
    if (more <= 0)
      abort();
    done += (size_t)more;
  }
  free(data);
}

int
data_file(size_t length)
{
  int file = memfd_create("data", MFD_CLOEXEC);
  if (file < 0)
    abort();
  put(file, length);
  lseek(file, 0, SEEK_SET);
  return file;
}

int
data_file_named(const char *path, size_t length, int flags)
{
  int file = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0)
    return -1;
  put(file, length);
  close(file);
  return open(path, flags);
}

const char *
stream_with(struct scene *scene, size_t length)
{
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, scene->file))
    return "no unix sockets";
  put(scene->file[1], length);
  return NULL;
}

const char *
pipe_with(struct scene *scene, size_t length)
{
  if (pipe(scene->file))
    return "no pipes";
  put(scene->file[1], length);
  return NULL;
}

const char *
scratch_path(const char *name)
{
  static char path[4096];
  const char *folder = getenv("TMPDIR");
  snprintf(path, sizeof path, "%s/writewatch-matrix-%ld-%s", folder ? folder : "/tmp", (long)getpid(), name);
  return path;
}
