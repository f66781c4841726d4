/* doctor_advice.c - what to do about what was found, in plain words. */
#include "config.h"
#include "doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define MAPPINGS_ENOUGH 32768      /* about what the kernel's default leaves to a fresh process */
#define FAULT_SLOW_NS   30000.0    /* several times what a machine or a virtual machine needs */
#define ADDRESS_ENOUGH  ((uint64_t)4 << 30)

struct adviser { void (*say)(void *closure, const char *text); void *closure; unsigned said; };

static void __attribute__((format(printf, 2, 3)))
advise(struct adviser *adviser, const char *format, ...)
{
  va_list arguments;
  char text[640];

  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  adviser->say(adviser->closure, text);
  adviser->said++;
}

static void
about_tracking(struct adviser *adviser, const struct doctor *doctor)
{
  const struct doctor_tracking *tracking = &doctor->tracking;

  if (!tracking->works)
    advise(adviser, "Tracking does not work here: %s.", tracking->reason);
  if (!tracking->stacks)
    advise(adviser, "This build records no stacks of the writers: install libunwind's development files "
           "(Debian: libunwind-dev) and configure again.");
  if (tracking->works && tracking->ascending > FAULT_SLOW_NS)
    advise(adviser, "A fault takes %.0f microseconds here, which is slow. A debugger, a tracer, an emulated "
           "processor or a user-space kernel would explain it; collect less often to pay less.",
           tracking->ascending / 1e3);
}

static void
about_shield(struct adviser *adviser, const struct doctor *doctor)
{
  const struct doctor_shield *shield = &doctor->shield;

  if (!shield->built)
    advise(adviser, "This build has no shield (WW_SHIELD): system calls into watched memory fail unless "
           "ww_touch() announces them. Install libseccomp's development files (Debian: libseccomp-dev) and "
           "configure again.");
  else if (!shield->works)
    advise(adviser, "The shield (WW_SHIELD) cannot be had here: %s. It needs Linux 4.14 and a sandbox that "
           "permits seccomp filters; without it announce with ww_touch() what system calls write.",
           shield->reason);
  else if (shield->takes_privileges && doctor->machine.no_new_privileges != 1)
    advise(adviser, "With WW_SHIELD this user's processes set no_new_privs: what they exec gains no "
           "privileges by set-user-ID (sudo, ping). CAP_SYS_ADMIN would spare that.");
}

static void
about_limits(struct adviser *adviser, const struct doctor_machine *machine)
{
  const long left = machine->max_map_count - machine->mappings;

  if (machine->max_map_count >= 0 && machine->mappings >= 0 && left < MAPPINGS_ENOUGH)
    advise(adviser, "Only %ld mappings are left to this process. Scattered writes need one or two for "
           "each written page; when the budget (half of them) is used up, neighbouring pages are made "
           "writable in bulk and reported as ASSUMED. Raise it: sysctl -w vm.max_map_count=262144.", left);
  if (machine->overcommit == 2)
    advise(adviser, "vm.overcommit_memory is 2: large reservations (MAP_NORESERVE) count in full and may be "
           "refused, the tracker's own among them.");
  if (machine->address_space_limited && machine->address_space < ADDRESS_ENOUGH)
    advise(adviser, "RLIMIT_AS allows %llu MiB of address space. The tracker reserves more of it "
           "than it uses; if creating it fails with ENOMEM, raise the limit: ulimit -v.",
           (unsigned long long)(machine->address_space >> 20));
}

static void
about_surroundings(struct adviser *adviser, const struct doctor_machine *machine)
{
  if (strcmp(machine->thp, "always") == 0)
    advise(adviser, "Transparent huge pages are always on: arming splits them in the tracked memory, "
           "which costs time once and makes the program's own accesses slower afterwards. Where that "
           "matters, call madvise(MADV_NOHUGEPAGE) on the memory first, or set the mode to madvise.");
  if (machine->tracer > 0)
    advise(adviser, "Process %ld traces this one: a debugger stops at each SIGSEGV before the tracker "
           "sees it (gdb: handle SIGSEGV nostop noprint pass), and the costs above include that.",
           machine->tracer);
  if (machine->segv_blocked)
    advise(adviser, "SIGSEGV is blocked in the signal mask that this process inherited. A program that is "
           "started like this is killed by its first tracked write: unblock it first.");
}

static void
about_kernel(struct adviser *adviser, const struct doctor_kernel *kernel)
{
  if (kernel->scan == ECANCELED)
    advise(adviser, "The look at userfaultfd and PAGEMAP_SCAN was ended from outside, by a seccomp "
           "filter for example. The mprotect engine does not need them.");
}

void
doctor_advise(const struct doctor *doctor, void (*say)(void *closure, const char *text), void *closure)
{
  struct adviser adviser = { say, closure, 0 };

  about_tracking(&adviser, doctor);
  about_shield(&adviser, doctor);
  about_limits(&adviser, &doctor->machine);
  about_surroundings(&adviser, &doctor->machine);
  about_kernel(&adviser, &doctor->kernel);
  if (adviser.said == 0)
    advise(&adviser, "Nothing to do: tracking works here as it is.");
}
