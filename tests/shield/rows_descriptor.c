/* rows_descriptor.c - what descriptors say of themselves, are made by, and are moved by; polling. */
#include "matrix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

enum { LONG = 6000 };

static const char *
pipe_long(struct scene *s)
{
  return pipe_with(s, LONG);
}

static const char *
terminal(struct scene *s)
{
  struct winsize size = { 25, 80, 640, 400 };
  return openpty(&s->file[1], &s->file[0], NULL, NULL, &size) ? "no pseudo-terminals" : NULL;
}

static long
control(struct scene *s, unsigned long request)
{
  return s->via == VIA_LIBC ? ioctl(s->file[0], request, s->at[0])
         : SYS(s, SYS_ioctl, s->file[0], (long)request, P(s->at[0]));
}

static long
call_available(struct scene *s)
{
  return control(s, FIONREAD);
}

static long
call_window(struct scene *s)
{
  return control(s, TIOCGWINSZ);
}

static long
call_terminal(struct scene *s)
{
  return control(s, TCGETS);
}

static const char *
locked(struct scene *s)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5 };
  struct flock asked = lock;
  s->file[0] = data_file(100);
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", s->file[0]);
  s->file[1] = open(path, O_RDWR);
  if (s->file[1] < 0 || fcntl(s->file[1], F_OFD_SETLK, &lock))
    return "no locks";
  memcpy(s->image[0], &asked, sizeof asked);
  return NULL;
}

static long
call_getlk(struct scene *s)
{
  return s->via == VIA_LIBC ? fcntl(s->file[0], F_GETLK, s->at[0])
         : SYS(s, SYS_fcntl, s->file[0], F_GETLK, P(s->at[0]));
}

static long
call_getown(struct scene *s)
{
  return s->via == VIA_LIBC ? fcntl(s->file[0], F_GETOWN_EX, s->at[0])
         : SYS(s, SYS_fcntl, s->file[0], F_GETOWN_EX, P(s->at[0]));
}

static long
opened(struct scene *s, long result)
{
  if (!result)
    memcpy(s->file, s->at[0], 2 * sizeof(int));
  return result;
}

#ifdef SYS_pipe
static long
call_pipe(struct scene *s)
{
  return opened(s, s->via == VIA_LIBC ? pipe(s->at[0]) : SYS(s, SYS_pipe, P(s->at[0])));
}
#endif

static long
call_pipe2(struct scene *s)
{
  return opened(s, s->via == VIA_LIBC ? pipe2(s->at[0], O_CLOEXEC)
                : SYS(s, SYS_pipe2, P(s->at[0]), O_CLOEXEC));
}

/* ------------------------------------------------- offsets in the file */

static const char *
two_files(struct scene *s)
{
  int64_t offset = 1000;
  s->file[0] = data_file(LONG);
  s->file[1] = data_file(0);
  for (int i = 0; i < BUFFERS && s->size[i]; i++)
    memcpy(s->image[i], &offset, sizeof offset);
  return NULL;
}

static const char *
file_and_pipe(struct scene *s)
{
  int64_t offset = 1000;
  memcpy(s->image[0], &offset, sizeof offset);
  s->file[0] = data_file(LONG);
  return pipe(s->file + 1) ? "no pipes" : NULL;
}

static long
call_copy_range(struct scene *s)
{
  return s->via == VIA_LIBC ? copy_file_range(s->file[0], s->at[0], s->file[1], s->at[1], 2000, 0)
         : SYS(s, SYS_copy_file_range, s->file[0], P(s->at[0]), s->file[1], P(s->at[1]), 2000, 0);
}

static long
call_sendfile(struct scene *s)
{
  return s->via == VIA_LIBC ? sendfile(s->file[1], s->file[0], s->at[0], 2000)
         : SYS(s, SYS_sendfile, s->file[1], s->file[0], P(s->at[0]), 2000);
}

static long
call_splice(struct scene *s)
{
  return s->via == VIA_LIBC ? splice(s->file[0], s->at[0], s->file[2], NULL, 2000, 0)
         : SYS(s, SYS_splice, s->file[0], P(s->at[0]), s->file[2], 0, 2000, 0);
}

/* ------------------------------------------------------------- polling */

static const char *
polled(struct scene *s)
{
  struct pollfd files[2];
  const char *reason = stream_with(s, 1);
  memcpy(files, s->image[0], sizeof files);           /* revents as they happen to be */
  files[0].fd = s->file[0];
  files[1].fd = -1;
  files[0].events = files[1].events = POLLIN;
  memcpy(s->image[0], files, sizeof files);
  struct timespec while_ = { 5, 0 };
  if (s->size[1])
    memcpy(s->image[1], &while_, sizeof while_);
  return reason;
}

#ifdef SYS_poll
static long
call_poll(struct scene *s)
{
  return s->via == VIA_LIBC ? poll(s->at[0], 2, 5000) : SYS(s, SYS_poll, P(s->at[0]), 2, 5000);
}
#endif

static long
call_ppoll(struct scene *s)
{
  return s->via == VIA_LIBC ? ppoll(s->at[0], 2, s->at[1], NULL)
         : SYS(s, SYS_ppoll, P(s->at[0]), 2, P(s->at[1]), 0, 8);
}

/* Two sets and a time. */
static const char *
selected(struct scene *s)
{
  const char *reason = stream_with(s, 1);
  fd_set set;
  struct timeval while_ = { 5, 0 };
  FD_ZERO(&set);
  FD_SET(s->file[0], &set);
  FD_SET(s->file[1], &set);
  memcpy(s->image[0], &set, sizeof set);
  memcpy(s->image[1], &set, sizeof set);
  memcpy(s->image[2], &while_, sizeof while_);
  return reason;
}

#ifdef SYS_select
static long
call_select(struct scene *s)
{
  return s->via == VIA_LIBC ? select(FD_SETSIZE, s->at[0], s->at[1], NULL, s->at[2])
         : SYS(s, SYS_select, FD_SETSIZE, P(s->at[0]), P(s->at[1]), 0, P(s->at[2]));
}
#endif

static long
call_pselect(struct scene *s)
{
  return s->via == VIA_LIBC ? pselect(10, s->at[0], s->at[1], NULL, s->at[2], NULL)
         : SYS(s, SYS_pselect6, 10, P(s->at[0]), P(s->at[1]), 0, P(s->at[2]), 0);
}

static const char *
eventful(struct scene *s)
{
  struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0x1122334455667788 };
  const char *reason = stream_with(s, 1);
  s->file[2] = epoll_create1(0);
  if (reason || s->file[2] < 0 || epoll_ctl(s->file[2], EPOLL_CTL_ADD, s->file[0], &event))
    return "no epoll";
  event.events = EPOLLOUT;
  return epoll_ctl(s->file[2], EPOLL_CTL_ADD, s->file[1], &event) ? "no epoll" : NULL;
}

enum { EVENTS = 300 };

#ifdef SYS_epoll_wait
static long
call_epoll_wait(struct scene *s)
{
  return s->via == VIA_LIBC ? epoll_wait(s->file[2], s->at[0], EVENTS, 5000)
         : SYS(s, SYS_epoll_wait, s->file[2], P(s->at[0]), EVENTS, 5000);
}
#endif

static long
call_epoll_pwait(struct scene *s)
{
  return s->via == VIA_LIBC ? epoll_pwait(s->file[2], s->at[0], EVENTS, 5000, NULL)
         : SYS(s, SYS_epoll_pwait, s->file[2], P(s->at[0]), EVENTS, 5000, 0, 8);
}

static long
call_epoll_pwait2(struct scene *s)
{
  struct timespec while_ = { 5, 0 };
  return s->via == VIA_LIBC ? epoll_pwait2(s->file[2], s->at[0], EVENTS, &while_, NULL)
         : SYS(s, SYS_epoll_pwait2, s->file[2], P(s->at[0]), EVENTS, P(&while_), 0, 8);
}

enum {
  POLLS = 2 * sizeof(struct pollfd), SET = sizeof(fd_set), TIME = sizeof(struct timespec),
  EPOLLS = EVENTS * sizeof(struct epoll_event), PAIR = 2 * sizeof(int), OFFSET = sizeof(int64_t)
};

const struct row rows_descriptor[] = {
  { "ioctl FIONREAD", { 4 }, pipe_long, .call = call_available },
  { "ioctl TIOCGWINSZ", { sizeof(struct winsize) }, terminal, .call = call_window },
  { "ioctl TCGETS", { sizeof(struct termios) }, terminal, .call = call_terminal },
  { "fcntl F_GETLK", { sizeof(struct flock) }, locked, .call = call_getlk },
  { "fcntl F_GETOWN_EX", { 8 }, pipe_long, .call = call_getown },
  { "pipe2", { PAIR }, .call = call_pipe2 },
  { "copy_file_range", { OFFSET, OFFSET }, two_files, .call = call_copy_range },
  { "sendfile", { OFFSET }, two_files, .call = call_sendfile },
  { "splice", { OFFSET }, file_and_pipe, .call = call_splice },
  { "ppoll", { POLLS, TIME }, polled, .call = call_ppoll, .varies = 2 },
  { "pselect6", { SET, SET, TIME }, selected, .call = call_pselect, .varies = 4 },
  { "epoll_pwait", { EPOLLS }, eventful, .call = call_epoll_pwait },
  { "epoll_pwait2", { EPOLLS }, eventful, .call = call_epoll_pwait2 },
#ifdef SYS_poll
  { "pipe", { PAIR }, .call = call_pipe },
  { "poll", { POLLS }, polled, .call = call_poll },
  { "select", { SET, SET, sizeof(struct timeval) }, selected, .call = call_select, .varies = 4 },
  { "epoll_wait", { EPOLLS }, eventful, .call = call_epoll_wait },
#endif
  { .name = NULL }
};
