/* make_modules.c - the code of an invented trace: made up, or that of this machine's libraries. */
#include "config.h"
#include "make_trace.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

struct modules {
  struct trace_writer *writer;
  struct invention    *invention;
  uint64_t id;
};

static void
find_build_id(struct trace_module *module, const char *notes, size_t size)
{
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    memcpy(&note, notes, sizeof(note));
    size_t name = (note.n_namesz + 3) & ~3u, whole = sizeof(note) + name + ((note.n_descsz + 3) & ~3u);
    if (whole > size)
      return;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4) {
      module->build_id = (struct trace_text){ notes + sizeof(note) + name, note.n_descsz };
      return;
    }
    notes += whole;
    size -= whole;
  }
}

static int
put_real(struct dl_phdr_info *info, size_t size, void *argument)
{
  struct modules *modules = argument;
  struct trace_module module = { .id = ++modules->id, .bias = info->dlpi_addr };
  char self[4096] = "";

  (void)size;
  if (*info->dlpi_name) {
    module.path = trace_text_of(info->dlpi_name);
  } else {
    FILE *link = fopen("/proc/self/maps", "r");   /* the first mapping is the program's */
    if (link && fscanf(link, "%*s %*s %*s %*s %*s %4095[^\n]", self) == 1)
      module.path = trace_text_of(self);
    if (link)
      fclose(link);
  }
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[i];
    if (header->p_type == PT_NOTE)
      find_build_id(&module, (const char *)(info->dlpi_addr + header->p_vaddr), header->p_memsz);
    if (header->p_type == PT_LOAD && header->p_flags & PF_X && module.ranges < TRACE_RANGES_MAX) {
      struct trace_range range = { info->dlpi_addr + header->p_vaddr, header->p_memsz, header->p_offset };
      module.range[module.ranges++] = range;
      if (modules->invention->code_count < 64)
        modules->invention->code[modules->invention->code_count++] = range;
    }
  }
  trace_put_module(modules->writer, &module);
  return 0;
}

void
invention_modules(struct trace_writer *writer, struct invention *invention)
{
  static const char *const libraries[] =
      { "libm.so.6", "libstdc++.so.6", "libpython3.11.so.1.0", "libsqlite3.so.0",
                                           "libjansson.so.4", "libcrypto.so.3" };
  static const struct { const char *path; uint64_t bias, length; } made_up[] = {
    { "/opt/demo/bin/solver", 0x555555554000, 0x40000 },
    { "/opt/demo/lib/libgrid.so.2", 0x7f2000000000, 0x80000 },
    { "/lib/x86_64-linux-gnu/libc.so.6", 0x7f2100000000, 0x180000 },
    { "", 0x7f2200000000, 0x10000 },   /* made by the program as it runs */
  };

  if (invention->real) {
    struct modules modules = { writer, invention, 0 };
    for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++)
      (void)!dlopen(libraries[i], RTLD_NOW);
    dl_iterate_phdr(put_real, &modules);
    return;
  }
  for (size_t i = 0; i < sizeof(made_up) / sizeof(*made_up); i++) {
    static const char id[] =
        "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67";
    struct trace_module module =
        { .id = i + 1, .bias = made_up[i].bias, .path = trace_text_of(made_up[i].path),
                                   .build_id = { id, *made_up[i].path ? sizeof(id) - 1 : 0 }, .ranges = 1 };
    module.range[0] = (struct trace_range){ made_up[i].bias + 0x1000, made_up[i].length, 0x1000 };
    invention->code[invention->code_count++] = module.range[0];
    trace_put_module(writer, &module);
  }
}

/* Stacks grow from few roots and share them, as they do in life. */
void
invention_stacks(struct trace_writer *writer, struct invention *invention)
{
  uint64_t frames[16], trunk[8] = { 0 };

  if (invention->code_count == 0)
    invention->stacks = 0;
  for (uint64_t id = 1; id <= invention->stacks; id++) {
    struct trace_stack stack = { .id = id, .frames = frames };
    size_t shared = (size_t)invention_below(invention, 8), own = 1 + (size_t)invention_below(invention, 7);
    for (size_t i = 0; i < own + shared; i++) {
      const struct trace_range *code = &invention->code[invention_below(invention, invention->code_count)];
      frames[i] = code->address + (invention_below(invention, code->length) & ~(uint64_t)15) + 4;
      if (i >= own && trunk[i - own])
        frames[i] = trunk[i - own];
      if (i >= own && !trunk[i - own])
        trunk[i - own] = frames[i];
    }
    stack.depth = own + shared;
    trace_put_stack(writer, &stack);
  }
}
