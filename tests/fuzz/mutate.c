/* mutate.c - the fuzzer of the check: seeded mutations of a corpus, the same for the same seed.
 *
 * mutate SEED ROUNDS FILE...; with ROUNDS 0 each file is tried as it is, as AFL++ wants it (@@). */
#include "config.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target.h"

enum { ROOM = 1 << 18 };

static size_t
read_file(const char *path, unsigned char *bytes)
{
  FILE *file = fopen(path, "rb");
  size_t size = file ? fread(bytes, 1, ROOM / 2, file) : 0;

  if (file)
    fclose(file);
  return size;
}

static size_t
mutate(uint64_t *seed, unsigned char *bytes, size_t size)
{
  unsigned changes = 1 + (unsigned)(tap_random(seed) % 8);

  while (changes-- > 0 && size > 16) {
    size_t at = tap_random(seed) % size, length = 1 + tap_random(seed) % 40;
    if (length > size - at)
      length = size - at;
    switch (tap_random(seed) % 7) {
      case 0:
        bytes[at] ^= (unsigned char)(1u << tap_random(seed) % 8);
        break;
      case 1:
        bytes[at] = (unsigned char)tap_random(seed);
        break;
      case 2:   /* what lengths and numbers end in */
        bytes[at] = (unsigned char)((const unsigned char[]){ 0, 0x7f, 0x80, 0xff }[tap_random(seed) % 4]);
        break;
      case 3:
        memset(bytes + at, (int)(tap_random(seed) & 0xff), length);
        break;
      case 4:
        memmove(bytes + at, bytes + at + length, size - at - length);
        size -= length;
        break;
      case 5:
        if (size + length <= ROOM) {
          memmove(bytes + at + length, bytes + at, size - at);
          size += length;
        }
        break;
      default:
        memmove(bytes + at, bytes + tap_random(seed) % (size - length + 1), length);
        break;
    }
  }
  return tap_random(seed) % 20 == 0 ? tap_random(seed) % (size + 1) : size;
}

/* In a process of its own, so that a crash is a failure like any other. */
static bool
survives(unsigned char *bytes, const char *path, uint64_t seed, unsigned rounds)
{
  int status;
  pid_t child;

  fflush(stdout);
  child = fork();
  if (child == 0) {
    alarm(120);
    for (unsigned round = 0; round < rounds; round++) {
      uint64_t own = seed + round;
      size_t size = read_file(path, bytes);
      size = mutate(&own, bytes, size);
      LLVMFuzzerTestOneInput(bytes, size);
    }
    _exit(0);
  }
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int
main(int argc, char **argv)
{
  unsigned char *bytes = malloc(ROOM);
  uint64_t seed;
  unsigned rounds;

  if (argc < 4 || !bytes) {
    fprintf(stderr, "Usage: mutate SEED ROUNDS FILE...\n");
    return 2;
  }
  seed = strtoull(argv[1], NULL, 0);
  rounds = (unsigned)strtoul(argv[2], NULL, 0);
  for (int i = 3; i < argc; i++) {
    const char *name = strrchr(argv[i], '/');
    if (rounds == 0) {
      size_t size = read_file(argv[i], bytes);
      LLVMFuzzerTestOneInput(bytes, size);
      continue;
    }
    ok(survives(bytes, argv[i], seed, rounds), "%s survives %u mutations from seed %llu on", name ? name + 1
       : argv[i],
       rounds, (unsigned long long)seed);
  }
  free(bytes);
  return rounds ? tap_done() : 0;
}
