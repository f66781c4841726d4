/* fast.c - async-signal-safe (but for the start). The short way of the commonest calls, without
 * a trap.
 *
 * A trap costs several times what a read of a few pages does. So calls of libc's read() and
 * its like are led here (hook.h). If the buffer is one that this thread has lent before and
 * nobody has armed since (pin.h), the call is made at once, from an address that is not trapped,
 * with nothing but the buffer pinned. Else libc's own function is called, as if we were not
 * there: if it is trapped the buffer is lent, and known the next time. Only functions are here
 * that do nothing but the system call. Whatever else makes such a call - libc inside itself,
 * an object that was loaded later - is trapped as ever.
 *
 * As in libc, a thread can be cancelled in here while the system call is made, and only then.
 * The pin that it leaves is dropped when it ends, as by any call that was jumped out of. */
#include "config.h"
#include "shield/fast.h"
#include "loan.h"
#include "raw.h"
#include "shield/hook.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>

#define FRAME ((uintptr_t)__builtin_frame_address(0))

static inline bool
lent(const void *buffer, size_t length, uintptr_t frame)
{
  struct range range = { (uintptr_t)buffer, (uintptr_t)buffer + length };
  return range.start < range.end && loan_again(range, frame);
}

static long
make(long number, long a, long b, long c, long d, long e)
{
  int before;
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &before);
  long result = raw_call(number, a, b, c, d, e, 0);
  pthread_setcanceltype(before, NULL);
  loan_again_end();
  if (result >= 0)
    return result;
  errno = (int)-result;
  return -1;
}

static ssize_t (*real_read)(int, void *, size_t);

static ssize_t
fast_read(int file, void *buffer, size_t length)
{
  if (!lent(buffer, length, FRAME))
    return real_read(file, buffer, length);
  return make(SYS_read, file, (long)buffer, (long)length, 0, 0);
}

static ssize_t (*real_pread)(int, void *, size_t, off_t);

static ssize_t
fast_pread(int file, void *buffer, size_t length, off_t offset)
{
  if (!lent(buffer, length, FRAME))
    return real_pread(file, buffer, length, offset);
  return make(SYS_pread64, file, (long)buffer, (long)length, offset, 0);
}

static ssize_t (*real_pread64)(int, void *, size_t, off_t);

static ssize_t
fast_pread64(int file, void *buffer, size_t length, off_t offset)
{
  if (!lent(buffer, length, FRAME))
    return real_pread64(file, buffer, length, offset);
  return make(SYS_pread64, file, (long)buffer, (long)length, offset, 0);
}

static ssize_t (*real_recv)(int, void *, size_t, int);

static ssize_t
fast_recv(int file, void *buffer, size_t length, int flags)
{
  if (!lent(buffer, length, FRAME))
    return real_recv(file, buffer, length, flags);
  return make(SYS_recvfrom, file, (long)buffer, (long)length, flags, 0);
}

static ssize_t (*real_recvfrom)(int, void *, size_t, int, struct sockaddr *, socklen_t *);

static ssize_t
fast_recvfrom(int file, void *buffer, size_t length, int flags, struct sockaddr *from, socklen_t *size)
{
  if (from || size || !lent(buffer, length, FRAME))
    return real_recvfrom(file, buffer, length, flags, from, size);
  return make(SYS_recvfrom, file, (long)buffer, (long)length, flags, 0);
}

/* With _FORTIFY_SOURCE, the size of the buffer comes last; what is too long libc complains of. */

static ssize_t (*real_read_chk)(int, void *, size_t, size_t);

static ssize_t
fast_read_chk(int file, void *buffer, size_t length, size_t size)
{
  if (length > size || !lent(buffer, length, FRAME))
    return real_read_chk(file, buffer, length, size);
  return make(SYS_read, file, (long)buffer, (long)length, 0, 0);
}

static ssize_t (*real_pread_chk)(int, void *, size_t, off_t, size_t);

static ssize_t
fast_pread_chk(int file, void *buffer, size_t length, off_t offset, size_t size)
{
  if (length > size || !lent(buffer, length, FRAME))
    return real_pread_chk(file, buffer, length, offset, size);
  return make(SYS_pread64, file, (long)buffer, (long)length, offset, 0);
}

static ssize_t (*real_pread64_chk)(int, void *, size_t, off_t, size_t);

static ssize_t
fast_pread64_chk(int file, void *buffer, size_t length, off_t offset, size_t size)
{
  if (length > size || !lent(buffer, length, FRAME))
    return real_pread64_chk(file, buffer, length, offset, size);
  return make(SYS_pread64, file, (long)buffer, (long)length, offset, 0);
}

static ssize_t (*real_recv_chk)(int, void *, size_t, size_t, int);

static ssize_t
fast_recv_chk(int file, void *buffer, size_t length, size_t size, int flags)
{
  if (length > size || !lent(buffer, length, FRAME))
    return real_recv_chk(file, buffer, length, size, flags);
  return make(SYS_recvfrom, file, (long)buffer, (long)length, flags, 0);
}

#ifdef SYS_poll

static int (*real_poll)(struct pollfd *, nfds_t, int);

static int
fast_poll(struct pollfd *files, nfds_t count, int timeout)
{
  if (count > 1 << 20 || !lent(files, count * sizeof *files, FRAME))
    return real_poll(files, count, timeout);
  return (int)make(SYS_poll, (long)files, (long)count, timeout, 0, 0);
}

static int (*real_epoll_wait)(int, struct epoll_event *, int, int);

static int
fast_epoll_wait(int file, struct epoll_event *events, int count, int timeout)
{
  if (count <= 0 || count > 1 << 20 || !lent(events, (size_t)count * sizeof *events, FRAME))
    return real_epoll_wait(file, events, count, timeout);
  return (int)make(SYS_epoll_wait, file, (long)events, count, timeout, 0);
}

#endif

#define HOOK(name) { #name, (void *)fast_##name, (void **)&real_##name }
#define HOOK_CHECKED(name) { "__" #name, (void *)fast_##name, (void **)&real_##name }

void
fast_start(void)
{
  static const struct hook hooks[] = {
    HOOK(read), HOOK(pread), HOOK(pread64), HOOK(recv), HOOK(recvfrom),
    HOOK_CHECKED(read_chk), HOOK_CHECKED(pread_chk), HOOK_CHECKED(pread64_chk), HOOK_CHECKED(recv_chk),
#ifdef SYS_poll
    HOOK(poll), HOOK(epoll_wait),
#endif
  };
  hook_install(hooks, sizeof hooks / sizeof *hooks);
}
