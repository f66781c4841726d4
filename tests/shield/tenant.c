/* tenant.c - the same program twice: once as it is, once with all of its memory
 * tracked. Its output, byte for byte, and its status must be the same; nothing that
 * changed may have been missed; and something must have been watched.
 *
 * tenant [PART...]           compare (all parts, and all of them in one process)
 * tenant --unshielded ...    the same with a tracker that has no shield: it fails
 * tenant --run PART|all --output FILE [--facts FILE --flags N]   one process of those */
#include "config.h"
#include "../tap.h"
#include "shielded.h"
#include "tenant.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct part *const batteries[] = {
  files_parts, text_parts, net_parts, thread_parts, process_parts, signal_parts, memory_parts, kernel_parts
};
enum { BATTERIES = sizeof batteries / sizeof *batteries, SECONDS = 30, TRACKED_NONE = -1 };

static char program[PATH_MAX], lodger[PATH_MAX + 64];
static FILE *output;

/* ------------------------------------------------------------------ one process */

void
say(const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  vfprintf(output, format, arguments);
  va_end(arguments);
  house_settle();
}

void
say_good(bool good, const char *what)
{
  int error = errno;
  if (good)
    say("%s: yes\n", what);
  else
    say("%s: no (%s)\n", what, strerror(error));
}

void
say_flush(void)
{
  fflush(output);
}

uint64_t
digest(const void *data, size_t length)
{
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < length; i++)
    hash = (hash ^ ((const unsigned char *)data)[i]) * 0x100000001b3u;
  return hash;
}

void *
heap(size_t size, int fill)
{
  void *memory = malloc(size);
  if (!memory)
    exit(3);
  return memset(memory, fill, size);
}

void *
heap_across(size_t size)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *memory = heap(size + 3 * page, 0x55);
  uintptr_t edge = ((uintptr_t)memory + size / 2 + page) & ~(page - 1);
  house_settle();
  return (void *)(edge - (size / 2 + 7) / 8 * 8);
}

const char *
lodger_path(void)
{
  return lodger;
}

/* Which parts are run as one must not hang on whether anything is tracked. */
static bool
is_left_out(const struct part *part, const char *wanted)
{
  return part->moves && moves_obstacle() && strcmp(wanted, "all") == 0;
}

static int
run_parts(const char *wanted)
{
  int ran = 0;
  for (size_t i = 0; i < BATTERIES; i++)
    for (const struct part *part = batteries[i]; part->name; part++)
      if (!is_left_out(part, wanted) && (strcmp(wanted, "all") == 0 || strcmp(wanted, part->name) == 0)) {
        say("== %s\n", part->name);
        /* Where it ends by a signal, the output says in which part. */
        say_flush();
        part->run();
        ran++;
      }
  return ran;
}

/* The heap is one, large from the start, and stays: so all that is ever on it is watched. */
static void
prepare_heap(void)
{
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TOP_PAD, 8 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  free(heap(512 << 10, 0));
}

static int
run_process(const char *part, const char *path, const char *facts, int flags)
{
  prepare_heap();
  output = fopen(path, "we");
  if (!output) {
    fprintf(stderr, "tenant: %s: %s\n", path, strerror(errno));
    return 99;
  }
  if (flags != TRACKED_NONE && house_watch((unsigned)flags))
    return 98;
  int ran = run_parts(part);
  if (fclose(output) != 0)
    return 97;
  if (flags != TRACKED_NONE && !house_leave(facts))
    return 96;
  /* Not 0, which much else might be. */
  return ran ? 42 : 2;
}

/* ---------------------------------------------------------------- the comparison */

struct result { int status; bool hung; char *text, *facts, *noise; };

static char *
read_whole(const char *path)
{
  size_t length = 0, got;
  char *text = NULL;
  FILE *file = fopen(path, "re");
  do {
    text = realloc(text, length + 65537);
    got = file && text ? fread(text + length, 1, 65536, file) : 0;
    length += got;
  } while (got);
  if (file)
    fclose(file);
  if (!text)
    exit(99);
  text[length] = '\0';
  return text;
}

static int
remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
  (void)status, (void)kind, (void)walk;
  return remove(path);
}

static struct result
run_once(const char *part, int flags)
{
  struct result result = { .status = -1 };
  char number[16];
  unlink("output");
  unlink("facts");
  nftw("room", remove_one, 8, FTW_DEPTH | FTW_PHYS);
  mkdir("room", 0700);
  snprintf(number, sizeof number, "%d", flags);
  pid_t child = fork();
  if (child == 0) {
    int noise = open("noise", O_WRONLY | O_CREAT | O_TRUNC, 0600), nothing = open("/dev/null", O_RDONLY);
    setpgid(0, 0);
    if (dup2(nothing, 0) < 0 || dup2(noise, 1) < 0 || dup2(noise, 2) < 0 || chdir("room"))
      _exit(90);
    close(noise);
    close(nothing);
    execl(program, "tenant", "--run", part, "--output", "../output", "--facts", "../facts", "--flags", number,
          (char *)NULL);
    _exit(91);
  }
  for (unsigned tick = 0; child > 0 && waitpid(child, &result.status, WNOHANG) == 0; tick++) {
    if (tick > SECONDS * 100) {
      result.hung = true;
      kill(-child, SIGKILL);
    }
    nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
  }
  result.text = read_whole("output");
  result.facts = read_whole("facts");
  result.noise = read_whole("noise");
  return result;
}

static void
result_free(struct result *result)
{
  free(result->text);
  free(result->facts);
  free(result->noise);
}

static const char *
describe_end(const struct result *result, char *text, size_t size)
{
  if (result->hung)
    snprintf(text, size, "hung");
  else if (WIFSIGNALED(result->status))
    snprintf(text, size, "killed by signal %d", WTERMSIG(result->status));
  else
    snprintf(text, size, "status %d", WEXITSTATUS(result->status));
  return text;
}

static unsigned long long
fact(const struct result *result, const char *name)
{
  char key[32];
  snprintf(key, sizeof key, "%s ", name);
  const char *at = strstr(result->facts, key);
  return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* The first line that differs, of both. */
static void
show_difference(const char *expected, const char *got)
{
  size_t same = 0;
  while (expected[same] && expected[same] == got[same])
    same++;
  while (same && expected[same - 1] != '\n')
    same--;
  printf("#   without: %.*s\n", (int)strcspn(expected + same, "\n"), expected + same);
  printf("#   with:    %.*s\n", (int)strcspn(got + same, "\n"), got + same);
}

static void
show_lines(const char *text, const char *prefix)
{
  for (unsigned lines = 0; *text && lines < 24; lines++) {
    size_t length = strcspn(text, "\n");
    if (strncmp(text, prefix, strlen(prefix)) == 0)
      printf("#   %.*s\n", (int)length, text);
    text += length + (text[length] == '\n');
  }
}

/* With `flags` TRACKED_NONE both runs are the same: does a part say the same twice? */
static void
compare(const char *part, int flags)
{
  struct result plain = run_once(part, TRACKED_NONE), tracked = run_once(part, flags);
  char end[2][40];
  bool same = plain.status == tracked.status && strcmp(plain.text, tracked.text) == 0;
  bool planned = WIFEXITED(plain.status) && WEXITSTATUS(plain.status) == 42 && !plain.hung;
  /* Not every part has the kernel write for it. */
  bool shielded = !(flags & WW_SHIELD) || strcmp(part, "all") != 0 || fact(&tracked, "declared") > 0;
  bool watched = fact(&tracked, "pages") > 0 && fact(&tracked, "faults") > 0 && shielded;
  bool good = same && planned && (flags == TRACKED_NONE || (watched && fact(&tracked, "missed") == 0));
  if (flags == TRACKED_NONE)
    ok(good, "%s: the same twice, not tracked", part);
  else
    ok(good, "%s: %llu pages in %llu regions, %llu collects, %llu faults, %llu pages declared, %llu missed",
       part, fact(&tracked, "pages"), fact(&tracked, "regions"), fact(&tracked, "collects"),
       fact(&tracked, "faults"),
       fact(&tracked, "declared"), fact(&tracked, "missed"));
  if (!good) {
    printf("#   without tracking: %s; with: %s\n", describe_end(&plain, end[0], sizeof end[0]),
           describe_end(&tracked, end[1], sizeof end[1]));
    if (!same)
      show_difference(plain.text, tracked.text);
    show_lines(planned ? tracked.noise : plain.noise, "");
    show_lines(tracked.facts, "failed");
    show_lines(tracked.facts, "missed-page");
  }
  /* What is not watched, and why: once. */
  if (strcmp(part, "all") == 0)
    show_lines(tracked.facts, "refused");
  result_free(&plain);
  result_free(&tracked);
}

static int
compare_all(char **wanted, bool unshielded)
{
  char scratch[] = "/tmp/ww-tenant-XXXXXX";
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  printf("1..0 # SKIP a sanitizer's shadow memory is among what would be watched\n");
  return 0;
#endif
  const char *obstacle = unshielded ? NULL : shield_obstacle();
  int flags = unshielded ? 0 : obstacle ? TRACKED_NONE : (int)(WW_SHIELD | audit_flag());
  if (!mkdtemp(scratch) || chdir(scratch)) {
    fprintf(stderr, "tenant: %s: %s\n", scratch, strerror(errno));
    return 99;
  }
  if (obstacle)
    skip("a program in tracked memory does what it does in any other", obstacle);
  for (size_t i = 0; i < BATTERIES && !*wanted; i++)
    for (const struct part *part = batteries[i]; part->name; part++)
      if (part->moves && moves_obstacle() && flags & (int)WW_SHIELD && flags != TRACKED_NONE)
        skip(part->name, moves_obstacle());
      else
        compare(part->name, flags);
  for (size_t i = 0; wanted[i]; i++)
    compare(wanted[i], flags);
  if (!*wanted)
    compare("all", flags);
  if (chdir("/") || nftw(scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS))
    fprintf(stderr, "tenant: %s is left behind: %s\n", scratch, strerror(errno));
  return tap_done();
}

int
main(int argc, char **argv)
{
  static const struct option options[] = {
    { "run", required_argument, NULL, 'r' },   { "output", required_argument, NULL, 'o' },
    { "facts", required_argument, NULL, 'f' }, { "flags", required_argument, NULL, 'n' },
    { "unshielded", no_argument, NULL, 'u' },  { "list", no_argument, NULL, 'l' }, { NULL, 0, NULL, 0 }
  };
  const char *part = NULL, *path = "/dev/stdout", *facts = "/dev/null";
  int option, flags = TRACKED_NONE;
  bool unshielded = false;
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length <= 0)
    return 99;
  snprintf(lodger, sizeof lodger, "%.*s/../../.libs/shield_lodger.so",
           (int)(strrchr(program, '/') - program), program);
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
    switch (option) {
    case 'r': part = optarg; break;
    case 'o': path = optarg; break;
    case 'f': facts = optarg; break;
    case 'n': flags = atoi(optarg); break;
    case 'u': unshielded = true; break;
    case 'l':
      for (size_t i = 0; i < BATTERIES; i++)
        for (const struct part *at = batteries[i]; at->name; at++)
          puts(at->name);
      return 0;
    default: return 2;
    }
  return part ? run_process(part, path, facts, flags) : compare_all(argv + optind, unshielded);
}
