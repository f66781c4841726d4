/* engine_choice.c - which engine a tracker has, and whether a region can have it. */
#include "config.h"
#include "engine_ways.h"
#include "error.h"
#include "tracker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = { "auto", "mprotect", "userfaultfd", "pagemap" };

const char *
engine_name(enum ww_engine engine)
{
  return names[engine];
}

/* What the environment asks for, WW_ENGINE_AUTO if nothing. */
static int
read_environment(enum ww_engine *engine)
{
  const char *value = getenv("WRITEWATCH_ENGINE");
  *engine = WW_ENGINE_AUTO;
  if (!value || !*value)
    return 0;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (!strcmp(value, names[i])) {
      *engine = (enum ww_engine)i;
      return 0;
    }
  return error_set(-EINVAL, "the environment variable WRITEWATCH_ENGINE is \"%.40s\", which is no engine: "
                   "mprotect, userfaultfd, pagemap or auto", value);
}

/* What an engine cannot give, in words; NULL if it can all that is asked for. */
static const char *
cannot(enum ww_engine engine, const struct ww_options *options)
{
  if (engine == WW_ENGINE_PAGEMAP && options->stack_depth)
    return "stacks were asked for, but with the engine pagemap the kernel notices writes by itself, and "
      "nobody sees who wrote: use mprotect or userfaultfd";
  if (engine == WW_ENGINE_PAGEMAP && (options->flags & WW_SHIELD))
    return "WW_SHIELD was asked for, but with the engine pagemap memory that moves is no longer watched: "
      "use mprotect";
  if (engine == WW_ENGINE_USERFAULTFD && (options->flags & WW_SHIELD))
    return "WW_SHIELD was asked for, but with the engine userfaultfd writes raise SIGBUS, and where the "
      "program blocks that a write would kill it (the shield keeps only SIGSEGV open): use mprotect";
  return NULL;
}

static int
open_engine(enum ww_engine engine)
{
  int error = engine == WW_ENGINE_MPROTECT ? 0 : userfault_open(engine);
  return !error && engine == WW_ENGINE_PAGEMAP ? pagemap_open() : error;
}

static int
unavailable(enum ww_engine engine, int error)
{
  const char *why = error == -EPERM || error == -EACCES
    ? "it is not permitted here (vm.unprivileged_userfaultfd, /dev/userfaultfd, or a sandbox)"
    : error == -ENOSYS || error == -EINVAL || error == -ENOTTY
    ? (engine == WW_ENGINE_PAGEMAP ? "the kernel lacks it (it needs Linux 6.7)"
       : "the kernel lacks it (it needs Linux 6.4)")
    : strerror(-error);
  return error_set(-ENOTSUP, "the engine %s cannot be had: %s; `writewatch doctor' says more", names[engine],
                   why);
}

int
engine_choose(const struct ww_options *options, enum ww_engine *engine, bool *chosen)
{
  enum ww_engine wanted = options->engine;
  int error = wanted == WW_ENGINE_AUTO ? read_environment(&wanted) : 0;
  if (error)
    return error;
  *chosen = wanted != WW_ENGINE_AUTO;
  if (*chosen) {
    const char *reason = cannot(wanted, options);
    if (reason)
      return error_set(-ENOTSUP, "%s", reason);
    error = open_engine(wanted);
    *engine = wanted;
    return error ? unavailable(wanted, error) : 0;
  }
  /* A page that is trapped in every epoch: without a descriptor that the program could close, and
   * with a shield. Where pages are verified the kernel's own tracking is the cheaper rest. */
  *engine = WW_ENGINE_MPROTECT;
  if (options->policy == WW_POLICY_ADAPTIVE && !cannot(WW_ENGINE_PAGEMAP, options)
      && !open_engine(WW_ENGINE_PAGEMAP))
    *engine = WW_ENGINE_PAGEMAP;
  return 0;
}

int
engine_attach(struct ww_region *region)
{
  enum ww_engine engine = region->tracker->engine;
  int error = 0;
  atomic_store(&region->engine, WW_ENGINE_MPROTECT);
  if (engine == WW_ENGINE_MPROTECT)
    return 0;
  /* Whether it is all mapped is for the other engine to say. */
  if (!engine_is_whole(region))
    return 0;
  error = open_engine(engine);
  if (!error) {
    atomic_store(&region->engine, engine);
    error = userfault_attach(region);
    if (error)
      atomic_store(&region->engine, WW_ENGINE_MPROTECT);
  }
  if (!error || !region->tracker->engine_chosen)
    return 0;
  if (error == -EINVAL)
    return error_set(-ENOTSUP, "region \"%s\": the engine %s cannot watch memory of this kind at %#lx-%#lx: "
                     "a mapping of an ordinary file, for example", region->name, names[engine],
                     (unsigned long)region->start, (unsigned long)region->end);
  if (error == -EBUSY)
    return error_set(-ENOTSUP, "region \"%s\": the engine %s cannot watch %#lx-%#lx: another userfaultfd "
                     "does", region->name, names[engine], (unsigned long)region->start,
                       (unsigned long)region->end);
  return unavailable(engine, error);
}
