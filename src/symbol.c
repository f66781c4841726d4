/* symbol.c - which function, file and line an address of this process is, with
 * libdw, and where that has nothing to go by, with dladdr(3). */
#include "config.h"
#include "symbol.h"
#include "report-index.h"

#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Stacks share most of their frames: each is looked up once. */
struct known {
  uint64_t      at;        /* where it was looked up, */
  uint64_t      address;   /* and for which address */
  char         *plain;     /* the function without the version that a linker adds, or NULL */
  struct symbol symbol;
};

struct symbols {
  Dwfl               *dwfl;       /* NULL: none, or not any more */
  Dwfl_Callbacks      callbacks;
  unsigned            spare;      /* look-ups before memory is looked at again */
  struct known       *known;
  size_t              known_count, known_room;
  struct report_index by_address;
};

/* Out of memory, libdw ends the process, uses what it did not get, or frees it
 * twice. So it is called only while there is plenty; it is given a way out; and
 * where an allocation failed in its midst it is left alone for good, at the
 * price of what it holds. */
#define PLENTY       ((size_t)32 << 20)
#define PLENTY_FINDS 64   /* look-ups that this much suffices for */

static _Thread_local jmp_buf *out_of_memory;

__attribute__((noreturn)) static void
escape(void)
{
  longjmp(*out_of_memory, 1);
}

static bool
have_plenty(void)
{
  void *volatile reserve = malloc(PLENTY);   /* volatile: or the compiler takes it for granted */

  free(reserve);
  return reserve != NULL;
}

/* With DEBUGINFOD_URLS set, libdwfl's own search would go to the network, in
 * the midst of somebody's program. Then only what is on this disk is taken. */
static int
find_debuginfo(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base, const char *file,
               const char *link, GElf_Word crc, char **found)
{
  const char *urls = getenv("DEBUGINFOD_URLS");

  if (urls && *urls)
    return dwfl_build_id_find_debuginfo(module, user, name, base, file, link, crc, found);
  return dwfl_standard_find_debuginfo(module, user, name, base, file, link, crc, found);
}

/* Our process id as this /proc counts: it may be that of another namespace. */
static pid_t
own_pid(void)
{
  char target[32], *end;
  ssize_t length = readlink("/proc/self", target, sizeof(target) - 1);
  long pid;

  if (length <= 0)
    return 0;
  target[length] = 0;
  pid = strtol(target, &end, 10);
  return *end || pid <= 0 ? 0 : (pid_t)pid;
}

int
symbols_open(struct symbols **symbols)
{
  struct symbols *opened = calloc(1, sizeof(*opened));
  pid_t pid = own_pid();
  bool reported;

  if (!opened)
    return -ENOMEM;
  opened->callbacks.find_elf = dwfl_linux_proc_find_elf;
  opened->callbacks.find_debuginfo = find_debuginfo;
  if (pid > 0 && have_plenty() && (opened->dwfl = dwfl_begin(&opened->callbacks))) {
    dwfl_report_begin(opened->dwfl);
    errno = 0;
    reported = dwfl_linux_proc_report(opened->dwfl, pid) == 0
               && dwfl_report_end(opened->dwfl, NULL, NULL) == 0;
    if (!reported && errno != ENOMEM)
      dwfl_end(opened->dwfl);
    if (!reported || errno == ENOMEM)
      opened->dwfl = NULL;
  }
  *symbols = opened;
  return 0;
}

void
symbols_close(struct symbols *symbols)
{
  size_t i;

  if (!symbols)
    return;
  if (symbols->dwfl)
    dwfl_end(symbols->dwfl);
  for (i = 0; i < symbols->known_count; i++)
    free(symbols->known[i].plain);
  free(symbols->known);
  report_index_free(&symbols->by_address);
  free(symbols);
}

/* The compilation unit that `address` is in. Where the compiler made no table of
 * addresses, as clang does not, libdwfl before 0.192 finds none: then all are
 * asked. */
static Dwarf_Die *
unit_of(Dwfl_Module *module, uint64_t address, Dwarf_Addr *bias)
{
  Dwarf_Die *unit = dwfl_module_addrdie(module, address, bias);

  if (!unit)
    while ((unit = dwfl_module_nextcu(module, unit, bias)))
      if (dwarf_haspc(unit, address - *bias) > 0)
        break;
  return unit;
}

/* The innermost function that was inlined where `address` is. */
static const char *
inlined_name(Dwarf_Die *unit, Dwarf_Addr address)
{
  const char *name = NULL;
  Dwarf_Die *scopes = NULL;
  int i, count = dwarf_getscopes(unit, address, &scopes);

  for (i = 0; i < count && dwarf_tag(&scopes[i]) != DW_TAG_subprogram; i++)
    if (dwarf_tag(&scopes[i]) == DW_TAG_inlined_subroutine) {
      name = dwarf_diename(&scopes[i]);
      break;
    }
  free(scopes);
  return name;
}

/* May leave by escape(). */
static void
find_source(Dwfl_Module *module, uint64_t address, struct symbol *symbol)
{
  Dwarf_Addr bias = 0;
  Dwarf *debug = dwfl_module_getdwarf(module, &bias), *alternate;
  Dwarf_Die *unit;
  Dwarf_Line *line;

  if (!debug)
    return;
  dwarf_new_oom_handler(debug, escape);
  alternate = dwarf_getalt(debug);
  if (alternate)
    dwarf_new_oom_handler(alternate, escape);
  unit = unit_of(module, address, &bias);
  if (!unit)
    return;
  symbol->inlined = inlined_name(unit, address - bias);
  line = dwarf_getsrc_die(unit, address - bias);
  if (line && dwarf_lineno(line, &symbol->line) == 0)
    symbol->file = dwarf_linesrc(line, NULL, NULL);
}

static void
find_in_module(Dwfl_Module *module, uint64_t address, uint64_t at, struct symbol *symbol)
{
  Dwarf_Addr start = 0, end = 0;
  GElf_Addr bias;
  GElf_Off offset = 0;
  GElf_Sym found;
  const char *name = dwfl_module_info(module, NULL, &start, &end, NULL, NULL, NULL, NULL);

  /* libdwfl counts the gaps between modules, and what lies beyond the last. */
  if (at < start || at >= end)
    return;
  symbol->module = name;
  symbol->offset = address - (dwfl_module_getelf(module, &bias) ? bias : start);
  symbol->function = dwfl_module_addrinfo(module, at, &offset, &found, NULL, NULL, NULL);
  /* In a stripped file the nearest symbol without a size may be far off. */
  if (symbol->function && found.st_size == 0 && offset >= 4096)
    symbol->function = NULL;
  find_source(module, at, symbol);
}

static void
find_by_linker(uint64_t address, uint64_t at, struct symbol *symbol)
{
  Dl_info info;

  if (!dladdr((void *)(uintptr_t)at, &info))
    return;
  if (!symbol->module) {
    symbol->module = info.dli_fname;
    symbol->offset = address - (uint64_t)(uintptr_t)info.dli_fbase;
  }
  symbol->function = info.dli_sname;
}

static struct symbol
look_up(struct symbols *symbols, uint64_t address, uint64_t at)
{
  struct symbols *volatile kept = symbols;
  struct symbol symbol = { 0 };
  jmp_buf here;

  out_of_memory = &here;
  errno = 0;
  if (setjmp(here) == 0) {
    /* dwfl_addrmodule() would return what it never set if memory runs out. */
    Dwfl_Module *module = NULL;
    if (symbols->dwfl && symbols->spare == 0 && have_plenty())
      symbols->spare = PLENTY_FINDS;
    if (symbols->dwfl && symbols->spare > 0) {
      symbols->spare--;
      dwfl_addrsegment(symbols->dwfl, at, &module);
    }
    if (module)
      find_in_module(module, address, at, &symbol);
  } else {
    errno = ENOMEM;
  }
  if (errno == ENOMEM) {
    kept->dwfl = NULL;
    symbol = (struct symbol){ 0 };
  }
  out_of_memory = NULL;
  if (!symbol.function)
    find_by_linker(address, at, &symbol);
  return symbol;
}

static bool
same_address(const void *table, uint32_t position, const void *key)
{
  return ((const struct known *)table)[position].at == *(const uint64_t *)key;
}

struct symbol
symbols_find(struct symbols *symbols, uint64_t address, bool is_return)
{
  uint64_t at = is_return && address > 0 ? address - 1 : address;
  uint32_t hash = report_hash(5, &at, 1);
  uint32_t position = report_index_find(&symbols->by_address, hash, same_address, symbols->known, &at);
  struct known found;

  if (position != REPORT_NOWHERE) {
    found.symbol = symbols->known[position].symbol;
    /* The same place can be an instruction in one stack and a call in another. */
    found.symbol.offset += address - symbols->known[position].address;
    return found.symbol;
  }
  found.at = at;
  found.address = address;
  found.symbol = look_up(symbols, address, at);
  found.plain = NULL;
  /* Not to remember it costs time only. */
  if (symbols->known_count < INT32_MAX
      && report_grow(&symbols->known, symbols->known_count + 1, &symbols->known_room, sizeof(found)) == 0
      && report_index_add(&symbols->by_address, hash, (uint32_t)symbols->known_count) == 0) {
    /* "qsort@@GLIBC_2.2.5" */
    const char *version = found.symbol.function ? strchr(found.symbol.function, '@') : NULL;
    if (version && version > found.symbol.function
        && (found.plain = strndup(found.symbol.function, (size_t)(version - found.symbol.function))))
      found.symbol.function = found.plain;
    symbols->known[symbols->known_count++] = found;
  }
  return found.symbol;
}
