/* hostile.c - ELF files that nobody made: bytes changed, cut short. Whatever they are, we live, and say
 * something. [SEED [ROUNDS]] */
#include "config.h"
#include "names/names.h"
#include "../tap.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern const char __executable_start[];

static unsigned char *whole;
static size_t size;

static bool
read_self(void)
{
  struct stat status;
  int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  ssize_t got;

  if (fd < 0 || fstat(fd, &status) != 0 || !(whole = malloc((size_t)status.st_size)))
    return false;
  while (size < (size_t)status.st_size && (got = read(fd, whole + size, (size_t)status.st_size - size)) > 0)
    size += (size_t)got;
  close(fd);
  return size > sizeof(Elf64_Ehdr);
}

/* Where damage tells most: the headers, the tables of sections, or anywhere. */
static size_t
somewhere(uint64_t *state)
{
  Elf64_Ehdr head;
  size_t sections;

  memcpy(&head, whole, sizeof head);
  sections = head.e_shoff;
  switch (tap_random(state) % 4) {
    case 0: return tap_random(state) % sizeof head;
    case 1: return tap_random(state) % 4096 % size;
    case 2:
      return sections < size ? sections + tap_random(state) % (size - sections) : tap_random(state) % size;
    default: return tap_random(state) % size;
  }
}

/* Where our own code is, more or less. */
static uint64_t
some_offset(uint64_t *state)
{
  uint64_t begin = (uint64_t)(uintptr_t)somewhere - (uint64_t)(uintptr_t)__executable_start;

  return tap_random(state) % 8 ? begin + tap_random(state) % 4096 : tap_random(state);
}

int
main(int argc, char **argv)
{
  uint64_t seed = tap_seed(argc, argv, (uint64_t)time(NULL)), state = seed;
  unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 60, named = 0, answered = 0;
  char path[] = "/tmp/writewatch-hostile-XXXXXX";
  int fd = mkstemp(path);
  struct names *names;

  if (fd < 0 || !read_self())
    return 99;
  for (unsigned round = 0; round < rounds; round++) {
    size_t length = tap_random(&state) % 4 == 0 ? tap_random(&state) % size : size;
    unsigned changes = 1 + (unsigned)(tap_random(&state) % 64);
    unsigned char *copy = malloc(size);
    uint32_t module;

    memcpy(copy, whole, size);
    for (unsigned i = 0; i < changes; i++)
      copy[somewhere(&state)] = (unsigned char)(tap_random(&state) % 3 ? tap_random(&state) : 0xff);
    if (ftruncate(fd, 0) || pwrite(fd, copy, length, 0) != (ssize_t)length || names_open(&names))
      return 99;
    free(copy);
    if (names_module(names, path, strlen(path), NULL, 0, 0, &module))
      return 99;
    for (unsigned i = 0; i < 200; i++)
      names_want(names, module, some_offset(&state), true);
    for (unsigned i = 0; i < 200; i++) {
      struct names_found found = names_find(names, module, some_offset(&state), false);
      answered += found.count >= 1;
      named += found.places[0].function != NULL;
    }
    names_close(names);
  }
  unlink(path);
  printf("# %u files, %u frames of %u named\n", rounds, named, answered);
  ok(answered == 200 * rounds, "each frame of a hostile file has an answer");
  ok(named > 0, "and some have names: the files were read");
  return tap_done();
}
