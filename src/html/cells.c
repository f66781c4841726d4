/* cells.c - the heat map as the page carries it: a byte a cell, packed. */
#include "config.h"
#include "cells.h"

#include <math.h>
#include <stdint.h>

struct packer {
  FILE    *out;
  uint32_t group;          /* of base64: up to three bytes */
  unsigned bytes;
  unsigned char pending[128];   /* literal */
  unsigned pending_count;
  unsigned char value;     /* of the run that grows */
  uint64_t length;         /* of it */
};

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void
put(struct packer *packer, unsigned byte)
{
  packer->group = packer->group << 8 | byte;
  if (++packer->bytes < 3)
    return;
  for (int shift = 18; shift >= 0; shift -= 6)
    putc(digits[packer->group >> shift & 63], packer->out);
  packer->group = packer->bytes = 0;
}

static void
finish(struct packer *packer)
{
  unsigned missing = (3 - packer->bytes) % 3;

  if (missing == 0)
    return;
  packer->group <<= 8 * missing;
  for (unsigned i = 0; i < 4; i++)
    putc(i < 4 - missing ? digits[packer->group >> (18 - 6 * i) & 63] : '=', packer->out);
}

static void
put_literals(struct packer *packer)
{
  if (packer->pending_count == 0)
    return;
  put(packer, packer->pending_count - 1);
  for (unsigned i = 0; i < packer->pending_count; i++)
    put(packer, packer->pending[i]);
  packer->pending_count = 0;
}

static void
put_run(struct packer *packer)
{
  uint64_t length = packer->length;

  packer->length = 0;
  if (length < 3) {
    while (length-- > 0) {
      if (packer->pending_count == sizeof packer->pending)
        put_literals(packer);
      packer->pending[packer->pending_count++] = packer->value;
    }
    return;
  }
  put_literals(packer);
  if (length <= 254 - 125) {
    put(packer, (unsigned)length + 125);
  } else {
    put(packer, 255);
    for (; length >= 128; length >>= 7)
      put(packer, (unsigned)(length & 127) | 128);
    put(packer, (unsigned)length);
  }
  put(packer, packer->value);
}

static void
take(struct packer *packer, unsigned char value)
{
  if (packer->length > 0 && packer->value != value)
    put_run(packer);
  packer->value = value;
  packer->length++;
}

static unsigned char
level_of(uint64_t cell, double most)
{
  double level;

  if (cell == 0)
    return 0;
  level = round(255 * (1 + log2((double)cell / most) / CELLS_STEPS));
  return level < 1 ? 1 : level > 255 ? 255 : (unsigned char)level;
}

static void
take_row(struct packer *packer, const struct summary_heat *heat, const struct fold_row *row)
{
  for (uint32_t column = 0; column < heat->columns; column++) {
    double most = (double)(heat->epoch[column + 1] - heat->epoch[column]) * (double)row->pages;
    uint64_t sum = 0;

    for (uint32_t from = row->begin; !row->gap && from < row->end; from++)
      sum += heat->cells[(size_t)from * heat->columns + column];
    take(packer, level_of(sum, most > 1 ? most : 1));
  }
}

void
cells_write(const struct summary_heat *heat, const struct fold *fold, FILE *out)
{
  struct packer packer = { .out = out };

  for (uint32_t row = 0; row < fold->count; row++)
    take_row(&packer, heat, &fold->rows[row]);
  put_run(&packer);
  put_literals(&packer);
  finish(&packer);
}
