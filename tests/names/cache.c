/* cache.c - 100,000 stacks take what their different frames take, each file is opened once, and if the
 * process that reads them dies, another goes on. */
#include "config.h"
#include "names/names.h"
#include "../tap.h"

#include <link.h>
#include <signal.h>
#include <string.h>
#include <time.h>

/* The linker puts __wrap_fork() in the place of fork() (see local.mk): whom to kill. */
pid_t __real_fork(void);
pid_t __wrap_fork(void);
static pid_t namer;
static unsigned forks;

pid_t
__wrap_fork(void)
{
  pid_t child = __real_fork();

  if (child > 0) {
    namer = child;
    forks++;
  }
  return child;
}

static char libc_path[4096];
static uint64_t text_begin, text_size;

static int
find_libc(struct dl_phdr_info *info, size_t size, void *unused)
{
  (void)size, (void)unused;
  if (!strstr(info->dlpi_name, "libc.so"))
    return 0;
  snprintf(libc_path, sizeof libc_path, "%s", info->dlpi_name);
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
      text_begin = info->dlpi_phdr[i].p_vaddr;
      text_size = info->dlpi_phdr[i].p_memsz;
    }
  return 1;
}

/* The build-id of a file, from its notes. */
static size_t
read_build_id(const char *path, unsigned char *id, size_t room)
{
  char command[4200];
  unsigned byte;
  size_t length = 0;
  FILE *pipe;

  snprintf(command, sizeof command, "readelf -n '%s' 2>/dev/null | sed -n 's/.*Build ID: *//p'", path);
  pipe = popen(command, "r");
  while (pipe && length < room && fscanf(pipe, "%2x", &byte) == 1)
    id[length++] = (unsigned char)byte;
  if (pipe)
    pclose(pipe);
  return length;
}

static double
seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int
main(int argc, char **argv)
{
  uint64_t seed = tap_seed(argc, argv, (uint64_t)time(NULL)), hits = 0, asked = 0;
  unsigned char id[64];
  size_t length;
  struct names *names;
  uint32_t module, again;
  double begin, first, second;

  dl_iterate_phdr(find_libc, NULL);
  if (!text_size || (length = read_build_id(libc_path, id, sizeof id)) == 0) {
    skip("100,000 stacks", "libc has no build-id, or there is no readelf");
    return tap_done();
  }
  if (names_open(&names) || names_module(names, libc_path, strlen(libc_path), id, length, 0, &module)
      || names_module(names, libc_path, strlen(libc_path), id, length, 0, &again))
    return 99;
  ok(module == again, "a file is opened once");
  begin = seconds();
  for (unsigned i = 0; i < 50000; i++)
    names_want(names, module, text_begin + tap_random(&seed) % text_size, true);
  names_find(names, module, text_begin, false);
  first = seconds() - begin;
  begin = seconds();
  for (unsigned stack = 0; stack < 100000; stack++) {
    uint64_t state = stack % 3000;   /* stacks share most of their frames */
    for (unsigned frame = 0; frame < 16; frame++) {
      uint64_t offset = text_begin + tap_random(&state) % text_size;
      struct names_found found = names_find(names, module, offset, frame > 0);
      asked++;
      hits += found.places[0].function != NULL;
    }
  }
  second = seconds() - begin;
  printf("# 50,000 frames of %s: %.2f s; 1,600,000 frames of 100,000 stacks: %.2f s; %llu named\n", libc_path,
         first, second, (unsigned long long)hits);
  /* Nearly all with libc's debug information, a third by its dynamic symbols alone. */
  ok(hits > asked / 5, "frames of libc have names");
  ok(first < 60 && second < 60, "in bounded time");
  ok(forks == 1, "one process reads all of it");
  for (unsigned death = 0, named; death < 2; death++) {
    kill(namer, SIGKILL);
    named = 0;
    for (unsigned i = 0; i < 1000; i++)
      named += names_find(names, module, text_begin + tap_random(&seed) % text_size, true).places[0].function
               != NULL;
    /* As many as before, but for chance: of a third, four standard deviations. */
    ok(named > 800 * hits / asked && forks == death + 2,
       "it is killed: another goes on, %u of 1000 frames have names, %llu before", named,
       (unsigned long long)(1000 * hits / asked));
  }
  names_close(names);
  return tap_done();
}
