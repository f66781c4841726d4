/* demo_threads.c - the threads that run a workload's epochs. */
#include "config.h"
#include "demo_threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct member {
  struct demo_team *team;
  pthread_t         thread;
  unsigned          number;
};

struct demo_team {
  struct workload_run *run;
  pthread_mutex_t lock;     /* guards what follows */
  pthread_cond_t  changed;
  unsigned        epoch;    /* that the threads are to do, 0: none yet */
  unsigned        running;  /* threads that have not finished it */
  bool            ending;
  int             error;    /* the epoch's first */
  unsigned        count;    /* of members started */
  struct member   members[];
};

static void *
member_main(void *argument)
{
  struct member *member = argument;
  struct demo_team *team = member->team;
  unsigned done = 0;
  int error;

  pthread_mutex_lock(&team->lock);
  for (;;) {
    while (team->epoch == done && !team->ending)
      pthread_cond_wait(&team->changed, &team->lock);
    if (team->ending)
      break;
    done = team->epoch;
    pthread_mutex_unlock(&team->lock);
    error = team->run->workload->epoch(team->run, done, member->number);
    pthread_mutex_lock(&team->lock);
    if (error != 0 && team->error == 0)
      team->error = error;
    if (--team->running == 0)
      pthread_cond_broadcast(&team->changed);
  }
  pthread_mutex_unlock(&team->lock);
  return NULL;
}

int
demo_team_create(struct demo_team **team, struct workload_run *run)
{
  struct demo_team *made = calloc(1, sizeof *made + run->threads * sizeof made->members[0]);
  int error;

  if (made == NULL)
    return -ENOMEM;
  made->run = run;
  pthread_mutex_init(&made->lock, NULL);
  pthread_cond_init(&made->changed, NULL);
  for (unsigned i = 0; i < run->threads; i++) {
    made->members[i] = (struct member){ .team = made, .number = i };
    error = pthread_create(&made->members[i].thread, NULL, member_main, &made->members[i]);
    if (error != 0) {
      demo_team_destroy(made);
      return -error;
    }
    made->count++;
  }
  *team = made;
  return 0;
}

int
demo_team_epoch(struct demo_team *team, unsigned epoch)
{
  int error;

  pthread_mutex_lock(&team->lock);
  team->epoch = epoch;
  team->running = team->count;
  team->error = 0;
  pthread_cond_broadcast(&team->changed);
  while (team->running > 0)
    pthread_cond_wait(&team->changed, &team->lock);
  error = team->error;
  pthread_mutex_unlock(&team->lock);
  return error;
}

void
demo_team_destroy(struct demo_team *team)
{
  if (team == NULL)
    return;
  pthread_mutex_lock(&team->lock);
  team->ending = true;
  pthread_cond_broadcast(&team->changed);
  pthread_mutex_unlock(&team->lock);
  for (unsigned i = 0; i < team->count; i++)
    pthread_join(team->members[i].thread, NULL);
  pthread_cond_destroy(&team->changed);
  pthread_mutex_destroy(&team->lock);
  free(team);
}
