/* settings.c - async-signal-safe. What the command tells the recorder: decimal numbers and two paths, each
 * ended by a blank, but the last, which is ended by the end. */
#include "config.h"
#include "record/settings.h"

#include <string.h>

enum { NUMBERS = 15 };

static void
gather(const struct settings *settings, uint64_t number[NUMBERS])
{
  const uint64_t gathered[NUMBERS] = {
    settings->interval, settings->stacks, settings->kinds, settings->engine, settings->policy,
    settings->overhead, settings->follow, settings->audit, settings->unshielded, settings->duration,
    settings->limit,
    (uint64_t)(settings->trace + 1), (uint64_t)(settings->control + 1),
    (uint32_t)settings->command, (uint64_t)settings->origin << 32 | (uint32_t)settings->origin_pid
  };
  memcpy(number, gathered, sizeof gathered);
}

size_t
settings_write(const struct settings *settings, char *text, size_t room)
{
  uint64_t number[NUMBERS];
  size_t at = 0, library = strlen(settings->library), base = strlen(settings->base);
  gather(settings, number);
  if (room < NUMBERS * 21 + library + base + 2)
    return 0;
  for (unsigned i = 0; i < NUMBERS; i++) {
    char digits[20];
    unsigned length = 0;
    do
      digits[length++] = (char)('0' + number[i] % 10);
    while (number[i] /= 10);
    while (length)
      text[at++] = digits[--length];
    text[at++] = ' ';
  }
  memcpy(text + at, settings->library, library);
  at += library;
  text[at++] = ' ';
  memcpy(text + at, settings->base, base + 1);
  return at + base;
}

bool
settings_read(struct settings *settings, const char *text)
{
  uint64_t number[NUMBERS] = { 0 };
  for (unsigned i = 0; i < NUMBERS; i++) {
    if (*text < '0' || *text > '9')
      return false;
    for (; *text >= '0' && *text <= '9'; text++)
      number[i] = number[i] * 10 + (uint64_t)(*text - '0');
    if (*text++ != ' ')
      return false;
  }
  size_t library = strcspn(text, " ");
  if (!library || library >= SETTINGS_PATH || text[library] != ' '
      || strlen(text + library + 1) >= SETTINGS_PATH)
    return false;
  *settings = (struct settings){
    number[0], (unsigned)number[1], (unsigned)number[2], (unsigned)number[3], (unsigned)number[4],
    (unsigned)number[5], number[6] != 0, number[7] != 0, number[8] != 0, number[9], number[10],
    (int)number[11] - 1, (int)number[12] - 1, (int32_t)(uint32_t)number[13],
    (unsigned)(number[14] >> 32), (int32_t)(uint32_t)number[14], "", ""
  };
  memcpy(settings->library, text, library);
  settings->library[library] = '\0';
  strcpy(settings->base, text + library + 1);
  return true;
}
