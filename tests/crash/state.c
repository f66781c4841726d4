/* state.c - is a thread asleep? */
#include "config.h"
#include "victim.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char
thread_state(pid_t process, pid_t thread)
{
  char path[64], text[256], *end;
  ssize_t got;
  int fd;

  if (process)
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)process, (int)thread);
  else
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return '\0';
  got = read(fd, text, sizeof text - 1);
  close(fd);
  text[got > 0 ? got : 0] = '\0';
  end = strrchr(text, ')');
  return end ? end[2] : '\0';
}
