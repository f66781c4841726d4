/* demangle.c - names as their language has them, by libiberty where that is. */
#include "config.h"
#include "demangle.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBIBERTY
#include <libiberty/demangle.h>

/* libiberty's Rust (2.40) leaves a name as it is if it has a suffix that it does not know,
 * as ".llvm.123" or ".cold". */
static char *
without_suffix(const char *name)
{
  const char *dot = strchr(name, '.');
  char *stem, *found;

  if (!dot || dot == name || !(stem = strndup(name, (size_t)(dot - name))))
    return NULL;
  found = cplus_demangle(stem, DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO);
  free(stem);
  return found;
}

static char *
in_its_language(const char *name)
{
  char *found;

  if (name[0] != '_' || strlen(name) > 8192)
    return NULL;
  found = cplus_demangle(name, DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO);
  return found ? found : without_suffix(name);
}
#else
static char *
in_its_language(const char *name)
{
  (void)name;
  return NULL;
}
#endif

char *
demangle(const char *name)
{
  /* "qsort@@GLIBC_2.2.5" */
  const char *version = strchr(name, '@');
  char *plain = version && version > name ? strndup(name, (size_t)(version - name)) : strdup(name);
  char *found;

  if (!plain || !(found = in_its_language(plain)))
    return plain;
  free(plain);
  return found;
}
