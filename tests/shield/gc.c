/* gc.c - two trackers in one process: libgc in incremental mode, which protects its
 * heap and has a SIGSEGV handler of its own, and ours. Structures on the collected heap
 * must be right, and no write to what we watch may be lost, whoever came first.
 *
 * gc                 all variants, each in a process of its own
 * gc --run ORDER WATCH SHIELD   one of them, numbers */
#include "config.h"
#include "../tap.h"
#include "shielded.h"

#include <errno.h>
#include <gc/gc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum order { GC_FIRST, TRACKER_FIRST };
enum watch { WATCH_OWN, WATCH_HEAP };
enum { OWN_PAGES = 256, ROUNDS = 30, TREES = 40, DEPTH = 12, SECONDS = 120,
       NO_MPROTECT = 3, NOT_WRITABLE = 4 };

/* ------------------------------------------------------- the collected heap */

struct node { struct node *left, *right; uint64_t value; };

static struct node *
grow(unsigned depth, uint64_t value)
{
  struct node *node = GC_MALLOC(sizeof *node);
  node->value = value;
  if (depth) {
    node->left = grow(depth - 1, value * 3 + 1);
    node->right = grow(depth - 1, value * 5 + 2);
  }
  return node;
}

/* The nodes that are not as they were grown. */
static unsigned
wrong_nodes(const struct node *node, unsigned depth, uint64_t value)
{
  if (!node)
    return 1;
  if (!depth)
    return node->value != value || node->left || node->right;
  return (node->value != value) + wrong_nodes(node->left, depth - 1, value * 3 + 1)
         + wrong_nodes(node->right, depth - 1, value * 5 + 2);
}

/* A tree is taken apart and put together again from its own nodes and new ones: old
 * objects come to point to young ones, which the collector must notice. */
static void
renew(struct node *node, unsigned depth)
{
  if (!depth)
    return;
  struct node *fresh = GC_MALLOC(sizeof *fresh);
  *fresh = *node->left;
  node->left = fresh;
  renew(depth % 2 ? node->left : node->right, depth - 1);
}

/* ------------------------------------------------------------- our own memory */

static unsigned char *own, *copy;
static size_t page_size;
static ww_tracker *tracker;

static bool
collect(size_t *pages)
{
  ww_dirty *dirty;
  size_t count;
  int error = ww_collect(tracker, &dirty);
  if (error) {
    printf("# ww_collect: %s (%s)\n", ww_strerror(error), ww_last_error());
    return false;
  }
  const struct ww_run *runs = ww_dirty_runs(dirty, &count);
  for (size_t i = 0; i < count; i++) {
    size_t offset = (size_t)((unsigned char *)runs[i].address - own);
    if (offset < OWN_PAGES * page_size)
      memcpy(copy + offset, own + offset, runs[i].length);
  }
  *pages += ww_dirty_pages(dirty);
  size_t missed = missed_pages(dirty, page_size);
  if (missed)
    printf("# the audit missed %zu pages\n", missed);
  ww_dirty_free(dirty);
  return !missed;
}

static bool
is_copied(void)
{
  if (memcmp(copy, own, OWN_PAGES * page_size) == 0)
    return true;
  printf("# a write to our own memory was lost\n");
  return false;
}

/* The mapping of the collector's heap that holds `object`. 0, or a status to end with:
 * what the collector has protected already cannot become a region. */
static int
watch_heap(const void *object)
{
  char line[512], rights[8];
  FILE *maps = fopen("/proc/self/maps", "re");
  unsigned long start, end, at = (unsigned long)(uintptr_t)object;
  bool found = false;
  while (maps && !found && fgets(line, sizeof line, maps))
    found = sscanf(line, "%lx-%lx %7s", &start, &end, rights) == 3 && start <= at && at < end;
  if (maps)
    fclose(maps);
  int error = found ? ww_region_add(tracker, "collected", (void *)(uintptr_t)start, end - start, NULL)
      : -ENOENT;
  if (error)
    printf("# the collector's heap: %s (%s)\n", ww_strerror(error), ww_last_error());
  return !error ? 0 : error == -EACCES ? NOT_WRITABLE : 1;
}

static bool
start_tracker(bool shield)
{
  struct ww_options options = WW_OPTIONS_INIT;
  options.flags = shield ? WW_SHIELD | audit_flag() : 0;
  int error = ww_tracker_create(&tracker, &options);
  if (!error)
    error = ww_region_add(tracker, "own", own, OWN_PAGES * page_size, NULL);
  if (!error)
    error = ww_start(tracker);
  if (error)
    printf("# tracker: %s (%s)\n", ww_strerror(error), ww_last_error());
  return !error;
}

/* False if this libgc notices writes in another way than by mprotect(), for which it
 * needs a handler: then there is nothing to get along with. */
static bool
start_collector(void)
{
  struct sigaction before, after;
  sigaction(SIGSEGV, NULL, &before);
  GC_enable_incremental();
  sigaction(SIGSEGV, NULL, &after);
  printf("# incremental %d\n", GC_is_incremental_mode());
  return GC_is_incremental_mode() && before.sa_sigaction != after.sa_sigaction;
}

static int
run(enum order order, enum watch watch, bool shield)
{
  uint64_t numbers = 7;
  unsigned wrong = 0;
  int status = 0;
  size_t pages = 0;
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  own = mmap(NULL, OWN_PAGES * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  copy = mmap(NULL, OWN_PAGES * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  GC_INIT();
  GC_expand_hp(32 << 20);
  struct node **trees = GC_MALLOC_UNCOLLECTABLE(TREES * sizeof *trees);
  if (order == TRACKER_FIRST && !start_tracker(shield))
    return 1;
  if (order == TRACKER_FIRST && watch == WATCH_HEAP && (status = watch_heap(trees)))
    return status;
  if (!start_collector())
    return NO_MPROTECT;
  for (unsigned i = 0; i < TREES; i++)
    trees[i] = grow(DEPTH, i);
  GC_gcollect();
  if (order == GC_FIRST && !start_tracker(shield))
    return 1;
  if (order == GC_FIRST && watch == WATCH_HEAP && (status = watch_heap(trees[0])))
    return status;
  for (unsigned round = 0; round < ROUNDS; round++) {
    for (unsigned i = 0; i < 60; i++) {
      uint64_t draw = tap_random(&numbers);
      own[draw % OWN_PAGES * page_size + (draw >> 20) % page_size] = (unsigned char)(draw >> 40);
      if (i % 2)
        renew(trees[draw % TREES], DEPTH);
      else
        trees[draw % TREES] = grow(DEPTH, draw % TREES);
      if (i % 8 == 0)
        GC_collect_a_little();
      if (i % 20 == 0 && !collect(&pages))
        return 1;
    }
    if (round % 10 == 9)
      GC_gcollect();
    if (!collect(&pages) || !is_copied())
      return 1;
    for (unsigned i = 0; i < TREES; i++)
      wrong += wrong_nodes(trees[i], DEPTH, i);
  }
  printf("# %u collections, heap %zu KiB, %zu dirty pages, %u wrong nodes\n", (unsigned)GC_get_gc_no(),
         GC_get_heap_size() >> 10, pages, wrong);
  ww_tracker_destroy(tracker);
  return wrong || !pages;
}

/* ------------------------------------------------------------------- variants */

static int
run_apart(enum order order, enum watch watch, bool shield)
{
  int status = -1;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    char numbers[3][2] = { { (char)('0' + order) }, { (char)('0' + watch) }, { (char)('0' + shield) } };
    execl("/proc/self/exe", "gc", "--run", numbers[0], numbers[1], numbers[2], (char *)NULL);
    _exit(99);
  }
  if (child < 0 || waitpid(child, &status, 0) != child)
    return -1;
  return status;
}

int
main(int argc, char **argv)
{
  static const char *const orders[] = { "the collector first", "the tracker first" };
  static const char *const watches[] = { "our own memory", "the collected heap, too" };
  char what[120];
  if (argc == 5 && strcmp(argv[1], "--run") == 0) {
    alarm(SECONDS);
    int result = run((enum order)atoi(argv[2]), (enum watch)atoi(argv[3]), atoi(argv[4]));
    fflush(stdout);
    _exit(result);
  }
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  printf("1..0 # SKIP the collector looks for pointers in a sanitizer's shadow memory\n");
  return 0;
#endif
  const char *no_shield = shield_obstacle();
  for (int shield = 0; shield < 2; shield++)
    for (int watch = WATCH_OWN; watch <= WATCH_HEAP; watch++)
      for (int order = GC_FIRST; order <= TRACKER_FIRST; order++) {
        /* Two who protect the same memory need one who keeps their wishes apart. */
        if (watch == WATCH_HEAP && !shield)
          continue;
        snprintf(what, sizeof what, "%s, %s, %s shield", orders[order], watches[watch],
                 shield ? "with" : "without");
        const char *obstacle = no_shield || watch == WATCH_OWN ? no_shield : moves_obstacle();
        int status = shield && obstacle ? 0 : run_apart((enum order)order, (enum watch)watch, shield);
        if (shield && obstacle)
          skip(what, obstacle);
        else if (WIFEXITED(status) && WEXITSTATUS(status) == NO_MPROTECT)
          skip(what, "this libgc does not use mprotect()");
        else if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_WRITABLE && order == GC_FIRST)
          skip(what, "its pages are read-only already, which a region's may not be");
        else if (!ok(status == 0, "%s", what))
          printf("#   wait status %#x\n", (unsigned)status);
      }
  return tap_done();
}
