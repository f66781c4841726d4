/* trace_growth.c - how much is dirty in windows of 1, 2, 4, ... epochs. */
#include "config.h"
#include "trace_growth.h"

#include <string.h>

void
growth_add(struct growth *growth, const struct page_tally *tally, uint64_t page_size)
{
  for (unsigned level = 0; level <= PAGES_LEVELS; level++) {
    growth->pages[level] += tally->by_level[level];
    growth->bytes[level] += tally->by_level[level] * page_size;
  }
}

static void
close_window(struct growth_window *window)
{
  window->windows++;
  window->sum_pages += window->pages;
  window->sum_bytes += (double)window->bytes;
  window->sum_duration += window->duration;
  if (window->pages > window->pages_most)
    window->pages_most = window->pages;
  if (window->bytes > window->bytes_most)
    window->bytes_most = window->bytes;
  window->pages = window->bytes = window->duration = 0;
}

void
growth_epoch(struct growth *growth, uint64_t duration)
{
  uint64_t pages = 0, bytes = 0;

  growth->epochs++;
  for (unsigned j = PAGES_LEVELS; j-- > 0;) {
    struct growth_window *window = &growth->window[j];
    pages += growth->pages[j + 1];
    bytes += growth->bytes[j + 1];
    window->pages += pages;
    window->bytes += bytes;
    window->duration += duration;
    if (growth->epochs % ((uint64_t)1 << j) == 0)
      close_window(window);
  }
  memset(growth->pages, 0, sizeof(growth->pages));
  memset(growth->bytes, 0, sizeof(growth->bytes));
}

void
growth_finish(const struct growth *growth, struct trace_summary *summary)
{
  for (unsigned j = 0; j < PAGES_LEVELS && growth->window[j].windows > 0; j++) {
    const struct growth_window *window = &growth->window[j];
    double windows = (double)window->windows;
    if (window->windows == 1 && growth->epochs == (uint64_t)1 << j && j > 0)
      break;   /* that is all of them */
    summary->growth[summary->growth_count++] = (struct summary_growth){
      .epochs = (uint64_t)1 << j, .windows = window->windows, .pages = (double)window->sum_pages / windows,
      .bytes = window->sum_bytes / windows, .pages_most = window->pages_most,
      .bytes_most = window->bytes_most,
      .duration = (double)window->sum_duration / windows
    };
  }
  if (growth->epochs > 1)
    summary->growth[summary->growth_count++] = (struct summary_growth){
      .epochs = growth->epochs, .windows = 1, .pages = (double)summary->ever,
      .bytes = (double)summary->ever_bytes,
      .pages_most = summary->ever, .bytes_most = summary->ever_bytes, .duration = (double)summary->duration
    };
}
