/* place.c - a directory for a test's chains, and away with it; what was saved, found again. */
#define _GNU_SOURCE
#include "config.h"
#include "place.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void
die(const char *what)
{
  perror(what);
  exit(99);
}

char *
place_make(void)
{
  /* Thousands of small files: in memory, if that can be had. No test rests on the true disk. */
  const char *temporary = getenv("TMPDIR");
  char *path;
  if (!temporary)
    temporary = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
  if (asprintf(&path, "%s/ww-chain.XXXXXX", temporary) < 0 || !mkdtemp(path))
    die("mkdtemp");
  return path;
}

void
place_remove(const char *path)
{
  DIR *names = opendir(path);
  for (struct dirent *entry; names && (entry = readdir(names)) != NULL; ) {
    char inner[4096];
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
    if (unlink(inner) != 0)
      place_remove(inner);
  }
  if (names)
    closedir(names);
  rmdir(path);
}

const char *
place_file(const char *chain, unsigned long long generation)
{
  static char path[4096];
  snprintf(path, sizeof path, "%s/%012llu.ww", chain, generation);
  return path;
}

char *
place_read(const char *path, size_t *length)
{
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0)
    die(path);
  *length = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*length + 1);
  if (!bytes || fread(bytes, 1, *length, file) != *length)
    die(path);
  fclose(file);
  return bytes;
}

void
place_write(const char *path, const void *bytes, size_t length)
{
  unlink(path);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, length, file) != length || fclose(file) != 0)
    die(path);
}

static void
take(void *context, const struct ww_chain_region *region, void *address)
{
  struct found *found = context;
  if (found->count == FOUND_MAX)
    abort();
  strcpy(found->region[found->count].name, region->name);
  found->region[found->count].was = (uintptr_t)region->address;
  found->region[found->count].length = region->length;
  found->region[found->count++].memory = address;
}

int
found_restore(struct found *found, ww_chain *chain, uint64_t generation)
{
  struct ww_restore_options options = WW_RESTORE_OPTIONS_INIT;
  memset(found, 0, sizeof *found);
  found->info.size = sizeof found->info;
  options.flags = WW_RESTORE_FRESH;
  options.generation = generation;
  options.placed = take;
  options.context = found;
  return ww_chain_restore(chain, &options, &found->info);
}

void
found_free(struct found *found)
{
  for (size_t i = 0; i < found->count; i++)
    munmap(found->region[i].memory, found->region[i].length);
  found->count = 0;
}
