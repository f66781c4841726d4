/* matrix.c - a crash stays a crash: every way to crash, under every disposition
 * that was there before Writewatch, ends with it as it ends without it.
 * crash-matrix [--later | --shield | --shield-thread] [CRASH [DISPOSITION]] runs the cells
 * whose names begin so; with handlers that are installed after ww_tracker_create(); with
 * those that are installed under the shield; with a second thread under the shield. */
#include "config.h"
#include "run.h"
#include "../tap.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct runner runner;
static const char *const when_names[] = { "without", "tracking", "stopped", "destroyed", "as a passage" };

/* Process ids differ from run to run: say whose they are. */
static void
describe_info(const siginfo_t *info, pid_t self, char *text, size_t size)
{
  if (info->si_code > 0)
    snprintf(text, size, "signal %d code %d address %p", info->si_signo, info->si_code, info->si_addr);
  else
    snprintf(text, size, "signal %d code %d from %s uid %d", info->si_signo, info->si_code,
             info->si_pid == self ? "itself" : info->si_pid == getpid() ? "the parent" : "a stranger",
             (int)info->si_uid);
}

/* All that is compared, as text, so that a difference can be shown. */
static char *
describe(const struct outcome *outcome)
{
  char *text = NULL, info[160];
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);

  if (!stream)
    abort();
  fputs(outcome->records, stream);
  if (outcome->hung)
    fprintf(stream, "hung\n");
  if (WIFEXITED(outcome->status)) {
    fprintf(stream, "exit status %d\n", WEXITSTATUS(outcome->status));
  } else {
    fprintf(stream, "killed by signal %d%s\n", WTERMSIG(outcome->status),
            WCOREDUMP(outcome->status) ? ", core dumped" : "");
    if (outcome->has_info) {
      describe_info(&outcome->info, outcome->victim, info, sizeof info);
      fprintf(stream, "last seen: %s rip %llx rsp %llx\n", info, (unsigned long long)outcome->rip,
              (unsigned long long)outcome->rsp);
    }
  }
  if (outcome->has_core) {
    describe_info(&outcome->core.info, outcome->victim, info, sizeof info);
    fprintf(stream, "core: %s, thread's signal %d rip %llx rsp %llx\n", info, outcome->core.signal,
            (unsigned long long)outcome->core.rip, (unsigned long long)outcome->core.rsp);
  }
  fclose(stream);
  return text;
}

/* The first word that differs tells most, with what stands around it. */
static void
show_difference(const char *name, const char *expected, const char *got)
{
  size_t line = 0, word = 0;
  int number = 1;

  for (size_t same = 0; expected[same] && expected[same] == got[same]; same++) {
    if (expected[same] == '\n') {
      line = word = same + 1;
      number++;
    }
    if (expected[same] == ' ')
      word = same + 1;
  }
  printf("#   %s, line %d: %.24s ...\n", name, number, word - line > 24 ? expected + line : "");
  printf("#     without Writewatch: ... %.*s\n", (int)strcspn(expected + word, "\n"), expected + word);
  printf("#     with:               ... %.*s\n", (int)strcspn(got + word, "\n"), got + word);
}

/* Is the run without Writewatch what its row says? A comparison of two runs that
 * do something else altogether would show nothing. */
static bool
is_as_planned(const struct outcome *outcome, unsigned crash, unsigned disposition, bool in_thread)
{
  const struct crash *row = &crashes[crash];
  const struct disposition *column = &dispositions[disposition];
  bool died = WIFSIGNALED(outcome->status) && WTERMSIG(outcome->status) == SIGSEGV;
  int status = WIFEXITED(outcome->status) ? WEXITSTATUS(outcome->status) : -1;
  bool lived = status == VICTIM_STATUS;
  bool unhandled = row->deed == DEED_DEEP && !(column->flags & SA_ONSTACK);
  /* A thread's stack ends at a guard page, the first thread's at nothing. */
  int expected = row->deed == DEED_DEEP && in_thread ? SEGV_ACCERR : row->code;
  char code[24];

  if (!outcome->has_info || outcome->hung)
    return false;
  if (column->answer == ANSWER_DEFAULT)
    return died && outcome->info.si_code == expected;
  if (column->answer == ANSWER_IGNORE || column->blocked)
    return crash_is_sent(row) ? lived : died;
  if (unhandled)
    return died && outcome->records[0] == '\0';
  snprintf(code, sizeof code, " code=%x ", (unsigned)expected);
  if (column->flags & SA_SIGINFO && !strstr(outcome->records, code))
    return false;
  switch (column->answer) {
  case ANSWER_RETURN: case ANSWER_AGAIN: return died && strstr(outcome->records, "call=1");
  case ANSWER_EXIT: return status == VICTIM_HANDLER_STATUS;
  case ANSWER_LEAVE: case ANSWER_REMEDY: return lived && strstr(outcome->records, "after");
  default: return false;
  }
}

enum { VARIANTS = 6 };
struct variant { enum when when; bool in_thread; unsigned mode; };
/* Handlers that were there before us. */
static const struct variant earlier[] = {
  { WHEN_TRACKING, false, ORDER_BEFORE }, { WHEN_STOPPED, false, ORDER_BEFORE },
  { WHEN_DESTROYED, false, ORDER_BEFORE }, { WHEN_PASSAGE, false, ORDER_BEFORE },
  { WHEN_TRACKING, true, ORDER_BEFORE }, { WHEN_PASSAGE, true, ORDER_BEFORE }
};
/* Handlers of after us: ww_start() goes in front again. */
static const struct variant later[] = { { WHEN_TRACKING, false, ORDER_CREATED } };
/* The shield stays in front of all. */
static const struct variant shielded[] = {
  { WHEN_TRACKING, false, MODE_SHIELD + ORDER_STARTED }, { WHEN_TRACKING, true, MODE_SHIELD + ORDER_BEFORE }
};
enum { SHIELD_VARIANTS = 1 };   /* a run of the test has one of them */
static const struct variant *variants = earlier;
static size_t variant_count = VARIANTS;
_Static_assert(sizeof earlier == VARIANTS * sizeof *earlier, "the longest list");

static bool
is_used(bool in_thread)
{
  for (size_t i = 0; i < variant_count; i++)
    if (variants[i].in_thread == in_thread)
      return true;
  return false;
}

/* `text` with another word wherever `word` (any if NULL) follows `before`. */
static char *
put_word(char *text, const char *before, const char *word, const char *other)
{
  char *changed = NULL, *rest = text, *at;
  size_t size = 0;
  FILE *stream = open_memstream(&changed, &size);

  if (!stream)
    abort();
  while ((at = strstr(rest, before))) {
    at += strlen(before);
    size_t length = strcspn(at, " ,\n");
    bool same = !word || (strlen(word) == length && strncmp(word, at, length) == 0);
    fprintf(stream, "%.*s%.*s", (int)(at - rest), rest, (int)(same ? strlen(other) : length), same
            ? other : at);
    rest = at + length;
  }
  fputs(rest, stream);
  fclose(stream);
  free(text);
  return changed;
}

/* What is known to differ under the shield, where SIGSEGV is blocked (HACKING says why it
 * must): exactly this is expected. */
static char *
expect_shielded(char *text, unsigned crash, unsigned disposition, bool in_thread)
{
  char *changed = NULL;

  if (!dispositions[disposition].blocked)
    return text;
  if (crashes[crash].deed == DEED_DEEP) {
    /* No stack for our handler. */
    text = put_word(text, " code ", NULL, "128");
    return put_word(text, " address ", NULL, "(nil)");
  }
  if (crashes[crash].deed != DEED_KILLED || in_thread)
    return text;
  /* EXDEV was what errno began with. */
  text = put_word(text, "errno=", "12", "4");
  if (asprintf(&changed, "read was interrupted\n%s", text) < 0)
    abort();
  free(text);
  return changed;
}

/* Hung runs cost seconds each: after some it is clear enough. */
enum { HUNG_MAX = 3 };
static int hung;

static void
run_cell(unsigned crash, unsigned disposition, bool want_core)
{
  static struct outcome outcome;
  char *expected[2] = { NULL, NULL }, *why = NULL, name[64];
  bool good = true;
  size_t size = 0;
  FILE *notes = open_memstream(&why, &size);

  if (!notes)
    abort();
  for (int in_thread = 0; in_thread < 2; in_thread++) {
    if (!is_used(in_thread))
      continue;
    int error = run_victim(&runner, WHEN_WITHOUT, crash, disposition, in_thread, ORDER_BEFORE, &outcome);
    expected[in_thread] = describe(&outcome);
    if (error || !is_as_planned(&outcome, crash, disposition, in_thread)) {
      good = false;
      fprintf(notes, "%s: not what was planned:\n%s", in_thread ? "thread" : "main",
              error ? strerror(-error) : expected[in_thread]);
    }
    if (want_core && WIFSIGNALED(outcome.status) && !outcome.has_core) {
      good = false;
      fprintf(notes, "%s: no core file\n", in_thread ? "thread" : "main");
    }
  }
  for (int in_thread = 0; in_thread < 2; in_thread++)
    if (is_used(in_thread) && variants[0].mode >= MODE_SHIELD)
      expected[in_thread] = expect_shielded(expected[in_thread], crash, disposition, in_thread);
  bool differs[VARIANTS] = { false };
  char *seen[VARIANTS] = { NULL };
  for (size_t i = 0; i < variant_count && hung < HUNG_MAX; i++) {
    run_victim(&runner, variants[i].when, crash, disposition, variants[i].in_thread, variants[i].mode,
               &outcome);
    seen[i] = describe(&outcome);
    differs[i] = strcmp(seen[i], expected[variants[i].in_thread]) != 0;
    good = good && !differs[i];
    hung += outcome.hung;
  }
  fclose(notes);
  ok(good, "%s; %s", crashes[crash].name, dispositions[disposition].name);
  for (char *line = strtok(why, "\n"); line; line = strtok(NULL, "\n"))
    printf("#   without Writewatch, %s\n", line);
  for (size_t i = 0; i < variant_count; i++) {
    snprintf(name, sizeof name, "%s, in %s%s", when_names[variants[i].when],
             variants[i].in_thread ? "a second thread" : "the main thread",
             variants[i].mode % MODE_SHIELD == ORDER_BEFORE ? "" : ", handler after us");
    if (differs[i])
      show_difference(name, expected[variants[i].in_thread], seen[i]);
    free(seen[i]);
  }
  free(expected[0]);
  free(expected[1]);
  free(why);
}

/* Where do core files go, and is making one allowed? NULL, or why not. */
static const char *
core_obstacle(void)
{
  char pattern[128] = "";
  struct rlimit limit;
  FILE *file = fopen("/proc/sys/kernel/core_pattern", "r");

  if (!file || !fgets(pattern, sizeof pattern, file))
    strcpy(pattern, "?");
  if (file)
    fclose(file);
  runner.core_limit = 0;
  /* 1 is the limit at which the kernel does not even start a collector of cores. */
  if (pattern[0] == '|')
    runner.core_limit = 1;
  if (strncmp(pattern, "core", 4) != 0 || strchr(pattern, '/') || strchr(pattern, '%'))
    return "kernel.core_pattern does not put a core file into the working directory";
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return "sanitizers forbid cores, whose shadow memory is huge";
#endif
  if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max < 1u << 24)
    return "the hard limit of core files is too low";
  runner.core_limit = -1;
  runner.read_cores = true;
  return NULL;
}

/* The status that the victim ends with by itself, -1 if it does not. */
static int
ask(const char *argument)
{
  int status = 0;
  pid_t child = fork();

  if (child == 0) {
    close(STDERR_FILENO);
    execl(runner.program, runner.program, argument, (char *)NULL);
    _exit(82);
  }
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
skip_all(const char *reason)
{
  printf("1..0 # SKIP %s\n", reason);
  return 0;
}

/* The modes. NULL, or why there is nothing to run. */
static const char *
choose(const char *mode)
{
  if (strcmp(mode, "--later") == 0) {
    variants = later;
    variant_count = sizeof later / sizeof *later;
    return NULL;
  }
  variants = strcmp(mode, "--shield") == 0 ? shielded : shielded + SHIELD_VARIANTS;
  variant_count = SHIELD_VARIANTS;
  return ask("--shield") != VICTIM_NO_SECCOMP ? NULL
         : "the shield needs seccomp filters, which this machine does not allow";
}

int
main(int argc, char **argv)
{
  char program[PATH_MAX], self[PATH_MAX], directory[] = "/tmp/ww-crash-XXXXXX";
  const char *obstacle = run_obstacle();
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

#ifndef __x86_64__
  return skip_all("the victim's instructions are written for x86-64");
#endif
#ifdef __SANITIZE_THREAD__
  return skip_all("ThreadSanitizer puts its own handler, flags and mask before all others");
#endif
  if (obstacle)
    return skip_all(obstacle);
  if (length <= 0 || !mkdtemp(directory) || chdir(directory) != 0) {
    fprintf(stderr, "crash-matrix: cannot work in %s: %s\n", directory, strerror(errno));
    return 99;
  }
  self[length] = '\0';
  if (snprintf(program, sizeof program, "%s/crash-victim", dirname(self)) >= (int)sizeof program)
    return 99;
  runner.program = program;
  /* Without arguments it says how to use it. */
  if (ask(NULL) != 2) {
    fprintf(stderr, "crash-matrix: %s does not run\n", program);
    return 99;
  }
  if (argc > 1 && strncmp(argv[1], "--", 2) == 0) {
    const char *nothing = choose(argv[1]);
    if (nothing) {
      rmdir(directory);
      return skip_all(nothing);
    }
    argv++;
    argc--;
  }
  obstacle = core_obstacle();
  if (obstacle)
    skip("core files are compared", obstacle);
  for (unsigned crash = 0; crash < crash_count; crash++)
    for (unsigned disposition = 0; disposition < disposition_count; disposition++) {
      if (argc > 1 && strncmp(crashes[crash].name, argv[1], strlen(argv[1])) != 0)
        continue;
      if (argc > 2 && strncmp(dispositions[disposition].name, argv[2], strlen(argv[2])) != 0)
        continue;
      run_cell(crash, disposition, !obstacle);
      if (hung >= HUNG_MAX) {
        printf("Bail out! %d runs hung\n", hung);
        return 1;
      }
    }
  if (chdir("/") != 0 || rmdir(directory) != 0)
    fprintf(stderr, "crash-matrix: %s is left behind: %s\n", directory, strerror(errno));
  return tap_done();
}
