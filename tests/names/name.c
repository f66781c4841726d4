/* name.c - says what is where in a file: FILE BUILD-ID|- OFFSET... or --jit PID ADDRESS...
 * A line a place, the innermost first: "function file:line"; '-' is what is not known. Offsets
 * are taken as those of instructions, with an `r' behind them as return addresses. */
#include "config.h"
#include "names/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t
read_id(const char *text, unsigned char *id, size_t room)
{
  size_t length = 0;
  unsigned byte;

  for (; text[0] && text[1] && length < room && sscanf(text, "%2x", &byte) == 1; text += 2)
    id[length++] = (unsigned char)byte;
  return length;
}

int
main(int argc, char **argv)
{
  const char *since = getenv("SINCE");
  uint64_t start = since ? strtoull(since, NULL, 0) : 0;
  struct names *names;
  unsigned char id[64];
  uint32_t module = 0;
  size_t length;
  int error;

  if (argc < 3 || names_open(&names) != 0)
    return 2;
  if (strcmp(argv[1], "--jit") == 0) {
    error = names_jit(names, strtoull(argv[2], NULL, 0), start, &module);
  } else {
    length = strcmp(argv[2], "-") == 0 ? 0 : read_id(argv[2], id, sizeof id);
    error = names_module(names, argv[1], strlen(argv[1]), id, length, start, &module);
  }
  if (error)
    return 2;
  for (int i = 3; i < argc; i++) {
    char *end;
    uint64_t offset = strtoull(argv[i], &end, 16);
    struct names_found found = names_find(names, module, offset, *end == 'r');

    for (size_t j = 0; j < found.count; j++) {
      const char *function = found.places[j].function, *file = found.places[j].file;
      const char *base = file ? strrchr(file, '/') : NULL;
      printf("%s %s:%u\n", function ? function : "-", base ? base + 1 : file ? file : "-",
             found.places[j].line);
    }
  }
  if (names_trouble(names, module))
    printf("trouble: %s\n", names_trouble(names, module));
  names_close(names);
  return 0;
}
