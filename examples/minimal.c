/* minimal.c - which of its pages does this program write?
 * cc -o minimal minimal.c $(pkg-config --cflags --libs writewatch) */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <writewatch.h>

static void
must(int error, const char *what)
{
  if (error == 0)
    return;
  fprintf(stderr, "minimal: %s: %s %s\n", what, ww_strerror(error), ww_last_error());
  exit(1);
}

int
main(void)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE), length = 64 * page, runs;
  char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ww_tracker *tracker;
  ww_dirty *dirty;

  must(ww_tracker_create(&tracker, NULL), "create");
  must(ww_region_add(tracker, "memory", memory, length, NULL), "add");
  must(ww_start(tracker), "start");
  memory[3 * page] = 1;                       /* two pages next to each other ... */
  memory[4 * page + 17] = 1;
  memory[40 * page] = 1;                      /* ... and one by itself */
  must(ww_collect(tracker, &dirty), "collect");

  const struct ww_run *run = ww_dirty_runs(dirty, &runs);
  for (size_t i = 0; i < runs; i++)
    printf("page %zu: %zu written\n", (size_t)((char *)run[i].address - memory) / page, run[i].length / page);
  ww_dirty_free(dirty);
  ww_tracker_destroy(tracker);
}
