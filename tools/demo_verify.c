/* demo_verify.c - is a dirty set true?
 *
 * Lost: the page changed and is not reported. The copy alone tells.
 * Invented: the page is reported as WW_TRAPPED and was not written, or as
 * WW_VERIFIED and holds the same bytes. Whether it was written the kernel knows
 * (demo_oracle.h); where it does not tell, only a workload whose every write
 * changes bytes can be held to it. */
#include "config.h"
#include "demo_verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo_oracle.h"
#include "message.h"

#define MESSAGES_MOST 10  /* a broken tracker has thousands to tell */

enum sabotage { SABOTAGE_NONE, SABOTAGE_LOSE, SABOTAGE_INVENT };

struct watched {
  unsigned char *copy;      /* as of the last quiet point */
  unsigned char *evidence;  /* [pages]: enum ww_evidence, 0: not reported */
};

struct demo_verify {
  struct demo_oracle  *oracle;
  struct demo_stretch *stretches;  /* [count] */
  struct watched      *watched;    /* [count] */
  size_t               count;
  size_t               page_size;
  bool                 loud;
  enum sabotage        sabotage;   /* a test's: what is done to a true dirty set */
  uint64_t epochs, reported, lost, invented, malformed, unchanged;
};

static bool
tell(struct demo_verify *verify)
{
  uint64_t told = verify->lost + verify->invented + verify->malformed;

  if (told == MESSAGES_MOST)
    complain("... and more of that kind");
  return told < MESSAGES_MOST;
}

static enum status
take_copy(struct demo_verify *verify, size_t index, const struct demo_part *part)
{
  struct demo_stretch *stretch = &verify->stretches[index];
  struct watched *watched = &verify->watched[index];

  stretch->name = part->name;
  stretch->address = part->address;
  stretch->pages = part->length / verify->page_size;
  stretch->written = malloc(stretch->pages);
  watched->evidence = malloc(stretch->pages);
  watched->copy = malloc(part->length);
  if (stretch->written == NULL || watched->evidence == NULL || watched->copy == NULL) {
    complain("--verify: out of memory for a copy of region '%s' (%zu bytes): try fewer --pages",
             part->name, part->length);
    return STATUS_MEMORY;
  }
  memcpy(watched->copy, part->address, part->length);
  return STATUS_OK;
}

enum status
demo_verify_create(struct demo_verify **verify, const struct demo_part *parts, size_t count,
                   size_t page_size, bool loud, bool alone)
{
  const char *sabotage = getenv("WRITEWATCH_DEMO_SABOTAGE"), *wanted = getenv("WRITEWATCH_DEMO_ORACLE");
  struct demo_verify *made = calloc(1, sizeof *made);
  enum status status = STATUS_OK;
  int error;

  /* Memory can be registered with one userfaultfd only. */
  if (wanted == NULL && !alone)
    wanted = "content";
  if (made != NULL) {
    made->stretches = calloc(count + 1, sizeof made->stretches[0]);
    made->watched = calloc(count + 1, sizeof made->watched[0]);
  }
  if (made == NULL || made->stretches == NULL || made->watched == NULL) {
    demo_verify_destroy(made);
    complain("--verify: out of memory");
    return STATUS_MEMORY;
  }
  made->count = count;
  made->page_size = page_size;
  made->loud = loud;
  if (sabotage != NULL)
    made->sabotage = strcmp(sabotage, "lose") == 0     ? SABOTAGE_LOSE
                     : strcmp(sabotage, "invent") == 0 ? SABOTAGE_INVENT
                                                       : SABOTAGE_NONE;
  for (size_t i = 0; status == STATUS_OK && i < count; i++)
    status = take_copy(made, i, &parts[i]);
  if (status == STATUS_OK) {
    error = demo_oracle_create(&made->oracle, wanted, page_size, made->stretches, count);
    if (error != 0) {
      complain("--verify: the oracle '%s' is not to be had here: %s", wanted ? wanted : "any",
               strerror(-error));
      status = error == -ENOMEM ? STATUS_MEMORY : STATUS_TRACKING;
    }
  }
  if (status != STATUS_OK)
    demo_verify_destroy(made);
  else
    *verify = made;
  return status;
}

/* The stretch that holds all of a run, or NULL. */
static struct demo_stretch *
stretch_of(const struct demo_verify *verify, const struct ww_run *run)
{
  const unsigned char *begin = run->address;

  for (size_t i = 0; i < verify->count; i++) {
    struct demo_stretch *stretch = &verify->stretches[i];
    if (begin >= stretch->address
        && begin + run->length <= stretch->address + stretch->pages * verify->page_size)
      return stretch;
  }
  return NULL;
}

/* Lay the runs out page by page; what is wrong with their form is told here. */
static void
lay_out(struct demo_verify *verify, const ww_dirty *dirty)
{
  size_t count, first, pages, total = 0;
  const struct ww_run *runs = ww_dirty_runs(dirty, &count);
  struct demo_stretch *stretch;
  unsigned char *evidence;

  for (size_t i = 0; i < verify->count; i++)
    memset(verify->watched[i].evidence, 0, verify->stretches[i].pages);
  for (size_t i = 0; i < count; i++) {
    stretch = stretch_of(verify, &runs[i]);
    if (stretch == NULL) {
      if (tell(verify))
        complain("epoch %" PRIu64 ": a run of %zu bytes at %p is reported, and lies in no region",
                 ww_dirty_epoch(dirty), runs[i].length, runs[i].address);
      verify->malformed++;
      continue;
    }
    first = (size_t)((unsigned char *)runs[i].address - stretch->address) / verify->page_size;
    pages = runs[i].length / verify->page_size;
    evidence = verify->watched[stretch - verify->stretches].evidence + first;
    for (size_t p = 0; p < pages; p++) {
      if (evidence[p] != 0) {
        if (tell(verify))
          complain("epoch %" PRIu64 ": page %zu of region '%s' is reported twice", ww_dirty_epoch(dirty),
                   first + p, stretch->name);
        verify->malformed++;
      }
      evidence[p] = (unsigned char)runs[i].evidence;
    }
    total += pages;
  }
  if (total != ww_dirty_pages(dirty)) {
    if (tell(verify))
      complain("epoch %" PRIu64 ": ww_dirty_pages() says %zu, the runs hold %zu", ww_dirty_epoch(dirty),
               ww_dirty_pages(dirty), total);
    verify->malformed++;
  }
  verify->reported += total;
}

struct page {
  bool changed;   /* holds other bytes than at the last quiet point */
  bool written;   /* as far as is known */
};

static struct page
look_at(const struct demo_verify *verify, size_t index, size_t page)
{
  const struct demo_stretch *stretch = &verify->stretches[index];
  size_t offset = page * verify->page_size;
  struct page found;

  found.changed = memcmp(verify->watched[index].copy + offset, stretch->address + offset,
                         verify->page_size) != 0;
  if (demo_oracle_knows(verify->oracle))
    found.written = stretch->written[page] != 0 || found.changed;
  else
    found.written = found.changed || !verify->loud;
  return found;
}

/* The tests' proof that a false dirty set is noticed: once, make it false. */
static void
sabotage(struct demo_verify *verify)
{
  for (size_t i = 0; i < verify->count; i++)
    for (size_t p = 0; p < verify->stretches[i].pages; p++) {
      struct page page = look_at(verify, i, p);
      unsigned char *evidence = &verify->watched[i].evidence[p];
      if (verify->sabotage == SABOTAGE_LOSE && *evidence != 0 && page.changed)
        *evidence = 0;
      else if (verify->sabotage == SABOTAGE_INVENT && *evidence == 0 && !page.written)
        *evidence = WW_TRAPPED;
      else
        continue;
      verify->sabotage = SABOTAGE_NONE;
      return;
    }
}

static void
judge(struct demo_verify *verify, size_t index, size_t number, uint64_t epoch)
{
  const struct demo_stretch *stretch = &verify->stretches[index];
  unsigned char *address = stretch->address + number * verify->page_size;
  unsigned char evidence = verify->watched[index].evidence[number];
  struct page page = look_at(verify, index, number);

  if (page.changed && evidence == 0) {
    if (tell(verify))
      complain("epoch %" PRIu64 ": a write was LOST: page %zu of region '%s', at %p, changed and is not "
               "reported", epoch, number, stretch->name, (void *)address);
    verify->lost++;
  }
  if ((evidence == WW_TRAPPED && !page.written) || (evidence == WW_VERIFIED && !page.changed)) {
    if (tell(verify))
      complain("epoch %" PRIu64 ": a write was INVENTED: page %zu of region '%s', at %p, is reported as %s "
               "and %s", epoch, number, stretch->name, (void *)address,
               evidence == WW_TRAPPED ? "trapped" : "verified",
               evidence == WW_TRAPPED ? "was not written" : "holds the same bytes");
    verify->invented++;
  } else if (evidence != 0 && !page.changed) {
    verify->unchanged++;
  }
  if (page.changed)
    memcpy(verify->watched[index].copy + number * verify->page_size, address, verify->page_size);
}

enum status
demo_verify_epoch(struct demo_verify *verify, const ww_dirty *dirty)
{
  int error = demo_oracle_take(verify->oracle);

  if (error != 0) {
    complain("--verify: the oracle '%s' failed: %s", demo_oracle_name(verify->oracle), strerror(-error));
    return STATUS_TRACKING;
  }
  verify->epochs++;
  lay_out(verify, dirty);
  if (verify->sabotage != SABOTAGE_NONE)
    sabotage(verify);
  for (size_t i = 0; i < verify->count; i++)
    for (size_t p = 0; p < verify->stretches[i].pages; p++)
      judge(verify, i, p, ww_dirty_epoch(dirty));
  return STATUS_OK;
}

bool
demo_verify_passed(const struct demo_verify *verify)
{
  return verify->lost == 0 && verify->invented == 0 && verify->malformed == 0;
}

void
demo_verify_describe(const struct demo_verify *verify, char *text, size_t size)
{
  const char *what = demo_oracle_knows(verify->oracle) ? ""
                     : verify->loud ? " (every write of this workload changes bytes)"
                                    : " (which cannot tell an invented write from one of the same bytes)";

  snprintf(text, size, "%s: %" PRIu64 " lost, %" PRIu64 " invented%s of %" PRIu64 " reported pages in %"
           PRIu64 " epoch%s, %" PRIu64 " of them holding the same bytes as before; oracle: %s%s",
           demo_verify_passed(verify) ? "passed" : "FAILED", verify->lost, verify->invented,
           verify->malformed != 0 ? ", and a malformed dirty set," : "", verify->reported, verify->epochs,
           verify->epochs == 1 ? "" : "s",
           verify->unchanged, demo_oracle_name(verify->oracle), what);
}

void
demo_verify_destroy(struct demo_verify *verify)
{
  if (verify == NULL)
    return;
  demo_oracle_destroy(verify->oracle);
  for (size_t i = 0; i < verify->count; i++) {
    free(verify->stretches[i].written);
    free(verify->watched[i].evidence);
    free(verify->watched[i].copy);
  }
  free(verify->stretches);
  free(verify->watched);
  free(verify);
}
