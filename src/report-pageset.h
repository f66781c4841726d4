/* report-pageset.h - which pages of a region were ever dirty: a bit a page, in
 * chunks that exist only where something was written. */
#ifndef WW_REPORT_PAGESET_H
#define WW_REPORT_PAGESET_H

#include <stdint.h>

#define REPORT_CHUNK_PAGES 32768u   /* 4 KiB of bits */

/* All zeroes is an empty set. */
struct report_pageset {
  uint64_t **chunks;  /* NULL: no page of it; report_chunk_full: every page */
  uint64_t   room;    /* chunks */
  uint64_t   count;   /* pages in the set */
};

/* Make sure that the pages can be added; -ENOMEM. */
int  report_pageset_reserve(struct report_pageset *set, uint64_t first, uint64_t pages);
/* Add pages that were reserved; cannot fail. */
void report_pageset_add(struct report_pageset *set, uint64_t first, uint64_t pages);
void report_pageset_free(struct report_pageset *set);

#endif
