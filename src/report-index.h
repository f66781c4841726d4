/* report-index.h - from a key's hash to its position in a table of its owner. */
#ifndef WW_REPORT_INDEX_H
#define WW_REPORT_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPORT_NOWHERE UINT32_MAX

/* All zeroes is an empty index. */
struct report_index {
  struct { uint32_t hash, position; } *slots;   /* REPORT_NOWHERE: free */
  size_t room;                                  /* a power of two, or 0 */
  size_t used;
};

/* Does `key` stand at `position` of `table`? */
typedef bool report_match(const void *table, uint32_t position, const void *key);

uint32_t report_index_find(const struct report_index *index, uint32_t hash, report_match *match,
                           const void *table, const void *key);
int      report_index_add(struct report_index *index, uint32_t hash, uint32_t position);  /* or -ENOMEM */
void     report_index_free(struct report_index *index);

uint32_t report_hash(uint64_t seed, const uint64_t *words, size_t count);
uint32_t report_hash_text(uint64_t seed, const char *text);

/* Make room for `need` members of `size` bytes each in *table (a pointer), which
 * has room for *room; or -ENOMEM, and *table as it was. */
int report_grow(void *table, size_t need, size_t *room, size_t size);

#endif
