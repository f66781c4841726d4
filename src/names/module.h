/* module.h - one ELF file, as the process that reads strangers' files has it open. */
#ifndef WW_NAMES_MODULE_H
#define WW_NAMES_MODULE_H

#include "names.h"

struct module;

struct module_places {
  size_t count;
  struct names_place place[NAMES_DEEP];
};

/* Never NULL but out of memory. *trouble: NULL, or a phrase. */
struct module *module_open(const char *path, const void *build_id, size_t id_length, uint64_t since,
                           const char **trouble);
/* `places` has at least one. Its texts live until the next call. */
void module_find(struct module *module, uint64_t offset, struct module_places *places);

#endif
