/* checkpoint.c - `writewatch checkpoint': a chain of checkpoints, looked at and worked on. */
#include "config.h"
#include "checkpoint.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "message.h"

static const struct action {
  const char *name;
  enum status (*run)(const struct checkpoint_options *options);
  int         least, most;   /* operands behind DIR */
  const char *letters;       /* options that it takes */
  const char *usage, *help;
} actions[] = {
  { "list", checkpoint_list, 0, 0, "f", "list DIR", "what checkpoints there are" },
  { "show", checkpoint_show, 0, 0, "fg", "show DIR", "one of them, and its regions" },
  { "verify", checkpoint_verify, 0, 0, "f", "verify DIR",
    "read every byte and compare it with its checksum" },
  { "restore", checkpoint_restore, 0, 0, "fgo", "restore DIR --output OUT",
    "each region into a file in the new directory OUT" },
  { "extract", checkpoint_extract, 1, 1, "go", "extract DIR REGION", "the bytes of one region" },
  { "diff", checkpoint_diff, 2, 2, "f", "diff DIR A B", "the pages in which generations A and B differ" },
  { "compact", checkpoint_compact, 0, 0, "fk", "compact DIR",
    "make the oldest one kept a full image, remove those before it" },
};
enum { ACTIONS = sizeof actions / sizeof actions[0] };

static void
print_help(void)
{
  fputs("Usage: writewatch checkpoint ACTION DIR [OPERANDS] [OPTIONS]\n"
        "A chain of checkpoints that libwritewatch-checkpoint, or `writewatch demo --checkpoint',\n"
        "has written into the directory DIR.\n\n", stdout);
  for (int i = 0; i < ACTIONS; i++)
    printf("  %-26s %s\n", actions[i].usage, actions[i].help);
  fputs("\n"
        "  -g, --generation N      this one (default: the newest that is sound)\n"
        "  -k, --keep N            compact: how many checkpoints stay (default 1)\n"
        "  -o, --output PATH       extract: a file (default: standard output); restore: a directory\n"
        "  -f, --format text|json  for a person (default), or one JSON object\n"
        "  -h, --help              this text\n\n"
        "Exit status:\n"
        "  0  done; all that was looked at is sound\n"
        "  1  a checkpoint is not sound; diff: they differ\n"
        "  2  usage: an unknown action or option, a bad number, no such generation or region\n"
        "  3  the chain cannot be read, or is in use\n"
        "  4  the output could not be written whole\n"
        "  6  out of memory\n", stdout);
}

enum status
checkpoint_complain(int error)
{
  complain("%s", ww_chain_error());
  switch (error) {
    case -ENOMEM:
      return STATUS_MEMORY;
    case -EBADMSG:
      return STATUS_CHECK;
    case -ENOENT:
    case -EINVAL:
      return STATUS_USAGE;
    default:
      return STATUS_INPUT;
  }
}

static void
note(void *context, const char *text)
{
  (void)context;
  checkpoint_bar_end();
  complain("%s", text);
}

enum status
checkpoint_open(const struct checkpoint_options *options, bool write, ww_chain **chain)
{
  struct ww_chain_options chosen = WW_CHAIN_OPTIONS_INIT;
  /* To open it for writing would make it. */
  if (access(options->directory, F_OK) != 0) {
    complain("%s: %s", options->directory, strerror(errno));
    return STATUS_INPUT;
  }
  chosen.flags = write ? 0 : WW_CHAIN_READ_ONLY;
  chosen.level = 1;
  chosen.note = note;
  int error = ww_chain_open(chain, options->directory, &chosen);
  if (error == 0)
    return STATUS_OK;
  enum status status = checkpoint_complain(error);
  return status == STATUS_MEMORY ? status : STATUS_INPUT;
}

enum status
checkpoint_json(json_t *all)
{
  int failed = all == NULL || json_dumpf(all, stdout, JSON_INDENT(1)) != 0;
  json_decref(all);
  if (failed && !ferror(stdout)) {
    complain("out of memory");
    return STATUS_MEMORY;
  }
  /* What could not be written main() says, with the reason. */
  putchar('\n');
  return STATUS_OK;
}

static uint64_t
number(const char *what, const char *text, uint64_t most)
{
  size_t digits = strspn(text, "0123456789");
  errno = 0;
  unsigned long long value = strtoull(text, NULL, 10);
  if (digits != 0 && text[digits] == '\0' && errno == 0 && value >= 1 && value <= most)
    return value;
  complain("%s '%s' is not a whole number from 1 to %" PRIu64, what, text, most);
  return 0;
}

uint64_t
checkpoint_generation(const char *text)
{
  return number("generation", text, UINT64_MAX);
}

static const struct action *
find_action(const char *name)
{
  for (int i = 0; i < ACTIONS; i++)
    if (strcmp(actions[i].name, name) == 0)
      return &actions[i];
  return NULL;
}

static enum status
take_option(struct checkpoint_options *options, int option)
{
  uint64_t keep;
  switch (option) {
    case 'g':
      options->generation = checkpoint_generation(optarg);
      return options->generation ? STATUS_OK : STATUS_USAGE;
    case 'k':
      keep = number("--keep", optarg, 1000000);
      options->keep = (unsigned)keep;
      return keep ? STATUS_OK : STATUS_USAGE;
    case 'o':
      options->output = optarg;
      return STATUS_OK;
    case 'f':
      options->json = strcmp(optarg, "json") == 0;
      if (options->json || strcmp(optarg, "text") == 0)
        return STATUS_OK;
      complain("--format '%s' is not known: text or json", optarg);
      return STATUS_USAGE;
    default:
      fprintf(stderr, "`writewatch checkpoint --help' lists the options.\n");
      return STATUS_USAGE;
  }
}

static enum status
check_operands(const struct action *action, const struct checkpoint_options *options, const char *given)
{
  for (const char *letter = given; *letter; letter++)
    if (!strchr(action->letters, *letter)) {
      complain("checkpoint %s: takes no -%c; `writewatch checkpoint --help' lists the options", action->name,
               *letter);
      return STATUS_USAGE;
    }
  if (!options->directory || options->count < action->least || options->count > action->most) {
    complain("usage: writewatch checkpoint %s", action->usage);
    return STATUS_USAGE;
  }
  return STATUS_OK;
}

int
checkpoint_main(int argc, char **argv)
{
  static const struct option known[] = {
    { "generation", required_argument, NULL, 'g' }, { "keep", required_argument, NULL, 'k' },
    { "output", required_argument, NULL, 'o' }, { "format", required_argument, NULL, 'f' },
    { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
  };
  struct checkpoint_options options = { .keep = 1 };
  char given[8] = "";
  int option;
  while ((option = getopt_long(argc, argv, "g:k:o:f:h", known, NULL)) != -1) {
    if (option == 'h') {
      print_help();
      return STATUS_OK;
    }
    enum status status = take_option(&options, option);
    if (status != STATUS_OK)
      return status;
    if (!strchr(given, option))
      given[strlen(given)] = (char)option;
  }
  const struct action *action = optind < argc ? find_action(argv[optind]) : NULL;
  if (!action) {
    if (optind < argc)
      complain("checkpoint: unknown action '%s': `writewatch checkpoint --help' lists them", argv[optind]);
    else
      complain("checkpoint: an action is wanted: `writewatch checkpoint --help' lists them");
    return STATUS_USAGE;
  }
  if (optind + 1 < argc) {
    options.directory = argv[optind + 1];
    options.operands = argv + optind + 2;
    options.count = argc - optind - 2;
  }
  enum status status = check_operands(action, &options, given);
  if (status == STATUS_OK)
    status = action->run(&options);
  checkpoint_bar_end();
  return status;
}
