/* signals.c - a program that does something with signals does the same when it is tracked.
 *
 * Every case runs twice, in processes of its own: as it is, and with its memory tracked
 * under a shield. What it says and how it ends must be equal, and what it wrote reported.
 * signals CASE runs one case as it is, signals CASE tracked the other way. */
#include "config.h"
#include "../tap.h"
#include "signals.h"
#include "small.h"
#include "writewatch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_UNREPORTED = 90, STATUS_NO_TRACKER = 91, STATUS_NO_SHIELD = 92 };
enum { OUTPUT_MAX = 65536, TIME_LIMIT = 30 /* seconds */ };

static const struct signals_case *const suites[] = {
  cases_actions, cases_masks, cases_waits, cases_sent, cases_processes, cases_places,
};
enum { SUITES = sizeof suites / sizeof *suites };

const char *own_path;
static char *memory;
static size_t page_size;
static unsigned char *touched;       /* which pages were; a forked child's are its own */
volatile int note_calls;
volatile char *volatile crash_place = (volatile char *)32;

void
say(const char *format, ...)
{
  char text[512];
  va_list arguments;
  int saved = errno;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (write(STDOUT_FILENO, text, (size_t)length) != length)
    _exit(93);
  errno = saved;
}

void
say_result(const char *what, long result)
{
  say("%s: %ld, error %d\n", what, result, result < 0 ? errno : 0);
}

void
touch(unsigned page)
{
  ((volatile char *)memory)[page * page_size] = 1;
  touched[page] = 1;
}

uint64_t
mask_now(void)
{
  uint64_t mask = 0;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof mask);
  return mask;
}

uint64_t
mask_in_handler(void)
{
  return mask_now() & ~((uint64_t)1 << (SIGSYS - 1) | (uint64_t)1 << (SIGSTKFLT - 1));
}

void
say_mask(const char *what)
{
  say("%s: mask %llx\n", what, (unsigned long long)mask_now());
}

const char *
name_of(void *handler)
{
  return handler == (void *)SIG_DFL ? "default" : handler == (void *)SIG_IGN ? "ignored"
    : handler == (void *)note ? "note" : handler == (void *)note_info ? "note_info" : "another";
}

void
say_action(const char *what, int signal)
{
  struct sigaction action;
  uint64_t mask;
  int result = sigaction(signal, NULL, &action);
  memcpy(&mask, &action.sa_mask, sizeof mask);
  say("%s: signal %d %d %s flags %x mask %llx\n", what, signal, result,
      name_of((void *)action.sa_handler), (unsigned)action.sa_flags, (unsigned long long)mask);
}

void
note(int signal)
{
  note_calls++;
  say("note: signal %d, call %d, mask %llx\n", signal, note_calls, (unsigned long long)mask_in_handler());
  touch(50 + (unsigned)note_calls % 4);
}

void
note_info(int signal, siginfo_t *info, void *context)
{
  (void)context;
  int value = info->si_code == SI_QUEUE ? info->si_value.sival_int : 0;
  say("info: code %d, errno %d, self %d, value %d\n", info->si_code, info->si_errno,
      info->si_code <= 0 && info->si_pid == getpid(), value);
  note(signal);
}

static ww_tracker *
track(void)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *tracker;
  const char *reason = NULL;
  options.flags = WW_SHIELD;
  if (ww_tracker_create(&tracker, &options) != 0) {
    options.flags = 0;
    if (ww_tracker_create(&tracker, &options) != 0)
      _exit(STATUS_NO_TRACKER);
    reason = small_shield();
  }
  if (reason) {
    say("%s\n", reason);
    _exit(STATUS_NO_SHIELD);
  }
  if (ww_region_add(tracker, "memory", memory, PAGES * page_size, NULL) != 0 || ww_start(tracker) != 0)
    _exit(STATUS_NO_TRACKER);
  return tracker;
}

static void
check_reported(ww_tracker *tracker)
{
  ww_dirty *dirty;
  size_t count, written = 0;
  if (ww_collect(tracker, &dirty) != 0)
    _exit(STATUS_NO_TRACKER);
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  for (unsigned page = 0; page < PAGES; page++) {
    bool reported = false;
    for (size_t i = 0; i < count; i++)
      reported |= (size_t)(memory + page * page_size - (char *)run[i].address) < run[i].length;
    written += touched[page];
    if (touched[page] && !reported)
      _exit(STATUS_UNREPORTED);
  }
  if (written != ww_dirty_pages(dirty))
    _exit(STATUS_UNREPORTED);
}

static int
run_case(const char *name, bool tracked)
{
  ww_tracker *tracker = NULL;
  struct rlimit no_core = { 0, 0 };
  setrlimit(RLIMIT_CORE, &no_core);
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  memory = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  touched = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (tracked)
    tracker = track();
  alarm(TIME_LIMIT);
  for (size_t i = 0; i < SUITES; i++)
    for (const struct signals_case *one = suites[i]; one->name; one++)
      if (!strcmp(one->name, name)) {
        one->run();
        touch(PAGES - 1);
        if (tracker)
          check_reported(tracker);
        return EXIT_SUCCESS;
      }
  return 94;
}

/* What the case says goes to `output`; returns its wait status. */
static int
start(const char *name, bool tracked, char *output)
{
  int end[2], status = -1;
  if (pipe(end) != 0)
    return -1;
  pid_t child = fork();
  if (child == 0) {
    dup2(end[1], STDOUT_FILENO);
    close(end[0]);
    close(end[1]);
    execl(own_path, own_path, name, tracked ? "tracked" : (char *)NULL, (char *)NULL);
    _exit(127);
  }
  close(end[1]);
  size_t length = 0;
  ssize_t got;
  struct pollfd ready = { .fd = end[0], .events = POLLIN };
  /* Who hangs with everything blocked is not ended by its own alarm. */
  while (poll(&ready, 1, TIME_LIMIT * 1000) > 0
         && (got = read(end[0], output + length, OUTPUT_MAX - 1 - length)) > 0)
    length += (size_t)got;
  output[length] = '\0';
  pid_t ended = 0;
  for (int i = 0; i < 500 && (ended = waitpid(child, &status, WNOHANG)) == 0; i++)
    usleep(10000);
  if (ended == 0) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
  }
  close(end[0]);
  return status;
}

static void
show(const char *what, int status, const char *output)
{
  printf("# %s: status %#x\n", what, (unsigned)status);
  for (const char *line = output; *line;) {
    int length = (int)strcspn(line, "\n");
    printf("#   %.*s\n", length, line);
    line += length + (line[length] == '\n');
  }
}

static void
compare(const char *name)
{
  static char bare[OUTPUT_MAX], tracked[OUTPUT_MAX];
  int bare_status = start(name, false, bare), tracked_status = start(name, true, tracked);
  if (WIFEXITED(tracked_status) && WEXITSTATUS(tracked_status) == STATUS_NO_SHIELD) {
    tracked[strcspn(tracked, "\n")] = '\0';
    skip(name, tracked);
    return;
  }
  int killer = WIFSIGNALED(bare_status) ? WTERMSIG(bare_status) : 0;
  bool timely = killer != SIGALRM && killer != SIGKILL;
  if (!ok(timely && *bare && bare_status == tracked_status && !strcmp(bare, tracked), "%s", name)) {
    show("as it is", bare_status, bare);
    show("tracked", tracked_status, tracked);
  }
}

/* What an exec'ed program has inherited. */
static int
say_status(void)
{
  FILE *file = fopen("/proc/self/status", "re");
  char line[256];
  while (file && fgets(line, sizeof line, file))
    if (!strncmp(line, "SigPnd", 6) || !strncmp(line, "ShdPnd", 6) || !strncmp(line, "SigBlk", 6)
        || !strncmp(line, "SigIgn", 6) || !strncmp(line, "SigCgt", 6))
      say("%s", line);
  return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
  static char path[4096];
  if (readlink("/proc/self/exe", path, sizeof path - 1) < 0)
    return EXIT_FAILURE;
  own_path = path;
  if (argc > 1 && !strcmp(argv[1], "--status"))
    return say_status();
  if (argc > 1)
    return run_case(argv[1], argc > 2);
#ifdef __SANITIZE_THREAD__
  /* It delivers signals later than the kernel, and knows a thread later than that takes the first. */
  skip("signals", "ThreadSanitizer delivers them in its own time");
  return tap_done();
#endif
  for (size_t i = 0; i < SUITES; i++)
    for (const struct signals_case *one = suites[i]; one->name; one++)
      compare(one->name);
  return tap_done();
}
