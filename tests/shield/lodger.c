/* lodger.c - a module that comes and goes, with variables of its own and of each thread. */
#include "config.h"

int lodger_count(int by);
int lodger_shared(int by);

static __thread int mine[3000] = { 7 };
static int shared[3000] = { 9 };

int
lodger_count(int by)
{
  mine[0] += by;
  mine[2999] += mine[0];
  return mine[2999];
}

int
lodger_shared(int by)
{
  shared[0] += by;
  shared[2999] += shared[0];
  return shared[2999];
}
