/* doctor_report.c - what was found, for a person and for a program. */
#include "config.h"
#include "doctor.h"
#include "writewatch.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_WIDTH 78

static void __attribute__((format(printf, 3, 4)))
row(FILE *out, const char *name, const char *format, ...)
{
  va_list arguments;

  fprintf(out, "  %-22s ", name);
  va_start(arguments, format);
  vfprintf(out, format, arguments);
  va_end(arguments);
  fputc('\n', out);
}

/* "yes", or "no" and why. */
static void
row_error(FILE *out, const char *name, int error)
{
  switch (error) {
    case 0:
      row(out, name, "yes");
      break;
    case EPERM:
    case EACCES:
      row(out, name, "not permitted (%s)", strerror(error));
      break;
    case ENOSYS:
    case ENOTTY:
    case ENOTSUP:
    case ENOENT:
      row(out, name, "no: this kernel has none (%s)", strerror(error));
      break;
    case EPROTO:
      row(out, name, "no: it names pages that were not written, or misses one that was");
      break;
    case ECANCELED:
      row(out, name, "not known: the trial was ended");
      break;
    default:
      row(out, name, "no: %s", strerror(error));
      break;
  }
}

static void
text_confinement(FILE *out, const struct doctor_machine *machine)
{
  static const char *const seccomp[] = { "none", "strict", "filter" };
  const char *mode = machine->seccomp >= 0 && machine->seccomp <= 2 ? seccomp[machine->seccomp] : "not known";

  row(out, "seccomp", "%s%s", mode, machine->no_new_privileges == 1 ? ", no new privileges" : "");
  row(out, "container", "%s", *machine->container ? machine->container : "no sign of one");
  if (machine->tracer > 0)
    row(out, "traced by", "process %ld", machine->tracer);
}

static void
text_machine(FILE *out, const struct doctor_machine *machine)
{
  static const char *const overcommit[] = { "0 (heuristic)", "1 (always)", "2 (never)" };

  fputs("This machine\n", out);
  row(out, "kernel", "%s, %s", machine->kernel, machine->architecture);
  row(out, "processors", "%ld", machine->processors);
  row(out, "page size", "%zu bytes", machine->page_size);
  for (size_t i = 0; i < machine->pool_count; i++)
    row(out, "huge page pool", "%zu kB: %ld pages, %ld free", machine->pools[i].page_size / 1024,
        machine->pools[i].total, machine->pools[i].free);
  row(out, "transparent huge pages", "%s", *machine->thp ? machine->thp : "none");
  if (machine->max_map_count < 0 || machine->mappings < 0)
    row(out, "mappings", "not known: /proc cannot be read");
  else
    row(out, "mappings", "%ld allowed (vm.max_map_count), %ld in use here, %ld left", machine->max_map_count,
        machine->mappings, machine->max_map_count - machine->mappings);
  row(out, "overcommit", "%s",
      machine->overcommit >= 0 && machine->overcommit <= 2 ? overcommit[machine->overcommit] : "not known");
  if (machine->address_space_limited)
    row(out, "address space", "%llu MiB (RLIMIT_AS)", (unsigned long long)(machine->address_space >> 20));
  else
    row(out, "address space", "unlimited");
  text_confinement(out, machine);
}

static void
row_cost(FILE *out, const char *name, double nanoseconds, const char *note)
{
  if (nanoseconds < 0)
    row(out, name, "not measured");
  else
    row(out, name, "%.2f us%s", nanoseconds / 1e3, note);
}

static void
text_tracking(FILE *out, const struct doctor_tracking *tracking)
{
  fputs("\nTracking (mprotect and SIGSEGV)\n", out);
  if (tracking->works)
    row(out, "works", "yes: %u pages written, as many trapped", tracking->pages);
  else
    row(out, "works", "no: %s", tracking->reason);
  row(out, "writers' stacks", "%s", tracking->stacks ? "yes (libunwind)" : "no (built without libunwind)");
  row_cost(out, "a bare SIGSEGV", tracking->signal, "  delivered and returned from");
  row_cost(out, "a trapped write", tracking->ascending, "  pages in ascending order");
  row_cost(out, "", tracking->shuffled, "  pages in scattered order");
  if (tracking->stacks)
    row_cost(out, "", tracking->with_stacks, "  ascending, with 16-frame stacks");
  if (tracking->start >= 0)
    row(out, "starting", "%.0f us with %u pages", tracking->start / 1e3, tracking->pages);
  if (tracking->works)
    row(out, "mapping budget", "%llu", (unsigned long long)tracking->mappings_budget);
}

static void
text_shield(FILE *out, const struct doctor *doctor)
{
  const struct doctor_shield *shield = &doctor->shield;

  if (!shield->built)
    row(out, "shield", "no (built without libseccomp)");
  else if (!shield->works)
    row(out, "shield", "no: %s", shield->reason);
  else
    row(out, "shield", "yes: a read() into a watched page succeeds%s",
        !shield->takes_privileges ? "" : doctor->machine.no_new_privileges == 1
        ? "" : "; it sets no_new_privs");
  row_error(out, "  seccomp traps", shield->kernel);
}

static void
row_engine(FILE *out, const char *name, const struct doctor_engine *engine)
{
  row(out, name, "%s%s", engine->works ? "yes, " : "no", engine->works ? engine->words : "");
  if (!engine->works)
    row(out, "", "%s", engine->words);
}

static void
text_engines(FILE *out, const struct doctor *doctor)
{
  const char *adaptive = doctor_engine_adaptive(doctor), *environment = getenv("WRITEWATCH_ENGINE");

  fputs("\nEngines\n", out);
  row(out, "mprotect", "yes");
  row_engine(out, "userfaultfd", &doctor->userfaultfd);
  row_engine(out, "pagemap", &doctor->pagemap);
  row(out, "auto, policy trap", "mprotect: no descriptor that the program could close");
  row(out, "auto, policy adaptive", "%s%s", adaptive, strcmp(adaptive, "pagemap") != 0
      ? "" : "; with stacks or the shield mprotect");
  if (environment != NULL && *environment != '\0')
    row(out, "auto here", "WRITEWATCH_ENGINE=%.40s goes before that", environment);
}

static void
text_kernel(FILE *out, const struct doctor_kernel *kernel)
{
  static const struct { const char *name; uint64_t bit; } features[] = {
    { "WP", DOCTOR_FEATURE_WP }, { "WP_ASYNC", DOCTOR_FEATURE_WP_ASYNC },
    { "SIGBUS", DOCTOR_FEATURE_SIGBUS }, { "WP_UNPOPULATED", DOCTOR_FEATURE_WP_UNPOPULATED }
  };

  fputs("\nWhat the engines userfaultfd and pagemap rest on\n", out);
  row_error(out, "userfaultfd", kernel->userfaultfd);
  row_error(out, "  user mode only", kernel->user_mode_only);
  row_error(out, "  /dev/userfaultfd", kernel->device);
  if (kernel->unprivileged >= 0)
    row(out, "  for every user", "%s (vm.unprivileged_userfaultfd is %ld)",
        kernel->unprivileged ? "yes" : "no", kernel->unprivileged);
  for (size_t i = 0; kernel->features_known && i < sizeof features / sizeof *features; i++) {
    char name[40];

    snprintf(name, sizeof name, "  %s", features[i].name);
    row(out, name, "%s", kernel->features & features[i].bit ? "yes" : "no");
  }
  row_error(out, "PAGEMAP_SCAN", kernel->scan);
  if (kernel->scan == 0)
    row_error(out, "  finds a write", kernel->scan_tracking);
  row_error(out, "soft-dirty bits", kernel->soft_dirty);
}

/* Broken at spaces, the second line and the others indented. */
static void
text_advice(void *closure, const char *text)
{
  FILE *out = closure;
  size_t column = 2;

  fputs("  -", out);
  while (*text) {
    const size_t length = strcspn(text, " ");

    if (column + 1 + length > TEXT_WIDTH) {
      fputs("\n   ", out);
      column = 3;
    }
    fprintf(out, " %.*s", (int)length, text);
    column += 1 + length;
    text += length + strspn(text + length, " ");
  }
  fputc('\n', out);
}

void
doctor_text(FILE *out, const struct doctor *doctor)
{
  fprintf(out, "Writewatch %s: tracking %s here.\n\n", ww_version(),
          doctor->tracking.works ? "works" : "does not work");
  text_machine(out, &doctor->machine);
  text_tracking(out, &doctor->tracking);
  text_shield(out, doctor);
  text_engines(out, doctor);
  text_kernel(out, &doctor->kernel);
  fputs("\nAdvice\n", out);
  doctor_advise(doctor, text_advice, out);
}

static json_t *
number_or_null(double value)
{
  return value < 0 ? json_null() : json_real(value);
}

static json_t *
count_or_null(long value)
{
  return value < 0 ? json_null() : json_integer(value);
}

/* {"works": true} or {"works": false, "error": "..."}; null where the trial was ended. */
static json_t *
trial_json(int error)
{
  if (error == ECANCELED)
    return json_null();
  return error == 0 ? json_pack("{s:b}", "works", 1)
                    : json_pack("{s:b, s:s}", "works", 0, "error", strerror(error));
}

static json_t *
machine_json(const struct doctor_machine *machine)
{
  const bool known = machine->max_map_count >= 0 && machine->mappings >= 0;
  json_t *pools = json_array();

  for (size_t i = 0; i < machine->pool_count; i++)
    json_array_append_new(pools, json_pack("{s:I, s:o, s:o}",
                                           "page_size", (json_int_t)machine->pools[i].page_size,
                                           "total", count_or_null(machine->pools[i].total),
                                           "free", count_or_null(machine->pools[i].free)));
  return json_pack("{s:s, s:s, s:I, s:I, s:o, s:s?, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:s?}",
                   "kernel", machine->kernel, "architecture", machine->architecture,
                   "processors", (json_int_t)machine->processors, "page_size", (json_int_t)machine->page_size,
                   "hugetlb_pools", pools, "transparent_huge_pages", *machine->thp ? machine->thp : NULL,
                   "max_map_count", count_or_null(machine->max_map_count),
                   "mappings", count_or_null(machine->mappings),
                   "mappings_left",
                   known ? json_integer(machine->max_map_count - machine->mappings) : json_null(),
                   "overcommit", count_or_null(machine->overcommit),
                   "address_space", machine->address_space_limited
                                    ? json_integer((json_int_t)machine->address_space) : json_null(),
                   "seccomp", count_or_null(machine->seccomp),
                   "no_new_privileges", count_or_null(machine->no_new_privileges),
                   "tracer", count_or_null(machine->tracer), "segv_blocked", machine->segv_blocked,
                   "container", *machine->container ? machine->container : NULL);
}

static json_t *
tracking_json(const struct doctor_tracking *tracking)
{
  return json_pack("{s:b, s:s?, s:s, s:b, s:I, s:I, s:{s:o, s:o, s:o, s:o, s:o}}",
                   "works", tracking->works, "reason", tracking->works ? NULL : tracking->reason,
                   "engine", "mprotect", "stacks", tracking->stacks, "pages", (json_int_t)tracking->pages,
                   "mappings_budget", (json_int_t)tracking->mappings_budget,
                   "nanoseconds", "signal", number_or_null(tracking->signal),
                   "fault_ascending", number_or_null(tracking->ascending),
                   "fault_scattered", number_or_null(tracking->shuffled),
                   "fault_with_stacks", number_or_null(tracking->with_stacks),
                   "start", number_or_null(tracking->start));
}

static json_t *
shield_json(const struct doctor *doctor)
{
  const struct doctor_shield *shield = &doctor->shield;

  return json_pack("{s:b, s:s?, s:b, s:o, s:b}",
                   "works", shield->works, "reason", shield->works ? NULL : shield->reason,
                   "libseccomp", shield->built, "seccomp_trap", trial_json(shield->kernel),
                   "sets_no_new_privileges",
                   shield->takes_privileges && doctor->machine.no_new_privileges != 1);
}

static json_t *
kernel_json(const struct doctor_kernel *kernel)
{
  json_t *features = json_null();

  if (kernel->features_known)
    features = json_pack("{s:b, s:b, s:b, s:b}", "wp", (kernel->features & DOCTOR_FEATURE_WP) != 0,
                         "wp_async", (kernel->features & DOCTOR_FEATURE_WP_ASYNC) != 0,
                         "sigbus", (kernel->features & DOCTOR_FEATURE_SIGBUS) != 0,
                         "wp_unpopulated", (kernel->features & DOCTOR_FEATURE_WP_UNPOPULATED) != 0);
  return json_pack("{s:{s:o, s:o, s:o, s:o, s:o}, s:o, s:o, s:o}",
                   "userfaultfd", "plain", trial_json(kernel->userfaultfd),
                   "user_mode_only", trial_json(kernel->user_mode_only), "device", trial_json(kernel->device),
                   "unprivileged", count_or_null(kernel->unprivileged), "features", features,
                   "pagemap_scan", trial_json(kernel->scan),
                   "pagemap_scan_tracking", trial_json(kernel->scan_tracking),
                   "soft_dirty", trial_json(kernel->soft_dirty));
}

static json_t *
engine_json(const struct doctor_engine *engine)
{
  return json_pack("{s:b, s:s}", "works", engine->works, engine->works ? "way" : "reason", engine->words);
}

static json_t *
engines_json(const struct doctor *doctor)
{
  return json_pack("{s:{s:b}, s:o, s:o, s:{s:s, s:s}}", "mprotect", "works", 1,
                   "userfaultfd", engine_json(&doctor->userfaultfd), "pagemap", engine_json(&doctor->pagemap),
                   "auto", "trap", "mprotect", "adaptive", doctor_engine_adaptive(doctor));
}

static void
json_advice(void *closure, const char *text)
{
  json_array_append_new(closure, json_string(text));
}

enum status
doctor_json(FILE *out, const struct doctor *doctor)
{
  json_t *advice = json_array(), *all;
  int failed;

  if (advice)
    doctor_advise(doctor, json_advice, advice);
  all = json_pack("{s:s, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "format", "writewatch-doctor", "version",
                  1,
                  "writewatch", ww_version(), "machine", machine_json(&doctor->machine),
                  "tracking", tracking_json(&doctor->tracking), "shield", shield_json(doctor),
                  "kernel", kernel_json(&doctor->kernel), "engines", engines_json(doctor),
                  "advice", advice);
  if (!all)
    return STATUS_MEMORY;
  failed = json_dumpf(all, out, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
  if (failed == 0)
    fputc('\n', out);
  json_decref(all);
  return failed == 0 || ferror(out) ? STATUS_OK : STATUS_MEMORY;
}
