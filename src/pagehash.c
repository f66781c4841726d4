/* pagehash.c - async-signal-safe. What a page holds, in 128 bits.
 *
 * Compiled without sanitizers (local.mk): it reads whole pages of the program's, freed
 * and foreign bytes among them, while others may be writing. */
#include "config.h"
#include "pagehash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

struct page_hash
page_hash(const void *page, size_t size)
{
  XXH128_hash_t hash = XXH3_128bits(page, size);
  return (struct page_hash){ hash.low64, hash.high64 };
}
