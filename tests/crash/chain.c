/* chain.c - the SIGSEGV action that was found is given back to the bit, and a
 * thousand trackers leave nothing behind. */
#include "config.h"
#include "../engine.h"
#include "../tap.h"
#include "writewatch.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIVES 1000
#define HANDLER_STATUS 44

/* What the kernel keeps, the restorer included: nothing that libc might hide. */
struct kernel_action {
  uintptr_t handler;
  unsigned long flags;
  uintptr_t restorer;
  uint64_t mask;
};

static struct kernel_action
current_action(void)
{
  struct kernel_action action;
  memset(&action, 0, sizeof action);
  syscall(SYS_rt_sigaction, SIGSEGV, NULL, &action, sizeof action.mask);
  return action;
}

static bool
is_same(struct kernel_action a, struct kernel_action b)
{
  return a.handler == b.handler && a.flags == b.flags && a.restorer == b.restorer && a.mask == b.mask;
}

static void
end_plain(int signo)
{
  (void)signo;
  _exit(HANDLER_STATUS);
}

static void
end_info(int signo, siginfo_t *info, void *context)
{
  (void)signo, (void)info, (void)context;
  _exit(HANDLER_STATUS);
}

static const struct { const char *name; int kind; int flags; bool mask; } actions[] = {
  { "SIG_DFL", 0, 0, false },
  { "SIG_DFL with left-over flags and mask", 0, SA_RESTART | SA_NODEFER, true },
  { "SIG_IGN", 1, 0, false },
  { "a plain handler", 2, 0, false },
  { "a plain handler with SA_RESTART", 2, SA_RESTART, false },
  { "a siginfo handler", 3, SA_SIGINFO, false },
  { "a siginfo handler with all flags and a mask", 3,
    SA_SIGINFO | SA_ONSTACK | SA_NODEFER | (int)SA_RESETHAND | SA_RESTART, true },
};

static void
install(size_t number)
{
  struct sigaction action;

  memset(&action, 0, sizeof action);
  action.sa_flags = actions[number].flags;
  if (actions[number].mask) {
    sigaddset(&action.sa_mask, SIGHUP);
    sigaddset(&action.sa_mask, SIGRTMAX);
  }
  switch (actions[number].kind) {
  case 0: action.sa_handler = SIG_DFL; break;
  case 1: action.sa_handler = SIG_IGN; break;
  case 2: action.sa_handler = end_plain; break;
  default: action.sa_sigaction = end_info; break;
  }
  sigaction(SIGSEGV, &action, NULL);
}

static char *memory;
static size_t page_size;

/* A tracker over the memory that has seen one write; NULL if anything failed. */
static ww_tracker *
tracker_at_work(unsigned stack_depth, unsigned first, unsigned pages)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *tracker;
  ww_dirty *dirty;
  char *region = memory + first * page_size;

  options.stack_depth = ww_has_stacks() ? stack_depth : 0;
  if (ww_tracker_create(&tracker, &options) != 0)
    return NULL;
  if (ww_region_add(tracker, "chain", region, pages * page_size, NULL) != 0 || ww_start(tracker) != 0)
    return NULL;
  region[0]++;
  if (ww_collect(tracker, &dirty) != 0 || ww_dirty_pages(dirty) != 1)
    return NULL;
  ww_dirty_free(dirty);
  region[page_size]++;
  return tracker;
}

static void
test_one(size_t number)
{
  struct kernel_action before, during;
  ww_tracker *tracker;

  install(number);
  before = current_action();
  tracker = tracker_at_work(0, 0, 8);
  during = current_action();
  ww_tracker_destroy(tracker);
  ok(tracker && during.handler != before.handler && is_same(before, current_action()),
         "%s is given back as it was", actions[number].name);
}

static void
test_two(bool first_goes_first)
{
  struct kernel_action before, between;
  ww_tracker *first, *second;

  install(sizeof actions / sizeof *actions - 1);
  before = current_action();
  first = tracker_at_work(0, 0, 8);
  second = tracker_at_work(0, 8, 8);
  ww_tracker_destroy(first_goes_first ? first : second);
  between = current_action();
  memory[2 * page_size] = memory[10 * page_size] = 3;
  ww_tracker_destroy(first_goes_first ? second : first);
  ok(first && second && between.handler != before.handler && is_same(before, current_action()),
         "two trackers: given back by the last, here the %s", first_goes_first ? "second" : "first");
}

static unsigned
count_lines(const char *path)
{
  FILE *file = fopen(path, "re");
  unsigned lines = 0;
  int c;

  while (file && (c = getc(file)) != EOF)
    lines += c == '\n';
  if (file)
    fclose(file);
  return lines;
}

static unsigned
count_descriptors(void)
{
  DIR *directory = opendir("/proc/self/fd");
  unsigned count = 0;

  while (directory && readdir(directory))
    count++;
  if (directory)
    closedir(directory);
  return count;
}

/* Pages of address space: leaked mappings side by side are one line in maps. */
static unsigned long
count_pages(void)
{
  FILE *file = fopen("/proc/self/statm", "re");
  unsigned long pages = 0;

  if (file && fscanf(file, "%lu", &pages) != 1)
    pages = 0;
  if (file)
    fclose(file);
  return pages;
}

static void
test_lives(unsigned stack_depth)
{
  unsigned maps, descriptors, maps_after, descriptors_after;
  unsigned long pages, pages_after;
  int lives = 0;

  install(0);
  /* What is set up once in a process is set up now. */
  for (int i = 0; i < 20; i++)
    ww_tracker_destroy(tracker_at_work(stack_depth, 0, 16));
  maps = count_lines("/proc/self/maps");
  descriptors = count_descriptors();
  pages = count_pages();
  for (; lives < LIVES; lives++) {
    ww_tracker *tracker = tracker_at_work(stack_depth, 0, 16);
    if (!tracker)
      break;
    ww_tracker_destroy(tracker);
  }
  maps_after = count_lines("/proc/self/maps");
  descriptors_after = count_descriptors();
  pages_after = count_pages();
  ok(lives == LIVES, "%d trackers, one after the other, %u frames", lives, stack_depth);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  /* The sanitizers map at will; a leak would be one a life. */
  ok(maps_after < maps + LIVES / 10, "mappings do not grow with them: %u, %u", maps, maps_after);
  ok(true, "address space # SKIP the sanitizers' own grows");
  (void)pages, (void)pages_after;
#else
  ok(maps_after <= maps, "no mapping is left: %u, %u", maps, maps_after);
  /* malloc() may have taken up a little once. */
  ok(pages_after < pages + LIVES / 10, "no address space is left: %lu pages, %lu", pages, pages_after);
#endif
  ok(descriptors_after == descriptors, "no descriptor is left: %u, %u", descriptors, descriptors_after);
}

static int gate[2];

static void *
wait_for_byte(void *unused)
{
  char byte;
  return read(gate[0], &byte, 1) == 1 ? unused : NULL;
}

/* How does a write to unmapped memory end in a child that goes on with the action in force? */
static int
crash_status(void)
{
  int status = -1;
  pid_t child;

  fflush(stdout);
  child = fork();
  if (child == 0) {
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    alarm(10);
    munmap(memory, page_size);
    *(volatile char *)memory = 0;
    _exit(1);
  }
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  return status;
}

static void
test_passage(void)
{
  struct kernel_action before;
  pthread_t thread;
  ww_tracker *tracker;
  int status, good = 0;

  install(5);
  before = current_action();
  if (pipe(gate) != 0 || pthread_create(&thread, NULL, wait_for_byte, NULL) != 0) {
    ok(false, "another thread");
    return;
  }
  for (int i = 0; i < 100; i++) {
    tracker = tracker_at_work(0, 0, 16);
    good += tracker != NULL;
    ww_tracker_destroy(tracker);
  }
  ok(good == 100, "100 trackers beside another thread");
  status = crash_status();
  ok(WIFEXITED(status) && WEXITSTATUS(status) == HANDLER_STATUS,
         "then a crash reaches the earlier handler (status %#x)", (unsigned)status);
  ok(write(gate[1], "", 1) == 1 && pthread_join(thread, NULL) == 0, "the other thread ends");
  tracker = tracker_at_work(0, 0, 16);
  ww_tracker_destroy(tracker);
#ifdef __SANITIZE_THREAD__
  (void)before;
  skip("the next tracker gives the first action back", "ThreadSanitizer's own thread lives on");
#else
  ok(tracker && is_same(before, current_action()), "the next tracker gives the first action back");
#endif
}

int
main(void)
{
  alarm(50);
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  memory = mmap(NULL, 16 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    fprintf(stderr, "crash-chain: no memory: %s\n", strerror(errno));
    return 99;
  }
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
    test_one(i);
  test_two(true);
  test_two(false);
  test_lives(0);
  if (engine_has_writers())
    test_lives(16);
  else
    skip("trackers one after the other, 16 frames", ENGINE_NO_WRITERS);
  test_passage();
  return tap_done();
}
