/* program_none.c - the filter's program where libseccomp is not there: none. */
#include "config.h"
#include "shield/program.h"

#include <errno.h>

int
program_prepare(void)
{
  return -ENOTSUP;
}

size_t
program_make(const struct coverage *coverage, struct sock_filter *into)
{
  (void)coverage;
  (void)into;
  return 0;
}

size_t
program_make_first(const struct coverage *coverage, struct sock_filter *into)
{
  return program_make(coverage, into);
}

int
program_prepare_apart(void)
{
  return program_prepare();
}
