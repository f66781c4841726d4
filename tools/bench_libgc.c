/* bench_libgc.c - libgc's incremental mode (Boehm, Demers & Shenker, "Mostly parallel
 * garbage collection", PLDI 1991). Its dirty bits are of its own heap, are read and
 * cleared inside a collection, and no public function returns them: so the workload's
 * memory is an object of its heap, and a whole collection ends the epoch. The faults
 * are those of a tracker; the collect marks the heap beside it, and says so by `sees'.
 *
 * The library is looked for when it is wanted: the command does not depend on it. */
#include "config.h"
#include "bench_suite.h"

#include <dlfcn.h>
#include <errno.h>

static struct {
  void  (*init)(void);
  void  (*enable_incremental)(void);
  int   (*is_incremental)(void);
  void *(*malloc_uncollectable)(size_t bytes);
  void  (*gcollect)(void);
} gc;

static const char *trouble;

static void *
symbol(void *library, const char *name)
{
  void *found = library ? dlsym(library, name) : NULL;

  if (!found)
    trouble = library ? "libgc.so.1 lacks a function" : "libgc.so.1 was not found (Debian: libgc1)";
  return found;
}

static void *
libgc_reserve(size_t bytes, size_t page_size)
{
  void *library = dlopen("libgc.so.1", RTLD_NOW | RTLD_LOCAL);
  uintptr_t object;

  *(void **)&gc.init = symbol(library, "GC_init");
  *(void **)&gc.enable_incremental = symbol(library, "GC_enable_incremental");
  *(void **)&gc.is_incremental = symbol(library, "GC_is_incremental_mode");
  *(void **)&gc.malloc_uncollectable = symbol(library, "GC_malloc_uncollectable");
  *(void **)&gc.gcollect = symbol(library, "GC_gcollect");
  if (trouble)
    return NULL;
  gc.init();
  gc.enable_incremental();
  object = (uintptr_t)gc.malloc_uncollectable(bytes + page_size);
  if (!object)
    trouble = "libgc has no memory";
  return object ? (void *)((object + page_size - 1) / page_size * page_size) : NULL;
}

static int
libgc_start(const struct bench_contestant *self, struct bench_ground *ground)
{
  (void)self;
  if (trouble)
    return bench_refuse(ground, -ENOTSUP, "%s", trouble);
  if (!gc.is_incremental())
    return bench_refuse(ground, -ENOTSUP, "libgc has no incremental mode here");
  gc.gcollect();
  return 0;
}

static int
libgc_collect(struct bench_ground *ground, struct bench_spent *spent)
{
  (void)ground;
  (void)spent;
  gc.gcollect();
  return 0;
}

const struct bench_contestant bench_libgc = {
  .name = "libgc", .about = "libgc's incremental mode: its faults, and a whole collection, marking and all",
  .sees = BENCH_NOTHING, .copies = 0.4,
  .reserve = libgc_reserve, .start = libgc_start, .collect = libgc_collect,
};
