/* unit.h - what debug information says of an address: lines, and functions inlined. */
#ifndef WW_NAMES_UNIT_H
#define WW_NAMES_UNIT_H

#include "module.h"
#include "report-index.h"

#include <elfutils/libdwfl.h>

struct unit;

struct units {
  struct unit *units;
  size_t count, room;
  struct report_index by_offset;
  struct unit_range *ranges;   /* of all units, by address; read when one is missed in the index that */
  size_t ranges_count, ranges_room;   /* the compiler made */
  bool   ranges_read;
};

/* Fills in `places`, innermost first, as far as it is known: count 0 if nothing is. Functions are
 * as the compiler has them, linkage names where there are such. The texts live as long as the module. */
void units_find(struct units *units, Dwfl_Module *module, uint64_t address, struct module_places *places);

#endif
