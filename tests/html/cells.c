/* cells.c - what the page carries of the heat map is what the map was, and never too large. */
#include "config.h"
#include "html/cells.h"
#include "html/html.h"
#include "../tap.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* Another's reading of it: base64, then pieces. */
static size_t
unpack(const char *text, size_t length, unsigned char *cells, size_t room)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  unsigned char *packed = malloc(length + 4);
  size_t size = 0, from = 0, to = 0;

  for (size_t i = 0; i + 4 <= length; i += 4) {
    uint32_t group = 0;
    unsigned padding = 0;
    for (size_t k = 0; k < 4; k++) {
      const char *digit = strchr(digits, text[i + k]);
      padding += text[i + k] == '=';
      group = group << 6 | (text[i + k] == '=' || !digit ? 0 : (uint32_t)(digit - digits));
    }
    for (unsigned k = 0; k < 3 - padding; k++)
      packed[size++] = (unsigned char)(group >> (16 - 8 * k));
  }
  while (from < size) {
    unsigned control = packed[from++];
    uint64_t count = control < 128 ? control + 1 : control - 125;

    if (control == 255) {
      unsigned shift = 0;
      count = 0;
      do
        count |= (uint64_t)(packed[from] & 127) << shift, shift += 7;
      while (packed[from++] & 128);
    }
    if (to + count > room)
      break;
    for (uint64_t i = 0; i < count; i++)
      cells[to++] = control < 128 ? packed[from++] : packed[from];
    from += control >= 128;
  }
  free(packed);
  return to;
}

/* `density`: of 100 cells so many are dirty, in runs of up to `longest`. */
static void
trial(uint64_t *state, uint32_t rows, uint32_t columns, unsigned density, unsigned longest)
{
  size_t count = (size_t)rows * columns, wrong = 0, length = 0;
  struct summary_heat heat = { .rows = rows, .columns = columns };
  unsigned char *cells = calloc(count, 1);
  char *text = NULL;
  FILE *out = open_memstream(&text, &length);

  heat.cells = calloc(count, sizeof(*heat.cells));
  heat.epoch = calloc(columns + 1, sizeof(*heat.epoch));
  heat.row = calloc(rows, sizeof(*heat.row));
  for (uint32_t i = 0; i <= columns; i++)
    heat.epoch[i] = 3 * i;
  for (uint32_t i = 0; i < rows; i++)
    heat.row[i] = (struct summary_row){ .region = 1, .page = 100u * i, .pages = 100 };
  for (size_t i = 0; i < count; ) {
    uint32_t value = tap_random(state) % 100 < density ? 1 + (uint32_t)(tap_random(state) % 300) : 0;
    for (unsigned run = 1 + (unsigned)(tap_random(state) % longest); run > 0 && i < count; run--)
      heat.cells[i++] = value;
  }
  cells_write(&heat, out);
  fclose(out);
  if (!ok(unpack(text, length, cells, count) == count, "%u x %u, %u %% dirty: all cells are there", columns,
          rows, density))
    printf("# %zu bytes\n", length);
  for (size_t i = 0; i < count; i++) {
    double share = cells[i] ? pow(2, (cells[i] / 255.0 - 1) * CELLS_STEPS) : 0, is = heat.cells[i] / 300.0;
    wrong += (cells[i] == 0) != (heat.cells[i] == 0) || fabs(share - is) > 0.04 * is;
  }
  ok(wrong == 0, "and each has its share, to 4 %%");
  ok(length < 11800000, "%zu bytes", length);
  free(text);
  free(cells);
  free(heat.cells);
  free(heat.epoch);
  free(heat.row);
}

int
main(int argc, char **argv)
{
  uint64_t state = tap_seed(argc, argv, (uint64_t)time(NULL));

  trial(&state, 1, 1, 100, 1);
  trial(&state, 7, 13, 50, 200);
  trial(&state, 64, 1000, 5, 5000);
  trial(&state, 100, 131, 50, 4);
  trial(&state, HTML_ROWS, HTML_COLUMNS, 99, 1);
  return tap_done();
}
