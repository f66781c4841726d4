/* writewatch.c - the command: finds the subcommand, and makes sure that what
 * was printed has arrived. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "message.h"
#include "status.h"
#include "writewatch.h"

struct command {
  const char *name;
  int       (*run)(int argc, char **argv);
  const char *help;
};

static const struct command commands[] = {
  { "bench", bench_main, "compare ways to track, this one among them, over a suite of workloads" },
  { "checkpoint", checkpoint_main, "look at, verify, restore or compact a chain of checkpoints" },
  { "demo", demo_main, "run a workload under the tracker and report what it wrote" },
  { "diff", diff_main, "say what changed between two traces, by region and writer" },
  { "doctor", doctor_main, "say what this machine offers for tracking, and what a fault costs" },
  { "report", report_main, "say what a trace holds: what was written, by whom, how often" },
  { "record", record_main, "run any program, and write down which pages it dirties, and who writes them" },
  { "top", top_main, "show what a program writes while it is recorded" },
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static void
print_help(FILE *out)
{
  fputs("Usage: writewatch COMMAND [ARGUMENTS]\n"
        "Shows which pages of memory a program writes: when, who, how often.\n\n"
        "Commands:\n", out);
  for (size_t i = 0; i < COMMANDS; i++)
    fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
  fputs("\n  --help, --version\n\n"
        "`writewatch COMMAND --help` explains a command.\n\n" STATUS_HELP, out);
}

/* A descriptor 0, 1 or 2 that is closed would be handed out to the next file
 * opened, and the report written into it. In its place comes one that cannot be
 * used in that direction, so that reading or writing fails as on a closed one. */
static void
occupy_standard_descriptors(void)
{
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
      (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static const struct command *
find_command(const char *name)
{
  for (size_t i = 0; i < COMMANDS; i++)
    if (strcmp(commands[i].name, name) == 0)
      return &commands[i];
  return NULL;
}

static int
dispatch(int argc, char **argv)
{
  static char name[64];
  const struct command *command;

  if (argc < 2) {
    print_help(stderr);
    return STATUS_USAGE;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
    print_help(stdout);
    return STATUS_OK;
  }
  if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
    printf("writewatch %s\n", ww_version());
    return STATUS_OK;
  }
  command = find_command(argv[1]);
  if (command == NULL) {
    complain("unknown command '%s': `writewatch --help` lists them", argv[1]);
    return STATUS_USAGE;
  }
  /* getopt_long() begins its messages with argv[0]. */
  snprintf(name, sizeof name, "writewatch %s", command->name);
  argv[1] = name;
  return command->run(argc - 1, argv + 1);
}

int
main(int argc, char **argv)
{
  int status;

  occupy_standard_descriptors();
  status = dispatch(argc, argv);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    complain("cannot write to standard output: %s", strerror(errno));
    status = STATUS_OUTPUT;
  }
  return status;
}
