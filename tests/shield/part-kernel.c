/* part-kernel.c - what else the kernel writes for a program: each result lies across
 * the edge of two pages, which is where a protected page shows. */
#include "config.h"
#include "tenant.h"

#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void
clocks(void)
{
  struct timespec *now = heap_across(sizeof *now), *left = heap_across(sizeof *left);
  struct timeval *day = heap_across(sizeof *day);
  struct tms *used = heap_across(sizeof *used);
  time_t *seconds = heap_across(sizeof *seconds);
  static const clockid_t ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID,
                                   CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_COARSE };
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
    now->tv_nsec = -1;
    say_good(clock_gettime(ids[i], now) == 0 && now->tv_nsec >= 0, "clock_gettime");
    say_good(syscall(SYS_clock_gettime, ids[i], heap_across(sizeof *now)) == 0, "by a system call");
    say_good(clock_getres(ids[i], heap_across(sizeof *now)) == 0, "clock_getres");
  }
  say_good(gettimeofday(day, NULL) == 0 && day->tv_sec > 1500000000, "gettimeofday");
  say_good(time(seconds) == *seconds, "time");
  say_good(times(used) != (clock_t)-1, "times");
  *now = (struct timespec){ 0, 1000 };
  say_good(nanosleep(now, left) == 0 && clock_nanosleep(CLOCK_MONOTONIC, 0, now, left) == 0, "nanosleep");
}

static void
about(void)
{
  struct utsname *name = heap_across(sizeof *name);
  struct sysinfo *info = heap_across(sizeof *info);
  struct rusage *usage = heap_across(sizeof *usage);
  struct rlimit *limit = heap_across(sizeof *limit);
  cpu_set_t *set = heap_across(sizeof *set);
  gid_t *groups = heap_across(1000 * sizeof *groups);
  uid_t *ids = heap(3 * sizeof *ids, 0);
  unsigned *cpu = heap_across(sizeof *cpu), *node = heap_across(sizeof *node);
  char *text = heap_across(256);
  say_good(uname(name) == 0 && strcmp(name->sysname, "Linux") == 0, "uname");
  say_good(sysinfo(info) == 0 && info->totalram > 0, "sysinfo");
  say_good(getrusage(RUSAGE_SELF, usage) == 0 && usage->ru_maxrss > 0, "getrusage");
  say_good(getrlimit(RLIMIT_NOFILE, limit) == 0 && limit->rlim_cur > 0, "getrlimit");
  say_good(prlimit(0, RLIMIT_STACK, NULL, limit) == 0, "prlimit");
  CPU_ZERO(set);
  say_good(sched_getaffinity(0, sizeof *set, set) == 0 && CPU_COUNT(set) > 0, "sched_getaffinity");
  say_good(getgroups(1000, groups) >= 0, "getgroups");
  say_good(getresuid(&ids[0], &ids[1], &ids[2]) == 0 && ids[0] == getuid(), "getresuid");
  say_good(syscall(SYS_getcpu, cpu, node, NULL) == 0, "getcpu");
  say_good(prctl(PR_GET_NAME, text) == 0 && text[0] != 0x55, "PR_GET_NAME");
  say_good(gethostname(text, 256) == 0 && text[0] != 0x55, "gethostname");
  memset(text, 0, 256);
  say_good(getrandom(text, 256, 0) == 256 && getentropy(text, 100) == 0, "getrandom");
  struct sched_param *parameter = heap_across(sizeof *parameter);
  say_good(sched_getparam(0, parameter) == 0 && parameter->sched_priority == 0, "sched_getparam");
  struct { int32_t version, pid, unused[6]; } *capabilities = heap_across(sizeof *capabilities);
  capabilities->version = 0x20080522;
  capabilities->pid = 0;
  say_good(syscall(SYS_capget, capabilities, heap_across(24)) == 0, "capget");
  struct termios *terminal = heap_across(sizeof *terminal);
  say_good(tcgetattr(0, terminal) == 0, "tcgetattr of no terminal");
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  say_good(master >= 0 && tcgetattr(master, terminal) == 0, "tcgetattr");
  char *slave = heap_across(64);
  say_good(grantpt(master) == 0 && unlockpt(master) == 0 && ptsname_r(master, slave, 64) == 0,
           "pseudo-terminal");
  close(master);
}

static void
descriptors(void)
{
  uint64_t *value = heap_across(sizeof *value);
  char *events = heap_across(4000), *copy = heap_across(5000), *source = heap(5000, 'v');
  int fd = eventfd(5, 0), watch = inotify_init1(IN_NONBLOCK);
  say("eventfd: %zd", read(fd, value, 8));
  say(" %llu\n", (unsigned long long)*value);
  close(fd);
  inotify_add_watch(watch, ".", IN_CREATE);
  close(open("noticed", O_RDWR | O_CREAT, 0600));
  say("inotify: %zd", read(watch, events, 4000));
  say(" %s\n", ((struct inotify_event *)(void *)events)->name);
  close(watch);
  struct iovec to = { copy, 5000 }, from = { source, 5000 };
  say("process_vm_readv: %zd", process_vm_readv(getpid(), &to, 1, &from, 1, 0));
  say(" %016llx\n", (unsigned long long)digest(copy, 5000));
  memset(source, 'w', 5000);
  to = (struct iovec){ source, 5000 };
  from = (struct iovec){ copy, 5000 };
  say("process_vm_writev: %zd", process_vm_writev(getpid(), &to, 1, &from, 1, 0));
  say(" %016llx\n", (unsigned long long)digest(copy, 5000));
  fd = open("attributes", O_RDWR | O_CREAT, 0600);
  int set = fsetxattr(fd, "user.tenant", "a value", 7, 0);
  ssize_t got = fgetxattr(fd, "user.tenant", copy, 100);
  say("xattr: %d %zd %.*s", set, got, got > 0 ? (int)got : 0, copy);
  say(" %zd\n", flistxattr(fd, copy, 1000));
  close(fd);
  struct f_owner_ex *owner = heap_across(sizeof *owner);
  struct flock *lock = heap_across(sizeof *lock);
  fd = open("locked", O_RDWR | O_CREAT, 0600);
  *lock = (struct flock){ .l_type = F_WRLCK };
  say_good(fcntl(fd, F_GETLK, lock) == 0 && lock->l_type == F_UNLCK, "F_GETLK");
  say_good(fcntl(fd, F_GETOWN_EX, owner) == 0 && owner->pid == 0, "F_GETOWN_EX");
  close(fd);
}

/* Around the page cache, where the file system can: the device writes to the heap. */
static void
direct(void)
{
  char *block = NULL, *pattern = heap(64 << 10, 0);
  int fd = open("direct", O_RDWR | O_CREAT, 0600);
  for (int i = 0; i < 64 << 10; i++)
    pattern[i] = (char)(i / 3);
  (void)!write(fd, pattern, 64 << 10);
  fsync(fd);
  close(fd);
  fd = open("direct", O_RDONLY | O_DIRECT);
  if (fd < 0) {
    say("no O_DIRECT here\n");
    return;
  }
  (void)!posix_memalign((void **)&block, 4096, 64 << 10);
  for (int round = 0; round < 4; round++) {
    memset(block, round, 64 << 10);
    usleep(4000);
    say("direct: %zd", pread(fd, block + 8192, 40960, 4096));
    say(" %016llx\n", (unsigned long long)digest(block, 64 << 10));
  }
  close(fd);
  free(block);
}

static void
queues(void)
{
  struct { long type; char text[3000]; } *message = heap_across(sizeof *message);
  struct msqid_ds *state = heap_across(sizeof *state);
  int queue = msgget(IPC_PRIVATE, 0600);
  message->type = 3;
  memset(message->text, 'q', 3000);
  say("msgsnd: %d", msgsnd(queue, message, 3000, 0));
  memset(message, 0, sizeof *message);
  usleep(4000);
  say(" msgrcv: %zd", msgrcv(queue, message, 3000, 0, 0));
  say(" %ld %016llx\n", message->type, (unsigned long long)digest(message->text, 3000));
  say_good(msgctl(queue, IPC_STAT, state) == 0 && state->msg_qnum == 0, "IPC_STAT");
  msgctl(queue, IPC_RMID, NULL);
  struct aiocb *control = heap_across(sizeof *control);
  char *buffer = heap_across(5000);
  int fd = open("/dev/zero", O_RDONLY);
  memset(control, 0, sizeof *control);
  control->aio_fildes = fd;
  control->aio_buf = buffer;
  control->aio_nbytes = 5000;
  const struct aiocb *list[] = { control };
  int error = aio_read(control);
  say("aio_read: %d, aio_suspend: %d, ", error, aio_suspend(list, 1, NULL));
  say("%zd %016llx\n", aio_return(control), (unsigned long long)digest(buffer, 5000));
  close(fd);
}

/* The futex operations that write. */
static void
futexes(void)
{
  uint32_t *words = heap(2 * 4096 * 2, 0);
  uint32_t *one = words + 5, *two = words + 2048;
  usleep(4000);
  int operation = FUTEX_OP(FUTEX_OP_ADD, 7, FUTEX_OP_CMP_EQ, 0);
  say("wake-op: %ld, ", syscall(SYS_futex, one, FUTEX_WAKE_OP_PRIVATE, 1, 1, two, operation));
  say("%u\n", *two);
  usleep(4000);
  say("lock-pi: %ld", syscall(SYS_futex, one, FUTEX_LOCK_PI_PRIVATE, 0, NULL));
  say(" %d", (*one & FUTEX_TID_MASK) == (uint32_t)getpid());
  usleep(4000);
  say(", unlock-pi: %ld", syscall(SYS_futex, one, FUTEX_UNLOCK_PI_PRIVATE, 0));
  say(" %u\n", *one);
  free(words);
}

const struct part kernel_parts[] = {
  { "clocks", clocks, false }, { "about", about, false }, { "event-descriptors", descriptors, false },
  { "direct", direct, false }, { "queues", queues, false }, { "futexes", futexes, false },
  { NULL, NULL, false }
};
