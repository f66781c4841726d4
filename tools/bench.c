/* bench.c - `writewatch bench`: the command line, and one case after the other. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench_suite.h"
#include "commands.h"
#include "message.h"

enum { OPTION_QUICK = 256, OPTION_ROUNDS, OPTION_EPOCHS, OPTION_ONLY, OPTION_SIZE, OPTION_THREADS,
       OPTION_SEED, OPTION_OUTPUT, OPTION_LIST };

static const struct option known_options[] = {
  { "quick",   no_argument,       NULL, OPTION_QUICK },
  { "rounds",  required_argument, NULL, OPTION_ROUNDS },
  { "epochs",  required_argument, NULL, OPTION_EPOCHS },
  { "only",    required_argument, NULL, OPTION_ONLY },
  { "size",    required_argument, NULL, OPTION_SIZE },
  { "threads", required_argument, NULL, OPTION_THREADS },
  { "seed",    required_argument, NULL, OPTION_SEED },
  { "output",  required_argument, NULL, OPTION_OUTPUT },
  { "list",    no_argument,       NULL, OPTION_LIST },
  { "help",    no_argument,       NULL, 'h' },
  { NULL, 0, NULL, 0 }
};

static void
print_help(void)
{
  printf("Usage: writewatch bench [OPTIONS]\n"
         "Runs trackers side by side, an epoch each by turns, over a suite of workloads:\n"
         "what each of them costs, and its ratio to PAGEMAP_SCAN, the kernel's own tracker.\n\n"
         "  --quick          fewer cases, rounds and epochs: some three minutes, not twenty\n"
         "  --only NAME      this contestant or workload; may be given again\n"
         "  --size MIB       memory of this size instead of the suite's; may be given again\n"
         "  --threads N      threads that write, instead of the suite's; may be given again\n"
         "  --rounds N       how often each case is run, from fresh processes (default: 5 or 3,\n"
         "                   fewer where that takes too long)\n"
         "  --epochs N       epochs of a round\n"
         "  --seed N         seed of the workloads' random numbers (default 1)\n"
         "  --output DIR     write bench-suite.csv, bench-suite.json and the plots, *.svg, to DIR\n"
         "  --list           the contestants, the synthetic workloads and the cases\n"
         "  --help           this text\n\n"
         "The table goes to standard output, all else to standard error. The contestants are\n"
         "compared with each other: a written page that one does not return is an error.\n\n" STATUS_HELP);
}

static void
print_list(const struct bench_options *options)
{
  size_t count;
  struct bench_case *cases = bench_cases(options, &count);
  char name[96];

  printf("Contestants:\n");
  for (size_t i = 0; bench_contestants[i]; i++)
    printf("  %-21s %s\n", bench_contestants[i]->name, bench_contestants[i]->about);
  printf("\nSynthetic workloads (`writewatch demo --list' has the others):\n");
  for (const struct workload *const *w = bench_patterns; *w; w++)
    printf("  %-21s %s\n", (*w)->name, (*w)->summary);
  printf("\nCases:\n");
  for (size_t i = 0; i < count; i++) {
    bench_case_name(&cases[i], name, sizeof name);
    printf("  %-30s%s%s%s\n", name, cases[i].groups & BENCH_SUITE ? " suite" : "",
           cases[i].groups & BENCH_ITERATIVE ? " iterative" : "",
           cases[i].groups & BENCH_ADVERSE ? " adversarial" : "");
  }
  free(cases);
}

static enum status
parse_number(const char *option, const char *text, unsigned long long least, unsigned long long most,
             unsigned long long *number)
{
  const size_t digits = strspn(text, "0123456789");

  errno = 0;
  *number = strtoull(text, NULL, 10);
  if (digits == 0 || text[digits] != '\0' || errno == ERANGE || *number < least || *number > most) {
    complain("--%s '%s' is not a whole number from %llu to %llu", option, text, least, most);
    return STATUS_USAGE;
  }
  return STATUS_OK;
}

static enum status
take_only(struct bench_options *options, const char *name)
{
  if (!bench_contestant_find(name, NULL) && !bench_workload(name)) {
    complain("--only '%s' is neither a contestant nor a workload: `writewatch bench --list` lists them",
             name);
    return STATUS_USAGE;
  }
  if (options->only_count == sizeof options->only / sizeof options->only[0]) {
    complain("too many --only");
    return STATUS_USAGE;
  }
  options->only[options->only_count++] = name;
  return STATUS_OK;
}

static enum status
parse_option(struct bench_options *options, int option)
{
  unsigned long long number = 0;
  enum status status = STATUS_OK;

  switch (option) {
    case OPTION_QUICK:
      options->quick = true;
      break;
    case OPTION_ROUNDS:
      status = parse_number("rounds", optarg, 1, BENCH_ROUNDS, &number);
      options->rounds = (unsigned)number;
      break;
    case OPTION_EPOCHS:
      status = parse_number("epochs", optarg, 1, 100000, &number);
      options->epochs = (unsigned)number;
      break;
    case OPTION_SEED:
      status = parse_number("seed", optarg, 0, INT64_MAX, &number);
      options->seed = number;
      break;
    case OPTION_SIZE:
      status = parse_number("size", optarg, 1, 1u << 20, &number);
      if (status == STATUS_OK && options->size_count == sizeof options->sizes / sizeof options->sizes[0]) {
        complain("too many --size");
        status = STATUS_USAGE;
      } else if (status == STATUS_OK) {
        options->sizes[options->size_count++] = (size_t)number;
      }
      break;
    case OPTION_THREADS:
      status = parse_number("threads", optarg, 1, 256, &number);
      if (status == STATUS_OK
          && options->thread_count == sizeof options->threads / sizeof options->threads[0]) {
        complain("too many --threads");
        status = STATUS_USAGE;
      } else if (status == STATUS_OK) {
        options->threads[options->thread_count++] = (unsigned)number;
      }
      break;
    case OPTION_ONLY:
      status = take_only(options, optarg);
      break;
    case OPTION_OUTPUT:
      options->output = optarg;
      break;
    default:
      fprintf(stderr, "`writewatch bench --help` lists the options.\n");
      status = STATUS_USAGE;
  }
  return status;
}

/* A folder that cannot be had should be heard of before the run, not after it. */
static enum status
check_output(const char *folder)
{
  struct stat found;

  if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
    complain("cannot make the folder %s: %s", folder, strerror(errno));
    return STATUS_OUTPUT;
  }
  if (stat(folder, &found) != 0 || !S_ISDIR(found.st_mode) || access(folder, W_OK | X_OK) != 0) {
    complain("--output %s is not a folder that can be written to", folder);
    return STATUS_OUTPUT;
  }
  return STATUS_OK;
}

static void
show_progress(const struct bench_case *at, size_t index, size_t count, double begun)
{
  char name[96];

  if (isatty(STDERR_FILENO) != 1)
    return;
  bench_case_name(at, name, sizeof name);
  fprintf(stderr, "\r%zu of %zu, %.0f s: %-40s", index + 1, count, (now_wall() - begun) / 1e9, name);
}

static enum status
run_cases(const struct bench_options *options, const struct bench_case *cases, size_t count)
{
  struct bench_result *results = calloc(count, sizeof *results);
  enum status worst = STATUS_OK, status;
  const double begun = now_wall();

  if (!results) {
    complain("out of memory");
    return STATUS_MEMORY;
  }
  for (size_t i = 0; i < count && worst != STATUS_MEMORY; i++) {
    show_progress(&cases[i], i, count, begun);
    results[i].what = cases[i];
    results[i].pages = (cases[i].mebibytes << 20) / page_bytes();
    results[i].epochs = bench_epochs(options, &cases[i]);
    status = bench_contest(options, &results[i]);
    /* A lost page is the worst that there is. */
    if (status != STATUS_OK && worst != STATUS_CHECK)
      worst = status;
  }
  if (isatty(STDERR_FILENO) == 1)
    fprintf(stderr, "\r%70s\r", "");
  bench_table(stdout, options, results, count);
  if (options->output) {
    status = bench_files(options->output, options, results, count);
    if (status == STATUS_OK)
      status = bench_plots(options->output, results, count);
    if (worst == STATUS_OK)
      worst = status;
  }
  free(results);
  return worst;
}

int
bench_main(int argc, char **argv)
{
  struct bench_options options = { .seed = 1 };
  enum status status;
  struct bench_case *cases;
  bool listing = false;
  size_t count;
  int option;

  /* What the driver says to the process images that it starts. */
  if (argc > 1 && strcmp(argv[1], "--image") == 0)
    return bench_image(argc - 2, argv + 2);
  optind = 1;
  while ((option = getopt_long(argc, argv, "h", known_options, NULL)) != -1) {
    if (option == 'h') {
      print_help();
      return STATUS_OK;
    }
    if (option == OPTION_LIST)
      listing = true;
    else if ((status = parse_option(&options, option)) != STATUS_OK)
      return status;
  }
  if (optind < argc) {
    complain("bench takes no operands, and '%s' is one", argv[optind]);
    return STATUS_USAGE;
  }
  if (listing) {
    print_list(&options);
    return STATUS_OK;
  }
  if (options.output && (status = check_output(options.output)) != STATUS_OK)
    return status;
  cases = bench_cases(&options, &count);
  if (!cases || count == 0) {
    complain(cases ? "nothing of the suite is left with these options" : "out of memory");
    free(cases);
    return cases ? STATUS_USAGE : STATUS_MEMORY;
  }
  status = bench_probe(&options);
  if (status == STATUS_OK)
    status = run_cases(&options, cases, count);
  free(cases);
  return status;
}
