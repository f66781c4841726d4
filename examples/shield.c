/* shield.c - a table that read(2) fills, in memory that is watched.
 * cc -o shield shield.c $(pkg-config --cflags --libs writewatch)
 * ./shield FILE; ./shield --without FILE shows what happens without the shield. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <writewatch.h>

enum { PAGES = 64, RECORD = 512 };

static void
must(int error, const char *what)
{
  if (error == 0)
    return;
  fprintf(stderr, "shield: %s: %s %s\n", what, ww_strerror(error), ww_last_error());
  exit(error == -ENOTSUP ? 77 : 1);             /* 77: not to be had here */
}

int
main(int argc, char **argv)
{
  const char *path = argv[argc - 1];
  int without = argc > 2 && !strcmp(argv[1], "--without");
  size_t page = (size_t)sysconf(_SC_PAGESIZE), records = PAGES * page / RECORD, filled = 0, runs;
  char *table = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct ww_options options = WW_OPTIONS_INIT;
  ww_tracker *tracker;
  ww_dirty *dirty;
  ssize_t got = 0;

  options.flags = without ? 0 : WW_SHIELD;
  must(ww_tracker_create(&tracker, &options), "create");
  must(ww_region_add(tracker, "table", table, PAGES * page, NULL), "add");
  must(ww_start(tracker), "start");
  int file = open(path, O_RDONLY);
  must(file < 0 ? -errno : 0, path);

  /* The kernel writes the records, this program only the last byte of the table. */
  while (filled < records - 8 && (got = read(file, table + filled * RECORD, RECORD)) > 0)
    filled++;
  if (got < 0)
    printf("record %zu: read: %s\n", filled, strerror(errno));
  table[PAGES * page - 1] = 1;

  must(ww_collect(tracker, &dirty), "collect");
  const struct ww_run *run = ww_dirty_runs(dirty, &runs);
  printf("%zu records read\n", filled);
  for (size_t i = 0; i < runs; i++)
    printf("page %zu: %zu written by %s\n", (size_t)((char *)run[i].address - table) / page,
           run[i].length / page, run[i].evidence == WW_TRAPPED ? "the program" : "the kernel");
  ww_dirty_free(dirty);
  ww_tracker_destroy(tracker);
}
