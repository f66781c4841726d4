/* shielded.h - a tracker with the shield, or the reason why there is none. */
#ifndef WW_TEST_SHIELDED_H
#define WW_TEST_SHIELDED_H

#include "writewatch.h"

#include <stdbool.h>
#include <stddef.h>

/* The same values as the header's, which may be of a library that has no shield. */
#define WW_SHIELD (1u << 0)
#define WW_AUDIT (1u << 1)
#define WW_FOLLOW_FORK (1u << 2)
/* Weak: a library without a shield has none. */
const struct ww_run *ww_dirty_missed(const ww_dirty *dirty, size_t *count) __attribute__((weak));

/* Was the library built with a shield at all? Whether the machine allows it is another question. */
static inline bool
library_has_shield(void)
{
  return ww_dirty_missed != NULL;
}

/* Pages that the audit missed; 0 without an audit. */
static inline size_t
missed_pages(const ww_dirty *dirty, size_t page_size)
{
  size_t count, pages = 0;
  const struct ww_run *runs = library_has_shield() ? ww_dirty_missed(dirty, &count) : NULL;
  for (size_t i = 0; runs && i < count; i++)
    pages += runs[i].length / page_size;
  return pages;
}

#endif
