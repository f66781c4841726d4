/* jitmap.h - the functions that a JIT has made, as it told perf. */
#ifndef WW_NAMES_JITMAP_H
#define WW_NAMES_JITMAP_H

#include <stddef.h>
#include <stdint.h>

struct jitmap {
  char *text;               /* the file */
  struct jit_function {
    uint64_t start, size;
    uint64_t order;         /* the later one counts: code is thrown away and made anew */
    const char *name;
  } *functions;
  size_t count, room;
};

/* *trouble: NULL, or a phrase. -ENOMEM. */
int jitmap_read(struct jitmap *map, const char *path, uint64_t since, const char **trouble);
const char *jitmap_find(const struct jitmap *map, uint64_t address);   /* or NULL */
void jitmap_free(struct jitmap *map);

#endif
