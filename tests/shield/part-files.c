/* part-files.c - stdio, and the calls that look at files and folders. */
#include "config.h"
#include "tenant.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>
#include <wchar.h>

enum { LINES = 3000 };

static void
streams(void)
{
  FILE *file = fopen("lines", "w+");
  size_t room = 0, total = 0;
  char *line = NULL, word[64];
  long number, count = 0, sum = 0;
  int character;
  for (int i = 0; i < LINES; i++)
    fprintf(file, "%d line %08x %s\n", i, i * 2654435761u,
            i % 7 ? "short" : "a longer one, for the change of it");
  say("at %ld\n", ftell(file));
  rewind(file);
  while ((character = fgetc(file)) != EOF)
    total += (size_t)character;
  say("fgetc: %zu, end %d, error %d\n", total, feof(file) != 0, ferror(file) != 0);
  fseek(file, 1000, SEEK_SET);
  say("fgetc at 1000: %d, ", fgetc(file));
  ungetc('U', file);
  say("ungetc: %c, then at %ld\n", fgetc(file), ftell(file));
  rewind(file);
  total = 0;
  while (getline(&line, &room, file) > 0)
    total += strlen(line), count++;
  say("getline: %ld lines, %zu characters\n", count, total);
  rewind(file);
  for (count = 0; fscanf(file, "%ld line %*s %63s%*[^\n]", &number, word) == 2; count++)
    sum += number + (long)strlen(word);
  say("fscanf: %ld, %ld\n", count, sum);
  char *large = heap(200000, 0);
  rewind(file);
  total = fread(large, 1, 200000, file);
  say("fread: %zu, %016llx\n", total, (unsigned long long)digest(large, total));
  fseek(file, 77, SEEK_SET);
  say("fwrite: %zu\n", fwrite(large + 500, 1, 100000, file));
  fflush(file);
  memset(large, 0, 200000);
  rewind(file);
  say("fgets: %s", fgets(large, 100, file));
  say("read beside the stream: %zd\n", pread(fileno(file), large, 150000, 10));
  say("%016llx\n", (unsigned long long)digest(large, 150000));
  say_good(fclose(file) == 0, "fclose");
  file = fopen("lines", "r");
  setvbuf(file, heap(16384, 1), _IOFBF, 16384);
  for (total = 0; (character = getc_unlocked(file)) != EOF;)
    total = total * 31 + (size_t)character;
  say("own buffer: %zx\n", total);
  file = freopen("lines", "r", file);
  setvbuf(file, NULL, _IONBF, 0);
  say("no buffer: %c%c%c, %d pending\n", fgetc(file), fgetc(file), fgetc(file), (int)__fpending(file));
  fclose(file);
  free(line);
  free(large);
}

static void
odd_streams(void)
{
  char *text = NULL, *line = heap(1, 0);
  size_t size = 0, room = 1;
  FILE *file = open_memstream(&text, &size);
  for (int i = 0; i < 5000; i++)
    fprintf(file, "%d,", i);
  fclose(file);
  say("open_memstream: %zu %016llx\n", size, (unsigned long long)digest(text, size));
  file = fmemopen(text, size, "r");
  for (size_t i = 0; getdelim(&line, &room, ',', file) > 0; i++)
    if (i % 1000 == 0)
      say("%s", line);
  fclose(file);
  file = tmpfile();
  say_good(file != NULL, "tmpfile");
  for (int i = 0; file && i < 20000; i++)
    putw(i, file);
  rewind(file);
  long sum = 0;
  for (int i = 0; i < 20000; i++)
    sum += getw(file);
  say("tmpfile: %ld\n", sum);
  fclose(file);
  file = fopen("wide", "w+");
  for (int i = 0; i < 500; i++)
    fwprintf(file, L"%d %ls\n", i, L"wide");
  rewind(file);
  wchar_t *wide = heap(400 * sizeof *wide, 0);
  for (sum = 0; fgetws(wide, 400, file);)
    sum += (long)wcslen(wide);
  say("fgetws: %ld\n", sum);
  fclose(file);
  free(wide);
  free(text);
  free(line);
}

static int seen;
static off_t seen_bytes;

static int
visit(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
  seen += walk->level + (kind == FTW_D ? 100 : 1) + (int)strlen(path + walk->base);
  if (S_ISREG(status->st_mode))
    seen_bytes += status->st_size;
  return 0;
}

static void
folders(void)
{
  struct dirent **names;
  glob_t found;
  char name[64], path[PATH_MAX];
  mkdir("tree", 0700);
  for (int i = 0; i < 300; i++) {
    snprintf(name, sizeof name, i % 3 ? "tree/file-%03d" : "tree/folder-%03d", i);
    if (i % 3) {
      FILE *file = fopen(name, "w");
      fprintf(file, "%*d", i, i);
      fclose(file);
    } else {
      mkdir(name, 0700);
    }
  }
  int count = scandir("tree", &names, NULL, alphasort);
  say("scandir: %d", count);
  for (int i = 0; i < count; i++) {
    if (i % 60 == 0)
      say(" %s", names[i]->d_name);
    free(names[i]);
  }
  free(names);
  DIR *folder = opendir("tree");
  long middle = 0;
  int before = 0, again = 0;
  for (int i = 0; readdir(folder); i++, before++)
    if (i == 150)
      middle = telldir(folder);
  seekdir(folder, middle);
  while (readdir(folder))
    again++;
  closedir(folder);
  say("\nreaddir: %d, from the middle %d\n", before, again);
  seen = 0;
  nftw("tree", visit, 4, FTW_PHYS);
  say("nftw: %d, %lld bytes\n", seen, (long long)seen_bytes);
  int error = glob("tree/file-*[05]", 0, NULL, &found);
  say("glob: %d, %zu, %s\n", error, found.gl_pathc, found.gl_pathc ? found.gl_pathv[0] : "");
  globfree(&found);
  say_good(symlink("tree/file-001", "link") == 0 && readlink("link", path, sizeof path) == 13, "readlink");
  char *real = realpath("link", NULL), *here = getcwd(NULL, 0);
  say("realpath: %s, getcwd: %s\n", real ? strrchr(real, '/') : "-", here ? strrchr(here, '/') : "-");
  free(real);
  free(here);
}

static void
descriptors(void)
{
  char *buffer = heap(300000, 'd'), *across = heap_across(8192);
  struct stat *status = heap_across(sizeof *status);
  struct statx *more = heap_across(sizeof *more);
  struct statvfs *system = heap_across(sizeof *system);
  struct iovec parts[3] = { { buffer, 5 }, { across, 8192 }, { buffer + 100000, 7000 } };
  int from = open("data", O_RDWR | O_CREAT | O_TRUNC, 0600);
  int to = open("other", O_RDWR | O_CREAT | O_TRUNC, 0600);
  for (int i = 0; i < 300000; i++)
    buffer[i] = (char)(i * 7 + i / 251);
  say("write: %zd\n", write(from, buffer, 300000));
  memset(buffer, 0, 300000);
  lseek(from, 0, SEEK_SET);
  say("readv: %zd\n", readv(from, parts, 3));
  say("%016llx %016llx\n", (unsigned long long)digest(across, 8192),
      (unsigned long long)digest(buffer, 300000));
  say("preadv: %zd, pread beyond the end: %zd\n", preadv(from, parts, 3, 12345),
      pread(from, buffer, 10, 400000));
  say("read across the end: %zd\n", pread(from, buffer, 5000, 298000));
  off_t *offset = heap_across(sizeof *offset);
  *offset = 100;
  say("sendfile: %zd", sendfile(to, from, offset, 50000));
  say(", offset %lld\n", (long long)*offset);
  say_good(fstat(to, status) == 0, "fstat");
  say("size %lld, mode %o\n", (long long)status->st_size, status->st_mode);
  say_good(stat("data", status) == 0 && lstat("link", status) == 0, "stat");
  say_good(fstatat(AT_FDCWD, "nowhere", status, 0) == 0, "fstatat");
  say_good(statx(AT_FDCWD, "data", 0, STATX_SIZE, more) == 0 && more->stx_size == 300000, "statx");
  say_good(statvfs(".", system) == 0 && system->f_namemax > 0, "statvfs");
  void *volatile nowhere = (void *)8;
  say_good(read(from, nowhere, 10) >= 0, "read to nowhere");
  close(from);
  close(to);
}

static void
pipes_to_shells(void)
{
  char *line = NULL;
  size_t room = 0;
  FILE *shell = popen("echo one; echo two; exit 3", "r");
  while (getline(&line, &room, shell) > 0)
    say("popen: %s", line);
  say("pclose: %d\n", pclose(shell));
  shell = popen("cat > popened", "w");
  for (int i = 0; i < 1000; i++)
    fprintf(shell, "to cat %d\n", i);
  say("pclose: %d\n", pclose(shell));
  FILE *file = fopen("popened", "r");
  int count = 0;
  while (getline(&line, &room, file) > 0)
    count++;
  say("lines: %d, the last: %s", count, line);
  fclose(file);
  free(line);
}

static void
about_itself(void)
{
  char *line = NULL;
  size_t room = 0;
  FILE *file = fopen("/proc/self/status", "r");
  int fields = 0;
  while (getline(&line, &room, file) > 0)
    fields += strncmp(line, "Name:", 5) == 0 || strncmp(line, "VmRSS:", 6) == 0;
  say("status: %d\n", fields);
  fclose(file);
  file = fopen("/proc/self/comm", "r");
  say("comm: %s", getline(&line, &room, file) > 0 ? line : "-\n");
  fclose(file);
  file = fopen("/proc/self/maps", "r");
  int heaps = 0;
  while (getline(&line, &room, file) > 0)
    heaps |= strstr(line, "[heap]") != NULL;
  say("maps: heap %d\n", heaps);
  fclose(file);
  char *block = heap(65536, 0);
  int fd = open("/proc/self/auxv", O_RDONLY);
  say_good(read(fd, block, 65536) > 100, "auxv");
  close(fd);
  fd = open("/proc/self/cmdline", O_RDONLY);
  say_good(read(fd, block, 65536) > 6 && strcmp(block, "tenant") == 0, "cmdline");
  close(fd);
  free(block);
  free(line);
}

const struct part files_parts[] = {
  { "stdio", streams, false }, { "odd-streams", odd_streams, false }, { "folders", folders, false },
  { "descriptors", descriptors, false }, { "popen", pipes_to_shells, false }, { "proc", about_itself, false },
  { NULL, NULL, false }
};
