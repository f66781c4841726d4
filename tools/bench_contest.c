/* bench_contest.c - one case: starts an image a contestant, lets them take turns, and
 * compares what they say was written.
 *
 * What does not fit into memory together is run in batches, each with an untracked
 * run and PAGEMAP_SCAN of its own beside it. */
#include "config.h"
#include "bench_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "message.h"

enum { EPOCHS_LEAST = 8 };  /* what a policy needs to learn, and to show it */

struct seat {
  size_t    which;       /* contestant */
  pid_t     process;
  int       to, from;
  int       bits_fd;
  uint64_t *bits;
  double    run, collect, arm, hash;   /* sums over the round's epochs */
  double    pages, extra;
  bool      in;          /* still takes part */
};

struct round {
  const struct bench_options *options;
  struct bench_result        *result;
  struct seat                 seats[BENCH_CONTESTANTS];
  size_t                      count, words;
  bool                        loud;
  unsigned                    number;
};

static size_t
bits_room(const struct bench_result *result)
{
  /* Workloads may take a little more than was asked for. */
  return (result->pages + result->pages / 4 + 4096) / 8 + 64;
}

static bool
hear(const struct seat *seat, struct bench_report *report)
{
  size_t got = 0;

  while (got < sizeof *report) {
    ssize_t now = read(seat->from, (char *)report + got, sizeof *report - got);

    if (now < 0 && errno == EINTR)
      continue;
    if (now <= 0)
      return false;
    got += (size_t)now;
  }
  return true;
}

static void
become_image(const struct round *round, const struct seat *seat, int in, int out)
{
  const struct bench_case *what = &round->result->what;
  char pages[24], epochs[24], threads[24], seed[24], operand[40];
  const char *arguments[14] = { "writewatch", "bench", "--image", bench_contestants[seat->which]->name,
                                what->workload, pages, epochs, threads, seed };
  size_t count = 9;
  char *save = NULL;

  snprintf(pages, sizeof pages, "%zu", round->result->pages);
  snprintf(epochs, sizeof epochs, "%u", round->result->epochs);
  snprintf(threads, sizeof threads, "%u", what->threads);
  snprintf(seed, sizeof seed, "%llu", (unsigned long long)round->options->seed);
  if (what->operand) {
    snprintf(operand, sizeof operand, "%s", what->operand);
    for (char *word = strtok_r(operand, " ", &save); word && count < 13; word = strtok_r(NULL, " ", &save))
      arguments[count++] = word;
  }
  /* First out of the way, then to their places. */
  in = fcntl(in, F_DUPFD, 10);
  out = fcntl(out, F_DUPFD, 10);
  dup2(fcntl(seat->bits_fd, F_DUPFD, 10), BENCH_BITS_FD);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  for (int fd = BENCH_BITS_FD + 1; fd < 256; fd++)
    close(fd);
  execv("/proc/self/exe", (char *const *)(uintptr_t)arguments);
  _exit(STATUS_TRACKING);
}

static int
launch(struct round *round, struct seat *seat)
{
  int in[2] = { -1, -1 }, out[2] = { -1, -1 };

  seat->bits_fd = memfd_create("written pages", MFD_CLOEXEC);
  if (seat->bits_fd < 0 || ftruncate(seat->bits_fd, (off_t)bits_room(round->result)) != 0)
    return -errno;
  seat->bits = mmap(NULL, bits_room(round->result), PROT_READ, MAP_SHARED, seat->bits_fd, 0);
  if (seat->bits == MAP_FAILED || pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
    return -errno;
  seat->process = fork();
  if (seat->process == 0)
    become_image(round, seat, in[0], out[1]);
  close(in[0]);
  close(out[1]);
  seat->to = in[1];
  seat->from = out[0];
  return seat->process < 0 ? -errno : 0;
}

static void
dismiss(struct round *round, struct seat *seat)
{
  if (seat->to >= 0)
    close(seat->to);
  if (seat->process > 0)
    while (waitpid(seat->process, NULL, 0) < 0 && errno == EINTR)
      ;
  if (seat->from >= 0)
    close(seat->from);
  if (seat->bits && seat->bits != MAP_FAILED)
    munmap(seat->bits, bits_room(round->result));
  if (seat->bits_fd >= 0)
    close(seat->bits_fd);
}

/* Out of the case; why, for the table. A failure, unless it is merely not to be had. */
static enum status
drop(struct round *round, struct seat *seat, bool failure, const char *why)
{
  struct bench_score *score = &round->result->scores[seat->which];
  char name[96];

  seat->in = false;
  score->ran = false;
  score->rounds = 0;
  snprintf(score->absent, sizeof score->absent, "%s", why);
  if (!failure)
    return STATUS_OK;
  bench_case_name(&round->result->what, name, sizeof name);
  complain("bench: %s: %s: %s", name, bench_contestants[seat->which]->name, why);
  return STATUS_TRACKING;
}

static enum status
seat_all(struct round *round)
{
  struct bench_report report;
  enum status status = STATUS_OK, seated;

  for (size_t i = 0; i < round->count; i++) {
    struct seat *seat = &round->seats[i];
    int error = launch(round, seat);

    if (error != 0) {
      complain("bench: cannot start a process: %s", strerror(-error));
      return STATUS_MEMORY;
    }
    seat->in = true;
    if (!hear(seat, &report))
      seated = drop(round, seat, true, "its process ended before it was ready");
    else if (report.word != BENCH_READY)
      seated = drop(round, seat, report.word == BENCH_BROKEN, report.reason);
    else {
      round->words = ((size_t)report.run + 63) / 64;
      round->result->tracked = (size_t)report.run;
      seated = STATUS_OK;
    }
    if (seated != STATUS_OK)
      status = seated;
    /* Where the workload alone cannot be run, nobody can. */
    if (!round->seats[0].in)
      break;
  }
  return status;
}

static struct seat *
seat_of(struct round *round, size_t which)
{
  for (size_t i = 0; i < round->count; i++)
    if (round->seats[i].which == which)
      return round->seats[i].in ? &round->seats[i] : NULL;
  return NULL;
}

/* What was written, as far as is known: PAGEMAP_SCAN says so, or else any of those
 * that see every write; and what changed: the copy says so, or, where each write
 * changes its page, the same. */
static enum status
compare(struct round *round, unsigned epoch)
{
  struct seat *reference = seat_of(round, BENCH_REFERENCE), *copy = NULL;
  enum status status = STATUS_OK;
  size_t index;
  char name[96];

  if (bench_contestant_find("copy", &index))
    copy = seat_of(round, index);
  for (size_t i = 0; !reference && i < round->count; i++)
    if (round->seats[i].in && bench_contestants[round->seats[i].which]->sees == BENCH_WRITES)
      reference = &round->seats[i];
  for (size_t i = 0; i < round->count; i++) {
    struct seat *seat = &round->seats[i];
    const struct bench_contestant *contestant = bench_contestants[seat->which];
    const struct seat *truth = contestant->sees == BENCH_WRITES || round->loud ? reference : copy;
    uint64_t missed = 0, pages = 0, extra = 0;

    if (!seat->in || contestant->sees == BENCH_NOTHING)
      continue;
    for (size_t w = 0; w < round->words; w++) {
      const uint64_t have = seat->bits[w];

      pages += (uint64_t)__builtin_popcountll(have);
      if (truth)
        missed += (uint64_t)__builtin_popcountll(truth->bits[w] & ~have);
      /* What changed was written, whoever of the two did not see it. */
      if (seat == reference && copy)
        missed += (uint64_t)__builtin_popcountll(copy->bits[w] & ~have);
      if (reference)
        extra += (uint64_t)__builtin_popcountll(have & ~reference->bits[w]);
    }
    seat->pages += (double)pages;
    seat->extra += (double)extra;
    if (missed == 0)
      continue;
    round->result->scores[seat->which].missed += missed;
    bench_case_name(&round->result->what, name, sizeof name);
    complain("bench: %s: %s MISSED %llu written page%s in epoch %u (it returned %llu)", name,
             contestant->name, (unsigned long long)missed, missed == 1 ? "" : "s", epoch,
             (unsigned long long)pages);
    status = STATUS_CHECK;
  }
  if (reference && round->number == 0) {
    double written = 0;

    for (size_t w = 0; w < round->words; w++)
      written += __builtin_popcountll(reference->bits[w]);
    round->result->written += (written - round->result->written) / epoch;
  }
  return status;
}

static enum status
turn(struct round *round, struct seat *seat)
{
  struct bench_report report;

  if (write(seat->to, "g", 1) != 1 || !hear(seat, &report))
    return drop(round, seat, true, "its process ended in the middle of the run");
  if (report.word != BENCH_TURN)
    return drop(round, seat, seat->which == BENCH_UNTRACKED, report.reason);
  seat->run += report.run;
  seat->collect += report.collect;
  seat->arm += report.spent.arm;
  seat->hash += report.spent.hash;
  return STATUS_OK;
}

static void
add_up(struct round *round)
{
  const double epochs = round->result->epochs;
  const struct seat *untracked = seat_of(round, BENCH_UNTRACKED), *reference;

  reference = seat_of(round, BENCH_REFERENCE);
  for (size_t i = 0; untracked && i < round->count; i++) {
    const struct seat *seat = &round->seats[i];
    struct bench_score *score = &round->result->scores[seat->which];
    unsigned at = score->rounds;

    if (!seat->in || at == BENCH_ROUNDS)
      continue;
    score->run[at] = seat->run / epochs;
    score->collect[at] = seat->collect / epochs;
    score->arm[at] = seat->arm / epochs;
    score->hash[at] = seat->hash / epochs;
    score->base[at] = untracked->run / epochs;
    score->reference[at] = reference ? fmax(reference->run + reference->collect - untracked->run,
                                            reference->collect) / epochs : NAN;
    score->pages = seat->pages / epochs;
    score->extra = seat->extra / epochs;
    score->rounds++;
    score->ran = true;
  }
}

/* Two epochs have been seen: as many as there is time for, the same in each round. */
static void
cut_epochs(struct round *round, double spent)
{
  const double budget = bench_budget(round->options) * 1e9 / 3 / (spent / 2);

  if (round->options->epochs == 0 && budget < round->result->epochs)
    round->result->epochs = budget < EPOCHS_LEAST ? EPOCHS_LEAST : (unsigned)budget;
}

static enum status
run_batch(struct round *round, bool first)
{
  enum status status = seat_all(round), worst = status;
  const double begun = now_wall();

  /* Without the untracked run there is nothing to compare with. */
  for (unsigned epoch = 1; round->seats[0].in && worst != STATUS_MEMORY
       && epoch <= round->result->epochs; epoch++) {
    /* Who begins changes, so that nobody always follows the same one. */
    for (size_t i = 0; i < round->count; i++) {
      struct seat *seat = &round->seats[(i + epoch + round->number) % round->count];

      if (seat->in && (status = turn(round, seat)) != STATUS_OK)
        worst = status;
    }
    if ((status = compare(round, epoch)) != STATUS_OK)
      worst = status;
    if (first && epoch == 2)
      cut_epochs(round, now_wall() - begun);
  }
  if (worst != STATUS_MEMORY)
    add_up(round);
  for (size_t i = 0; i < round->count; i++)
    dismiss(round, &round->seats[i]);
  return worst;
}

static void
take_seat(struct round *round, size_t which)
{
  round->seats[round->count++] = (struct seat){ .which = which, .to = -1, .from = -1, .bits_fd = -1 };
}

enum status
bench_contest(const struct bench_options *options, struct bench_result *result)
{
  const double bytes = (double)result->what.mebibytes * 1048576;
  const double room = proc_bytes("/proc/meminfo", "MemAvailable:") * 0.8;
  const unsigned rounds = options->rounds ? options->rounds : options->quick ? 3 : 5;
  enum status worst = STATUS_OK, status;
  bool seated[BENCH_CONTESTANTS];
  const double begun = now_wall();

  signal(SIGPIPE, SIG_IGN);
  for (size_t i = 0; i < BENCH_CONTESTANTS; i++)
    snprintf(result->scores[i].absent, sizeof result->scores[i].absent, "%s", options->absent[i]);
  for (unsigned number = 0; number < rounds && worst != STATUS_MEMORY
       && !*result->scores[BENCH_UNTRACKED].absent;
       number++) {
    memset(seated, 0, sizeof seated);
    for (bool first = true;; first = false) {
      struct round round = { .options = options, .result = result, .number = number + !first,
                             .loud = bench_workload(result->what.workload)->loud };
      double used = 2.2 * bytes;

      size_t bases;

      take_seat(&round, BENCH_UNTRACKED);
      if (!*options->absent[BENCH_REFERENCE])
        take_seat(&round, BENCH_REFERENCE);
      bases = round.count;
      for (size_t i = BENCH_REFERENCE + 1; bench_contestants[i]; i++) {
        const double more = bytes * (1.05 + bench_contestants[i]->copies);

        if (seated[i] || !bench_wants(options, bench_contestants[i]) || *result->scores[i].absent
            || (used + more > room && round.count > bases) || used + more > room * 1.2)
          continue;
        used += more;
        seated[i] = true;
        take_seat(&round, i);
      }
      if (round.count == bases && !first)
        break;
      status = run_batch(&round, number == 0 && first);
      if (status != STATUS_OK)
        worst = status;
      if (status == STATUS_MEMORY)
        break;
    }
    /* One more like these would be too long. */
    if (!options->rounds && (now_wall() - begun) / 1e9 * (number + 2) / (number + 1) > bench_budget(options))
      break;
  }
  bench_judge(result);
  return worst;
}

enum status
bench_probe(struct bench_options *options)
{
  struct bench_options small = *options;
  struct bench_result *result = calloc(1, sizeof *result);
  enum status status;

  if (!result) {
    complain("out of memory");
    return STATUS_MEMORY;
  }
  result->what = (struct bench_case){ "idle", "0", 0, 1, 1, 0 };
  result->pages = (1u << 20) / page_bytes();
  result->epochs = 1;
  small.rounds = 1;
  status = bench_contest(&small, result);
  for (size_t i = 0; i < BENCH_CONTESTANTS; i++)
    memcpy(options->absent[i], result->scores[i].absent, sizeof options->absent[i]);
  free(result);
  return status;
}
