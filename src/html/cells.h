/* cells.h - the heat map as the page carries it. */
#ifndef WW_HTML_CELLS_H
#define WW_HTML_CELLS_H

#include <stdio.h>
#include "fold.h"

/* base64 of: the cells row by row, a byte each, 0 for never dirty, else the share of pages and epochs
 * on a logarithmic scale of CELLS_STEPS powers of two; in pieces. A piece is a control byte and: below 128,
 * one byte more than it says, as they are; up to 254, one byte that stands for (control - 125) of it;
 * 255, a length in bytes of 7 bits, the low ones first, and one byte that stands for so many. */
#define CELLS_STEPS 24

void cells_write(const struct summary_heat *heat, const struct fold *fold, FILE *out);

#endif
