/* part-threads.c - threads, and what the kernel and the C library write for them:
 * locks whose owners die, cancellation, thread-local storage that comes later. */
#include "config.h"
#include "tenant.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 300 };

struct shared {
  pthread_mutex_t mutex, other;
  pthread_cond_t condition;
  pthread_rwlock_t rwlock;
  pthread_barrier_t barrier;
  pthread_spinlock_t spin;
  sem_t semaphore;
  long counter, turns, cleaned;
  int place;
};

static struct shared *
share(void)
{
  struct shared *shared = heap(sizeof *shared, 0);
  pthread_mutex_init(&shared->mutex, NULL);
  pthread_mutex_init(&shared->other, NULL);
  pthread_cond_init(&shared->condition, NULL);
  pthread_rwlock_init(&shared->rwlock, NULL);
  pthread_barrier_init(&shared->barrier, NULL, THREADS);
  pthread_spin_init(&shared->spin, 0);
  sem_init(&shared->semaphore, 0, 2);
  return shared;
}

static void *
work(void *argument)
{
  struct shared *shared = argument;
  for (int i = 0; i < ROUNDS; i++) {
    pthread_mutex_lock(&shared->mutex);
    shared->counter++;
    pthread_mutex_unlock(&shared->mutex);
    pthread_rwlock_wrlock(&shared->rwlock);
    shared->turns++;
    pthread_rwlock_unlock(&shared->rwlock);
    pthread_rwlock_rdlock(&shared->rwlock);
    pthread_rwlock_unlock(&shared->rwlock);
    sem_wait(&shared->semaphore);
    sem_post(&shared->semaphore);
    pthread_spin_lock(&shared->spin);
    shared->cleaned++;
    pthread_spin_unlock(&shared->spin);
    if (i % 50 == 0)
      pthread_barrier_wait(&shared->barrier);
  }
  return heap(100, 'r');
}

static void
locks(void)
{
  struct shared *shared = share();
  pthread_t threads[THREADS];
  int joined = 0;
  for (int i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, work, shared);
  for (int i = 0; i < THREADS; i++) {
    char *result = NULL;
    joined += pthread_join(threads[i], (void **)&result) == 0 && result && result[99] == 'r';
    free(result);
  }
  say("joined %d, counted %ld %ld %ld\n", joined, shared->counter, shared->turns, shared->cleaned);
}

/* A thread hands a value to the next, so each wait is a real one. */
static void *
take_turns(void *argument)
{
  struct shared *shared = argument;
  pthread_mutex_lock(&shared->mutex);
  int place = shared->place++;
  for (int i = 0; i < 100; i++) {
    while (shared->turns % THREADS != place)
      pthread_cond_wait(&shared->condition, &shared->mutex);
    shared->counter = shared->counter * 31 + place;
    shared->turns++;
    pthread_cond_broadcast(&shared->condition);
  }
  pthread_mutex_unlock(&shared->mutex);
  return NULL;
}

static void
conditions(void)
{
  struct shared *shared = share();
  struct timespec *soon = heap_across(sizeof *soon);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, take_turns, shared);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  say("in turn: %ld %lx\n", shared->turns, (unsigned long)shared->counter);
  clock_gettime(CLOCK_REALTIME, soon);
  pthread_mutex_lock(&shared->mutex);
  say("timed wait: %s\n", strerror(pthread_cond_timedwait(&shared->condition, &shared->mutex, soon)));
  say("timed lock: %s\n", strerror(pthread_mutex_timedlock(&shared->mutex, soon)));
  pthread_mutex_unlock(&shared->mutex);
}

static void *
die_with(void *mutex)
{
  pthread_mutex_lock(mutex);
  house_settle();
  return NULL;
}

/* The kernel marks the mutex, which lies on the heap, when its owner is gone. */
static void
robust_locks(void)
{
  static const int protocols[] = { PTHREAD_PRIO_NONE, PTHREAD_PRIO_INHERIT };
  for (size_t i = 0; i < 2; i++)
    for (int round = 0; round < 20; round++) {
      pthread_mutexattr_t attributes;
      pthread_mutex_t *mutex = heap_across(sizeof *mutex);
      pthread_t thread;
      pthread_mutexattr_init(&attributes);
      pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
      int error = pthread_mutexattr_setprotocol(&attributes, protocols[i]);
      if (!error)
        error = pthread_mutex_init(mutex, &attributes);
      pthread_create(&thread, NULL, die_with, mutex);
      pthread_join(thread, NULL);
      if (round % 5 == 0)
        usleep(4000);  /* a collect comes in between */
      int died = pthread_mutex_lock(mutex);
      if (round == 0 || died != EOWNERDEAD)
        say("protocol %d: %d, owner: %s\n", protocols[i], error, strerror(died));
      pthread_mutex_consistent(mutex);
      error = pthread_mutex_unlock(mutex);
      if (error || pthread_mutex_trylock(mutex))
        say("unlock: %s\n", strerror(error));
      pthread_mutex_unlock(mutex);
    }
}

static void
clean(void *counter)
{
  ++*(long *)counter;
}

struct victim { struct shared *shared; int kind, *pipe; };

static void *
wait_to_be_cancelled(void *argument)
{
  struct victim *victim = argument;
  char *buffer = heap_across(4000);
  pthread_cleanup_push(clean, &victim->shared->cleaned);
  sem_post(&victim->shared->semaphore);
  if (victim->kind == 0)
    (void)!read(victim->pipe[0], buffer, 4000);
  else if (victim->kind == 1)
    sleep(100);
  else
    for (;;) {
      buffer[victim->kind++ % 4000] = 1;
      pthread_testcancel();
    }
  pthread_cleanup_pop(0);
  return NULL;
}

static void
cancellation(void)
{
  for (int i = 0; i < 9; i++) {
    struct victim *victim = heap(sizeof *victim, 0);
    int *ends = heap_across(2 * sizeof *ends);
    pthread_t thread;
    void *result = NULL;
    *victim = (struct victim){ share(), i % 3, ends };
    sem_destroy(&victim->shared->semaphore);
    sem_init(&victim->shared->semaphore, 0, 0);
    (void)!pipe(ends);
    pthread_create(&thread, NULL, wait_to_be_cancelled, victim);
    sem_wait(&victim->shared->semaphore);
    usleep(i < 3 ? 0 : 5000);
    int error = pthread_cancel(thread);
    pthread_join(thread, &result);
    say("cancel: %d, cancelled %d, cleaned %ld\n", error, result == PTHREAD_CANCELED,
        victim->shared->cleaned);
    close(ends[0]);
    close(ends[1]);
  }
}

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic int destroyed, initialised;
static __thread char own[20000] = "own";

static void
destroy(void *value)
{
  destroyed += ((char *)value)[0] == 'k';
  free(value);
}

static void
initialise(void)
{
  initialised++;
  pthread_key_create(&key, destroy);
}

static void *
use_own(void *argument)
{
  pthread_once(&once, initialise);
  pthread_setspecific(key, heap(5000, 'k'));
  own[19999] = (char)(uintptr_t)argument;
  usleep(1000);
  return (void *)(uintptr_t)(own[0] + own[19999] + errno);
}

static void
specifics(void)
{
  pthread_t threads[THREADS];
  uintptr_t sum = 0;
  pthread_attr_t *attributes = heap_across(sizeof *attributes);
  size_t *size = heap_across(sizeof *size);
  for (uintptr_t i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, use_own, (void *)i);
  for (int i = 0; i < THREADS; i++) {
    void *result;
    pthread_join(threads[i], &result);
    sum += (uintptr_t)result;
  }
  say("own: %lu, initialised %d, destroyed %d\n", (unsigned long)sum, initialised, destroyed);
  int error = pthread_getattr_np(pthread_self(), attributes);
  if (!error)
    error = pthread_attr_getstacksize(attributes, size);
  say("stack: %d %d\n", error, *size > 65536);
  pthread_attr_destroy(attributes);
}

/* ------------------------------------------------------------- what is loaded */

static int (*count_lodger)(int);

static void *
count_in_thread(void *unused)
{
  int last = 0;
  for (int i = 0; i < 100; i++)
    last = count_lodger(i);
  (void)unused;
  return (void *)(intptr_t)last;
}

static int
count_object(struct dl_phdr_info *info, size_t size, void *count)
{
  (void)size;
  *(int *)count += info->dlpi_phnum > 0;
  return 0;
}

static void
loading(void)
{
  static const char *const libraries[] = { "libm.so.6", "libresolv.so.2", "libutil.so.1", "libsuch.so.none" };
  for (int round = 0; round < 3; round++) {
    pthread_t threads[4];
    int before = 0, after = 0, *within = heap_across(sizeof *within);
    *within = 0;
    dl_iterate_phdr(count_object, &before);
    void *lodger = dlopen(lodger_path(), RTLD_NOW | RTLD_LOCAL);
    if (!lodger) {
      say("the lodger is not there\n");
      return;
    }
    dl_iterate_phdr(count_object, within);
    count_lodger = (int (*)(int))(uintptr_t)dlsym(lodger, "lodger_count");
    int (*shared)(int) = (int (*)(int))(uintptr_t)dlsym(lodger, "lodger_shared");
    long sum = 0;
    for (int i = 0; i < 4; i++)
      pthread_create(&threads[i], NULL, count_in_thread, NULL);
    for (int i = 0; i < 4; i++) {
      void *result;
      pthread_join(threads[i], &result);
      sum += (intptr_t)result;
    }
    say("each thread's: %ld, here: %d, shared: %d\n", sum, count_lodger(3), shared(1));
    Dl_info *info = heap_across(sizeof *info);
    say("dladdr: %s\n", dladdr((void *)(uintptr_t)count_lodger, info) ? info->dli_sname : "-");
    say("dlclose: %d", dlclose(lodger));
    dl_iterate_phdr(count_object, &after);
    say(", %d more, %d left\n", *within - before, after - before);
  }
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
    void *library = dlopen(libraries[i], RTLD_LAZY);
    double (*cosine)(double) = library ? (double (*)(double))(uintptr_t)dlsym(library, "cos") : NULL;
    say("%s: %d %g %s\n", libraries[i], library != NULL, cosine ? cosine(0.5) : 0,
        dlerror() ? "error" : "fine");
    if (library)
      dlclose(library);
  }
}

const struct part thread_parts[] = {
  { "locks", locks, false }, { "conditions", conditions, false }, { "robust-locks", robust_locks, false },
  { "cancellation", cancellation, false }, { "specifics", specifics, false }, { "loading", loading, false },
  { NULL, NULL, false }
};
