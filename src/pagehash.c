/* pagehash.c - async-signal-safe. What a page holds, in 128 bits.
 *
 * Compiled without sanitizers (local.mk): it reads whole pages of the program's, freed
 * and foreign bytes among them, while others may be writing.
 *
 * XXH3 is faster the wider the processor's vectors are, up to AVX2: 4 KiB from the second
 * cache took 209 ns with SSE2, 80 with AVX2 and 80 with AVX-512 (xxHash 0.8.1, Zen 4). So it is
 * compiled twice (pagehash_avx2.c), and which one is used is decided once, when the library is
 * loaded. libxxhash has a dispatcher of its own, which decides at the first call, and so writes
 * to that library's data when it may be watched already. */
#include "config.h"
#include "pagehash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#ifdef __x86_64__
struct page_hash page_hash_avx2(const void *page, size_t size);
#endif

static struct page_hash
page_hash_baseline(const void *page, size_t size)
{
  XXH128_hash_t hash = XXH3_128bits(page, size);
  return (struct page_hash){ hash.low64, hash.high64 };
}

static struct page_hash (*chosen)(const void *page, size_t size) = page_hash_baseline;

#ifdef __x86_64__
static void __attribute__((constructor))
choose(void)
{
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2"))
    chosen = page_hash_avx2;
}
#endif

struct page_hash
page_hash(const void *page, size_t size)
{
  return chosen(page, size);
}
