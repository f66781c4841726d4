/* companion.c - a process of our own that shares the program's memory, and nothing else. */
#include "config.h"
#include "record/companion.h"
#include "arena.h"
#include "lock.h"
#include "maps.h"
#include "os.h"
#include "raw.h"

#include <errno.h>
#include <link.h>
#include <linux/futex.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

enum {
  STACK = 1 << 18,
  DESCRIPTOR = 4096,            /* no C library's is larger */
  STATIC_MAX = 1 << 20,         /* what lies farther from the descriptor is not static */
  BORDER = 4096                 /* alignment of thread-local storage, at most */
};

/* Of newer kernels than the headers may be. */
enum { CALL_pidfd_open = 434, CALL_close_range = 436, CALL_futex_waitv = 449 };

static struct {
  void (*run)(void);
  int keep[2];
  int32_t of, of_thread;        /* the program's process; the thread whose storage was copied */
  uintptr_t descriptor;         /* the companion's */
  size_t descriptor_size;
  _Atomic int32_t *first;       /* the kernel puts 0 here and wakes who waits when the first thread ends */
  int process;                  /* a descriptor of the process (pidfd_open(2)) */
  bool alone, replaced;
  char *storage, *stack;
} companion;

/* ----------------------------------------------------- its thread-local storage */

struct reach { uintptr_t self, low; };

static int
extend(struct dl_phdr_info *object, size_t size, void *argument)
{
  struct reach *reach = argument;
  if (size < offsetof(struct dl_phdr_info, dlpi_tls_data) + sizeof object->dlpi_tls_data)
    return 1;
  uintptr_t start = (uintptr_t)object->dlpi_tls_data;
  if (start && start < reach->low && start + STATIC_MAX > reach->self)
    reach->low = start;
  return 0;
}

static uintptr_t
mapping_end(uintptr_t address)
{
  char buffer[4096];
  struct maps_reader reader;
  struct mapping mapping;
  uintptr_t end = address;
  if (maps_open(&reader, buffer, sizeof buffer))
    return end;
  while (maps_next(&reader, &mapping) > 0)
    if (mapping.start <= end && mapping.end > end)
      end = mapping.end;
  maps_close(&reader);
  return end;
}

/* A copy of this thread's, as it is now; the thread pointer, 0 if there is no memory. The layout is
 * that of x86-64: storage below the descriptor, which begins with its own address, twice. */
static uintptr_t
copy_storage(void)
{
#if defined(__x86_64__)
  uintptr_t self;
  __asm__("mov %%fs:0, %0" : "=r"(self));
  struct reach reach = { self, self };
  dl_iterate_phdr(extend, &reach);
  reach.low &= ~(uintptr_t)63;
  uintptr_t end = mapping_end(self);
  end = end - self > DESCRIPTOR ? self + DESCRIPTOR : end;
  char *memory = arena_map(NULL, end - reach.low + 2 * (size_t)BORDER);
  if (!memory || end == self)
    return 0;
  /* A forked child has a copy of the parent's companion's. */
  if (companion.storage)
    arena_unmap(NULL, companion.storage);
  companion.storage = memory;
  uintptr_t begin = (((uintptr_t)memory + BORDER) & ~(uintptr_t)(BORDER - 1)) + (reach.low & (BORDER - 1));
  memcpy((void *)begin, (const void *)reach.low, end - reach.low);
  uintptr_t copy = begin + (self - reach.low);
  ((uintptr_t *)copy)[0] = copy;
  ((uintptr_t *)copy)[2] = copy;
  companion.descriptor = copy;
  companion.descriptor_size = end - self;
  return copy;
#else
  return 0;
#endif
}

/* The C library's locks that know their holder must not take us for the thread that was copied. */
static void
take_own_id(void)
{
  int32_t own = (int32_t)RAW_CALL(SYS_gettid);
  for (int32_t *at = (int32_t *)(companion.descriptor + 64);
       (uintptr_t)at < companion.descriptor + companion.descriptor_size; at++)
    if (*at == companion.of_thread) {
      *at = own;
      break;
    }
  os_own_thread = own;
}

/* ------------------------------------------------------------------- beginning */

static void
close_all_but(int a, int b)
{
  int low = a < b ? a : b, high = a < b ? b : a, from = 0;
  const int edges[] = { low, high };
  for (unsigned i = 0; i < 3; i++) {
    int to = i < 2 ? edges[i] - 1 : INT32_MAX;
    if (to >= from && RAW_CALL(CALL_close_range, from, to, 0) == -ENOSYS)
      for (int fd = from; fd <= to && fd < 65536; fd++)
        os_close(fd);
    from = i < 2 && edges[i] >= from ? edges[i] + 1 : from;
  }
}

__attribute__((noreturn, used)) static void
begin(void)
{
  take_own_id();
  close_all_but(companion.keep[0], companion.keep[1]);
  RAW_CALL(SYS_chdir, "/");
  RAW_CALL(SYS_prctl, PR_SET_NAME, "writewatch");
  companion.process = (int)RAW_CALL(CALL_pidfd_open, companion.of, 0);
  companion.run();
  for (;;)
    RAW_CALL(SYS_exit_group, 0);
}

/* Where the kernel tells the end of the first thread, if it says so (CONFIG_CHECKPOINT_RESTORE) and this is
 * the first thread. */
static void
find_first(void)
{
  const int get_address = 40;   /* PR_GET_TID_ADDRESS */
  int32_t *at = NULL;
  companion.first = NULL;
  if (os_thread_id() == os_process_id() && RAW_CALL(SYS_prctl, get_address, &at) == 0 && at
      && *at == os_thread_id())
    companion.first = (_Atomic int32_t *)at;
}

int32_t
companion_start(void (*run)(void), const int keep[2], bool sibling)
{
  const long flags = CLONE_VM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID
    | (sibling ? CLONE_PARENT : 0);
  uintptr_t storage = copy_storage();
  char *stack = companion.stack ? companion.stack : arena_map(NULL, STACK);
  if (!storage || !stack)
    return -ENOMEM;
  companion.stack = stack;
  companion.run = run;
  companion.keep[0] = keep[0];
  companion.keep[1] = keep[1];
  companion.of = os_process_id();
  companion.of_thread = os_thread_id();
  companion.alone = companion.replaced = false;
  find_first();
  uintptr_t *top = (uintptr_t *)(((uintptr_t)stack + STACK - 256) & ~(uintptr_t)15);
  /* raw_call() returns to that in the child, whose stack this is. */
  *top = (uintptr_t)begin;
  uint64_t mask = os_hold_signals();
  os_unblock_signals(1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGSYS - 1));
  long child = RAW_CALL(SYS_clone, flags, top, &lock_companion, &lock_companion, storage);
  os_set_signal_mask(mask);
  return (int32_t)child;
}

/* ---------------------------------------------------------------- in the companion */

int32_t
companion_of(void)
{
  return companion.of;
}

/* "/proc/PID/" and a file of the program's process. */
static void
process_path(char path[static 48], const char *file)
{
  char digits[12];
  size_t at = 6, length = 0;
  memcpy(path, "/proc/", at);
  for (int32_t n = companion.of; n; n /= 10)
    digits[length++] = (char)('0' + n % 10);
  while (length)
    path[at++] = digits[--length];
  path[at++] = '/';
  strcpy(path + at, file);
}

bool
companion_is_alone(void)
{
  struct pollfd ended = { .fd = companion.process, .events = POLLIN };
  struct timespec at_once = { 0, 0 };
  if (companion.alone)
    return true;
  if (companion.process < 0)
    companion.alone = RAW_CALL(SYS_kill, companion.of, 0) == -ESRCH;
  else
    companion.alone = RAW_CALL(SYS_ppoll, &ended, 1, &at_once, NULL, 8) > 0;
  if (!companion.alone && RAW_CALL(SYS_kcmp, companion.of, RAW_CALL(SYS_getpid), KCMP_VM, 0, 0) > 0) {
    /* It may be about to end: then it has no memory. */
    for (unsigned i = 0; i < 100 && !companion.alone; i++) {
      char link[8], path[48];
      process_path(path, "exe");
      if (RAW_CALL(SYS_readlink, path, link, sizeof link) > 0)
        break;
      os_pause(96);
      companion.alone = companion.process >= 0
        && RAW_CALL(SYS_ppoll, &ended, 1, &at_once, NULL, 8) > 0;
    }
    companion.replaced = !companion.alone;
    companion.alone = true;
  }
  return companion.alone;
}

bool
companion_was_replaced(void)
{
  return companion.replaced;
}

/* While it is a zombie: the last column of its line (proc_pid_stat(5)), if its state says so. */
static bool
status_of_zombie(int *status)
{
  char path[48], text[1024];
  process_path(path, "stat");
  int fd = os_open(path);
  long got = fd < 0 ? -1 : os_read(fd, text, sizeof text - 1);
  if (fd >= 0)
    os_close(fd);
  if (got <= 0)
    return false;
  text[got] = '\0';
  const char *behind = strrchr(text, ')'), *last = strrchr(text, ' ');
  if (!behind || strncmp(behind, ") Z", 3) || !last)
    return false;
  *status = 0;
  for (last++; *last >= '0' && *last <= '9'; last++)
    *status = *status * 10 + (*last - '0');
  return true;
}

bool
companion_status(int *status)
{
  if (status_of_zombie(status))
    return true;
  /* struct pidfd_info of linux/pidfd.h, Linux 6.13; the exit code since 6.15. */
  struct {
    uint64_t mask, group;
    uint32_t ids[11];
    int32_t exit_code;
  } info = { .mask = 1 << 3 };
  const unsigned long get_info = _IOC(_IOC_READ | _IOC_WRITE, 0xff, 11, sizeof info);
  for (unsigned i = 0; i < 100; i++) {
    info.mask = 1 << 3;
    if (RAW_CALL(SYS_ioctl, companion.process, get_info, &info) == 0 && (info.mask & (1 << 3))) {
      *status = info.exit_code;
      return true;
    }
    if (RAW_CALL(SYS_kill, companion.of, 0) == 0)
      break;                    /* not reaped yet, and the kernel tells only then */
    os_pause(96);
  }
  return false;
}

void
companion_wait(_Atomic uint32_t *word, uint32_t value, uint64_t until)
{
  enum { WORD_32 = 2, SLICE = 20000000 };
  struct { uint64_t value, address; uint32_t flags, reserved; } on[2] = {
    { value, (uintptr_t)word, WORD_32, 0 }, { (uint64_t)(uint32_t)companion.of, 0, WORD_32, 0 }
  };
  uint64_t now = os_now();
  unsigned count = 1;
  if (now >= until)
    return;
  if (companion.first && atomic_load(companion.first) == companion.of) {
    on[1].address = (uintptr_t)companion.first;
    count = 2;
  }
  /* Nobody tells that the process has ended, if its first thread had. */
  if (count == 1 && until - now > SLICE)
    until = now + SLICE;
  struct timespec limit = { (time_t)(until / 1000000000), (long)(until % 1000000000) };
  long error = RAW_CALL(CALL_futex_waitv, on, count, 0, &limit, CLOCK_MONOTONIC);
  if (error != -ENOSYS)
    return;
  uint64_t left = until - now > SLICE ? SLICE : until - now;
  limit = (struct timespec){ 0, (long)left };
  RAW_CALL(SYS_futex, word, FUTEX_WAIT, value, &limit, NULL, 0);
}
