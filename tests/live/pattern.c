/* pattern.c - writes to many pages, an epoch at a time, as programs make them. */
#include "config.h"
#include "pattern.h"
#include "../tap.h"

enum { PAGES = PATTERN_PAGES };

static void
sweep(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  (void)epoch, (void)state;
  for (size_t page = 0; page < PAGES; page++)
    write(page);
}

static void
stream(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  (void)state;
  for (size_t i = 0; i < 300; i++)
    write((epoch * 300 + i) % PAGES);
}

static void
stream_back(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  (void)state;
  for (size_t i = 0; i < 300; i++)
    write(PAGES - 1 - (epoch * 300 + i) % PAGES);
}

static void
sparse(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  (void)epoch;
  for (size_t i = 0; i < 40; i++)
    write(tap_random(state) % PAGES);
}

static void
dense(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  (void)epoch;
  for (size_t i = 0; i < PAGES; i++)
    write(tap_random(state) % PAGES);
}

/* A page's share is the inverse of its number, near enough. */
static void
zipf(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  (void)epoch;
  for (size_t i = 0; i < 600; i++)
    write((tap_random(state) % PAGES >> tap_random(state) % 13) * 2654435761u % PAGES);
}

static void
period_two(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  (void)state;
  for (size_t page = epoch % 2; page < PAGES; page += 2)
    write(page);
}

static void
hot(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  (void)epoch;
  for (size_t page = 1000; page < 1200; page++)
    write(page);
  for (size_t i = 0; i < 10; i++)
    write(tap_random(state) % PAGES);
}

/* Four logs that grow, and the page where each ends is written again. */
static void
append(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  (void)state;
  for (size_t log = 0; log < 4; log++)
    for (size_t i = 0; i <= 10; i++)
      write(log * PAGES / 4 + (epoch * 10 + i) % (PAGES / 4));
}

static void
phases(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  static void (*const all[])(unsigned, uint64_t *, void (*)(size_t)) = {
    hot, sparse, sweep, stream, stream_back, zipf
  };
  all[epoch / 7 % (sizeof all / sizeof *all)](epoch, state, write);
}

const struct pattern patterns[] = {
  { "sweep", sweep }, { "stream", stream }, { "stream backward", stream_back }, { "random, sparse", sparse },
  { "random, dense", dense }, { "Zipf", zipf }, { "period of two", period_two }, { "hot set", hot },
  { "appended to", append }, { "phases", phases }
};
const size_t patterns_count = sizeof patterns / sizeof *patterns;

/* ----------------------------------------------------------------- to fool */

static void
once(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  (void)state;
  for (size_t i = 0; i < 100; i++)
    write((epoch * 100 + i) * 2654435761u % PAGES);
}

/* Each page again when it has just been given up: after `idle` epochs. */
static void
again(unsigned epoch, size_t idle, void (*write)(size_t page))
{
  for (size_t page = 0; page < PAGES; page++)
    if (page % (idle + 1) == epoch % (idle + 1))
      write(page * 2654435761u % PAGES);
}

static void
again_three(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  (void)state;
  again(epoch, 3, write);
}

static void
again_four(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  (void)state;
  again(epoch, 4, write);
}

/* Twice, so that patience grows, then not for long. */
static void
twice(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  (void)state;
  for (size_t page = 0; page < PAGES; page++)
    if ((epoch + page * 7) % 12 < 2)
      write(page * 2654435761u % PAGES);
}

static void
beside(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  for (size_t block = 0; block < PAGES; block += 256) {
    for (size_t page = block; page < block + 16; page++)
      write(page);
    write(block + 16 + tap_random(state) % 240);
  }
  (void)epoch;
}

/* Five in a row, so that the next are opened: and of those the last ones. */
static void
ends(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  size_t shift = tap_random(state) % 64;
  (void)epoch;
  for (size_t at = shift; at + 32 < PAGES; at += 64) {
    for (size_t page = at; page < at + 5; page++)
      write(page);
    write(at + 7);
  }
}

static void
short_runs(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  (void)epoch;
  for (size_t i = 0; i < 40; i++) {
    size_t at = tap_random(state) % (PAGES - 8), length = 4 + tap_random(state) % 3;
    for (size_t page = at; page < at + length; page++)
      write(page);
  }
}

/* All is hot, and then never again as it was. */
static void
betrayal(unsigned epoch, uint64_t *state, void (*write)(size_t page))
{
  if (epoch < 12)
    sweep(epoch, state, write);
  else if (epoch % 2)
    sparse(epoch, state, write);
  else
    once(epoch, state, write);
}

const struct pattern traps[] = {
  { "each page once", once }, { "again after three epochs", again_three },
  { "again after four", again_four },
  { "twice, then not for long", twice }, { "beside hot blocks", beside },
  { "ends of what is opened ahead", ends },
  { "short runs", short_runs }, { "betrayal", betrayal }
};
const size_t traps_count = sizeof traps / sizeof *traps;
