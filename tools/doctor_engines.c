/* doctor_engines.c - which engines this machine has, by which way, and why not. */
#include "config.h"
#include "doctor.h"

#include <errno.h>
#include <string.h>

/* The order in which the library tries. */
static const char *
way_in(const struct doctor_kernel *kernel)
{
  if (kernel->user_mode_only == 0)
    return "userfaultfd(2), user mode only";
  if (kernel->device == 0)
    return "/dev/userfaultfd";
  return kernel->userfaultfd == 0 ? "userfaultfd(2)" : NULL;
}

static void
why_no_way(const struct doctor *doctor, char *text, size_t size)
{
  const struct doctor_kernel *kernel = &doctor->kernel;

  if (kernel->user_mode_only == ENOSYS)
    snprintf(text, size, "%s", doctor->machine.seccomp == 2
             ? "userfaultfd(2) is missing (ENOSYS): the kernel has none, or a seccomp sandbox hides it"
             : "userfaultfd(2) is missing (ENOSYS): the kernel was built without it");
  else if (kernel->user_mode_only == ECANCELED)
    snprintf(text, size, "the trial was ended from outside, by a seccomp sandbox for example");
  else if (kernel->user_mode_only == EINVAL)
    snprintf(text, size, "the kernel is too old for userfaultfd in user mode only (Linux 5.11), and "
             "vm.unprivileged_userfaultfd is %ld", kernel->unprivileged);
  else
    snprintf(text, size, "userfaultfd(2): %s%s; /dev/userfaultfd: %s", strerror(kernel->user_mode_only),
             doctor->machine.seccomp == 2 ? " (a seccomp sandbox?)" : "", strerror(kernel->device));
}

static void
judge(const struct doctor *doctor, struct doctor_engine *engine, uint64_t needed, const char *version)
{
  const struct doctor_kernel *kernel = &doctor->kernel;
  const char *way = way_in(kernel);

  engine->works = false;
  if (way == NULL)
    why_no_way(doctor, engine->words, sizeof engine->words);
  else if (!kernel->features_known || (kernel->features & needed) != needed)
    snprintf(engine->words, sizeof engine->words, "the kernel is too old: it needs Linux %s", version);
  else {
    engine->works = true;
    snprintf(engine->words, sizeof engine->words, "by %s", way);
  }
}

void
doctor_engines_judge(struct doctor *doctor)
{
  const uint64_t common = DOCTOR_FEATURE_WP | DOCTOR_FEATURE_WP_UNPOPULATED | DOCTOR_FEATURE_WP_SHMEM;
  struct doctor_engine *pagemap = &doctor->pagemap;

  judge(doctor, &doctor->userfaultfd, common | DOCTOR_FEATURE_SIGBUS, "6.4");
  judge(doctor, pagemap, common | DOCTOR_FEATURE_WP_ASYNC, "6.7");
  if (pagemap->works && doctor->kernel.scan_tracking != 0) {
    pagemap->works = false;
    snprintf(pagemap->words, sizeof pagemap->words, "PAGEMAP_SCAN: %s",
             strerror(doctor->kernel.scan_tracking));
  }
}

const char *
doctor_engine_adaptive(const struct doctor *doctor)
{
  return doctor->pagemap.works ? "pagemap" : "mprotect";
}
