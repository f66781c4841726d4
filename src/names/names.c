/* names.c - names of frames, each asked for once, of a process that may die of the question. */
#include "config.h"
#include "names.h"
#include "jitmap.h"
#include "namer.h"
#include "report-index.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH    256u     /* frames asked for at once */
#define PATIENCE 60000    /* ms for one answer: what takes longer goes without a name */
#define DEATHS   3u       /* of one file: then it is left alone */

struct file {
  char    *path;
  unsigned char *id;
  size_t   path_length, id_length;
  uint64_t since;
  char    *trouble;
  uint32_t opened_by;     /* the namer that has it open, by number; 0: none */
  unsigned deaths;
  bool     is_jit;
  struct jitmap jit;
  uint64_t *wanted;       /* offsets to be asked for */
  size_t   wanted_count, wanted_room;
};

struct known {
  uint64_t at;
  uint32_t module;
  bool     answered;
  uint32_t count;
  const struct names_place *places;
};

/* Texts and places are kept in large pieces until the end, each text once. */
struct piece {
  struct piece *next;
  size_t used, room;
  char   bytes[];
};

struct names {
  int      fd;            /* to the namer, or -1 */
  pid_t    pid;
  uint32_t generation;
  struct file  *files;
  size_t        files_count, files_room;
  struct known *known;
  size_t        known_count, known_room;
  struct report_index by_place;
  const char  **texts;
  size_t        texts_count, texts_room;
  struct report_index by_text;
  struct piece *pieces;
};

static const struct names_place nothing;

int
names_open(struct names **names)
{
  struct names *opened = calloc(1, sizeof *opened);

  if (!opened)
    return -ENOMEM;
  opened->fd = -1;
  *names = opened;
  return 0;
}

/* ---------------------------------------------------------------- memory */

static void *
keep(struct names *names, const void *bytes, size_t size)
{
  struct piece *piece = names->pieces;
  size_t aligned = (size + 7) & ~(size_t)7;
  void *at;

  if (!piece || piece->room - piece->used < aligned) {
    size_t room = aligned > 65536 ? aligned : 65536;
    piece = malloc(sizeof *piece + room);
    if (!piece)
      return NULL;
    *piece = (struct piece){ .next = names->pieces, .room = room };
    names->pieces = piece;
  }
  at = piece->bytes + piece->used;
  piece->used += aligned;
  memcpy(at, bytes, size);
  return at;
}

static bool
same_text(const void *table, uint32_t position, const void *key)
{
  return strcmp(((const char *const *)table)[position], key) == 0;
}

static const char *
keep_text(struct names *names, const char *text)
{
  uint32_t hash = report_hash_text(11, text);
  uint32_t position = report_index_find(&names->by_text, hash, same_text, names->texts, text);
  const char *kept;

  if (position != REPORT_NOWHERE)
    return names->texts[position];
  kept = keep(names, text, strlen(text) + 1);
  if (kept && names->texts_count < INT32_MAX
      && report_grow(&names->texts, names->texts_count + 1, &names->texts_room, sizeof(*names->texts)) == 0
      && report_index_add(&names->by_text, hash, (uint32_t)names->texts_count) == 0)
    names->texts[names->texts_count++] = kept;
  return kept;
}

/* --------------------------------------------------------------- the namer */

static void
dismiss(struct names *names, bool at_once)
{
  if (names->fd < 0)
    return;
  /* A namer of other names, forked since, has this end too: closing ours alone would end nothing. */
  shutdown(names->fd, SHUT_RDWR);
  close(names->fd);
  names->fd = -1;
  if (at_once)
    kill(names->pid, SIGKILL);
  while (waitpid(names->pid, NULL, 0) < 0 && errno == EINTR)
    continue;
}

static bool
summon(struct names *names)
{
  int ends[2];

  if (names->fd >= 0)
    return true;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return false;
  names->pid = fork();
  if (names->pid == 0) {
    close(ends[0]);
    namer_serve(ends[1]);
  }
  close(ends[1]);
  if (names->pid < 0) {
    close(ends[0]);
    return false;
  }
  names->fd = ends[0];
  names->generation++;
  return true;
}

static bool
hear(struct names *names, void *bytes, size_t length)
{
  struct pollfd wait = { .fd = names->fd, .events = POLLIN };
  int ready;

  while ((ready = poll(&wait, 1, PATIENCE)) < 0 && errno == EINTR)
    continue;
  return ready > 0 && namer_read(names->fd, bytes, length);
}

static void
set_trouble(struct file *file, const char *trouble)
{
  char *copy = strdup(trouble);

  if (copy) {
    free(file->trouble);
    file->trouble = copy;
  }
}

/* Has the namer died of this file? Then it may be tried once more, but not for ever. */
static void
mourn(struct names *names, struct file *file)
{
  dismiss(names, true);
  if (++file->deaths >= DEATHS)
    set_trouble(file, "the file is damaged: reading it fails again and again");
}

static bool
open_file(struct names *names, struct file *file, uint32_t module)
{
  struct namer_request request = { .what = NAMER_OPEN, .module = module, .since = file->since,
                                   .path_length = (uint32_t)file->path_length,
                                   .id_length = (uint32_t)file->id_length };
  char trouble[256];
  uint32_t length;

  if (file->opened_by == names->generation && names->fd >= 0)
    return true;
  if (!summon(names))
    return false;
  if (!namer_write(names->fd, &request, sizeof request)
      || !namer_write(names->fd, file->path, file->path_length)
      || !namer_write(names->fd, file->id, file->id_length)
      || !hear(names, &length, sizeof length) || length >= sizeof trouble
      || (length && !hear(names, trouble, length))) {
    mourn(names, file);
    return false;
  }
  trouble[length] = 0;
  if (length)
    set_trouble(file, trouble);
  file->opened_by = names->generation;
  return true;
}

/* NULL in *text if it is not known. False: the namer is gone. */
static bool
hear_text(struct names *names, uint32_t length, const char **text)
{
  char bytes[NAMER_TEXT + 1];

  *text = NULL;
  if (length == NAMER_NOTHING)
    return true;
  if (length > NAMER_TEXT || (length && !hear(names, bytes, length)))
    return false;
  bytes[length] = 0;
  if (length)
    *text = keep_text(names, bytes);
  return true;
}

static bool
hear_answer(struct names *names, struct known *known)
{
  struct names_place places[NAMES_DEEP];
  uint32_t count;

  if (!hear(names, &count, sizeof count) || count == 0 || count > NAMES_DEEP)
    return false;
  for (uint32_t i = 0; i < count; i++) {
    struct namer_place head;

    places[i] = nothing;
    if (!hear(names, &head, sizeof head) || !hear_text(names, head.function, &places[i].function)
        || !hear_text(names, head.file, &places[i].file))
      return false;
    places[i].line = places[i].file ? head.line : 0;
  }
  known->places = keep(names, places, count * sizeof places[0]);
  known->count = known->places ? count : 1;
  if (!known->places)
    known->places = &nothing;
  return true;
}

/* ---------------------------------------------------------------- modules */

int
names_module(struct names *names, const char *path, size_t path_length, const void *build_id,
             size_t id_length, uint64_t since, uint32_t *module)
{
  struct file *file;
  size_t i;

  /* A program maps some hundreds at most. */
  for (i = 0; i < names->files_count; i++) {
    file = &names->files[i];
    if (!file->is_jit && file->path_length == path_length && file->id_length == id_length
        && memcmp(file->path, path, path_length) == 0
        && (id_length == 0 || memcmp(file->id, build_id, id_length) == 0)) {
      *module = (uint32_t)i;
      return 0;
    }
  }
  if (path_length > 65536 || id_length > 4096)
    return -ENOMEM;
  if (report_grow(&names->files, names->files_count + 1, &names->files_room, sizeof(*names->files)))
    return -ENOMEM;
  file = &names->files[names->files_count];
  *file = (struct file){ .path_length = path_length, .id_length = id_length, .since = since };
  file->path = calloc(1, path_length + 1);
  file->id = calloc(1, id_length + 1);
  if (!file->path || !file->id) {
    free(file->path);
    free(file->id);
    return -ENOMEM;
  }
  memcpy(file->path, path, path_length);
  if (id_length)
    memcpy(file->id, build_id, id_length);
  *module = (uint32_t)names->files_count++;
  return 0;
}

int
names_jit(struct names *names, uint64_t pid, uint64_t since, uint32_t *module)
{
  char path[64];
  const char *trouble = NULL;
  struct file *file;
  uint32_t number;
  int error;

  snprintf(path, sizeof path, "/tmp/perf-%llu.map", (unsigned long long)pid);
  for (size_t i = 0; i < names->files_count; i++)
    if (names->files[i].is_jit && strcmp(names->files[i].path, path) == 0) {
      *module = (uint32_t)i;
      return 0;
    }
  error = names_module(names, path, strlen(path), NULL, 0, since, &number);
  if (error)
    return error;
  file = &names->files[number];
  file->is_jit = true;
  error = jitmap_read(&file->jit, path, since, &trouble);
  if (trouble)
    set_trouble(file, trouble);
  *module = number;
  return error;
}

const char *
names_trouble(const struct names *names, uint32_t module)
{
  return module < names->files_count ? names->files[module].trouble : NULL;
}

/* ------------------------------------------------------------------ frames */

static bool
same_place(const void *table, uint32_t position, const void *key)
{
  const struct known *one = (const struct known *)table + position, *other = key;

  return one->at == other->at && one->module == other->module;
}

/* Its position, REPORT_NOWHERE without memory. */
static uint32_t
position_of(struct names *names, uint32_t module, uint64_t at)
{
  struct known key = { .at = at, .module = module, .count = 1, .places = &nothing };
  uint32_t hash = report_hash(module, &at, 1);
  uint32_t position = report_index_find(&names->by_place, hash, same_place, names->known, &key);

  if (position != REPORT_NOWHERE)
    return position;
  if (names->known_count >= INT32_MAX
      || report_grow(&names->known, names->known_count + 1, &names->known_room, sizeof(*names->known))
      || report_index_add(&names->by_place, hash, (uint32_t)names->known_count))
    return REPORT_NOWHERE;
  names->known[names->known_count] = key;
  return (uint32_t)names->known_count++;
}

static void
find_in_jitmap(struct names *names, const struct file *file, struct known *known)
{
  const char *name = jitmap_find(&file->jit, known->at);
  struct names_place place = { .function = name };

  known->answered = true;
  if (name && (known->places = keep(names, &place, sizeof place)) == NULL)
    known->places = &nothing;
}

/* Ask for the `count` next of what is wanted of the file; how many are done with. */
static size_t
ask(struct names *names, struct file *file, uint32_t module, const uint64_t *offsets, uint32_t count)
{
  struct namer_request request = { .what = NAMER_FIND, .module = module, .count = count };
  unsigned deaths = file->deaths;
  uint32_t i;

  if (deaths >= DEATHS)
    return count;
  if (!open_file(names, file, module))
    return file->deaths > deaths ? 0 : count;
  if (!namer_write(names->fd, &request, sizeof request)
      || !namer_write(names->fd, offsets, count * sizeof(*offsets))) {
    mourn(names, file);
    return 0;
  }
  for (i = 0; i < count; i++) {
    uint32_t position = position_of(names, module, offsets[i]);
    struct known answer = { .count = 1, .places = &nothing };
    bool heard = hear_answer(names, &answer);

    if (position != REPORT_NOWHERE && heard) {
      names->known[position].count = answer.count;
      names->known[position].places = answer.places;
    }
    if (!heard) {
      mourn(names, file);
      return i + 1;   /* the one that it died of */
    }
  }
  return count;
}

static void
ask_all(struct names *names, uint32_t module)
{
  struct file *file = &names->files[module];
  size_t done = 0;

  while (done < file->wanted_count) {
    size_t count = file->wanted_count - done;
    done += ask(names, file, module, file->wanted + done, count > BATCH ? BATCH : (uint32_t)count);
  }
  file->wanted_count = 0;
}

void
names_want(struct names *names, uint32_t module, uint64_t offset, bool is_return)
{
  uint64_t at = is_return && offset > 0 ? offset - 1 : offset;
  uint32_t position;
  struct known *known;
  struct file *file;

  if (module >= names->files_count || (position = position_of(names, module, at)) == REPORT_NOWHERE)
    return;
  known = &names->known[position];
  if (known->answered)
    return;
  file = &names->files[module];
  if (file->is_jit) {
    find_in_jitmap(names, file, known);
    return;
  }
  if (report_grow(&file->wanted, file->wanted_count + 1, &file->wanted_room, sizeof(*file->wanted)) == 0) {
    file->wanted[file->wanted_count++] = at;
    known->answered = true;
  }
}

struct names_found
names_find(struct names *names, uint32_t module, uint64_t offset, bool is_return)
{
  struct names_found found = { .count = 1, .places = &nothing };
  uint64_t at = is_return && offset > 0 ? offset - 1 : offset;
  uint32_t position;

  if (module >= names->files_count)
    return found;
  names_want(names, module, offset, is_return);
  if (names->files[module].wanted_count > 0)
    ask_all(names, module);
  position = position_of(names, module, at);
  if (position != REPORT_NOWHERE)
    found = (struct names_found){ .count = names->known[position].count,
                                  .places = names->known[position].places };
  return found;
}

void
names_close(struct names *names)
{
  struct piece *piece, *next;

  if (!names)
    return;
  dismiss(names, false);
  for (size_t i = 0; i < names->files_count; i++) {
    struct file *file = &names->files[i];
    free(file->path);
    free(file->id);
    free(file->trouble);
    free(file->wanted);
    jitmap_free(&file->jit);
  }
  for (piece = names->pieces; piece; piece = next) {
    next = piece->next;
    free(piece);
  }
  free(names->files);
  free(names->known);
  free(names->texts);
  report_index_free(&names->by_place);
  report_index_free(&names->by_text);
  free(names);
}
