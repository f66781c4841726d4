/* stripe.c - a long region, read by several threads, each a part of it. */
#include "config.h"
#include "stripe.h"

#include "open.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { STRIPES_MOST = 8, SHORTEST = (32 << 20) / UNIT };

struct stripe {
  const struct content *content;
  struct decoder *decoder;
  struct content_target target;
  uint64_t  first, end;
  size_t    culprit;
  char      problem[PROBLEM];
  int       error;
  bool      started;
  pthread_t thread;
};

static void *
read_stripe(void *argument)
{
  struct stripe *stripe = argument;
  stripe->error = content_read(stripe->content, stripe->decoder, stripe->first, stripe->end, &stripe->target,
                               &stripe->culprit, stripe->problem);
  return NULL;
}

/* A thread is a help and no need: what cannot be started is done here. */
static void
start(struct stripe *stripe, struct decoder *own)
{
  stripe->decoder = decoder_create();
  stripe->started = stripe->decoder && thread_start(&stripe->thread, read_stripe, stripe) == 0;
  if (!stripe->started) {
    decoder_free(stripe->decoder);
    stripe->decoder = own;
    read_stripe(stripe);
  }
}

static unsigned
count_for(uint64_t units)
{
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  uint64_t count = units / SHORTEST;
  if (processors < 1)
    processors = 1;
  if (count > (uint64_t)processors)
    count = (uint64_t)processors;
  return count < 1 ? 1 : count > STRIPES_MOST ? STRIPES_MOST : (unsigned)count;
}

int
stripes_read(const struct content *content, struct decoder *decoder, struct content_target *target,
             size_t *culprit,
             char problem[PROBLEM])
{
  struct stripe stripe[STRIPES_MOST] = { { .first = 0 } };
  unsigned count = count_for(content->units);
  /* Whole stretches: so no two write to the same word of a slot's tables. */
  uint64_t share = (content->units / count / CONTENT_STRETCH + 1) * CONTENT_STRETCH;
  int error = 0;
  for (unsigned i = count; i-- > 0; ) {
    uint64_t first = share * i < content->units ? share * i : content->units;
    stripe[i].content = content;
    stripe[i].first = first;
    stripe[i].end = i + 1 < count && first + share < content->units ? first + share : content->units;
    stripe[i].target = *target;
    stripe[i].target.read = 0;
    if (target->memory)
      stripe[i].target.memory = target->memory + first * UNIT;
    if (i > 0) {
      start(&stripe[i], decoder);
    } else {
      stripe[i].decoder = decoder;
      read_stripe(&stripe[i]);
    }
  }
  for (unsigned i = 0; i < count; i++) {
    if (stripe[i].started) {
      pthread_join(stripe[i].thread, NULL);
      decoder_free(stripe[i].decoder);
    }
    target->read += stripe[i].target.read;
    if (stripe[i].error && !error) {
      error = stripe[i].error;
      *culprit = stripe[i].culprit;
      memcpy(problem, stripe[i].problem, PROBLEM);
    }
  }
  return error;
}
