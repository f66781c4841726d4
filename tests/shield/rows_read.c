/* rows_read.c - the read family, from all that can be read. */
#include "matrix.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SHORT = 10, LONG = 6000, MEGABYTE = 1 << 20 };

static const char *
file_long(struct scene *s)
{
  s->file[0] = data_file(LONG);
  return NULL;
}

static const char *
file_short(struct scene *s)
{
  s->file[0] = data_file(SHORT);
  return NULL;
}

static const char *
file_empty(struct scene *s)
{
  s->file[0] = data_file(0);
  return NULL;
}

static long
call_read(struct scene *s)
{
  return s->via == VIA_LIBC ? read(s->file[0], s->at[0], s->size[0])
         : SYS(s, SYS_read, s->file[0], P(s->at[0]), P(s->size[0]));
}

/* What is not taken is still there. */
static long
call_read_part(struct scene *s)
{
  int left = -1;
  long result = call_read(s);
  int error = errno;
  ioctl(s->file[0], FIONREAD, &left);
  s->also[0] = left;
  errno = error;
  return result;
}

static long
call_pread(struct scene *s)
{
  return s->via == VIA_LIBC ? pread(s->file[0], s->at[0], s->size[0], 100)
         : SYS(s, SYS_pread64, s->file[0], P(s->at[0]), P(s->size[0]), 100);
}

/* The program's own array of ranges, which the kernel only reads. */
static int
ranges(struct scene *s, struct iovec *v)
{
  int count = 0;
  for (int i = 0; i < BUFFERS && s->size[i]; i++) {
    v[count++] = (struct iovec) { s->at[i], s->size[i] };
    v[count++] = (struct iovec) { NULL, 0 };
  }
  return count;
}

static long
call_readv(struct scene *s)
{
  struct iovec v[2 * BUFFERS];
  int count = ranges(s, v);
  return s->via == VIA_LIBC ? readv(s->file[0], v, count) : SYS(s, SYS_readv, s->file[0], P(v), count);
}

static long
call_preadv(struct scene *s)
{
  struct iovec v[2 * BUFFERS];
  int count = ranges(s, v);
  return s->via == VIA_LIBC ? preadv(s->file[0], v, count, 7)
         : SYS(s, SYS_preadv, s->file[0], P(v), count, 7, 0);
}

static long
call_preadv2(struct scene *s)
{
  struct iovec v[2 * BUFFERS];
  int count = ranges(s, v);
  return s->via == VIA_LIBC ? preadv2(s->file[0], v, count, -1, 0)
         : SYS(s, SYS_preadv2, s->file[0], P(v), count, -1, -1, 0);
}

/* The array itself in tracked memory. */
static const char *
ranges_tracked(struct scene *s)
{
  struct iovec v = { s->at[1], s->size[1] };
  memcpy(s->image[0], &v, sizeof v);
  return file_long(s);
}

static long
call_readv_tracked(struct scene *s)
{
  return s->via == VIA_LIBC ? readv(s->file[0], s->at[0], 1) : SYS(s, SYS_readv, s->file[0], P(s->at[0]), 1);
}

static const char *
zeroes(struct scene *s)
{
  s->file[0] = open("/dev/zero", O_RDONLY);
  return s->file[0] < 0 ? "no /dev/zero" : NULL;
}

static const char *
proc_file(struct scene *s)
{
  s->file[0] = open("/proc/filesystems", O_RDONLY);
  return s->file[0] < 0 ? "no /proc/filesystems" : NULL;
}

static const char *
pipe_long(struct scene *s)
{
  return pipe_with(s, LONG);
}

static const char *
pipe_short(struct scene *s)
{
  return pipe_with(s, SHORT);
}

static const char *
stream_long(struct scene *s)
{
  return stream_with(s, LONG);
}

static const char *
terminal(struct scene *s)
{
  if (openpty(&s->file[1], &s->file[0], NULL, NULL, NULL))
    return "no pseudo-terminals";
  return write(s->file[1], "some line\n", 10) == 10 ? NULL : "no writing to a pseudo-terminal";
}

static const char *
direct(struct scene *s)
{
  const char *path = scratch_path("direct");
  s->file[0] = data_file_named(path, 8192, O_RDONLY | O_DIRECT);
  unlink(path);
  if (s->file[0] < 0)
    return "no O_DIRECT here";
  return NULL;
}

static const char *
event(struct scene *s)
{
  s->file[0] = eventfd(77, 0);
  return s->file[0] < 0 ? "no eventfd" : NULL;
}

static const char *
timer(struct scene *s)
{
  struct itimerspec soon = { { 0, 0 }, { 0, 1 } };
  s->file[0] = timerfd_create(CLOCK_MONOTONIC, 0);
  return s->file[0] < 0 || timerfd_settime(s->file[0], 0, &soon, NULL) ? "no timerfd" : NULL;
}

static const char *
a_signal(struct scene *s)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  s->file[0] = signalfd(-1, &set, 0);
  return s->file[0] < 0 || raise(SIGUSR1) ? "no signalfd" : NULL;
}

static const char *
notice(struct scene *s)
{
  const char *path = scratch_path("noticed");
  s->file[0] = inotify_init1(0);
  s->file[1] = open(path, O_CREAT | O_WRONLY, 0600);
  if (s->file[0] < 0 || s->file[1] < 0 || inotify_add_watch(s->file[0], path, IN_MODIFY) < 0
      || write(s->file[1], "x", 1) != 1)
    return "no inotify";
  return NULL;
}

static void
notice_end(struct scene *s)
{
  (void)s;
  unlink(scratch_path("noticed"));
}

const struct row rows_read[] = {
  { "read of a file", { LONG }, file_long, .call = call_read },
  { "read of one byte", { 1 }, file_short, .call = call_read_part },
  { "read of three bytes", { 3 }, file_short, .call = call_read_part },
  { "read of 10 bytes into a megabyte", { MEGABYTE }, file_short, .call = call_read },
  { "read at the end", { LONG }, file_empty, .call = call_read, .harmless = true },
  { "read of /dev/zero", { 4 * LONG }, zeroes, .call = call_read },
  { "read of /proc", { LONG }, proc_file, .call = call_read },
  { "read of a pipe", { LONG }, pipe_long, .call = call_read_part },
  { "read of a pipe, short", { LONG }, pipe_short, .call = call_read },
  { "read of a stream", { LONG }, stream_long, .call = call_read },
  { "read of a terminal", { 2000 }, terminal, .call = call_read },
  { "read with O_DIRECT", { 8192 }, direct, .call = call_read, .align = 4096, .pinned = 1 },
  { "read with O_DIRECT past the end", { 24576 }, direct, .call = call_read, .align = 4096, .pinned = 1 },
  { "read of an eventfd", { 8 }, event, .call = call_read },
  { "read of a timerfd", { 8 }, timer, .call = call_read },
  { "read of a signalfd", { 3 * sizeof(struct signalfd_siginfo) }, a_signal, .call = call_read },
  { "read of inotify", { 600 }, notice, .call = call_read, .clean = notice_end },
  { "pread64", { LONG }, file_long, .call = call_pread },
  { "readv", { 100, 3000, 700 }, file_long, .call = call_readv },
  { "readv, short", { 4, 3000, 700 }, file_short, .call = call_readv },
  { "readv with its ranges tracked", { sizeof(struct iovec), LONG }, ranges_tracked,
    .call = call_readv_tracked },
  { "preadv", { 100, 3000, 700 }, file_long, .call = call_preadv },
  { "preadv2", { 100, 3000, 700 }, file_long, .call = call_preadv2 },
  { .name = NULL }
};
