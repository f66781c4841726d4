/* environment.c - the settings in the program's environment, which it does not see. */
#include "config.h"
#include "record/environment.h"

#include <string.h>
#include <unistd.h>

static const char preload[] = "LD_PRELOAD=", variable[] = SETTINGS_VARIABLE "=";

static bool
begins(const char *text, const char *with)
{
  return !strncmp(text, with, strlen(with));
}

/* In place, so that every pointer to the array that there is, main()'s too, shows the same. */
static void
take_out(size_t at)
{
  for (; environ[at]; at++)
    environ[at] = environ[at + 1];
}

bool
environment_take(struct settings *settings)
{
  bool found = false;
  for (size_t i = 0; environ && environ[i] && !found; i++)
    if (begins(environ[i], variable)) {
      found = settings_read(settings, environ[i] + sizeof variable - 1);
      take_out(i);
    }
  size_t length = found ? strlen(settings->library) : 0;
  for (size_t i = 0; found && environ[i]; i++) {
    char *value = environ[i] + sizeof preload - 1;
    if (!begins(environ[i], preload) || strncmp(value, settings->library, length))
      continue;
    if (value[length] == ':')
      memmove(value, value + length + 1, strlen(value + length + 1) + 1);
    else
      take_out(i);
    break;
  }
  return found;
}
