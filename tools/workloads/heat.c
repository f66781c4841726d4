/* heat.c - heat spreading over a square plate: the explicit five-point scheme
 * on two grids, one read and one written, turn about.
 *
 * An epoch is one step in time, so each epoch writes one grid and leaves the
 * other alone. Threads take bands of rows. The plate starts as a sum of the
 * scheme's own eigenvectors, sin(pi p i / m) sin(pi q j / m), each of which
 * shrinks by a known factor a step: that gives every temperature in closed form
 * at any time, and the check compares all of them with it. */
#include "config.h"
#include "workload.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { MINIMUM_PAGES = 2, MODES = 5 };

struct mode {
  unsigned p, q;       /* half waves along the rows' and the columns' direction */
  double   amplitude;
};

struct heat {
  size_t      side;         /* points along an edge, the cold rim included */
  double     *grid[2];      /* tracked */
  double     *sine;         /* sin(pi i / (side - 1)), i = 0 .. side - 1 */
  uint64_t    period;       /* steps until the plate is heated anew */
  uint64_t    step;         /* the epochs so far: one counter, written by thread 0 */
  struct mode mode[MODES];
};

static const double R = 0.25;  /* conductivity * dt / dx^2: the largest stable one */

/* sin(pi p i / (side - 1)) from the table of the first half wave. */
static double
half_waves(const struct heat *heat, size_t p, size_t i)
{
  size_t wave = heat->side - 1, at = p * i % (2 * wave);

  return at < wave ? heat->sine[at] : -heat->sine[at - wave];
}

static void
draw_modes(struct heat *heat, uint64_t seed)
{
  /* The slowest mode leads, so that no line of the plate stays at zero. */
  heat->mode[0] = (struct mode){ 1, 1, 100 };
  for (unsigned m = 1; m < MODES; m++) {
    heat->mode[m].p = 1 + (unsigned)(workload_random(&seed) % 6);
    heat->mode[m].q = 1 + (unsigned)(workload_random(&seed) % 6);
    heat->mode[m].amplitude = 1 + (double)(workload_random(&seed) >> 11) * 0x1p-53 * 20;
  }
}

/* The temperature at (i, j) that the modes, each weighted, add up to. */
static double
temperature(const struct heat *heat, const double *weight, size_t i, size_t j)
{
  double sum = 0;

  for (unsigned m = 0; m < MODES; m++)
    sum += weight[m] * half_waves(heat, heat->mode[m].p, i) * half_waves(heat, heat->mode[m].q, j);
  return sum;
}

static void
initial_rows(const struct heat *heat, size_t first, size_t end)
{
  double weight[MODES];

  for (unsigned m = 0; m < MODES; m++)
    weight[m] = heat->mode[m].amplitude;
  for (size_t i = first; i < end; i++)
    for (size_t j = 1; j + 1 < heat->side; j++)
      heat->grid[0][i * heat->side + j] = temperature(heat, weight, i, j);
}

static void
step_rows(const double *restrict from, double *restrict to, size_t side, size_t first, size_t end)
{
  for (size_t i = first; i < end; i++) {
    const double *above = from + (i - 1) * side, *row = above + side, *below = row + side;
    double *out = to + i * side;

    for (size_t j = 1; j + 1 < side; j++)
      out[j] = row[j] + R * (above[j] + below[j] + row[j - 1] + row[j + 1] - 4 * row[j]);
  }
}

static void
heat_teardown(struct workload_run *run)
{
  struct heat *heat = run->state;

  if (heat)
    free(heat->sine);
  free(heat);
  run->state = NULL;
}

static int
heat_setup(struct workload_run *run)
{
  struct heat *heat;
  size_t bytes = run->pages / 2 * run->page_size;

  if (run->pages < MINIMUM_PAGES)
    return workload_fail(run, -EINVAL, "needs at least %d pages (--pages), not %zu",
                         MINIMUM_PAGES, run->pages);
  heat = run->state = calloc(1, sizeof *heat);
  if (!heat)
    return workload_fail(run, -ENOMEM, "no memory for the state of heat");
  heat->side = (size_t)sqrt((double)(bytes / sizeof(double)));
  heat->period = (uint64_t)heat->side * heat->side;
  bytes = heat->side * heat->side * sizeof(double);
  if (!(heat->grid[0] = workload_memory(run, "even", bytes))
      || !(heat->grid[1] = workload_memory(run, "odd", bytes))) {
    heat_teardown(run);
    return -ENOMEM;
  }
  heat->sine = malloc(heat->side * sizeof(double));
  if (!heat->sine) {
    heat_teardown(run);
    return workload_fail(run, -ENOMEM, "no memory for a table of sines");
  }
  for (size_t i = 0; i < heat->side; i++)
    heat->sine[i] = sin(acos(-1) * (double)i / (double)(heat->side - 1));
  heat->sine[heat->side - 1] = 0;
  draw_modes(heat, run->seed);
  initial_rows(heat, 1, heat->side - 1);
  return 0;
}

static int
heat_epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  struct heat *heat = run->state;
  size_t inner = heat->side - 2;
  size_t first = 1 + inner * thread / run->threads, end = 1 + inner * (thread + 1) / run->threads;
  uint64_t step = epoch % (heat->period + 1);

  /* After a period the plate is lukewarm: an epoch goes into heating it anew. */
  if (step == 0)
    initial_rows(heat, first, end);
  else
    step_rows(heat->grid[(step - 1) & 1], heat->grid[step & 1], heat->side, first, end);
  if (thread == 0)
    heat->step = step;
  return 0;
}

static void
heat_keeps(struct workload_run *run, workload_keep *keep, void *context)
{
  struct heat *heat = run->state;

  keep(context, &heat->step, sizeof heat->step);
}

static int
heat_check(struct workload_run *run)
{
  struct heat *heat = run->state;
  const double *grid = heat->grid[heat->step & 1];
  double weight[MODES], worst = 0, tolerance = 0, wave = acos(-1) / (double)(heat->side - 1);

  for (unsigned m = 0; m < MODES; m++) {
    double sp = sin(heat->mode[m].p * wave / 2), sq = sin(heat->mode[m].q * wave / 2);
    double factor = 1 - 4 * R * (sp * sp + sq * sq);

    weight[m] = heat->mode[m].amplitude * pow(factor, (double)heat->step);
    tolerance += heat->mode[m].amplitude;
  }
  /* Each step averages, so rounding adds up and is never magnified. */
  tolerance *= DBL_EPSILON * (64 + 8 * (double)heat->step);
  for (size_t i = 0; i < heat->side; i++)
    for (size_t j = 0; j < heat->side; j++) {
      bool rim = i == 0 || j == 0 || i + 1 == heat->side || j + 1 == heat->side;
      double want = rim ? 0 : temperature(heat, weight, i, j);
      double off = fabs(grid[i * heat->side + j] - want);

      if (!(off <= tolerance))
        return workload_fail(run, -EBADMSG, "the heat at row %zu, column %zu after %llu steps is %.17g, "
                             "the closed form says %.17g", i, j, (unsigned long long)heat->step,
                             grid[i * heat->side + j], want);
      worst = off > worst ? off : worst;
    }
  fprintf(run->talk, "heat: all %zu x %zu temperatures after %llu steps are the closed form's, to %.1e\n",
          heat->side, heat->side, (unsigned long long)heat->step, worst);
  return 0;
}

const struct workload workload_heat = {
  .name = "heat",
  .summary = "2-D heat stencil on two grids, turn about",
  .source = "explicit five-point scheme: Morton & Mayers, Numerical Solution of Partial Differential "
            "Equations, 2nd ed., chapter 3",
  .pages = 2048,
  .epochs = 20,
  .max_threads = 0,
  .loud = true,
  .setup = heat_setup,
  .epoch = heat_epoch,
  .keeps = heat_keeps,
  .check = heat_check,
  .teardown = heat_teardown,
};
