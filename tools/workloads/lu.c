/* lu.c - PA = LU in place: blocked, right-looking, with partial pivoting.
 *
 * An epoch factors one panel of columns and updates what lies right of and below
 * it, so the dirty part shrinks towards the lower right corner (and row
 * exchanges reach back over the finished columns). When all panels are done an
 * epoch goes into drawing the next matrix.
 *
 * The check multiplies a random vector by P A, drawn once more from the seed, and
 * by the factors as they stand, half-finished or not. */
#include "config.h"
#include "workload.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MINIMUM_PAGES = 1, PANEL = 32 };

struct lu {
  size_t    n;
  double   *a;          /* tracked; by rows */
  size_t   *from;       /* row i is row from[i] of the matrix drawn */
  unsigned  panels;
  unsigned  panel;      /* the next one; == panels: draw a matrix */
  unsigned  matrix;     /* matrices drawn before this one */
};

/* Row `row` of the `matrix`th matrix: uniform in [-1, 1). */
static void
draw_row(uint64_t seed, unsigned matrix, size_t row, size_t n, double *out)
{
  uint64_t state = seed + matrix;

  state = workload_random(&state) + row * 0xd1342543de82ef95u;
  for (size_t j = 0; j < n; j++)
    out[j] = (double)(workload_random(&state) >> 11) * 0x1p-52 - 1;
}

static void
draw_matrix(struct workload_run *run)
{
  struct lu *lu = run->state;

  for (size_t i = 0; i < lu->n; i++) {
    draw_row(run->seed, lu->matrix, i, lu->n, lu->a + i * lu->n);
    lu->from[i] = i;
  }
  lu->panel = 0;
}

static void
exchange_rows(struct lu *lu, size_t i, size_t k)
{
  double *p = lu->a + i * lu->n, *q = lu->a + k * lu->n;
  size_t from = lu->from[i];

  if (i == k)
    return;
  lu->from[i] = lu->from[k];
  lu->from[k] = from;
  for (size_t j = 0; j < lu->n; j++) {
    double value = p[j];

    p[j] = q[j];
    q[j] = value;
  }
}

/* Columns [first, end) of the rows from `first` down, column by column. */
static int
factor_panel(struct workload_run *run, size_t first, size_t end)
{
  struct lu *lu = run->state;
  size_t n = lu->n;

  for (size_t k = first; k < end; k++) {
    size_t best = k;

    for (size_t i = k + 1; i < n; i++)
      if (fabs(lu->a[i * n + k]) > fabs(lu->a[best * n + k]))
        best = i;
    exchange_rows(lu, k, best);
    if (lu->a[k * n + k] == 0)
      return workload_fail(run, -EDOM, "the matrix drawn for lu is singular: try another --seed");
    for (size_t i = k + 1; i < n; i++) {
      double *row = lu->a + i * n, factor = row[k] /= lu->a[k * n + k];

      for (size_t j = k + 1; j < end; j++)
        row[j] -= factor * lu->a[k * n + j];
    }
  }
  return 0;
}

/* What the panel [first, end) does to the columns right of it: solve for the rows
 * of U beside it, and subtract L U from the rows below. */
static void
update_rest(struct lu *lu, size_t first, size_t end)
{
  size_t n = lu->n;

  for (size_t i = first + 1; i < n; i++) {
    double *row = lu->a + i * n;
    size_t last = i < end ? i : end;

    for (size_t k = first; k < last; k++) {
      const double *u = lu->a + k * n;
      double factor = row[k];

      for (size_t j = end; j < n; j++)
        row[j] -= factor * u[j];
    }
  }
}

static void
lu_teardown(struct workload_run *run)
{
  struct lu *lu = run->state;

  if (lu)
    free(lu->from);
  free(lu);
  run->state = NULL;
}

static int
lu_setup(struct workload_run *run)
{
  struct lu *lu;

  if (run->pages < MINIMUM_PAGES)
    return workload_fail(run, -EINVAL, "needs at least %d page (--pages), not %zu",
                         MINIMUM_PAGES, run->pages);
  lu = run->state = calloc(1, sizeof *lu);
  if (!lu)
    return workload_fail(run, -ENOMEM, "no memory for the state of lu");
  lu->n = (size_t)sqrt((double)(run->pages * run->page_size / sizeof(double)));
  lu->panels = (unsigned)((lu->n + PANEL - 1) / PANEL);
  lu->from = malloc(lu->n * sizeof *lu->from);
  if (!lu->from) {
    lu_teardown(run);
    return workload_fail(run, -ENOMEM, "no memory for the order of the rows");
  }
  lu->a = workload_memory(run, "matrix", lu->n * lu->n * sizeof(double));
  if (!lu->a) {
    lu_teardown(run);
    return -ENOMEM;
  }
  draw_matrix(run);
  return 0;
}

static int
lu_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  struct lu *lu = run->state;
  size_t first = (size_t)lu->panel * PANEL, end = first + PANEL < lu->n ? first + PANEL : lu->n;
  int error;

  (void)epoch;
  (void)thread;
  if (lu->panel == lu->panels) {
    lu->matrix++;
    draw_matrix(run);
    return 0;
  }
  error = factor_panel(run, first, end);
  if (error)
    return error;
  update_rest(lu, first, end);
  lu->panel++;
  return 0;
}

static void
lu_keeps(struct workload_run *run, workload_keep *keep, void *context)
{
  struct lu *lu = run->state;

  keep(context, lu->from, lu->n * sizeof *lu->from);
  keep(context, &lu->panel, sizeof lu->panel);
  keep(context, &lu->matrix, sizeof lu->matrix);
}

/* After the columns [0, done) the array holds L (unit diagonal, below), U (above)
 * and in the lower right corner what is left to factor: P A = L' U' with L' the
 * identity and U' the rest there. */
static int
lu_check(struct workload_run *run)
{
  struct lu *lu = run->state;
  size_t n = lu->n, done = (size_t)lu->panel * PANEL < n ? (size_t)lu->panel * PANEL : n;
  double *x = malloc(n * sizeof(double)), *ux = malloc(n * sizeof(double)), *row = malloc(n * sizeof(double));
  double worst = 0, tolerance = (double)n * (double)n * DBL_EPSILON * 16;
  uint64_t random = ~run->seed;
  int error = 0;

  if (!x || !ux || !row) {
    error = workload_fail(run, -ENOMEM, "no memory to check the factors");
    goto out;
  }
  for (size_t j = 0; j < n; j++)
    x[j] = 1 + (double)(workload_random(&random) >> 11) * 0x1p-53;
  for (size_t i = 0; i < n; i++) {
    ux[i] = 0;
    for (size_t j = i < done ? i : done; j < n; j++)
      ux[i] += lu->a[i * n + j] * x[j];
  }
  for (size_t i = 0; i < n && !error; i++) {
    double have = ux[i], want = 0, off;
    size_t end = i < done ? i : done;

    for (size_t j = 0; j < end && !error; j++) {
      have += lu->a[i * n + j] * ux[j];
      if (!(fabs(lu->a[i * n + j]) <= 1))
        error = workload_fail(run, -EBADMSG, "L[%zu][%zu] is %g: a pivot was not the largest of its column",
                              i, j, lu->a[i * n + j]);
    }
    draw_row(run->seed, lu->matrix, lu->from[i], n, row);
    for (size_t j = 0; j < n; j++)
      want += row[j] * x[j];
    off = fabs(have - want);
    if (!error && !(off <= tolerance))
      error = workload_fail(run, -EBADMSG, "PA is not LU: row %zu times a random vector is %.17g, not %.17g",
                            i, have, want);
    worst = off > worst ? off : worst;
  }
  if (!error)
    fprintf(run->talk, "lu: |(PA - LU) x| <= %.1e, random x, %zu of %zu columns factored, no multiplier "
            "above 1\n", worst, done, n);
out:
  free(x);
  free(ux);
  free(row);
  return error;
}

const struct workload workload_lu = {
  .name = "lu",
  .summary = "blocked LU with partial pivoting, in place, a panel an epoch",
  .source = "Golub & Van Loan, Matrix Computations, 4th ed., sections 3.2 and 3.4",
  .pages = 1024,
  .epochs = 23,
  .max_threads = 1,
  .loud = true,
  .setup = lu_setup,
  .epoch = lu_epoch,
  .keeps = lu_keeps,
  .check = lu_check,
  .teardown = lu_teardown,
};
