/* part-net.c - sockets and names: what arrives, arrives; no datagram is lost. */
#include "config.h"
#include "tenant.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void
unix_stream(void)
{
  int *ends = heap_across(2 * sizeof *ends);
  char *buffer = heap_across(8000), *text = heap(8000, 'u');
  struct ucred *peer = heap_across(sizeof *peer);
  socklen_t *length = heap_across(sizeof *length);
  say_good(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
  say("send: %zd, ", send(ends[0], text, 8000, 0));
  say("peek: %zd, ", recv(ends[1], buffer, 100, MSG_PEEK));
  say("recv: %zd", recv(ends[1], buffer, 8000, MSG_WAITALL));
  say(" %d\n", memcmp(buffer, text, 8000));
  *length = sizeof *peer;
  say_good(getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, peer, length) == 0 && peer->pid == getpid(),
           "SO_PEERCRED");
  int *waiting = heap_across(sizeof *waiting);
  say("ioctl: %zd ", write(ends[1], "five!", 5));
  say("%d ", ioctl(ends[0], FIONREAD, waiting));
  say("%d\n", *waiting);
  close(ends[0]);
  say("after the end: %zd\n", read(ends[1], buffer, 8000));
  close(ends[1]);
}

/* Everything that recvmsg() fills in lies on the heap, each on two pages. */
static void
pass_descriptor(void)
{
  int ends[2], file = open("passed", O_RDWR | O_CREAT | O_TRUNC, 0600);
  char *one = heap_across(100), *two = heap_across(100), *control = heap_across(CMSG_SPACE(sizeof(int)));
  struct iovec *parts = heap_across(2 * sizeof *parts);
  struct msghdr *message = heap_across(sizeof *message);
  socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends);
  *message = (struct msghdr){ .msg_iov = parts, .msg_iovlen = 2, .msg_control = control,
                              .msg_controllen = CMSG_SPACE(sizeof(int)) };
  parts[0] = (struct iovec){ one, 100 };
  parts[1] = (struct iovec){ two, 100 };
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  memset(control, 0, CMSG_SPACE(sizeof(int)));
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &file, sizeof file);
  memset(one, '1', 100);
  memset(two, '2', 100);
  say("sendmsg: %zd\n", sendmsg(ends[0], message, 0));
  memset(one, 0, 100);
  memset(two, 0, 100);
  memset(control, 0, CMSG_SPACE(sizeof(int)));
  message->msg_controllen = CMSG_SPACE(sizeof(int));
  house_settle();
  say("recvmsg: %zd", recvmsg(ends[1], message, MSG_CMSG_CLOEXEC));
  header = CMSG_FIRSTHDR(message);
  int got = -1;
  if (header)
    memcpy(&got, CMSG_DATA(header), sizeof got);
  say(" flags %#x, control %zu, %c%c, ", message->msg_flags & ~MSG_CMSG_CLOEXEC, message->msg_controllen,
      one[99], two[99]);
  say_good(got >= 0 && got != file && write(got, "through", 7) == 7, "the descriptor");
  say("size %lld\n", (long long)lseek(file, 0, SEEK_END));
  close(got);
  close(file);
  close(ends[0]);
  close(ends[1]);
}

static void
unix_datagrams(void)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX }, *from = heap_across(sizeof *from);
  socklen_t *length = heap_across(sizeof *length);
  char *buffer = heap_across(4000), text[64];
  int receiver = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM, 0);
  strcpy(address.sun_path, "receiver");
  say_good(bind(receiver, (void *)&address, sizeof address) == 0, "bind");
  struct sockaddr_un own = { .sun_family = AF_UNIX, .sun_path = "sender" };
  bind(sender, (void *)&own, sizeof own);
  for (int i = 0; i < 200; i++) {
    int size = snprintf(text, sizeof text, "datagram %d", i);
    sendto(sender, text, (size_t)size, 0, (void *)&address, sizeof address);
    *length = sizeof *from;
    /* A fresh page for some, so that first writes happen within the call. */
    if (i % 16 == 0)
      buffer = heap_across(4000);
    ssize_t got = recvfrom(receiver, buffer, 4000, MSG_DONTWAIT, (void *)from, length);
    if (i % 50 == 0 || got != size)
      say("%d: %zd %.*s from %s, %u\n", i, got, got > 0 ? (int)got : 0, buffer, from->sun_path,
          (unsigned)*length);
    usleep(i % 20 == 0 ? 4000 : 0);
  }
  close(receiver);
  close(sender);
}

static int
bound(int type, struct sockaddr_in *address)
{
  int fd = socket(AF_INET, type, 0);
  socklen_t *length = heap_across(sizeof *length);
  *length = sizeof *address;
  memset(address, 0, sizeof *address);
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  say_good(bind(fd, (void *)address, sizeof *address) == 0, "bind");
  say_good(getsockname(fd, (void *)address, length) == 0 && address->sin_port, "getsockname");
  return fd;
}

static void
udp(void)
{
  struct sockaddr_in *address = heap_across(sizeof *address), *from = heap_across(sizeof *from);
  socklen_t *length = heap_across(sizeof *length);
  int receiver = bound(SOCK_DGRAM, address), sender = socket(AF_INET, SOCK_DGRAM, 0);
  char *buffer = heap_across(6000);
  struct mmsghdr *many = heap_across(4 * sizeof *many);
  struct iovec parts[4];
  connect(sender, (void *)address, sizeof *address);
  for (int i = 0; i < 40; i++) {
    memset(buffer, i, 6000);
    send(sender, buffer, 5000, 0);
    memset(buffer, 0xff, 6000);
    *length = sizeof *from;
    ssize_t got = recvfrom(receiver, buffer, 6000, 0, (void *)from, length);
    if (i % 10 == 0 || got != 5000 || buffer[4999] != i)
      say("udp %d: %zd %d %d from %s\n", i, got, buffer[0], buffer[4999], inet_ntoa(from->sin_addr));
    if (i % 8 == 0)
      usleep(4000);
  }
  for (int i = 0; i < 4; i++) {
    parts[i] = (struct iovec){ heap_across(3000), 3000 };
    many[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &parts[i], .msg_iovlen = 1 } };
    send(sender, "1234567", (size_t)i + 1, 0);
  }
  int count = recvmmsg(receiver, many, 4, 0, NULL);
  say("recvmmsg: %d", count);
  for (int i = 0; i < count; i++)
    say(" %u", many[i].msg_len);
  send(sender, "1234567", 7, 0);
  say("\ntruncated: %zd\n", recv(receiver, buffer, 3, MSG_TRUNC));
  struct timeval soon = { 0, 1000 };
  setsockopt(receiver, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  say_good(recv(receiver, buffer, 100, 0) >= 0, "nothing more");
  close(receiver);
  close(sender);
}

static void *
echo(void *argument)
{
  int fd = *(int *)argument;
  char *buffer = heap(30000, 0);
  ssize_t got;
  while ((got = read(fd, buffer, 30000)) > 0)
    for (ssize_t at = 0, put; at < got; at += put)
      if ((put = write(fd, buffer + at, (size_t)(got - at))) <= 0)
        break;
  close(fd);
  free(buffer);
  return NULL;
}

static void
tcp(void)
{
  struct sockaddr_in *address = heap_across(sizeof *address), *peer = heap_across(sizeof *peer);
  socklen_t *length = heap_across(sizeof *length);
  int *accepted = heap_across(sizeof *accepted), listener = bound(SOCK_STREAM, address), client;
  struct tcp_info *info = heap_across(sizeof *info);
  pthread_t thread;
  listen(listener, 4);
  client = socket(AF_INET, SOCK_STREAM, 0);
  say_good(connect(client, (void *)address, sizeof *address) == 0, "connect");
  *length = sizeof *peer;
  *accepted = accept4(listener, (void *)peer, length, SOCK_CLOEXEC);
  say("accept: %s, %u\n", inet_ntoa(peer->sin_addr), (unsigned)*length);
  pthread_create(&thread, NULL, echo, accepted);
  FILE *stream = fdopen(client, "r+");
  char *line = heap_across(2000);
  int good = 0;
  for (int i = 0; i < 300; i++) {
    int expected = -1;
    fprintf(stream, "line %d %0*d\n", i, 1 + i * 4, i);
    fflush(stream);
    if (fgets(line, 2000, stream))
      sscanf(line, "line %d", &expected);
    good += expected == i;
    fseek(stream, 0, SEEK_CUR);
  }
  say("echoed: %d\n", good);
  *length = sizeof *info;
  say_good(getsockopt(client, IPPROTO_TCP, TCP_INFO, info, length) == 0
           && info->tcpi_state == TCP_ESTABLISHED,
           "TCP_INFO");
  shutdown(client, SHUT_WR);
  say("then: %d\n", fgetc(stream));
  pthread_join(thread, NULL);
  fclose(stream);
  close(listener);
}

static void
waiting(void)
{
  int ends[2], *pair = heap_across(2 * sizeof *pair);
  struct pollfd *polled = heap_across(3 * sizeof *polled);
  struct epoll_event *events = heap_across(8 * sizeof *events);
  fd_set *set = heap_across(sizeof *set);
  struct timeval *timeout = heap_across(sizeof *timeout);
  struct timespec *wait = heap_across(sizeof *wait);
  say_good(pipe(ends) == 0 && pipe2(pair, O_NONBLOCK) == 0, "pipes");
  *timeout = (struct timeval){ 0, 1000 };
  *wait = (struct timespec){ 0, 1000000 };
  FD_ZERO(set);
  FD_SET(ends[0], set);
  say("select: %d", select(ends[0] + 1, set, NULL, NULL, timeout));
  say(" %d\n", FD_ISSET(ends[0], set) != 0);
  (void)!write(ends[1], "x", 1);
  FD_ZERO(set);
  FD_SET(ends[0], set);
  *timeout = (struct timeval){ 5, 0 };
  say("select: %d", select(ends[0] + 1, set, NULL, NULL, timeout));
  say(" %d, time left %d\n", FD_ISSET(ends[0], set) != 0, timeout->tv_sec == 4);
  FD_ZERO(set);
  say("pselect: %d\n", pselect(1, set, NULL, NULL, wait, NULL));
  for (int i = 0; i < 3; i++)
    polled[i] = (struct pollfd){ .fd = i == 0 ? ends[0] : i == 1 ? pair[0] : 999, .events = POLLIN };
  say("poll: %d", poll(polled, 3, 10));
  say(" %#x %#x %#x\n", (unsigned)polled[0].revents, (unsigned)polled[1].revents,
      (unsigned)polled[2].revents);
  int epoll = epoll_create1(0);
  struct epoll_event want = { .events = EPOLLIN, .data.u64 = 0x123456789abcdefu };
  epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &want);
  say("epoll_wait: %d", epoll_wait(epoll, events, 8, 10));
  say(" %#x %llx\n", events[0].events, (unsigned long long)events[0].data.u64);
  for (int i = 0; i < 2; i++)
    close(ends[i]), close(pair[i]);
  close(epoll);
}

static void
names(void)
{
  static const char *const nodes[] = { "localhost", "127.0.0.1", "::1", "256.1.1.1" };
  char *host = heap_across(200), *service = heap_across(40);
  for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = i == 3 ? AI_NUMERICHOST : 0 },
        *list = NULL;
    int error = getaddrinfo(nodes[i], "80", &hints, &list);
    say("%s: %d", nodes[i], error);
    for (struct addrinfo *at = list; at; at = at->ai_next)
      if (getnameinfo(at->ai_addr, at->ai_addrlen, host, 200, service, 40, NI_NUMERICHOST | NI_NUMERICSERV)
          == 0)
        say(" %s %s", host, service);
    say("\n");
    if (list)
      freeaddrinfo(list);
  }
  struct passwd *user = getpwnam("root"), entry, *found = NULL;
  say("getpwnam: %s %s\n", user ? user->pw_dir : "-", user ? user->pw_shell : "-");
  char *buffer = heap_across(4000);
  int error = getpwuid_r(0, &entry, buffer, 4000, &found);
  say("getpwuid_r: %d %s\n", error, found ? found->pw_name : "-");
  struct group *group = getgrgid(0);
  say("getgrgid: %s\n", group ? group->gr_name : "-");
  int count = 0;
  setpwent();
  while (getpwent())
    count++;
  endpwent();
  struct servent *known = getservbyname("domain", "udp");
  struct hostent *old = gethostbyname("localhost");
  struct ifaddrs *interfaces = NULL;
  error = getifaddrs(&interfaces);
  say("users: %d; service %d; host %s; getifaddrs %d %d\n", count, known ? ntohs((uint16_t)known->s_port) : 0,
      old ? old->h_name : "-", error, interfaces != NULL);
  if (interfaces)
    freeifaddrs(interfaces);
}

const struct part net_parts[] = {
  { "unix-stream", unix_stream, false }, { "descriptor-passing", pass_descriptor, false },
  { "unix-datagrams", unix_datagrams, false }, { "udp", udp, false }, { "tcp", tcp, false },
  { "waiting", waiting, false }, { "names", names, false }, { NULL, NULL, false }
};
