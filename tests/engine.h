/* engine.h - which engine the tests run with (tests/live/all-engines.sh), and what it cannot give. */
#ifndef WW_TESTS_ENGINE_H
#define WW_TESTS_ENGINE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ENGINE_NO_WRITERS "with the pagemap engine nobody sees who writes"
#define ENGINE_NO_FILES "the userfaultfd engine cannot watch a mapping of an ordinary file"
#define ENGINE_NO_SHIELD "only the mprotect engine has a shield"

static inline bool
engine_is(const char *name)
{
  const char *engine = getenv("WRITEWATCH_ENGINE");
  return engine && !strcmp(engine, name);
}

static inline bool
engine_has_writers(void)
{
  return !engine_is("pagemap");
}

static inline bool
engine_has_files(void)
{
  return !engine_is("userfaultfd");
}

/* Does it work by the protection that /proc/self/maps shows? */
static inline bool
engine_has_protections(void)
{
  return !engine_is("userfaultfd") && !engine_is("pagemap");
}

#endif
