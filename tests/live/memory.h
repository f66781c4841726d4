/* memory.h - memory of all the kinds that a region can be of, for tests. */
#ifndef WW_TEST_MEMORY_H
#define WW_TEST_MEMORY_H

#include <stddef.h>

enum memory_kind {
  MEMORY_PRIVATE, MEMORY_SHARED, MEMORY_FILE_PRIVATE, MEMORY_FILE_SHARED, MEMORY_NORESERVE, MEMORY_MIXED,
  MEMORY_HUGETLB, MEMORY_KINDS
};

extern const char *const memory_names[MEMORY_KINDS];

/* `*length` bytes, rounded up to what the kind needs; all of it writable. NULL and a
 * reason if this machine has none of that kind. */
void *memory_map(enum memory_kind kind, size_t *length, const char **reason);
/* The protections of [memory, memory + length) as /proc/self/maps has them, a line a
 * stretch: "offset-offset rwxp". In a static buffer. */
const char *memory_protections(const void *memory, size_t length);

#endif
