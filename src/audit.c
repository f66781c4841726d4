/* audit.c - WW_AUDIT: the content of every page is compared with the last collect's.
 *
 * Why no page is reported that was not missed. A hash is kept only if, after the page was
 * hashed, it was not marked in the running epoch (nor any page that shows the same memory).
 * The page was armed before it was hashed, and a page becomes writable only after it was
 * marked; so what was hashed is what the page held when the collect armed it, and stays what
 * it holds until it is marked. If the next collect finds other content, the page was written
 * in between. Was it noticed? If so the mark is in the ended epoch's set, or, if it came
 * after that epoch's end (C1 of gate.h), in the running one's, which is looked at again
 * after hashing. Where neither has it, nobody noticed. A page whose mark is in the running
 * epoch cannot be judged, now or by the next collect, which will have it in its set and
 * hash it anew.
 *
 * Nothing is made present. Anonymous memory that was never touched is known to be zero; of
 * shared memory and files only what is in core is hashed, the rest is unknown. So that a
 * large reservation costs nothing of its own, hashes are kept as their difference from that
 * of zeros: a page of which nothing was ever stored is a page of zeros.
 *
 * What it costs: a hash of each page in core at each collect (0.2 us for 4 KiB), eight bytes
 * of /proc/self/pagemap read for each anonymous page, and 16 bytes for each page in core. */
#include "config.h"
#include "audit.h"
#include "alias.h"
#include "engine.h"
#include "loan.h"
#include "os.h"

#include <errno.h>
#include <string.h>

enum { CHUNK = 512 };           /* pages looked at together */

struct audit {
  struct page_hash zero;        /* of a page of zeros */
  _Atomic uint64_t *unknown;    /* a bit a page: nothing is known of it */
  _Atomic uint64_t *kept;       /* a bit a page: `hash` is not zero, or it is unknown */
  struct page_hash *hash;       /* [pages], less `zero` */
  struct page_hash zeros;       /* all bits zero */
};

void
audit_free(struct audit *audit)
{
  if (audit)
    arena_unmap(NULL, audit);
}

static struct page_hash
difference(struct page_hash a, struct page_hash b)
{
  return (struct page_hash){ a.low ^ b.low, a.high ^ b.high };
}

static bool
is_set(const _Atomic uint64_t *bits, size_t page)
{
  return atomic_load_explicit(&bits[page / 64], memory_order_relaxed) >> (page % 64) & 1;
}

static void
set_to(_Atomic uint64_t *bits, size_t page, bool value)
{
  uint64_t bit = (uint64_t)1 << (page % 64);
  uint64_t old = atomic_load_explicit(&bits[page / 64], memory_order_relaxed);
  if (!(old & bit) == value)
    atomic_store_explicit(&bits[page / 64], old ^ bit, memory_order_relaxed);
}

/* --- what is in core */

struct presence {
  int pagemap;                  /* negative: cannot be read */
  union { uint64_t entry[CHUNK]; unsigned char core[CHUNK]; } of;
};

enum content { ABSENT, PRESENT, UNKNOWN };

/* Of `count` pages from `address`; the answer for all, where it is one. */
static bool
read_presence(struct presence *presence, const struct segment *segment, uintptr_t address, size_t count,
              unsigned shift)
{
  size_t small = os_page_size();
  if (((size_t)1 << shift) != small)
    return true;                /* huge pages are in core, or cost a look */
  if (segment->inode)
    return os_in_core(address, count << shift, presence->of.core) == 0;
  return presence->pagemap >= 0
    && os_read_at(presence->pagemap, presence->of.entry, count * 8, address / small * 8) == (long)(count * 8);
}

static enum content
content_of(const struct presence *presence, const struct segment *segment, size_t index, unsigned shift)
{
  const uint64_t present = (uint64_t)3 << 62;    /* or swapped out */
  if (((size_t)1 << shift) != os_page_size())
    return segment->inode ? PRESENT : UNKNOWN;
  if (segment->inode)
    return presence->of.core[index] & 1 ? PRESENT : UNKNOWN;
  return presence->of.entry[index] & present ? PRESENT : ABSENT;
}

/* --- judging */

struct auditor {
  struct ww_tracker *tracker;
  uint64_t ended;
  bool judges;                  /* false: only keeps */
  struct missed *missed;
  struct presence presence;
};

static int
list(struct missed *missed, struct ww_region *region, size_t page)
{
  uintptr_t address = region_page_address(region, page);
  size_t size = (size_t)1 << region->shift;
  missed->pages++;
  struct ww_run *last = missed->count ? &missed->run[missed->count - 1] : NULL;
  if (last && last->region == region && (uintptr_t)last->address + last->length == address) {
    last->length += size;
    return 0;
  }
  if (missed->count == missed->room) {
    size_t room = missed->room ? 2 * missed->room : 32;
    struct ww_run *run = arena_map(NULL, room * sizeof *run);
    if (!run)
      return -ENOMEM;
    if (missed->run) {
      memcpy(run, missed->run, missed->count * sizeof *run);
      arena_unmap(NULL, missed->run);
    }
    missed->run = run;
    missed->room = room;
  }
  missed->run[missed->count++] = (struct ww_run){ region, (void *)address, size, WW_VERIFIED };
  return 0;
}

static void
keep(struct audit *audit, size_t page, struct page_hash hash, bool known)
{
  bool zero = known && page_hash_equal(hash, audit->zeros);
  if (known && (!zero || is_set(audit->kept, page)))
    audit->hash[page] = hash;
  set_to(audit->unknown, page, !known);
  set_to(audit->kept, page, !zero);
}

/* Hash the page, less zeros'; false if it cannot be read, or may be changing. */
static bool
look(const struct auditor *auditor, const struct ww_region *region, const struct segment *segment,
     size_t page, enum content content, struct page_hash *hash)
{
  const struct page_set *running = &region->set[(auditor->ended + 1) & 1];
  uintptr_t address = region_page_address(region, page);
  *hash = region->audit->zeros;
  if (content == UNKNOWN || ((region->probed || segment->inode) && content == PRESENT
                             && !os_is_readable(address)))
    return false;
  if (content == PRESENT)
    *hash = difference(page_hash((const void *)address, (size_t)1 << region->shift), region->audit->zero);
  /* After it was hashed. */
  return !bitmap_test(&running->dirty, page)
    && !alias_is_marked(auditor->tracker, region, page, auditor->ended + 1);
}

static int
judge(struct auditor *auditor, struct ww_region *region, const struct segment *segment, size_t page,
      enum content content)
{
  struct audit *audit = region->audit;
  struct page_set *set = &region->set[auditor->ended & 1];
  struct page_hash now;
  bool known = look(auditor, region, segment, page, content, &now);
  if (auditor->judges && known && !is_set(audit->unknown, page) && !bitmap_test(&set->dirty, page)
      && !page_hash_equal(now, is_set(audit->kept, page) ? audit->hash[page] : audit->zeros)
      && !engine_is_written(region, page) && !alias_is_written(auditor->tracker, region, page)) {
    uint64_t bit = (uint64_t)1 << (page % 64);
    page_set_add(region, set, page / 64, bit);
    atomic_fetch_or(&set->verified[page / 64], bit);
    atomic_store(&set->special, true);
    int error = list(auditor->missed, region, page);
    if (!error)
      /* Somebody may have made it writable behind our back. */
      error = loan_arm_page(region, page);
    if (error)
      return error;
    known = look(auditor, region, segment, page, content, &now);
  }
  keep(audit, page, now, known);
  return 0;
}

/* Are these pages, none of which is in core, what they were? */
static bool
is_untouched(const struct ww_region *region, const struct presence *presence, size_t first, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (presence->of.entry[i] >> 62)
      return false;
  for (size_t word = first / 64; word <= (first + count - 1) / 64; word++)
    if (atomic_load(&region->audit->kept[word]) & bitmap_mask(word, first, count))
      return false;
  return true;
}

static int
audit_region(struct auditor *auditor, struct ww_region *region)
{
  struct presence *presence = &auditor->presence;
  const struct segment_table *table = atomic_load(&region->table);
  bool small = (size_t)1 << region->shift == os_page_size();
  int error = 0;
  for (size_t s = 0; s < table->count; s++) {
    const struct segment *segment = &table->segment[s];
    bool readable = segment_is_readable(segment);
    for (size_t at = segment->first, count; at < segment->first + segment->count && !error; at += count) {
      count = segment->first + segment->count - at;
      count = count < CHUNK ? count : CHUNK;
      bool told = readable
        && read_presence(presence, segment, region_page_address(region, at), count, region->shift);
      if (told && small && !segment->inode && is_untouched(region, presence, at, count))
        continue;
      for (size_t i = 0; i < count && !error; i++)
        if (told)
          error = judge(auditor, region, segment, at + i, content_of(presence, segment, i, region->shift));
        else
          keep(region->audit, at + i, region->audit->zeros, false);
    }
  }
  return error;
}

int
audit_begin(struct ww_region *region)
{
  size_t pages = region->pages, flat = bitmap_words(pages) * sizeof(uint64_t);
  size_t size = (size_t)1 << region->shift;
  if (!region->audit) {
    void *zeros = arena_map(NULL, size);
    size_t length = sizeof(struct audit) + 2 * flat + pages * sizeof(struct page_hash);
    struct audit *audit = zeros ? arena_map(NULL, length) : NULL;
    if (audit) {
      audit->zero = page_hash(zeros, size);
      audit->hash = (void *)(audit + 1);
      audit->unknown = (void *)(audit->hash + pages);
      audit->kept = audit->unknown + bitmap_words(pages);
      region->audit = audit;
    }
    if (zeros)
      arena_unmap(NULL, zeros);
    if (!audit)
      return -ENOMEM;
  }
  struct auditor auditor = { .tracker = region->tracker };
  /* As a collect that ended the epoch before would have. */
  auditor.ended = atomic_load(&region->tracker->gate.epoch) - 1;
  auditor.presence.pagemap = os_open("/proc/self/pagemap");
  int error = audit_region(&auditor, region);
  if (auditor.presence.pagemap >= 0)
    os_close(auditor.presence.pagemap);
  return error;
}

int
audit_judge(struct ww_tracker *tracker, uint64_t ended, struct missed *missed)
{
  struct auditor auditor = { .tracker = tracker, .ended = ended, .judges = true, .missed = missed };
  int error = 0;
  auditor.presence.pagemap = os_open("/proc/self/pagemap");
  for (size_t i = 0; i < tracker->regions && !error; i++)
    error = audit_region(&auditor, tracker->region[i]);
  if (auditor.presence.pagemap >= 0)
    os_close(auditor.presence.pagemap);
  if (error && missed->run) {
    arena_unmap(NULL, missed->run);
    missed->run = NULL;
  }
  return error;
}
