/* api.c - the only exporter: checks arguments, filters errors. */
#include "config.h"
#include "writewatch.h"

const char *
ww_version(void)
{
  return PACKAGE_VERSION;
}
