/* doctor_machine.c - what /proc and /sys say about this machine and process. */
#include "config.h"
#include "doctor.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

long
doctor_number(const char *path)
{
  FILE *file = fopen(path, "re");
  long value = -1;

  if (file) {
    if (fscanf(file, "%ld", &value) != 1)
      value = -1;
    fclose(file);
  }
  return value;
}

static void
find_pools(struct doctor_machine *machine)
{
  const char *const folder = "/sys/kernel/mm/hugepages";
  DIR *pools = opendir(folder);
  struct dirent *entry;

  while (pools && (entry = readdir(pools))
         && machine->pool_count < sizeof machine->pools / sizeof *machine->pools) {
    struct doctor_pool *pool = &machine->pools[machine->pool_count];
    unsigned long kilobytes;
    char path[400];

    if (sscanf(entry->d_name, "hugepages-%lukB", &kilobytes) != 1)
      continue;
    pool->page_size = (size_t)kilobytes * 1024;
    snprintf(path, sizeof path, "%s/%s/nr_hugepages", folder, entry->d_name);
    pool->total = doctor_number(path);
    snprintf(path, sizeof path, "%s/%s/free_hugepages", folder, entry->d_name);
    pool->free = doctor_number(path);
    machine->pool_count++;
  }
  if (pools)
    closedir(pools);
}

/* The word in brackets is the one in force. */
static void
find_thp(struct doctor_machine *machine)
{
  FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
  char line[128], *from;

  if (!file)
    return;
  if (fgets(line, sizeof line, file) && (from = strchr(line, '['))) {
    from[strcspn(from, "]")] = '\0';
    snprintf(machine->thp, sizeof machine->thp, "%s", from + 1);
  }
  fclose(file);
}

static long
count_mappings(void)
{
  FILE *file = fopen("/proc/self/maps", "re");
  long lines = 0;
  int byte;

  if (!file)
    return -1;
  while ((byte = getc(file)) != EOF)
    lines += byte == '\n';
  fclose(file);
  return lines;
}

static void
read_status(struct doctor_machine *machine)
{
  FILE *file = fopen("/proc/self/status", "re");
  char line[256];

  machine->seccomp = machine->no_new_privileges = machine->tracer = -1;
  while (file && fgets(line, sizeof line, file)) {
    (void)sscanf(line, "Seccomp: %ld", &machine->seccomp);
    (void)sscanf(line, "NoNewPrivs: %ld", &machine->no_new_privileges);
    (void)sscanf(line, "TracerPid: %ld", &machine->tracer);
  }
  if (file)
    fclose(file);
}

/* Hints only: nothing in the kernel says "container". */
static void
find_container(struct doctor_machine *machine)
{
  static const struct { const char *path, *name; } marks[] = {
    { "/.dockerenv", "docker" }, { "/run/.containerenv", "podman" }
  };
  const char *name = getenv("container");  /* set by systemd-nspawn, podman, lxc */

  for (size_t i = 0; !name && i < sizeof marks / sizeof *marks; i++)
    if (access(marks[i].path, F_OK) == 0)
      name = marks[i].name;
  if (!name && getenv("KUBERNETES_SERVICE_HOST"))
    name = "kubernetes";
  snprintf(machine->container, sizeof machine->container, "%s", name ? name : "");
}

void
doctor_machine_probe(struct doctor_machine *machine)
{
  struct utsname system;
  struct rlimit limit;
  sigset_t mask;

  memset(machine, 0, sizeof *machine);
  if (uname(&system) == 0) {
    snprintf(machine->kernel, sizeof machine->kernel, "%s %s", system.sysname, system.release);
    snprintf(machine->architecture, sizeof machine->architecture, "%s", system.machine);
  }
  machine->processors = sysconf(_SC_NPROCESSORS_ONLN);
  machine->page_size = (size_t)sysconf(_SC_PAGESIZE);
  find_pools(machine);
  find_thp(machine);
  machine->max_map_count = doctor_number("/proc/sys/vm/max_map_count");
  machine->mappings = count_mappings();
  machine->overcommit = doctor_number("/proc/sys/vm/overcommit_memory");
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    machine->address_space_limited = true;
    machine->address_space = limit.rlim_cur;
  }
  if (sigprocmask(SIG_SETMASK, NULL, &mask) == 0)
    machine->segv_blocked = sigismember(&mask, SIGSEGV) == 1;
  read_status(machine);
  find_container(machine);
}
