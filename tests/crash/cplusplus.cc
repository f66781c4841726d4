// cplusplus.cc - a C++ program tracks a page.
#include <cstdio>
#include <memory>
#include <sys/mman.h>
#include <unistd.h>
#include <writewatch.h>

namespace {

struct free_dirty { void operator()(ww_dirty *dirty) const { ww_dirty_free(dirty); } };
struct free_tracker { void operator()(ww_tracker *tracker) const { ww_tracker_destroy(tracker); } };

bool
track()
{
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void *memory = mmap(nullptr, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ww_options options = WW_OPTIONS_INIT;
  ww_tracker *raw = nullptr;
  if (memory == MAP_FAILED || ww_tracker_create(&raw, &options) != 0)
    return false;
  std::unique_ptr<ww_tracker, free_tracker> tracker(raw);
  if (ww_region_add(raw, "c++", memory, 4 * page, nullptr) != 0 || ww_start(raw) != 0)
    return false;
  // An exception on its way through, for the unwinder is shared with the library.
  try {
    static_cast<volatile char *>(memory)[2 * page] = 1;
    throw 1;
  } catch (int) {
  }
  ww_dirty *found = nullptr;
  if (ww_collect(raw, &found) != 0)
    return false;
  std::unique_ptr<ww_dirty, free_dirty> dirty(found);
  std::size_t count = 0;
  const ww_run *runs = ww_dirty_runs(found, &count);
  return count == 1 && runs[0].address == static_cast<char *>(memory) + 2 * page && runs[0].length == page
         && runs[0].evidence == WW_TRAPPED;
}

}

int
main()
{
  const bool good = track();
  std::printf("%sok 1 - a C++ program tracks a page\n1..1\n", good ? "" : "not ");
  return !good;
}
