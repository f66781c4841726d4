/* plugin.c - writes to memory that is watched while it is loaded and unloaded. */
#include "config.h"

#include <stdlib.h>

extern void touch(unsigned page);

__attribute__((constructor)) static void
load(void)
{
  touch(20);
  free(malloc(100000));
}

__attribute__((destructor)) static void
unload(void)
{
  touch(21);
}
