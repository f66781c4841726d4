/* report.c - what reports of a large trace cost: a gigabyte is invented, and each format of it written to
 * nowhere, with names and all. Run in the build's folder. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What is wanted of a report of a gigabyte. */
static const double seconds_most = 10, mebibytes_most = 500;

struct cost {
  double seconds, processor, mebibytes;
  int    status;
};

static double
now(void)
{
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double
seconds_of(struct timeval time)
{
  return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static struct cost
run(const char *const arguments[])
{
  struct cost cost = { .status = -1 };
  double begin = now();
  struct rusage usage;
  pid_t child = fork();

  if (child == 0) {
    int out = open("/dev/null", O_WRONLY);
    if (out == -1 || dup2(out, STDOUT_FILENO) == -1)
      _exit(126);
    /* The strings are not written to: execv() is older than const. */
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
  }
  if (child == -1 || wait4(child, &cost.status, 0, &usage) != child)
    return cost;
  cost.seconds = now() - begin;
  cost.processor = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  cost.mebibytes = (double)usage.ru_maxrss / 1024;
  return cost;
}

int
main(int argc, char **argv)
{
  static const char *const formats[] = { "text", "json", "csv", "folded", "html" };
  const char *folder = getenv("TMPDIR"), *bytes = "1000000000";
  char path[4096];
  struct stat status;
  struct cost cost;
  int fd, missed = 0;

  if (argc == 3 && strcmp(argv[1], "--bytes") == 0) {
    bytes = argv[2];
  } else if (argc > 1) {
    fprintf(stderr, "Usage: bench/report [--bytes N]\n");
    return 2;
  }
  snprintf(path, sizeof(path), "%s/report-XXXXXX", folder && *folder ? folder : "/tmp");
  fd = mkstemp(path);
  if (fd == -1) {
    fprintf(stderr, "bench/report: %s: %s\n", path, strerror(errno));
    return 4;
  }
  cost = run((const char *const[]){ "tests/trace/make_trace", "--real", "--adaptive", "--threads", "8",
                                    "--stacks",
                                    "5000", "--pages", "1000000", "--dirty", "150000", "--bytes", bytes,
                                        path, NULL });
  if (cost.status != 0 || fstat(fd, &status) == -1) {
    fprintf(stderr, "bench/report: no trace was made in %s (disk space?)\n", path);
    unlink(path);
    return 4;
  }
  printf("reports of a trace of %.0f MB (wanted: at most %.0f s and %.0f MiB each)\n",
         (double)status.st_size / 1e6,
         seconds_most * (double)status.st_size / 1e9, mebibytes_most);
  for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
    cost = run((const char *const[]){ "./writewatch", "report", "--format", formats[i], path, NULL });
    if (cost.status != 0 || cost.seconds > seconds_most * (double)status.st_size / 1e9
        || cost.mebibytes > mebibytes_most)
      missed++;
    printf("  %-6s  %6.2f s, %6.2f s of processor, %5.0f MiB%s\n", formats[i], cost.seconds, cost.processor,
           cost.mebibytes, cost.status ? ", FAILED" : "");
    fflush(stdout);
  }
  unlink(path);
  printf("%s\n", missed ? "more than was wanted" : "as was wanted");
  return 0;
}
