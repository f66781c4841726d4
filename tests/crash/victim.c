/* victim.c - set the stage, crash, and see whether tracking lived through it.
 * crash-victim WHEN CRASH DISPOSITION THREAD MODE: numbers of two digits, so that all
 * runs start with the same stack. Descriptor 3 takes the records.
 * crash-victim --shield: can there be one? */
#include "config.h"
#include "victim.h"
#include "../engine.h"
#include "writewatch.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* The sanitizers' own handlers would be the earlier disposition. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);
const char *
__asan_default_options(void)
{
  return "handle_segv=0:use_sigaltstack=0:detect_leaks=0:detect_stack_use_after_return=0";
}
const char *
__tsan_default_options(void)
{
  return "handle_segv=0:use_sigaltstack=0";
}
#endif

struct victim victim;
static ww_tracker *tracker;

void
record_text(struct record *record, const char *text)
{
  size_t length = strlen(text);
  if (record->length + length >= sizeof record->text)
    abort();
  memcpy(record->text + record->length, text, length);
  record->length += length;
}

void
record_hex(struct record *record, const char *name, uint64_t value)
{
  char digits[17], *first = digits + 16;

  *first = '\0';
  do
    *--first = "0123456789abcdef"[value & 15];
  while (value >>= 4);
  record_text(record, " ");
  record_text(record, name);
  record_text(record, "=");
  record_text(record, first);
}

void
record_write(struct record *record)
{
  int error = errno;
  record_text(record, "\n");
  if (syscall(SYS_write, VICTIM_REPORT, record->text, record->length) < 0)
    _exit(71);
  errno = error;
}

static void
complain(const char *what, int error)
{
  struct record record = { .length = 0 };
  record_text(&record, what);
  record_text(&record, error ? ": " : "");
  record_text(&record, error ? ww_strerror(error) : "");
  record_write(&record);
}

static void
require(int error, const char *what)
{
  if (error) {
    complain(what, error);
    _exit(72);
  }
}

char *
victim_page(int page)
{
  return victim.memory + (size_t)page * victim.page_size;
}

static void *
map(size_t size, int protection)
{
  void *memory = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    require(-errno, "mmap");
  return memory;
}

static void
lay_out_memory(void)
{
  size_t page = victim.page_size;

  victim.memory = map(PAGE_COUNT * page, PROT_READ | PROT_WRITE);
  memset(victim.memory, 1, PAGE_COUNT * page);
  victim.region = victim_page(PAGE_REGION);
  mprotect(victim_page(PAGE_FIRST_GUARD), page, PROT_NONE);
  mprotect(victim_page(PAGE_BELOW), page, PROT_READ);
  mprotect(victim_page(PAGE_ABOVE), page, PROT_READ);
  mprotect(victim_page(PAGE_NONE), page, PROT_NONE);
  mprotect(victim_page(PAGE_READONLY), page, PROT_READ);
}

/* An alternate stack for the calling thread. */
static void
take_alternate_stack(void)
{
  stack_t stack = { .ss_sp = victim.alternate, .ss_size = victim.alternate_size };
  if (sigaltstack(&stack, NULL) != 0)
    require(-errno, "sigaltstack");
}

static void *
idle(void *unused)
{
  (void)unused;
  for (;;)
    pause();
  return NULL;
}

static void
set_up_tracker(void)
{
  struct ww_options options = WW_OPTIONS_INIT;
  ww_dirty *dirty;

  if (victim.order == ORDER_BEFORE || victim.when == WHEN_WITHOUT)
    disposition_install(victim.disposition);
  if (victim.when == WHEN_WITHOUT) {
    victim_page(PAGE_REGION)[0] = 2;
    victim_page(PAGE_WRITTEN)[0] = 2;
    return;
  }
  options.flags = victim.shield ? WW_SHIELD : 0;
  require(ww_tracker_create(&tracker, &options), "ww_tracker_create");
  if (victim.order == ORDER_CREATED)
    disposition_install(victim.disposition);
  require(ww_region_add(tracker, "victim", victim.region, REGION_PAGES * victim.page_size, NULL),
          "ww_region_add");
  require(ww_start(tracker), "ww_start");
  victim_page(PAGE_REGION)[0] = 2;
  require(ww_collect(tracker, &dirty), "ww_collect");
  if (ww_dirty_pages(dirty) != 1)
    require(-EIO, "the first epoch has not one dirty page");
  ww_dirty_free(dirty);
  victim_page(PAGE_WRITTEN)[0] = 2;
  if (victim.order == ORDER_STARTED)
    disposition_install(victim.disposition);
  if (victim.when == WHEN_STOPPED)
    require(ww_stop(tracker), "ww_stop");
  if (victim.when == WHEN_PASSAGE) {
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    require(-pthread_create(&thread, NULL, idle, NULL), "pthread_create");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  if (victim.when == WHEN_DESTROYED || victim.when == WHEN_PASSAGE) {
    ww_tracker_destroy(tracker);
    tracker = NULL;
  }
}

static int
is_trapped(const ww_dirty *dirty, int page)
{
  struct ww_writer writer;
  uintptr_t address = (uintptr_t)victim_page(page);
  size_t count;
  const struct ww_run *run = ww_dirty_runs(dirty, &count);
  if (ww_dirty_writer(dirty, victim_page(page), &writer) == 0)
    return true;
  /* With the pagemap engine nobody sees who writes. */
  if (!engine_has_writers())
    for (size_t i = 0; i < count; i++)
      if (address - (uintptr_t)run[i].address < run[i].length)
        return run[i].evidence == WW_TRAPPED;
  return false;
}

/* The tracker has seen what was written before the crash, by the handler and
 * since; only what is wrong goes on record. */
static void
check_tracking(void)
{
  ww_dirty *dirty;
  const struct disposition *disposition = victim.disposition;
  int error, handler_wrote = victim.calls > 0 && disposition->flags & SA_NODEFER;

  victim_page(PAGE_LATER)[0] = 2;
  if (victim.crash->strays)
    return;
  if (victim.when == WHEN_STOPPED)
    require(ww_start(tracker), "ww_start after the crash");
  if (victim.when == WHEN_STOPPED)
    victim_page(PAGE_LATER)[0] = 3;
  if (victim.when != WHEN_TRACKING && victim.when != WHEN_STOPPED)
    return;
  error = ww_collect(tracker, &dirty);
  if (error) {
    complain("ww_collect after the crash", error);
    return;
  }
  if (!is_trapped(dirty, PAGE_LATER))
    complain("a page written after the crash is not in the dirty set", 0);
  if (victim.when == WHEN_TRACKING && !is_trapped(dirty, PAGE_WRITTEN))
    complain("a page written before the crash is not in the dirty set", 0);
  if (victim.when == WHEN_TRACKING && handler_wrote && !is_trapped(dirty, PAGE_IN_HANDLER))
    complain("a page written in the handler is not in the dirty set", 0);
  if (ww_dirty_pages(dirty) != (victim.when == WHEN_TRACKING ? 2u + (unsigned)handler_wrote : 1u))
    complain("the dirty set has pages that were not written", 0);
  ww_dirty_free(dirty);
}

static void
record_after(void)
{
  struct record record = { .length = 0 };
  int error = errno;
  stack_t stack;
  sigset_t pending;

  sigpending(&pending);
  record_text(&record, "after");
  record_hex(&record, "errno", (uint32_t)error);
  record_hex(&record, "mask", signal_mask());
  record_hex(&record, "pending", (uint64_t)sigismember(&pending, SIGSEGV));
  syscall(SYS_sigaltstack, NULL, &stack);
  record_hex(&record, "flags", (uint32_t)stack.ss_flags);
  record_write(&record);
}

static void
crash_rounds(void)
{
  const struct disposition *disposition = victim.disposition;
  sigset_t mask;

  sigemptyset(&mask);
  sigaddset(&mask, SIGSEGV);
  pthread_sigmask(disposition->blocked ? SIG_BLOCK : SIG_UNBLOCK, &mask, NULL);
  for (volatile int round = 0; round < disposition->rounds; round++) {
    crash_prepare(victim.crash);
    if (disposition->answer != ANSWER_LEAVE || sigsetjmp(victim.recovery, 1) == 0)
      crash_commit(victim.crash);
    record_after();
  }
  if (disposition->blocked) {
    pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
    record_after();
  }
}

static void *
crash_in_thread(void *unused)
{
  take_alternate_stack();
  crash_rounds();
  return unused;
}

/* The thread has a stack of its own making, ended by a guard page. */
static void
run_thread(char *stack, size_t size)
{
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t mask;

  pthread_attr_init(&attributes);
  require(-pthread_attr_setstack(&attributes, stack, size), "pthread_attr_setstack");
  sigemptyset(&mask);
  sigaddset(&mask, SIGSEGV);
  /* What is sent to the process shall reach the other thread. */
  pthread_sigmask(SIG_BLOCK, &mask, NULL);
  require(-pthread_create(&thread, &attributes, crash_in_thread, NULL), "pthread_create");
  pthread_join(thread, NULL);
  pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
}

static unsigned
number(const char *text, size_t count)
{
  unsigned value = (unsigned)atoi(text);
  if (value >= count) {
    fprintf(stderr, "crash-victim: %s is not below %zu\n", text, count);
    exit(2);
  }
  return value;
}

/* The status says whether a tracker can have the shield. */
static int
try_shield(void)
{
  struct ww_options options = WW_OPTIONS_INIT;

  options.flags = WW_SHIELD;
  return ww_tracker_create(&tracker, &options) == -ENOTSUP ? VICTIM_NO_SECCOMP : 0;
}

int
main(int argc, char **argv)
{
  size_t stack_size = 1u << 20;
  unsigned mode;
  char *stack;

  if (argc == 2 && strcmp(argv[1], "--shield") == 0)
    return try_shield();
  if (argc != 6) {
    fprintf(stderr, "crash-victim: usage: crash-victim WHEN CRASH DISPOSITION THREAD MODE\n");
    return 2;
  }
  victim.when = (enum when)number(argv[1], WHEN_COUNT);
  victim.crash = &crashes[number(argv[2], crash_count)];
  victim.disposition = &dispositions[number(argv[3], disposition_count)];
  victim.in_thread = number(argv[4], 2);
  mode = number(argv[5], MODE_SHIELD + ORDER_COUNT);
  victim.shield = mode >= MODE_SHIELD;
  victim.order = (enum order)(mode % MODE_SHIELD);
  victim.page_size = (size_t)sysconf(_SC_PAGESIZE);
  victim.alternate_size = 1u << 18;
  /* Everything that a record may point to is mapped before the library maps. */
  lay_out_memory();
  victim.alternate = map(victim.alternate_size, PROT_READ | PROT_WRITE);
  stack = map(stack_size, PROT_READ | PROT_WRITE);
  mprotect(stack, victim.page_size, PROT_NONE);

  if (!victim.in_thread)
    take_alternate_stack();
  set_up_tracker();
  if (victim.in_thread)
    run_thread(stack + victim.page_size, stack_size - victim.page_size);
  else
    crash_rounds();
  check_tracking();
  ww_tracker_destroy(tracker);
  return VICTIM_STATUS;
}
