/* modules.c - the companion's: what the program runs, for the trace. From the kernel's list of mappings and
 * from what is mapped: the dynamic linker's own list has a lock, whose holder may be killed. */
#include "config.h"
#include "record/modules.h"
#include "arena.h"
#include "maps.h"
#include "os.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>

enum { MODULES = 2048, TEXT = 1 << 16, BUILD_ID = 64, NOTES = 4096, HEADERS = 64 };

struct known { uint64_t device, inode, begin, sum; bool seen; };

static struct {
  struct known *known;         /* [MODULES], the id is the place + 1 */
  size_t count;
  char *text;
  int memory;                  /* /proc/self/mem */
} modules;

/* What is being gathered of one file. */
struct gathered {
  struct trace_module module;
  struct known known;
  bool executable;
  char path[sizeof((struct mapping *)0)->path];
  unsigned char build_id[BUILD_ID];
  uintptr_t head;              /* where the file's begin is mapped; 0: nowhere */
};

static void
find_build_id(struct gathered *at, const Elf64_Phdr *header, uintptr_t bias)
{
  _Alignas(8) unsigned char notes[NOTES];
  size_t size = header->p_filesz < sizeof notes ? header->p_filesz : sizeof notes;
  if (os_read_at(modules.memory, notes, size, bias + header->p_vaddr) != (long)size)
    return;
  for (size_t from = 0; from + sizeof(Elf64_Nhdr) <= size;) {
    Elf64_Nhdr note;
    memcpy(&note, notes + from, sizeof note);
    size_t name = from + sizeof note, text = name + (((size_t)note.n_namesz + 3) & ~(size_t)3);
    size_t next = text + (((size_t)note.n_descsz + 3) & ~(size_t)3);
    if (next > size || next <= from)
      return;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && !memcmp(notes + name, "GNU", 4)
        && note.n_descsz <= BUILD_ID) {
      memcpy(at->build_id, notes + text, note.n_descsz);
      at->module.build_id = (struct trace_text){ (char *)at->build_id, note.n_descsz };
      return;
    }
    from = next;
  }
}

static void
read_head(struct gathered *at)
{
  Elf64_Ehdr head;
  Elf64_Phdr header[HEADERS];
  if (!at->head || os_read_at(modules.memory, &head, sizeof head, at->head) != sizeof head
      || memcmp(head.e_ident, ELFMAG, SELFMAG) || head.e_phentsize != sizeof *header)
    return;
  size_t count = head.e_phnum < HEADERS ? head.e_phnum : HEADERS;
  if (os_read_at(modules.memory, header, count * sizeof *header, at->head + head.e_phoff)
      != (long)(count * sizeof *header))
    return;
  uintptr_t lowest = UINTPTR_MAX;
  for (size_t i = 0; i < count; i++)
    if (header[i].p_type == PT_LOAD && header[i].p_offset == 0 && header[i].p_vaddr < lowest)
      lowest = header[i].p_vaddr;
  if (lowest == UINTPTR_MAX)
    return;
  at->module.bias = at->head - lowest;
  for (size_t i = 0; i < count && !at->module.build_id.length; i++)
    if (header[i].p_type == PT_NOTE)
      find_build_id(at, &header[i], at->module.bias);
}

static void
tell(struct trace_writer *writer, struct gathered *at)
{
  size_t place = 0;
  if (!at->executable)
    return;
  while (place < modules.count && (modules.known[place].inode != at->known.inode
                                   || modules.known[place].device != at->known.device
                                   || modules.known[place].begin != at->known.begin))
    place++;
  if (place == MODULES)
    return;
  if (place == modules.count)
    modules.count++;
  else if (modules.known[place].sum == at->known.sum) {
    modules.known[place].seen = true;
    return;
  }
  modules.known[place] = at->known;
  modules.known[place].seen = true;
  at->module.id = place + 1;
  at->module.path = trace_text_of(at->path);
  read_head(at);
  trace_put_module(writer, &at->module);
}

void
modules_tell(struct trace_writer *writer, uint64_t epoch)
{
  static struct gathered at;   /* too large for the stack; one thread runs here */
  struct maps_reader reader;
  struct mapping mapping;
  if (!modules.known && !(modules.known = arena_map(NULL, MODULES * sizeof *modules.known)))
    return;
  if ((!modules.text && !(modules.text = arena_map(NULL, TEXT))) || maps_open(&reader, modules.text, TEXT))
    return;
  modules.memory = os_open("/proc/self/mem");
  for (size_t i = 0; i < modules.count; i++)
    modules.known[i].seen = false;
  memset(&at, 0, sizeof at);
  while (maps_next(&reader, &mapping) > 0) {
    bool named = mapping.inode || mapping.path[0] == '[';
    bool same = named && mapping.inode == at.known.inode && mapping.device == at.known.device
      && !strcmp(mapping.path, at.path) && mapping.offset;
    if (!same && !(mapping.protection & PROT_EXEC) && !mapping.inode)
      continue;
    if (!same) {
      tell(writer, &at);
      memset(&at, 0, sizeof at);
      at.known = (struct known){ mapping.device, mapping.inode, mapping.start, 0, true };
      /* No name: what a program makes as it runs. */
      strcpy(at.path, mapping.path);
      at.module.bias = mapping.start;
      at.head = mapping.offset ? 0 : mapping.start;
    }
    if (!(mapping.protection & PROT_EXEC))
      continue;
    at.executable = true;
    at.known.sum = (at.known.sum ^ mapping.start ^ mapping.end << 24 ^ mapping.offset) * 0x9e3779b97f4a7c15u;
    if (at.module.ranges < TRACE_RANGES_MAX)
      at.module.range[at.module.ranges++]
        = (struct trace_range){ mapping.start, mapping.end - mapping.start, mapping.offset };
  }
  tell(writer, &at);
  maps_close(&reader);
  for (size_t i = 0; i < modules.count; i++)
    if (!modules.known[i].seen && modules.known[i].sum) {
      trace_put_module_end(writer, &(struct trace_module_end){ i + 1, epoch });
      modules.known[i].sum = 0;
    }
  if (modules.memory >= 0)
    os_close(modules.memory);
}

void
modules_forget(void)
{
  modules.count = 0;
}
