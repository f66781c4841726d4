/* carry.c - pages that are marked and cannot be read: their marks wait for a later epoch.
 *
 * Whoever copies what a collect returns would crash on a page that the program has made
 * PROT_NONE, or that lies behind the end of its file. Such a page changed all the same, so it
 * is returned by the first collect that finds it readable. It may stay open meanwhile: it is
 * marked in the running epoch, as every open page has to be. */
#include "config.h"
#include "carry.h"
#include "os.h"
#include "region.h"

/* Who wrote it is forgotten, that a fault was seen is not. */
static void
move(struct ww_region *region, struct page_set *from, struct page_set *to, size_t page)
{
  uint64_t bit = (uint64_t)1 << (page % 64);
  enum ww_evidence evidence = page_set_evidence(from, page);
  if (evidence == WW_DECLARED || evidence == WW_VERIFIED)
    page_set_declare(region, to, page / 64, bit);
  else if (page_set_add(region, to, page / 64, bit) && evidence == WW_ASSUMED) {
    atomic_fetch_or(&to->bulk[page / 64], bit);
    atomic_store(&to->special, true);
    /* What was opened without being written still is to be compared. */
    if (atomic_load(&from->provisional[page / 64]) & ~atomic_load(&from->owed[page / 64]) & bit) {
      to->hash[page] = from->hash[page];
      atomic_fetch_or(&to->provisional[page / 64], bit);
      atomic_store(&to->unverified, true);
    }
  }
  page_set_drop(region, from, page, 1);
}

static bool
carry_region(struct ww_region *region, uint64_t ended)
{
  struct page_set *from = &region->set[ended & 1], *to = &region->set[(ended + 1) & 1];
  const struct segment_table *table = atomic_load(&region->table);
  bool any = false;
  for (size_t s = 0; s < table->count; s++) {
    const struct segment *segment = &table->segment[s];
    size_t end = segment->first + segment->count, page = segment->first;
    bool readable = segment_is_readable(segment);
    if (readable && !region->probed)
      continue;
    for (; (page = bitmap_next(&from->dirty, page)) < end; page++)
      if (!readable || !os_is_readable(region_page_address(region, page))) {
        move(region, from, to, page);
        any = true;
      }
  }
  return any;
}

bool
carry_over(struct ww_tracker *tracker, uint64_t ended)
{
  bool any = false;
  for (size_t i = 0; i < tracker->regions; i++)
    any |= carry_region(tracker->region[i], ended);
  return any;
}
