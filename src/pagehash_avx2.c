/* pagehash_avx2.c - async-signal-safe. pagehash.c's hash with AVX2, where there is any. */
#include "config.h"

#ifdef __x86_64__
# ifdef __clang__   /* which has another pragma for it, and wants the types declared before */
#  include <immintrin.h>
#  pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
# else
#  pragma GCC target("avx2")
# endif
# define XXH_VECTOR 2   /* XXH_AVX2 */
# define XXH_INLINE_ALL
# include <xxhash.h>
# include "pagehash.h"
# include <immintrin.h>

struct page_hash page_hash_avx2(const void *page, size_t size);

struct page_hash
page_hash_avx2(const void *page, size_t size)
{
  XXH128_hash_t hash = XXH3_128bits(page, size);
  /* gcc 12 forgets it in functions that get AVX2 by a pragma. Without it the program's own SSE code is
   * several times slower from here on: the upper halves of the registers count as in use. */
  _mm256_zeroupper();
  return (struct page_hash){ hash.low64, hash.high64 };
}
# ifdef __clang__
#  pragma clang attribute pop
# endif
#else
typedef int nothing_here;
#endif
