/* subject.c - a program to be recorded. It is not linked with the library: markers are its header's alone.
 *
 * subject agree LIST SEED EPOCHS   writes at random, marks epochs, and tells what it wrote; of one mapping
 *                                  the kernel (PAGEMAP_SCAN) tells, where it can
 * subject busy COUNTER [EPOCHS]    writes and marks, for ever; how many epochs were closed, in a file
 * subject spin SECONDS             writes much, as fast as it can
 * subject shut                     closes all it can, goes away, becomes nobody; writes and marks
 * subject forks                    children that write, by fork(), vfork() and posix_spawn() */
#include "config.h"
#include "userfault.h"
#include "writewatch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 512, SMALL = 64, MARKS = 65536, AREAS = 4 };

static char zeros[SMALL * PAGE] __attribute__((aligned(4096)));
static char filled[SMALL * PAGE] __attribute__((aligned(4096))) = { 1 };
static uint64_t state;

static uint64_t
number(uint64_t below)
{
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state % below;
}

/* ------------------------------------------------------------------------- agree */

struct area { const char *name; char *memory; size_t pages; bool by_kernel; };
static struct area area[AREAS];
static struct mark { unsigned epoch; uintptr_t page; } marks[MARKS];
static size_t mark_count;
static int scanner = -1;

/* The kernel watches too: from outside of all that we do. */
static void
let_kernel_watch(struct area *watched)
{
  int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | USERFAULT_USER_MODE_ONLY);
  struct uffdio_api api = { .api = UFFD_API,
                            .features = USERFAULT_WP_ASYNC | USERFAULT_WP_UNPOPULATED };
  struct uffdio_register range = { .range = { (uintptr_t)watched->memory, watched->pages * PAGE },
                                   .mode = UFFDIO_REGISTER_MODE_WP };
  if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
    return;
  scanner = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  watched->by_kernel = scanner >= 0;
}

/* What has been written since the last call. */
static void
scan(const struct area *watched, unsigned epoch)
{
  struct userfault_range ranges[64];
  uintptr_t at = (uintptr_t)watched->memory, end = at + watched->pages * PAGE;
  while (at < end) {
    struct userfault_scan scan = {
      .size = sizeof scan, .flags = USERFAULT_SCAN_PROTECT | USERFAULT_SCAN_CHECK_ASYNC,
      .start = at, .end = end,
      .ranges = (uintptr_t)ranges, .range_count = 64, .all_of = USERFAULT_SCAN_WRITTEN,
      .returned = USERFAULT_SCAN_WRITTEN
    };
    long got = ioctl(scanner, USERFAULT_SCAN, &scan);
    if (got < 0) {
      perror("PAGEMAP_SCAN");
      exit(1);
    }
    for (long i = 0; i < got && epoch; i++)
      for (uintptr_t page = ranges[i].start; page < ranges[i].end && mark_count < MARKS; page += PAGE)
        marks[mark_count++] = (struct mark){ epoch, page };
    at = scan.walk_end;
  }
}

static void
write_page(const struct area *in, unsigned epoch)
{
  size_t page = number(in->pages);
  char *at = in->memory + page * PAGE + number(PAGE);
  *(volatile char *)at ^= (char)(1 + number(255));
  if (!in->by_kernel && mark_count < MARKS)
    marks[mark_count++] = (struct mark){ epoch, (uintptr_t)(in->memory + page * PAGE) };
}

/* By a system call, across a border of pages. */
static void
read_pages(const struct area *in, unsigned epoch)
{
  size_t page = number(in->pages - 1);
  char *at = in->memory + page * PAGE + PAGE - 8;
  int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read(fd, at, 16) != 16)
    exit(1);
  close(fd);
  for (size_t i = 0; i < 2 && !in->by_kernel && mark_count < MARKS; i++)
    marks[mark_count++] = (struct mark){ epoch, (uintptr_t)(in->memory + (page + i) * PAGE) };
}

struct share { const struct area *in; uint64_t seed; };

static void *
write_beside(void *argument)
{
  struct share *share = argument;
  for (unsigned i = 0; i < 20; i++) {
    share->seed = share->seed * 6364136223846793005u + 1442695040888963407u;
    volatile char *at = share->in->memory + (share->seed >> 33) % share->in->pages * PAGE;
    /* Never back to what it was: of a page that is lent to the kernel that would be no write. */
    ++*at;
  }
  return NULL;
}

static int
agree(const char *path, uint64_t seed, unsigned epochs)
{
  char label[16];
  state = seed * 2 + 1;
  area[0] = (struct area){ "zeros", zeros, SMALL, false };
  area[1] = (struct area){ "filled", filled, SMALL, false };
  area[2] = (struct area){ "heap", sbrk((intptr_t)0), SMALL, false };
  area[2].memory += -(uintptr_t)area[2].memory & (PAGE - 1);
  if (brk(area[2].memory + SMALL * PAGE))
    return 1;
  area[3].memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  area[3].pages = PAGES;
  let_kernel_watch(&area[3]);
  /* New memory is found when an epoch ends. */
  ww_marker("begin");
  ww_marker("again");
  if (area[3].by_kernel)
    scan(&area[3], 0);
  for (unsigned epoch = 1; epoch <= epochs; epoch++) {
    for (unsigned i = 0; i < AREAS; i++)
      for (uint64_t count = number(40); count > 0; count--)
        write_page(&area[i], epoch);
    read_pages(&area[number(AREAS)], epoch);
    if (area[3].by_kernel) {
      struct share share = { &area[3], number(1 << 30) };
      pthread_t thread;
      if (pthread_create(&thread, NULL, write_beside, &share) || pthread_join(thread, NULL))
        return 1;
      scan(&area[3], epoch);
    }
    snprintf(label, sizeof label, "e%u", epoch);
    ww_marker(label);
  }
  FILE *list = fopen(path, "w");
  if (!list)
    return 1;
  if (area[3].by_kernel)
    fprintf(list, "watch %lx %lx\n", (unsigned long)area[3].memory,
            (unsigned long)(area[3].memory + PAGES * PAGE));
  for (size_t i = 0; i < mark_count; i++)
    fprintf(list, "e%u %lx %lx\n", marks[i].epoch, (unsigned long)marks[i].page,
            (unsigned long)marks[i].page + PAGE);
  printf("%s told\n", area[3].by_kernel ? "the kernel" : "nobody else");
  return fclose(list) != 0 || mark_count == MARKS;
}

/* ----------------------------------------------------------------------- the others */

static int
busy(const char *path, uint64_t epochs)
{
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  uint64_t count = 0;
  char *memory = malloc(PAGES * PAGE);
  state = (uint64_t)getpid();
  if (fd < 0 || !memory)
    return 1;
  while (count < epochs) {
    for (unsigned i = 0; i < 50; i++)
      memory[number(PAGES * PAGE)]++;
    ww_marker("busy");
    count++;
    if (pwrite(fd, &count, sizeof count, 0) != sizeof count)
      return 1;
  }
  puts("spun");
  return 5;
}

static int
spin(double seconds)
{
  struct timespec now;
  char *memory = malloc((size_t)PAGES * PAGE * 16);
  state = 11;
  if (!memory)
    return 1;
  clock_gettime(CLOCK_MONOTONIC, &now);
  double end = (double)now.tv_sec + (double)now.tv_nsec / 1e9 + seconds;
  do {
    for (size_t i = 0; i < (size_t)PAGES * PAGE * 16; i += PAGE)
      if (number(2))
        memory[i]++;
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((double)now.tv_sec + (double)now.tv_nsec / 1e9 < end);
  puts("spun");
  return 5;
}

static int
shut(void)
{
  for (int fd = 3; fd < 4096; fd++)
    close(fd);
  if (chdir("/"))
    return 1;
  if (geteuid() == 0 && (chroot("/proc/self/fdinfo") || setgid(65534) || setuid(65534)))
    return 2;
  for (unsigned i = 0; i < 5; i++) {
    memset(zeros + i * PAGE, (int)i + 1, PAGE);
    ww_marker("shut");
  }
  puts("shut");
  return 0;
}

static int
forks(void)
{
  char name[] = "true", *const arguments[] = { name, NULL };
  extern char **environ;
  int status, sum = 0;
  pid_t child = fork();
  if (child == 0) {
    memset(zeros, 7, sizeof zeros);
    ww_marker("child");
    _exit(11);
  }
  waitpid(child, &status, 0);
  sum += WEXITSTATUS(status);
  if (posix_spawnp(&child, "true", NULL, NULL, arguments, environ))
    return 1;
  waitpid(child, &status, 0);
  sum += WEXITSTATUS(status);
  if ((child = fork()) == 0) {
    execlp("sh", "sh", "-c", "exit 20", (char *)NULL);
    _exit(99);
  }
  waitpid(child, &status, 0);
  sum += WEXITSTATUS(status);
  printf("%d\n", sum);
  return 0;
}

int
main(int argc, char **argv)
{
  const char *what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "agree") && argc == 5)
    return agree(argv[2], strtoull(argv[3], NULL, 10), (unsigned)atoi(argv[4]));
  if (!strcmp(what, "busy") && argc >= 3)
    return busy(argv[2], argc > 3 ? strtoull(argv[3], NULL, 10) : UINT64_MAX);
  if (!strcmp(what, "spin") && argc == 3)
    return spin(atof(argv[2]));
  if (!strcmp(what, "shut"))
    return shut();
  if (!strcmp(what, "forks"))
    return forks();
  return 64;
}
