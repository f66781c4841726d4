/* storm.c - a storm: threads that fault, read, map, fork and take signals at random,
 * a thread that collects and compares. It runs in a child; this process keeps watch,
 * and says what each thread is at if the storm stands still. */
#include "config.h"
#include "../tap.h"
#include "storm.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char *const ingredient_names[INGREDIENTS] = {
  [WITH_TOUCH] = "touch", [WITH_FORK] = "fork", [WITH_SIGNALS] = "signals", [WITH_JUMPS] = "jumps",
  [WITH_REGIONS] = "regions", [WITH_RESTARTS] = "restarts", [WITH_READ] = "read", [WITH_MASKS] = "masks",
  [WITH_PROTECT] = "protect", [WITH_DISCARD] = "discard", [WITH_REMAP] = "remap"
};
enum { ALL = (1 << INGREDIENTS) - 1, UNSHIELDED = (1 << FIRST_SHIELDED) - 1 };

struct storm *the_storm;

void
storm_complain(struct storm *storm, const char *format, ...)
{
  char text[400] = "# ";
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + 2, sizeof text - 3, format, arguments);
  va_end(arguments);
  strcat(text, "\n");
  /* A storm has one cause and many effects. */
  if (atomic_fetch_add(&storm->progress->failed, 1) < 8)
    (void)!write(STDOUT_FILENO, text, strlen(text));
}

/* --------------------------------------------------------------- the storm */

static bool
set_up(struct storm *storm)
{
  struct ww_options options = WW_OPTIONS_INIT;
  size_t length = PAGES * storm->page_size;
  options.flags = storm->flags;
  options.stack_depth = storm->stack_depth;
  if (!worker_handlers(storm))
    storm_complain(storm, "sigaction: %s", strerror(errno));
  int error = ww_tracker_create(&storm->tracker, &options);
  if (error)
    storm_complain(storm, "ww_tracker_create: %s (%s)", ww_strerror(error), ww_last_error());
  pthread_barrier_init(&storm->turn, NULL, storm->threads + 1);
  for (unsigned i = 0; i < storm->threads; i++) {
    struct worker *worker = &storm->worker[i];
    worker->number = i;
    worker->random = storm->seed * 1000 + i;
    worker->mirror = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    /* A page without access on both sides: no thread's mapping joins another's. */
    unsigned char *memory = mmap(NULL, length + 2 * storm->page_size, PROT_NONE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (worker->mirror == MAP_FAILED || memory == MAP_FAILED || pipe2(worker->pipe, O_CLOEXEC) != 0
        || mprotect(memory + storm->page_size, length, PROT_READ | PROT_WRITE) != 0)
      storm_complain(storm, "set up: %s", strerror(errno));
    worker->memory = memory + storm->page_size;
  }
  return !storm->progress->failed;
}

static int
blow(struct storm *storm)
{
  struct itimerval timer = { { 0, 700 }, { 0, 700 } }, none = { { 0, 0 }, { 0, 0 } };
  sigset_t held;
  if (!set_up(storm))
    return 1;
  sigemptyset(&held);
  sigaddset(&held, SIGALRM);
  sigaddset(&held, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &held, NULL);
  for (unsigned i = 0; i < storm->threads; i++) {
    int error = pthread_create(&storm->worker[i].thread, NULL, worker_run, &storm->worker[i]);
    if (error) {
      storm_complain(storm, "pthread_create: %s", strerror(error));
      return 1;
    }
  }
  /* The watcher takes signals, too: inside of the library's functions. */
  pthread_sigmask(SIG_UNBLOCK, &held, NULL);
  if (storm_has(storm, WITH_SIGNALS))
    setitimer(ITIMER_REAL, &timer, NULL);
  watcher_run(storm);
  setitimer(ITIMER_REAL, &none, NULL);
  for (unsigned i = 0; i < storm->threads; i++)
    pthread_join(storm->worker[i].thread, NULL);
  ww_tracker_destroy(storm->tracker);
  /* All is the program's again. */
  for (unsigned i = 0; i < storm->threads; i++)
    for (size_t page = 0; page < PAGES; page++)
      if (atomic_load(&storm->worker[i].state[page]) == PAGE_OPEN)
        ((volatile unsigned char *)storm->worker[i].memory)[page * storm->page_size]++;
  return storm->progress->failed != 0;
}

/* ------------------------------------------------------------ the watch over it */

static void
show_file(const char *folder, const char *name)
{
  char path[300], text[200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0)
    close(fd);
  text[got > 0 ? got : 0] = '\0';
  text[strcspn(text, "\n")] = '\0';
  printf(" %s: %s;", name, got > 0 ? text : "?");
}

static void
show_threads(pid_t process)
{
  char folder[64], one[330];
  struct dirent *entry;
  snprintf(folder, sizeof folder, "/proc/%d/task", (int)process);
  DIR *tasks = opendir(folder);
  while (tasks && (entry = readdir(tasks))) {
    if (!isdigit((unsigned char)entry->d_name[0]))
      continue;
    snprintf(one, sizeof one, "%s/%s", folder, entry->d_name);
    printf("# thread %s:", entry->d_name);
    show_file(one, "wchan");
    show_file(one, "syscall");
    show_file(one, "stat");
    putchar('\n');
  }
  if (tasks)
    closedir(tasks);
}

/* The child's status, or -1 if it stood still for `patience` seconds and was killed. */
static int
keep_watch(pid_t child, const struct progress *progress, unsigned patience)
{
  uint64_t last = 0;
  unsigned still = 0;
  int status;
  while (waitpid(child, &status, WNOHANG) == 0) {
    uint64_t now = atomic_load(&progress->beats) + atomic_load(&progress->collects);
    still = now == last ? still + 1 : 0;
    last = now;
    if (still > patience * 20) {
      printf("# the storm stands still in turn %llu\n", (unsigned long long)progress->turns);
      show_threads(child);
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return -1;
    }
    nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
  }
  return status;
}

/* --------------------------------------------------------------- command line */

static unsigned
parse_ingredients(const char *list)
{
  unsigned with = 0;
  char copy[200];
  snprintf(copy, sizeof copy, "%s", list);
  for (char *name = strtok(copy, ","); name; name = strtok(NULL, ",")) {
    unsigned found = INGREDIENTS;
    for (unsigned i = 0; i < INGREDIENTS; i++)
      if (strcmp(name, ingredient_names[i]) == 0)
        found = i;
    if (found == INGREDIENTS) {
      fprintf(stderr, "storm: there is no ingredient '%s'; see --help\n", name);
      exit(2);
    }
    with |= 1u << found;
  }
  return with;
}

static void
usage(void)
{
  printf("Usage: storm [--seconds N] [--seed N] [--threads N] [--only LIST] [--without LIST]\n"
         "             [--unshielded] [--audit]\n"
         "Ingredients, by commas:");
  for (unsigned i = 0; i < INGREDIENTS; i++)
    printf(" %s%s", ingredient_names[i], i == FIRST_SHIELDED - 1 ? "; with the shield:" : "");
  putchar('\n');
  exit(0);
}

static void
parse(struct storm *storm, int argc, char **argv, bool *unshielded)
{
  static const struct option options[] = {
    { "seconds", required_argument, NULL, 't' }, { "seed", required_argument, NULL, 's' },
    { "threads", required_argument, NULL, 'n' }, { "only", required_argument, NULL, 'o' },
    { "without", required_argument, NULL, 'w' }, { "unshielded", no_argument, NULL, 'u' },
    { "audit", no_argument, NULL, 'a' },         { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 }
  };
  int option;
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
    switch (option) {
    case 't': storm->seconds = strtod(optarg, NULL); break;
    case 's': storm->seed = strtoull(optarg, NULL, 0); break;
    case 'n': storm->threads = (unsigned)strtoul(optarg, NULL, 10); break;
    case 'o': storm->with = parse_ingredients(optarg); break;
    case 'w': storm->with &= ~parse_ingredients(optarg); break;
    case 'u': *unshielded = true; break;
    case 'a': storm->flags |= audit_flag(); break;
    case 'h': usage(); break;
    default: exit(2);
    }
  if (storm->threads < 1 || storm->threads > THREADS_MAX) {
    fprintf(stderr, "storm: 1 to %d threads\n", THREADS_MAX);
    exit(2);
  }
}

int
main(int argc, char **argv)
{
  static struct storm storm = { .seconds = 20, .threads = 3, .with = ALL };
  const char *given = getenv("WRITEWATCH_TEST_SEED"), *obstacle;
  struct timespec now;
  char byte = 0, there = 0;
  struct iovec from = { &byte, 1 }, to = { &there, 1 };
  bool unshielded = false;
  unsigned patience = 20;

  clock_gettime(CLOCK_REALTIME, &now);
  storm.seed = given ? strtoull(given, NULL, 0) : (uint64_t)now.tv_sec * 1000000007u + (uint64_t)now.tv_nsec;
  parse(&storm, argc, argv, &unshielded);
  printf("# seed %llu (--seed, or WRITEWATCH_TEST_SEED)\n", (unsigned long long)storm.seed);
  storm.page_size = (size_t)sysconf(_SC_PAGESIZE);
  storm.progress = mmap(NULL, sizeof *storm.progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                        0);
  if (storm.progress == MAP_FAILED)
    return 99;
  if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != 1) {
    printf("1..0 # SKIP process_vm_readv(2) is not permitted here\n");
    return 0;
  }
  if (ww_has_stacks() && storm.seed & 1)
    storm.stack_depth = 8;
#ifdef __SANITIZE_THREAD__
  /* It holds signals off until a safe place, where no write can be left half done, runs
   * handlers where a watched page kills, and forgets its locks in a child; libunwind's
   * cache of a thread outlives the thread. */
  storm.with &= ~(1u << WITH_JUMPS | 1u << WITH_FORK | 1u << WITH_SIGNALS);
  storm.stack_depth = 0;
  patience = 60;
#endif
  fflush(stdout);
  obstacle = unshielded ? NULL : shield_obstacle();
  if (!unshielded && !obstacle)
    storm.flags |= WW_SHIELD;
  for (unsigned i = FIRST_SHIELDED; obstacle && i < INGREDIENTS; i++)
    if (storm_has(&storm, i))
      skip(ingredient_names[i], obstacle);
  if (obstacle)
    storm.with &= UNSHIELDED;
  for (unsigned i = FIRST_MOVING; !unshielded && moves_obstacle() && i < INGREDIENTS; i++)
    if (storm_has(&storm, i)) {
      skip(ingredient_names[i], moves_obstacle());
      storm.with &= ~(1u << i);
    }
  the_storm = &storm;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0)
    _exit(blow(&storm));
  int status = child < 0 ? -1 : keep_watch(child, storm.progress, patience);
  const struct progress *progress = storm.progress;
  if (status > 0 && WIFSIGNALED(status))
    printf("# killed by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
  ok(status == 0,
     "%u threads, %llu turns, %llu collects, %llu pages (%llu declared), %llu faults: no write is lost",
     storm.threads, (unsigned long long)progress->turns, (unsigned long long)progress->collects,
     (unsigned long long)progress->pages, (unsigned long long)progress->declared,
     (unsigned long long)progress->faults);
  ok(progress->faults > 0 && progress->pages > 0, "pages were seen to be written");
  for (unsigned i = 0; i < INGREDIENTS; i++)
    if (storm_has(&storm, i))
      ok(progress->done[i] > 0, "%s: %llu times", ingredient_names[i], (unsigned long long)progress->done[i]);
  return tap_done();
}
