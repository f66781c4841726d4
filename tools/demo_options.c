/* demo_options.c - the command line of `writewatch demo`. */
#include "config.h"
#include "demo_options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "writewatch-checkpoint.h"

enum { STACKS_DEFAULT = 16 };

enum { OPTION_PAGES = 256, OPTION_EPOCHS, OPTION_THREADS, OPTION_SEED, OPTION_FORMAT, OPTION_OUTPUT,
       OPTION_STACKS, OPTION_ENGINE, OPTION_POLICY, OPTION_VERIFY, OPTION_AUDIT, OPTION_LIST,
         OPTION_CHECKPOINT, OPTION_INTERVAL, OPTION_RESUME,
       OPTION_SAVE };

static const struct option known_options[] = {
  { "pages",   required_argument, NULL, OPTION_PAGES },
  { "epochs",  required_argument, NULL, OPTION_EPOCHS },
  { "threads", required_argument, NULL, OPTION_THREADS },
  { "seed",    required_argument, NULL, OPTION_SEED },
  { "format",  required_argument, NULL, OPTION_FORMAT },
  { "output",  required_argument, NULL, OPTION_OUTPUT },
  { "stacks",  required_argument, NULL, OPTION_STACKS },
  { "engine",  required_argument, NULL, OPTION_ENGINE },
  { "policy",  required_argument, NULL, OPTION_POLICY },
  { "verify",  no_argument,       NULL, OPTION_VERIFY },
  { "audit",   no_argument,       NULL, OPTION_AUDIT },
  { "checkpoint", required_argument, NULL, OPTION_CHECKPOINT },
  { "interval", required_argument, NULL, OPTION_INTERVAL },
  { "resume",  required_argument, NULL, OPTION_RESUME },
  { "save",    required_argument, NULL, OPTION_SAVE },
  { "list",    no_argument,       NULL, OPTION_LIST },
  { "help",    no_argument,       NULL, 'h' },
  { NULL, 0, NULL, 0 }
};

void
demo_options_help(void)
{
  printf("Usage: writewatch demo [NAME] [OPTIONS] [OPERANDS]\n"
         "       writewatch demo --list\n"
         "Runs the workload NAME (default: %s) in epochs over tracked memory and\n"
         "reports which pages each epoch wrote, and who wrote them.\n\n"
         "  --list           the workloads, their defaults and where they come from\n"
         "  --pages N        tracked memory, in pages of %ld bytes\n"
         "  --epochs N       how often the dirty pages are collected\n"
         "  --threads N      threads that run the workload (at most %d)\n"
         "  --seed N         seed of the workload's random numbers (default 1)\n"
         "  --format FORMAT  text, json or csv (default text)\n"
         "  --output FILE    write the report to FILE, which is there whole or not at all\n"
         "  --stacks N       frames kept of each writer's stack, at most %d; 0: none\n"
         "                   (default %d, none in a build without libunwind)\n"
         "  --engine NAME    how writes are noticed: mprotect, userfaultfd, pagemap, or auto (default):\n"
         "                   what the variable WRITEWATCH_ENGINE names, or the library chooses\n"
         "  --policy NAME    what is done with pages that are written: trap, adaptive, or auto\n"
         "  --verify         compare each epoch with a byte-for-byte copy of the memory:\n"
         "                   a lost or an invented write is an error\n"
         "  --audit          the library hashes every page at each collect (WW_AUDIT): a page\n"
         "                   that changed and was not noticed is an error\n"
         "  --checkpoint DIR save the memory into the new chain DIR: what changed, after each epoch\n"
         "  --interval N     or each N epochs\n"
         "  --save WHAT      of a page that changed: bytes (default), packed-pages, plain-bytes, plain-pages\n"
         "  --resume DIR     go on from the newest checkpoint in DIR, and save there\n"
         "  --help           this text\n\n"
         "The report goes to standard output, all else to standard error.\n\n" STATUS_HELP,
         workloads[0]->name, sysconf(_SC_PAGESIZE), DEMO_THREADS_MAX, WW_STACK_MAX, STACKS_DEFAULT);
}

void
demo_options_list(void)
{
  for (const struct workload *const *w = workloads; *w != NULL; w++) {
    printf("%-12s %s\n", (*w)->name, (*w)->summary);
    if ((*w)->operands != NULL)
      printf("%-12s   operands: %s\n", "", (*w)->operands);
    if ((*w)->whole != NULL)
      printf("%-12s   a fixed demonstration: takes no --pages, --epochs or --threads\n", "");
    else if ((*w)->pages == 0)
      printf("%-12s   as many pages as the input needs, %u epochs, ", "", (*w)->epochs);
    else
      printf("%-12s   %zu pages, %u epochs, ", "", (*w)->pages, (*w)->epochs);
    if ((*w)->whole == NULL)
      printf("%s\n", (*w)->max_threads == 1 ? "one thread" : "any number of threads");
    if ((*w)->source != NULL)
      printf("%-12s   from: %s\n", "", (*w)->source);
  }
}

/* Strictly: decimal digits and nothing else. */
static enum status
parse_number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
  size_t digits = strspn(text, "0123456789");
  unsigned long long value;

  if (digits == 0 || text[digits] != '\0') {
    complain("--%s '%s' is not a whole number from %" PRIu64 " to %" PRIu64, option, text, least, most);
    return STATUS_USAGE;
  }
  errno = 0;
  value = strtoull(text, NULL, 10);
  if (errno == ERANGE || value < least || value > most) {
    complain("--%s %s is out of range: %" PRIu64 " to %" PRIu64, option, text, least, most);
    return STATUS_USAGE;
  }
  *number = value;
  return STATUS_OK;
}

/* The number of one of these names. */
static enum status
parse_name(const char *option, const char *text, const char *const *names, unsigned count, unsigned *number)
{
  for (*number = 0; *number < count; ++*number)
    if (strcmp(text, names[*number]) == 0)
      return STATUS_OK;
  fprintf(stderr, "writewatch: --%s '%s' is not known:", option, text);
  for (unsigned i = 0; i < count; i++)
    fprintf(stderr, "%s %s", i == 0 ? "" : i + 1 < count ? "," : " or", names[i]);
  fputc('\n', stderr);
  return STATUS_USAGE;
}

static enum status
parse_engine(const char *text, enum ww_engine *engine)
{
  static const char *const names[] = { "auto", "mprotect", "userfaultfd", "pagemap" };
  unsigned number;
  enum status status = parse_name("engine", text, names, sizeof names / sizeof names[0], &number);

  *engine = (enum ww_engine)number;
  return status;
}

static enum status
parse_policy(const char *text, enum ww_policy *policy)
{
  static const char *const names[] = { "auto", "trap", "adaptive" };
  unsigned number;
  enum status status = parse_name("policy", text, names, sizeof names / sizeof names[0], &number);

  *policy = (enum ww_policy)number;
  return status;
}

/* What is saved of a page that changed. */
static enum status
parse_save(const char *text, struct demo_options *options)
{
  static const char *const names[] = { "bytes", "packed-pages", "plain-bytes", "plain-pages" };
  unsigned number;
  enum status status = parse_name("save", text, names, sizeof names / sizeof names[0], &number);

  options->chain_flags = number % 2 == 0 ? WW_CHAIN_BYTES : 0;
  options->chain_level = number < 2;
  return status;
}

static enum status
parse_format(const char *text, enum ww_format *format)
{
  static const char *const names[] = { [WW_FORMAT_TEXT] = "text", [WW_FORMAT_JSON] = "json",
                                       [WW_FORMAT_CSV] = "csv" };

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(text, names[i]) == 0) {
      *format = (enum ww_format)i;
      return STATUS_OK;
    }
  complain("--format '%s' is not known: text, json or csv", text);
  return STATUS_USAGE;
}

static enum status
find_workload(const char *name, const struct workload **found)
{
  for (const struct workload *const *w = workloads; *w != NULL; w++)
    if (strcmp((*w)->name, name) == 0) {
      *found = *w;
      return STATUS_OK;
    }
  complain("unknown workload '%s': `writewatch demo --list` lists them", name);
  return STATUS_USAGE;
}

/* What was given on the command line; 0 and -1: not given. */
struct given {
  uint64_t pages, epochs, threads, seed, stacks, interval;
  bool stacks_given, seed_given;
};

static enum status
parse_option(struct demo_options *options, struct given *given, int option)
{
  /* So that pages times their size stays a size_t, with room for a second copy. */
  uint64_t pages_most = SIZE_MAX / 4 / (size_t)sysconf(_SC_PAGESIZE);

  switch (option) {
    case OPTION_PAGES:
      return parse_number("pages", optarg, 1, pages_most, &given->pages);
    case OPTION_EPOCHS:
      return parse_number("epochs", optarg, 1, 1000000, &given->epochs);
    case OPTION_THREADS:
      return parse_number("threads", optarg, 1, DEMO_THREADS_MAX, &given->threads);
    case OPTION_SEED:
      given->seed_given = true;
      return parse_number("seed", optarg, 0, UINT64_MAX, &given->seed);
    case OPTION_STACKS:
      given->stacks_given = true;
      return parse_number("stacks", optarg, 0, WW_STACK_MAX, &given->stacks);
    case OPTION_FORMAT:
      return parse_format(optarg, &options->format);
    case OPTION_OUTPUT:
      options->output = optarg;
      return STATUS_OK;
    case OPTION_ENGINE:
      return parse_engine(optarg, &options->engine);
    case OPTION_POLICY:
      return parse_policy(optarg, &options->policy);
    case OPTION_VERIFY:
      options->verify = true;
      return STATUS_OK;
    case OPTION_AUDIT:
      options->audit = true;
      return STATUS_OK;
    case OPTION_CHECKPOINT:
    case OPTION_RESUME:
      if (options->chain != NULL) {
        complain("--checkpoint begins a chain, --resume goes on with one: one directory is wanted");
        return STATUS_USAGE;
      }
      options->chain = optarg;
      options->resume = option == OPTION_RESUME;
      return STATUS_OK;
    case OPTION_SAVE:
      return parse_save(optarg, options);
    case OPTION_INTERVAL:
      return parse_number("interval", optarg, 1, 1000000, &given->interval);
    case OPTION_LIST:
      options->request = DEMO_LIST;
      return STATUS_OK;
    case 'h':
      options->request = DEMO_HELP;
      return STATUS_OK;
    default:
      fprintf(stderr, "`writewatch demo --help` lists the options.\n");
      return STATUS_USAGE;
  }
}

static enum status
settle(struct demo_options *options, const struct given *given)
{
  const struct workload *workload = options->workload;

  if (workload->whole != NULL && (given->pages != 0 || given->epochs != 0 || given->threads != 0)) {
    complain("%s is a fixed demonstration: it takes no --pages, --epochs or --threads", workload->name);
    return STATUS_USAGE;
  }
  if (workload->max_threads != 0 && given->threads > workload->max_threads) {
    complain("--threads %" PRIu64 " is too many for %s: it runs on %u at most", given->threads,
             workload->name, workload->max_threads);
    return STATUS_USAGE;
  }
  if (given->stacks > 0 && !ww_has_stacks()) {
    complain("--stacks %" PRIu64 ": this build keeps no stacks; it was configured without libunwind",
             given->stacks);
    return STATUS_USAGE;
  }
  options->pages = given->pages != 0 ? (size_t)given->pages : workload->pages;
  options->epochs = given->epochs != 0 ? (unsigned)given->epochs : workload->epochs;
  options->threads = given->threads != 0 ? (unsigned)given->threads : 1;
  options->seed = given->seed;
  options->interval = (unsigned)given->interval;
  options->given.pages = given->pages;
  options->given.epochs = given->epochs;
  options->given.threads = given->threads;
  options->given.seed = given->seed_given;
  if (options->interval != 0 && options->chain == NULL) {
    complain("--interval is for --checkpoint or --resume");
    return STATUS_USAGE;
  }
  if (workload->whole != NULL && options->engine > WW_ENGINE_MPROTECT) {
    complain("%s demonstrates mprotect(): it takes no other --engine", workload->name);
    return STATUS_USAGE;
  }
  /* Who wrote is not known to the kernel's own tracking: stacks are left out unless they are asked for. */
  const char *environment = getenv("WRITEWATCH_ENGINE");
  const bool kernels = options->engine == WW_ENGINE_PAGEMAP
    || (options->engine == WW_ENGINE_AUTO && environment != NULL && strcmp(environment, "pagemap") == 0);
  options->stacks = given->stacks_given ? (unsigned)given->stacks
                    : ww_has_stacks() && !kernels ? STACKS_DEFAULT : 0;
  return STATUS_OK;
}

enum status
demo_options_parse(struct demo_options *options, int argc, char **argv)
{
  struct given given = { .seed = 1 };
  enum status status;
  int option;

  *options = (struct demo_options){ .request = DEMO_RUN, .workload = workloads[0],
                                    .chain_flags = WW_CHAIN_BYTES, .chain_level = 1 };
  optind = 1;
  while ((option = getopt_long(argc, argv, "h", known_options, NULL)) != -1) {
    status = parse_option(options, &given, option);
    if (status != STATUS_OK)
      return status;
    if (options->request != DEMO_RUN)
      return STATUS_OK;
  }
  if (optind < argc) {
    status = find_workload(argv[optind], &options->workload);
    if (status != STATUS_OK)
      return status;
    options->argc = argc - optind - 1;
    options->argv = argv + optind + 1;
    if (options->argc > 0 && options->workload->operands == NULL) {
      complain("%s takes no operands, and '%s' is one", options->workload->name, options->argv[0]);
      return STATUS_USAGE;
    }
  }
  return settle(options, &given);
}
