/* bitmap.h - async-signal-safe. Atomic sets of page numbers, with summaries above
 * them so that looking through a set costs what is in it, not its size. Pure.
 *
 * Level 0 has a bit a page; each level above has a bit for each word below that
 * may be other than zero. A setter goes from the top down: a bit that is there can
 * always be found, also where fork() catches the setter half-way. A set is emptied
 * only while nobody sets bits in it (the gate sees to that). */
#ifndef WW_BITMAP_H
#define WW_BITMAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BITMAP_LEVELS = 6 };  /* 64^6 pages: more than an address space has */

struct bitmap {
  size_t bits;
  unsigned levels;
  size_t bits_at[BITMAP_LEVELS];
  _Atomic uint64_t *level[BITMAP_LEVELS];
};

#define BITMAP_NONE SIZE_MAX

static inline size_t
bitmap_words(size_t bits)
{
  return bits / 64 + (bits % 64 != 0);
}

/* Bytes of zeroed memory that bitmap_init() wants. */
static inline size_t
bitmap_size(size_t bits)
{
  size_t words = 0;
  do {
    bits = bitmap_words(bits);
    words += bits;
  } while (bits > 1);
  return words * sizeof(uint64_t);
}

static inline void
bitmap_init(struct bitmap *map, size_t bits, void *zeroed)
{
  _Atomic uint64_t *words = zeroed;
  map->bits = bits;
  map->levels = 0;
  do {
    map->bits_at[map->levels] = bits;
    bits = bitmap_words(bits);
    map->level[map->levels++] = words;
    words += bits;
  } while (bits > 1);
}

static inline bool
bitmap_test(const struct bitmap *map, size_t bit)
{
  return atomic_load(&map->level[0][bit / 64]) >> (bit % 64) & 1;
}

static inline uint64_t
bitmap_word(const struct bitmap *map, size_t word)
{
  return atomic_load(&map->level[0][word]);
}

/* Set the bits of `mask` in a word; returns the word as it was. */
static inline uint64_t
bitmap_set_word(struct bitmap *map, size_t word, uint64_t mask)
{
  for (unsigned level = map->levels; level-- > 1;) {
    size_t below = word >> (6 * (level - 1));
    uint64_t bit = (uint64_t)1 << (below % 64);
    if (!(atomic_load(&map->level[level][below / 64]) & bit))
      atomic_fetch_or(&map->level[level][below / 64], bit);
  }
  return atomic_fetch_or(&map->level[0][word], mask);
}

/* True if the bit was not set before. */
static inline bool
bitmap_set(struct bitmap *map, size_t bit)
{
  uint64_t mask = (uint64_t)1 << (bit % 64);
  return !(bitmap_set_word(map, bit / 64, mask) & mask);
}

/* Bits first .. first+count-1 of word number `word`, as a mask. */
static inline uint64_t
bitmap_mask(size_t word, size_t first, size_t count)
{
  size_t begin = word * 64, last = first + count;
  uint64_t mask = ~(uint64_t)0;
  if (first > begin)
    mask &= ~(uint64_t)0 << (first - begin);
  if (last < begin + 64)
    mask &= ~(uint64_t)0 >> (begin + 64 - last);
  return mask;
}

/* The first set bit at or after `bit`, or BITMAP_NONE. */
static inline size_t
bitmap_next(const struct bitmap *map, size_t bit)
{
  size_t index = bit;
  unsigned level = 0;
  while (index < map->bits_at[level]) {
    size_t word = index / 64;
    uint64_t rest = atomic_load(&map->level[level][word]) & ~(uint64_t)0 << (index % 64);
    if (!rest) {
      /* Nothing in this word: up, and on behind it. */
      index = word + 1;
      if (++level == map->levels)
        break;
      continue;
    }
    index = word * 64 + (size_t)__builtin_ctzll(rest);
    if (level == 0)
      return index;
    level--;
    index *= 64;
  }
  return BITMAP_NONE;
}

/* The last set bit at or before `bit`, or BITMAP_NONE. */
static inline size_t
bitmap_previous(const struct bitmap *map, size_t bit)
{
  size_t index = bit;
  unsigned level = 0;
  for (;;) {
    if (index >= map->bits_at[level])
      index = map->bits_at[level] - 1;
    size_t word = index / 64;
    uint64_t rest = atomic_load(&map->level[level][word]) & ~(uint64_t)0 >> (63 - index % 64);
    if (!rest) {
      if (++level == map->levels || word == 0)
        return BITMAP_NONE;
      index = word - 1;
      continue;
    }
    index = word * 64 + 63 - (size_t)__builtin_clzll(rest);
    if (level == 0)
      return index;
    level--;
    index = index * 64 + 63;
  }
}

/* Empty the word and the summaries that lead to it alone; nobody sets bits meanwhile. */
static inline void
bitmap_clear_word(struct bitmap *map, size_t word)
{
  atomic_store(&map->level[0][word], 0);
  for (unsigned level = 1; level < map->levels; level++) {
    uint64_t bit = (uint64_t)1 << (word % 64);
    word /= 64;
    if (atomic_fetch_and(&map->level[level][word], ~bit) & ~bit)
      break;
  }
}

/* Unset the bits of `mask` in a word; nobody sets bits meanwhile. */
static inline void
bitmap_unset_word(struct bitmap *map, size_t word, uint64_t mask)
{
  uint64_t left = atomic_load(&map->level[0][word]) & ~mask;
  if (left)
    atomic_store(&map->level[0][word], left);
  else
    bitmap_clear_word(map, word);
}

#endif
