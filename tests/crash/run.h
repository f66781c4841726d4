/* run.h - one run of the victim under a tracer, and what came of it. */
#ifndef CRASH_RUN_H
#define CRASH_RUN_H

#include "victim.h"
#include "core.h"

struct outcome {
  int       status;         /* as of wait(2), the core flag included */
  bool      hung;           /* killed by us: it had not ended in time */
  bool      has_info;       /* the last SIGSEGV that the tracer saw */
  siginfo_t info;
  uint64_t  rip, rsp;       /* of the thread that took it */
  pid_t     victim;
  bool      has_core;
  struct core_facts core;
  char      records[32768];
};

struct runner {
  const char *program;      /* the victim's file */
  bool read_cores;          /* core files arrive in the working directory */
  int  core_limit;          /* -1: none */
};

/* 0, or a negative errno if the victim could not be started. */
int run_victim(const struct runner *runner, enum when when, unsigned crash, unsigned disposition,
               bool in_thread, unsigned mode, struct outcome *outcome);
/* Is a process allowed to trace its child, and to switch off the randomness of its layout? */
const char *run_obstacle(void);

#endif
