/* worker.c - a thread of the storm: what it does to its own pages, each time by
 * the draw of its own seeded numbers. */
#include "config.h"
#include "../tap.h"
#include "storm.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEEDS_A_TURN = 300, NOTHING_PENDING = -1 };

/* Whose handler runs; NULL in threads that have no pages. */
static _Thread_local struct worker *self;

static void
did(enum ingredient ingredient)
{
  atomic_fetch_add(&the_storm->progress->done[ingredient], 1);
}

static size_t
draw(struct worker *worker, size_t below)
{
  return (size_t)(tap_random(&worker->random) >> 16) % below;
}

static unsigned char *
page_of(const struct worker *worker, size_t page)
{
  return worker->memory + page * the_storm->page_size;
}

static unsigned char *
mirror_of(const struct worker *worker, size_t page)
{
  return worker->mirror + page * the_storm->page_size;
}

/* A page of the wanted state, PAGES if there is none. The signals' page is never drawn. */
static size_t
draw_page(struct worker *worker, enum page_state state)
{
  size_t first = draw(worker, PAGES - 1);
  for (size_t i = 0; i < PAGES - 1; i++) {
    size_t page = (first + i) % (PAGES - 1);
    if (atomic_load(&worker->state[page]) == state)
      return page;
  }
  return PAGES;
}

/* ---------------------------------------------------------------- signals */

static void
on_signal(int signal)
{
  int saved = errno;
  struct worker *worker = self;
  (void)signal;
  if (!worker)
    return;
  size_t offset = (PAGES - 1) * the_storm->page_size;
  uint64_t *count = (void *)(worker->memory + offset), *known = (void *)(worker->mirror + offset);
  *known = ++*count;
  did(WITH_SIGNALS);
  errno = saved;
  /* The count serves as the draw: the worker's own numbers are not a handler's. */
  if (worker->may_jump && *known % 4 == 0) {
    worker->may_jump = 0;
    did(WITH_JUMPS);
    siglongjmp(worker->landing, 1);
  }
}

/* A write to a page that the program itself has made read-only is the program's. */
static void
on_fault(int signal, siginfo_t *info, void *context)
{
  struct worker *worker = self;
  (void)context;
  if (worker && worker->may_fault && info->si_code == SEGV_ACCERR) {
    uintptr_t at = (uintptr_t)info->si_addr - (uintptr_t)worker->memory;
    if (at < PAGES * the_storm->page_size
        && atomic_load(&worker->state[at / the_storm->page_size]) != PAGE_OPEN) {
      worker->may_fault = 0;
      siglongjmp(worker->landing, 2);
    }
  }
  struct sigaction action = { .sa_handler = SIG_DFL };
  sigaction(signal, &action, NULL);
}

bool
worker_handlers(const struct storm *storm)
{
  struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
  sigaddset(&action.sa_mask, SIGALRM);
  sigaddset(&action.sa_mask, SIGUSR1);
  if (storm_has(storm, WITH_SIGNALS)
      && (sigaction(SIGALRM, &action, NULL) || sigaction(SIGUSR1, &action, NULL)))
    return false;
  struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
  return !storm_has(storm, WITH_PROTECT) || sigaction(SIGSEGV, &fault, NULL) == 0;
}

static void
hold_signals(int how)
{
  sigset_t both;
  sigemptyset(&both);
  sigaddset(&both, SIGALRM);
  sigaddset(&both, SIGUSR1);
  pthread_sigmask(how, &both, NULL);
}

static void
signal_somebody(struct worker *worker)
{
  struct worker *other = &the_storm->worker[draw(worker, the_storm->threads)];
  syscall(SYS_tgkill, getpid(), other->id, SIGUSR1);
}

/* ----------------------------------------------------------------- writes */

/* The write is known before it is done: a jump may end it at any instruction. */
static void
write_byte(struct worker *worker, size_t offset, unsigned char value)
{
  worker->pending_value = value;
  worker->pending = offset;
  ((volatile unsigned char *)worker->memory)[offset] = value;
  worker->mirror[offset] = value;
  worker->pending = (size_t)NOTHING_PENDING;
}

static void
finish_write(struct worker *worker)
{
  size_t offset = worker->pending;
  if (offset != (size_t)NOTHING_PENDING)
    write_byte(worker, offset, worker->pending_value);
}

static void
write_some(struct worker *worker)
{
  size_t page = draw_page(worker, PAGE_OPEN), count = 1 + draw(worker, 4);
  for (size_t i = 0; page < PAGES && i < count; i++) {
    size_t within = draw(worker, the_storm->page_size);
    write_byte(worker, page * the_storm->page_size + within, (unsigned char)draw(worker, 256));
  }
}

/* Writes that a signal handler may leave by a jump. */
static void
write_boldly(struct worker *worker)
{
  if (sigsetjmp(worker->landing, 1) == 0) {
    worker->may_jump = 1;
    for (int i = 0; i < 4; i++)
      write_some(worker);
  }
  worker->may_jump = 0;
  finish_write(worker);
}

static void
write_masked(struct worker *worker)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  write_some(worker);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  did(WITH_MASKS);
}

/* A write that must fault: the page is the program's own to protect. */
static void
write_forbidden(struct worker *worker)
{
  size_t page = draw_page(worker, draw(worker, 2) ? PAGE_EXECUTABLE : PAGE_CLOSED);
  if (page == PAGES)
    return;
  volatile bool survived = false;
  if (sigsetjmp(worker->landing, 1) == 0) {
    worker->may_fault = 1;
    *(volatile unsigned char *)page_of(worker, page) = 1;
    survived = true;
  }
  worker->may_fault = 0;
  if (survived)
    storm_complain(the_storm, "thread %u: page %zu is not writable, and was written", worker->number, page);
}

/* Bytes through a pipe into open pages, over their edges. */
static void
read_some(struct worker *worker, bool announce)
{
  unsigned char bytes[3 * 4096];
  size_t size = the_storm->page_size, page = draw_page(worker, PAGE_OPEN), pages = 1;
  if (page == PAGES)
    return;
  while (pages < 3 && page + pages < PAGES - 1 && atomic_load(&worker->state[page + pages]) == PAGE_OPEN)
    pages++;
  size_t within = draw(worker, size), length = 1 + draw(worker, pages * size - within);
  if (length > sizeof bytes)
    length = sizeof bytes;
  for (size_t i = 0; i < length; i++)
    bytes[i] = (unsigned char)draw(worker, 256);
  size_t offset = page * size + within, got = 0;
  if (write(worker->pipe[1], bytes, length) != (ssize_t)length) {
    storm_complain(the_storm, "thread %u: write to a pipe: %s", worker->number, strerror(errno));
    return;
  }
  while (got < length) {
    if (announce)
      ww_touch(the_storm->tracker, worker->memory + offset + got, length - got);
    ssize_t count = read(worker->pipe[0], worker->memory + offset + got, length - got);
    if (count > 0)
      got += (size_t)count;
    /* An announcement holds until the next collect, which may come before the read. */
    if (announce ? count < 0 && errno != EFAULT : got != length) {
      storm_complain(the_storm, "thread %u: read of %zu bytes into page %zu: %zd (%s)", worker->number,
                     length,
                     page, count, count < 0 ? strerror(errno) : "short");
      return;
    }
  }
  memcpy(worker->mirror + offset, bytes, length);
  did(announce ? WITH_TOUCH : WITH_READ);
}

/* ------------------------------------------------------------- mappings */

static bool
is_same(const struct worker *worker)
{
  for (size_t page = 0; page < PAGES; page++) {
    uint8_t state = atomic_load(&worker->state[page]);
    if ((state == PAGE_OPEN || state == PAGE_EXECUTABLE)
        && memcmp(page_of(worker, page), mirror_of(worker, page), the_storm->page_size) != 0)
      return false;
  }
  return true;
}

static void
protect(struct worker *worker, size_t page, enum page_state state)
{
  int protection = state == PAGE_OPEN ? PROT_READ | PROT_WRITE
                   : state == PAGE_EXECUTABLE ? PROT_READ | PROT_EXEC : PROT_NONE;
  if (mprotect(page_of(worker, page), the_storm->page_size, protection))
    storm_complain(the_storm, "thread %u: mprotect: %s", worker->number, strerror(errno));
  else
    atomic_store(&worker->state[page], state);
}

static void
flip_protection(struct worker *worker)
{
  static const enum page_state from[] = { PAGE_OPEN, PAGE_EXECUTABLE, PAGE_CLOSED };
  size_t page = draw_page(worker, from[draw(worker, 3)]);
  if (page == PAGES)
    return;
  uint8_t state = atomic_load(&worker->state[page]);
  protect(worker, page, state != PAGE_OPEN ? PAGE_OPEN : draw(worker, 2) ? PAGE_EXECUTABLE : PAGE_CLOSED);
  if (draw(worker, 2))
    write_forbidden(worker);
  did(WITH_PROTECT);
}

static void
discard(struct worker *worker)
{
  size_t page = draw_page(worker, PAGE_OPEN);
  if (page == PAGES)
    return;
  if (madvise(page_of(worker, page), the_storm->page_size, MADV_DONTNEED))
    storm_complain(the_storm, "thread %u: madvise: %s", worker->number, strerror(errno));
  memset(mirror_of(worker, page), 0, the_storm->page_size);
  did(WITH_DISCARD);
}

/* A hole may have been filled by another thread's mmap() meanwhile: then it stays one. */
static void
fill_hole(struct worker *worker, size_t page)
{
  void *at = page_of(worker, page);
  void *got = mmap(at, the_storm->page_size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (got == at) {
    memset(mirror_of(worker, page), 0, the_storm->page_size);
    atomic_store(&worker->state[page], PAGE_OPEN);
  } else if (got != MAP_FAILED) {
    munmap(got, the_storm->page_size);
  }
}

static void
remap(struct worker *worker)
{
  size_t size = the_storm->page_size, page = draw_page(worker, PAGE_OPEN), other;
  if (page == PAGES)
    return;
  void *at = page_of(worker, page);
  switch (draw(worker, 8)) {
  case 0:  /* away, and there again at once or later */
    if (munmap(at, size))
      storm_complain(the_storm, "thread %u: munmap: %s", worker->number, strerror(errno));
    atomic_store(&worker->forgotten[page], 1);
    atomic_store(&worker->state[page], PAGE_HOLE);
    if (draw(worker, 2))
      fill_hole(worker, page);
    break;
  case 1:  /* onto another, leaving a hole */
    other = draw_page(worker, PAGE_OPEN);
    if (other == page)
      break;
    if (mremap(at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, page_of(worker, other))
        != page_of(worker, other))
      storm_complain(the_storm, "thread %u: mremap: %s", worker->number, strerror(errno));
    memcpy(mirror_of(worker, other), mirror_of(worker, page), size);
    atomic_store(&worker->forgotten[page], 1);
    atomic_store(&worker->state[page], PAGE_HOLE);
    break;
  case 2: case 3:
    page = draw_page(worker, PAGE_HOLE);
    if (page < PAGES)
      fill_hole(worker, page);
    break;
  default:
    if (mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at)
      storm_complain(the_storm, "thread %u: mmap: %s", worker->number, strerror(errno));
    memset(mirror_of(worker, page), 0, size);
    break;
  }
  did(WITH_REMAP);
}

static void
tidy_up(struct worker *worker)
{
  for (size_t page = 0; page < PAGES; page++) {
    uint8_t state = atomic_load(&worker->state[page]);
    if (state == PAGE_HOLE)
      fill_hole(worker, page);
    else if (state != PAGE_OPEN)
      protect(worker, page, PAGE_OPEN);
  }
}

/* -------------------------------------------------------------- processes */

/* In the child only what a signal handler may call. */
static void
fork_and_look(struct worker *worker)
{
  pid_t child = fork();
  if (child == 0) {
    if (!is_same(worker))
      _exit(1);
    for (size_t page = 0; page < PAGES - 1; page++)
      if (atomic_load(&worker->state[page]) == PAGE_OPEN)
        write_byte(worker, page * the_storm->page_size, (unsigned char)page);
    _exit(is_same(worker) ? 0 : 2);
  }
  int status = -1;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  if (child < 0 || status != 0)
    storm_complain(the_storm, "thread %u: a child ended with status %#x (fork: %d)", worker->number,
                   (unsigned)status, (int)child);
  did(WITH_FORK);
}

/* ------------------------------------------------------------------ turns */

static void
do_something(struct worker *worker)
{
  const struct storm *storm = the_storm;
  size_t what = draw(worker, 1000);
  if (what < 3 && storm_has(storm, WITH_FORK))
    fork_and_look(worker);
  else if (what < 30 && storm_has(storm, WITH_SIGNALS))
    signal_somebody(worker);
  else if (what < 80 && storm_has(storm, WITH_TOUCH))
    read_some(worker, true);
  else if (what < 150 && storm_has(storm, WITH_READ))
    read_some(worker, false);
  else if (what < 180 && storm_has(storm, WITH_MASKS))
    write_masked(worker);
  else if (what < 230 && storm_has(storm, WITH_PROTECT))
    flip_protection(worker);
  else if (what < 250 && storm_has(storm, WITH_DISCARD))
    discard(worker);
  else if (what < 280 && storm_has(storm, WITH_REMAP))
    remap(worker);
  else if (what < 400 && storm_has(storm, WITH_JUMPS))
    write_boldly(worker);
  else
    write_some(worker);
}

void *
worker_run(void *argument)
{
  struct worker *worker = argument;
  worker->id = (pid_t)syscall(SYS_gettid);
  worker->pending = (size_t)NOTHING_PENDING;
  self = worker;
  for (;;) {
    pthread_barrier_wait(&the_storm->turn);
    if (atomic_load(&the_storm->end))
      return NULL;
    hold_signals(SIG_UNBLOCK);
    for (unsigned i = 0; i < DEEDS_A_TURN && !atomic_load(&the_storm->progress->failed); i++) {
      do_something(worker);
      atomic_fetch_add_explicit(&the_storm->progress->beats, 1, memory_order_relaxed);
    }
    if (atomic_load(&the_storm->tidy))
      tidy_up(worker);
    hold_signals(SIG_BLOCK);
    if (!is_same(worker))
      storm_complain(the_storm, "thread %u: its memory is not what it wrote there", worker->number);
    atomic_fetch_sub(&the_storm->busy, 1);
    pthread_barrier_wait(&the_storm->turn);
  }
}
