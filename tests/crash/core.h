/* core.h - what a core file says of the signal that made it. */
#ifndef CRASH_CORE_H
#define CRASH_CORE_H

#include <signal.h>
#include <stdint.h>

struct core_facts {
  siginfo_t info;    /* of the fatal signal */
  int       signal;  /* of the thread that died of it */
  uint64_t  rip, rsp;
};

/* Read the facts from `path`. 0, or -1 if it is not such a core file. */
int core_read(const char *path, struct core_facts *facts);

#endif
