/* hook.c - what the program wants done with a checkpoint that is safe. */
#include "config.h"
#include "disk.h"
#include "open.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VARIABLES = 4, VARIABLE = 4096 + 32 };

static int
run_command(char *command, char **environment)
{
  static char shell[] = "sh", option[] = "-c";
  char *arguments[] = { shell, option, command, NULL };
  pid_t child;
  int status, error = posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environment);
  if (error)
    return -error;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return -errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The environment with ours before it. */
static char **
make_environment(char variable[VARIABLES][VARIABLE])
{
  size_t count = 0;
  while (environ[count])
    count++;
  char **environment = calloc(VARIABLES + count + 1, sizeof *environment);
  if (!environment)
    return NULL;
  for (size_t i = 0; i < VARIABLES; i++)
    environment[i] = variable[i];
  size_t used = VARIABLES;
  for (size_t i = 0; i < count; i++)
    if (strncmp(environ[i], "WW_CHAIN_", 9) != 0)
      environment[used++] = environ[i];
  return environment;
}

static void
hook_command(ww_chain *chain, const char *path, const struct ww_checkpoint_info *info)
{
  char variable[VARIABLES][VARIABLE];
  snprintf(variable[0], VARIABLE, "WW_CHAIN_DIRECTORY=%s", chain->path);
  snprintf(variable[1], VARIABLE, "WW_CHAIN_FILE=%s", path);
  snprintf(variable[2], VARIABLE, "WW_CHAIN_GENERATION=%llu", (unsigned long long)info->generation);
  snprintf(variable[3], VARIABLE, "WW_CHAIN_LABEL=%llu", (unsigned long long)info->label);
  char **environment = make_environment(variable);
  int status = environment ? run_command(chain->command, environment) : -ENOMEM;
  free(environment);
  if (status < 0)
    chain_note(chain, "%s: the command of on_commit did not run: %s", path, strerror(-status));
  else if (status > 0)
    chain_note(chain, "%s: the command of on_commit ended with status %d", path, status);
}

void
hook_run(ww_chain *chain, const struct ww_checkpoint_info *info)
{
  char name[DISK_NAME], path[4096];
  if (!chain->options.on_commit && !chain->command)
    return;
  disk_name(info->generation, name);
  if ((size_t)snprintf(path, sizeof path, "%s/%s", chain->path, name) >= sizeof path) {
    chain_note(chain, "%s: its name is too long for on_commit", name);
    return;
  }
  if (chain->options.on_commit) {
    int status = chain->options.on_commit(chain->options.context, path, info);
    if (status)
      chain_note(chain, "%s: on_commit returned %d", path, status);
  }
  if (chain->command)
    hook_command(chain, path, info);
}
