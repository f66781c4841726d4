/* trace_pages.h - when each page of a region was dirty last: 4 bytes a page, in chunks that exist only
 * where something was written.
 *
 * That one number tells how the dirty set grows with the interval, in one pass. Cut the epochs into
 * windows of 2^j, aligned. A page that is dirty in epoch e and was so in p before is new to its window
 * exactly if e and p lie in different ones, e >> j != p >> j: for all j below the bit length of e ^ p.
 * So one count by that length is enough for windows of every size. */
#ifndef WW_TRACE_PAGES_H
#define WW_TRACE_PAGES_H

#include <stddef.h>
#include <stdint.h>

#define PAGES_LEVELS 32u
#define PAGES_EPOCHS_MAX ((1u << 31) - 1)

/* All zeroes is a table without pages. */
struct page_table {
  uint32_t **chunks;
  size_t     room;
};

struct page_tally {
  uint64_t by_level[PAGES_LEVELS + 1];   /* pages by that bit length; those never dirty before in the last */
  uint64_t again;                        /* that had been dirty in one epoch only */
  uint64_t twice;                        /* that this epoch had already: counted nowhere else */
};

#define PAGES_CHUNK 4096u
#define PAGES_AGAIN 0x80000000u          /* of a page's number: dirty in more than one epoch */

/* One page, whose number is *last, is dirty in `epoch`, from 1, which never goes back. */
static inline void
page_mark(uint32_t *last, uint32_t epoch, struct page_tally *tally)
{
  uint32_t before = *last & ~PAGES_AGAIN;

  if (before == epoch) {
    tally->twice++;
  } else if (before == 0) {
    tally->by_level[PAGES_LEVELS]++;
    *last = epoch;
  } else {
    tally->by_level[32 - (unsigned)__builtin_clz((epoch - 1) ^ (before - 1))]++;
    tally->again += !(*last & PAGES_AGAIN);
    *last = epoch | PAGES_AGAIN;
  }
}

/* The numbers of the PAGES_CHUNK pages among which `page` is. NULL: *error is -ENOMEM, or -E2BIG:
 * *memory, what all tables take, would exceed `most`. */
uint32_t *page_table_chunk(struct page_table *table, uint64_t page, uint64_t *memory, uint64_t most,
                           int *error);
void page_table_free(struct page_table *table);

#endif
