/* stdio.c - libc's own reads into its own memory: streams, folders, all of the heap. */
#include "matrix.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES = 700, PAGES = 4 };

static struct watched watched;
static char *buffer;
static size_t buffer_length;

/* A file of lines "line 0", "line 1", ..., its stream's buffer in tracked memory. */
static FILE *
begin(void)
{
  FILE *file = tmpfile();
  if (!file)
    not_here("no temporary files");
  for (int i = 0; i < LINES; i++)
    fprintf(file, "line %d of the file\n", i);
  fflush(file);
  int copy = dup(fileno(file));
  lseek(copy, 0, SEEK_SET);
  fclose(file);
  file = fdopen(copy, "r");
  watched = watched_make(PAGES);
  buffer = watched.memory + page_size() / 2;
  buffer_length = 2 * page_size();
  setvbuf(file, buffer, _IOFBF, buffer_length);
  watched_start(&watched);
  watched_announce(&watched, buffer, buffer_length);
  return file;
}

/* What a file of one buffer's length or more leaves behind. */
static void
end(FILE *file, int lines, int error)
{
  check(lines == LINES, "%d lines, not %d (%s)", lines, LINES, strerror(error));
  check(!ferror(file), "the stream's error flag is set");
  watched_expect(&watched, 0, 3);
  watched_expect_armed(&watched, 0, 3);
  fclose(file);
  watched_end(&watched);
}

static void
trial_fgetc(void)
{
  FILE *file = begin();
  int lines = 0, c;
  while ((c = fgetc(file)) != EOF)
    lines += c == '\n';
  end(file, lines, errno);
}

static void
trial_fgets(void)
{
  FILE *file = begin();
  char line[80], expected[80];
  int lines = 0;
  while (fgets(line, sizeof line, file)) {
    snprintf(expected, sizeof expected, "line %d of the file\n", lines++);
    if (!check(!strcmp(line, expected), "line %d", lines))
      break;
  }
  end(file, lines, errno);
}

static void
trial_fread(void)
{
  FILE *file = begin();
  char some[300];
  int lines = 0;
  for (size_t n; (n = fread(some, 1, sizeof some, file)) > 0;)
    for (size_t i = 0; i < n; i++)
      lines += some[i] == '\n';
  end(file, lines, errno);
}

static void
trial_getline(void)
{
  FILE *file = begin();
  char *line = NULL;
  size_t room = 0;
  int lines = 0, number;
  while (getline(&line, &room, file) > 0)
    if (check(sscanf(line, "line %d", &number) == 1 && number == lines, "line %d", lines))
      lines++;
    else
      break;
  free(line);
  end(file, lines, errno);
}

static void
trial_fscanf(void)
{
  FILE *file = begin();
  int lines = 0, number;
  while (fscanf(file, "line %d of the file\n", &number) == 1)
    if (check(number == lines, "line %d", lines))
      lines++;
    else
      break;
  end(file, lines, errno);
}

/* Straight into the caller's memory, past the stream's own. */
static void
trial_fread_large(void)
{
  enum { WANTED = 12000 };
  char *data = malloc(WANTED);
  FILE *file = fdopen(data_file(WANTED + 1000), "r");
  watched = watched_make(PAGES);
  if (!data || !file)
    abort();
  data_fill(data, WANTED);
  watched_start(&watched);
  watched_announce(&watched, watched.memory + 10, WANTED);
  size_t got = fread(watched.memory + 10, 1, WANTED, file);
  check(got == WANTED, "fread() returned %zu (%s)", got, strerror(errno));
  check(!memcmp(watched.memory + 10, data, WANTED), "the data");
  watched_expect(&watched, 0, 3);
  watched_expect_armed(&watched, 0, 3);
  fclose(file);
  free(data);
  watched_end(&watched);
}

/* ------------------------------------------------------------- the heap */

static uint64_t
folder_sum(DIR *folder, const struct watched *announced, size_t length)
{
  uint64_t sum = 0;
  struct dirent *entry;
  rewinddir(folder);
  for (errno = 0;; sum = sum * 31 + 1) {
    if (announced)
      watched_announce(announced, folder, length);
    if (!(entry = readdir(folder)))
      break;
    for (const char *c = entry->d_name; *c; c++)
      sum = sum * 31 + (unsigned char)*c;
  }
  return errno ? 0 : sum;
}

/* A folder whose own fields end a page, so that nothing but the kernel writes to those
 * after it. NULL if malloc() is none that can be led there. */
static DIR *
open_at_page_end(const char *path)
{
  enum { FIELDS = 48 };
  for (size_t ahead = 16; ahead < 2 * page_size(); ahead += 16) {
    void *volatile before = malloc(ahead);
    DIR *folder = opendir(path);
    if (folder && ((uintptr_t)folder + FIELDS) % page_size() == 0)
      return folder;
    if (folder)
      closedir(folder);
    free(before);
  }
  return NULL;
}

static void
trial_readdir(void)
{
  DIR *folder = open_at_page_end("/proc/sys/kernel");
  if (!folder)
    not_here("no folder whose fields end a page");
  size_t page = page_size(), length = malloc_usable_size(folder);
  uint64_t sum = folder_sum(folder, NULL, 0);
  uintptr_t start = (uintptr_t)folder / page * page;
  uintptr_t last = ((uintptr_t)folder + length + page - 1) / page * page;
  watched = (struct watched) { (char *)start, last - start, NULL };
  watched_start(&watched);
  check(folder_sum(folder, &watched, length) == sum, "the folder's names differ (%s)", strerror(errno));
  ww_tracker_destroy(watched.tracker);
  closedir(folder);
}

/* Arms all again between a stream's own first read and the next. */
static void
collect_between(void)
{
  ww_dirty *dirty;
  if (!watched.tracker)
    return;
  check(!ww_collect(watched.tracker, &dirty) && ww_dirty_pages(dirty), "a collect");
  ww_dirty_free(dirty);
}

/* A look at much of libc: a number for what it said. */
static uint64_t
look(void)
{
  uint64_t sum = 0;
  size_t room = 1000;
  char *line = malloc(room), name[32];
  int number;
  FILE *file = fdopen(data_file(30000), "r");
  /* Its buffer, which the first getline() allocates, on pages that the program does not write. */
  void *volatile between = malloc(2 * page_size());
  for (bool first = true; file && getline(&line, &room, file) > 0; first = false) {
    sum = sum * 31 + strlen(line) + (unsigned char)line[1];
    if (first)
      collect_between();
  }
  if (file)
    fclose(file);
  free(line);
  free(between);
  DIR *folder = opendir("/proc/sys/kernel");
  if (folder) {
    sum = sum * 31 + folder_sum(folder, NULL, 0);
    closedir(folder);
  }
  struct passwd *user = getpwuid(0);
  for (const char *c = user ? user->pw_dir : ""; *c; c++)
    sum = sum * 31 + (unsigned char)*c;
  file = popen("echo a number 42", "r");
  if (file && fscanf(file, "a %31s %d", name, &number) == 2)
    sum = sum * 31 + (unsigned)number;
  return sum * 31 + (uint64_t)(file ? pclose(file) : -1);
}

static void
trial_heap(void)
{
  char line[300];
  unsigned long start = 0, last = 0;
  if (mode == ANNOUNCED)
    not_here("what libc reads by itself cannot be announced");
  uint64_t sum = look();
  FILE *file = fopen("/proc/self/maps", "r");
  while (file && fgets(line, sizeof line, file))
    if (strstr(line, "[heap]"))
      sscanf(line, "%lx-%lx", &start, &last);
  if (file)
    fclose(file);
  void *volatile some = malloc(100);
  if ((uintptr_t)some < start || (uintptr_t)some >= last)
    not_here("no heap of malloc()'s usual kind");
  free(some);
  watched = (struct watched) { (char *)start, last - start, NULL };
  watched_start(&watched);
  for (int i = 0; i < 3; i++)
    check(look() == sum, "round %d: libc says other things than before", i);
  ww_tracker_destroy(watched.tracker);
}

const struct trial trials_stdio[] = {
  { "stdio: fgetc", trial_fgetc, false },
  { "stdio: fgets", trial_fgets, false },
  { "stdio: fread", trial_fread, false },
  { "stdio: getline", trial_getline, false },
  { "stdio: fscanf", trial_fscanf, false },
  { "stdio: fread past the stream's buffer", trial_fread_large, false },
  { "stdio: readdir from the heap", trial_readdir, false },
  { "stdio: all of the heap", trial_heap, false },
  { NULL, NULL, false }
};
