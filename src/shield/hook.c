/* hook.c - not for handlers. Calls of libc's functions that are led to ours.
 *
 * An object calls a function of another through a slot of its global offset table, into
 * which the dynamic linker puts the address, at once or at the first call (lazily). Slots
 * that only serve calls (JUMP_SLOT) are changed; one that gives a function's address as a
 * value (GLOB_DAT) is not, so that the program finds pointers to functions equal that were.
 * Nothing but ww_* leaves the library, so no name of libc's can be ours: whoever loads it later,
 * with dlopen() say, could not be served by that anyway.
 *
 * Only what would be libc's own function is changed. A sanitizer, a preloaded library, that
 * stands in front of libc has seen to it that its function is called, and goes on to be. */
#include "config.h"
#include "shield/hook.h"
#include "maps.h"
#include "os.h"
#include "region.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__x86_64__)
enum { JUMP_SLOT = R_X86_64_JUMP_SLOT };
#elif defined(__aarch64__)
enum { JUMP_SLOT = R_AARCH64_JUMP_SLOT };
#endif

struct hooking { const struct hook *hooks; size_t count; };

/* What a dynamic section says, as far as it is needed here. */
struct object {
  uintptr_t base, start, end;          /* what is added to its addresses; where it is loaded */
  const ElfW(Rela) *slots;
  size_t count;
  const ElfW(Sym) *symbols;
  const char *names;
};

/* glibc has added the base already, others do not. */
static const void *
pointer_in(const struct object *object, uintptr_t value)
{
  return (const void *)(value < object->base ? object->base + value : value);
}

static void
read_dynamic(struct object *object, const ElfW(Dyn) *entry)
{
  bool rela = false;
  for (; entry->d_tag != DT_NULL; entry++)
    switch (entry->d_tag) {
      case DT_JMPREL: object->slots = pointer_in(object, entry->d_un.d_ptr); break;
      case DT_PLTRELSZ: object->count = entry->d_un.d_val / sizeof(ElfW(Rela)); break;
      case DT_PLTREL: rela = entry->d_un.d_val == DT_RELA; break;
      case DT_SYMTAB: object->symbols = pointer_in(object, entry->d_un.d_ptr); break;
      case DT_STRTAB: object->names = pointer_in(object, entry->d_un.d_ptr); break;
      default: break;
    }
  if (!rela || !object->slots || !object->symbols || !object->names)
    object->count = 0;
}

/* Memory that is watched is the tracker's to open, and is left alone. */
static void
put(_Atomic uintptr_t *slot, uintptr_t value)
{
  uintptr_t address = (uintptr_t)slot, page = address & ~(os_page_size() - 1);
  struct gate_pass pass = gate_enter(&region_gate);
  bool watched = region_find(region_table(), address);
  gate_leave(pass);
  int protection = watched ? 0 : maps_protection(address);
  if (protection <= 0)
    return;
  /* Read-only once it is relocated (RELRO). */
  bool closed = !(protection & PROT_WRITE);
  if (closed && os_protect(page, os_page_size(), protection | PROT_WRITE))
    return;
  atomic_store(slot, value);
  if (closed)
    (void)os_protect(page, os_page_size(), protection);
}

/* A slot that was not used yet leads back into its own object, from where the linker is asked. */
static void
lead(const struct object *object, const ElfW(Rela) *relocation, const struct hook *hook)
{
  const ElfW(Sym) *symbol = &object->symbols[ELF64_R_SYM(relocation->r_info)];
  _Atomic uintptr_t *slot = (_Atomic uintptr_t *)(object->base + relocation->r_offset);
  uintptr_t value = atomic_load(slot);
  bool unused = symbol->st_shndx == SHN_UNDEF && value >= object->start && value < object->end;
  if (value == (uintptr_t)*hook->real || unused)
    put(slot, (uintptr_t)hook->ours);
}

static int
visit(struct dl_phdr_info *info, size_t size, void *argument)
{
  const struct hooking *hooking = argument;
  struct object object = { .base = info->dlpi_addr, .start = UINTPTR_MAX };
  (void)size;
  for (size_t i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[i];
    uintptr_t start = object.base + header->p_vaddr;
    if (header->p_type == PT_LOAD) {
      object.start = start < object.start ? start : object.start;
      object.end = start + header->p_memsz > object.end ? start + header->p_memsz : object.end;
    } else if (header->p_type == PT_DYNAMIC)
      read_dynamic(&object, (const ElfW(Dyn) *)start);
  }
  for (size_t i = 0; i < object.count; i++) {
    if (ELF64_R_TYPE(object.slots[i].r_info) != JUMP_SLOT)
      continue;
    const char *name = object.names + object.symbols[ELF64_R_SYM(object.slots[i].r_info)].st_name;
    for (size_t h = 0; h < hooking->count; h++)
      if (*hooking->hooks[h].real && !strcmp(name, hooking->hooks[h].name))
        lead(&object, &object.slots[i], &hooking->hooks[h]);
  }
  return 0;
}

void
hook_install(const struct hook *hooks, size_t count)
{
  struct hooking hooking = { hooks, count };
  Dl_info libc, found;
  /* A function that nobody has a reason to stand in front of tells where libc is. */
  void *known = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
  if (!known)
    known = dlsym(RTLD_DEFAULT, "sysconf");
  if (!known || !dladdr(known, &libc))
    return;
  for (size_t i = 0; i < count; i++) {
    void *real = dlsym(RTLD_DEFAULT, hooks[i].name);
    *hooks[i].real = real && dladdr(real, &found) && found.dli_fbase == libc.dli_fbase ? real : NULL;
  }
  dl_iterate_phdr(visit, &hooking);
}
