/* sent.c - SIGSEGV that is sent (kill, pthread_kill) while the handler is at work: it
 * reaches the program's handler, which may jump out. Our handler must not be left in the
 * middle: a collector would wait for it for ever.
 *
 * Some never arrive: the kernel keeps one pending signal of a number, and one that is
 * sent in the instant in which a fault's own SIGSEGV is pending is merged into it
 * (signal(7)). Those are counted here. */
#include "config.h"
#include "../engine.h"
#include "../tap.h"
#include "writewatch.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 256 };

static size_t page;
static char *memory;
static _Atomic unsigned received, strange;
static _Atomic bool end;
static _Thread_local sigjmp_buf back;
static _Thread_local volatile bool can_jump;

static void
on_signal(int signal, siginfo_t *info, void *context)
{
  (void)signal;
  (void)context;
  if (info->si_code == SI_TKILL)
    atomic_fetch_add(&received, 1);
  else
    atomic_fetch_add(&strange, 1);
  if (can_jump && (atomic_load(&received) & 1))
    siglongjmp(back, 1);
}

static void *
write_on(void *unused)
{
  volatile uint64_t round = 0;
  sigsetjmp(back, 1);
  can_jump = true;
  for (; !atomic_load(&end); round++)
    for (size_t i = 0; i < PAGES; i++)
      ((volatile char *)memory)[i * page] = (char)round;
  can_jump = false;
  return unused;
}

static void *
collect_on(void *tracker)
{
  ww_dirty *dirty;
  uintptr_t collects = 0;
  for (; !atomic_load(&end); collects++) {
    if (ww_collect(tracker, &dirty))
      return NULL;
    ww_dirty_free(dirty);
  }
  return (void *)collects;
}

int
main(void)
{
  if (!engine_has_writers()) {
    skip("signals that are sent while a fault is recorded", ENGINE_NO_WRITERS);
    return tap_done();
  }
  enum { SIGNALS = 2000 };
  struct ww_options options = WW_OPTIONS_INIT;
  struct sigaction action;
  struct timespec moment = { 0, 20000 };
  ww_tracker *tracker;
  pthread_t writer, collector;
  void *collects;
  unsigned sent = 0;
  page = (size_t)sysconf(_SC_PAGESIZE);
  memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, NULL);
  options.stack_depth = ww_has_stacks() ? 16 : 0;
  if (!ok(!ww_tracker_create(&tracker, &options)
          && !ww_region_add(tracker, "memory", memory, PAGES * page, NULL)
          && !ww_start(tracker), "started"))
    return tap_done();
  alarm(100);                        /* a hang is a failure */
  pthread_create(&writer, NULL, write_on, NULL);
  pthread_create(&collector, NULL, collect_on, tracker);
  for (; sent < SIGNALS; sent++) {
    unsigned before = atomic_load(&received), wait = 0;
    pthread_kill(writer, SIGSEGV);
    while (atomic_load(&received) == before && wait++ < 500)
      nanosleep(&moment, NULL);
  }
  /* On a busy machine one may come after we gave it up: only now are the missing ones counted. */
  moment.tv_nsec = 200000000;
  nanosleep(&moment, NULL);
  unsigned got = atomic_load(&received);
  ok(got <= sent && got > sent / 2, "%u signals sent, %u received, %u merged", sent, got, sent - got);
  ok(!atomic_load(&strange), "and nothing else came to the program's handler");
  atomic_store(&end, true);
  pthread_join(writer, NULL);
  pthread_join(collector, &collects);
  ok(collects != NULL, "%lu collects meanwhile", (unsigned long)(uintptr_t)collects);
  ww_tracker_destroy(tracker);
  return tap_done();
}
