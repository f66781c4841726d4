/* symtab.h - the functions of a file by address. */
#ifndef WW_NAMES_SYMTAB_H
#define WW_NAMES_SYMTAB_H

#include <stddef.h>
#include <stdint.h>
#include <elfutils/libdwfl.h>

struct symtab_entry {
  uint64_t    start, size;
  const char *name;
  unsigned    rank;      /* of several at one address the lowest is shown */
  uint64_t    reach;     /* the highest end of this one and all before it */
};

struct symtab {
  struct symtab_entry *entries;
  size_t count, room;
};

/* What memory does not suffice for is left out. */
void symtab_read(struct symtab *table, Dwfl_Module *module);
/* NULL: none that `address` is in. */
const char *symtab_find(const struct symtab *table, uint64_t address);

#endif
