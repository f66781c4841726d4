/* namer.c - the process that reads strangers' files. It may die of them. */
#include "config.h"
#include "namer.h"
#include "module.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_ROOM 65536u

struct server {
  int      fd;
  struct module **modules;
  size_t   count;
  size_t   used;
  char     answer[ANSWER_ROOM];
};

bool
namer_read(int fd, void *bytes, size_t length)
{
  char *at = bytes;

  while (length > 0) {
    ssize_t got = recv(fd, at, length, 0);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return false;
    at += got;
    length -= (size_t)got;
  }
  return true;
}

bool
namer_write(int fd, const void *bytes, size_t length)
{
  const char *at = bytes;

  while (length > 0) {
    ssize_t put = send(fd, at, length, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return false;
    at += put;
    length -= (size_t)put;
  }
  return true;
}

static void
flush(struct server *server)
{
  if (!namer_write(server->fd, server->answer, server->used))
    _exit(0);
  server->used = 0;
}

static void
say(struct server *server, const void *bytes, size_t length)
{
  if (server->used + length > sizeof server->answer)
    flush(server);
  memcpy(server->answer + server->used, bytes, length);
  server->used += length;
}

static uint32_t
length_of(const char *text)
{
  size_t length;

  if (!text)
    return NAMER_NOTHING;
  length = strnlen(text, NAMER_TEXT);
  return (uint32_t)length;
}

static void
serve_open(struct server *server, const struct namer_request *request)
{
  const char *trouble = NULL;
  char *path = calloc(1, (size_t)request->path_length + 1);
  unsigned char *id = calloc(1, (size_t)request->id_length + 1);
  uint32_t length;

  if (!path || !id || !namer_read(server->fd, path, request->path_length)
      || !namer_read(server->fd, id, request->id_length))
    _exit(1);
  if (request->module >= server->count) {
    size_t count = (size_t)request->module + 16;
    struct module **grown = realloc(server->modules, count * sizeof(*grown));
    if (!grown)
      _exit(1);
    memset(grown + server->count, 0, (count - server->count) * sizeof(*grown));
    server->modules = grown;
    server->count = count;
  }
  if (!server->modules[request->module])
    server->modules[request->module] = module_open(path, id, request->id_length, request->since, &trouble);
  length = trouble ? (uint32_t)strlen(trouble) : 0;
  say(server, &length, sizeof length);
  say(server, trouble ? trouble : "", length);
  free(path);
  free(id);
}

static void
serve_find(struct server *server, const struct namer_request *request)
{
  uint64_t *offsets = calloc((size_t)request->count + 1, sizeof(*offsets));
  struct module *module = request->module < server->count ? server->modules[request->module] : NULL;
  struct module_places places;

  if (!offsets || !module || !namer_read(server->fd, offsets, request->count * sizeof(*offsets)))
    _exit(1);
  for (uint32_t i = 0; i < request->count; i++) {
    uint32_t count;

    module_find(module, offsets[i], &places);
    count = (uint32_t)places.count;
    say(server, &count, sizeof count);
    for (size_t j = 0; j < places.count; j++) {
      const struct names_place *place = &places.place[j];
      struct namer_place head = { .function = length_of(place->function), .file = length_of(place->file),
                                  .line = place->line };

      say(server, &head, sizeof head);
      if (place->function)
        say(server, place->function, head.function);
      if (place->file)
        say(server, place->file, head.file);
    }
    /* Whoever reads knows then at which offset we died. */
    flush(server);
  }
  free(offsets);
}

/* What a file can make us use has an end. Under a sanitizer memory is counted otherwise. */
static void
set_limits(void)
{
  struct rlimit none = { 0, 0 };
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  struct rlimit data = { (rlim_t)4 << 30, (rlim_t)4 << 30 };
  setrlimit(RLIMIT_DATA, &data);
#endif
  setrlimit(RLIMIT_CORE, &none);
}

_Noreturn void
namer_serve(int fd)
{
  static const int own[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGTERM, SIGALRM, SIGHUP, SIGPIPE,
                             SIGTSTP, SIGWINCH };
  struct server *server = calloc(1, sizeof *server);
  struct namer_request request;
  sigset_t none;

  /* Whatever the command does on signals is not for us to do. */
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
    signal(own[i], SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGINT, SIG_IGN);   /* the command may want to finish its report */
  signal(SIGQUIT, SIG_IGN);
  set_limits();
  /* With this set libdwfl asks the network for debug files. */
  unsetenv("DEBUGINFOD_URLS");
  if (!server)
    _exit(1);
  server->fd = fd;
  while (namer_read(fd, &request, sizeof request)) {
    if (request.what == NAMER_OPEN)
      serve_open(server, &request);
    else
      serve_find(server, &request);
    flush(server);
  }
  _exit(0);
}
