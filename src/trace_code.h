/* trace_code.h - async-signal-safe. Numbers and checksums as a trace has them. */
#ifndef WW_TRACE_CODE_H
#define WW_TRACE_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TRACE_NUMBER_MAX 10   /* bytes of a number */

static const unsigned char trace_magic[8] = { 0x89, 'W', 'W', 'T', '\r', '\n', 0x1a, '\n' };

/* A DIRTY run's tag; writewatch-trace(5). */
enum {
  TRACE_TAG_EVIDENCE = 7, TRACE_TAG_WRITTEN = 8, TRACE_TAG_THREAD = 16, TRACE_TAG_STACK = 32,
  TRACE_TAG_ONE = 64, TRACE_TAG_NEXT = 128
};

static inline void
trace_store32(unsigned char *to, uint32_t value)
{
  for (unsigned i = 0; i < 4; i++)
    to[i] = (unsigned char)(value >> 8 * i);
}

static inline void
trace_store64(unsigned char *to, uint64_t value)
{
  for (unsigned i = 0; i < 8; i++)
    to[i] = (unsigned char)(value >> 8 * i);
}

static inline uint32_t
trace_load32(const unsigned char *from)
{
  return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static inline uint64_t
trace_load64(const unsigned char *from)
{
  return trace_load32(from) | (uint64_t)trace_load32(from + 4) << 32;
}

/* Seven bits a byte, the lowest first; each byte but the last has its top bit set. */
static inline unsigned char *
trace_number_put(unsigned char *to, uint64_t number)
{
  for (; number >= 0x80; number >>= 7)
    *to++ = (unsigned char)(number | 0x80);
  *to++ = (unsigned char)number;
  return to;
}

/* NULL: it does not end before `end`, or is more than 64 bits. */
static inline const unsigned char *
trace_number_get(const unsigned char *at, const unsigned char *end, uint64_t *number)
{
  uint64_t value = 0;
  unsigned shift = 0;

  if (at < end && *at < 0x80) {
    *number = *at;
    return at + 1;
  }
  for (; at < end; shift += 7) {
    unsigned char byte = *at++;
    if (shift == 63 && byte > 1)
      return NULL;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) {
      *number = value;
      return at;
    }
  }
  return NULL;
}

/* Differences of either sign, the small ones small: 0, -1, 1, -2 ... */
static inline uint64_t
trace_fold(uint64_t difference)
{
  return difference << 1 ^ (0 - (difference >> 63));
}

static inline uint64_t
trace_unfold(uint64_t number)
{
  return number >> 1 ^ (0 - (number & 1));
}

/* Of a block: XXH3-64 of its payload, seeded with its type and length. */
uint64_t trace_sum(uint32_t type, const void *payload, uint32_t length);

#endif
