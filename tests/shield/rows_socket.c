/* rows_socket.c - the recv family and what else sockets write. */
#include "matrix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { LONG = 6000, DATAGRAM = 1400 };

/* An abstract name of this process, so that it is the same in every run. */
static socklen_t
unix_name(struct sockaddr_un *name, const char *what)
{
  memset(name, 0, sizeof *name);
  name->sun_family = AF_UNIX;
  int length = snprintf(name->sun_path + 1, sizeof name->sun_path - 1, "writewatch-%s-%ld", what,
                        (long)getpid());
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

static int
unix_socket(int type, const char *what)
{
  struct sockaddr_un name;
  socklen_t length = unix_name(&name, what);
  int file = socket(AF_UNIX, type, 0);
  return file >= 0 && !bind(file, (struct sockaddr *)&name, length) ? file : -1;
}

static bool
send_two(struct scene *s, const struct sockaddr *to, socklen_t length)
{
  unsigned char data[DATAGRAM];
  data_fill(data, sizeof data);
  return sendto(s->file[1], data, sizeof data, 0, to, length) == (ssize_t)sizeof data
         && sendto(s->file[1], "second", 6, 0, to, length) == 6;
}

/* file[0] has a datagram of 1,400 bytes and one of 6. */
static const char *
unix_datagrams(struct scene *s)
{
  struct sockaddr_un name;
  s->file[0] = unix_socket(SOCK_DGRAM, "to");
  s->file[1] = unix_socket(SOCK_DGRAM, "from");
  socklen_t length = unix_name(&name, "to");
  return s->file[0] >= 0 && s->file[1] >= 0 && send_two(s, (struct sockaddr *)&name, length) ? NULL
         : "no unix datagrams";
}

static const char *
udp_datagrams(struct scene *s)
{
  struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t length = sizeof name;
  s->file[0] = socket(AF_INET, SOCK_DGRAM, 0);
  s->file[1] = socket(AF_INET, SOCK_DGRAM, 0);
  return s->file[0] >= 0 && s->file[1] >= 0 && !bind(s->file[0], (struct sockaddr *)&name, sizeof name)
         && !getsockname(s->file[0], (struct sockaddr *)&name, &length)
         && send_two(s, (struct sockaddr *)&name, length) ? NULL : "no UDP on 127.0.0.1";
}

/* How long the next datagram is, and whether there is a third. */
static void
see_rest(struct scene *s)
{
  char rest[DATAGRAM];
  int error = errno;
  s->also[0] = recv(s->file[0], rest, sizeof rest, MSG_DONTWAIT);
  s->also[1] = recv(s->file[0], rest, sizeof rest, MSG_DONTWAIT);
  errno = error;
}

static long
receive(struct scene *s, int flags)
{
  long result = s->via == VIA_LIBC ? recv(s->file[0], s->at[0], s->size[0], flags)
                : SYS(s, SYS_recvfrom, s->file[0], P(s->at[0]), P(s->size[0]), flags, 0, 0);
  see_rest(s);
  return result;
}

static long
call_recv(struct scene *s)
{
  return receive(s, 0);
}

static long
call_recv_peek(struct scene *s)
{
  return receive(s, MSG_PEEK);
}

static long
call_recv_trunc(struct scene *s)
{
  return receive(s, MSG_TRUNC);
}

static long
call_recv_all(struct scene *s)
{
  return receive(s, MSG_WAITALL);
}

static long
call_read(struct scene *s)
{
  long result = s->via == VIA_LIBC ? read(s->file[0], s->at[0], s->size[0])
                : SYS(s, SYS_read, s->file[0], P(s->at[0]), P(s->size[0]));
  see_rest(s);
  return result;
}

static const char *
stream_long(struct scene *s)
{
  return stream_with(s, LONG);
}

static const char *
with_length(const char *reason, struct scene *s, int buffer, size_t length)
{
  socklen_t words = (socklen_t)length;
  memcpy(s->image[buffer], &words, sizeof words);
  return reason;
}

static const char *
unix_from(struct scene *s)
{
  return with_length(unix_datagrams(s), s, 2, s->size[1]);
}

static const char *
udp_from(struct scene *s)
{
  return with_length(udp_datagrams(s), s, 2, s->size[1]);
}

static long
call_recvfrom(struct scene *s)
{
  long result = s->via == VIA_LIBC
                ? recvfrom(s->file[0], s->at[0], s->size[0], 0, (struct sockaddr *)s->at[1], s->at[2])
                : SYS(s, SYS_recvfrom, s->file[0], P(s->at[0]), P(s->size[0]), 0, P(s->at[1]), P(s->at[2]));
  see_rest(s);
  return result;
}

/* A descriptor and a sender's address come with it: msghdr in buffer 0, then data, name, control. */
static const char *
message(struct scene *s)
{
  struct sockaddr_un name;
  unsigned char data[DATAGRAM];
  union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
  static struct iovec v;
  struct iovec out = { data, sizeof data };
  s->file[0] = unix_socket(SOCK_DGRAM, "to");
  s->file[1] = unix_socket(SOCK_DGRAM, "from");
  s->file[2] = data_file(10);
  data_fill(data, sizeof data);
  memset(&control, 0, sizeof control);
  struct msghdr header = { &name, unix_name(&name, "to"), &out, 1, &control, sizeof control, 0 };
  struct cmsghdr *c = CMSG_FIRSTHDR(&header);
  *c = (struct cmsghdr) { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
  memcpy(CMSG_DATA(c), &s->file[2], sizeof(int));
  if (s->file[0] < 0 || sendmsg(s->file[1], &header, 0) != (ssize_t)sizeof data)
    return "no unix datagrams";
  v = (struct iovec) { s->at[1], s->size[1] };
  memset(&header, 0, sizeof header);      /* also between its members */
  header.msg_name = s->at[2];
  header.msg_namelen = (socklen_t)s->size[2];
  header.msg_iov = &v;
  header.msg_iovlen = 1;
  header.msg_control = s->at[3];
  header.msg_controllen = s->size[3];
  header.msg_flags = -1;
  memcpy(s->image[0], &header, sizeof header);
  return NULL;
}

static long
call_recvmsg(struct scene *s)
{
  long result = s->via == VIA_LIBC ? recvmsg(s->file[0], s->at[0], MSG_CMSG_CLOEXEC)
                : SYS(s, SYS_recvmsg, s->file[0], P(s->at[0]), MSG_CMSG_CLOEXEC);
  int error = errno, passed;
  memcpy(&passed, (char *)s->at[3] + CMSG_LEN(0), sizeof passed);
  s->also[2] = result < 0 ? 0 : lseek(passed, 0, SEEK_END);
  if (result >= 0)
    close(passed);
  see_rest(s);
  errno = error;
  return result;
}

/* mmsghdr[2] in buffer 0, their data in 1 and 2. */
static const char *
messages(struct scene *s)
{
  static struct iovec v[2];
  struct mmsghdr headers[2];
  memset(headers, 0, sizeof headers);
  for (int i = 0; i < 2; i++) {
    v[i] = (struct iovec) { s->at[1 + i], s->size[1 + i] };
    headers[i].msg_hdr.msg_iov = &v[i];
    headers[i].msg_hdr.msg_iovlen = 1;
    headers[i].msg_len = 0x5a5a5a5a;
  }
  memcpy(s->image[0], headers, sizeof headers);
  return unix_datagrams(s);
}

static long
call_recvmmsg(struct scene *s)
{
  long result = s->via == VIA_LIBC ? recvmmsg(s->file[0], s->at[0], 2, MSG_WAITFORONE, NULL)
                : SYS(s, SYS_recvmmsg, s->file[0], P(s->at[0]), 2, MSG_WAITFORONE, 0);
  see_rest(s);
  return result;
}

/* Value in buffer 0, length in 1. */
static const char *
an_option(struct scene *s)
{
  return with_length(stream_with(s, 1), s, 1, s->size[0]);
}

static const char *
tcp_option(struct scene *s)
{
  s->file[0] = socket(AF_INET, SOCK_STREAM, 0);
  return with_length(s->file[0] < 0 ? "no TCP" : NULL, s, 1, s->size[0]);
}

static long
option(struct scene *s, int level, int name)
{
  return s->via == VIA_LIBC ? getsockopt(s->file[0], level, name, s->at[0], s->at[1])
         : SYS(s, SYS_getsockopt, s->file[0], level, name, P(s->at[0]), P(s->at[1]));
}

static long
call_getsockopt(struct scene *s)
{
  return option(s, SOL_SOCKET, SO_TYPE);
}

static long
call_getsockopt_credentials(struct scene *s)
{
  return option(s, SOL_SOCKET, SO_PEERCRED);
}

static long
call_getsockopt_tcp(struct scene *s)
{
  return option(s, IPPROTO_TCP, TCP_INFO);
}

/* Address in buffer 0, length in 1; file[0] listens, file[1] is connected to it. */
static const char *
connected(struct scene *s)
{
  struct sockaddr_un name;
  s->file[0] = unix_socket(SOCK_STREAM, "to");
  s->file[1] = unix_socket(SOCK_STREAM, "from");
  socklen_t length = unix_name(&name, "to");
  if (s->file[0] < 0 || s->file[1] < 0 || listen(s->file[0], 2)
      || connect(s->file[1], (struct sockaddr *)&name, length))
    return "no unix sockets";
  return with_length(NULL, s, 1, s->size[0]);
}

static long
call_getsockname(struct scene *s)
{
  return s->via == VIA_LIBC ? getsockname(s->file[0], (struct sockaddr *)s->at[0], s->at[1])
         : SYS(s, SYS_getsockname, s->file[0], P(s->at[0]), P(s->at[1]));
}

static long
call_getpeername(struct scene *s)
{
  return s->via == VIA_LIBC ? getpeername(s->file[1], (struct sockaddr *)s->at[0], s->at[1])
         : SYS(s, SYS_getpeername, s->file[1], P(s->at[0]), P(s->at[1]));
}

static long
accepted(struct scene *s, long result)
{
  int error = errno;
  s->file[2] = (int)result;
  s->also[0] = result < 0 ? 0 : fcntl(s->file[2], F_GETFD);
  errno = error;
  return result;
}

static long
call_accept(struct scene *s)
{
  return accepted(s, s->via == VIA_LIBC ? accept(s->file[0], (struct sockaddr *)s->at[0], s->at[1])
                  : SYS(s, SYS_accept, s->file[0], P(s->at[0]), P(s->at[1])));
}

static long
call_accept4(struct scene *s)
{
  return accepted(s, s->via == VIA_LIBC
                  ? accept4(s->file[0], (struct sockaddr *)s->at[0], s->at[1], SOCK_CLOEXEC)
                  : SYS(s, SYS_accept4, s->file[0], P(s->at[0]), P(s->at[1]), SOCK_CLOEXEC));
}

static long
call_socketpair(struct scene *s)
{
  long result = s->via == VIA_LIBC ? socketpair(AF_UNIX, SOCK_STREAM, 0, s->at[0])
                : SYS(s, SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, P(s->at[0]));
  if (!result)
    memcpy(s->file, s->at[0], 2 * sizeof(int));
  return result;
}

static const char *
interface(struct scene *s)
{
  struct ifreq request;
  memcpy(&request, s->image[0], sizeof request);
  request.ifr_ifindex = 1;
  memcpy(s->image[0], &request, sizeof request);
  s->file[0] = socket(AF_INET, SOCK_DGRAM, 0);
  return s->file[0] < 0 || ioctl(s->file[0], SIOCGIFNAME, &request) ? "no network interface" : NULL;
}

static const char *
interfaces(struct scene *s)
{
  struct ifconf request;
  memset(&request, 0, sizeof request);
  request.ifc_len = (int)s->size[1];
  request.ifc_buf = s->at[1];
  memcpy(s->image[0], &request, sizeof request);
  s->file[0] = socket(AF_INET, SOCK_DGRAM, 0);
  return s->file[0] < 0 ? "no UDP" : NULL;
}

static long
control(struct scene *s, unsigned long request)
{
  return s->via == VIA_LIBC ? ioctl(s->file[0], request, s->at[0])
         : SYS(s, SYS_ioctl, s->file[0], (long)request, P(s->at[0]));
}

static long
call_if_name(struct scene *s)
{
  return control(s, SIOCGIFNAME);
}

static long
call_if_all(struct scene *s)
{
  return control(s, SIOCGIFCONF);
}

enum { NAME = sizeof(struct sockaddr_un), CONTROL = 64, PAIR = 2 * sizeof(int), LENGTH = sizeof(socklen_t) };

const struct row rows_socket[] = {
  { "recv, unix datagram", { LONG }, unix_datagrams, .call = call_recv },
  { "recv, UDP datagram", { LONG }, udp_datagrams, .call = call_recv },
  { "recv, datagram cut", { 700 }, unix_datagrams, .call = call_recv },
  { "recv, MSG_TRUNC", { 700 }, udp_datagrams, .call = call_recv_trunc },
  { "recv, MSG_PEEK", { LONG }, unix_datagrams, .call = call_recv_peek },
  { "recv, stream", { 4000 }, stream_long, .call = call_recv },
  { "recv, MSG_WAITALL", { LONG }, stream_long, .call = call_recv_all },
  { "read of a datagram", { LONG }, udp_datagrams, .call = call_read },
  { "recvfrom, unix", { DATAGRAM, NAME, LENGTH }, unix_from, .call = call_recvfrom },
  { "recvfrom, UDP", { DATAGRAM, NAME, LENGTH }, udp_from, .call = call_recvfrom, .varies = 2 },
  { "recvmsg", { sizeof(struct msghdr), DATAGRAM, NAME, CONTROL }, message, .call = call_recvmsg },
  { "recvmmsg", { 2 * sizeof(struct mmsghdr), DATAGRAM, 3 }, messages, .call = call_recvmmsg },
  { "getsockopt", { 4, LENGTH }, an_option, .call = call_getsockopt },
  { "getsockopt, SO_PEERCRED", { 32, LENGTH }, an_option, .call = call_getsockopt_credentials },
  { "getsockopt, TCP_INFO", { 400, LENGTH }, tcp_option, .call = call_getsockopt_tcp, .varies = 1 },
  { "getsockname", { NAME, LENGTH }, connected, .call = call_getsockname },
  { "getpeername", { NAME, LENGTH }, connected, .call = call_getpeername },
  { "getsockname, cut", { 9, LENGTH }, connected, .call = call_getsockname },
  { "accept", { NAME, LENGTH }, connected, .call = call_accept },
  { "accept4", { NAME, LENGTH }, connected, .call = call_accept4 },
  { "socketpair", { PAIR }, .call = call_socketpair },
  { "ioctl SIOCGIFNAME", { sizeof(struct ifreq) }, interface, .call = call_if_name },
  { "ioctl SIOCGIFCONF", { sizeof(struct ifconf), 4096 }, interfaces, .call = call_if_all },
  { .name = NULL }
};
