/* history.c - in which of the last epochs a page was written, and what that says of the next ones.
 *
 * Every epoch tells of every page whether it was written, by a trap, by the kernel or by its hash. So it is
 * known without a trial how often pages are written again that were written like this, and nothing
 * has to be risked to learn it. Four bits a page. */
#include "config.h"
#include "history.h"

size_t
history_size(size_t pages)
{
  return HISTORY_EPOCHS * bitmap_size(pages);
}

void
history_init(struct history *history, size_t pages, void *zeroed)
{
  for (unsigned i = 0; i < HISTORY_EPOCHS; i++)
    bitmap_init(&history->written[i], pages, (char *)zeroed + i * bitmap_size(pages));
}

void
odds_learn(struct odds *odds, double hits, double tries, double kept)
{
  if (!(tries > 0))
    return;
  double before = odds->tries < kept ? odds->tries : kept;
  odds->rate = (odds->rate * before + hits) / (before + tries);
  odds->tries += tries;
}

static uint64_t
kind_of(uint64_t before, uint64_t earlier, unsigned kind)
{
  return (kind & 2 ? before : ~before) & (kind & 1 ? earlier : ~earlier);
}

/* Of the pages that were written `ago` epochs ago. */
static void
learn_from(struct history *history, unsigned ago, uint64_t (*written)(const void *, size_t), const void *of)
{
  /* What is learnt must change when the program does: three such epochs count as much as all before. */
  enum { EPOCHS = 3, LEAST = 48 };
  const struct bitmap *map = history->written;
  size_t hits[HISTORIES] = { 0 }, tries[HISTORIES] = { 0 };
  for (size_t page = 0; (page = bitmap_next(&map[ago], page)) != BITMAP_NONE; page = (page / 64 + 1) * 64) {
    size_t word = page / 64;
    uint64_t then = bitmap_word(&map[ago], word), now = written(of, word);
    uint64_t before = bitmap_word(&map[ago + 1], word), earlier = bitmap_word(&map[ago + 2], word);
    for (unsigned kind = 0; kind < HISTORIES; kind++) {
      uint64_t these = then & kind_of(before, earlier, kind);
      tries[kind] += (size_t)__builtin_popcountll(these);
      hits[kind] += (size_t)__builtin_popcountll(these & now);
    }
  }
  for (unsigned kind = 0; kind < HISTORIES; kind++) {
    double kept = EPOCHS * (double)tries[kind];
    odds_learn(&history->odds[kind], (double)hits[kind], (double)tries[kind], kept > LEAST ? kept : LEAST);
  }
}

void
history_learn(struct history *history, uint64_t (*written)(const void *of, size_t word), const void *of)
{
  struct bitmap oldest = history->written[HISTORY_EPOCHS - 1];
  for (unsigned ago = 0; ago < 2; ago++)
    learn_from(history, ago, written, of);
  for (size_t page = 0; (page = bitmap_next(&oldest, page)) != BITMAP_NONE; page = (page / 64 + 1) * 64)
    bitmap_clear_word(&oldest, page / 64);
  for (unsigned i = HISTORY_EPOCHS - 1; i > 0; i--)
    history->written[i] = history->written[i - 1];
  history->written[0] = oldest;
}

void
history_add(struct history *history, size_t word, uint64_t written)
{
  if (written)
    (void)bitmap_set_word(&history->written[0], word, written);
}

uint64_t
history_of(const struct history *history, size_t word, unsigned kind)
{
  return kind_of(bitmap_word(&history->written[1], word), bitmap_word(&history->written[2], word), kind);
}
