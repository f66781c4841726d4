/* unit.c - what debug information says of an address. Each compilation unit is walked once, the
 * first time that an address lies in it. */
#include "config.h"
#include "unit.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>

#define DEEPEST 256u        /* tags within each other: damage beyond */
#define MOST    (1u << 22)  /* ranges of a unit: damage beyond */

/* Code of a function, or of one inlined into it. */
struct block {
  uint64_t  low, high;
  Dwarf_Die die;
};

struct function {
  uint64_t low, high;
  Dwarf_Die die;
  size_t   first, last;     /* its inlined ones, the outer before the inner */
};

struct unit {
  Dwarf_Off offset;
  Dwarf_Die die;            /* whose lines count */
  struct function *functions;
  size_t functions_count, functions_room;
  struct block *inlined;
  size_t inlined_count, inlined_room;
};

struct unit_range {
  uint64_t  low, high;
  Dwarf_Die die;
};

static void
add_function(struct unit *unit, Dwarf_Die *die, size_t first)
{
  ptrdiff_t at = 0;
  Dwarf_Addr base, low, high;

  while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
    if (low >= high || unit->functions_count >= MOST
        || report_grow(&unit->functions, unit->functions_count + 1, &unit->functions_room,
                       sizeof(*unit->functions)))
      continue;
    unit->functions[unit->functions_count++] =
      (struct function){ .low = low, .high = high, .die = *die, .first = first, .last = unit->inlined_count };
  }
}

static void
add_inlined(struct unit *unit, Dwarf_Die *die)
{
  ptrdiff_t at = 0;
  Dwarf_Addr base, low, high;

  while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
    if (low >= high || unit->inlined_count >= MOST
        || report_grow(&unit->inlined, unit->inlined_count + 1, &unit->inlined_room, sizeof(*unit->inlined)))
      continue;
    unit->inlined[unit->inlined_count++] = (struct block){ .low = low, .high = high, .die = *die };
  }
}

/* All that lies in `parent`: functions into functions, inlined ones into inlined. */
static void
walk(struct unit *unit, Dwarf_Die *parent, unsigned depth)
{
  Dwarf_Die die;

  if (depth > DEEPEST || dwarf_child(parent, &die) != 0)
    return;
  do {
    size_t first;

    switch (dwarf_tag(&die)) {
      case DW_TAG_subprogram:
        first = unit->inlined_count;
        walk(unit, &die, depth + 1);
        add_function(unit, &die, first);
        break;
      case DW_TAG_inlined_subroutine:
        add_inlined(unit, &die);
        walk(unit, &die, depth + 1);
        break;
      case DW_TAG_lexical_block:
      case DW_TAG_namespace:
      case DW_TAG_module:
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
      case DW_TAG_union_type:
      case DW_TAG_enumeration_type:   /* Rust's have methods */
      case DW_TAG_interface_type:
      case DW_TAG_imported_unit:
      case DW_TAG_try_block:
      case DW_TAG_catch_block:
      case DW_TAG_with_stmt:
        walk(unit, &die, depth + 1);
        break;
      default:
        break;
    }
  } while (dwarf_siblingof(&die, &die) == 0);
}

static int
by_low(const void *a, const void *b)
{
  const struct function *one = a, *other = b;

  if (one->low != other->low)
    return one->low < other->low ? -1 : 1;
  /* The wider first, so that the last that begins before an address is the narrowest. */
  return one->high == other->high ? 0 : one->high > other->high ? -1 : 1;
}

static bool
same_offset(const void *table, uint32_t position, const void *key)
{
  return ((const struct unit *)table)[position].offset == *(const Dwarf_Off *)key;
}

static struct unit *
unit_of(struct units *units, Dwarf_Die *die)
{
  Dwarf_Off offset = dwarf_dieoffset(die);
  uint64_t word = offset;
  uint32_t hash = report_hash(7, &word, 1);
  uint32_t position = report_index_find(&units->by_offset, hash, same_offset, units->units, &offset);
  struct unit *unit;
  Dwarf_Die whole, split;
  uint8_t kind = 0;

  if (position != REPORT_NOWHERE)
    return &units->units[position];
  if (units->count >= INT32_MAX
      || report_grow(&units->units, units->count + 1, &units->room, sizeof(*units->units))
      || report_index_add(&units->by_offset, hash, (uint32_t)units->count))
    return NULL;
  unit = &units->units[units->count++];
  *unit = (struct unit){ .offset = offset, .die = *die };
  if (dwarf_cu_info(die->cu, NULL, &kind, &whole, &split, NULL, NULL, NULL) == 0 && kind == DW_UT_skeleton
      && dwarf_tag(&split) == DW_TAG_compile_unit)
    walk(unit, &split, 0);
  else
    walk(unit, die, 0);
  if (unit->functions_count)
    qsort(unit->functions, unit->functions_count, sizeof(*unit->functions), by_low);
  return unit;
}

static int
by_range(const void *a, const void *b)
{
  const struct unit_range *one = a, *other = b;

  return one->low == other->low ? 0 : one->low < other->low ? -1 : 1;
}

/* Where the compiler made no table of addresses, as clang does not, libdwfl before 0.192 finds no
 * unit: then we make one of our own. */
static void
read_ranges(struct units *units, Dwfl_Module *module)
{
  Dwarf_Die *die = NULL;
  Dwarf_Addr bias, base, low, high;

  units->ranges_read = true;
  while ((die = dwfl_module_nextcu(module, die, &bias))) {
    ptrdiff_t at = 0;

    while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0)
      if (low < high && units->ranges_count < MOST
          && report_grow(&units->ranges, units->ranges_count + 1, &units->ranges_room,
                         sizeof(*units->ranges)) == 0)
        units->ranges[units->ranges_count++] =
          (struct unit_range){ .low = low + bias, .high = high + bias, .die = *die };
  }
  if (units->ranges_count)
    qsort(units->ranges, units->ranges_count, sizeof(*units->ranges), by_range);
}

static Dwarf_Die *
find_unit(struct units *units, Dwfl_Module *module, uint64_t address, Dwarf_Addr *bias)
{
  Dwarf_Die *die = dwfl_module_addrdie(module, address, bias);
  size_t low = 0, high;

  if (die || !dwfl_module_getdwarf(module, bias))
    return die;
  if (!units->ranges_read)
    read_ranges(units, module);
  for (high = units->ranges_count; low < high; ) {
    size_t middle = low + (high - low) / 2;
    if (units->ranges[middle].low <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low > 0 && address < units->ranges[low - 1].high ? &units->ranges[low - 1].die : NULL;
}

static const struct function *
find_function(const struct unit *unit, uint64_t address)
{
  size_t low = 0, high = unit->functions_count, steps;

  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (unit->functions[middle].low <= address)
      low = middle + 1;
    else
      high = middle;
  }
  /* A function within a function (Fortran, GNU C) may end before. */
  for (steps = 0; low > 0 && steps < 64; low--, steps++)
    if (address < unit->functions[low - 1].high)
      return &unit->functions[low - 1];
  return NULL;
}

static const char *
name_of(Dwarf_Die *die)
{
  Dwarf_Attribute attribute;
  const char *name = NULL;

  if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute)
      || dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute))
    name = dwarf_formstring(&attribute);
  return name ? name : dwarf_diename(die);
}

static uint32_t
number_of(Dwarf_Die *die, unsigned name)
{
  Dwarf_Attribute attribute;
  Dwarf_Word value;

  if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0 || value > INT32_MAX)
    return 0;
  return (uint32_t)value;
}

/* Where `inlined` was called, into `place`, whose function it was inlined into. */
static void
set_call(struct names_place *place, Dwarf_Die *unit, Dwarf_Die *inlined)
{
  Dwarf_Files *files;
  size_t count;
  uint32_t file = number_of(inlined, DW_AT_call_file);

  if (dwarf_getsrcfiles(unit, &files, &count) == 0 && file < count)
    place->file = dwarf_filesrc(files, file, NULL, NULL);
  place->line = number_of(inlined, DW_AT_call_line);
}

void
units_find(struct units *units, Dwfl_Module *module, uint64_t address, struct module_places *places)
{
  Dwarf_Addr bias = 0;
  Dwarf_Die *die = find_unit(units, module, address, &bias);
  const struct function *function;
  struct unit *unit;
  Dwarf_Line *line;
  Dwarf_Die chain[NAMES_DEEP];
  size_t depth = 0, i;

  places->count = 0;
  if (!die || !(unit = unit_of(units, die)))
    return;
  address -= bias;
  function = find_function(unit, address);
  if (function) {
    chain[depth++] = function->die;
    for (i = function->first; i < function->last && depth < NAMES_DEEP; i++)
      if (unit->inlined[i].low <= address && address < unit->inlined[i].high)
        chain[depth++] = unit->inlined[i].die;
  }
  places->place[0] = (struct names_place){ 0 };
  line = dwarf_getsrc_die(&unit->die, address);
  if (line) {
    int number = 0;
    places->place[0].file = dwarf_linesrc(line, NULL, NULL);
    if (dwarf_lineno(line, &number) == 0 && number > 0)
      places->place[0].line = (uint32_t)number;
  }
  places->count = depth;
  for (i = 0; i < depth; i++) {
    if (i > 0) {
      places->place[i] = (struct names_place){ 0 };
      set_call(&places->place[i], &unit->die, &chain[depth - i]);
    }
    places->place[i].function = name_of(&chain[depth - 1 - i]);
  }
  if (depth == 0 && places->place[0].file)
    places->count = 1;
}
