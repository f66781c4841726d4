/* fft.c - the two-dimensional Fourier transform of an image and back again, in
 * place, a quarter of the rows or of the columns an epoch.
 *
 * Sixteen epochs make a cycle: rows, columns, columns back, rows back. The row
 * epochs write one block of pages; the column epochs, with the default size, every
 * fourth page. Threads take rows or columns in turn. All transforms are unitary, so
 * the energy stays the same (Parseval), and after each cycle the image is back.
 *
 * Checked three ways: the energy; the rest of the cycle run on a copy gives the
 * image back; and some values against the sum that defines the transform. */
#include "config.h"
#include "workload.h"

#include <complex.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MINIMUM_PAGES = 1, QUARTERS = 4, CYCLE = 4 * QUARTERS, SAMPLES = 6 };
enum { ROWS, COLUMNS, COLUMNS_BACK, ROWS_BACK };  /* a cycle's phases */

struct fft {
  size_t          rows, columns;  /* powers of two, columns >= rows */
  double complex *image;          /* tracked */
  double complex *roots;          /* exp(-2 pi i k / columns) */
  double complex *line;           /* a column for each thread */
  unsigned        epoch;          /* the last one done; written by thread 0 */
};

/* C11's CMPLX, which not every compiler and library have between them. */
static inline double complex
complex_of(double re, double im)
{
  return re + im * I;
}

/* Row `row` of the image: uniform in the square [-1, 1) x [-1, 1) i. */
static void
draw_row(uint64_t seed, size_t row, size_t columns, double complex *out)
{
  uint64_t state = seed;

  state = workload_random(&state) + row * 0xd1342543de82ef95u;
  for (size_t j = 0; j < columns; j++) {
    double re = (double)(workload_random(&state) >> 11) * 0x1p-52 - 1;
    double im = (double)(workload_random(&state) >> 11) * 0x1p-52 - 1;

    out[j] = complex_of(re, im);
  }
}

/* x y without the care for infinities that `*` takes. */
static inline double complex
times(double complex x, double complex y)
{
  return complex_of(creal(x) * creal(y) - cimag(x) * cimag(y), creal(x) * cimag(y) + cimag(x) * creal(y));
}

/* Unitary transform of n values in place; `back`: the inverse. Decimation in time. */
static void
transform(const struct fft *fft, double complex *x, size_t n, bool back)
{
  double scale = 1 / sqrt((double)n);

  for (size_t i = 1, reversed = 0; i < n; i++) {
    size_t bit = n >> 1;

    for (; reversed & bit; bit >>= 1)
      reversed ^= bit;
    reversed ^= bit;
    if (i < reversed) {
      double complex value = x[i];

      x[i] = x[reversed];
      x[reversed] = value;
    }
  }
  for (size_t half = 1; half < n; half *= 2) {
    size_t stride = fft->columns / (2 * half);

    for (size_t first = 0; first < n; first += 2 * half)
      for (size_t k = 0; k < half; k++) {
        double complex root = fft->roots[k * stride];
        double complex even = x[first + k];
        double complex odd = times(x[first + k + half], back ? conj(root) : root);

        x[first + k] = even + odd;
        x[first + k + half] = even - odd;
      }
  }
  for (size_t i = 0; i < n; i++)
    x[i] *= scale;
}

/* Epoch 0 .. CYCLE - 1 of a cycle on `image`: every `step`th line from `begin` on. */
static void
part_of_cycle(const struct fft *fft, double complex *image, unsigned part, size_t begin, size_t step,
              double complex *line)
{
  unsigned phase = part / QUARTERS, quarter = part % QUARTERS;
  bool back = phase == COLUMNS_BACK || phase == ROWS_BACK, by_rows = phase == ROWS || phase == ROWS_BACK;
  size_t lines = by_rows ? fft->rows : fft->columns, end = lines * (quarter + 1) / QUARTERS;

  for (size_t k = lines * quarter / QUARTERS + begin; k < end; k += step)
    if (by_rows) {
      transform(fft, image + k * fft->columns, fft->columns, back);
    } else {
      for (size_t i = 0; i < fft->rows; i++)
        line[i] = image[i * fft->columns + k];
      transform(fft, line, fft->rows, back);
      for (size_t i = 0; i < fft->rows; i++)
        image[i * fft->columns + k] = line[i];
    }
}

static void
fft_teardown(struct workload_run *run)
{
  struct fft *fft = run->state;

  if (fft) {
    free(fft->roots);
    free(fft->line);
  }
  free(fft);
  run->state = NULL;
}

static int
fft_setup(struct workload_run *run)
{
  struct fft *fft;
  size_t most = run->pages * run->page_size / sizeof(double complex);

  if (run->pages < MINIMUM_PAGES)
    return workload_fail(run, -EINVAL, "needs at least %d page (--pages), not %zu",
                         MINIMUM_PAGES, run->pages);
  fft = run->state = calloc(1, sizeof *fft);
  if (!fft)
    return workload_fail(run, -ENOMEM, "no memory for the state of fft");
  fft->rows = fft->columns = 1;
  while (fft->rows * fft->columns <= most / 2)
    if (fft->columns > fft->rows)
      fft->rows *= 2;
    else
      fft->columns *= 2;
  fft->image = workload_memory(run, "image", fft->rows * fft->columns * sizeof *fft->image);
  if (!fft->image) {
    fft_teardown(run);
    return -ENOMEM;
  }
  fft->roots = malloc(fft->columns * sizeof *fft->roots);
  fft->line = malloc(run->threads * fft->rows * sizeof *fft->line);
  if (!fft->roots || !fft->line) {
    fft_teardown(run);
    return workload_fail(run, -ENOMEM, "no memory for the tables of fft");
  }
  for (size_t k = 0; k < fft->columns; k++)
    fft->roots[k] = cexp(complex_of(0, -2 * acos(-1) * (double)k / (double)fft->columns));
  for (size_t i = 0; i < fft->rows; i++)
    draw_row(run->seed, i, fft->columns, fft->image + i * fft->columns);
  return 0;
}

static int
fft_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  struct fft *fft = run->state;

  part_of_cycle(fft, fft->image, (epoch - 1) % CYCLE, thread, run->threads, fft->line + thread * fft->rows);
  if (thread == 0)
    fft->epoch = epoch;
  return 0;
}

static void
fft_keeps(struct workload_run *run, workload_keep *keep, void *context)
{
  struct fft *fft = run->state;

  keep(context, &fft->epoch, sizeof fft->epoch);
}

/* What (i, j) must be after `parts` parts of a cycle, by the definition of the
 * transform; `row` is room for a row. */
static double complex
defined(struct workload_run *run, unsigned parts, size_t i, size_t j, double complex *row)
{
  struct fft *fft = run->state;
  size_t rows = fft->rows, columns = fft->columns;
  unsigned row_part = (unsigned)(i * QUARTERS / rows), column_part = (unsigned)(j * QUARTERS / columns);
  bool by_row = parts > row_part && parts <= QUARTERS * ROWS_BACK + row_part;
  bool by_column = parts > QUARTERS * COLUMNS + column_part && parts <= QUARTERS * COLUMNS_BACK + column_part;
  double complex sum = 0;

  for (size_t r = by_column ? 0 : i; r < (by_column ? rows : i + 1); r++) {
    double complex part = 0;
    double turn = -2 * acos(-1) * (double)(r * i % rows) / (double)rows;

    draw_row(run->seed, r, columns, row);
    for (size_t c = 0; by_row && c < columns; c++)
      part += times(row[c], cexp(complex_of(0, -2 * acos(-1) * (double)(c * j % columns) / (double)columns)));
    part = by_row ? part / sqrt((double)columns) : row[j];
    sum += by_column ? times(part, cexp(complex_of(0, turn))) / sqrt((double)rows) : part;
  }
  return sum;
}

static double
energy(const double complex *x, size_t n)
{
  double sum = 0;

  for (size_t i = 0; i < n; i++)
    sum += creal(x[i]) * creal(x[i]) + cimag(x[i]) * cimag(x[i]);
  return sum;
}

static int
fft_check(struct workload_run *run)
{
  struct fft *fft = run->state;
  size_t n = fft->rows * fft->columns;
  unsigned parts = fft->epoch % CYCLE;
  /* Each transform rounds by a few units a level; a run makes many. */
  double tolerance = (64 + fft->epoch) * DBL_EPSILON * 64, have = energy(fft->image, n), want = 0, worst = 0;
  double complex *copy = malloc(n * sizeof *copy), *row = malloc(fft->columns * sizeof *row);
  double complex *line = malloc(fft->rows * sizeof *line);
  uint64_t random = ~run->seed;
  int error = 0;

  if (!copy || !row || !line) {
    error = workload_fail(run, -ENOMEM, "no memory to check the transform");
    goto out;
  }
  memcpy(copy, fft->image, n * sizeof *copy);
  for (unsigned part = parts; part && part < CYCLE; part++)
    part_of_cycle(fft, copy, part, 0, 1, line);
  for (size_t i = 0; i < fft->rows && !error; i++) {
    draw_row(run->seed, i, fft->columns, row);
    want += energy(row, fft->columns);
    for (size_t j = 0; j < fft->columns && !error; j++) {
      double off = cabs(copy[i * fft->columns + j] - row[j]);

      worst = off > worst ? off : worst;
      if (!(off <= tolerance))
        error = workload_fail(run, -EBADMSG, "transformed back, row %zu, column %zu is off by %g", i, j, off);
    }
  }
  if (!error && !(fabs(have - want) <= tolerance * want))
    error = workload_fail(run, -EBADMSG, "the energy was %.17g and is %.17g (Parseval)", want, have);
  for (unsigned sample = 0; sample < SAMPLES && !error; sample++) {
    size_t at = workload_random(&random) % n;
    double off = cabs(fft->image[at] - defined(run, parts, at / fft->columns, at % fft->columns, row));

    if (!(off <= tolerance * sqrt((double)n)))
      error = workload_fail(run, -EBADMSG, "row %zu, column %zu is off by %g from the sum that defines it",
                            at / fft->columns, at % fft->columns, off);
  }
  if (!error)
    fprintf(run->talk, "fft: %zu x %zu, energy kept to %.1e (Parseval), the way back gives the image to "
            "%.1e, %d values as defined\n", fft->rows, fft->columns, fabs(have - want) / want, worst,
            SAMPLES);
out:
  free(copy);
  free(row);
  free(line);
  return error;
}

const struct workload workload_fft = {
  .name = "fft",
  .summary = "2-D FFT and back, a quarter of the rows or columns an epoch",
  .source = "Cooley & Tukey, An algorithm for the machine calculation of complex Fourier series, "
            "Math. Comp. 19, 1965",
  .pages = 2048,
  .epochs = 16,
  .max_threads = 0,
  .loud = true,
  .setup = fft_setup,
  .epoch = fft_epoch,
  .keeps = fft_keeps,
  .check = fft_check,
  .teardown = fft_teardown,
};
