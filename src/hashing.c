/* hashing.c - many pages hashed, by this thread and where it pays by a second one.
 *
 * The second thread lives as long as one run: it costs some 40 us to make and to end, and nothing in
 * between; nothing has to be known to fork() and to a program that counts its threads at quiet
 * moments. The work is taken in chunks, so a second thread that gets no processor
 * is no loss but for its last chunk. Whether there is a processor to spare is not asked but
 * measured: if two hash less than a quarter faster than one did, the next runs do it alone, and it
 * is tried again later. */
#include "config.h"
#include "hashing.h"
#include "os.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { PAGES_MIN = 2048, CHUNK = 4, ALONE_AFTER_FAILURE = 16 };

struct work {
  void (*one)(void *argument, size_t index);
  void *argument;
  size_t count;
  _Atomic size_t next;
};

static void
take_part(struct work *work)
{
  size_t from;
  while ((from = atomic_fetch_add(&work->next, CHUNK)) < work->count)
    for (size_t i = from; i < from + CHUNK && i < work->count; i++)
      work->one(work->argument, i);
}

static void *
second(void *work)
{
  take_part(work);
  return NULL;
}

/* All but what an instruction of it may raise is for the program's threads to take. */
static bool
start_second(pthread_t *thread, struct work *work)
{
  sigset_t held, before;
  sigfillset(&held);
  sigdelset(&held, SIGSEGV);
  sigdelset(&held, SIGBUS);
  sigdelset(&held, SIGSYS);
  pthread_sigmask(SIG_SETMASK, &held, &before);
  int error = pthread_create(thread, NULL, second, work);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return !error;
}

static _Atomic int processors;       /* 0: not asked yet */

void
hashing_alone(void)
{
  atomic_store(&processors, 1);
}

static bool
has_second_processor(void)
{
  int found = atomic_load(&processors);
  if (!found) {
    cpu_set_t set;
    found = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    atomic_store(&processors, found);
  }
  return found > 1;
}

void
hashing_run(void (*one)(void *argument, size_t index), void *argument, size_t count, size_t pages)
{
  /* Nanoseconds for 1024 pages, alone; and how many runs are still to be made alone. */
  static _Atomic uint64_t alone;
  static _Atomic unsigned wait;
  struct work work = { one, argument, count, 0 };
  pthread_t thread;
  bool large = pages >= PAGES_MIN && has_second_processor(), together = false;
  unsigned left = atomic_load(&wait);
  if (large && left)
    atomic_store(&wait, left - 1);
  else if (large && atomic_load(&alone))
    together = start_second(&thread, &work);
  uint64_t begin = os_now();
  take_part(&work);
  if (together)
    pthread_join(thread, NULL);
  uint64_t rate = (os_now() - begin) * 1024 / (pages ? pages : 1);
  if (!large)
    return;
  if (!together)
    atomic_store(&alone, rate ? rate : 1);
  else if (rate > atomic_load(&alone) * 4 / 5)
    atomic_store(&wait, ALONE_AFTER_FAILURE);
}
