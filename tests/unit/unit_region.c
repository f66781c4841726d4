/* unit_region.c - whose page is it: tables of many regions, page sets, mappings counted. */
#include "config.h"
#include "unit.h"
#include "region.h"
#include "tracker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct ww_tracker *
make_tracker(void)
{
  return aligned_alloc(128, (sizeof(struct ww_tracker) + 127) / 128 * 128);
}

static struct ww_region *
make(struct ww_tracker *tracker, uintptr_t start, size_t pages)
{
  struct ww_region *region = region_create(tracker, "unit", start, start + (pages << 12), 12, 1);
  struct segment_table *table = atomic_load(&region->table);
  table->segment[0] = (struct segment){ .first = 0, .count = pages, .protection = 3 };
  table->count = 1;
  return region;
}

START_TEST(test_many_regions)
{
  enum { REGIONS = 1000 };
  struct ww_tracker *tracker = make_tracker();
  struct ww_region *region[REGIONS], *overlap;
  ck_assert_ptr_null(region_find(region_table(), 0x10000000));
  /* In an order that is neither ascending nor descending. */
  for (unsigned i = 0; i < REGIONS; i++) {
    unsigned at = i * 617 % REGIONS;
    region[at] = make(tracker, 0x10000000 + (uintptr_t)at * 0x10000, 8);
    ck_assert_int_eq(region_publish(region[at]), 0);
  }
  for (unsigned i = 0; i < REGIONS; i++) {
    uintptr_t start = 0x10000000 + (uintptr_t)i * 0x10000;
    ck_assert_ptr_eq(region_find(region_table(), start), region[i]);
    ck_assert_ptr_eq(region_find(region_table(), start + 0x7fff), region[i]);
    ck_assert_ptr_null(region_find(region_table(), start + 0x8000));
    ck_assert_ptr_null(region_find(region_table(), start - 1));
    overlap = make(tracker, start + 0x7000, 2);
    ck_assert_int_eq(region_publish(overlap), -EEXIST);
    region_release(overlap);
  }
  for (unsigned i = 0; i < REGIONS; i += 2) {
    region_withdraw(region[i]);
    region_release(region[i]);
  }
  for (unsigned i = 0; i < REGIONS; i++)
    ck_assert_ptr_eq(region_find(region_table(), 0x10000000 + (uintptr_t)i * 0x10000),
                     i & 1 ? region[i] : NULL);
  for (unsigned i = 1; i < REGIONS; i += 2) {
    region_withdraw(region[i]);
    region_release(region[i]);
  }
  ck_assert_uint_eq(region_table()->count, 0);
  free(tracker);
}
END_TEST

START_TEST(test_segments)
{
  static const size_t firsts[] = { 0, 1, 5, 6, 100 };
  struct ww_tracker *tracker = make_tracker();
  struct ww_region *region = region_create(tracker, NULL, 0x20000000, 0x20000000 + (200 << 12), 12, 5);
  struct segment_table *table = atomic_load(&region->table);
  for (unsigned i = 0; i < 5; i++)
    table->segment[i] = (struct segment){ .first = firsts[i],
                                          .count = (i < 4 ? firsts[i + 1] : 200) - firsts[i],
                                          .protection = (int)i };
  table->count = 5;
  for (size_t page = 0; page < 200; page++) {
    const struct segment *segment = region_segment(region, page);
    ck_assert_uint_le(segment->first, page);
    ck_assert_uint_gt(segment->first + segment->count, page);
  }
  region_release(region);
  free(tracker);
}
END_TEST

/* The count of mappings is twice the number of runs, however the set came about. */
START_TEST(test_mappings)
{
  enum { PAGES = 500 };
  struct ww_tracker *tracker = make_tracker();
  struct ww_region *region = make(tracker, 0x30000000, PAGES);
  struct page_set *set = &region->set[0];
  char plain[PAGES] = { 0 };
  atomic_store(&tracker->mappings, 0);
  for (unsigned i = 0; i < 3000; i++) {
    size_t first = (size_t)(i * 7919 + i * i) % PAGES, count = i % 5 ? 1 : 1 + i % 90, runs = 0;
    if (first + count > PAGES)
      count = PAGES - first;
    for (size_t word = first / 64; word <= (first + count - 1) / 64; word++)
      page_set_add(region, set, word, bitmap_mask(word, first, count));
    for (size_t page = first; page < first + count; page++)
      plain[page] = 1;
    for (size_t page = 0; page < PAGES; page++)
      runs += plain[page] && (page == 0 || !plain[page - 1]);
    ck_assert_int_eq(atomic_load(&set->mappings), 2 * (long)runs);
    ck_assert_int_eq(atomic_load(&tracker->mappings), 2 * (long)runs);
    if (runs == 1 && plain[0] && plain[PAGES - 1])
      page_set_clear(set), atomic_store(&tracker->mappings, 0), (void)memset(plain, 0, PAGES);
  }
  region_release(region);
  free(tracker);
}
END_TEST

/* Taking pages out gives their mappings back. */
START_TEST(test_remove_pages)
{
  enum { PAGES = 500 };
  struct ww_tracker *tracker = make_tracker();
  struct ww_region *region = make(tracker, 0x30000000, PAGES);
  struct page_set *set = &region->set[0];
  char plain[PAGES] = { 0 };
  atomic_store(&tracker->mappings, 0);
  for (unsigned i = 0; i < 3000; i++) {
    size_t first = (size_t)(i * 7919 + i * i) % PAGES, count = i % 5 ? 1 : 1 + i % 90, runs = 0, next = 0;
    if (first + count > PAGES)
      count = PAGES - first;
    if (i % 3)
      for (size_t word = first / 64; word <= (first + count - 1) / 64; word++)
        page_set_add(region, set, word, bitmap_mask(word, first, count));
    else
      page_set_drop(region, set, first, count);
    memset(plain + first, i % 3 != 0, count);
    for (size_t page = 0; page < PAGES; page++)
      runs += plain[page] && (page == 0 || !plain[page - 1]);
    ck_assert_int_eq(atomic_load(&set->mappings), 2 * (long)runs);
    ck_assert_int_eq(atomic_load(&tracker->mappings), 2 * (long)runs);
    bool right = true;
    for (size_t page = 0; page < PAGES; page++)
      if (plain[page]) {
        right &= bitmap_next(&set->dirty, next) == page;
        next = page + 1;
      }
    ck_assert(right);
    ck_assert_uint_eq(bitmap_next(&set->dirty, next), BITMAP_NONE);
  }
  region_release(region);
  free(tracker);
}
END_TEST

/* A table after many changes is what a plain array of protections says, without two
 * neighbours that are alike. */
START_TEST(test_changed_segments)
{
  enum { PAGES = 300 };
  struct ww_tracker *tracker = make_tracker();
  struct ww_region *region = make(tracker, 0x50000000, PAGES);
  int plain[PAGES];
  uint64_t offset[PAGES];
  for (unsigned i = 0; i < PAGES; i++)
    plain[i] = 3, offset[i] = 0;
  for (unsigned i = 0; i < 2000; i++) {
    size_t first = (size_t)(i * 7919 + i * i) % PAGES, count = 1 + i % 40;
    if (first + count > PAGES)
      count = PAGES - first;
    struct segment model = { .protection = (int)(i % 4), .inode = i % 4 == 2 ? 7 : 0,
                             .offset = i % 4 == 2 ? first << 12 : 0 };
    ck_assert_int_eq(segment_reserve(region, 2), 0);
    segment_set(region, first, count, &model);
    for (size_t page = first; page < first + count; page++) {
      plain[page] = model.protection;
      offset[page] = model.inode ? page << 12 : 0;
    }
    const struct segment_table *table = atomic_load(&region->table);
    size_t next = 0;
    bool right = true;
    for (size_t s = 0; s < table->count; s++) {
      const struct segment *segment = &table->segment[s];
      right &= segment->first == next && (!s || table->segment[s - 1].protection != segment->protection);
      for (size_t page = next; page < next + segment->count && right; page++)
        right = segment->protection == plain[page]
          && (segment->inode ? segment->offset + ((page - next) << 12) : 0) == offset[page];
      next += segment->count;
    }
    ck_assert(right);
    ck_assert_uint_eq(next, PAGES);
  }
  region_release(region);
  free(tracker);
}
END_TEST

START_TEST(test_evidence)
{
  struct ww_tracker *tracker = make_tracker();
  struct ww_region *region = make(tracker, 0x40000000, 64);
  struct page_set *set = &region->set[1];
  page_set_add(region, set, 0, 0xff);
  ck_assert_int_eq(page_set_evidence(set, 3), WW_TRAPPED);
  atomic_store(&set->special, true);
  atomic_store(&set->bulk[0], 0x0c);
  atomic_store(&set->declared[0], 0x18);
  atomic_store(&set->trapped[0], 0x10);
  ck_assert_int_eq(page_set_evidence(set, 1), WW_TRAPPED);
  ck_assert_int_eq(page_set_evidence(set, 2), WW_ASSUMED);
  ck_assert_int_eq(page_set_evidence(set, 3), WW_DECLARED);
  ck_assert_int_eq(page_set_evidence(set, 4), WW_TRAPPED);
  page_set_clear(set);
  ck_assert_uint_eq(atomic_load(&set->bulk[0]), 0);
  ck_assert_uint_eq(atomic_load(&set->declared[0]), 0);
  ck_assert_uint_eq(atomic_load(&set->trapped[0]), 0);
  ck_assert_uint_eq(bitmap_next(&set->dirty, 0), BITMAP_NONE);
  region_release(region);
  free(tracker);
}
END_TEST

Suite *
suite_region(void)
{
  Suite *suite = suite_create("region");
  TCase *tests = tcase_create("region");
  tcase_add_test(tests, test_many_regions);
  tcase_add_test(tests, test_segments);
  tcase_add_test(tests, test_mappings);
  tcase_add_test(tests, test_remove_pages);
  tcase_add_test(tests, test_changed_segments);
  tcase_add_test(tests, test_evidence);
  suite_add_tcase(suite, tests);
  return suite;
}
