/* place.h - a directory for a test's chains, and away with it; what was saved, found again. */
#ifndef WW_TEST_PLACE_H
#define WW_TEST_PLACE_H

#include "writewatch-checkpoint.h"

#include <stddef.h>

/* A new directory, which place_remove() removes with all files in it (one level of directories). */
char *place_make(void);
void  place_remove(const char *path);
/* The path of a checkpoint in a chain; static storage. */
const char *place_file(const char *chain, unsigned long long generation);
/* All bytes of a file, malloc()ed; and such bytes made a file. */
char *place_read(const char *path, size_t *length);
void  place_write(const char *path, const void *bytes, size_t length);

/* What a restore into fresh memory gave: up to so many regions, by ascending id. */
enum { FOUND_MAX = 64 };
struct found {
  size_t count;
  struct { char name[64]; uintptr_t was; size_t length; char *memory; } region[FOUND_MAX];
  struct ww_restore_info info;
};
/* Generation 0: the newest. What ww_chain_restore() returned. */
int  found_restore(struct found *found, ww_chain *chain, uint64_t generation);
void found_free(struct found *found);

#endif
