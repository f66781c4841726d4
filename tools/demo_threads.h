/* demo_threads.h - the threads that run a workload's epochs: they live from the
 * first epoch to the last, and are quiet between two. */
#ifndef WW_DEMO_THREADS_H
#define WW_DEMO_THREADS_H

#include "workloads/workload.h"

struct demo_team;

/* Start run->threads threads, quiet. 0 or a negative errno. */
int demo_team_create(struct demo_team **team, struct workload_run *run);
/* All threads do their share of `epoch`; returns when all are quiet again: 0, or
 * the first error that one of them returned. */
int demo_team_epoch(struct demo_team *team, unsigned epoch);
void demo_team_destroy(struct demo_team *team);  /* NULL is allowed */

#endif
