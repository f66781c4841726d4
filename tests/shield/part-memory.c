/* part-memory.c - memory that comes, goes, moves and changes its protection. */
#include "config.h"
#include "tenant.h"

#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, SLOTS = 200 };

static uint32_t
next(uint32_t *state)
{
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

/* Blocks of all sizes that say themselves whether they are intact. */
static void *
allocate(void *argument)
{
  uint32_t state = (uint32_t)(uintptr_t)argument;
  unsigned char **blocks = heap(SLOTS * sizeof *blocks, 0);
  size_t *sizes = heap(SLOTS * sizeof *sizes, 0), broken = 0;
  for (int i = 0; i < 20000; i++) {
    size_t slot = next(&state) % SLOTS, size = 1 + next(&state) % (next(&state) % 50 ? 500 : 60000);
    if (blocks[slot] && (blocks[slot][0] != (slot & 0xff) || blocks[slot][sizes[slot] - 1] != (slot & 0xff)))
      broken++;
    if (i % 3 == 0) {
      blocks[slot] = realloc(blocks[slot], size);
    } else {
      free(blocks[slot]);
      blocks[slot] = i % 7 ? malloc(size) : calloc(1, size);
    }
    sizes[slot] = size;
    memset(blocks[slot], (int)(slot & 0xff), size > 1000 ? 1000 : size);
    blocks[slot][size - 1] = (unsigned char)slot;
  }
  for (size_t i = 0; i < SLOTS; i++)
    free(blocks[i]);
  free(blocks);
  free(sizes);
  return (void *)broken;
}

static void
allocation(void)
{
  pthread_t threads[6];
  size_t broken = 0;
  for (uintptr_t i = 0; i < 6; i++)
    pthread_create(&threads[i], NULL, allocate, (void *)(i + 1));
  for (int i = 0; i < 6; i++) {
    void *result;
    pthread_join(threads[i], &result);
    broken += (size_t)result;
  }
  void *aligned = NULL;
  say("broken %zu, posix_memalign %d\n", broken, posix_memalign(&aligned, PAGE, 3 * PAGE));
  memset(aligned, 3, 3 * PAGE);
  say("%d %d\n", malloc_usable_size(aligned) >= 3 * PAGE, malloc_trim(0) >= 0);
  free(aligned);
}

static size_t
deep(size_t depth)
{
  char *local = alloca(1 + depth % 5000);
  local[0] = (char)depth;
  local[depth % 5000] = 1;
  return depth ? deep(depth - 1) + (size_t)(local[0] != 0) : 0;
}

static void
stacks(void)
{
  say("alloca: %zu\n", deep(600));
}

/* Large blocks are mappings, which realloc() moves by mremap(). */
static void
large_blocks(void)
{
  size_t size = 2 << 20;
  char *block = heap(size, 'x');
  house_adopt((char *)((uintptr_t)block & ~(uintptr_t)(PAGE - 1)), size);
  for (int round = 0; round < 8; round++) {
    for (size_t at = 0; at < size; at += 3 * PAGE)
      block[at] = (char)round;
    usleep(4000);
    /* Pages of both kinds lie across what is grown. */
    for (size_t at = PAGE; at < size; at += 7 * PAGE)
      block[at] = (char)(round + 1);
    size_t wanted = round % 3 == 2 ? size / 2 : size + size / 2;
    block = realloc(block, wanted);
    if (!block) {
      say("realloc: %s\n", strerror(errno));
      return;
    }
    if (wanted > size)
      memset(block + size, 'n', wanted - size);
    size = wanted;
    say("%d: %zu %016llx\n", round, size, (unsigned long long)digest(block, size));
  }
  free(block);
}

static char *
map(size_t pages, int fill)
{
  char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    exit(3);
  memset(memory, fill, pages * PAGE);
  house_adopt(memory, pages * PAGE);
  return memory;
}

static void
mappings(void)
{
  enum { PAGES = 64 };
  char *memory = map(PAGES, 'm'), *other = map(PAGES, 'o');
  for (int round = 0; round < 6; round++) {
    size_t at = (size_t)(round * 5 + 3) * PAGE;
    memory[at + PAGE] = 'w';
    usleep(round % 2 ? 4000 : 0);
    say_good(mmap(memory + at, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                  -1, 0)
             == memory + at, "mmap over");
    memory[at] = 'f';
    say_good(munmap(other + at, PAGE) == 0, "munmap");
    say_good(mmap(other + at, PAGE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == other + at,
             "mmap into the hole");
    other[at] = 'h';
    say_good(mremap(memory + at + 4 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, other + at)
             == other + at,
             "mremap onto");
    say_good(mmap(memory + at + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED, "mmap behind it");
    say_good(madvise(memory + at, 2 * PAGE, MADV_DONTNEED) == 0, "madvise");
    say("%d %d %016llx %016llx\n", memory[at], memory[at + PAGE],
        (unsigned long long)digest(memory, PAGES * PAGE), (unsigned long long)digest(other, PAGES * PAGE));
  }
  /* Grown over the boundary between what was written and what was not. */
  char *grown = map(PAGES, 'g');
  usleep(4000);
  for (int i = 0; i < PAGES; i += 2)
    grown[i * PAGE] = 1;
  char *moved = mremap(grown, PAGES * PAGE, 4 * PAGES * PAGE, MREMAP_MAYMOVE);
  say_good(moved != MAP_FAILED, "mremap that grows");
  if (moved != MAP_FAILED) {
    memset(moved + PAGES * PAGE, 'z', 3 * PAGES * PAGE);
    say("%016llx\n", (unsigned long long)digest(moved, 4 * PAGES * PAGE));
    say_good(mremap(moved, 4 * PAGES * PAGE, 10 * PAGE, 0) == moved, "mremap that shrinks");
    say("%016llx\n", (unsigned long long)digest(moved, 10 * PAGE));
    munmap(moved, 10 * PAGE);
  }
  say_good(munmap(memory, PAGES * PAGE) == 0 && munmap(other, PAGES * PAGE) == 0, "munmap");
}

static void
protections(void)
{
  static const unsigned char code[] = { 0xb8, 0, 0, 0, 0, 0xc3 };  /* mov $number, %eax; ret */
  char *memory = map(16, 0);
  unsigned char *vector = heap_across(16);
  for (int round = 0; round < 8; round++) {
    unsigned char *page = (unsigned char *)memory + round * PAGE;
    memcpy(page, code, sizeof code);
    page[1] = (unsigned char)(round + 1);
    usleep(round % 2 ? 4000 : 0);
    say_good(mprotect(page, PAGE, PROT_READ | PROT_EXEC) == 0, "mprotect");
#ifdef __x86_64__
    say("code says %d\n", ((int (*)(void))(uintptr_t)page)());
#endif
    /* The kernel keeps to what the program asked for. */
    int fd = open("/dev/zero", O_RDONLY);
    say_good(read(fd, page, 10) == 10, "read into it");
    close(fd);
    say_good(mprotect(page, PAGE, PROT_NONE) == 0, "guard");
    say_good(write(STDERR_FILENO, page, 1) < 0 && errno == EFAULT, "guarded");
    say_good(mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0, "back");
    page[6] = (unsigned char)round;
    say("%016llx\n", (unsigned long long)digest(page, PAGE));
  }
  say_good(mincore(memory, 16 * PAGE, vector) == 0, "mincore");
  /* As far as the hole it is done, and then it fails. */
  say_good(munmap(memory + 15 * PAGE, PAGE) == 0, "a hole");
  say_good(mprotect(memory + 14 * PAGE, 2 * PAGE, PROT_READ) == 0, "over the hole");
  say_good(syscall(SYS_getrandom, memory + 14 * PAGE, 10, 0) == 10, "into what is before it");
  munmap(memory, 15 * PAGE);
}

static void
the_break(void)
{
  char *before = sbrk(0), *more = sbrk(20 * PAGE);
  say_good(more == before, "sbrk");
  memset(more, 'k', 20 * PAGE);
  usleep(4000);
  int fd = open("/dev/zero", O_RDONLY);
  say("read: %zd\n", read(fd, more + 100, 10 * PAGE));
  close(fd);
  say("%016llx\n", (unsigned long long)digest(more, 20 * PAGE));
  say_good(sbrk(-20 * PAGE) != (void *)-1 && sbrk(0) == before, "sbrk back");
}

static void
files_in_memory(void)
{
  int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
  char *text = heap(8 * PAGE, 't');
  (void)!write(fd, text, 8 * PAGE);
  char *shared = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *private = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  house_adopt(shared, 8 * PAGE);
  house_adopt(private, 8 * PAGE);
  for (int i = 0; i < 8; i++) {
    shared[i * PAGE] = 's';
    private[i * PAGE + 1] = 'p';
    usleep(2000);
  }
  say_good(msync(shared, 8 * PAGE, MS_SYNC) == 0, "msync");
  say("pread: %zd", pread(fd, text, 8 * PAGE, 0));
  say(" %016llx %016llx\n", (unsigned long long)digest(text, 8 * PAGE),
      (unsigned long long)digest(private, 8 * PAGE));
  say("into the shared: %zd", pread(fd, shared + 3 * PAGE - 10, 100, 50));
  say(" %016llx\n", (unsigned long long)digest(shared, 8 * PAGE));
  munmap(shared, 8 * PAGE);
  munmap(private, 8 * PAGE);
  close(fd);
}

const struct part memory_parts[] = {
  { "allocation", allocation, true }, { "stacks", stacks, false }, { "large-blocks", large_blocks, true },
  { "mappings", mappings, true }, { "protections", protections, true }, { "the-break", the_break, true },
  { "mapped-files", files_in_memory, true }, { NULL, NULL, false }
};
