/* facts.c - what a figure depends on: the machine, its kernel, the build. No
 * name of the machine or its user. */
#include "config.h"
#include "bench.h"
#include "writewatch.h"

#include <gnu/libc-version.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef BENCH_FLAGS
# define BENCH_FLAGS "unknown"
#endif

/* The first line of `path` that begins with `name`, from behind its colon; or
 * the first line at all if name is NULL. */
static void
line_of(const char *path, const char *name, char *value, size_t size)
{
  FILE *file = fopen(path, "re");
  char line[512];

  snprintf(value, size, "unknown");
  while (file && fgets(line, sizeof line, file)) {
    const char *from = line;

    if (name) {
      if (strncmp(line, name, strlen(name)) != 0 || !(from = strchr(line, ':')))
        continue;
      from++;
    }
    from += strspn(from, " \t");
    line[strcspn(line, "\n")] = '\0';
    snprintf(value, size, "%s", from);
    break;
  }
  if (file)
    fclose(file);
}

size_t
facts_gather(struct fact facts[FACTS_MAX])
{
  struct utsname system;
  size_t count = 0;
  double load[3];

#define FACT(title, ...) do { \
    facts[count].name = (title); \
    snprintf(facts[count].value, sizeof facts[count].value, __VA_ARGS__); \
    count++; \
  } while (0)

  FACT("writewatch", "%s, %s", ww_version(), ww_has_stacks() ? "with stacks (libunwind)" : "without stacks");
  FACT("bare loop", "bench/bare.c, built with the same compiler and flags");
  if (uname(&system) == 0)
    FACT("kernel", "%s %s %s", system.sysname, system.release, system.machine);
  facts[count].name = "processor";
  line_of("/proc/cpuinfo", "model name", facts[count].value, sizeof facts[count].value);
  count++;
  FACT("processors", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
  FACT("page size", "%zu", page_bytes());
  facts[count].name = "memory";
  line_of("/proc/meminfo", "MemTotal", facts[count].value, sizeof facts[count].value);
  count++;
  facts[count].name = "huge pages";
  line_of("/sys/kernel/mm/transparent_hugepage/enabled", NULL, facts[count].value,
          sizeof facts[count].value);
  count++;
  facts[count].name = "vm.max_map_count";
  line_of("/proc/sys/vm/max_map_count", NULL, facts[count].value, sizeof facts[count].value);
  count++;
#if defined(__clang__)
  FACT("compiler", "clang %s", __clang_version__);
#else
  FACT("compiler", "gcc %s", __VERSION__);
#endif
  FACT("flags", "%s", BENCH_FLAGS);
  FACT("libc", "glibc %s", gnu_get_libc_version());
  if (getloadavg(load, 3) == 3)
    FACT("load before", "%.2f in the last minute, %.2f in five", load[0], load[1]);
#undef FACT
  return count;
}
