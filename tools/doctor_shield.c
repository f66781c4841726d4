/* doctor_shield.c - can the program's system calls be followed here (WW_SHIELD)? Found by
 * doing it: in a child, for the filter stays until the process ends. */
#include "config.h"
#include "doctor.h"
#include "writewatch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_GET_ACTION_AVAIL
# define SECCOMP_GET_ACTION_AVAIL 2
#endif

static void
fail_call(struct doctor_shield *shield, const char *call, int error)
{
  const char *about = ww_last_error();

  snprintf(shield->reason, sizeof shield->reason, "%s: %s%s%s", call, ww_strerror(error),
           *about ? ": " : "", about);
}

/* A read into watched memory: 16 bytes of its second page. */
static void
read_watched(struct doctor_shield *shield, ww_tracker *tracker, unsigned char *memory, size_t page)
{
  const int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  ww_dirty *dirty;
  size_t declared;
  ssize_t got;
  int error;

  if ((error = ww_start(tracker)) != 0) {
    fail_call(shield, "ww_start", error);
    return;
  }
  got = read(zero, memory + page, 16);
  error = errno;
  if (got != 16) {
    snprintf(shield->reason, sizeof shield->reason, "read() into a watched page: %s",
             got < 0 ? strerror(error) : "short");
    return;
  }
  if ((error = ww_collect(tracker, &dirty)) != 0) {
    fail_call(shield, "ww_collect", error);
    return;
  }
  declared = ww_dirty_count(dirty, WW_DECLARED);
  ww_dirty_free(dirty);
  shield->works = declared == 1;
  if (!shield->works)
    snprintf(shield->reason, sizeof shield->reason, "one page was read into, %zu were declared", declared);
}

static void
probe(void *result)
{
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  struct doctor_shield *shield = result;
  struct ww_options options = WW_OPTIONS_INIT;
  const uint32_t action = SECCOMP_RET_TRAP;
  ww_tracker *tracker;
  unsigned char *memory;
  int error;

  shield->kernel = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 ? 0 : errno;
  options.flags = WW_SHIELD;
  if ((error = ww_tracker_create(&tracker, &options)) != 0) {
    fail_call(shield, "ww_tracker_create", error);
    /* The kernel has what it takes, so it is the library that has not. */
    shield->built = error != -ENOTSUP || shield->kernel != 0;
    return;
  }
  memory = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    snprintf(shield->reason, sizeof shield->reason, "mmap: %s", strerror(errno));
    return;
  }
  memset(memory, 1, 3 * page);
  if ((error = ww_region_add(tracker, "doctor", memory, 3 * page, NULL)) != 0)
    fail_call(shield, "ww_region_add", error);
  else
    read_watched(shield, tracker, memory, page);
}

/* Without CAP_SYS_ADMIN the filter takes no_new_privs(2). */
static bool
is_privileged(void)
{
  FILE *file = fopen("/proc/self/status", "re");
  unsigned long long effective = 0;
  char line[256];

  while (file && fgets(line, sizeof line, file))
    (void)sscanf(line, "CapEff: %llx", &effective);
  if (file)
    fclose(file);
  return effective >> 21 & 1;   /* CAP_SYS_ADMIN */
}

void
doctor_shield_probe(struct doctor_shield *shield)
{
  const char *failed;

  memset(shield, 0, sizeof *shield);
  shield->kernel = ECANCELED;
  shield->built = true;
  shield->takes_privileges = !is_privileged();
  failed = doctor_in_child(probe, shield, sizeof *shield);
  if (failed) {
    shield->works = false;
    snprintf(shield->reason, sizeof shield->reason, "%s", failed);
  }
}
