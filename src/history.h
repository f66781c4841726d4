/* history.h - in which of the last epochs a page was written, and what that says of the next ones. */
#ifndef WW_HISTORY_H
#define WW_HISTORY_H

#include "bitmap.h"

/* How often the pages of a kind were written, an epoch. */
struct odds { double rate, tries; };

/* What came before the epoch that has ended, of pages that were written in it: in neither of the two epochs
 * before, in the second, in the first, in both. */
enum { HISTORY_EPOCHS = 4, HISTORIES = 4 };

struct history {
  struct bitmap written[HISTORY_EPOCHS];  /* in the last epoch, the one before, ... */
  struct odds odds[HISTORIES];            /* of being written in each of the two epochs that follow */
};

/* Bytes that history_init() wants, zeroed; only what is used of them is touched. */
size_t history_size(size_t pages);
void history_init(struct history *history, size_t pages, void *zeroed);
/* An epoch has ended: learn from what was written in it, a word at a time, then forget the oldest. What
 * `of` says of a word is asked for again by history_add(). */
void history_learn(struct history *history, uint64_t (*written)(const void *of, size_t word), const void *of);
void history_add(struct history *history, size_t word, uint64_t written);
/* Those of a word's pages that have this history. */
uint64_t history_of(const struct history *history, size_t word, unsigned kind);

/* So many of so many were written. */
void odds_learn(struct odds *odds, double hits, double tries, double kept);

#endif
