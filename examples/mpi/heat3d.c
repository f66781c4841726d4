/* heat3d.c - a solver on many processes that survives the death of any of them: heat in a cube, cut into
 * slabs along z, one a rank, by Open MPI.
 *
 *     mpicc -O2 -o heat3d heat3d.c $(pkg-config --cflags --libs writewatch-checkpoint)
 *     mpirun -n 4 ./heat3d --directory /scratch/run        and, when it was killed, the same again
 *
 * Each rank tracks its own memory, has a chain of its own (DIRECTORY/rank-N, on a file system that all
 * share or on one of the node's own), and saves what it has written while it goes on computing. A
 * checkpoint of the whole counts when all ranks have committed theirs:
 *
 *   - Between two steps, when no message is under way, all begin one, with the same label: the attempt (how
 *     often the job was started) and the step. Nobody begins another before all have said that the last is
 *     on the disk (MPI_Allreduce), and older ones are removed only then. So whenever the job dies, each
 *     rank has the last one that counts, and some may have one that does not.
 *   - When it is started again, the ranks look for the newest label that all of them have and can read, and
 *     restore that. Because the attempt is part of the label, what an earlier attempt left behind on some
 *     ranks is never taken together with what this one makes.
 *
 * Messages into tracked memory. The planes that a neighbour sends are received where they belong, in the
 * array. Open MPI moves small messages by copying, which a tracker sees like any other write. Between
 * processes of one machine larger ones are moved by the kernel (CMA: process_vm_readv(2) of the receiver, or
 * process_vm_writev(2) of the sender), with a network card by the card. Those find a read-only page and fail
 * (EFAULT, which Open MPI reports as "Read -1, expected ..."). So a buffer is announced by ww_touch()
 * before it is received into: it is writable then until the next checkpoint begins, and in the next
 * checkpoint. Hence the rule: between ww_checkpoint_begin() and the step's first ww_touch() no receive may be
 * under way. */
#include <mpi.h>
#include <writewatch-checkpoint.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT 2                       /* checkpoints of each rank */
#define COMPACT_EVERY 8
#define STEP_BITS 40                 /* of a label; what is above them is the attempt */

struct settings {
  int         size, steps, every;    /* cells along an edge; steps in all, and between checkpoints */
  const char *directory, *on_commit;
  int         touch;
};

/* All that a restart needs: one mapping. */
struct state {
  long   step;
  double plane[];                    /* two arrays of planes, the first and last of each a neighbour's */
};

struct solver {
  struct settings set;
  int             rank, ranks, planes;   /* with the neighbours' */
  size_t          plane;                 /* doubles in one */
  size_t          bytes;
  struct state   *state;
  ww_tracker     *tracker;
  ww_chain       *chain;
  unsigned long long attempt;
  int             under_way, made;
};

static void
die(const struct solver *solver, const char *what)
{
  fprintf(stderr, "rank %d: %s: %s; %s\n", solver->rank, what, ww_last_error(), ww_chain_error());
  MPI_Abort(MPI_COMM_WORLD, 1);
  abort();
}

static double *
array(const struct solver *solver, long step)
{
  return solver->state->plane + (step & 1 ? (size_t)solver->planes * solver->plane : 0);
}

/* ------------------------------------------------------------- the restart */

struct labels { unsigned long long below, newest, attempt, wanted, generation; };

static int
look_at(void *context, const struct ww_chain_entry *entry)
{
  struct labels *labels = context;
  if (entry->label >> STEP_BITS > labels->attempt)
    labels->attempt = entry->label >> STEP_BITS;
  if (entry->sound && entry->label < labels->below && entry->label > labels->newest)
    labels->newest = entry->label;
  if (entry->sound && entry->label == labels->wanted && entry->label)
    labels->generation = entry->generation;
  return 0;
}

static void *
to_the_state(void *context, const struct ww_chain_region *region)
{
  struct solver *solver = context;
  return region->length == solver->bytes ? solver->state : NULL;
}

/* The newest label that all ranks have: each names its newest, the least of them is tried. */
static int
restore(struct solver *solver)
{
  struct labels labels = { .below = ~0ull };
  struct ww_restore_options how = WW_RESTORE_OPTIONS_INIT;
  for (;;) {
    unsigned long long label;
    int good, all;
    labels.newest = labels.generation = 0;
    /* Not only the headers: what one rank can restore and another cannot is of no use. */
    (void)ww_chain_verify(solver->chain, look_at, &labels);
    MPI_Allreduce(&labels.newest, &label, 1, MPI_UNSIGNED_LONG_LONG, MPI_MIN, MPI_COMM_WORLD);
    if (label == 0)
      break;
    labels.wanted = label;
    (void)ww_chain_list(solver->chain, look_at, &labels);
    good = labels.generation != 0;
    MPI_Allreduce(&good, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (all) {
      how.generation = labels.generation;
      how.place = to_the_state;
      how.context = solver;
      if (ww_chain_restore(solver->chain, &how, NULL))
        die(solver, "restore");
      break;
    }
    labels.below = label;
  }
  MPI_Allreduce(&labels.attempt, &solver->attempt, 1, MPI_UNSIGNED_LONG_LONG, MPI_MAX, MPI_COMM_WORLD);
  solver->attempt++;
  return labels.generation != 0;
}

/* --------------------------------------------------------- the checkpoints */

/* Wait for the one that is under way: does it count? */
static void
settle(struct solver *solver)
{
  int committed, all;
  if (!solver->under_way)
    return;
  committed = ww_checkpoint_wait(solver->chain, NULL) == 0;
  if (!committed)
    fprintf(stderr, "rank %d: the checkpoint failed, and its pages go into the next: %s\n", solver->rank,
            ww_chain_error());
  MPI_Allreduce(&committed, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  solver->under_way = 0;
  /* The newest counts, so what is older than the one before may go. */
  if (all && ++solver->made % COMPACT_EVERY == 0 && ww_chain_compact(solver->chain, KEPT))
    fprintf(stderr, "rank %d: older checkpoints stay: %s\n", solver->rank, ww_chain_error());
}

static void
checkpoint(struct solver *solver)
{
  settle(solver);
  ww_chain_label(solver->chain, solver->attempt << STEP_BITS | (unsigned long long)solver->state->step);
  if (ww_checkpoint_begin(solver->chain, solver->tracker))
    die(solver, "checkpoint");
  solver->under_way = 1;
}

/* -------------------------------------------------------------- the solver */

static void
receive(struct solver *solver, double *plane, int from, int tag, MPI_Request *request)
{
  int count = (int)solver->plane;
  if (solver->set.touch && ww_touch(solver->tracker, plane, solver->plane * sizeof *plane))
    die(solver, "touch");
  MPI_Irecv(plane, count, MPI_DOUBLE, from, tag, MPI_COMM_WORLD, request);
}

static void
exchange(struct solver *solver, double *now)
{
  int below = solver->rank > 0 ? solver->rank - 1 : MPI_PROC_NULL;
  int above = solver->rank < solver->ranks - 1 ? solver->rank + 1 : MPI_PROC_NULL;
  int count = (int)solver->plane, last = solver->planes - 1;
  MPI_Request request[4];
  receive(solver, now, below, 0, &request[0]);
  receive(solver, now + (size_t)last * solver->plane, above, 1, &request[1]);
  MPI_Isend(now + solver->plane, count, MPI_DOUBLE, below, 1, MPI_COMM_WORLD, &request[2]);
  MPI_Isend(now + (size_t)(last - 1) * solver->plane, count, MPI_DOUBLE, above, 0, MPI_COMM_WORLD,
            &request[3]);
  MPI_Waitall(4, request, MPI_STATUSES_IGNORE);
}

static void
compute(const struct solver *solver, const double *now, double *next)
{
  const int n = solver->set.size;
  const size_t row = (size_t)n, plane = solver->plane;
  for (int z = 1; z < solver->planes - 1; z++)
    for (int y = 1; y < n - 1; y++)
      for (int x = 1; x < n - 1; x++) {
        size_t at = (size_t)z * plane + (size_t)y * row + (size_t)x;
        double around = now[at - 1] + now[at + 1] + now[at - row] + now[at + row] + now[at - plane]
          + now[at + plane];
        next[at] = now[at] + 0.1 * (around - 6 * now[at]);
      }
}

static void
fill(struct solver *solver)
{
  int first = 0;
  size_t mine = (size_t)(solver->planes - 2) * solver->plane;
  int own = solver->planes - 2;
  MPI_Exscan(&own, &first, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  for (size_t i = 0; i < mine; i++) {
    unsigned long long cell = (unsigned long long)first * solver->plane + i;
    array(solver, 0)[solver->plane + i] = array(solver, 1)[solver->plane + i]
      = (double)(cell * 2654435761u % 1000) / 10;
  }
}

static int
write_result(const struct solver *solver)
{
  char path[4096];
  size_t mine = (size_t)(solver->planes - 2) * solver->plane;
  snprintf(path, sizeof path, "%s/result-%d", solver->set.directory, solver->rank);
  FILE *file = fopen(path, "w");
  const double *from = array(solver, solver->state->step) + solver->plane;
  int good = file && fwrite(from, sizeof *from, mine, file) == mine;
  if (file && fclose(file) != 0)
    good = 0;
  if (!good)
    fprintf(stderr, "rank %d: %s: %s\n", solver->rank, path, strerror(errno));
  return good;
}

static void
set_up(struct solver *solver)
{
  struct ww_options options = WW_OPTIONS_INIT;
  struct ww_chain_options chain = WW_CHAIN_OPTIONS_INIT;
  char path[4096];
  int own = solver->set.size / solver->ranks + (solver->rank < solver->set.size % solver->ranks);
  solver->planes = own + 2;
  solver->plane = (size_t)solver->set.size * (size_t)solver->set.size;
  solver->bytes = sizeof *solver->state + 2 * (size_t)solver->planes * solver->plane * sizeof(double);
  solver->bytes = (solver->bytes + 4095) & ~(size_t)4095;
  solver->state = mmap(NULL, solver->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (solver->state == MAP_FAILED)
    die(solver, "mmap");
  /* An engine that knows of a write before it is made. */
  options.engine = WW_ENGINE_MPROTECT;
  options.policy = WW_POLICY_ADAPTIVE;
  chain.on_commit_command = solver->set.on_commit;
  (void)mkdir(solver->set.directory, 0777);
  snprintf(path, sizeof path, "%s/rank-%d", solver->set.directory, solver->rank);
  if (ww_tracker_create(&solver->tracker, &options)
      || ww_region_add(solver->tracker, "heat", solver->state, solver->bytes, NULL)
      || ww_chain_open(&solver->chain, path, &chain))
    die(solver, "setting up");
}

static void
usage(FILE *out)
{
  fputs("Usage: mpirun -n RANKS heat3d [--size N] [--steps N] [--every STEPS] [--directory DIR]\n"
        "                              [--on-commit COMMAND] [--no-touch]\n"
        "Heat in a cube of N x N x N cells. Killed, and started again, it goes on from the last checkpoint\n"
        "that all ranks have. DIR/result-RANK is a rank's part of the cube at the end.\n", out);
}

static int
read_settings(struct settings *set, int argc, char **argv)
{
  static const struct option options[] = {
    { "size", required_argument, NULL, 's' },      { "steps", required_argument, NULL, 'n' },
    { "every", required_argument, NULL, 'e' },     { "directory", required_argument, NULL, 'd' },
    { "on-commit", required_argument, NULL, 'c' }, { "no-touch", no_argument, NULL, 't' },
    { "help", no_argument, NULL, 'h' },            { NULL, 0, NULL, 0 }
  };
  int option;
  *set = (struct settings){ 64, 200, 10, "heat3d.checkpoints", NULL, 1 };
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
    switch (option) {
      case 's': set->size = atoi(optarg); break;
      case 'n': set->steps = atoi(optarg); break;
      case 'e': set->every = atoi(optarg); break;
      case 'd': set->directory = optarg; break;
      case 'c': set->on_commit = optarg; break;
      case 't': set->touch = 0; break;
      case 'h': usage(stdout); exit(0);
      default: usage(stderr); return -1;
    }
  return set->size >= 3 && set->steps > 0 && set->every > 0 ? 0 : -1;
}

int
main(int argc, char **argv)
{
  struct solver solver = { .rank = 0 };
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &solver.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &solver.ranks);
  if (read_settings(&solver.set, argc, argv) || solver.set.size < solver.ranks) {
    MPI_Finalize();
    return 2;
  }
  set_up(&solver);
  if (!restore(&solver))
    fill(&solver);
  if (solver.rank == 0)
    fprintf(stderr, "attempt %llu, from step %ld\n", solver.attempt, solver.state->step);
  if (ww_start(solver.tracker))
    die(&solver, "start");
  while (solver.state->step < solver.set.steps) {
    double *now = array(&solver, solver.state->step);
    exchange(&solver, now);
    compute(&solver, now, array(&solver, solver.state->step + 1));
    solver.state->step++;
    if (solver.state->step % solver.set.every == 0)
      checkpoint(&solver);
  }
  settle(&solver);
  int good = write_result(&solver);
  ww_chain_close(solver.chain);
  ww_tracker_destroy(solver.tracker);
  MPI_Finalize();
  return !good;
}
