/* packer.c - units of one region, gathered into blocks.
 *
 * Pages that lie apart share a block, so that they are compressed together and cost eight bytes of a
 * table each; a long run goes to the file from where it is. */
#include "config.h"
#include "packer.h"

#include "chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_RUN = 64, SPANS_MAX = BLOCK_USUAL / UNIT, PATCH_SPANS_MAX = 4096 };

struct gathered {
  unsigned content;
  unsigned char *bytes;      /* [BLOCK_USUAL], or NULL: zeros have none */
  size_t used;
  struct file_span *span;    /* [most] */
  size_t spans, most;
};

struct packer {
  struct writer *writer;
  struct gathered pages, patches, zeros;
};

static bool
provide(struct gathered *gathered, unsigned content, size_t most)
{
  gathered->content = content;
  gathered->most = most;
  gathered->span = calloc(most, sizeof *gathered->span);
  if (content != CONTENT_ZEROS)
    gathered->bytes = malloc(BLOCK_USUAL);
  return gathered->span && (gathered->bytes || content == CONTENT_ZEROS);
}

struct packer *
packer_create(void)
{
  struct packer *packer = calloc(1, sizeof *packer);
  if (packer && provide(&packer->pages, CONTENT_PAGES, SPANS_MAX)
      && provide(&packer->patches, CONTENT_PATCHES, PATCH_SPANS_MAX)
      && provide(&packer->zeros, CONTENT_ZEROS, PATCH_SPANS_MAX))
    return packer;
  packer_free(packer);
  return NULL;
}

static void
release(struct gathered *gathered)
{
  free(gathered->bytes);
  free(gathered->span);
}

void
packer_free(struct packer *packer)
{
  if (!packer)
    return;
  release(&packer->pages);
  release(&packer->patches);
  release(&packer->zeros);
  free(packer);
}

static int
emit(struct packer *packer, struct gathered *gathered)
{
  if (!gathered->spans)
    return 0;
  int error = writer_block(packer->writer, gathered->content, gathered->bytes, gathered->used, gathered->span,
                           gathered->spans);
  gathered->used = 0;
  gathered->spans = 0;
  return error;
}

/* There is room for another span. */
static void
add_span(struct gathered *gathered, uint64_t first, uint64_t count)
{
  struct file_span *last = gathered->spans ? &gathered->span[gathered->spans - 1] : NULL;
  if (last && last->first + last->count == first)
    last->count += (uint32_t)count;
  else
    gathered->span[gathered->spans++] = (struct file_span){ (uint32_t)first, (uint32_t)count };
}

int
packer_begin(struct packer *packer, struct writer *writer, const struct file_region *region)
{
  packer->writer = writer;
  packer->pages.spans = packer->patches.spans = packer->zeros.spans = 0;
  packer->pages.used = packer->patches.used = 0;
  return writer_region(writer, region);
}

int
packer_pages(struct packer *packer, uint64_t first, uint64_t count, const unsigned char *bytes)
{
  struct gathered *pages = &packer->pages;
  int error = 0;
  while (count && !error) {
    if (count >= LONG_RUN && (pages->used == 0 || pages->used >= BLOCK_USUAL / 2)) {
      uint64_t part = count < SPANS_MAX ? count : SPANS_MAX;
      struct file_span span = { (uint32_t)first, (uint32_t)part };
      error = emit(packer, pages);
      if (!error)
        error = writer_block(packer->writer, CONTENT_PAGES, bytes, part * UNIT, &span, 1);
      first += part;
      count -= part;
      bytes += part * UNIT;
      continue;
    }
    uint64_t room = (BLOCK_USUAL - pages->used) / UNIT, part = count < room ? count : room;
    memcpy(pages->bytes + pages->used, bytes, part * UNIT);
    pages->used += part * UNIT;
    add_span(pages, first, part);
    first += part;
    count -= part;
    bytes += part * UNIT;
    if (pages->used == BLOCK_USUAL)
      error = emit(packer, pages);
  }
  return error;
}

int
packer_patch(struct packer *packer, uint64_t unit, const unsigned char *patch, size_t length)
{
  struct gathered *patches = &packer->patches;
  if (length > BLOCK_USUAL - patches->used || patches->spans == patches->most) {
    int error = emit(packer, patches);
    if (error)
      return error;
  }
  memcpy(patches->bytes + patches->used, patch, length);
  patches->used += length;
  add_span(patches, unit, 1);
  return 0;
}

int
packer_zeros(struct packer *packer, uint64_t first, uint64_t count)
{
  if (packer->zeros.spans == packer->zeros.most) {
    int error = emit(packer, &packer->zeros);
    if (error)
      return error;
  }
  add_span(&packer->zeros, first, count);
  return 0;
}

int
packer_end(struct packer *packer)
{
  int error = emit(packer, &packer->pages);
  if (!error)
    error = emit(packer, &packer->patches);
  return error ? error : emit(packer, &packer->zeros);
}
