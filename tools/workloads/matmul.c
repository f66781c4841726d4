/* matmul.c - C = A B, square, tile by tile.
 *
 * An epoch fills as many tiles of C as some fifty million operations allow, so
 * the dirty pages are a band that wanders down C. When C is complete an epoch
 * goes into drawing the next A and B. Threads take an epoch's tiles in turn.
 *
 * The entries are small whole numbers, which makes all sums exact, and the
 * check too. It is Freivalds' (A (B r) against C r, r random), one product a
 * column of tiles, with the rows of A and B drawn once more from the seed. */
#include "config.h"
#include "workload.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MINIMUM_PAGES = 3, TILE = 64 };
static const double OPERATIONS = 5e7;  /* an epoch's share: some ten milliseconds */

struct matmul {
  size_t    n;              /* rows and columns */
  size_t    across;         /* tiles along an edge */
  size_t    share;          /* tiles an epoch */
  unsigned  rounds;         /* epochs to fill C */
  unsigned  epoch;          /* the last one done; written by thread 0 */
  double   *a, *b, *c;      /* tracked */
};

/* Row `row` of matrix `which` (0: A, 1: B) of the `product`th product. */
static void
draw_row(uint64_t seed, size_t n, unsigned product, unsigned which, size_t row, double *out)
{
  uint64_t state = seed ^ (uint64_t)product << 32 ^ which;

  state = workload_random(&state) + row * 0xd1342543de82ef95u;
  for (size_t j = 0; j < n; j++)
    out[j] = (double)(workload_random(&state) >> 60) - 8;
}

static void
draw_rows(struct workload_run *run, unsigned product, size_t first, size_t end)
{
  struct matmul *m = run->state;

  for (size_t i = first; i < end; i++) {
    draw_row(run->seed, m->n, product, 0, i, m->a + i * m->n);
    draw_row(run->seed, m->n, product, 1, i, m->b + i * m->n);
  }
}

static void
fill_tile(struct matmul *m, size_t tile)
{
  size_t n = m->n, i0 = tile / m->across * TILE, j0 = tile % m->across * TILE;
  size_t i1 = i0 + TILE < n ? i0 + TILE : n, j1 = j0 + TILE < n ? j0 + TILE : n;
  double sum[TILE][TILE] = { { 0 } };

  for (size_t k0 = 0; k0 < n; k0 += TILE) {
    size_t k1 = k0 + TILE < n ? k0 + TILE : n;

    for (size_t i = i0; i < i1; i++)
      for (size_t k = k0; k < k1; k++) {
        double a = m->a[i * n + k];
        const double *b = m->b + k * n;
        double *row = sum[i - i0];

        for (size_t j = j0; j < j1; j++)
          row[j - j0] += a * b[j];
      }
  }
  for (size_t i = i0; i < i1; i++)
    for (size_t j = j0; j < j1; j++)
      m->c[i * n + j] = sum[i - i0][j - j0];
}

static void
matmul_teardown(struct workload_run *run)
{
  free(run->state);
  run->state = NULL;
}

static int
matmul_setup(struct workload_run *run)
{
  struct matmul *m;
  size_t bytes = run->pages / 3 * run->page_size, tiles;
  double share;

  if (run->pages < MINIMUM_PAGES)
    return workload_fail(run, -EINVAL, "needs at least %d pages (--pages), not %zu",
                         MINIMUM_PAGES, run->pages);
  m = run->state = calloc(1, sizeof *m);
  if (!m)
    return workload_fail(run, -ENOMEM, "no memory for the state of matmul");
  m->n = (size_t)sqrt((double)(bytes / sizeof(double)));
  m->across = (m->n + TILE - 1) / TILE;
  tiles = m->across * m->across;
  share = OPERATIONS / (2.0 * TILE * TILE * (double)m->n);
  m->share = share < 1 ? 1 : share > (double)tiles ? tiles : (size_t)share;
  m->rounds = (unsigned)((tiles + m->share - 1) / m->share);
  bytes = m->n * m->n * sizeof(double);
  if (!(m->a = workload_memory(run, "A", bytes)) || !(m->b = workload_memory(run, "B", bytes))
      || !(m->c = workload_memory(run, "C", bytes))) {
    matmul_teardown(run);
    return -ENOMEM;
  }
  draw_rows(run, 0, 0, m->n);
  return 0;
}

static int
matmul_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  struct matmul *m = run->state;
  unsigned product = (epoch - 1) / (m->rounds + 1), round = (epoch - 1) % (m->rounds + 1);
  size_t tiles = m->across * m->across, end = (round + 1) * m->share;

  if (round == m->rounds)
    draw_rows(run, product + 1, m->n * thread / run->threads, m->n * (thread + 1) / run->threads);
  else
    for (size_t tile = round * m->share + thread; tile < end && tile < tiles; tile += run->threads)
      fill_tile(m, tile);
  if (thread == 0)
    m->epoch = epoch;
  return 0;
}

/* Freivalds' product B r for each column of tiles: y[k * across + J] is row k of B
 * times the part of r that lies in tile column J. */
static void
project(struct workload_run *run, unsigned product, const double *r, double *row, double *y)
{
  struct matmul *m = run->state;

  for (size_t k = 0; k < m->n; k++) {
    draw_row(run->seed, m->n, product, 1, k, row);
    for (size_t j = 0; j < m->n; j++)
      y[k * m->across + j / TILE] += row[j] * r[j];
  }
}

/* Row i of C, whose tiles below `done` belong to the present product (y[1]) and the
 * others to the one before (y[0]; NULL: there was none, all zero). */
static int
check_row(struct workload_run *run, unsigned product, size_t done, size_t i, const double *r,
          double *row[2], double *const y[2])
{
  struct matmul *m = run->state;
  size_t n = m->n;

  for (unsigned old = 0; old < 2; old++)
    if (y[old])
      draw_row(run->seed, n, product - 1 + old, 0, i, row[old]);
  for (size_t j0 = 0; j0 < n; j0 += TILE) {
    unsigned which = i / TILE * m->across + j0 / TILE < done;
    double want = 0, have = 0;

    for (size_t k = 0; y[which] && k < n; k++)
      want += row[which][k] * y[which][k * m->across + j0 / TILE];
    for (size_t j = j0; j < n && j < j0 + TILE; j++) {
      double c = m->c[i * n + j];

      /* A fraction would drown in the sum; and no sum here is -0. */
      have = c == floor(c) && (c != 0 || !signbit(c)) ? have + c * r[j] : NAN;
    }
    if (have != want)
      return workload_fail(run, -EBADMSG, "C is not A B: row %zu, columns %zu to %zu, times a random "
                           "vector: %.17g, not %.17g", i, j0, (j0 + TILE < n ? j0 + TILE : n) - 1, have,
                           want);
  }
  return 0;
}

static void
matmul_keeps(struct workload_run *run, workload_keep *keep, void *context)
{
  struct matmul *m = run->state;

  keep(context, &m->epoch, sizeof m->epoch);
}

static int
matmul_check(struct workload_run *run)
{
  struct matmul *m = run->state;
  size_t n = m->n, tiles = m->across * m->across;
  unsigned product = m->epoch / (m->rounds + 1), round = m->epoch % (m->rounds + 1);
  size_t done = round * m->share < tiles ? round * m->share : tiles;
  double *row[2] = { calloc(n, sizeof(double)), calloc(n, sizeof(double)) };
  double *r = calloc(n, sizeof(double)), *y[2] = { NULL, NULL };
  uint64_t random = ~run->seed;
  int error = -ENOMEM;

  y[1] = calloc(n * m->across, sizeof(double));
  if (product)
    y[0] = calloc(n * m->across, sizeof(double));
  if (!row[0] || !row[1] || !r || !y[1] || (product && !y[0])) {
    workload_fail(run, error, "no memory to check the product");
    goto out;
  }
  for (size_t j = 0; j < n; j++)  /* odd, hence never 0 */
    r[j] = (double)(2 * (workload_random(&random) >> 48) + 1);
  for (unsigned old = 0; old < 2; old++)
    if (y[old])
      project(run, product - 1 + old, r, row[0], y[old]);
  error = 0;
  for (size_t i = 0; i < n && !error; i++) {
    error = check_row(run, product, done, i, r, row, y);
    for (unsigned which = 0; which < 2 && !error; which++) {
      const double *have = (which ? m->b : m->a) + i * n;

      draw_row(run->seed, n, product, which, i, row[0]);
      if (memcmp(have, row[0], n * sizeof *have))
        error = workload_fail(run, -EBADMSG, "row %zu of %c is not as it was drawn", i, "AB"[which]);
    }
  }
  if (!error)
    fprintf(run->talk, "matmul: C r = A (B r) exactly, random r, in each of %zu tiles of %zu x %zu; "
            "A and B are as drawn\n", tiles, n, n);
out:
  free(row[0]);
  free(row[1]);
  free(y[0]);
  free(y[1]);
  free(r);
  return error;
}

const struct workload workload_matmul = {
  .name = "matmul",
  .summary = "blocked matrix multiply, a band of tiles an epoch",
  .source = "Golub & Van Loan, Matrix Computations, 4th ed., section 1.3; checked after Freivalds, "
            "Probabilistic machines can use less running time, IFIP Congress 1977",
  .pages = 2048,
  .epochs = 12,
  .max_threads = 0,
  .loud = false,  /* a whole number may be followed by the same one */
  .setup = matmul_setup,
  .epoch = matmul_epoch,
  .keeps = matmul_keeps,
  .check = matmul_check,
  .teardown = matmul_teardown,
};
