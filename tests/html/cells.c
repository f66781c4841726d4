/* cells.c - what the page carries of the heat map is what the map was, but for what is never dirty, and never
 * too large. */
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

static struct summary_heat
invent(uint32_t rows, uint32_t columns)
{
  struct summary_heat heat = { .rows = rows, .columns = columns };

  heat.cells = calloc((size_t)rows * columns, sizeof(*heat.cells));
  heat.epoch = calloc(columns + 1, sizeof(*heat.epoch));
  heat.row = calloc(rows, sizeof(*heat.row));
  for (uint32_t i = 0; i <= columns; i++)
    heat.epoch[i] = 3 * i;
  for (uint32_t i = 0; i < rows; i++)
    heat.row[i] = (struct summary_row){ .region = 1 + i / 1000, .page = 100u * i, .pages = 100 };
  return heat;
}

static void
discard(struct summary_heat *heat)
{
  free(heat->cells);
  free(heat->epoch);
  free(heat->row);
}

/* Each of the summary's rows is in the page, in one place, in order; what is folded away is empty. */
static bool
is_whole(const struct summary_heat *heat, const struct fold *fold)
{
  uint32_t next = 0;

  for (uint32_t i = 0; i < fold->count; i++) {
    const struct fold_row *row = &fold->rows[i];
    uint64_t pages = 0;

    if (i > 0 && row->gap && row->begin == fold->rows[i - 1].begin)
      continue;   /* as the one before */
    if (row->begin != next || row->end <= row->begin)
      return false;
    for (uint32_t k = row->begin; k < row->end; k++) {
      pages += heat->row[k].pages;
      if (heat->row[k].region != heat->row[row->begin].region)
        return false;
      for (uint32_t column = 0; row->gap && column < heat->columns; column++)
        if (heat->cells[(size_t)k * heat->columns + column])
          return false;
    }
    if (pages != row->pages)
      return false;
    next = row->end;
  }
  return next == heat->rows;
}

static double
share_in(const struct summary_heat *heat, const struct fold_row *row, uint32_t column)
{
  double sum = 0;

  for (uint32_t k = row->begin; k < row->end; k++)
    sum += heat->cells[(size_t)k * heat->columns + column];
  return sum / (3.0 * (double)row->pages);
}

/* `density`: of 100 cells so many are dirty, in runs of up to `longest`. */
static void
trial(uint64_t *state, uint32_t rows, uint32_t columns, unsigned density, unsigned longest)
{
  size_t count = (size_t)rows * columns, wrong = 0, length = 0, shown;
  struct summary_heat heat = invent(rows, columns);
  unsigned char *cells;
  struct fold fold;
  char *text = NULL;
  FILE *out = open_memstream(&text, &length);

  for (size_t i = 0; i < count; ) {
    uint32_t value = tap_random(state) % 100 < density ? 1 + (uint32_t)(tap_random(state) % 300) : 0;
    for (unsigned run = 1 + (unsigned)(tap_random(state) % longest); run > 0 && i < count; run--)
      heat.cells[i++] = value;
  }
  if (fold_make(&fold, &heat))
    exit(99);
  ok(is_whole(&heat, &fold), "%u x %u, %u %% dirty: %u rows, and all is in them", columns, rows, density,
     fold.count);
  shown = (size_t)fold.count * columns;
  cells = calloc(shown, 1);
  cells_write(&heat, &fold, out);
  fclose(out);
  ok(unpack(text, length, cells, shown) == shown, "all cells are there");
  for (size_t i = 0; i < shown; i++) {
    const struct fold_row *row = &fold.rows[i / columns];
    double share = cells[i] ? pow(2, (cells[i] / 255.0 - 1) * CELLS_STEPS) : 0;
    double is = row->gap ? 0 : share_in(&heat, row, (uint32_t)(i % columns));
    wrong += (share > 0) != (is > 0) || fabs(share - is) > 0.04 * is;
  }
  ok(wrong == 0, "and each has its share, to 4 %%");
  ok(length < 15000000, "%zu bytes", length);
  free(text);
  free(cells);
  fold_free(&fold);
  discard(&heat);
}

/* A page in gigabytes, at both ends and in the midst of them. */
static void
folds_what_is_never_dirty(void)
{
  struct summary_heat heat = invent(1000, 10);
  struct fold fold;

  heat.cells[0] = heat.cells[500 * 10 + 3] = heat.cells[999 * 10 + 9] = 1;
  fold_make(&fold, &heat);
  ok(fold.count >= 5 && fold.count < 20 && is_whole(&heat, &fold),
     "1000 rows of which 3 are dirty: %u are left", fold.count);
  fold_free(&fold);
  discard(&heat);
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
  trial(&state, HTML_ROWS, 100, 1, 20000);
  folds_what_is_never_dirty();
  return tap_done();
}
