/* trace_sum.c - async-signal-safe. The checksum of a block.
 *
 * All of XXH3 is compiled in: libxxhash's own dispatcher writes to its data at the first call. */
#include "config.h"
#include "trace_code.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t
trace_sum(uint32_t type, const void *payload, uint32_t length)
{
  return XXH3_64bits_withSeed(payload, length, type | (uint64_t)length << 32);
}
