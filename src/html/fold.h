/* fold.h - the heat map's rows as the page has them: what is never dirty takes next to no room. */
#ifndef WW_HTML_FOLD_H
#define WW_HTML_FOLD_H

#include <stdbool.h>
#include "trace_summary.h"

#define FOLD_CELLS (1u << 23)   /* of the page's map, at most, but for what is folded away */

struct fold_row {
  uint32_t begin, end;   /* of the summary's rows */
  bool     gap;          /* never dirty: several rows like this one stand for all of them */
  uint64_t pages;        /* of the region, in all of these rows */
};

struct fold {
  struct fold_row *rows;
  uint32_t count;
};

/* -ENOMEM */
int  fold_make(struct fold *fold, const struct summary_heat *heat);
void fold_free(struct fold *fold);

#endif
