/* sqlite_script.c - the SQL script of the sqlite workload: found, read, counted. */
#include "config.h"
#include "sqlite_script.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHIPPED "orders.sql"
#define LARGEST (256 << 20)

/* DATA/NAME if it can be read. */
static char *
readable(const char *data, const char *name)
{
  char *path, *resolved = NULL;

  if (asprintf(&path, "%s/%s", data, name) < 0)
    return NULL;
  if (access(path, R_OK) == 0)
    resolved = realpath(path, NULL);
  free(path);
  return resolved;
}

/* The shipped script lies beside the command, installed or not, wherever the
 * whole was moved to; else where it was configured to be. */
static char *
find_shipped(void)
{
  char program[PATH_MAX], *slash, *path = NULL;
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 32);

  if (length > 0) {
    program[length] = '\0';
    slash = strrchr(program, '/');
    strcpy(slash, "/../share/" PACKAGE_TARNAME);
    path = readable(program, SHIPPED);
    if (path == NULL) {
      strcpy(slash, "/share/" PACKAGE_TARNAME);
      path = readable(program, SHIPPED);
    }
  }
  return path != NULL ? path : readable(PKGDATADIR, SHIPPED);
}

static int
read_text(struct workload_run *run, struct sqlite_script *script)
{
  FILE *file = fopen(script->name, "re");
  size_t length = 0, capacity = 0, got;
  char *larger;
  int error = 0;

  if (file == NULL)
    return workload_fail(run, -EIO, "cannot read '%s': %s", script->name, strerror(errno));
  do {
    if (length + 65536 > capacity) {
      capacity = capacity == 0 ? 131072 : 2 * capacity;
      larger = capacity <= LARGEST ? realloc(script->text, capacity) : NULL;
      if (larger == NULL) {
        error = workload_fail(run, -ENOMEM, "'%s' is too long: more than %zu bytes", script->name, length);
        break;
      }
      script->text = larger;
    }
    got = fread(script->text + length, 1, 65535, file);
    length += got;
  } while (got > 0);
  if (error == 0 && ferror(file))
    error = workload_fail(run, -EIO, "cannot read '%s': %s", script->name, strerror(errno));
  fclose(file);
  if (error != 0)
    return error;
  script->text[length] = '\0';
  if (memchr(script->text, '\0', length) != NULL)
    return workload_fail(run, -EBADMSG, "'%s' is not an SQL script: it holds a zero byte", script->name);
  return 0;
}

/* A semicolon ends a statement unless it is in a string, a comment or a trigger:
 * SQLite knows. */
static size_t
count_statements(char *text)
{
  char *begin = text, *semicolon, after;
  size_t count = 0;

  for (semicolon = strchr(text, ';'); semicolon != NULL; semicolon = strchr(semicolon + 1, ';')) {
    after = semicolon[1];
    semicolon[1] = '\0';
    if (sqlite3_complete(begin)) {
      count++;
      begin = semicolon + 1;
    }
    semicolon[1] = after;
  }
  return count;
}

int
sqlite_script_read(struct workload_run *run, struct sqlite_script *script)
{
  int error;

  if (run->argc > 1)
    return workload_fail(run, -EINVAL, "one script is enough, and '%s' is the second", run->argv[1]);
  if (run->argc == 1)
    script->name = strdup(run->argv[0]);
  else
    script->name = find_shipped();
  if (script->name == NULL)
    return workload_fail(run, -EIO, "the script " SHIPPED " was found neither beside the command nor in %s: "
                         "name a script", PKGDATADIR);
  error = read_text(run, script);
  if (error == 0)
    script->statements = count_statements(script->text);
  return error;
}

size_t
sqlite_script_line(const struct sqlite_script *script, const char *position)
{
  size_t line = 1;

  for (const char *at = script->text; at < position; at++)
    line += *at == '\n';
  return line;
}
