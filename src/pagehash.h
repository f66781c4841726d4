/* pagehash.h - async-signal-safe. What a page holds, in 128 bits (XXH3, from xxHash). */
#ifndef WW_PAGEHASH_H
#define WW_PAGEHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct page_hash { uint64_t low, high; };

struct page_hash page_hash(const void *page, size_t size);

static inline bool
page_hash_equal(struct page_hash a, struct page_hash b)
{
  return a.low == b.low && a.high == b.high;
}

#endif
