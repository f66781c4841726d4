/* symtab.c - the functions of a file by address: sorted once, as libdwfl looks at all of
 * them for each address. */
#include "config.h"
#include "symtab.h"
#include "report-index.h"

#include <stdlib.h>
#include <string.h>

/* In a stripped file the nearest symbol without a size may be far off. */
#define SIZELESS_REACH 4096u

static unsigned
rank_of(const GElf_Sym *symbol)
{
  unsigned rank = symbol->st_size == 0 ? 8 : 0;

  switch (GELF_ST_BIND(symbol->st_info)) {
    case STB_GLOBAL: return rank;
    case STB_WEAK: return rank + 1;
    default: return rank + 2;
  }
}

static int
by_address(const void *a, const void *b)
{
  const struct symtab_entry *one = a, *other = b;

  if (one->start != other->start)
    return one->start < other->start ? -1 : 1;
  if (one->rank != other->rank)
    return one->rank < other->rank ? -1 : 1;
  return strcmp(one->name, other->name);
}

void
symtab_read(struct symtab *table, Dwfl_Module *module)
{
  int count = dwfl_module_getsymtab(module);
  uint64_t reach = 0;

  for (int i = 0; i < count; i++) {
    GElf_Sym symbol;
    GElf_Addr address;
    GElf_Word section;
    const char *name = dwfl_module_getsym_info(module, i, &symbol, &address, &section, NULL, NULL);
    unsigned type;

    if (!name || !*name || section == SHN_UNDEF || section == SHN_ABS)
      continue;
    type = GELF_ST_TYPE(symbol.st_info);
    if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
      continue;
    /* "$x", ".L12": marks of the assembler, no functions. */
    if (type == STT_NOTYPE && (name[0] == '$' || name[0] == '.'))
      continue;
    if (report_grow(&table->entries, table->count + 1, &table->room, sizeof(*table->entries)))
      break;
    table->entries[table->count++] =
      (struct symtab_entry){ .start = address, .size = symbol.st_size, .name = name,
                             .rank = rank_of(&symbol) };
  }
  if (table->count)
    qsort(table->entries, table->count, sizeof(*table->entries), by_address);
  for (size_t i = 0; i < table->count; i++) {
    struct symtab_entry *entry = &table->entries[i];
    uint64_t end = entry->start + (entry->size ? entry->size : SIZELESS_REACH);

    if (end < entry->start)
      end = UINT64_MAX;
    if (end > reach)
      reach = end;
    entry->reach = reach;
  }
}

const char *
symtab_find(const struct symtab *table, uint64_t address)
{
  size_t low = 0, high = table->count;
  const struct symtab_entry *best = NULL;

  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (table->entries[middle].start <= address)
      low = middle + 1;
    else
      high = middle;
  }
  /* The last that begins at or before it need not be one that it lies in. A file made for the
   * purpose could have us walk far: no real one nests functions. */
  for (size_t steps = 0; low > 0 && steps < 64; low--, steps++) {
    const struct symtab_entry *entry = &table->entries[low - 1];

    if (entry->reach <= address || (best && entry->start < best->start))
      break;
    if (entry->size ? address - entry->start < entry->size : address - entry->start < SIZELESS_REACH)
      /* Those of the same start come by rank, and we walk backwards. */
      if (!best || entry->rank <= best->rank)
        best = entry;
    /* One that has no size ends where the next begins: nothing before it can claim the address. */
    if (!entry->size && best == entry && (low < 2 || entry[-1].start != entry->start))
      break;
  }
  return best ? best->name : NULL;
}
