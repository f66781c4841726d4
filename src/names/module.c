/* module.c - one ELF file: is it the one that was mapped, and what is where in it. */
#include "config.h"
#include "module.h"
#include "demangle.h"
#include "symtab.h"
#include "unit.h"

#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct module {
  Dwfl          *dwfl;      /* NULL: nothing can be said */
  Dwfl_Module   *module;
  Dwfl_Callbacks callbacks;
  char          *folders;   /* where separate debug files are */
  struct symtab  symbols;
  struct units   units;
  char          *texts[NAMES_DEEP];   /* of the last answer */
};

static int
no_file(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base, char **file, Elf **elf)
{
  (void)module, (void)user, (void)name, (void)base, (void)file, (void)elf;
  return -1;
}

/* A FIFO or a device in a file's place must not hold us up. */
static int
open_regular(const char *path, struct stat *status)
{
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

  if (fd >= 0 && (fstat(fd, status) != 0 || !S_ISREG(status->st_mode))) {
    close(fd);
    fd = -1;
  }
  return fd;
}

static void
forget(struct module *module)
{
  if (module->dwfl)
    dwfl_end(module->dwfl);
  module->dwfl = NULL;
}

/* Takes fd. False if there is no ELF file in it. */
static bool
read_file(struct module *module, const char *path, int fd)
{
  GElf_Addr bias;

  module->dwfl = dwfl_begin(&module->callbacks);
  if (!module->dwfl) {
    close(fd);
    return false;
  }
  dwfl_report_begin(module->dwfl);
  module->module = dwfl_report_elf(module->dwfl, path, path, fd, 0, true);
  if (!module->module)
    close(fd);
  dwfl_report_end(module->dwfl, NULL, NULL);
  if (module->module && dwfl_module_getelf(module->module, &bias))
    return true;
  forget(module);
  return false;
}

static bool
has_build_id(struct module *module, const void *id, size_t length)
{
  const unsigned char *bits;
  GElf_Addr at;
  int found = dwfl_module_build_id(module->module, &bits, &at);

  return found >= 0 && (size_t)found == length && (length == 0 || memcmp(bits, id, length) == 0);
}

/* The folders that libdwfl and gdb search, and those of the environment. */
static char *
debug_folders(void)
{
  const char *more = getenv("WRITEWATCH_DEBUG_PATH");
  char *folders;

  if (asprintf(&folders, ":.debug:/usr/lib/debug%s%s", more && *more ? ":" : "", more ? more : "") < 0)
    return NULL;
  return folders;
}

/* The debug information of a file that is not there any more may be. */
static bool
read_debug_file(struct module *module, const unsigned char *id, size_t length)
{
  const char *folder = module->folders;
  char hex[2 * 64 + 1], path[4096];
  struct stat status;

  if (!folder || length < 2 || length > 64)
    return false;
  for (size_t i = 0; i < length; i++)
    sprintf(hex + 2 * i, "%02x", id[i]);
  for (;;) {
    size_t size = strcspn(folder, ":");
    int fd;

    if (*folder == '/' && snprintf(path, sizeof path, "%.*s/.build-id/%.2s/%s.debug", (int)size, folder, hex,
                                   hex + 2) < (int)sizeof path
        && (fd = open_regular(path, &status)) >= 0 && read_file(module, path, fd)) {
      if (has_build_id(module, id, length))
        return true;
      forget(module);
    }
    if (!folder[size])
      return false;
    folder += size + 1;
  }
}

static const char *
find_right_file(struct module *module, const char *path, const void *id, size_t length, uint64_t since)
{
  struct stat status;
  const char *trouble;
  int fd = open_regular(path, &status);

  if (fd < 0) {
    trouble = "the file is not there any more, or cannot be read";
  } else if (!read_file(module, path, fd)) {
    trouble = "the file is no ELF file, or a damaged one";
  } else if (!has_build_id(module, id, length)) {
    forget(module);
    trouble = "the file is not the one that was recorded: its build-id differs";
  } else if (length == 0 && since > 0
             && (uint64_t)status.st_mtim.tv_sec * 1000000000u + (uint64_t)status.st_mtim.tv_nsec > since) {
    forget(module);
    trouble = "the file was changed since it was recorded, and has no build-id";
  } else {
    return NULL;
  }
  if (!read_debug_file(module, id, length))
    return trouble;
  return NULL;
}

struct module *
module_open(const char *path, const void *build_id, size_t id_length, uint64_t since, const char **trouble)
{
  struct module *module = calloc(1, sizeof *module);
  Dwarf_Addr bias;

  *trouble = NULL;
  if (!module)
    return NULL;
  module->folders = debug_folders();
  module->callbacks.find_elf = no_file;
  module->callbacks.find_debuginfo = dwfl_standard_find_debuginfo;
  module->callbacks.section_address = dwfl_offline_section_address;
  module->callbacks.debuginfo_path = &module->folders;
  *trouble = find_right_file(module, path, build_id, id_length, since);
  if (!module->dwfl)
    return module;
  symtab_read(&module->symbols, module->module);
  if (dwfl_module_getdwarf(module->module, &bias))
    return module;
  *trouble = module->symbols.count ? "it has no debug information: no lines, no inlined functions"
                                   : "it has neither symbols nor debug information";
  return module;
}

void
module_find(struct module *module, uint64_t offset, struct module_places *places)
{
  GElf_Addr bias = 0;
  size_t i;

  for (i = 0; i < NAMES_DEEP; i++) {
    free(module->texts[i]);
    module->texts[i] = NULL;
  }
  places->count = 0;
  if (module->dwfl) {
    dwfl_module_getelf(module->module, &bias);
    units_find(&module->units, module->module, offset + bias, places);
  }
  if (places->count == 0) {
    places->count = 1;
    places->place[0] = (struct names_place){ 0 };
  }
  /* What was not inlined the linker knows, too. */
  if (!places->place[places->count - 1].function && module->dwfl)
    places->place[places->count - 1].function = symtab_find(&module->symbols, offset + bias);
  for (i = 0; i < places->count; i++)
    if (places->place[i].function)
      places->place[i].function = module->texts[i] = demangle(places->place[i].function);
}
