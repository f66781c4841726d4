/* residence.c - the companion's: which pages of new memory hold something.
 *
 * /proc/self/pagemap has eight bytes a page (the kernel's admin-guide/mm/pagemap.rst): bit 63, present; 62,
 * swapped; 61, of a file or shared, that is, not copied for this process yet. Where it cannot be read all
 * pages are taken to hold something. */
#include "config.h"
#include "record/residence.h"
#include "os.h"
#include "shield/appear.h"

#include <string.h>

enum { AT_ONCE = 512 };

#define PRESENT ((uint64_t)1 << 63)
#define SWAPPED ((uint64_t)1 << 62)
#define OF_FILE ((uint64_t)1 << 61)

static bool
holds(uint64_t entry, bool shared)
{
  return (entry & (PRESENT | SWAPPED)) && (shared || !(entry & OF_FILE));
}

bool
residence_of(uintptr_t page)
{
  uint64_t entry = 0;
  int fd = os_open("/proc/self/pagemap");
  bool held = true;
  if (fd >= 0) {
    if (os_read_at(fd, &entry, sizeof entry, page / os_page_size() * sizeof entry) == sizeof entry)
      held = holds(entry, false);
    os_close(fd);
  }
  return held;
}

static bool
is_zero(uintptr_t page)
{
  uint64_t words[64];
  size_t size = os_page_size();
  int fd = os_open("/proc/self/mem");
  bool zero = fd >= 0;
  for (size_t at = 0; at < size && zero; at += sizeof words) {
    zero = os_read_at(fd, words, sizeof words, page + at) == sizeof words;
    for (unsigned i = 0; i < 64 && zero; i++)
      zero = !words[i];
  }
  if (fd >= 0)
    os_close(fd);
  return zero;
}

void
residence_declare(uintptr_t start, uintptr_t end, bool shared, bool rooted)
{
  uint64_t entry[AT_ONCE];
  uintptr_t size = os_page_size(), run = 0;
  if (rooted && is_zero(start))
    start += size;
  int fd = os_open("/proc/self/pagemap");
  if (fd < 0 && start < end)
    appear_written(start, end);
  for (uintptr_t at = start; fd >= 0 && at < end;) {
    size_t count = (end - at) / size < AT_ONCE ? (end - at) / size : AT_ONCE;
    long got = os_read_at(fd, entry, count * sizeof *entry, at / size * sizeof *entry);
    if (got < (long)(count * sizeof *entry))
      memset(entry, 0xff, sizeof entry);
    for (size_t i = 0; i < count; i++, at += size)
      if (holds(entry[i], shared) && !run)
        run = at;
      else if (!holds(entry[i], shared) && run) {
        appear_written(run, at);
        run = 0;
      }
  }
  if (run)
    appear_written(run, end);
  if (fd >= 0)
    os_close(fd);
}
