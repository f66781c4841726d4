/* cg.c - conjugate gradients for A x = b, A the five-point Laplacian of a square
 * grid as a sparse matrix in compressed rows.
 *
 * An epoch is a few iterations: they write x, r, p and q = A p whole and only
 * read the matrix, which is most of the memory. When the residual is gone the
 * next right side is made. Threads take bands of rows; their partial sums lie
 * in untracked memory.
 *
 * The right side is made from a known solution, so the check can measure the
 * error itself and hold it against the bound of the theory. */
#include "config.h"
#include "workload.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum { MINIMUM_PAGES = 16, ITERATIONS = 8, ENTRIES = 5 };
static const double CONVERGED = 1e-10;  /* |r| / |b| */

/* A thread's own, a cache line or two: nobody else writes here. */
struct band {
  _Alignas(128) double sum;     /* of a scalar product */
  double   rr, bb;              /* r r and b b over all bands, as this thread summed them */
  unsigned system;              /* right sides made before this one */
  unsigned iterations;          /* done on this one */
};

struct cg {
  size_t    side, n;            /* the grid has n = side * side unknowns */
  double   *values;             /* tracked, as all the arrays are */
  uint32_t *columns, *rows;     /* row i: entries rows[i] .. rows[i + 1] - 1 */
  double   *b, *x, *r, *p, *q;
  struct band      *band;       /* one a thread */
  pthread_barrier_t barrier;
};

/* Unknown i of the `system`th solution: a multiple of 2^-31 in [-1, 1), so that b is exact
 * in whatever order it is summed. */
static double
solution(uint64_t seed, unsigned system, size_t i)
{
  uint64_t state = seed + system;

  state = workload_random(&state) + i * 0xd1342543de82ef95u;
  return (double)(workload_random(&state) >> 32) * 0x1p-31 - 1;
}

/* The entries of row i as they must be; how many. */
static unsigned
matrix_row(size_t side, size_t i, size_t *columns, double *values)
{
  const struct { bool is; size_t column; } near[ENTRIES] = {
    { i >= side, i - side },
    { i % side > 0, i - 1 },
    { true, i },
    { i % side + 1 < side, i + 1 },
    { i + side < side * side, i + side },
  };
  unsigned count = 0;

  for (unsigned k = 0; k < ENTRIES; k++)
    if (near[k].is) {
      columns[count] = near[k].column;
      values[count++] = near[k].column == i ? 4 : -1;
    }
  return count;
}

static void
fill_matrix(struct cg *cg)
{
  size_t columns[ENTRIES], entry = 0;

  for (size_t i = 0; i < cg->n; i++) {
    unsigned count = matrix_row(cg->side, i, columns, cg->values + entry);

    cg->rows[i] = (uint32_t)entry;
    for (unsigned k = 0; k < count; k++)
      cg->columns[entry++] = (uint32_t)columns[k];
  }
  cg->rows[cg->n] = (uint32_t)entry;
}

static void
multiply(const struct cg *cg, const double *v, double *out, size_t first, size_t end)
{
  for (size_t i = first; i < end; i++) {
    double sum = 0;

    for (uint32_t k = cg->rows[i]; k < cg->rows[i + 1]; k++)
      sum += cg->values[k] * v[cg->columns[k]];
    out[i] = sum;
  }
}

/* The scalar product u v over all bands: every thread adds up the same partial
 * sums in the same order, so all get the same bits. Twice a barrier: no sum is
 * overwritten that somebody has still to read. */
static double
scalar(struct workload_run *run, unsigned thread, const double *u, const double *v, size_t first, size_t end)
{
  struct cg *cg = run->state;
  double sum = 0;

  for (size_t i = first; i < end; i++)
    sum += u[i] * v[i];
  cg->band[thread].sum = sum;
  pthread_barrier_wait(&cg->barrier);
  sum = 0;
  for (unsigned t = 0; t < run->threads; t++)
    sum += cg->band[t].sum;
  pthread_barrier_wait(&cg->barrier);
  return sum;
}

/* b = A (a drawn solution), x = 0, r = p = b. */
static void
begin_system(struct workload_run *run, unsigned thread, size_t first, size_t end)
{
  struct cg *cg = run->state;
  struct band *band = &cg->band[thread];

  for (size_t i = first; i < end; i++)
    cg->x[i] = solution(run->seed, band->system, i);
  pthread_barrier_wait(&cg->barrier);
  multiply(cg, cg->x, cg->b, first, end);
  pthread_barrier_wait(&cg->barrier);
  for (size_t i = first; i < end; i++) {
    cg->x[i] = 0;
    cg->r[i] = cg->p[i] = cg->b[i];
  }
  band->rr = band->bb = scalar(run, thread, cg->b, cg->b, first, end);
  band->iterations = 0;
}

static int
cg_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  struct cg *cg = run->state;
  struct band *band = &cg->band[thread];
  size_t first = cg->n * thread / run->threads, end = cg->n * (thread + 1) / run->threads;
  double goal;

  if (epoch == 1 || band->rr <= CONVERGED * CONVERGED * band->bb) {
    band->system += epoch > 1;
    begin_system(run, thread, first, end);
  }
  goal = CONVERGED * CONVERGED * band->bb;
  for (unsigned i = 0; i < ITERATIONS && band->rr > goal; i++) {
    double alpha, beta, rr;

    multiply(cg, cg->p, cg->q, first, end);
    alpha = band->rr / scalar(run, thread, cg->p, cg->q, first, end);
    for (size_t k = first; k < end; k++) {
      cg->x[k] += alpha * cg->p[k];
      cg->r[k] -= alpha * cg->q[k];
    }
    rr = scalar(run, thread, cg->r, cg->r, first, end);
    beta = rr / band->rr;
    for (size_t k = first; k < end; k++)
      cg->p[k] = cg->r[k] + beta * cg->p[k];
    band->rr = rr;
    band->iterations++;
    pthread_barrier_wait(&cg->barrier);
  }
  return 0;
}

static void
cg_keeps(struct workload_run *run, workload_keep *keep, void *context)
{
  struct cg *cg = run->state;

  keep(context, cg->band, run->threads * sizeof *cg->band);
}

static void
cg_teardown(struct workload_run *run)
{
  struct cg *cg = run->state;

  if (cg && cg->band) {
    pthread_barrier_destroy(&cg->barrier);
    free(cg->band);
  }
  free(cg);
  run->state = NULL;
}

/* Whole pages for a grid of side `side`. */
static size_t
pages_for(const struct workload_run *run, size_t side)
{
  size_t n = side * side, page = run->page_size;
  size_t values = ENTRIES * n * sizeof(double), columns = ENTRIES * n * sizeof(uint32_t);
  size_t rows = (n + 1) * sizeof(uint32_t), vector = n * sizeof(double);

  return (values + page - 1) / page + (columns + page - 1) / page + (rows + page - 1) / page
    + 5 * ((vector + page - 1) / page);
}

static int
cg_setup(struct workload_run *run)
{
  struct cg *cg;
  size_t entries, vector;

  if (run->pages < MINIMUM_PAGES)
    return workload_fail(run, -EINVAL, "needs at least %d pages (--pages), not %zu",
                         MINIMUM_PAGES, run->pages);
  cg = run->state = calloc(1, sizeof *cg);
  if (!cg)
    return workload_fail(run, -ENOMEM, "no memory for the state of cg");
  cg->side = (size_t)sqrt((double)run->pages * (double)run->page_size
                          / (ENTRIES * (sizeof(double) + sizeof(uint32_t)) + 5 * sizeof(double)));
  while (pages_for(run, cg->side) > run->pages)
    cg->side--;
  cg->n = cg->side * cg->side;
  vector = cg->n * sizeof(double);
  entries = ENTRIES * cg->n - 4 * cg->side;
  if (ENTRIES * cg->n > UINT32_MAX) {
    cg_teardown(run);
    return workload_fail(run, -EFBIG, "cg counts matrix entries in 32 bits: %zu pages (--pages) are too many",
                         run->pages);
  }
  cg->band = aligned_alloc(_Alignof(struct band), run->threads * sizeof *cg->band);
  if (!cg->band || pthread_barrier_init(&cg->barrier, NULL, run->threads)) {
    free(cg->band);
    cg->band = NULL;
    cg_teardown(run);
    return workload_fail(run, -ENOMEM, "no memory for the threads' sums");
  }
  for (unsigned t = 0; t < run->threads; t++)
    cg->band[t] = (struct band){ .sum = 0 };
  if (!(cg->values = workload_memory(run, "values", entries * sizeof(double)))
      || !(cg->columns = workload_memory(run, "columns", entries * sizeof(uint32_t)))
      || !(cg->rows = workload_memory(run, "rows", (cg->n + 1) * sizeof(uint32_t)))
      || !(cg->b = workload_memory(run, "b", vector)) || !(cg->x = workload_memory(run, "x", vector))
      || !(cg->r = workload_memory(run, "r", vector)) || !(cg->p = workload_memory(run, "p", vector))
      || !(cg->q = workload_memory(run, "q", vector))) {
    cg_teardown(run);
    return -ENOMEM;
  }
  fill_matrix(cg);
  return 0;
}

/* (A v)[i] by the grid, without the matrix. */
static double
laplacian(const double *v, size_t side, size_t i)
{
  return 4 * v[i] - (i >= side ? v[i - side] : 0) - (i % side ? v[i - 1] : 0)
    - (i % side + 1 < side ? v[i + 1] : 0) - (i + side < side * side ? v[i + side] : 0);
}

static int
check_matrix(struct workload_run *run)
{
  struct cg *cg = run->state;
  size_t columns[ENTRIES], entry = 0;
  double values[ENTRIES];

  for (size_t i = 0; i <= cg->n; i++) {
    unsigned count = i < cg->n ? matrix_row(cg->side, i, columns, values) : 0;

    if (cg->rows[i] != entry)
      return workload_fail(run, -EBADMSG, "row %zu of A begins at entry %u, not %zu", i, cg->rows[i], entry);
    for (unsigned k = 0; k < count; k++, entry++)
      if (cg->columns[entry] != columns[k] || cg->values[entry] != values[k])
        return workload_fail(run, -EBADMSG, "A[%zu][%zu] has become A[%zu][%u] = %.17g, was %g", i,
                             columns[k], i, cg->columns[entry], cg->values[entry], values[k]);
  }
  return 0;
}

/* The solution that b was made from in `known`, the error x - known in `off`. */
static int
check_solution(struct workload_run *run, double *known, double *off)
{
  struct cg *cg = run->state;
  const struct band *band = &cg->band[0];
  double energy = 0, energy0 = 0, rp = 0, rr = 0, pp = 0, pq = 0, qq = 0, bound;
  double tolerance = 1e-11 * sqrt(band->bb);
  /* The condition number of A, and by how much an iteration shrinks the bound. */
  double condition = pow(tan(acos(0) / (double)(cg->side + 1)), -2);
  double shrink = (sqrt(condition) - 1) / (sqrt(condition) + 1);

  for (size_t i = 0; i < cg->n; i++) {
    known[i] = solution(run->seed, band->system, i);
    off[i] = cg->x[i] - known[i];
  }
  for (size_t i = 0; i < cg->n; i++) {
    double b = laplacian(known, cg->side, i), residual = b - laplacian(cg->x, cg->side, i);

    if (cg->b[i] != b)
      return workload_fail(run, -EBADMSG, "b[%zu] is %.17g, was made as %.17g", i, cg->b[i], b);
    if (!(fabs(cg->r[i] - residual) <= tolerance))
      return workload_fail(run, -EBADMSG, "r[%zu] is %.17g, but (b - A x)[%zu] is %.17g", i, cg->r[i],
                           i, residual);
    energy += off[i] * laplacian(off, cg->side, i);
    energy0 += known[i] * b;
    rp += cg->r[i] * cg->p[i];
    rr += cg->r[i] * cg->r[i];
    pp += cg->p[i] * cg->p[i];
    pq += cg->p[i] * cg->q[i];
    qq += cg->q[i] * cg->q[i];
  }
  bound = 2 * pow(shrink, band->iterations);
  bound = (bound < 1 ? bound : 1) + 1e-9;
  if (!(sqrt(energy) <= bound * sqrt(energy0)) || (band->iterations && !(energy < energy0)))
    return workload_fail(run, -EBADMSG, "after %u iterations the error is %.3g of what it was; at most %.3g "
                         "is allowed", band->iterations, sqrt(energy / energy0), bound);
  /* q is A times the direction before p. That direction is orthogonal to r, so that
   * p r = r r, and conjugate to p. */
  if (!isfinite(pp + qq) || !(fabs(rp - rr) <= 1e-7 * sqrt(rr * pp))
      || !(fabs(pq) <= 1e-7 * sqrt(pp * qq)))
    return workload_fail(run, -EBADMSG, "p r is %.17g, r r is %.17g, p q is %.3g: p is no conjugate "
                         "direction", rp, rr, pq);
  fprintf(run->talk, "cg: %zu unknowns, after %u iterations |b - A x| / |b| is %.1e; the error is %.1e of "
          "what it was (theory allows %.1e)\n", cg->n, band->iterations, sqrt(rr / band->bb),
          sqrt(energy / energy0), bound);
  return 0;
}

static int
cg_check(struct workload_run *run)
{
  struct cg *cg = run->state;
  double *known = malloc(cg->n * sizeof(double)), *off = malloc(cg->n * sizeof(double));
  int error = check_matrix(run);

  if (!known || !off)
    error = workload_fail(run, -ENOMEM, "no memory to check the solution");
  else if (!error && cg->band[0].bb > 0)  /* else: no epoch was run */
    error = check_solution(run, known, off);
  free(known);
  free(off);
  return error;
}

const struct workload workload_cg = {
  .name = "cg",
  .summary = "conjugate gradients on a sparse Laplacian: the matrix is read only",
  .source = "Hestenes & Stiefel, Methods of conjugate gradients for solving linear systems, "
            "J. Res. Nat. Bur. Standards 49, 1952",
  .pages = 2048,
  .epochs = 20,
  .max_threads = 0,
  .loud = true,
  .setup = cg_setup,
  .epoch = cg_epoch,
  .keeps = cg_keeps,
  .check = cg_check,
  .teardown = cg_teardown,
};
