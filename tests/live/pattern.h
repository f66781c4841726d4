/* pattern.h - writes to many pages, an epoch at a time, as programs make them. */
#ifndef WW_TEST_PATTERN_H
#define WW_TEST_PATTERN_H

#include <stddef.h>
#include <stdint.h>

enum { PATTERN_PAGES = 4096 };

struct pattern {
  const char *name;
  /* Calls write() for the pages that are written in this epoch, 0, 1, 2, ... */
  void (*epoch)(unsigned epoch, uint64_t *state, void (*write)(size_t page));
};

/* Ordinary ones. */
extern const struct pattern patterns[];
extern const size_t patterns_count;
/* Made to fool who predicts. */
extern const struct pattern traps[];
extern const size_t traps_count;

#endif
