/* bench.c - the driver: runs the contestants in turn and says what came of it. */
#include "config.h"
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTESTANT_SECONDS 300  /* a contestant that takes longer hangs */
#define ONLY_MAX 16

const struct contestant contestants[] = {
  { "bare", "trap", "the bare loop: one bit, one mprotect", 1, 1, trap_bare },
  { "tracker", "trap", "the tracker, no stacks", 1, 1, trap_tracker },
  { "bare-deep", "trap", "the bare loop, writes 16 calls deep", 2, 1, trap_bare_deep },
  { "stacks", "trap", "the tracker with 16-frame stacks, writes 16 calls deep", 2, 1, trap_stacks },
  { "threads-bare", "threads", "the bare loop, one and two threads", 3, 1, threads_bare },
  { "threads", "threads", "the tracker, one and two threads", 3, 1, threads_tracker },
  { "collect-16MiB", "collect", "100 pages written in 16 MiB", 0, 1, collect_small },
  { "collect-4GiB", "collect", "100 pages written in 4 GiB", 0, 1, collect_large },
  { "memory-1GiB", "memory", "the tracker's own memory, all of 1 GiB written", 0, 3, memory_dense },
  { "memory-sparse", "memory", "the same, a reservation little touched", 0, 3, memory_sparse },
  { "shield-without", "shield", "system calls and reads, no shield, nothing tracked", 4, 1, shield_without },
  { "shield", "shield", "the same with the shield; 64 KiB are read into tracked memory", 4, 1, shield_with },
  { "meanwhile", "meanwhile", "checkpoints beside fork(), adaptive, 10 % of 1 GiB", 0, 3,
    meanwhile_adaptive },
  { "meanwhile-trap", "meanwhile", "the same, every page trapped", 0, 3, meanwhile_trap },
  { "meanwhile-at-random", "meanwhile", "adaptive, page by page, userfaultfd", 0, 3,
    meanwhile_scattered_adaptive },
  { "meanwhile-at-random-trap", "meanwhile", "the same, every page trapped", 0, 3, meanwhile_scattered },
  { "durable", "durable", "a checkpoint and a restore of 256 MiB, beside write() and read()", 0, 3, durable },
  { "parts", "micro", "what a trapped write is made of", 0, 1, micro },
  { NULL, NULL, NULL, 0, 0, NULL }
};

static const struct contestant *
contestant_named(const char *name)
{
  for (const struct contestant *contestant = contestants; contestant->name; contestant++)
    if (strcmp(contestant->name, name) == 0)
      return contestant;
  return NULL;
}

static bool
is_named(const char *name)
{
  for (const struct contestant *contestant = contestants; contestant->name; contestant++)
    if (strcmp(contestant->name, name) == 0 || strcmp(contestant->group, name) == 0)
      return true;
  return false;
}

static int
order_of_series(const void *a, const void *b)
{
  const struct series *x = a, *y = b;

  if (x->contestant != y->contestant)
    return x->contestant > y->contestant ? 1 : -1;
  return (x->number > y->number) - (x->number < y->number);
}

static void
usage(FILE *out)
{
  fputs("Usage: bench [--rounds N] [--only NAME]... [--quick] [--output DIR]\n"
        "       bench --contestant NAME [--quick]\n"
        "Compare the tracker with a bare loop whose handler sets one bit and calls mprotect.\n"
        "  -r, --rounds N         how often each contestant runs (default 9; --quick: 3)\n"
        "  -o, --only NAME        a contestant or a group of them; may be repeated\n"
        "  -q, --quick            fewer repetitions in a round\n"
        "  -d, --output DIR       where bench.csv and bench.json go (default: here)\n"
        "  -c, --contestant NAME  run this one, here, once, and print its lines: for a profiler\n"
        "  -l, --list             the contestants and their groups\n"
        "  -h, --help             this text\n"
        "Exit status: 0 measured, whatever the figures; 1 a contestant failed;\n"
        "2 a wrong command line.\n", out);
}

static int
wrong(const char *what, const char *given)
{
  fprintf(stderr, "bench: %s: '%s' (try --help)\n", what, given);
  return BENCH_USAGE;
}

static int
alone(const char *name, bool quick)
{
  const struct contestant *contestant = contestant_named(name);
  const struct bench_run run = { .quick = quick };

  if (!contestant)
    return wrong("there is no such contestant", name);
  alarm(CONTESTANT_SECONDS);
  baton_wait();
  if (contestant->measure(&run) != 0)
    return BENCH_FAILED;
  return fflush(stdout) == 0 ? BENCH_MEASURED : BENCH_FAILED;
}

static int
write_files(const char *folder, const struct results *results, const struct fact *facts, size_t count)
{
  char path[4096];
  int status;

  snprintf(path, sizeof path, "%s/bench.csv", folder);
  status = csv_write(path, results);
  snprintf(path, sizeof path, "%s/bench.json", folder);
  return json_write(path, results, facts, count) | status;
}

int
main(int argc, char **argv)
{
  static const struct option options[] = {
    { "rounds", required_argument, NULL, 'r' },     { "only", required_argument, NULL, 'o' },
    { "quick", no_argument, NULL, 'q' },            { "output", required_argument, NULL, 'd' },
    { "contestant", required_argument, NULL, 'c' }, { "list", no_argument, NULL, 'l' },
    { "baton", required_argument, NULL, 'b' },      { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 }
  };
  struct results results = { 0 };
  struct fact facts[FACTS_MAX];
  const char *folder = ".", *single = NULL;
  char *only[ONLY_MAX], *end;
  size_t only_count = 0, fact_count;
  int option, status;

  while ((option = getopt_long(argc, argv, "r:o:qd:c:lh", options, NULL)) != -1)
    switch (option) {
      case 'r': {
        const unsigned long rounds = strtoul(optarg, &end, 10);

        if (*optarg < '0' || *optarg > '9' || *end != '\0' || rounds == 0 || rounds > 1000)
          return wrong("rounds are a number from 1 to 1000", optarg);
        results.rounds = (unsigned)rounds;
        break;
      }
      case 'o':
        if (!is_named(optarg))
          return wrong("there is no such contestant or group", optarg);
        if (only_count == ONLY_MAX)
          return wrong("too many --only", optarg);
        only[only_count++] = optarg;
        break;
      case 'q':
        results.quick = true;
        break;
      case 'd':
        folder = optarg;
        break;
      case 'c':
        single = optarg;
        break;
      case 'b':  /* between the driver and its contestants; not for people */
        if (!baton_take(optarg))
          return wrong("no baton", optarg);
        break;
      case 'l':
        for (const struct contestant *contestant = contestants; contestant->name; contestant++)
          printf("%-14s %-8s %s\n", contestant->name, contestant->group, contestant->what);
        return BENCH_MEASURED;
      case 'h':
        usage(stdout);
        return BENCH_MEASURED;
      default:
        usage(stderr);
        return BENCH_USAGE;
    }
  if (optind < argc)
    return wrong("an operand was not expected", argv[optind]);
  if (single)
    return alone(single, results.quick);
  if (results.rounds == 0)
    results.rounds = results.quick ? 3 : 9;
  fact_count = facts_gather(facts);
  status = contest_run(&results, only, only_count);
  if (status == 0) {
    if (results.count > 1)
      qsort(results.series, results.count, sizeof *results.series, order_of_series);
    table_print(stdout, &results, facts, fact_count);
    status = write_files(folder, &results, facts, fact_count);
  }
  results_free(&results);
  if (fflush(stdout) != 0)
    status = bench_fail("standard output: %s", strerror(errno));
  return status ? BENCH_FAILED : BENCH_MEASURED;
}
