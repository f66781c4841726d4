/* report_options.c - the command lines of `writewatch report` and `writewatch diff`. */
#include "config.h"
#include "report_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

enum { OPTION_FORMAT = 256, OPTION_OUTPUT, OPTION_BY, OPTION_SORT, OPTION_TOP, OPTION_REGION, OPTION_SINCE,
       OPTION_UNTIL, OPTION_NAMES };

enum { TOP_DEFAULT = 10 };

static const struct option known_options[] = {
  { "format",   required_argument, NULL, OPTION_FORMAT },
  { "output",   required_argument, NULL, OPTION_OUTPUT },
  { "by",       required_argument, NULL, OPTION_BY },
  { "sort",     required_argument, NULL, OPTION_SORT },
  { "top",      required_argument, NULL, OPTION_TOP },
  { "region",   required_argument, NULL, OPTION_REGION },
  { "since",    required_argument, NULL, OPTION_SINCE },
  { "until",    required_argument, NULL, OPTION_UNTIL },
  { "no-names", no_argument,       NULL, OPTION_NAMES },
  { "help",     no_argument,       NULL, 'h' },
  { NULL, 0, NULL, 0 }
};

static const char *const sort_names[] = { "pages", "bytes", "epochs", "name", NULL };

static void
print_help(const struct report_command *command)
{
  fputs(command->help, stdout);
  fputs("  --region WHICH   only regions with this id, of this kind (heap, anon, data, bss,\n"
        "                   file, shared), or with this in their name; may be repeated\n"
        "  --since TIME, --until TIME\n"
        "                   only epochs that end after, and begin before TIME since the\n"
        "                   start: a number with s, ms, us or ns; without, seconds\n"
        "  --no-names       open no other files: libraries and offsets instead of functions\n"
        "  --output FILE    write to FILE, which is there whole or not at all\n"
        "  --help           this text\n\n"
        "A trace that is damaged or cut is read as far as it is sound: the report is\n"
        "written, where and why is said on standard error, and the status is 1.\n\n" STATUS_HELP, stdout);
}

static enum status
parse_name(const char *option, const char *text, const char *const *names, unsigned *number)
{
  for (*number = 0; names[*number]; ++*number)
    if (strcmp(text, names[*number]) == 0)
      return STATUS_OK;
  complain("--%s '%s' is not known: `--help` lists what is", option, text);
  return STATUS_USAGE;
}

static enum status
parse_count(const char *option, const char *text, size_t *count)
{
  char *end;

  errno = 0;
  *count = strtoul(text, &end, 10);
  if (*text < '0' || *text > '9' || *end || errno) {
    complain("--%s '%s' is not a whole number", option, text);
    return STATUS_USAGE;
  }
  return STATUS_OK;
}

/* "1.5", "200ms". */
static enum status
parse_time(const char *option, const char *text, uint64_t *nanoseconds)
{
  static const struct { const char *unit; double factor; } units[] = {
    { "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 }, { "ns", 1 }
  };
  size_t digits = strspn(text, "0123456789.");
  char *end;
  double value = strtod(text, &end);

  for (size_t i = 0; digits && end == text + digits && i < sizeof units / sizeof *units; i++)
    if (strcmp(end, units[i].unit) == 0 && value * units[i].factor < 9e18) {
      *nanoseconds = (uint64_t)(value * units[i].factor);
      return STATUS_OK;
    }
  complain("--%s '%s' is not a time: a number with s, ms, us or ns", option, text);
  return STATUS_USAGE;
}

static enum status
parse_option(struct report_options *options, const struct report_command *command, int option,
             bool *top_given)
{
  unsigned number;
  enum status status;

  switch (option) {
    case OPTION_FORMAT:
      status = parse_name("format", optarg, command->formats, &number);
      options->format = (enum report_format)number;
      return status;
    case OPTION_BY:
      for (number = 0; number < SUMMARY_BYS && strcmp(optarg, summary_by_names[number]) != 0; number++)
        ;
      options->choice.by = (enum summary_by)number;
      if (number < SUMMARY_BYS)
        return STATUS_OK;
      complain("--by '%s' is not known: stack, function, line, library, thread or region", optarg);
      return STATUS_USAGE;
    case OPTION_SORT:
      status = parse_name("sort", optarg, sort_names, &number);
      options->choice.sort = (enum report_sort)number;
      return status;
    case OPTION_TOP:
      *top_given = true;
      return parse_count("top", optarg, &options->choice.top);
    case OPTION_REGION:
      options->regions[options->summary.regions_count++] = optarg;
      return STATUS_OK;
    case OPTION_SINCE:
      return parse_time("since", optarg, &options->summary.since);
    case OPTION_UNTIL:
      return parse_time("until", optarg, &options->summary.until);
    case OPTION_OUTPUT:
      options->output = optarg;
      return STATUS_OK;
    case OPTION_NAMES:
      options->summary.without_names = true;
      return STATUS_OK;
    default:
      return STATUS_USAGE;  /* getopt_long() has said it */
  }
}

enum status
report_options_parse(struct report_options *options, const struct report_command *command, int argc,
                     char **argv,
                     bool *done)
{
  bool top_given = false;
  enum status status = STATUS_OK;
  int option;

  *options = (struct report_options){ .choice.top = TOP_DEFAULT, .choice.by = command->by,
                                      .summary = SUMMARY_OPTIONS_INIT };
  *done = false;
  options->regions = calloc((size_t)argc, sizeof *options->regions);
  if (!options->regions) {
    complain("out of memory");
    return STATUS_MEMORY;
  }
  while (status == STATUS_OK && (option = getopt_long(argc, argv, "h", known_options, NULL)) != -1) {
    if (option == 'h') {
      print_help(command);
      *done = true;
      report_options_free(options);
      return STATUS_OK;
    }
    status = parse_option(options, command, option, &top_given);
  }
  if (status == STATUS_OK && argc - optind != (int)command->files) {
    complain("%s takes the name of %s, not %d", argv[0], command->files == 1 ? "one trace" : "two traces",
             argc - optind);
    status = STATUS_USAGE;
  }
  if (status != STATUS_OK) {
    report_options_free(options);
    return status;
  }
  for (unsigned i = 0; i < command->files; i++)
    options->files[i] = argv[optind + (int)i];
  options->choice.file = options->files[0];
  options->summary.regions = options->regions;
  options->choice.filtered = options->summary.regions_count > 0 || options->summary.since > 0
                             || options->summary.until != UINT64_MAX;
  if (!top_given && options->format != REPORT_TEXT)
    options->choice.top = 0;
  return STATUS_OK;
}

void
report_options_free(struct report_options *options)
{
  free(options->regions);
  options->regions = NULL;
}
