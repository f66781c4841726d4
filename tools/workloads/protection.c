/* protection.c - the demonstration of memory protection that systems-programming
 * books give, and then the same memory under the tracker.
 *
 * It says each step and checks it: the kernel answering otherwise than the manual
 * has it is a failed check. */
#include "config.h"
#include "workload.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#define PAGES 4

struct map_line {
  uintptr_t begin, end;
  char      rights[5];
  char      text[256];
};

/* The line of /proc/self/maps that holds `address`. */
static int
find_line(struct workload_run *run, const void *address, struct map_line *line)
{
  FILE *maps = fopen("/proc/self/maps", "re");
  bool found = false;

  if (maps == NULL)
    return workload_fail(run, -errno, "cannot read /proc/self/maps: %s", strerror(errno));
  while (!found && fgets(line->text, sizeof line->text, maps) != NULL)
    found = sscanf(line->text, "%" SCNxPTR "-%" SCNxPTR " %4s", &line->begin, &line->end, line->rights) == 3
            && line->begin <= (uintptr_t)address && (uintptr_t)address < line->end;
  fclose(maps);
  if (!found)
    return workload_fail(run, -EFAULT, "%p is in no line of /proc/self/maps", address);
  line->text[strcspn(line->text, "\n")] = '\0';
  return 0;
}

/* Say the line, and hold it to `rights`. */
static int
expect_line(struct workload_run *run, const void *address, const char *rights)
{
  struct map_line line;
  int error = find_line(run, address, &line);

  if (error != 0)
    return error;
  fprintf(run->talk, "    %s\n", line.text);
  if (strcmp(line.rights, rights) != 0)
    return workload_fail(run, -EPROTO, "/proc/self/maps says '%s' of %p, where '%s' was expected",
                         line.rights, address, rights);
  return 0;
}

/* ---------------------------------------------------- the violating access */

static sigjmp_buf after_violation;
static volatile sig_atomic_t seen_code;
static void *volatile seen_address;

static void
on_violation(int number, siginfo_t *info, void *context)
{
  (void)number;
  (void)context;
  seen_code = info->si_code;
  seen_address = info->si_addr;
  siglongjmp(after_violation, 1);
}

/* Write to (or read from) an address that forbids it, and live to tell. */
static int
violate(struct workload_run *run, volatile char *address, bool writes)
{
  struct sigaction action = { .sa_sigaction = on_violation, .sa_flags = SA_SIGINFO }, before;
  volatile bool survived = false;

  sigemptyset(&action.sa_mask);
  seen_address = NULL;
  seen_code = 0;
  if (sigaction(SIGSEGV, &action, &before) == -1)
    return workload_fail(run, -errno, "cannot catch SIGSEGV: %s", strerror(errno));
  if (sigsetjmp(after_violation, 1) == 0) {
    if (writes)
      *address = 1;
    else
      (void)*address;
    survived = true;
  }
  sigaction(SIGSEGV, &before, NULL);
  if (survived)
    return workload_fail(run, -EPROTO, "a forbidden %s at %p went through", writes ? "write" : "read",
                         (void *)(uintptr_t)address);
  fprintf(run->talk, "  a %s at %p: SIGSEGV, si_code %d (%s), si_addr %p\n", writes ? "write" : "read",
          (void *)(uintptr_t)address, (int)seen_code,
          seen_code == SEGV_ACCERR ? "SEGV_ACCERR" : "not SEGV_ACCERR", seen_address);
  if (seen_code != SEGV_ACCERR || seen_address != (void *)(uintptr_t)address)
    return workload_fail(run, -EPROTO, "the signal does not tell of an access violation at %p",
                         (void *)(uintptr_t)address);
  return 0;
}

/* --------------------------------------------------------------- the steps */

static int
protect(struct workload_run *run, void *address, size_t length, int rights)
{
  if (mprotect(address, length, rights) == -1)
    return workload_fail(run, errno == ENOMEM ? -ENOMEM : -EPROTO, "mprotect(%p, %zu): %s", address, length,
                         strerror(errno));
  return 0;
}

static int
show_rights(struct workload_run *run, char *memory)
{
  int error;

  fprintf(run->talk, "%d pages of shared anonymous memory without access; their line of /proc/self/maps:\n",
          PAGES);
  error = expect_line(run, memory, "---s");
  if (error == 0)
    error = violate(run, memory, false);
  if (error == 0)
    error = violate(run, memory, true);
  if (error == 0)
    error = protect(run, memory, PAGES * run->page_size, PROT_READ | PROT_WRITE);
  if (error != 0)
    return error;
  fprintf(run->talk, "after mprotect() to reading and writing:\n");
  error = expect_line(run, memory, "rw-s");
  if (error != 0)
    return error;
  memory[0] = 1;
  fprintf(run->talk, "  a write at %p: done\n", (void *)memory);
  return 0;
}

static int
show_alignment(struct workload_run *run, char *memory)
{
  size_t size = run->page_size;
  int error;

  errno = 0;
  if (mprotect(memory + 1, size, PROT_READ) != -1 || errno != EINVAL)
    return workload_fail(run, -EPROTO, "mprotect() took the unaligned address %p", (void *)(memory + 1));
  fprintf(run->talk, "mprotect() at %p, one byte into a page: refused, EINVAL\n", (void *)(memory + 1));
  error = protect(run, memory, size + 1, PROT_READ);
  if (error != 0)
    return error;
  fprintf(run->talk, "%zu bytes, one more than a page, made read-only: two whole pages are\n", size + 1);
  error = expect_line(run, memory + 2 * size - 1, "r--s");
  if (error == 0)
    error = expect_line(run, memory + 2 * size, "rw-s");
  if (error == 0)
    error = violate(run, memory + 2 * size - 1, true);
  if (error == 0)
    error = protect(run, memory, 2 * size, PROT_READ | PROT_WRITE);
  return error;
}

/* Two writes to one page and one to another: two pages are dirty, not three. */
static int
show_tracking(struct workload_run *run, char *memory)
{
  size_t size = run->page_size, dirty;
  int error = workload_adopt(run, "shared", memory, PAGES * size);

  if (error == 0)
    error = workload_start(run);
  if (error != 0)
    return error;
  fprintf(run->talk, "the same memory under Writewatch, before and after two writes to page 1 and one to "
          "page 3:\n");
  error = expect_line(run, memory + size, "r--s");
  if (error != 0)
    return error;
  memory[size]++;
  memory[size + 1]++;
  memory[3 * size]++;
  error = expect_line(run, memory + size, "rw-s");
  if (error == 0)
    error = workload_collect(run, &dirty);
  if (error != 0)
    return error;
  if (dirty != 2)
    return workload_fail(run, -EPROTO, "%zu pages were reported as dirty, not 2", dirty);
  fprintf(run->talk, "collected: 2 dirty pages; the report names pages 1 and 3, and who wrote them\n");
  return 0;
}

static int
whole(struct workload_run *run)
{
  char *memory = mmap(NULL, PAGES * run->page_size, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int error;

  if (memory == MAP_FAILED)
    return workload_fail(run, -ENOMEM, "no %d pages of memory: %s", PAGES, strerror(errno));
  run->state = memory;
  error = show_rights(run, memory);
  if (error == 0)
    error = show_alignment(run, memory);
  if (error == 0)
    error = show_tracking(run, memory);
  return error;
}

static void
teardown(struct workload_run *run)
{
  munmap(run->state, PAGES * run->page_size);
}

const struct workload workload_protection = {
  .name = "protection", .summary = "what mprotect() does, step by step, and the same memory tracked",
  .source = "M. Kerrisk, The Linux Programming Interface, No Starch Press, 2010, section 50.1",
  .pages = PAGES, .epochs = 1, .max_threads = 1, .loud = true,
  .teardown = teardown, .whole = whole,
};
