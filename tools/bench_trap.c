/* bench_trap.c - two trackers by mprotect() that do nothing but that: the smallest
 * handler that there can be, and one behind libsigsegv. A bit a page, one mprotect()
 * a fault, the whole region protected again at each collect. */
#include "config.h"
#include "bench_suite.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef HAVE_LIBSIGSEGV
# include <sigsegv.h>
#endif

static struct bench_ground *watched;
static unsigned             page_shift;
static uint64_t            *bits, *told;  /* told: those of the epoch that ended */
static volatile int         full;         /* mprotect() failed: the process is at its limit of mappings */

static void
note(uintptr_t address)
{
  const size_t page = (address - (uintptr_t)watched->memory) >> page_shift;

  __atomic_fetch_or(&bits[page / 64], UINT64_C(1) << (page % 64), __ATOMIC_RELAXED);
  if (mprotect(watched->memory + (page << page_shift), watched->page_size, PROT_READ | PROT_WRITE) != 0) {
    /* It has no way out but this, and its dirty set is worthless then. */
    full = 1;
    mprotect(watched->memory, watched->pages << page_shift, PROT_READ | PROT_WRITE);
  }
}

static int
prepare(struct bench_ground *ground)
{
  const size_t words = ground->pages / 64 + 1;

  watched = ground;
  page_shift = (unsigned)__builtin_ctzl(ground->page_size);
  bits = calloc(words, sizeof *bits);
  told = calloc(words, sizeof *told);
  if (!bits || !told)
    return bench_refuse(ground, -ENOTSUP, "no memory for the bits");
  memset(bits, 0, words * sizeof *bits);
  memset(told, 0, words * sizeof *told);
  return 0;
}

static int
protect(struct bench_ground *ground)
{
  return mprotect(ground->memory, ground->pages * ground->page_size, PROT_READ) == 0 ? 0
         : bench_refuse(ground, -errno, "mprotect: %s", strerror(errno));
}

static int
trap_collect(struct bench_ground *ground, struct bench_spent *spent)
{
  const size_t words = ground->pages / 64 + 1;
  uint64_t *const ended = bits;
  double begin;
  int error;

  if (full)
    return bench_refuse(ground, -ENOTSUP, "mprotect() failed in the handler: more mappings than "
                        "vm.max_map_count would be needed");
  bits = told;
  told = ended;
  memset(bits, 0, words * sizeof *bits);
  begin = now_wall();
  error = protect(ground);
  spent->arm = now_wall() - begin;
  return error;
}

static void
trap_tell(struct bench_ground *ground)
{
  memcpy(ground->bits, told, (ground->pages + 63) / 64 * 8);
}

static void
bare_handler(int signal_number, siginfo_t *info, void *context)
{
  (void)signal_number;
  (void)context;
  note((uintptr_t)info->si_addr);
}

static int
bare_start(const struct bench_contestant *self, struct bench_ground *ground)
{
  struct sigaction action;
  int error = prepare(ground);

  (void)self;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = bare_handler;
  action.sa_flags = SA_SIGINFO;
  if (error == 0 && sigaction(SIGSEGV, &action, NULL) != 0)
    error = bench_refuse(ground, -ENOTSUP, "sigaction: %s", strerror(errno));
  return error == 0 ? protect(ground) : error;
}

const struct bench_contestant bench_bare_loop = {
  .name = "bare-loop", .about = "the smallest SIGSEGV handler that there can be: a bit and an mprotect()",
  .sees = BENCH_WRITES, .copies = 0.02, .start = bare_start, .collect = trap_collect, .tell = trap_tell,
};

#ifdef HAVE_LIBSIGSEGV
static sigsegv_dispatcher dispatcher;

static int
area_handler(void *address, void *argument)
{
  (void)argument;
  note((uintptr_t)address);
  return 1;
}

static int
global_handler(void *address, int serious)
{
  (void)serious;
  return sigsegv_dispatch(&dispatcher, address);
}

static int
libsigsegv_start(const struct bench_contestant *self, struct bench_ground *ground)
{
  int error = prepare(ground);

  (void)self;
  if (error != 0)
    return error;
  sigsegv_init(&dispatcher);
  if (!sigsegv_register(&dispatcher, ground->memory, ground->pages * ground->page_size, area_handler, NULL)
      || sigsegv_install_handler(global_handler) != 0)
    return bench_refuse(ground, -ENOTSUP, "libsigsegv would not install its handler");
  return protect(ground);
}
#else
static int
libsigsegv_start(const struct bench_contestant *self, struct bench_ground *ground)
{
  (void)self;
  return bench_refuse(ground, -ENOTSUP, "this build is without libsigsegv (Debian: libsigsegv-dev)");
}
#endif

const struct bench_contestant bench_libsigsegv = {
  .name = "libsigsegv", .about = "the same behind libsigsegv's handler and its table of areas",
  .sees = BENCH_WRITES, .copies = 0.02, .start = libsigsegv_start, .collect = trap_collect, .tell = trap_tell,
};
